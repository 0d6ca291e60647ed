"""
Columns: a run of tuples as it stands in a body of our own wire, where a field's name and kind are said once.

    {"t": "demo.Job", "f": ["due", "id"], "k": "di", "r": [["2024-02-29 13:14:15.123456+0000", 5], ...]}
    {"v": [5, "text"]}        whatever is no Tuple, each value as `vortex.tuples.convert` has it

A group is one of these. The letters in ``k`` say how the values of a field are written:

    p   text, bool, number: as JSON has it          D   date, "2024-02-29"
    i   integer                                     b   bytes, base64
    f   number, or one of the words for what is     j   anything, as `vortex.tuples.convert` has it
        no number: "NaN", "Infinity", "-Infinity"
    d   datetime, "2024-02-29 13:14:15.123456+0000"

Null is null in each. The sender has the letter from the values themselves. The receiver makes of each value
what its letter says, and then holds it to the field's type, as where nothing came in columns.

This is the shape of groups, and what they would be on VortexPY's wire. Columns are written in
`vortex.tuples.column_writers` and read in `vortex.tuples.column_readers`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vortex.errors import DecodeError
from vortex.tuples.column_readers import Group, readGroups
from vortex.tuples.column_writers import writeGroups
from vortex.tuples.decode import Reading, tooDeep
from vortex.tuples.encode import NATIVE, NonFinite
from vortex.tuples.hints import short

__all__ = ["KINDS", "Group", "decodeGroups", "encodeGroups", "groupOfJson", "groupsOf", "jsonOfGroups"]

KINDS = frozenset("pifdDbj")
"""The letters that there are."""

_TUPLES_KEYS = frozenset("tfkr")
_VALUES_KEYS = frozenset("v")


def encodeGroups(tuples: list[Any]) -> list[dict[str, Any]]:
    """
    *tuples* as groups, for a JSON writer.

    Raises:
        EncodeError: If something in them cannot travel; the error says where.
    """
    return writeGroups(tuples)


def decodeGroups(groups: list[Group], reading: Reading) -> list[Any]:
    """
    The tuples that *groups* stand for, in order.

    Args:
        groups: What `groupsOf` has found to be groups. It is used up: lists in it may be the values' own.
        reading: The reading they belong to.

    Raises:
        DecodeError: If a value is not what its letter or its field says, or there is no such field.
        UnknownTupleType: If a tuple's type is not registered. Either says where.
        LimitExceeded: If something is nested deeper than is allowed.
    """
    try:
        return readGroups(groups, reading)
    except RecursionError:
        raise tooDeep(reading) from None


# ---- the shape


def groupsOf(value: Any) -> list[Group]:
    """
    The groups in *value*, as a JSON reader gave it: their shape is looked at, and no value.

    Raises:
        DecodeError: If it is no list of groups; the error says where.
    """
    if type(value) is not list:
        raise DecodeError(f"expected a list of groups of tuples, got {short(value)}")
    groups = []
    for index, item in enumerate(value):
        try:
            groups.append(_groupOf(item))
        except DecodeError as error:
            raise error.at(f"groups[{index}]") from None
    return groups


def _groupOf(item: Any) -> Group:
    keys = item.keys() if type(item) is dict else None
    if keys == _VALUES_KEYS:
        return Group(None, [], "", _listOf(item["v"], ".v"))
    if keys != _TUPLES_KEYS:
        raise DecodeError("a group of tuples has the keys t, f, k and r, or v alone")
    typeName, fields, kinds = item["t"], item["f"], item["k"]
    if type(typeName) is not str:
        raise DecodeError(f"expected the name of a tuple type, got {short(typeName)}", ".t")
    _checkNames(_listOf(fields, ".f"))
    if len(set(fields)) != len(fields):
        raise DecodeError("a field comes twice", ".f")
    if type(kinds) is not str or len(kinds) != len(fields) or not KINDS.issuperset(kinds):
        raise DecodeError(f"expected {len(fields)} letters of pifdDbj, got {short(kinds)}", ".k")
    rows = _listOf(item["r"], ".r")
    if not ({list}.issuperset(map(type, rows)) and {len(fields)}.issuperset(map(len, rows))):
        bad = [type(row) is not list or len(row) != len(fields) for row in rows].index(True)
        raise DecodeError(f"expected a list of {len(fields)}, got {short(rows[bad])}", f".r[{bad}]")
    return Group(typeName, fields, kinds, rows)


def _checkNames(names: list[Any]) -> None:
    if not {str}.issuperset(map(type, names)) or "\n_" in "\n" + "\n".join(names):
        for index, name in enumerate(names):
            if type(name) is not str or name.startswith("_") or "\n_" in name:
                raise DecodeError(f"expected the name of a field, got {short(name)}", f".f[{index}]")


def _listOf(value: Any, path: str) -> list[Any]:
    if type(value) is list:
        return value
    raise DecodeError(f"expected a list, got {short(value)}", path)


# ---- as on VortexPY's wire


def jsonOfGroups(groups: list[Group]) -> list[Any]:
    """
    The tuples as JSON in the tagged dialect, one by one; their types need not be known.

    What a value is is taken from its letter, and not looked at. The result shares lists with *groups*.
    """
    tuples: list[Any] = []
    for typeName, fields, kinds, rows in groups:
        if typeName is None:
            tuples += rows
            continue
        columns = [(name, _TAGS[kind]) for name, kind in zip(fields, kinds, strict=True)]
        for row in rows:
            obj = {"_ct": "rt", "_c": typeName}
            for (name, tagged), value in zip(columns, row, strict=True):
                obj[name] = value if value is None or tagged is None else tagged(value)
            tuples.append(obj)
    return tuples


def groupOfJson(tuples: list[Any]) -> dict[str, Any]:
    """A group of *tuples* that are JSON in the tagged dialect already: nothing in them is converted."""
    return {"v": _strictJson(tuples)}


def _tag(tag: str) -> Callable[[Any], Any]:
    return lambda value: {"_ft": tag, "_fd": value}


def _looseFloat(value: Any) -> Any:
    """A number of a column as it stands bare on VortexPY's wire."""
    return NonFinite(value) if value in ("NaN", "Infinity", "-Infinity") else value


_TAGS: dict[str, Callable[[Any], Any] | None] = {
    "p": None,
    "i": _tag("int"),
    "f": _looseFloat,
    "d": _tag("datetime"),
    "D": _tag("datetime"),
    "b": _tag("bytes"),
    "j": None,
}


def _strictJson(value: Any) -> Any:
    """*value*, in which NaN and infinities may stand bare, without such."""
    kind = type(value)
    if kind is float:
        return NATIVE.encoders[float](value)
    if kind is list:
        return [_strictJson(item) for item in value]
    if kind is dict:
        return {key: _strictJson(item) for key, item in value.items()}
    return value
