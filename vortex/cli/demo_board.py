"""
Demo board: the jobs of the demo, and the database that they are in.

It knows SQLAlchemy and nothing of peers: `vortex.cli.demo` gives what is here to handlers. What goes wrong
with a database that a person has named is said to that person, in one line.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Enum, Insert, String, create_engine, func, insert, inspect, select, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import StaticPool

from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["DEFAULT_DATABASE", "LENGTHS", "Board", "Job", "greatestId", "openBoard"]

DEFAULT_DATABASE = "sqlite:///vortex-demo.sqlite"

CONNECT_SECONDS = 10
"""How long a PostgreSQL server may take to answer before it is given up."""


LENGTHS = {"title": 200, "assignee": 80}
"""Characters that a text may have. SQLite would hold longer ones too."""


class Base(DeclarativeBase):
    """The demo's tables."""


@addTupleType
class Job(Tuple, Base):
    """One job on the board: a row, and a tuple."""

    __tupleType__ = "demo.Job"
    __tablename__ = "vortex_demo_job"
    # An id is never given twice, or who undoes a delete would write over a newer row.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(LENGTHS["title"]))
    status: Mapped[str] = mapped_column(Enum("open", "doing", "done", native_enum=False), default="open")
    assignee: Mapped[str | None] = mapped_column(String(LENGTHS["assignee"]))
    due: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Board:
    """
    The jobs.

    Attributes:
        sessions: Makes a session for a thread.
        place: Where they are, for people: a file's path, or a URL without its password.
    """

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine = engine
        self.place = place
        self.sessions = sessionmaker(engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def openBoard(database: str | None = None) -> Board:
    """
    Open the database, and make the table in it where there is none, with a few jobs.

    Args:
        database: Its URL; None: a SQLite file in this folder.

    Raises:
        SystemExit: With a line for the person who named it, if that does not work.
    """
    url = _url(DEFAULT_DATABASE if database is None else database)
    place = _place(url)
    try:
        engine = _engine(url)
    except NoSuchModuleError:
        raise SystemExit(f"vortex demo: SQLAlchemy knows no database called {url.drivername!r}") from None
    except ImportError as error:
        wayOut = "pip install 'txvortex[postgresql]'" if url.get_driver_name() == "psycopg" else "install it"
        raise SystemExit(f"vortex demo: {place} needs a driver, {_why(error)}: {wayOut}") from None
    board = Board(engine, place)
    try:
        with engine.begin() as connection:
            if not inspect(connection).has_table(Job.__tablename__):
                Base.metadata.create_all(connection)
                connection.execute(_firstJobs(datetime.now(UTC)))
            connection.execute(select(Job.__table__).limit(1))  # it may be a table of somebody else's
            if url.get_backend_name() == "sqlite":
                _giveNoIdTwice(connection)
    except (SQLAlchemyError, OSError) as error:
        board.close()
        raise SystemExit(f"vortex demo: the database {place} cannot be used: {_why(error)}") from None
    return board


def _giveNoIdTwice(connection: Connection) -> None:
    """Make the table of an older file over, which still would."""
    name = Job.__tablename__
    ddl = connection.scalar(text("select sql from sqlite_master where name = :name"), {"name": name})
    if "AUTOINCREMENT" not in ddl.upper():
        connection.exec_driver_sql("begin immediate")  # or each of these would be for itself
        connection.exec_driver_sql(f"alter table {name} rename to {name}_older")
        Base.metadata.create_all(connection)
        columns = ", ".join(Job.__table__.columns.keys())
        connection.exec_driver_sql(f"insert into {name} ({columns}) select {columns} from {name}_older")
        connection.exec_driver_sql(f"drop table {name}_older")


def greatestId(session: Session) -> int:
    """The greatest id that the database has given to a job, whether or not that is still there."""
    statement = _GREATEST_ID.get(session.get_bind().dialect.name)
    issued = None if statement is None else session.scalar(text(statement))
    return issued or session.scalar(select(func.max(Job.id))) or 0


_GREATEST_ID = {
    "sqlite": f"select seq from sqlite_sequence where name = '{Job.__tablename__}'",
    "postgresql": f"select pg_sequence_last_value(pg_get_serial_sequence('{Job.__tablename__}', 'id'))",
}


def _url(database: str) -> URL:
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        examples = "sqlite:///jobs.sqlite or postgresql://user:password@host/name"
        raise SystemExit(f"vortex demo: --database needs a URL, as in {examples}") from None
    if url.drivername in ("postgres", "postgresql"):  # which SQLAlchemy 2.0 takes for another driver's
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        url = url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS), **url.query})
    return url


def _isInMemory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _place(url: URL) -> str:
    if _isInMemory(url):
        return "memory"
    if url.get_backend_name() == "sqlite" and not url.query:
        return str(Path(url.database or "").absolute())
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: URL) -> Engine:
    if _isInMemory(url):  # one connection, or each thread would have a database of its own
        return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    return create_engine(url, pool_pre_ping=True)


def _why(error: Exception) -> str:
    """The driver's words, on one line."""
    inner: object = error
    while (deeper := getattr(inner, "orig", None) or getattr(inner, "__cause__", None)) is not None:
        inner = deeper
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    return lines[0] if lines else type(inner).__name__


def _firstJobs(now: datetime) -> Insert:
    """A board to begin with, its days counted from *now*."""
    midday = now.replace(hour=12, minute=0, second=0, microsecond=0)

    def job(title: str, status: str, assignee: str | None, days: int | None) -> dict[str, Any]:
        due = None if days is None else midday + timedelta(days=days)
        return {"title": title, "status": status, "assignee": assignee, "due": due}

    return insert(Job).values(
        [
            job("Water the plants", "open", None, 1),
            job("Oil the workshop door", "doing", "Zoë", 0),
            job("Order screws, 4 × 40", "open", "Amir", 3),
            job("Read the electricity meter", "done", "Ines", -2),
            job("Repair the third bicycle", "doing", "Amir", 5),
            job("Ask the neighbours about the ladder", "open", None, None),
        ]
    )
