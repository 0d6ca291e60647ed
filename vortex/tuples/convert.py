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

Here nothing becomes bytes, and sizes of texts and counts of values are not looked at: `vortex.protocol` does
that.
"""

from __future__ import annotations

import binascii
import builtins
import linecache
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from operator import length_hint
from types import CodeType
from typing import Any, TypeVar
from uuid import UUID

from vortex.errors import DecodeError, EncodeError, LimitExceeded, VortexError
from vortex.limits import Limits
from vortex.tuples.field import TupleField, UnresolvedHint
from vortex.tuples.hints import FieldType, checker, fieldTypes, plainType, segment, short
from vortex.tuples.registry import onRegistered, readerOf, tupleTypeNamed, tupleTypes
from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = [
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

Encoder = Callable[[Any], Any]
Decoder = Callable[[Any, "Reading", int], Any]


class NonFinite(float):
    """
    A NaN or an infinity, marked as such.

    Strict JSON has no such numbers, though this wire does; the mark makes a strict JSON writer refuse them
    instead of writing something else.
    """

    __slots__ = ()


class WellKnownBinary(bytes):
    """A geometry as it travels (tag ``wkb``): its well-known binary form, read by no library of ours."""

    __slots__ = ()


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


class Dialect:
    """
    How values look on one wire.

    Args:
        name: For people.
        hasOffsets: Whether a datetime says how far it is from UTC. Without, all are UTC.
    """

    def __init__(self, name: str, *, hasOffsets: bool) -> None:
        self.name = name
        self.hasOffsets = hasOffsets
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


class _Encoders(dict[type[Any], Encoder]):
    """The encoding function of each type, of subclasses and Tuples from when they are first met."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect
        self.forget()

    def forget(self) -> None:
        """Keep what every dialect knows, and find out again about the rest."""
        self.clear()
        self.update(_baseEncoders(self._dialect, self))

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
            if base in _composites:
                return _compositeEncoder(_composites[base], self._dialect)
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
        return value if value - value == 0.0 else NonFinite(value)

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
        NonFinite: encodeSame,
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


_composites: dict[type[Any], Callable[[Any, Dialect], Any]] = {}
_compositeDecoders: dict[str, Callable[[dict[str, Any], Reading], Any]] = {}


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
    _compositeDecoders[code] = decoder
    if pyType is not None and encoder is not None:
        _composites[pyType] = encoder
        _forgetCompiled()


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
    _forgetCompiled()


def _forgetCompiled() -> None:
    for dialect in (TAGGED, TAGGED_ERA0):
        dialect.encoders.forget()
    _decoders.clear()


# ---- the two directions


def toJsonable(value: Any, dialect: Dialect | None = None) -> Any:
    """
    *value* as what JSON can hold.

    Args:
        value: Anything that can travel.
        dialect: How values look on the wire it is for; `TAGGED` if not given.

    Returns:
        None, bool, str, int, float, list or dict, all the way down. NaN and infinities are `NonFinite`. The
        result may share texts with *value* and nothing that can be changed.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
    """
    try:
        return (TAGGED if dialect is None else dialect).encoders[type(value)](value)
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
        return _decodeValue(value, reading, reading.depthLeft)
    except RecursionError:
        raise _tooDeep(reading) from None


# ---- decoding what is built in

_PLAIN = frozenset((str, float, bool, type(None), int))
_INT = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_DATE = re.compile(r"([0-9]{1,4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_NUMBER_WORDS = frozenset(("nan", "inf"))


def _tooDeep(reading: Reading) -> LimitExceeded:
    return LimitExceeded("maxDepth", f"values are nested deeper than {reading.limits.maxDepth} levels")


def _decodeValue(value: Any, reading: Reading, depth: int) -> Any:
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
        raise _tooDeep(reading)
    depth -= 1
    items = iter(value)
    try:
        return [item if type(item) in _PLAIN else _decodeValue(item, reading, depth) for item in items]
    except DecodeError as exc:
        exc.at(f"[{len(value) - length_hint(items) - 1}]")
        raise


def _decodeDict(value: dict[str, Any], reading: Reading, depth: int) -> Any:
    if depth < 1:
        raise _tooDeep(reading)
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
                decoded[name] = _decodeValue(item, reading, depth)
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
        return _decoders[name](value, reading, depth)
    decoder = _compositeDecoders.get(code) if type(code) is str else None
    if decoder is None:
        raise DecodeError(f"unknown kind of object, _ct = {short(code)}")
    if depth < 1:
        raise _tooDeep(reading)
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


def _decodeBytes(data: Any) -> Any:
    try:
        if type(data) is str:
            return b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        pass
    raise DecodeError(f"expected base64, got {short(data)}")


def _decodeWellKnownBinary(data: Any) -> Any:
    return WellKnownBinary(_decodeBytes(data))


def _decodeDatetime(data: Any) -> Any:
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
    "bytes": _decodeBytes,
    "datetime": _decodeDatetime,
    "wkb": _decodeWellKnownBinary,
}


# ---- functions compiled for a class


