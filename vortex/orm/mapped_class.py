"""
MappedClass: what a handler has to know of a class that it serves - its key, its defaults, what a client
may set.

All of it comes from SQLAlchemy's mapper and the class's fields. Nothing here opens a session by itself.
"""

from __future__ import annotations

import inspect as python
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy import tuple_ as sqlTuple
from sqlalchemy.orm import Mapper, Session

from vortex.errors import DecodeError, EncodeError, NotWritable, StaleRecord, UnknownRecord, VortexError
from vortex.orm.changes import Key
from vortex.orm.mapped_tuple import mappedMaker
from vortex.tuples.convert import toJsonable
from vortex.tuples.field import TupleField
from vortex.tuples.hints import checker, plainType, short
from vortex.tuples.tuple import Tuple, fieldsOf, isMapped, presentFields

__all__ = ["MappedClass"]

_MANY = 500  # rows read again at once; databases bound the number of parameters
_DIGITS = re.compile(r"-?[0-9]{1,40}", re.ASCII)


class MappedClass:
    """
    One declarative class, as a handler sees it.

    Args:
        cls: A Tuple that SQLAlchemy maps.
        writable: The fields that a client may set; None: every column but the primary key. Names that are
            none of this class's are ignored.

    Attributes:
        cls: The class.
        mapper: Its mapper.
        columns: The name of each field that is a column, with the column.
        keyNames: The fields of the primary key, in the mapper's order.

    Raises:
        TypeError: If *cls* is no Tuple, or is not mapped.
    """

    def __init__(self, cls: type[Any], writable: Collection[str] | None = None) -> None:
        given: object = cls
        if not (isinstance(given, type) and issubclass(given, Tuple) and isMapped(given)):
            raise TypeError(
                "OrmCrudHandler serves classes that are Tuples and that SQLAlchemy maps, as in "
                f"'@addTupleType class Job(Tuple, Base)', got {cls!r}"
            )
        self.cls = cls
        # Nothing here configures the mappers: classes that this one refers to may be yet to come.
        self.mapper: Mapper[Any] = inspect(cls)
        mapped = [name for name, field in fieldsOf(cls).items() if field.isMapped]
        self.columns: dict[str, Any] = {name: self.mapper.columns[name] for name in mapped}
        self.keyNames = tuple(
            self.mapper.get_property_by_column(column).key for column in self.mapper.primary_key
        )
        version = self.mapper.version_id_col
        self._version = None if version is None else self.mapper.get_property_by_column(version).key
        chosen = self.columns.keys() - set(self.keyNames) if writable is None else frozenset(writable)
        self._writable = chosen & (self.columns.keys() - {self._version})
        # A class that wants arguments is made as rows are: without its __init__.
        self._make: Callable[[], Any] = cls if _needsNothing(cls) else mappedMaker(cls)

    # ---- the key

    def key(self, value: Any, path: str) -> Key:
        """
        The primary key that *value*, as a filt has it, stands for.

        Args:
            value: One value, or for a composite key a list of them in the mapper's order. A whole number may
                come as its text, as it does from the address of a page.
            path: Where it stood, for the error.

        Raises:
            DecodeError: If it is no such key.
        """
        names = self.keyNames
        if len(names) == 1:
            values = [value]
        elif isinstance(value, (list, tuple)) and len(value) == len(names):
            values = list(value)
        else:
            raise DecodeError(f"expected a list of {', '.join(names)}, got {short(value)}", path)
        return tuple(
            self._keyPart(name, each, path if len(names) == 1 else f"{path}[{index}]")
            for index, (name, each) in enumerate(zip(names, values, strict=True))
        )

    def keyOf(self, tuple_: Any, path: str) -> Key | None:
        """
        The primary key that a tuple off the wire bears; None if some of it is not given: None, "" or absent.

        Raises:
            DecodeError: If it is not of the right type.
        """
        given = [getattr(tuple_, name) for name in self.keyNames]
        if any(value is None or value == "" for value in given):
            return None
        return tuple(
            self._keyPart(name, value, f"{path}.{name}")
            for name, value in zip(self.keyNames, given, strict=True)
        )

    def keyIn(self, row: Any) -> Any:
        """The primary key of *row*, as `key` takes it."""
        key = self.mapper.primary_key_from_instance(row)
        return key if len(self.keyNames) > 1 else key[0]

    def _keyPart(self, name: str, value: Any, path: str) -> Any:
        field = fieldsOf(self.cls).get(name)
        if value is None or value == "":
            raise DecodeError(f"expected a value for {name}, got {value!r}", path)
        if field is None:
            return value
        try:
            return _fieldValue(field, value)
        except DecodeError as exc:
            raise exc.at(path) from None

    # ---- rows

    def find(self, session: Session, key: Key) -> Any | None:
        """The row with *key*, or None."""
        return session.get(self.cls, key)

    def rowFor(self, session: Session, tuple_: Any, path: str) -> tuple[Any, bool]:
        """
        The row that a client's tuple is to be put on, and whether it is a new one.

        It is new if the key is not given; or if it is not in the table, and the client may choose keys.

        Raises:
            DecodeError: If the key is not of the right type.
            UnknownRecord: If there is no row with that key.
            StaleRecord: If the tuple bears another version than the row.
        """
        key = self.keyOf(tuple_, path)
        if key is None:
            return self._make(), True
        row = self.find(session, key)
        if row is not None:
            self.checkVersion(tuple_, row)
            return row, False
        if not self._writable.issuperset(self.keyNames):
            raise UnknownRecord(f"there is no {self.name} with {self.keyText(key)}")
        return self._make(), True

    def refresh(self, session: Session, rows: Sequence[Any]) -> None:
        """Read *rows*, which are in *session* and written, again; many with one statement."""
        columns = self.mapper.primary_key
        key = columns[0] if len(columns) == 1 else sqlTuple(*columns)
        for start in range(0, len(rows), _MANY):
            keys = [self.mapper.primary_key_from_instance(row) for row in rows[start : start + _MANY]]
            wanted = key.in_(
                [each[0] for each in keys] if len(columns) == 1 else [tuple(each) for each in keys]
            )
            query = select(self.cls).where(wanted).execution_options(populate_existing=True)
            session.scalars(query).unique().all()

    def blank(self) -> Any:
        """A new instance with the defaults that are plain values; what a function would give is None."""
        row = self._make()
        for name, value in self._defaults().items():
            if name not in self.keyNames:
                setattr(row, name, value)
        return row

    def _defaults(self) -> dict[str, Any]:
        return {
            name: column.default.arg
            for name, column in self.columns.items()
            if column.default is not None and column.default.is_scalar
        }

    # ---- what a client may do

    def checkWritable(self, tuple_: Any, row: Any, isNew: bool) -> None:
        """
        Refuse what the client may not set. Whole rows that come back as they were sent are no offence.

        Raises:
            NotWritable: If a field differs from the row's (for a new row: from its default) and may not
                be set.
        """
        defaults = self._defaults() if isNew else {}
        names = self.keyNames
        present = presentFields(tuple_)
        for name in self.columns:
            if name not in present or name in self._writable:
                continue
            value = getattr(tuple_, name)
            if name == self._version or (not isNew and name in names):
                continue
            unset = isNew and (value is None or (name in names and value == ""))
            expected = defaults.get(name) if isNew else getattr(row, name)
            if not unset and not _isSame(value, expected):
                raise NotWritable(f"a client may not set {name} of {self.name}")

    def checkVersion(self, tuple_: Any, row: Any) -> None:
        """
        Refuse a tuple that was made of an older version of the row, if it says of which.

        Raises:
            StaleRecord: If it bears another version than the row.
        """
        if self._version is None or self._version not in presentFields(tuple_):
            return
        version = getattr(tuple_, self._version)
        if version is not None and not _isSame(version, getattr(row, self._version)):
            raise StaleRecord("somebody else has changed the record meanwhile: load it again")

    def apply(self, tuple_: Any, row: Any, isNew: bool, also: Mapping[str, Any]) -> None:
        """
        Put the client's values on *row*.

        Only fields that were on the wire, that a client may set and that differ from the row's: a column that
        an old client has never heard of stays as it is, and so does a number that came back a bit rounder.

        Args:
            also: Fields that a hook has set on the tuple; they need not be writable.
        """
        present = presentFields(tuple_)
        for name in self.columns:
            if name in also:
                setattr(row, name, getattr(tuple_, name))
            elif name in present and name in self._writable:
                value = getattr(tuple_, name)
                if name in self.keyNames and not isNew:
                    continue
                if isNew:
                    if value is not None and not (name in self.keyNames and value == ""):
                        setattr(row, name, value)
                elif not _isSame(value, getattr(row, name)):
                    setattr(row, name, value)

    # ---- words

    @property
    def name(self) -> str:
        """What peers call the class."""
        return str(self.cls.__tupleType__)

    def keyText(self, key: Key) -> str:
        """*key* for an error message."""
        return ", ".join(f"{name} {short(value)}" for name, value in zip(self.keyNames, key, strict=True))

    def fieldNames(self) -> dict[str, str]:
        """``"table.column"`` with the name of its field."""
        return {f"{column.table.name}.{column.name}": name for name, column in self.columns.items()}


def _needsNothing(cls: type[Any]) -> bool:
    try:
        python.signature(cls).bind()
    except (TypeError, ValueError):
        return False
    return True


def _fieldValue(field: TupleField, value: Any) -> Any:
    """*value* as *field* has it, whether it is one already or looks as it travels."""
    hint = field.hint
    kind = plainType(hint)
    if kind is int and isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    isOne = kind is not None and isinstance(value, kind) and not isinstance(value, bool)
    check = checker(hint) if field.decoder is None else field.decoder
    if check is not None and not isOne:
        try:
            value = check(value)
        except VortexError:
            raise
        except Exception as exc:
            raise DecodeError(f"{field.name} cannot be {short(value)}") from exc
    return value if field.adapter is None else field.adapter(value)


def _isSame(value: Any, other: Any) -> bool:
    """Whether two values are one to a peer: they are equal, or look the same on the wire."""
    if isinstance(value, datetime) and isinstance(other, datetime):
        return _asUtc(value) == _asUtc(other)
    try:
        return bool(value == other) or bool(toJsonable(value) == toJsonable(other))
    except (EncodeError, TypeError, ValueError):
        return False


def _asUtc(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
