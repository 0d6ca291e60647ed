"""
Column readers: groups of columns into tuples, see `vortex.tuples.columns`.

A column is first made into what its letter says, then held to the type of its field; both look at the types
of all its values at once, and at one by one only where they have to. What it is held to is what
`vortex.tuples.decode` has for that field, so nothing passes here that would not pass there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from operator import itemgetter, length_hint
from typing import Any, NamedTuple

from vortex.errors import DecodeError
from vortex.tuples.compiled import travellingFields, typeNameOf
from vortex.tuples.compiled_rows import RowReader, compileReader
from vortex.tuples.decode import (
    Reading,
    decodeBytes,
    decodeDatetime,
    decodeValue,
    decodingFailed,
    fieldChecker,
    generalDecoder,
    tooDeep,
)
from vortex.tuples.field import TupleField
from vortex.tuples.hints import fieldTypes, plainType, short
from vortex.tuples.registry import readerOf, tupleTypeNamed
from vortex.tuples.tuple import Tuple

__all__ = ["Group", "readGroups", "tableReaders"]

MAX_ROW_READERS = 16
"""How many functions are compiled for one class, one for each row of letters that a peer comes up with."""

Column = list[Any]

_NONE = type(None)
_SCALARS = frozenset((str, float, bool, int, _NONE))


class Group(NamedTuple):
    """
    A group of whose shape all is known, and nothing of its values.

    Attributes:
        typeName: The type of the tuples; None: values that are no tuples.
        fields: The names of their fields, none of them twice.
        kinds: A letter for each.
        rows: The tuples, each a list of as many values; or the values.
    """

    typeName: str | None
    fields: list[str]
    kinds: str
    rows: list[Any]


def readGroups(groups: list[Group], reading: Reading) -> list[Any]:
    """The tuples in *groups*. See `vortex.tuples.columns.decodeGroups`."""
    tuples: list[Any] = []
    depth = reading.depthLeft - 1
    for typeName, fields, kinds, rows in groups:
        start = len(tuples)
        if typeName is None:
            items = iter(rows)
            try:
                tuples += [decodeValue(item, reading, depth) for item in items]
            except DecodeError as exc:
                exc.at(f"[{start + len(rows) - length_hint(items) - 1}]")
                raise
        elif depth < 1:
            raise tooDeep(reading)
        else:
            try:
                reader = tableReaders[typeName]
                tuples += reader.read(fields, kinds, rows, reading, start)
            except DecodeError as exc:
                if not exc.path:  # about the group as a whole
                    exc.at(f"[{start}]")
                raise
    return tuples


# ---- one class


class _TableReader:
    """What reads the tuples of one class."""

    __slots__ = ("_cls", "_columns", "_isMapped", "_make", "_names", "_typeName", "rowReaders")

    def __init__(self, cls: type[Tuple]) -> None:
        reader = readerOf(cls)
        fields = travellingFields(cls)
        self._typeName = typeNameOf(cls)
        self._names = [field.name for field in fields]
        self._columns = {field.name: _ColumnReader(field) for field in fields}
        self._cls = cls
        self.rowReaders: dict[str, RowReader] = {}
        self._isMapped = reader is not None
        self._make = (lambda: object.__new__(cls)) if reader is None else reader.maker(cls)

    def read(
        self, fields: list[str], kinds: str, rows: list[Column], reading: Reading, start: int
    ) -> list[Any]:
        """The tuples in *rows*, of which the first is number *start* of all."""
        if fields == self._names:
            unknownFields = reading.unknownFields
            try:
                return self._rowReader(kinds)(rows, reading, reading.depthLeft - 2)
            except Exception:
                reading.unknownFields = unknownFields
        return self.readColumns(fields, kinds, rows, reading, start)

    def _rowReader(self, kinds: str) -> RowReader:
        """What reads usual rows with all fields; any error: there is none, or it gave up."""
        reader = self.rowReaders.get(kinds)
        if reader is None:
            if len(self.rowReaders) == MAX_ROW_READERS:
                raise LookupError
            reader = self.rowReaders[kinds] = compileReader(self._cls, kinds, _valueReader)
        return reader

    def readColumns(
        self, fields: list[str], kinds: str, rows: list[Column], reading: Reading, start: int
    ) -> list[Any]:
        """The tuples in *rows*, whatever their values and fields are."""
        known = self._columns
        columns = []
        depth = reading.depthLeft - 2
        for index, (name, kind) in enumerate(zip(fields, kinds, strict=True)):
            columnReader = known.get(name)
            if columnReader is None:
                raise DecodeError(f"a {self._typeName} has no field {short(name)} that travels")
            try:
                columns.append(columnReader.read(kind, list(map(itemgetter(index), rows)), reading, depth))
                continue
            except _BadValue as exc:
                bad = exc
            raise self._failed(bad.cause, name, start + bad.row)
        if not columns:
            return [self._make() for _ in rows]
        return self._makeTuples(fields, columns, start)

    def _makeTuples(self, fields: list[str], columns: list[Column], start: int) -> list[Any]:
        """Tuples with *fields* set, through the mapper if there is one."""
        made = []
        for row, values in enumerate(zip(*columns, strict=True)):
            instance = self._make()
            made.append(instance)
            if not self._isMapped:
                instance.__dict__.update(zip(fields, values, strict=True))
                continue
            for name, value in zip(fields, values, strict=True):
                try:
                    setattr(instance, name, value)
                    continue
                except Exception as exc:
                    refused = exc
                raise self._failed(refused, name, start + row)
        return made

    def _failed(self, exc: BaseException, name: str, index: int) -> BaseException:
        error = decodingFailed(exc, self._typeName, name)
        return error.at(f"[{index}]") if isinstance(error, DecodeError) else error


class _TableReaders(dict[str, _TableReader]):
    """What reads the tuples of each type, by its name on the wire, from when it is first met."""

    def __missing__(self, name: str) -> _TableReader:
        reader = _TableReader(tupleTypeNamed(name))
        self[name] = reader
        return reader


tableReaders = _TableReaders()


class _BadValue(Exception):
    """A value of a column that is not what it should be."""

    def __init__(self, row: int, cause: Exception) -> None:
        self.row = row
        self.cause = cause


# ---- one column


class _ColumnReader:
    """What reads the values of one field."""

    __slots__ = ("_adapt", "_check", "_passing")

    def __init__(self, field: TupleField) -> None:
        kind = plainType(field.hint)
        self._check = fieldChecker(field)
        self._adapt = field.adapter
        # The types of values that the checker leaves as they are.
        self._passing: frozenset[type[Any]] = frozenset()
        if field.decoder is None and kind in _UNTOUCHED and kind not in fieldTypes:
            self._passing = frozenset((kind, _NONE))

    def read(self, kind: str, column: Column, reading: Reading, depth: int) -> Column:
        """
        The values that *column* stands for, where *kind* is its letter.

        Raises:
            _BadValue: If one is not what it should be.
        """
        if kind == "j":
            column = _each(lambda value: decodeValue(value, reading, depth), column)
        else:
            column = _READERS[kind](column)
        check, adapt = self._check, self._adapt
        if check is not None and not self._passing.issuperset(map(type, column)):
            column = _each(check, column)
        return column if adapt is None else _each(adapt, column)


_UNTOUCHED = frozenset((str, bool, int, float, datetime, date, bytes))
"""Types of fields whose checker returns a value of just that type as it came."""


def _valueReader(field: TupleField, kind: str) -> Callable[[Any, Reading, int], Any]:
    """What reads one value (never None) of a column with the letter *kind* for *field*."""
    if kind == "j":
        return generalDecoder(field)
    convert, check, adapt = _ONE[kind], fieldChecker(field), field.adapter

    def read(value: Any, _reading: Reading, _depth: int) -> Any:
        decoded = convert(value)
        if check is not None:
            decoded = check(decoded)
        return decoded if adapt is None else adapt(decoded)

    return read


def _each(convert: Callable[[Any], Any], column: Column) -> Column:
    items = iter(column)
    try:
        return [None if value is None else convert(value) for value in items]
    except Exception as exc:
        raise _BadValue(len(column) - length_hint(items) - 1, exc) from exc


def _readPlain(column: Column) -> Column:
    if _SCALARS.issuperset(map(type, column)):
        return column
    return _each(_plain, column)


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    raise DecodeError(f"expected a text, a bool or a number, got {short(value)}")


def _readInts(column: Column) -> Column:
    if {int, _NONE}.issuperset(map(type, column)):
        return column
    return _each(_int, column)


def _int(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():  # JavaScript has large ones as 1e+21
        return int(value)
    raise DecodeError(f"expected an int, got {short(value)}")


def _readFloats(column: Column) -> Column:
    if {float, _NONE}.issuperset(map(type, column)):
        return column
    return _each(_float, column)


def _float(value: Any) -> Any:
    try:
        if type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
    except OverflowError:
        pass
    raise DecodeError(f"expected a float, got {short(value)}")


def _readDatetimes(column: Column) -> Column:
    try:
        return [
            None
            if value is None
            else made
            if (made := _fromIso(value)).tzinfo is not None
            else _datetime(value)
            for value in column
        ]
    except (TypeError, ValueError, DecodeError):
        return _each(_datetime, column)


def _readDates(column: Column) -> Column:
    return _each(_date, column)


_fromIso = datetime.fromisoformat


def _datetime(text: Any) -> Any:
    value = decodeDatetime(text)
    if type(value) is datetime:
        return value
    raise DecodeError(f"expected a date with a time, got {short(text)}")


def _date(text: Any) -> Any:
    value = decodeDatetime(text)
    if type(value) is date:
        return value
    raise DecodeError(f"expected a date without a time, got {short(text)}")


def _readBytes(column: Column) -> Column:
    return _each(decodeBytes, column)


_ONE: dict[str, Callable[[Any], Any]] = {
    "p": _plain,
    "i": _int,
    "f": _float,
    "d": _datetime,
    "D": _date,
    "b": decodeBytes,
}
"""What each letter but j makes of a value that is not None."""

_READERS: dict[str, Callable[[Column], Column]] = {
    "p": _readPlain,
    "i": _readInts,
    "f": _readFloats,
    "d": _readDatetimes,
    "D": _readDates,
    "b": _readBytes,
}
