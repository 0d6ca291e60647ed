"""
Encode: values as what JSON can hold, in the dialect of one wire.

See `vortex.tuples.convert` for the table of what becomes what, and for the way in.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from operator import length_hint
from typing import Any
from uuid import UUID

from vortex.errors import EncodeError, VortexError
from vortex.tuples.compiled import Source, compileFunction, travellingFields, typeNameOf
from vortex.tuples.field import UnresolvedHint
from vortex.tuples.hints import FieldType, fieldTypes, plainType, segment, short
from vortex.tuples.registry import readerOf
from vortex.tuples.tuple import Tuple

__all__ = [
    "NATIVE",
    "TAGGED",
    "TAGGED_ERA0",
    "Dialect",
    "NonFinite",
    "WellKnownBinary",
    "compositeEncoders",
    "encoderSource",
    "encodingFailed",
    "fieldEncoder",
    "nonFiniteWord",
]

Encoder = Callable[[Any], Any]


class NonFinite(float):
    """
    A NaN or an infinity, marked as such.

    Strict JSON has no such numbers, though this wire does; the mark makes a strict JSON writer refuse them
    instead of writing something else.
    """

    __slots__ = ()


def nonFiniteWord(value: float) -> str:
    """What *value*, a NaN or an infinity, is called where it has to be a text."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


class WellKnownBinary(bytes):
    """A geometry as it travels (tag ``wkb``): its well-known binary form, read by no library of ours."""

    __slots__ = ()


class Dialect:
    """
    How values look on one wire.

    Args:
        name: For people.
        hasOffsets: Whether a datetime says how far it is from UTC. Without, all are UTC.
        isStrict: Whether NaN and infinities are said in JSON that every reader knows; else they stand bare.
    """

    def __init__(self, name: str, *, hasOffsets: bool = True, isStrict: bool = False) -> None:
        self.name = name
        self.hasOffsets = hasOffsets
        self.isStrict = isStrict
        self.encoders = _Encoders(self)

    def __repr__(self) -> str:
        return f"<Dialect {self.name}>"

    def datetimeText(self, value: datetime) -> str:
        """*value* as it stands on this wire; one without an offset is UTC."""
        if not self.hasOffsets:
            if value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            return value.isoformat(" ", "microseconds")
        text = value.isoformat(" ", "microseconds")
        return text[:26] + (text[26:].replace(":", "") or "+0000")


compositeEncoders: dict[type[Any], Callable[[Any, Dialect], Any]] = {}
"""How objects that are no Tuples travel, by their class."""


