"""
Convert: values to what JSON can hold, and back, as the wire of VortexPY has it.

    None, bool, str, float      as they are
    int                         {"_ft": "int", "_fd": 5}
    datetime, date              {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+0000"}, or "2024-02-29"
    bytes                       {"_ft": "bytes", "_fd": "<base64>"}
    list, tuple, set            [...]
    dict                        {...}; its keys are str, int or float
    Decimal, UUID, Enum         float, text, and what the value of the member is
    Tuple                       {"_ct": "rt", "_c": "demo.Job", field: ...}

For every Tuple class an encoding and a decoding function is compiled when it is first needed, with the types
of its fields tried inline: `compiledSource` shows them, and tracebacks do too. What is not of the type that
its field says goes the general way, which is slower and right.

Reading is strict where a value would be wrong and lenient where only its form is unusual. Nothing but a
declared field is ever set on an object, and what else comes is counted. An error says where, as
``tuples[3].due``: the path is put together on the way out, so it costs nothing while all goes well.

This module is the way in: what values become stands in `vortex.tuples.encode`, what is made of them in
`vortex.tuples.decode`. Nothing here becomes bytes, and sizes of texts and counts of values are not looked at:
`vortex.protocol` does that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vortex.errors import EncodeError
from vortex.tuples.column_readers import tableReaders
from vortex.tuples.column_writers import tableWriters
from vortex.tuples.decode import (
    Reading,
    compositeDecoders,
    decoderSource,
    decodeValue,
    tooDeep,
    tupleDecoders,
)
from vortex.tuples.encode import (
    NATIVE,
    TAGGED,
    TAGGED_ERA0,
    Dialect,
    NonFinite,
    WellKnownBinary,
    compositeEncoders,
    encoderSource,
)
from vortex.tuples.hints import FieldType, fieldTypes
from vortex.tuples.registry import onRegistered
from vortex.tuples.row_sum import rowBytesMakers
from vortex.tuples.tuple import Tuple

__all__ = [
    "NATIVE",
    "TAGGED",
    "TAGGED_ERA0",
    "Dialect",
    "NonFinite",
    "Reading",
    "WellKnownBinary",
    "compiledSource",
    "fromJsonable",
    "registerComposite",
    "registerFieldType",
    "toJsonable",
]

_Value = TypeVar("_Value")


def toJsonable(value: Any, dialect: Dialect = TAGGED) -> Any:
    """
    *value* as what JSON can hold.

    Args:
        value: Anything that can travel.
        dialect: How values look on the wire it is for.

    Returns:
        None, bool, str, int, float, list or dict, all the way down. NaN and infinities are `NonFinite`. The
        result may share texts with *value* and nothing that can be changed.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
    """
    try:
        return dialect.encoders[type(value)](value)
    except RecursionError:
        raise EncodeError("the value is nested too deeply, or contains itself") from None


def fromJsonable(value: Any, reading: Reading) -> Any:
    """
    The value that *value*, as a JSON reader gave it, stands for. Every dialect is understood.

    Args:
        value: None, bool, str, int, float, list or dict, all the way down.
        reading: The reading it belongs to, which counts what is dropped.

    Raises:
        DecodeError: If something in it is not what it should be; the error says where.
        UnknownTupleType: If a tuple in it is of a type that is not registered; the error says where.
        LimitExceeded: If it is nested deeper than is allowed.
    """
    try:
        return decodeValue(value, reading, reading.depthLeft)
    except RecursionError:
        raise tooDeep(reading) from None


# ---- what other floors and applications add


def registerComposite(
    code: str,
    decoder: Callable[[dict[str, Any], Reading], Any],
    *,
    pyType: type[Any] | None = None,
    encoder: Callable[[Any, Dialect], Any] | None = None,
) -> None:
    """
    Let objects that are no Tuples travel inside values, under a ``_ct`` of their own.

    Args:
        code: The ``_ct``, as ``"rp"``.
        decoder: Given the JSON object and the reading, the object; what is in it goes through `fromJsonable`.
        pyType: The class of such objects.
        encoder: Given one and the dialect, its JSON object; what is in it goes through `toJsonable`.
    """
    compositeDecoders[code] = decoder
    if pyType is not None and encoder is not None:
        compositeEncoders[pyType] = encoder
        forgetCompiled()


def registerFieldType(
    pyType: type[_Value], encoder: Callable[[_Value], Any], decoder: Callable[[Any], _Value]
) -> None:
    """
    Let values of a type of your own travel.

    Args:
        pyType: The type. Values of its subclasses travel in the same way. A built-in type, such as Decimal,
            may be given another form too.
        encoder: Given a value (never None), what travels in its stead: anything that can travel.
        decoder: Given what travelled (never None), the value. It is asked for fields that are annotated with
            *pyType*, and may raise any error to refuse: the peer is told what was expected, and not the
            error.
    """
    fieldTypes[pyType] = FieldType(encoder, decoder)
    forgetCompiled()


def compiledSource(cls: type[Tuple], dialect: Dialect = TAGGED) -> str:
    """The source of the functions that encode (for *dialect*) and decode tuples of *cls*."""
    return encoderSource(cls, dialect)[0].text + "\n\n" + decoderSource(cls)[0].text


_DIALECTS = (TAGGED, TAGGED_ERA0, NATIVE)


def forgetCompiled() -> None:
    for dialect in _DIALECTS:
        dialect.encoders.forget()
    tupleDecoders.clear()
    tableReaders.clear()
    tableWriters.clear()
    rowBytesMakers.clear()


def _onRegistered(name: str) -> None:
    # The class of that name may be another now, and so may be what the names in annotations mean.
    tupleDecoders.pop(name, None)
    tableReaders.pop(name, None)
    byClass: list[dict[type[Any], Any]] = [
        tableWriters,
        rowBytesMakers,
        *(dialect.encoders for dialect in _DIALECTS),
    ]
    for writers in byClass:
        for kind in list(writers):
            if vars(kind).get("__tupleType__") == name:
                writers.pop(kind, None)


onRegistered(_onRegistered)
