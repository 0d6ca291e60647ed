"""
Plain JSON: values as people write and read them, beside what travels.

    5                                 {"_ft": "int", "_fd": 5}
    "2024-02-29T13:14:15+00:00"       {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"}
    {"_type": "demo.Job", "id": 5}    {"_ct": "rt", "_c": "demo.Job", "id": {"_ft": "int", "_fd": 5}}

The commands have none of their peers' tuple classes, and need none: a tuple goes out as an `AnyTuple` of
whatever type it says, and one that comes in is shown from its JSON (`Payload.jsonTuples`), never converted.

A text that came of a date cannot be told from another text: it goes out as one. Who means a date writes it as
it travels; that is read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vortex.errors import EncodeError
from vortex.limits import Limits
from vortex.tuples.convert import Dialect, Reading, fromJsonable, toJsonable
from vortex.tuples.encode import compositeEncoders
from vortex.tuples.plain import plainJson

__all__ = ["TYPE", "AnyTuple", "fromPlain", "plain"]

TYPE = "_type"
"""The key under which a tuple's type stands; no field begins with an underscore."""

_LIMITS = Limits()


class AnyTuple:
    """
    A tuple of a type that nobody has registered here.

    Args:
        tupleType: The type's name on the wire.
        fields: Values that can travel, by the names of the fields.
    """

    def __init__(self, tupleType: str, fields: Mapping[str, Any]) -> None:
        self.tupleType = tupleType
        self.fields = dict(fields)

    def __repr__(self) -> str:
        return f"<{self.tupleType} {self.fields!r}>"


def _encoded(value: AnyTuple, dialect: Dialect) -> dict[str, Any]:
    encoded: dict[str, Any] = {"_ct": "rt", "_c": value.tupleType}
    for name, field in value.fields.items():
        try:
            encoded[name] = toJsonable(field, dialect)
        except EncodeError as error:
            raise error.at(f".{name}") from None
    return encoded


compositeEncoders[AnyTuple] = _encoded


def plain(value: Any) -> Any:
    """The plain JSON of *value*, which is JSON as it travels; see `vortex.tuples.plain.plainJson`."""
    return plainJson(value, TYPE)


def fromPlain(value: Any) -> Any:
    """
    What can travel, of plain JSON, or of JSON as it travels.

    Raises:
        DecodeError: If something in it is tagged, and not what it is tagged as.
    """
    match value:
        case {"_ft": "list", "_fd": list(items)}:
            return [fromPlain(item) for item in items]
        case {"_ft": "dict", "_fd": dict(items)}:
            return _fieldsFrom(items)
        case {"_ft": _}:
            return fromJsonable(value, Reading(_LIMITS))
        case {"_ct": "rt", "_c": str(tupleType), **fields}:
            return AnyTuple(tupleType, _fieldsFrom(fields))
        case {"_type": str(tupleType), **fields}:
            return AnyTuple(tupleType, _fieldsFrom(fields))
        case dict():
            return _fieldsFrom(value)
        case list():
            return [fromPlain(item) for item in value]
    return value


def _fieldsFrom(fields: dict[Any, Any]) -> dict[str, Any]:
    return {name: fromPlain(field) for name, field in fields.items()}