class _Encoders(dict[type[Any], Encoder]):
    """The encoding function of each type, of subclasses and Tuples from when they are first met."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect
        self.forget()

    def forget(self) -> None:
        """Keep what every dialect knows, and find out again about the rest."""
        known = _baseEncoders(self._dialect, self)
        self.update(known)
        # One by one: other threads may be encoding, and what is built in must be there all the while.
        for kind in list(self):
            if kind not in known or kind in fieldTypes:
                self.pop(kind, None)

    def __missing__(self, kind: type[Any]) -> Encoder:
        encoder = self._find(kind)
        self[kind] = encoder
        return encoder

    def _find(self, kind: type[Any]) -> Encoder:
        if issubclass(kind, Tuple):
            return _compileEncoder(kind, self._dialect)
        for base in kind.__mro__:
            if base in fieldTypes:
                return _registeredEncoder(base, fieldTypes[base], self)
            if base in compositeEncoders:
                return _compositeEncoder(compositeEncoders[base], self._dialect)
            if issubclass(base, Enum):
                return lambda value: self[type(value.value)](value.value)
            if base in self:
                return _subclassEncoder(base, self)
        if _isGeometry(kind):
            return _encodeGeometry
        raise EncodeError(
            f"a {kind.__module__}.{kind.__qualname__} cannot travel: "
            "registerFieldType(type, encoder, decoder) says how one should"
        )


def _subclassEncoder(base: type[Any], encoders: _Encoders) -> Encoder:
    encode = encoders[base]
    plain: dict[type[Any], Callable[[Any], Any]] = {
        str: str.__str__,
        int: int.__int__,
        float: float.__float__,
    }
    if base in plain:
        # What reads like its base, whatever it prints as.
        toPlain = plain[base]
        return lambda value: encode(toPlain(value))
    return encode


def _registeredEncoder(kind: type[Any], fieldType: FieldType, encoders: _Encoders) -> Encoder:
    def encode(value: Any) -> Any:
        try:
            travelling = fieldType.encoder(value)
        except VortexError:
            raise
        except Exception as exc:
            raise EncodeError(f"the encoder of {kind.__qualname__} failed on {short(value)}") from exc
        return encoders[type(travelling)](travelling)

    return encode


def _compositeEncoder(encode: Callable[[Any, Dialect], Any], dialect: Dialect) -> Encoder:
    return lambda value: encode(value, dialect)


def _isGeometry(kind: type[Any]) -> bool:
    return any(
        base.__name__ == "WKBElement" and base.__module__.startswith("geoalchemy2") for base in kind.__mro__
    )


def _encodeGeometry(value: Any) -> Any:
    data = value.data
    return _encodeWellKnownBinary(bytes.fromhex(data) if isinstance(data, str) else bytes(data))


def _encodeWellKnownBinary(value: bytes) -> Any:
    return {"_ft": "wkb", "_fd": b64encode(value).decode("ascii")}


def _baseEncoders(dialect: Dialect, encoders: dict[type[Any], Encoder]) -> dict[type[Any], Encoder]:
    """The encoding functions of what is built in; *encoders* is where those of lists look for the rest."""

    def encodeSame(value: Any) -> Any:
        return value

    def encodeInt(value: int) -> Any:
        return {"_ft": "int", "_fd": value}

    def encodeFloat(value: float) -> Any:
        if value - value == 0.0:
            return value
        return {"_ft": "float", "_fd": nonFiniteWord(value)} if dialect.isStrict else NonFinite(value)

    def encodeDecimal(value: Decimal) -> Any:
        try:
            return encodeFloat(float(value))
        except ValueError:  # a signalling NaN
            raise EncodeError(f"the Decimal {value} has no float") from None

    def encodeDatetime(value: datetime) -> Any:
        return {"_ft": "datetime", "_fd": dialect.datetimeText(value)}

    def encodeDate(value: date) -> Any:
        return {"_ft": "datetime", "_fd": value.isoformat()}

    def encodeBytes(value: bytes) -> Any:
        return {"_ft": "bytes", "_fd": b64encode(value).decode("ascii")}

    def encodeList(value: Any) -> Any:
        items = iter(value)
        try:
            return [item if type(item) is str else encoders[type(item)](item) for item in items]
        except EncodeError as exc:
            exc.at(f"[{len(value) - length_hint(items) - 1}]")
            raise

    def encodeSet(value: Any) -> Any:
        try:
            return encodeList(sorted(value))
        except TypeError:  # nothing says which comes first
            return encodeList(list(value))

    def encodeDict(value: Any) -> Any:
        encoded: dict[str, Any] = {}
        key: Any = None
        try:
            for key, item in value.items():
                kind = type(item)
                if kind is str or kind is bool:
                    travelling = item
                elif kind is int:
                    travelling = {"_ft": "int", "_fd": item}
                else:
                    travelling = encoders[kind](item)
                encoded[key if type(key) is str else _encodeKey(key)] = travelling
        except EncodeError as exc:
            exc.at(segment(key))
            raise
        if len(encoded) != len(value):
            raise EncodeError("two keys of a dict are the same on the wire, as 1 and '1' are")
        if "_ft" in encoded or "_ct" in encoded:
            # Wrapped, or it would be read as the value of some type.
            return {"_ft": "dict", "_fd": encoded}
        return encoded

    return {
        type(None): encodeSame,
        bool: encodeSame,
        str: encodeSame,
        int: encodeInt,
        float: encodeFloat,
        NonFinite: encodeFloat,
        Decimal: encodeDecimal,
        datetime: encodeDatetime,
        date: encodeDate,
        UUID: str,
        bytes: encodeBytes,
        WellKnownBinary: _encodeWellKnownBinary,
        list: encodeList,
        tuple: encodeList,
        set: encodeSet,
        frozenset: encodeSet,
        dict: encodeDict,
    }


def _encodeKey(key: Any) -> str:
    """A dict's key as the text it is on the wire."""
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__repr__(key)
    if isinstance(key, float):
        return float.__repr__(key)
    raise EncodeError(f"a dict's key must be str, int or float, got {short(key)}")


# ---- what other floors and applications add


# ---- functions compiled for a class

