"""
Plain JSON: what travels, for people and programs that know nothing of how it does.

    5                                 {"_ft": "int", "_fd": 5}
    "2024-02-29T13:14:15+00:00"       {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"}
    {"tupleType": "demo.Job", "id": 5}    {"_ct": "rt", "_c": "demo.Job", "id": {"_ft": "int", "_fd": 5}}

A text that came of a date cannot be told from another text, so there is no way back.
"""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import date
from typing import Any

from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.tuples.convert import Reading, fromJsonable

__all__ = ["plainJson"]

_LIMITS = Limits()


def plainJson(value: Any, typeKey: str) -> Any:
    """
    The plain JSON of *value*, which is JSON as it travels. What is of no known kind stays as it is.

    Bytes become base64, and numbers that JSON lacks (NaN, infinities) texts.

    Args:
        typeKey: Under which key a tuple's type stands, before its fields.
    """
    match value:
        case {"_ft": "list", "_fd": list(items)}:
            return [plainJson(item, typeKey) for item in items]
        case {"_ft": "dict", "_fd": dict(items)}:  # whose keys may be any, these too
            return {key: plainJson(item, typeKey) for key, item in items.items()}
        case {"_ft": _}:
            return _plainScalar(value)
        case {"_ct": "rt", "_c": str(tupleType), **fields}:
            return {typeKey: tupleType, **{name: plainJson(field, typeKey) for name, field in fields.items()}}
        case dict():
            return {key: plainJson(item, typeKey) for key, item in value.items()}
        case list():
            return [plainJson(item, typeKey) for item in value]
        case float():
            return _plainFloat(value)
    return value


def _plainScalar(tagged: dict[str, Any]) -> Any:
    try:
        value = fromJsonable(tagged, Reading(_LIMITS))
    except DecodeError:
        return tagged
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return _plainFloat(value)
    return b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def _plainFloat(value: float) -> float | str:
    return value if math.isfinite(value) else str(float(value))