class _Source:
    """The lines of a function that is being written, and which field each of them is about."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: dict[int, str] = {}

    def add(self, *lines: str, field: str = "") -> None:
        for line in lines:
            self.lines.append(line)
            if field:
                self.fields[len(self.lines)] = field

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def compiledSource(cls: type[Tuple], dialect: Dialect | None = None) -> str:
    """The source of what encodes (for *dialect*, `TAGGED` if not given) and decodes tuples of *cls*."""
    encoding = _encoderSource(cls, TAGGED if dialect is None else dialect)[0].text
    return encoding + "\n\n" + _decoderSource(cls)[0].text


def _compile(source: _Source, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function *name* of *source*, with *names* for its globals; its lines are shown in tracebacks."""
    fileName = f"<vortex: {name} {names['typeName']}>"
    linecache.cache[fileName] = (len(source.text), None, source.text.splitlines(keepends=True), fileName)
    code: CodeType = compile(source.text, fileName, "exec")
    names["__builtins__"] = vars(builtins)
    names["fieldAt"] = source.fields
    exec(code, names)
    function: Callable[..., Any] = names[name]
    return function


def _typeName(cls: type[Tuple]) -> str:
    name: object = vars(cls).get("__tupleType__")
    if isinstance(name, str) and name in dict(tupleTypes()):
        return name
    raise EncodeError(f"{cls.__module__}.{cls.__qualname__} cannot travel: decorate it with @addTupleType")


def _travelling(cls: type[Tuple]) -> list[TupleField]:
    return [field for _, field in sorted(fieldsOf(cls).items()) if field.transport]


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


def _encoderSource(cls: type[Tuple], dialect: Dialect) -> tuple[_Source, dict[str, Any]]:
    typeName = _typeName(cls)
    names: dict[str, Any] = {
        "C": dialect.encoders,
        "UTC": UTC,
        "datetime": datetime,
        "failed": _encodingFailed,
        "typeName": typeName,
    }
    fields = _travelling(cls)
    mapped = readerOf(cls) is not None
    source = _Source()
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
            names[f"x{index}"] = _fieldEncoder(field.encoder, dialect.encoders)
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


def _fieldEncoder(encoder: Encoder, encoders: _Encoders) -> Encoder:
    def encodeField(value: Any) -> Any:
        if value is None:
            return None
        travelling = encoder(value)
        return encoders[type(travelling)](travelling)

    return encodeField


def _compileEncoder(cls: type[Tuple], dialect: Dialect) -> Encoder:
    source, names = _encoderSource(cls, dialect)
    return _compile(source, "encode", names)


def _encodingFailed(exc: BaseException, typeName: str, field: str | None) -> BaseException:
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


class _Decoders(dict[str, Decoder]):
    """The decoding function of each tuple type, from when it is first met."""

    def __missing__(self, name: str) -> Decoder:
        decoder = _compileDecoder(tupleTypeNamed(name))
        self[name] = decoder
        return decoder


_decoders = _Decoders()


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


def _decoderSource(cls: type[Tuple]) -> tuple[_Source, dict[str, Any]]:
    typeName = _typeName(cls)
    reader = readerOf(cls)
    fields = _travelling(cls)
    names: dict[str, Any] = {
        "cls": cls,
        "failed": _decodingFailed,
        "fromIso": datetime.fromisoformat,
        "make": object.__new__ if reader is None else reader.maker(cls),
        "PLAIN": _PLAIN,
        "tooDeep": _tooDeep,
        "typeName": typeName,
        "unknown": _unknownCounter(frozenset(field.name for field in fields)),
    }
    source = _Source()
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
        names[general] = _generalDecoder(field)
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
    source, names = _decoderSource(cls)
    return _compile(source, "decode", names)


def _generalDecoder(field: TupleField) -> Decoder:
    """The function that reads *field* in whatever form it comes. It raises nothing but VortexErrors."""
    check = checker(field.hint) if field.decoder is None else _decoderChecker(field.decoder)
    adapt = field.adapter
    if check is None and adapt is None:
        return _decodeValue

    def decodeField(value: Any, reading: Reading, depth: int) -> Any:
        decoded = _decodeValue(value, reading, depth)
        if decoded is not None:
            if check is not None:
                decoded = check(decoded)
            if adapt is not None:
                decoded = adapt(decoded)
        return decoded

    return decodeField


def _decoderChecker(decoder: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        try:
            return decoder(value)
        except VortexError:
            raise
        except Exception as exc:
            raise DecodeError(f"the field does not take {short(value)}") from exc

    return check


def _decodingFailed(exc: BaseException, typeName: str, field: str | None) -> BaseException:
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


TAGGED = Dialect("tagged", hasOffsets=True)
"""The values of VortexPY from 0.8 on, and of VortexJS."""

TAGGED_ERA0 = Dialect("tagged, era 0", hasOffsets=False)
"""The values of VortexPY before 0.8: every datetime is UTC and does not say so."""


def _onRegistered(name: str) -> None:
    # The class of that name may be another now, and so may be what the names in annotations mean.
    _decoders.pop(name, None)
    for dialect in (TAGGED, TAGGED_ERA0):
        for kind in [kind for kind in dialect.encoders if vars(kind).get("__tupleType__") == name]:
            del dialect.encoders[kind]


onRegistered(_onRegistered)
