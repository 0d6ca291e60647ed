"""
Decode: what a peer's JSON stands for, whatever dialect it is in.

See `vortex.tuples.convert` for the table of what becomes what, and for the way in.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime
from operator import length_hint
from typing import Any

from vortex.errors import DecodeError, LimitExceeded, VortexError
from vortex.limits import Limits
from vortex.tuples.compiled import Source, compileFunction, travellingFields, typeNameOf
from vortex.tuples.encode import WellKnownBinary
from vortex.tuples.field import TupleField
from vortex.tuples.hints import Checker, checker, fieldTypes, plainType, segment, short
from vortex.tuples.registry import readerOf, tupleTypeNamed
from vortex.tuples.tuple import Tuple

__all__ = [
    "Reading",
    "compositeDecoders",
    "decodeBytes",
    "decodeDatetime",
    "decodeValue",
    "decoderSource",
    "decodingFailed",
    "fieldChecker",
    "generalDecoder",
    "tooDeep",
    "tupleDecoders",
]

Decoder = Callable[[Any, "Reading", int], Any]


class Reading:
    """
    The reading of one message: what is allowed, and what was noticed.

    Attributes:
        limits: The bounds that hold.
        unknownFields: How many fields came that no class declares; they were dropped.
        depthLeft: How many more levels of lists, dicts and tuples may still be opened.
    """

    __slots__ = ("depthLeft", "limits", "unknownFields")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.unknownFields = 0
        self.depthLeft = limits.maxDepth


# ---- dialects


# ---- what is built in

_PLAIN = frozenset((str, float, bool, type(None), int))
_INT = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_DATE = re.compile(r"([0-9]{1,4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_NUMBER_WORDS = frozenset(("nan", "inf"))

compositeDecoders: dict[str, Callable[[dict[str, Any], Reading], Any]] = {}
"""How objects that are no Tuples are read, by their ``_ct``."""


def tooDeep(reading: Reading) -> LimitExceeded:
    """The error to raise where no further level may be opened."""
    return LimitExceeded("maxDepth", f"values are nested deeper than {reading.limits.maxDepth} levels")


def decodeValue(value: Any, reading: Reading, depth: int) -> Any:
    """
    What *value* stands for; *depth* more levels may be opened in it.

    Raises:
        DecodeError: If something in it is not what it should be.
        LimitExceeded: If it is nested deeper than that.
    """
    kind = type(value)
    if kind is dict:
        if "_ft" in value:
            if value["_ft"] == "int" and type(data := value.get("_fd")) is int:
                return data
            return _decodeTagged(value, reading, depth)
        if "_ct" in value and value["_ct"] is not None:
            return _decodeObject(value, reading, depth)
        return _decodeDict(value, reading, depth)
    if kind is list:
        return _decodeList(value, reading, depth)
    if kind in _PLAIN:
        return value
    raise DecodeError(f"{short(value)} is nothing that JSON holds")


def _decodeList(value: list[Any], reading: Reading, depth: int) -> Any:
    if depth < 1:
        raise tooDeep(reading)
    depth -= 1
    items = iter(value)
    try:
        return [item if type(item) in _PLAIN else decodeValue(item, reading, depth) for item in items]
    except DecodeError as exc:
        exc.at(f"[{len(value) - length_hint(items) - 1}]")
        raise


def _decodeDict(value: dict[str, Any], reading: Reading, depth: int) -> Any:
    if depth < 1:
        raise tooDeep(reading)
    depth -= 1
    decoded: dict[Any, Any] = {}
    key = ""
    try:
        for key, item in value.items():
            # Of what is not after ":", digits and signs matter; of the rest, only two words.
            name = key if key > ":" and key not in _NUMBER_WORDS else _decodeKey(key, decoded)
            if type(item) in _PLAIN:
                decoded[name] = item
            elif type(item) is dict and item.get("_ft") == "int" and type(data := item.get("_fd")) is int:
                decoded[name] = data
            else:
                decoded[name] = decodeValue(item, reading, depth)
    except DecodeError as exc:
        exc.at(segment(key))
        raise
    return decoded


def _decodeKey(key: str, taken: dict[Any, Any]) -> str | int | float:
    """
    The number that *key* is the text of, if that number prints as the key; else *key*.

    A key stays a text too where the number is taken: ``{"1": ..., "1.0": ...}`` loses neither.
    """
    number: int | float
    try:
        number = int(key)
        if str(number) == key and number not in taken:
            return number
    except ValueError:
        try:
            number = float(key)
        except ValueError:
            return key
        if repr(number) == key and number not in taken:
            return number
    return key


def _decodeTagged(value: dict[str, Any], reading: Reading, depth: int) -> Any:
    tag = value["_ft"]
    isScalar = type(tag) is str and tag in _scalarDecoders
    if not isScalar and tag not in ("list", "dict", "null"):
        raise DecodeError(f"unknown kind of value, _ft = {short(tag)}")
    if "_fd" not in value:
        raise DecodeError(f"a value of the kind {tag!r} needs an _fd")
    data = value["_fd"]
    if data is None or tag == "null":
        return None
    if isScalar:
        return _scalarDecoders[tag](data)
    if tag == "list" and type(data) is list:
        return _decodeList(data, reading, depth)
    if tag == "dict" and type(data) is dict:
        return _decodeDict(data, reading, depth)
    raise DecodeError(f"expected a {tag}, got {short(data)}")


def _decodeObject(value: dict[str, Any], reading: Reading, depth: int) -> Any:
    code = value["_ct"]
    if code == "rt":
        name = value.get("_c")
        if type(name) is not str:
            raise DecodeError(f"a tuple needs the name of its type, got _c = {short(name)}")
        return tupleDecoders[name](value, reading, depth)
    decoder = compositeDecoders.get(code) if type(code) is str else None
    if decoder is None:
        raise DecodeError(f"unknown kind of object, _ct = {short(code)}")
    if depth < 1:
        raise tooDeep(reading)
    before, reading.depthLeft = reading.depthLeft, depth - 1
    try:
        return decoder(value, reading)
    finally:
        reading.depthLeft = before


def _decodeInt(data: Any) -> Any:
    try:
        if isinstance(data, (int, float)) or (type(data) is str and _INT.fullmatch(data)):
            return int(data)
    except (ValueError, OverflowError):  # more digits than Python reads; NaN; infinity
        pass
    raise DecodeError(f"expected an int, got {short(data)}")


def _decodeFloat(data: Any) -> Any:
    try:
        if isinstance(data, int):
            return int(data)
        if type(data) is str and "_" not in data:
            if _INT.fullmatch(data):
                return int(data)
            data = float(data)
        if type(data) is float:
            return int(data) if data.is_integer() else data
    except ValueError:
        pass
    raise DecodeError(f"expected a float, got {short(data)}")


def _decodeBool(data: Any) -> Any:
    return data == "1"


def _decodeStr(data: Any) -> Any:
    if type(data) is str:
        return data
    raise DecodeError(f"expected a str, got {short(data)}")


def decodeBytes(data: Any) -> Any:
    """The bytes that *data*, base64, stands for."""
    try:
        if type(data) is str:
            return b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        pass
    raise DecodeError(f"expected base64, got {short(data)}")


def _decodeWellKnownBinary(data: Any) -> Any:
    return WellKnownBinary(decodeBytes(data))


def decodeDatetime(data: Any) -> Any:
    """
    A datetime that knows its offset, or, if there is no time in the text, a date.

    Read are ISO 8601 and what peers make of it: with a blank or a T, any number of digits in the fraction, an
    offset with or without colon and seconds, or Z, or none (then it is UTC), and years that are not padded.
    """
    try:
        if type(data) is str:
            only = _DATE.match(data)
            if only is not None and only.end() == len(data):
                return date(int(only[1]), int(only[2]), int(only[3]))
            if only is not None and len(only[1]) < 4:
                data = data.zfill(len(data) + 4 - len(only[1]))
            value = datetime.fromisoformat(data)
            return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    except ValueError:
        pass
    raise DecodeError(f"expected an ISO 8601 date, got {short(data)}")


_scalarDecoders: dict[str, Callable[[Any], Any]] = {
    "int": _decodeInt,
    "float": _decodeFloat,
    "bool": _decodeBool,
    "str": _decodeStr,
    "bytes": decodeBytes,
    "datetime": decodeDatetime,
    "wkb": _decodeWellKnownBinary,
}


# ---- functions compiled for a class


class _Decoders(dict[str, Decoder]):
    """The decoding function of each tuple type, from when it is first met."""

    def __missing__(self, name: str) -> Decoder:
        decoder = _compileDecoder(tupleTypeNamed(name))
        self[name] = decoder
        return decoder


tupleDecoders = _Decoders()
"""What reads each tuple type, by its name on the wire."""

_DECODE_INLINE: dict[type[Any], tuple[str, str]] = {
    # The exceptions that mean "not in the usual form", and the expression.
    int: (
        "KeyError",
        (
            "x if type(v) is dict and v['_ft'] == 'int' and type(x := v['_fd']) is int"
            " else v if type(v) is int or v is None else {general}(v, r, depth)"
        ),
    ),
    datetime: (
        "(KeyError, TypeError, ValueError)",
        (
            "x if type(v) is dict and v['_ft'] == 'datetime' and (x := fromIso(v['_fd'])).tzinfo is not None"
            " else v if v is None else {general}(v, r, depth)"
        ),
    ),
}
_DECODE_PLAIN: dict[type[Any], str] = {
    str: "v if type(v) is str or v is None else {general}(v, r, depth)",
    float: "v if type(v) is float or v is None else {general}(v, r, depth)",
    bool: "v if type(v) is bool or v is None else {general}(v, r, depth)",
}


def decoderSource(cls: type[Tuple]) -> tuple[Source, dict[str, Any]]:
    """The function that makes a tuple of *cls* of a JSON object, as source, and the names that it uses."""
    typeName = typeNameOf(cls)
    reader = readerOf(cls)
    fields = travellingFields(cls)
    names: dict[str, Any] = {
        "cls": cls,
        "failed": decodingFailed,
        "fromIso": datetime.fromisoformat,
        "make": object.__new__ if reader is None else reader.maker(cls),
        "PLAIN": _PLAIN,
        "tooDeep": tooDeep,
        "typeName": typeName,
        "unknown": _unknownCounter(frozenset(field.name for field in fields)),
    }
    source = Source()
    source.add("def decode(d, r, depth):", "    if depth < 1:", "        raise tooDeep(r)", "    depth -= 1")
    if reader is None:
        source.add("    o = make(cls)", "    s = o.__dict__")
    else:
        source.add("    o = make()", "    n = 2")
    source.add("    try:")
    for index, field in enumerate(fields):
        kind = plainType(field.hint)
        usual = field.decoder is None and field.adapter is None and kind not in fieldTypes
        general = f"g{index}"
        names[general] = generalDecoder(field)
        key = repr(field.name)
        if usual and kind in _DECODE_PLAIN:
            value = _DECODE_PLAIN[kind]
        elif usual and checker(field.hint) is None:
            value = "v if type(v) in PLAIN else {general}(v, r, depth)"
        else:
            value = "{general}(v, r, depth)"
        if reader is not None:
            # Through the attribute: the mapper has to know what was set.
            lines = [
                f"        if {key} in d:",
                f"            v = d[{key}]",
                "            n += 1",
                f"            o.{field.name} = {value}",
            ]
        elif usual and kind in _DECODE_INLINE:
            unusual, value = _DECODE_INLINE[kind]
            lines = [
                "        try:",
                f"            v = d[{key}]",
                f"            s[{key}] = {value}",
                f"        except {unusual}:",
                f"            if {key} in d:",
                f"                s[{key}] = {{general}}(d[{key}], r, depth)",
            ]
        else:
            lines = [
                "        try:",
                f"            v = d[{key}]",
                "        except KeyError:",
                "            pass",
                "        else:",
                f"            s[{key}] = {value}",
            ]
        source.add(*(line.replace("{general}", general) for line in lines), field=field.name)
    if not fields:
        source.add("        pass")
    source.add(
        "    except Exception as e:",
        "        raise failed(e, typeName, fieldAt.get(e.__traceback__.tb_lineno))",
        f"    if len(d) != {'len(s) + 2' if reader is None else 'n'}:",
        "        r.unknownFields += unknown(d)",
        "    return o",
    )
    return source, names


def _compileDecoder(cls: type[Tuple]) -> Decoder:
    source, names = decoderSource(cls)
    return compileFunction(source, "decode", names)


def generalDecoder(field: TupleField) -> Decoder:
    """The function that reads *field* in whatever form it comes. It raises nothing but VortexErrors."""
    check = fieldChecker(field)
    adapt = field.adapter
    if check is None and adapt is None:
        return decodeValue

    def decodeField(value: Any, reading: Reading, depth: int) -> Any:
        decoded = decodeValue(value, reading, depth)
        if decoded is not None:
            if check is not None:
                decoded = check(decoded)
            if adapt is not None:
                decoded = adapt(decoded)
        return decoded

    return decodeField


def fieldChecker(field: TupleField) -> Checker | None:
    """What holds decoded values (never None) to what *field* says; None if it asks nothing of a value."""
    return checker(field.hint) if field.decoder is None else _decoderChecker(field.decoder)


def _decoderChecker(decoder: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        try:
            return decoder(value)
        except VortexError:
            raise
        except Exception as exc:
            raise DecodeError(f"the field does not take {short(value)}") from exc

    return check


def decodingFailed(exc: BaseException, typeName: str, field: str | None) -> BaseException:
    """What to raise instead of *exc*, which came up while *field* was decoded or set."""
    if isinstance(exc, DecodeError):
        return exc.at(f".{field}")
    if isinstance(exc, (VortexError, RecursionError)):
        return exc
    # Such as an enumeration or a mapped attribute with a mind of its own: it refused the value.
    error = DecodeError(f"a {typeName} does not take that value", f".{field}")
    error.__cause__ = exc
    return error


def _unknownCounter(known: frozenset[str]) -> Callable[[dict[str, Any]], int]:
    return lambda value: sum(name not in known and not name.startswith("_") for name in value)
