"""
Hints: what an annotation says of a value - in words, and as a function that holds a decoded value to it.

The wire says of most values what they are (a number, a text, a date). An annotation may say more: that the
text is a UUID, the number one of an enumeration, the list one of texts. `checker` makes the function that
sees to it. None is always accepted: whether a value may be missing is for the database or the application to
say.

In here nothing is read from JSON and no tuple is made: `vortex.tuples.convert` does both.
"""

from __future__ import annotations

import collections
import types
import typing
from collections import abc
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from operator import length_hint
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, NewType, TypeVar, Union
from uuid import UUID

from vortex.errors import DecodeError, VortexError

__all__ = [
    "Checker",
    "FieldType",
    "checker",
    "fieldTypes",
    "hintText",
    "isOptional",
    "plainType",
    "segment",
    "short",
]

Checker = Callable[[Any], Any]
"""Given a decoded value that is not None, the value as the annotation has it; or DecodeError."""

_LISTS = frozenset((list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection))
_SETS = frozenset((set, abc.Set, abc.MutableSet))
_DICTS = frozenset((dict, abc.Mapping, abc.MutableMapping, collections.OrderedDict, collections.defaultdict))
_SHOWN = 60


class FieldType(NamedTuple):
    """How values of a registered type travel: see `vortex.tuples.convert.registerFieldType`."""

    encoder: Callable[[Any], Any]
    decoder: Callable[[Any], Any]


fieldTypes: dict[type[Any], FieldType] = {}
"""The types that an application has registered."""


# ---- words


def short(value: Any) -> str:
    """*value* in a few words, for an error: what a peer sent is never repeated at length."""
    match value:
        case str():
            return repr(value) if len(value) <= _SHOWN else repr(value[:_SHOWN]) + "…"
        case bool() | None | float():
            return repr(value)
        case int():
            return repr(value) if value.bit_length() <= 128 else f"an int of {value.bit_length()} bits"
        case bytes():
            return f"{len(value)} bytes"
        case datetime() | date() | Decimal() | UUID():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return f"a {type(value).__name__} of {len(value)}"
        case dict():
            return f"a dict of {len(value)}"
    return _withArticle(type(value).__qualname__)


