"""
Column readers: groups of columns into tuples, see `vortex.tuples.columns`.

Rows that have all fields, and in them what is usual, are read by a function of
`vortex.tuples.compiled_rows`; all others here, value by value. Each is made into what its letter says, and
then held to what `vortex.tuples.decode` has for its field, so nothing passes here that would not pass there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from operator import itemgetter, length_hint
from typing import Any, NamedTuple

from vortex.errors import DecodeError
from vortex.tuples.compiled import travellingFields, typeNameOf
from vortex.tuples.compiled_rows import RowReader, ValueReader, compileReader
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
from vortex.tuples.hints import short
from vortex.tuples.registry import readerOf, tupleTypeNamed
from vortex.tuples.tuple import Tuple

__all__ = ["Group", "readGroups", "tableReaders"]

MAX_ROW_READERS = 16
"""How many functions are compiled for one class, one for each row of letters that a peer comes up with."""


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

    __slots__ = ("_cls", "_fields", "_isMapped", "_make", "_names", "_typeName", "_values", "rowReaders")

    def __init__(self, cls: type[Tuple]) -> None:
        reader = readerOf(cls)
        fields = travellingFields(cls)
        self._cls = cls
        self._typeName = typeNameOf(cls)
        self._fields = {field.name: field for field in fields}
        self._names = list(self._fields)
        self._isMapped = reader is not None
        self._make = (lambda: object.__new__(cls)) if reader is None else reader.maker(cls)
        self._values: dict[tuple[str, str], ValueReader] = {}
        self.rowReaders: dict[str, RowReader] = {}

    def read(self, fields: list[str], kinds: str, rows: list[Any], reading: Reading, start: int) -> list[Any]:
        """The tuples in *rows*, of which the first is number *start* of all."""
        if len(fields) == len(self._names):
            unknownFields = reading.unknownFields
            try:
                return self._readUsual(fields, kinds, rows, reading)
            except Exception:
                reading.unknownFields = unknownFields
        return self.readOneByOne(fields, kinds, rows, reading, start)

    def _readUsual(self, fields: list[str], kinds: str, rows: Iterable[Any], reading: Reading) -> list[Any]:
        """The tuples in *rows* if they have all fields, and in them what is usual; or any error."""
        if fields != self._names:
            places = [fields.index(name) for name in self._names]
            kinds = "".join(kinds[place] for place in places)
            rows = map(itemgetter(*places), rows)
        return self._rowReader(kinds)(rows, reading, reading.depthLeft - 2)

    def _rowReader(self, kinds: str) -> RowReader:
        """What reads usual rows with all fields; any error: there is none, or it gave up."""
        reader = self.rowReaders.get(kinds)
        if reader is None:
            if len(self.rowReaders) == MAX_ROW_READERS:
                raise LookupError
            reader = self.rowReaders[kinds] = compileReader(self._cls, kinds, _valueReader)
        return reader

    def readOneByOne(
        self, fields: list[str], kinds: str, rows: list[Any], reading: Reading, start: int
    ) -> list[Any]:
        """The tuples in *rows*, whatever their values and fields are."""
        columns = [(name, self._valueReader(name, kind)) for name, kind in zip(fields, kinds, strict=True)]
        depth = reading.depthLeft - 2
        made = []
        for index, row in enumerate(rows, start):
            instance = self._make()
            for (name, read), value in zip(columns, row, strict=True):
                try:
                    decoded = None if value is None else read(value, reading, depth)
                    if self._isMapped:
                        setattr(instance, name, decoded)
                    else:
                        instance.__dict__[name] = decoded
                    continue
                except Exception as exc:
                    refused = decodingFailed(exc, self._typeName, name)
                raise refused.at(f"[{index}]") if isinstance(refused, DecodeError) else refused
            made.append(instance)
        return made

    def _valueReader(self, name: str, kind: str) -> ValueReader:
        reader = self._values.get((name, kind))
        if reader is None:
            field = self._fields.get(name)
            if field is None:
                raise DecodeError(f"a {self._typeName} has no field {short(name)} that travels")
            reader = self._values[name, kind] = _valueReader(field, kind)
        return reader


class _TableReaders(dict[str, _TableReader]):
    """What reads the tuples of each type, by its name on the wire, from when it is first met."""

    def __missing__(self, name: str) -> _TableReader:
        reader = _TableReader(tupleTypeNamed(name))
        self[name] = reader
        return reader


tableReaders = _TableReaders()


# ---- one value, never None


def _valueReader(field: TupleField, kind: str) -> ValueReader:
    """What reads a value of *field* in a column with the letter *kind*."""
    if kind == "j":
        return generalDecoder(field)
    convert, check, adapt = _CONVERTERS[kind], fieldChecker(field), field.adapter

    def read(value: Any, _reading: Reading, _depth: int) -> Any:
        decoded = convert(value)
        if check is not None:
            decoded = check(decoded)
        return decoded if adapt is None else adapt(decoded)

    return read


def _plain(value: Any) -> Any:
    if type(value) in (str, bool, int, float):
        return value
    raise DecodeError(f"expected a text, a bool or a number, got {short(value)}")


def _int(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():  # JavaScript has large ones as 1e+21
        return int(value)
    raise DecodeError(f"expected an int, got {short(value)}")


def _float(value: Any) -> Any:
    try:
        if type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
    except OverflowError:
        pass
    raise DecodeError(f"expected a float, got {short(value)}")


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


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "p": _plain,
    "i": _int,
    "f": _float,
    "d": _datetime,
    "D": _date,
    "b": decodeBytes,
}
"""What each letter but j makes of a value."""
