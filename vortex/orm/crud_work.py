"""
CrudWork: what a peer's request for rows does to the database, without the peer.

Every method here is one request: it opens a session, does the whole of its work in one transaction,
commits if something was changed, and gives back rows that are loaded to the last field and belong to no
session. All of it blocks, so it is called in a worker thread; nothing in here knows of Twisted, peers or
payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from twisted.logger import Logger

from vortex.errors import DecodeError, UnknownRecord
from vortex.orm.changes import Change, Key
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.mapped_class import MappedClass
from vortex.orm.work import SessionFactory, Work, working
from vortex.tuples.hints import short
from vortex.tuples.tuple import presentFields

__all__ = ["CrudWork", "Outcome", "Record"]

log = Logger()

MAX_KEYS = 500
"""Rows that are asked for by their keys in one statement; databases have a bound for that."""

Filt = dict[str, Any]

Record = Callable[[Session, list[Any] | None], object]
"""
Called in a transaction that changes something: first of all with None, and before the commit with what
`again` shall be given to come to the same answer. What it raises undoes the transaction.
"""


class Outcome:
    """
    What came of a request.

    Attributes:
        tuples: The rows for the peer.
        changes: What was committed.
        failure: What went wrong after the commit: the peer is told, and the changes stand.
    """

    def __init__(
        self, tuples: list[Any], changes: Iterable[Change] = (), failure: Exception | None = None
    ) -> None:
        self.tuples = tuples
        self.changes = tuple(changes)
        self.failure = failure


class CrudWork:
    """
    Args:
        sessionFactory: Gives a session for the calling thread.
        classes: The declarative classes that are served; a load is of the first.
        retrieveAll: Whether a request without an id, and a delete, is answered with all rows.
        writable: The fields that a client may set; None: every column but primary keys.

    Raises:
        TypeError: If a class is not mapped, or no Tuple.
        ValueError: If there is no class, or *writable* names what is no column of any.
    """

    def __init__(
        self,
        sessionFactory: SessionFactory,
        classes: Sequence[type[Any]],
        retrieveAll: bool = False,
        writable: Collection[str] | None = None,
    ) -> None:
        if not callable(sessionFactory):
            raise TypeError(f"sessionFactory should be a sessionmaker or a function, got {sessionFactory!r}")
        if not classes:
            raise ValueError("OrmCrudHandler needs at least one declarative class")
        if isinstance(writable, str):
            raise TypeError(f"writable takes a collection of column names, got the text {writable!r}")
        self._sessionFactory = sessionFactory
        self._served = {cls: MappedClass(cls, writable) for cls in classes}
        self.main = self._served[classes[0]]
        self.retrieveAll = retrieveAll
        self._extensions: list[tuple[type[Any], OrmCrudExtension]] = []
        known = {name for served in self._served.values() for name in served.columns}
        if unknown := sorted(set(writable or ()) - known):
            names = ", ".join(sorted(known))
            raise ValueError(f"writable names {', '.join(unknown)}, but the columns are {names}")
        self._fieldNames = {
            column: name for served in self._served.values() for column, name in served.fieldNames().items()
        }

    def addExtension(self, TupleClass: type[Any], extension: OrmCrudExtension) -> None:
        """
        Call *extension*'s hooks for rows of *TupleClass*, after those of the extensions that were added
        before.

        Raises:
            ValueError: If no class that is served is a *TupleClass*.
            TypeError: If *extension* is no OrmCrudExtension, but say its class.
        """
        if not isinstance(extension, OrmCrudExtension):
            raise TypeError(f"addExtension takes an instance of an OrmCrudExtension, got {extension!r}")
        if not any(issubclass(cls, TupleClass) or issubclass(TupleClass, cls) for cls in self._served):
            names = ", ".join(cls.__name__ for cls in self._served)
            raise ValueError(f"{TupleClass.__name__} is not served here, only {names}")
        self._extensions.append((TupleClass, extension))

    # ---- requests

    def load(self, key: Key | None, filt: Filt) -> Outcome:
        """The row with *key*, if there is one; for None all rows, in the order of their keys."""
        with self._working() as work:
            return Outcome(self._retrieve(work, key, filt), work.changes.committed)

    def rowsAsTheyAre(self, keys: Sequence[Key]) -> dict[Key, Any] | None:
        """
        Those of the rows with *keys* that there are; None if it is better to load all: they are many, their
        keys have several columns, or extensions have a say in how rows are shown, beside the others.
        """
        if self._extensions or len(self.main.keyNames) != 1 or len(keys) > MAX_KEYS:
            return None
        with self._working() as work:
            (column,) = self.main.mapper.primary_key
            query = select(self.main.cls).where(column.in_([key[0] for key in keys]))
            rows = list(work.session.scalars(query).unique())
            work.complete(rows)
            primaryKey = self.main.mapper.primary_key_from_instance
            return {tuple(primaryKey(row)): row for row in rows}

    def blank(self, filt: Filt) -> Outcome:
        """A new row that is stored nowhere, with its defaults."""
        with self._working() as work:
            rows = [self.main.blank()]
            self._show(("afterCreate", "uiData"), rows, work, filt)
            return Outcome(rows, work.changes.committed)

    def again(self, saved: list[Any], filt: Filt) -> Outcome:
        """
        The answer to a save or a delete that was committed before: the rows as they are now.

        Args:
            saved: What `Record` was given.

        Raises:
            DecodeError: If a class that it names is not served any more.
        """
        with self._working() as work:
            if not saved and self.retrieveAll:
                return Outcome(self._retrieve(work, None, filt), work.changes.committed)
            byName = {served.name: served for served in self._served.values()}
            rows = []
            for name, key in saved:
                if name not in byName:
                    raise DecodeError(f"the rows of {name} are not served here any more")
                row = byName[name].find(work.session, byName[name].key(key, ".key"))
                if row is not None:
                    rows.append(row)
            work.complete(rows)
            self._show(("uiData",), rows, work, filt)
            return Outcome(rows, work.changes.committed)

    def save(self, tuples: Sequence[Any], filt: Filt, record: Record | None = None) -> Outcome:
        """
        Create or change a row for each of *tuples*, all or none.

        Raises:
            DecodeError: If one is of a class that is not served, or its key or a value is of the wrong type.
            UnknownRecord: If one has a key that no row has.
            NotWritable: If one sets what a client may not set.
            StaleRecord: If a row was changed by somebody else since.
            ConstraintViolation: If the database has a rule that one of them breaks.
        """
        with self._working() as work:
            session = work.session
            if record is not None:
                record(session, None)
            rows = []
            for tuple_, served, path in self._servedTuples(tuples):
                row, isNew = served.rowFor(session, tuple_, path)
                served.checkWritable(tuple_, row, isNew)
                rows.append((tuple_, served, row, isNew))
            before = [_values(tuple_) for tuple_ in tuples]
            self._call("beforeUpdate", tuples, work, filt)
            for (tuple_, served, row, isNew), had in zip(rows, before, strict=True):
                served.apply(tuple_, row, isNew, also=_changed(tuple_, had))
                if isNew:
                    session.add(row)
            stored = [row for _, _, row, _ in rows]
            servedRows = [(served, row) for _, served, row, _ in rows]
            self._call("middleUpdate", stored, work, filt)
            session.flush()
            self._refresh(servedRows, work)
            self._call("afterUpdate", stored, work, filt)
            if session.new or session.dirty or session.deleted:
                session.flush()
                self._refresh(servedRows, work)
            if record is not None:
                record(session, [[served.name, served.keyIn(row)] for served, row in servedRows])
            work.commit()
            return self._committed("afterUpdateCommit", stored, ("uiData",), stored, work, filt)

    def delete(
        self, tuples: Sequence[Any], key: Key | None, filt: Filt, record: Record | None = None
    ) -> Outcome:
        """
        Delete the rows that *tuples* have the keys of, or else the one with *key*; all or none.

        Returns:
            Nothing, or for retrieveAll the rows that are left.

        Raises:
            DecodeError: If there is no key, or one of the wrong type.
            UnknownRecord: If there is no such row.
            StaleRecord: If a row was changed by somebody else since.
        """
        with self._working() as work:
            if record is not None:
                record(work.session, None)
            rows = [self._find(work, self.main, key)] if not tuples and key is not None else []
            for tuple_, served, path in self._servedTuples(tuples):
                keyOf = served.keyOf(tuple_, path)
                if keyOf is None:
                    raise DecodeError(f"expected {', '.join(served.keyNames)} to delete by, got none", path)
                row = self._find(work, served, keyOf)
                served.checkVersion(tuple_, row)
                rows.append(row)
            if not rows:
                raise DecodeError("a delete needs an id in its filt, or tuples")
            work.complete(rows)
            self._call("beforeDelete", rows, work, filt)
            for row in rows:
                work.session.delete(row)
            work.session.flush()
            left = self._rows(work, None) if self.retrieveAll else []
            if record is not None:
                record(work.session, [])
            work.commit()
            return self._committed("afterDeleteCommit", rows, ("afterRetrieve", "uiData"), left, work, filt)

    # ---- steps

    def _working(self) -> AbstractContextManager[Work]:
        return working(self._sessionFactory, self.main.mapper, self._fieldNames)

    def _servedTuples(self, tuples: Sequence[Any]) -> Iterable[tuple[Any, MappedClass, str]]:
        for index, tuple_ in enumerate(tuples):
            served = self._served.get(type(tuple_))
            path = f"tuples[{index}]"
            if served is None:
                names = " or ".join(each.name for each in self._served.values())
                name = getattr(type(tuple_), "__tupleType__", None)
                got = name if isinstance(name, str) else short(tuple_)
                raise DecodeError(f"expected {names}, got {got}", path)
            yield tuple_, served, path

    def _find(self, work: Work, served: MappedClass, key: Key) -> Any:
        row = served.find(work.session, key)
        if row is None:
            raise UnknownRecord(f"there is no {served.name} with {served.keyText(key)}")
        return row

    def _rows(self, work: Work, key: Key | None) -> list[Any]:
        session, cls = work.session, self.main.cls
        if key is None:
            query = select(cls).order_by(*self.main.mapper.primary_key)
            rows = list(
                session.scalars(query).unique()
            )  # of joined collections, each row comes several times
        else:
            row = self.main.find(session, key)
            rows = [] if row is None else [row]
        work.complete(rows)
        return rows

    def _retrieve(self, work: Work, key: Key | None, filt: Filt) -> list[Any]:
        rows = self._rows(work, key)
        self._show(("afterRetrieve", "uiData"), rows, work, filt)
        return rows

    def _refresh(self, servedRows: Sequence[tuple[MappedClass, Any]], work: Work) -> None:
        """Read again what the database made of the rows: keys, defaults, rounded numbers."""
        for served in self._served.values():
            served.refresh(work.session, [row for its, row in servedRows if its is served])
        work.complete(row for _, row in servedRows)

    def _show(self, hooks: Sequence[str], rows: Sequence[Any], work: Work, filt: Filt) -> None:
        """The hooks of rows that go out. What they set on a row is not written, not even on the way."""
        with work.session.no_autoflush:
            for hook in hooks:
                self._call(hook, rows, work, filt)
            work.complete(rows)

    def _committed(
        self, hook: str, rows: list[Any], showing: Sequence[str], shown: list[Any], work: Work, filt: Filt
    ) -> Outcome:
        """The last hooks: the changes stand, whatever they do."""
        try:
            self._call(hook, rows, work, filt)
        except Exception:
            log.failure("{hook} failed after the commit; what was committed stands", hook=hook)
            work.session.rollback()
        failure = None
        try:
            self._show(showing, shown, work, filt)
        except Exception as error:
            failure = error
        return Outcome(shown, work.changes.committed, failure)

    def _call(self, hook: str, tuples: Sequence[Any], work: Work, filt: Filt) -> None:
        for TupleClass, extension in self._extensions:
            call = getattr(extension, hook)
            for tuple_ in tuples:
                if isinstance(tuple_, TupleClass):
                    call(tuple_, tuples, work.session, filt)


def _values(tuple_: Any) -> dict[str, Any]:
    return {name: getattr(tuple_, name) for name in presentFields(tuple_)}


def _changed(tuple_: Any, had: dict[str, Any]) -> dict[str, Any]:
    """The fields of *tuple_* that are not as they were in *had*."""
    return {
        name: value for name, value in _values(tuple_).items() if name not in had or had[name] is not value
    }