def _withArticle(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def segment(key: Any) -> str:
    """The step down to what stands under *key* in a dict, for the path of an error."""
    if type(key) is str and key.isidentifier() and len(key) <= _SHOWN:
        return "." + key
    return f"[{short(key)}]"


def hintText(hint: Any) -> str:
    """
    The type *hint* as a reader of the documentation should see it.

    A tuple type goes by its name on the wire, an enumeration by the values of its members.
    """
    hint = _bare(hint)
    if hint is None or hint is type(None):
        return "None"
    if _isAnything(hint):
        return "Any"
    if hint is Ellipsis:
        return "..."
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join(map(hintText, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is not None:
        name = getattr(origin, "__qualname__", str(origin))
        return f"{name}[{', '.join(map(hintText, arguments))}]" if arguments else name
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return f"Literal[{', '.join(repr(member.value) for member in hint)}]"
        tupleType = vars(hint).get("__tupleType__")
        return tupleType if isinstance(tupleType, str) else hint.__qualname__
    return str(hint)


# ---- taking a hint apart


def _bare(hint: Any) -> Any:
    """*hint* without what does not matter to a value: Annotated, Final, NewType, aliases, type variables."""
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated or origin in (Final, ClassVar):
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, TypeVar):
            hint = hint.__bound__ if hint.__bound__ is not None else Any
        elif hasattr(hint, "__value__") and not isinstance(hint, (type, Enum)):
            hint = hint.__value__  # ``type X = ...``, of Python 3.12
        else:
            return hint


def _isAnything(hint: Any) -> bool:
    return hint is Any or hint is object or hint is Final or getattr(hint, "_is_protocol", False) is True


def isOptional(hint: Any) -> bool:
    """Whether *hint* says that None may be there: ``X | None``, or nothing at all."""
    hint = _bare(hint)
    if _isAnything(hint) or hint is type(None):
        return True
    return typing.get_origin(hint) in (Union, types.UnionType) and any(map(isOptional, typing.get_args(hint)))


def plainType(hint: Any) -> type[Any] | None:
    """The one type that *hint* names, without its ``| None``; None where it names several, or none."""
    hint = _bare(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        rest = [one for one in typing.get_args(hint) if one is not type(None)]
        if len(rest) != 1:
            return None
        hint = _bare(rest[0])
    return hint if isinstance(hint, type) and typing.get_origin(hint) is None else None


# ---- checkers


def checker(hint: Any) -> Checker | None:
    """
    The function that holds decoded values to *hint*.

    Args:
        hint: A type as `typing.get_type_hints` gives it.

    Returns:
        A function of one value, which is not None, that returns the value (made into what *hint* says: a UUID
        of a text) or raises DecodeError. None if *hint* asks nothing of a value.
    """
    hint = _bare(hint)
    if _isAnything(hint):
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _unionChecker(arguments)
    if origin is Literal:
        return _literalChecker(arguments)
    kind = origin if origin is not None else hint
    if not isinstance(kind, type):
        return None
    if kind in fieldTypes:
        return _registeredChecker(kind, fieldTypes[kind])
    if kind in _LISTS:
        return _listChecker(arguments)
    if kind in _SETS or kind is frozenset:
        return _setChecker(frozenset if kind is frozenset else set, arguments)
    if kind is tuple:
        return _tupleChecker(arguments)
    if kind in _DICTS:
        return _dictChecker(arguments)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if issubclass(kind, Enum):
        return _enumChecker(kind)
    if typing.is_typeddict(kind):
        return _dictChecker(())
    for base in (str, int, float, bytes):
        if issubclass(kind, base):
            return _subclassChecker(kind, _SCALARS[base])
    return _instanceChecker(kind)


def _expected(what: str, value: Any) -> DecodeError:
    return DecodeError(f"expected {what}, got {short(value)}")


def _checkInt(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise _expected("int", value)


def _checkFloat(value: Any) -> Any:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    raise _expected("float", value)


def _checkBool(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise _expected("bool", value)


def _checkStr(value: Any) -> Any:
    if type(value) is str:
        return value
    raise _expected("str", value)


def _checkBytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return value
    raise _expected("bytes", value)


def _checkDatetime(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise _expected("datetime", value)


def _checkDate(value: Any) -> Any:
    if isinstance(value, datetime):
        # JavaScript has no dates without a time: there it is midnight, wherever the sender is.
        if value.hour or value.minute or value.second or value.microsecond:
            raise _expected("date", value)
        return value.date()
    if isinstance(value, date):
        return value
    raise _expected("date", value)


def _checkDecimal(value: Any) -> Any:
    if type(value) is int:
        return Decimal(value)
    if type(value) in (float, str):
        try:
            return Decimal(repr(value) if type(value) is float else value)
        except InvalidOperation:
            pass
    raise _expected("Decimal", value)


def _checkUuid(value: Any) -> Any:
    if type(value) is str:
        try:
            return UUID(value)
        except ValueError:
            pass
    raise _expected("UUID", value)


def _checkNone(value: Any) -> Any:
    raise _expected("None", value)


_SCALARS: dict[type[Any], Checker] = {
    int: _checkInt,
    float: _checkFloat,
    bool: _checkBool,
    str: _checkStr,
    bytes: _checkBytes,
    datetime: _checkDatetime,
    date: _checkDate,
    Decimal: _checkDecimal,
    UUID: _checkUuid,
    type(None): _checkNone,
}


def _instanceChecker(kind: type[Any]) -> Checker:
    text = hintText(kind)

    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise DecodeError(f"expected {text}, got {_tupleText(value)}")

    return check


def _tupleText(value: Any) -> str:
    tupleType = getattr(type(value), "__tupleType__", None)
    return _withArticle(tupleType) if isinstance(tupleType, str) else short(value)


def _subclassChecker(kind: type[Any], check: Checker) -> Checker:
    return lambda value: kind(check(value))


def _registeredChecker(kind: type[Any], fieldType: FieldType) -> Checker:
    def check(value: Any) -> Any:
        try:
            return fieldType.decoder(value)
        except VortexError:
            raise
        except Exception as exc:
            raise _expected(kind.__qualname__, value) from exc

    return check


def _enumChecker(kind: type[Enum]) -> Checker:
    members = list(kind)
    values = ", ".join(repr(member.value) for member in members[:10]) + (", …" if len(members) > 10 else "")
    takesBool = any(type(member.value) is bool for member in members)

    def check(value: Any) -> Any:
        # True == 1, but it is not the same answer.
        if takesBool or type(value) is not bool:
            try:
                return kind(value)
            except (ValueError, TypeError):
                pass
        raise _expected(f"one of {values}", value)

    return check


def _literalChecker(values: tuple[Any, ...]) -> Checker:
    text = ", ".join(map(repr, values[:10])) + (", …" if len(values) > 10 else "")
    known = {(type(value), value): value for value in values if not isinstance(value, Enum)}
    # On the wire a member of an enumeration is its value.
    known |= {(type(value.value), value.value): value for value in values if isinstance(value, Enum)}

    def check(value: Any) -> Any:
        key = type(value), value
        try:
            return known[key]
        except (KeyError, TypeError):
            raise _expected(f"one of {text}", value) from None

    return check


def _unionChecker(hints: tuple[Any, ...]) -> Checker | None:
    options: list[tuple[Any, Checker]] = []
    for hint in hints:
        if hint is type(None):
            continue
        check = checker(hint)
        if check is None:
            return None
        options.append((plainType(hint), check))
    if len(options) == 1:
        return options[0][1]
    text = " or ".join(hintText(hint) for hint in hints if hint is not type(None))

    def check_(value: Any) -> Any:
        # What is of a type that is named stays as it is; only then is anything made into anything else.
        if any(kind is type(value) for kind, _ in options):
            return value
        for _, check in options:
            try:
                return check(value)
            except DecodeError:
                pass
        raise DecodeError(f"expected {text}, got {_tupleText(value)}")

    return check_


def _itemChecker(hint: Any) -> Checker | None:
    check = checker(hint)
    if check is None:
        return None
    return lambda item: item if item is None else check(item)


def _listChecker(arguments: tuple[Any, ...]) -> Checker:
    check = _itemChecker(arguments[0]) if arguments else None

    def checkList(value: Any) -> Any:
        if type(value) is not list:
            raise _expected("list", value)
        return value if check is None else _checkItems(value, check)

    return checkList


def _checkItems(items: list[Any], check: Checker) -> list[Any]:
    iterator = iter(items)
    try:
        return [check(item) for item in iterator]
    except DecodeError as exc:
        exc.at(f"[{len(items) - length_hint(iterator) - 1}]")
        raise


def _setChecker(kind: type[Any], arguments: tuple[Any, ...]) -> Checker:
    checkList = _listChecker(arguments)

    def check(value: Any) -> Any:
        items = checkList(value)
        try:
            return kind(items)
        except TypeError:
            raise DecodeError(f"expected a {kind.__name__}, got items that cannot be in one") from None

    return check


def _tupleChecker(arguments: tuple[Any, ...]) -> Checker:
    if not arguments or arguments[-1] is Ellipsis:
        checkList = _listChecker(arguments[:1])
        return lambda value: tuple(checkList(value))
    checks = [_itemChecker(argument) for argument in arguments]

    def check(value: Any) -> Any:
        if type(value) is not list or len(value) != len(checks):
            raise _expected(f"a list of {len(checks)}", value)
        items = []
        for index, (one, item) in enumerate(zip(checks, value, strict=True)):
            try:
                items.append(item if one is None else one(item))
            except DecodeError as exc:
                exc.at(f"[{index}]")
                raise
        return tuple(items)

    return check


def _dictChecker(arguments: tuple[Any, ...]) -> Checker:
    checkKey = _keyChecker(arguments[0]) if arguments else None
    checkItem = _itemChecker(arguments[1]) if len(arguments) > 1 else None

    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise _expected("dict", value)
        if checkKey is None and checkItem is None:
            return value
        checked = {}
        for key, item in value.items():
            try:
                newKey = key if checkKey is None else checkKey(key)
                checked[newKey] = item if checkItem is None else checkItem(item)
            except DecodeError as exc:
                exc.at(segment(key))
                raise
        return checked

    return check


def _keyChecker(hint: Any) -> Checker | None:
    check = checker(hint)
    if check is None:
        return None

    def checkKey(key: Any) -> Any:
        # A key that looks like a number became one, which lost nothing: it prints as the key.
        try:
            return check(key)
        except DecodeError:
            if type(key) is str:
                raise
        return check(repr(key))

    return checkKey
