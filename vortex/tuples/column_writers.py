"""
Column writers: tuples into groups of columns, see `vortex.tuples.columns`.

The letter of a column comes from its values, so that one which the annotation knows nothing of, as VortexPY's
classes have them, is as short and as fast as any other. Most columns are looked at, and go to the JSON writer
as they are.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from itertools import groupby
from operator import attrgetter, length_hint
from typing import Any
from uuid import UUID

from vortex.errors import EncodeError
from vortex.tuples.compiled import travellingFields, typeNameOf
from vortex.tuples.compiled_rows import compileWriter
from vortex.tuples.encode import NATIVE, compositeEncoders, encodingFailed, fieldEncoder, nonFiniteWord
from vortex.tuples.hints import fieldTypes
from vortex.tuples.tuple import Tuple

__all__ = ["tableWriters", "writeGroups"]

Column = list[Any]

_NONE = type(None)
_PLAIN = frozenset((str, bool, int, float))


def writeGroups(tuples: list[Any]) -> list[dict[str, Any]]:
    """*tuples* as groups. See `vortex.tuples.columns.encodeGroups`."""
    types = set(map(type, tuples))
    if len(types) <= 1:
        return [_writeGroup(tableWriters[kind], tuples, 0) for kind in types]
    groups = []
    start = 0
    for writer, run in groupby(tuples, lambda item: tableWriters[type(item)]):
        group = list(run)
        groups.append(_writeGroup(writer, group, start))
        start += len(group)
    return groups


def _writeGroup(writer: _TableWriter | None, group: list[Any], start: int) -> dict[str, Any]:
    if writer is not None:
        return writer.write(group, start)
    items = iter(group)
    try:
        return {"v": [_encoders[type(item)](item) for item in items]}
    except EncodeError as exc:
        exc.at(f"[{start + len(group) - length_hint(items) - 1}]")
        raise


# ---- one class


class _TableWriter:
    """What writes the tuples of one class."""

    __slots__ = ("_columns", "_names", "_rows", "_typeName")

    def __init__(self, cls: type[Tuple]) -> None:
        fields = travellingFields(cls)
        self._typeName = typeNameOf(cls)
        self._names = [field.name for field in fields]
        self._rows = compileWriter(cls)
        self._columns = [
            (
                field.name,
                attrgetter(field.name),
                None if field.encoder is None else fieldEncoder(field.encoder, _encoders),
            )
            for field in fields
        ]

    def write(self, group: list[Any], start: int) -> dict[str, Any]:
        """The group of *group*, whose first tuple is number *start* of all."""
        try:
            kinds, rows = self._writeRows(group)
        except Exception:
            kinds, rows = self.writeColumns(group, start)
        return {"t": self._typeName, "f": self._names, "k": kinds, "r": rows}

    def _writeRows(self, group: list[Any]) -> tuple[str, list[Any]]:
        """The letters and the rows of *group*; any error: one by one, then."""
        kinds, write = self._rows
        rows = write(group)
        at = kinds.find(" ")
        while at >= 0:
            before = [row[at] for row in rows]
            kind, column = _writeColumn(before)
            kinds = f"{kinds[:at]}{kind}{kinds[at + 1 :]}"
            if column is not before:
                for row, value in zip(rows, column, strict=True):
                    row[at] = value
            at = kinds.find(" ", at)
        return kinds, rows

    def writeColumns(self, group: list[Any], start: int) -> tuple[str, list[Any]]:
        """The letters and the rows of *group*, in whatever way its values have to be written."""
        columns: list[Column] = []
        kinds = ""
        for name, read, encode in self._columns:
            column: Column = []
            try:
                # To the list as they come, so that it tells how far this got.
                column.extend(map(read, group))
                if encode is None:
                    kind, column = _writeColumn(column)
                else:
                    kind, column = "j", _each(encode, column)
            except _BadValue as exc:
                bad = exc
            except Exception as exc:
                bad = _BadValue(len(column), exc)
            else:
                kinds += kind
                columns.append(column)
                continue
            error = encodingFailed(bad.cause, self._typeName, name)
            raise error.at(f"[{start + bad.row}]") if isinstance(error, EncodeError) else error
        rows: list[Any] = list(zip(*columns, strict=True)) if columns else [()] * len(group)
        return kinds, rows


class _TableWriters(dict[type[Any], _TableWriter | None]):
    """What writes the tuples of each class, from when it is first met; None for what is no Tuple."""

    def __missing__(self, kind: type[Any]) -> _TableWriter | None:
        writer = _TableWriter(kind) if issubclass(kind, Tuple) else None
        self[kind] = writer
        return writer


tableWriters = _TableWriters()
_encoders = NATIVE.encoders


class _BadValue(Exception):
    """A value of a column that cannot be written."""

    def __init__(self, row: int, cause: Exception) -> None:
        self.row = row
        self.cause = cause


# ---- one column


def _writeColumn(column: Column) -> tuple[str, Column]:
    """The letter of *column*, and what stands in it."""
    types = set(map(type, column))
    types.discard(_NONE)
    if fieldTypes and not fieldTypes.keys().isdisjoint(types):
        return "j", _each(_encode, column)
    if len(types) == 1:
        [kind] = types
        write = _WRITERS.get(kind)
        if write is not None:
            return write(column)
        if issubclass(kind, Enum) and kind not in compositeEncoders:
            return _writeColumn([None if value is None else value.value for value in column])
    elif types <= _PLAIN and (
        float not in types or _isFinite(value for value in column if type(value) is float)
    ):
        return "p", column
    return "j", _each(_encode, column)


def _encode(value: Any) -> Any:
    return _encoders[type(value)](value)


def _each(encode: Callable[[Any], Any], column: Column) -> Column:
    items = iter(column)
    try:
        return [None if value is None else encode(value) for value in items]
    except Exception as exc:
        raise _BadValue(len(column) - length_hint(items) - 1, exc) from exc


def _isFinite(numbers: Any) -> bool:
    """Whether there is neither a NaN nor an infinity among *numbers*; in doubt it says that there is."""
    total: float = sum(numbers)
    return total - total == 0.0


def _writePlain(column: Column) -> tuple[str, Column]:
    return "p", column


def _writeInts(column: Column) -> tuple[str, Column]:
    return "i", column


def _writeFloats(column: Column) -> tuple[str, Column]:
    if _isFinite(column if None not in column else filter(None, column)):
        return "f", column
    return "f", [value if value is None or value - value == 0.0 else nonFiniteWord(value) for value in column]


def _writeDatetimes(column: Column) -> tuple[str, Column]:
    text = NATIVE.datetimeText
    return "d", [
        None
        if value is None
        else value.isoformat(" ", "microseconds")[:26] + "+0000"
        if value.tzinfo is UTC
        else text(value)
        for value in column
    ]


def _writeDates(column: Column) -> tuple[str, Column]:
    return "D", [None if value is None else value.isoformat() for value in column]


def _writeBytes(column: Column) -> tuple[str, Column]:
    return "b", [None if value is None else b64encode(value).decode("ascii") for value in column]


def _writeUuids(column: Column) -> tuple[str, Column]:
    return "p", [None if value is None else str(value) for value in column]


def _writeDecimals(column: Column) -> tuple[str, Column]:
    for row, value in enumerate(column):
        if value is not None and value.is_snan():
            raise _BadValue(row, EncodeError(f"the Decimal {value} has no float"))
    return _writeFloats([None if value is None else float(value) for value in column])


_WRITERS: dict[type[Any], Callable[[Column], tuple[str, Column]]] = {
    str: _writePlain,
    bool: _writePlain,
    int: _writeInts,
    float: _writeFloats,
    datetime: _writeDatetimes,
    date: _writeDates,
    bytes: _writeBytes,
    UUID: _writeUuids,
    Decimal: _writeDecimals,
}
