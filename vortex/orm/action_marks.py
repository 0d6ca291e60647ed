"""
Action marks: one row for each action of a client that has taken effect in a database, with its answer,
written in the effect's own transaction. So a server that was killed knows afterwards what it has done.

    createActionMarks(engine)         # when the program begins
    ...
    delivery.recordIn(session)        # in an endpoint's callable

`OrmCrudHandler` records by itself where there is such a table. It works on SQLite and PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    delete,
    event,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from vortex.orm.work import turnOf
from vortex.routing.action import Action
from vortex.routing.marks import AlreadyRecorded, useMarks

__all__ = [
    "UUID_EPOCH",
    "ActionMarks",
    "actionMarksTable",
    "addMark",
    "createActionMarks",
    "recordsActions",
    "setReply",
]

WEEK = 7 * 24 * 3600.0

TIDY_EVERY = 60.0
"""Seconds between two times that old marks are taken out; a time is only come to when there is a new one."""

UUID_EPOCH = 0
"""In place of a client's epoch in marks of uuids, see `vortex.orm.uuid_marks`; no client has that one."""

UUID_KEEP = 3600.0
"""Seconds after which those go, which no client ever says that it is done with."""

MAX_SETTLED = 1_000
"""Clients whose marks wait for that; past it the time has come."""

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def actionMarksTable(metadata: MetaData) -> Table:
    """
    The table ``vortex_action_marks`` as a part of *metadata*: for who creates all tables of an application in
    one place. It is the same whoever makes it.
    """
    table = metadata.tables.get("vortex_action_marks")
    if table is not None:
        return table
    return Table(
        "vortex_action_marks",
        metadata,
        Column("client", String(32), primary_key=True),
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),
        Column("action", BigInteger, primary_key=True, autoincrement=False),
        Column("reply", LargeBinary),
        Column("made", DateTime(timezone=True), nullable=False, index=True),
    )


_table = actionMarksTable(MetaData())


