"""
Work: one session and one transaction for one request, in whatever thread it is called in.

    with working(sessionFactory, mapper, fieldNames) as work:
        work.session.add(row)
        work.commit()

Whatever happens the session is closed, and what is not committed is rolled back. What the database
refuses comes out as a VortexError that names no table and holds no SQL; `vortex.orm.database_errors`
says which.

Threads that share one connection (a `StaticPool`, as a database in memory needs it) take turns: a
transaction is of a connection, and one thread's rollback would undo what another has just written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.pool import StaticPool

from vortex.orm.changes import Changes
from vortex.orm.database_errors import asVortexError
from vortex.tuples.tuple import fieldsOf

__all__ = ["SessionFactory", "Work", "turnOf", "working"]

SessionFactory = Callable[[], Any]
"""A sessionmaker, a scoped_session, or any function that gives a Session of its own for this thread."""


class Work:
    """
    A request's time with the database.

    Attributes:
        session: The session, in a transaction.
        changes: What was committed so far.
        isCommitted: Whether anything was.
    """

    def __init__(self, session: Session, changes: Changes) -> None:
        self.session = session
        self.changes = changes
        self.isCommitted = False

    def commit(self) -> None:
        """Commit, and let the rows keep the values that they have."""
        expires, self.session.expire_on_commit = self.session.expire_on_commit, False
        try:
            self.session.commit()
        finally:
            self.session.expire_on_commit = expires
        self.isCommitted = True

    def complete(self, rows: Iterable[Any]) -> None:
        """Load what is not loaded of the rows' fields: from now on they can be sent without a session."""
        for row in rows:
            has = row.__dict__
            for name, field in fieldsOf(type(row)).items():
                if field.transport and name not in has:
                    getattr(row, name)


@contextmanager
def working(
    sessionFactory: SessionFactory, mapper: Mapper[Any] | None, fieldNames: Mapping[str, str]
) -> Iterator[Work]:
    """
    A session from *sessionFactory*, closed at the end.

    Args:
        mapper: Of the rows that it is for; None: of any, in the session's only database.
        fieldNames: ``"table.column"`` to the name of a field, for what an error may name.

    Raises:
        TypeError: If the factory gives no SQLAlchemy session.
        VortexError: What the database refused.
    """
    try:
        session = sessionFactory()
        if not isinstance(session, Session):
            raise TypeError(f"sessionFactory should give a sqlalchemy.orm.Session, it gave {session!r}")
        changes = Changes()
        try:
            with turnOf(session.get_bind(mapper)), changes.watching(session):
                if not session.in_transaction():
                    session.begin()
                try:
                    yield Work(session, changes)
                finally:
                    session.close()
        finally:
            remove = getattr(sessionFactory, "remove", None)  # a scoped_session keeps one per thread
            if callable(remove):
                remove()
    except Exception as error:
        meaning = asVortexError(error, fieldNames)
        if meaning is None:
            raise
        raise meaning from error


def turnOf(bind: Engine | Connection) -> AbstractContextManager[Any]:
    """What to hold while a connection of *bind* is in use."""
    pool = getattr(bind, "pool", None)
    if not isinstance(pool, StaticPool):
        return nullcontext()
    turn: AbstractContextManager[Any] = vars(pool).setdefault("_vortexTurn", RLock())
    return turn
