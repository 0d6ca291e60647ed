"""The tables that the tests of vortex.orm use, and tuples as they come off a wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Numeric, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker
from sqlalchemy.pool import StaticPool

from vortex import Tuple, TupleField, addTupleType
from vortex.limits import Limits
from vortex.tuples.convert import Reading, fromJsonable

Sessions = Callable[[], Session]

FILT = {"key": "jobs"}
ROW_1, ROW_2 = {**FILT, "id": 1}, {**FILT, "id": 2}
EVERYTHING = {"key": "jobs.all"}

CHECK = "cost >= 0 AND 'this is SQL' <> ''"


class Base(DeclarativeBase):
    pass


@addTupleType
class Job(Tuple, Base):
    __tupleType__ = "ormtest.Job"
    __tablename__ = "job"
    __table_args__ = (CheckConstraint(CHECK, name="ck_the_cost"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
    note: Mapped[str | None]
    done: Mapped[bool | None] = mapped_column(default=False)
    secret: Mapped[str | None] = mapped_column(default="s3cret")
    made: Mapped[str | None] = mapped_column(server_default=text("'by the database'"))
    due: Mapped[datetime | None] = mapped_column(DateTime)
    cost: Mapped[Decimal | None] = mapped_column(Numeric(30, 20))
    workerId: Mapped[int | None] = mapped_column("worker_id", ForeignKey("worker.id"))


@addTupleType
class Worker(Tuple, Base):
    __tupleType__ = "ormtest.Worker"
    __tablename__ = "worker"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    cv: Mapped[str | None] = mapped_column(deferred=True)
    jobs: Mapped[list[Job]] = relationship(lazy="joined", viewonly=True)


@addTupleType
class Seat(Tuple, Base):
    __tupleType__ = "ormtest.Seat"
    __tablename__ = "seat"
    letter: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    taken: Mapped[bool | None]


@addTupleType
class Tool(Tuple, Base):
    __tupleType__ = "ormtest.Tool"
    __tablename__ = "tool"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(info={"tupleField": TupleField(key=True)})


@addTupleType
class Page(Tuple, Base):
    __tupleType__ = "ormtest.Page"
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


@addTupleType
class Person(Tuple):
    """No row of anything."""

    __tupleType__ = "ormtest.Person"
    name: str | None = None


def inMemory() -> Engine:
    """A database in memory, which all threads share."""
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    return _prepared(engine)


def inFile(path: Path) -> Engine:
    """A database in a file, with a connection per session."""
    return _prepared(create_engine(f"sqlite:///{path}"))


def _prepared(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def foreignKeys(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    Base.metadata.create_all(engine)
    return engine


def sessionsOf(engine: Engine) -> Sessions:
    return sessionmaker(engine)


def stored(engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    """What the database holds, asked in SQL."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def fill(engine: Engine, *statements: str) -> None:
    """Put something into the database, in SQL."""
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def offTheWire(cls: type[Any], **fields: Any) -> Any:
    """A tuple that came with just these fields, given as JSON has them."""
    return fromJsonable({"_ct": "rt", "_c": cls.__tupleType__, **fields}, Reading(Limits()))


def shown(rows: list[Any]) -> list[tuple[Any, ...]]:
    """What tells jobs apart."""
    return [(row.id, row.title) for row in rows]