# Inline attempts at the type that a field says it has; "{v}" stands for the value. What fails them goes the
# general way. UTC is one object, so "is" finds nearly every datetime; an offset-less one is UTC too.
_ENCODE_INLINE: dict[type[Any], str] = {
    str: "{v} if type({v}) is str else C[type({v})]({v})",
    bool: "{v} if type({v}) is bool else C[type({v})]({v})",
    int: "{{'_ft': 'int', '_fd': {v}}} if type({v}) is int else C[type({v})]({v})",
    float: "{v} if type({v}) is float and {v} - {v} == 0.0 else C[type({v})]({v})",
    datetime: (
        "{{'_ft': 'datetime', '_fd': {v}.isoformat(' ', 'microseconds')[:26]{offset}}}"
        " if type({v}) is datetime and ({v}.tzinfo is UTC or {v}.tzinfo is None) else C[type({v})]({v})"
    ),
}


def encoderSource(cls: type[Tuple], dialect: Dialect) -> tuple[Source, dict[str, Any]]:
    """The function that makes a JSON object of a tuple of *cls*, as source, and the names that it uses."""
    typeName = typeNameOf(cls)
    names: dict[str, Any] = {
        "C": dialect.encoders,
        "UTC": UTC,
        "datetime": datetime,
        "failed": encodingFailed,
        "typeName": typeName,
    }
    fields = travellingFields(cls)
    mapped = readerOf(cls) is not None
    source = Source()
    source.add("def encode(o):", "    try:")
    if mapped:
        source.add("        s = o.__dict__")
    for index, field in enumerate(fields):
        # Of a mapped object the attribute may have to be loaded, but mostly it is there.
        read = (
            f"s[{field.name!r}] if {field.name!r} in s else o.{field.name}" if mapped else f"o.{field.name}"
        )
        source.add(f"        v{index} = {read}", field=field.name)
    source.add("        return {", "            '_ct': 'rt',", f"            '_c': {typeName!r},")
    for index, field in enumerate(fields):
        kind = plainType(field.hint)
        if field.encoder is not None:
            names[f"x{index}"] = fieldEncoder(field.encoder, dialect.encoders)
            template = f"x{index}({{v}})"
        elif kind in _ENCODE_INLINE and kind not in fieldTypes:
            template = _ENCODE_INLINE[kind]
        else:
            template = "C[type({v})]({v})"
        value = template.format(v=f"v{index}", offset=" + '+0000'" if dialect.hasOffsets else "")
        source.add(f"            {field.name!r}: {value},", field=field.name)
    source.add(
        "        }",
        "    except Exception as e:",
        "        raise failed(e, typeName, fieldAt.get(e.__traceback__.tb_lineno))",
    )
    return source, names


def fieldEncoder(encoder: Encoder, encoders: dict[type[Any], Encoder]) -> Encoder:
    """What a field's own *encoder* makes of a value, as it travels; *encoders* are a dialect's."""

    def encodeField(value: Any) -> Any:
        if value is None:
            return None
        travelling = encoder(value)
        return encoders[type(travelling)](travelling)

    return encodeField


def _compileEncoder(cls: type[Tuple], dialect: Dialect) -> Encoder:
    source, names = encoderSource(cls, dialect)
    return compileFunction(source, "encode", names)


def encodingFailed(exc: BaseException, typeName: str, field: str | None) -> BaseException:
    """What to raise instead of *exc*, which came up while *field* was read or encoded."""
    if isinstance(exc, EncodeError):
        return exc.at(f".{field}")
    if isinstance(exc, (VortexError, RecursionError, UnresolvedHint)):
        return exc
    # The text of a stranger's error may hold anything: it stays with us, as the cause.
    if type(exc).__name__ == "DetachedInstanceError":
        problem = (
            f"a {typeName} was not loaded in full before its session ended: load it while that lasts, "
            "or make the session with expire_on_commit=False"
        )
    else:
        problem = f"reading or encoding the field of a {typeName} failed with {type(exc).__name__}"
    error = EncodeError(problem, f".{field}")
    error.__cause__ = exc
    return error


# ---- decoding functions


TAGGED = Dialect("tagged")
"""The values of VortexPY from 0.8 on, and of VortexJS."""

NATIVE = Dialect("native", isStrict=True)
"""The same in strict JSON: what a value is on our own wire where no column says what it is."""

TAGGED_ERA0 = Dialect("tagged, era 0", hasOffsets=False)
"""The values of VortexPY before 0.8: every datetime is UTC and does not say so."""
