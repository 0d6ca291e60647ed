"""
Row sums: a number for a value, the same in every language, to find out whether two ends hold the same.

It is the CRC-32 of bytes that docs/reference/live-data.md writes down (section 5). They are made of what
travels: a UUID counts as its text, an Enum as its value. It finds accidents; it is no protection against
somebody who means harm.

For every Tuple class the function that makes its bytes is compiled when it is first needed, see
`vortex.tuples.compiled`. A value that is not of the type that its field says goes the general way: it becomes
what JSON can hold, and that is read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from vortex.errors import EncodeError
from vortex.tuples.compiled import Source, compileFunction, travellingFields, typeNameOf
from vortex.tuples.encode import NATIVE, encodingFailed, fieldEncoder
from vortex.tuples.hints import fieldTypes, plainType
from vortex.tuples.registry import readerOf
from vortex.tuples.tuple import Tuple

__all__ = ["rowBytes", "rowBytesMakers", "rowSum", "sumOf"]

_WHOLE = 2.0**53
_NAN = bytes.fromhex("7ff8000000000000")


def rowSum(value: Any) -> int:
    """
    The row sum of *value*, 0 to 2^32 - 1.

    Args:
        value: Anything that can travel; mostly a Tuple.

    Raises:
        EncodeError: If something in it cannot travel.
    """
    return zlib.crc32(rowBytes(value))


def sumOf(values: Iterable[Any]) -> int:
    """The sum of the row sums of *values*, modulo 2^32; their order does not matter."""
    return sum(map(rowSum, values)) & 0xFFFFFFFF


def rowBytes(value: Any) -> bytes:
    """The bytes whose CRC-32 is the row sum of *value*."""
    try:
        return rowBytesMakers[type(value)](value)
    except RecursionError:
        raise EncodeError("the value is nested too deeply, or contains itself") from None


class _Makers(dict[type[Any], Callable[[Any], bytes]]):
    """What makes the bytes of the values of each type, from when it is first met."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], bytes]:
        maker = _compile(kind) if issubclass(kind, Tuple) else _general
        self[kind] = maker
        return maker


rowBytesMakers = _Makers()


# ---- values that JSON can hold


def _general(value: Any) -> bytes:
    return _ofJson(NATIVE.encoders[type(value)](value))


def _ofJson(value: Any) -> bytes:
    """The bytes of what stands for a value in JSON, as `vortex.tuples.convert` has it."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None:
        return b"n"
    if kind is bool:
        return b"t" if value else b"f"
    if kind is int:
        return b"i%d;" % value
    if kind is list:
        return b"[%b]" % b"".join(map(_ofJson, value))
    if kind is dict:
        return _ofObject(value)
    return _number(value)


def _ofObject(value: dict[str, Any]) -> bytes:
    tag = value.get("_ft")
    if tag is not None:
        data = value["_fd"]
        if tag == "int":
            return b"i%d;" % data
        if tag == "float":
            return _number(float(data))
        if tag == "dict":
            return b"{%b}" % _fields(data)
        return b"x" + _text(data)[1:]
    if value.get("_ct") == "rt":
        there = {
            name: field for name, field in value.items() if name not in ("_ct", "_c") and field is not None
        }
        return b"(%b%b)" % (_text(value["_c"]), _fields(there))
    return b"{%b}" % _fields(value)


def _fields(values: dict[str, Any]) -> bytes:
    encoded = sorted((_utf8(name), field) for name, field in values.items())
    return b"".join(b"s%b%b%b" % (_length(len(name)), name, _ofJson(field)) for name, field in encoded)


def _number(value: float) -> bytes:
    if -_WHOLE < value < _WHOLE and value == (whole := int(value)):
        return b"i%d;" % whole
    return b"d" + (struct.pack(">d", value) if value == value else _NAN)


def _text(value: str) -> bytes:
    data = _utf8(value)
    size = len(data)
    return (_SHORT[size] if size < 128 else b"s" + _length(size)) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # halves of surrogate pairs
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _length(size: int) -> bytes:
    data = bytearray()
    while size > 0x7F:
        data.append(size & 0x7F | 0x80)
        size >>= 7
    data.append(size)
    return bytes(data)


_SHORT = [b"s%c" % size for size in range(128)]


# ---- functions compiled for a class

# By the type of a field: the bytes of its value, "{v}", which is not None.
_INLINE: dict[type[Any], str] = {
    str: "text({v}) if type({v}) is str else general({v})",
    bool: "b't' if {v} is True else b'f' if {v} is False else general({v})",
    int: "b'i%d;' % {v} if type({v}) is int else general({v})",
    float: "number({v}) if type({v}) is float else general({v})",
}


def _compile(cls: type[Tuple]) -> Callable[[Any], bytes]:
    typeName = typeNameOf(cls)
    names: dict[str, Any] = {
        "failed": encodingFailed,
        "general": _general,
        "head": b"(" + _text(typeName),
        "number": _number,
        "ofJson": _ofJson,
        "text": _text,
        "typeName": typeName,
    }
    isMapped = readerOf(cls) is not None
    source = Source()
    source.add("def rowBytes(o):", "    parts = [head]", "    try:", "        add = parts.append")
    if isMapped:
        source.add("        s = o.__dict__")
    fields = sorted(travellingFields(cls), key=lambda field: field.name.encode())
    for index, field in enumerate(fields):
        name = field.name
        # Of a mapped object the attribute may have to be loaded, but mostly it is there.
        read = f"s[{name!r}] if {name!r} in s else o.{name}" if isMapped else f"o.{name}"
        kind = plainType(field.hint)
        if field.encoder is not None:
            names[f"x{index}"] = fieldEncoder(field.encoder, NATIVE.encoders)
            read, template = f"x{index}({read})", "ofJson({v})"
        elif kind in _INLINE and kind not in fieldTypes:
            template = _INLINE[kind]
        else:
            template = "general({v})"
        names[f"n{index}"] = _text(name)
        value = template.format(v="v")
        source.add(
            f"        v = {read}",
            "        if v is not None:",
            f"            add(n{index})",
            f"            add({value})",
            field=name,
        )
    source.add(
        "    except Exception as e:",
        "        raise failed(e, typeName, fieldAt.get(e.__traceback__.tb_lineno))",
        "    add(b')')",
        "    return b''.join(parts)",
    )
    return compileFunction(source, "rowBytes", names)
