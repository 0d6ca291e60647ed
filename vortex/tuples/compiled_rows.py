"""
Compiled rows: for one Tuple class, functions that write and read its rows as fast as that can be done.

They do only what is usual: values of just the types that the fields say. At anything else, be it merely
unusual or wrong, they give up, and the columns are done one by one by `vortex.tuples.column_writers` and
`vortex.tuples.column_readers`, which know all the rest and say what is wrong and where. So nothing that
comes out of here may differ from what comes out there.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from vortex.tuples.compiled import Source, compileFunction, travellingFields, typeNameOf
from vortex.tuples.decode import Reading, decodeValue
from vortex.tuples.encode import NATIVE, fieldEncoder
from vortex.tuples.field import TupleField
from vortex.tuples.hints import checker, fieldTypes, plainType
from vortex.tuples.registry import readerOf
from vortex.tuples.tuple import Tuple

__all__ = ["RowReader", "RowWriter", "Unusual", "ValueReader", "compileReader", "compileWriter"]

RowReader = Callable[[Iterable[Any], Reading, int], list[Any]]
"""Given rows, the reading and the levels left in each value, the tuples; or any error: then it gave up."""

ValueReader = Callable[[Any, Reading, int], Any]
"""Given a value that is not None, the reading and the levels left in it, what it stands for."""

_NONE = type(None)
_PLAIN = frozenset((str, bool, int, float, _NONE))


class RowWriter(NamedTuple):
    """
    What writes the rows of one class.

    Attributes:
        kinds: The letter of each column; a blank for one whose letter its values have to tell.
        write: Given tuples, their rows, lists that are nobody else's; or any error: then it gave up.
    """

    kinds: str
    write: Callable[[list[Any]], list[list[Any]]]


class Unusual(Exception):
    """Something that is not done here."""


def _giveUp() -> Any:
    raise Unusual


# ---- writing

# By the type of a field: its letter, and what is written; "{v}" stands for the value.
_WRITE: dict[type[Any], tuple[str, str]] = {
    str: ("p", "{v} if type({v}) is str or {v} is None else odd()"),
    bool: ("p", "{v} if type({v}) is bool or {v} is None else odd()"),
    int: ("i", "{v} if type({v}) is int or {v} is None else odd()"),
    float: ("f", "{v} if {v} is None or type({v}) is float and {v} - {v} == 0.0 else odd()"),
    datetime: (
        "d",
        (
            "{v}.isoformat(' ', 'microseconds')[:26] + '+0000' if type({v}) is datetime"
            " and ({v}.tzinfo is UTC or {v}.tzinfo is None) else None if {v} is None else odd()"
        ),
    ),
}
_NESTED = frozenset((list, dict, tuple, set, frozenset))


def compileWriter(cls: type[Tuple]) -> RowWriter:
    """The function that writes tuples of *cls*, all whose fields that travel are in each row."""
    fields = travellingFields(cls)
    names: dict[str, Any] = {
        "C": NATIVE.encoders,
        "UTC": UTC,
        "datetime": datetime,
        "odd": _giveUp,
        "typeName": f"rows of {typeNameOf(cls)}",
    }
    isMapped = readerOf(cls) is not None
    source = Source()
    source.add("def write(tuples):", "    rows = []", "    add = rows.append", "    for o in tuples:")
    if isMapped:
        source.add("        s = o.__dict__")
    kinds, values = "", []
    for index, field in enumerate(fields):
        name, v = field.name, f"v{index}"
        # Of a mapped object the attribute may have to be loaded, but mostly it is there.
        read = f"s[{name!r}] if {name!r} in s else o.{name}" if isMapped else f"o.{name}"
        source.add(f"        {v} = {read}", field=name)
        kind, template = _writing(field)
        if field.encoder is not None:
            names[f"x{index}"] = fieldEncoder(field.encoder, NATIVE.encoders)
            kind, template = "j", f"x{index}({{v}})"
        kinds += kind
        values.append(template.format(v=v))
    source.add(f"        add([{', '.join(values)}])", "    return rows")
    return RowWriter(kinds, compileFunction(source, "write", names))


def _writing(field: TupleField) -> tuple[str, str]:
    """The letter for *field* and how its values are written."""
    kind = plainType(field.hint)
    if kind in _WRITE and kind not in fieldTypes:
        return _WRITE[kind]
    origin = typing.get_origin(field.hint) or kind
    if origin in _NESTED or (isinstance(kind, type) and issubclass(kind, Tuple)):
        return "j", "C[type({v})]({v})"
    return " ", "{v}"


# ---- reading

# By the letter of a column and the type of its field, None for one that may be anything: what is made of "v".
_IS_DATETIME = (
    "x if type(v) is str and (x := fromIso(v)).tzinfo is not None else None if v is None else odd()"
)
_READ: dict[tuple[str, type[Any] | None], str] = {
    ("p", str): "v if type(v) is str or v is None else odd()",
    ("p", bool): "v if type(v) is bool or v is None else odd()",
    ("p", int): "v if type(v) is int or v is None else odd()",
    ("p", float): "v if type(v) is float or v is None else odd()",
    ("p", None): "v if type(v) in PLAIN else odd()",
    ("i", int): "v if type(v) is int or v is None else odd()",
    ("i", None): "v if type(v) is int or v is None else odd()",
    ("f", float): "v if type(v) is float or v is None else odd()",
    ("f", None): "v if type(v) is float or v is None else odd()",
    ("d", datetime): _IS_DATETIME,
    ("d", None): _IS_DATETIME,
    ("j", None): "v if type(v) in PLAIN else decodeValue(v, r, depth)",
}


def compileReader(
    cls: type[Tuple], kinds: str, general: Callable[[TupleField, str], ValueReader]
) -> RowReader:
    """
    The function that reads rows of tuples of *cls*, all whose fields that travel are in each row, by name.

    Args:
        cls: The class.
        kinds: The letters of the columns.
        general: Given a field and a letter, what reads the values of such a column.
    """
    reader = readerOf(cls)
    fields = travellingFields(cls)
    names: dict[str, Any] = {
        "PLAIN": _PLAIN,
        "cls": cls,
        "decodeValue": decodeValue,
        "fromIso": datetime.fromisoformat,
        "make": object.__new__ if reader is None else reader.maker(cls),
        "odd": _giveUp,
        "typeName": f"rows of {typeNameOf(cls)} {kinds}",
    }
    # Values go past a __setattr__ of the class's own; where there is none, an attribute is faster.
    isPlain = cls.__setattr__ is object.__setattr__
    source = Source()
    source.add("def read(rows, r, depth):", "    made = []", "    add = made.append")
    if fields:
        source.add(f"    for {', '.join(f'v{index}' for index in range(len(fields)))}, in rows:")
    else:
        source.add("    for _ in rows:")
    source.add("        o = make(cls)" if reader is None else "        o = make()")
    for index, (field, kind) in enumerate(zip(fields, kinds, strict=True)):
        template = _READ.get((kind, _usualType(field)))
        if template is None:
            names[f"g{index}"] = general(field, kind)
            template = f"None if v is None else g{index}(v, r, depth)"
        isAttribute = isPlain or reader is not None
        target = f"o.{field.name}" if isAttribute else f"o.__dict__[{field.name!r}]"
        source.add(
            f"        v = v{index}",
            f"        {target} = {template}",
            field=field.name,
        )
    source.add("        add(o)", "    return made")
    return compileFunction(source, "read", names)


def _usualType(field: TupleField) -> Any:
    """The type of *field*, None if that is any; what is in no table if there is more to it than its type."""
    kind = plainType(field.hint)
    if field.decoder is not None or field.adapter is not None or kind in fieldTypes:
        return field
    if checker(field.hint) is None:
        return None
    return field if kind is None else kind
