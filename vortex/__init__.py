"""Vortex: live data between Twisted servers, browsers and each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    ConstraintViolation,
    DatabaseUnavailable,
    DecodeError,
    DuplicateName,
    EncodeError,
    LimitExceeded,
    NotConnected,
    NotWritable,
    NoVortex,
    QueueOverflow,
    Rejected,
    RemoteError,
    RequestTimeout,
    StaleRecord,
    UnknownRecord,
    UnknownTupleType,
    VortexError,
)
from vortex.limits import Limits
from vortex.tuples import Tuple, TupleField, addTupleType, readFieldsWith, registerFieldType

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "ConnectionLost",
    "ConstraintViolation",
    "DatabaseUnavailable",
    "DecodeError",
    "DuplicateName",
    "EncodeError",
    "LimitExceeded",
    "Limits",
    "NoVortex",
    "NotConnected",
    "NotWritable",
    "QueueOverflow",
    "Rejected",
    "RemoteError",
    "RequestTimeout",
    "StaleRecord",
    "Tuple",
    "TupleField",
    "UnknownRecord",
    "UnknownTupleType",
    "VortexError",
    "__version__",
    "addTupleType",
    "registerFieldType",
]


# SQLAlchemy is imported by whoever maps classes with it, never by us: these are called for such classes only.
def _mappedFields(cls: type[Any]) -> dict[str, TupleField]:
    from vortex.orm.mapped_tuple import mappedFields

    return mappedFields(cls)


def _mappedMaker(cls: type[Any]) -> Callable[[], Any]:
    from vortex.orm.mapped_tuple import mappedMaker

    return mappedMaker(cls)


readFieldsWith("__mapper__", _mappedFields, _mappedMaker)