class _Kept:
    """How long marks stay in one database, and what may go at the next occasion."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.settled: dict[tuple[str, int], int] = {}
        self.tidyAt = time.monotonic() + TIDY_EVERY

    @property
    def isTidyDue(self) -> bool:
        return time.monotonic() >= self.tidyAt or len(self.settled) > MAX_SETTLED


# By dialect: an engine and those that are made of it by `execution_options` share theirs, and nothing else
# does.
_kept: WeakKeyDictionary[Dialect, _Kept] = WeakKeyDictionary()
_created: WeakSet[Dialect] = WeakSet()
_engines: WeakValueDictionary[int, Engine] = WeakValueDictionary()  # by the id of their dialects


def createActionMarks(engine: Engine, *, keep: float = WEEK) -> None:
    """
    Have what clients do in this database take effect once, even if the server is killed in between: make the
    table ``vortex_action_marks`` if it is not there, and let `OrmCrudHandler` and `Delivery.recordIn` use it.

    Args:
        engine: Of the database: SQLite or PostgreSQL.
        keep: Seconds after which a mark goes in any case; one that its client is done with goes much sooner.

    Raises:
        ValueError: If it is another kind of database.
        SQLAlchemyError: If the database is not there, or the table cannot be made.
    """
    _checkDialect(engine.dialect)
    with turnOf(engine):
        _table.create(engine, checkfirst=True)
    kept = _kept[engine.dialect] = _Kept(keep)
    _created.add(engine.dialect)
    _lookIn(engine)
    _tidy(engine, kept)


def recordsActions(bind: Engine | Connection) -> bool:
    """Whether `createActionMarks` was called for that database in this process."""
    return bind.dialect in _created


class ActionMarks:
    """The marks of this process, as `vortex.routing.marks` asks for them."""

    def markOf(self, action: Action) -> ActionMark:
        """The mark of *action*, which is not written yet."""
        return ActionMark(action)

    @property
    def mayBeFound(self) -> bool:
        """Whether there is a database to look in: one that marks were made or written in."""
        return bool(_engines)

    def isThere(self, client: str, epoch: int, number: int) -> bool:
        """
        Whether that action of *client* has taken effect in any of them. It blocks.

        Raises:
            SQLAlchemyError: If it was not found, and one of them is not there.
        """
        wanted = select(_table.c.action).where(*_isMark(client, epoch, number))
        problem: SQLAlchemyError | None = None
        for engine in list(_engines.values()):
            try:
                with turnOf(engine), engine.connect() as connection:
                    if connection.execute(wanted).first() is not None:
                        return True
            except SQLAlchemyError as error:  # it may be in another one
                problem = error
        if problem is not None:
            raise problem
        return False


class ActionMark:
    """One mark."""

    def __init__(self, action: Action) -> None:
        self._action = action
        self._transaction: SessionTransaction | None = None
        self._engine: Engine | None = None
        self._thread = 0

    def record(self, session: Any, reply: bytes) -> None:
        """
        Write it within *session*'s transaction, or give it another *reply* there.

        Raises:
            AlreadyRecorded: If another transaction has written it.
            TypeError: If *session* is no SQLAlchemy session.
            ValueError: If its database is neither SQLite nor PostgreSQL.
        """
        if isinstance(session, scoped_session):
            session = session()
        if not isinstance(session, Session):
            raise TypeError(f"recordIn takes a sqlalchemy.orm.Session, got {session!r}")
        connection = _connectionOf(session)
        transaction = session.get_transaction()
        if self._transaction is not None and self._transaction is transaction:
            written = connection.execute(
                update(_table).where(*self._isThis).values(reply=self._keptReply(reply))
            )
            if written.rowcount:
                return
        self._insert(connection, reply)
        self._transaction = transaction
        self._engine = connection.engine
        _lookIn(connection.engine)
        self._thread = get_ident()

    def refuse(self, reply: bytes) -> None:
        """Write it in a transaction of its own; one that is there stays as it is."""
        engine = self._writtenTo
        with turnOf(engine), engine.begin() as connection, suppress(AlreadyRecorded):
            self._insert(connection, reply)

    @property
    def isMadeHere(self) -> bool:
        """Whether this thread has written it."""
        return self._thread == get_ident()

    @property
    def isTidyDue(self) -> bool:
        """Whether it is time for `tidy`."""
        return self._kept.isTidyDue

    def tidy(self) -> None:
        """Take out the marks that their clients are done with, and those that are too old."""
        _tidy(self._writtenTo, self._kept)

    def _insert(self, connection: Connection, reply: bytes) -> None:
        action = self._action
        answer = self._keptReply(reply)
        wasThere, there = _add(connection, action.client, action.epoch, action.number, answer)
        if wasThere:
            raise AlreadyRecorded(action, there)
        if action.settled:
            kept = _keptIn(connection.dialect)
            kept.settled[action.client, action.epoch] = action.settled

    def _keptReply(self, reply: bytes) -> bytes | None:
        return reply if len(reply) <= self._action.maxReply else None

    @property
    def _writtenTo(self) -> Engine:
        assert self._engine is not None  # a delivery asks for it only after `record`
        return self._engine

    @property
    def _kept(self) -> _Kept:
        return _keptIn(self._writtenTo.dialect)

    @property
    def _isThis(self) -> tuple[Any, ...]:
        action = self._action
        return _isMark(action.client, action.epoch, action.number)


def addMark(session: Session, client: str, epoch: int, number: int) -> tuple[bool, bytes | None]:
    """
    Write a mark in *session*'s transaction.

    Returns:
        Whether another transaction has written it, and the answer in that.

    Raises:
        ValueError: If the database is neither SQLite nor PostgreSQL.
    """
    return _add(_connectionOf(session), client, epoch, number, None)


def setReply(session: Session, client: str, epoch: int, number: int, reply: bytes) -> None:
    """Put the answer in a mark that `addMark` has written in this transaction."""
    _connectionOf(session).execute(update(_table).where(*_isMark(client, epoch, number)).values(reply=reply))


def _connectionOf(session: Session) -> Connection:
    connection = session.connection(bind_arguments={"clause": _table})
    _checkDialect(connection.dialect)
    return connection


def _add(
    connection: Connection, client: str, epoch: int, number: int, reply: bytes | None
) -> tuple[bool, bytes | None]:
    """Write a mark; whether it was there, and the answer in it."""
    row = {
        "client": client,
        "epoch": epoch,
        "action": number,
        "reply": reply,
        "made": datetime.now(UTC),
    }
    insert = _INSERTS[connection.dialect.name](_table).values(row).on_conflict_do_nothing()
    written = connection.execute(insert, execution_options={"preserve_rowcount": True})
    if written.rowcount:
        return False, None
    there = select(_table.c.reply).where(*_isMark(client, epoch, number))
    return True, connection.execute(there).scalar_one_or_none()


def _lookIn(engine: Engine) -> None:
    """What is asked for may be there, as long as *engine* is in use."""
    key = id(engine.dialect)
    if key not in _engines:
        _engines[key] = engine
        event.listen(engine, "engine_disposed", lambda _: _engines.pop(key, None), once=True)


def _isMark(client: str, epoch: int, number: int) -> tuple[Any, ...]:
    columns = _table.c
    return columns.client == client, columns.epoch == epoch, columns.action == number


def _keptIn(dialect: Dialect) -> _Kept:
    kept = _kept.get(dialect)
    if kept is None:  # the table was made by somebody else
        kept = _kept[dialect] = _Kept(WEEK)
    return kept


def _tidy(engine: Engine, kept: _Kept) -> None:
    settled, kept.settled = kept.settled, {}
    kept.tidyAt = time.monotonic() + TIDY_EVERY
    columns = _table.c
    with turnOf(engine), engine.begin() as connection:
        for (client, epoch), action in list(settled.items()):  # other threads may add to it still
            connection.execute(
                delete(_table).where(
                    columns.client == client, columns.epoch == epoch, columns.action <= action
                )
            )
        now = datetime.now(UTC)
        tooOld = columns.made < now - timedelta(seconds=kept.seconds)
        ofUuid = and_(columns.epoch == UUID_EPOCH, columns.made < now - timedelta(seconds=UUID_KEEP))
        connection.execute(delete(_table).where(or_(tooOld, ofUuid)))


def _checkDialect(dialect: Dialect) -> None:
    if dialect.name not in _INSERTS:
        raise ValueError(f"actions are recorded in SQLite or PostgreSQL, this database is {dialect.name}")


useMarks(ActionMarks())
