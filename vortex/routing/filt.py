"""
Filts: when one is a subset of another, for any values at all.

An endpoint's filt is a set of conditions, and a message's filt has to meet each of them. Two values
are the same when `identity` gives the same for both; `isSubset` and the index know no other rule:

- numbers and booleans compare as in Python (``1 == 1.0 == True``), a NaN is the same as any NaN
- a Decimal is the float that it travels as, an enum member is its value, a UUID is its text
- datetimes are the same at the same instant, one without a zone is taken as UTC
- lists, tuples and sets compare by what is in them, whatever the order and however mixed or nested
- a Tuple (a `TupleSelector`, say) is its JSON: type, fields, order in lists included
- a dict puts no condition: an endpoint's is met by anything, a message's meets nothing;
  a dict inside a list counts
- a key that is a number is the text that it travels as
- what has no form on the wire (a function, say) is the same as itself only

Nothing in here raises, whatever a peer puts into a filt, and nothing takes longer than sorting it would.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Container, Hashable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from vortex.tuples.convert import toJsonable

__all__ = [
    "CLIENT_ECHO",
    "MESSAGE_ID",
    "SERVER_ECHO",
    "conditions",
    "identity",
    "isHeavy",
    "isSubset",
    "normalise",
    "shown",
    "watchFilt",
    "whyNot",
]

MESSAGE_ID = "PayloadResponse.messageId"
"""The filt key by which an answer finds the request that it belongs to."""

SERVER_ECHO = "rapuiServerEcho"
"""The filt key by which a client asks for the message to be sent straight back."""

CLIENT_ECHO = "rapuiClientEcho"
"""The same, asked by a server."""

_PLAIN = frozenset((str, int, bool, type(None)))
"""Types whose values are their own identity."""

_MAX_LEVELS = 64
"""How deep a value is looked into; twice as deep as a message may be."""

_repr = reprlib.Repr()
_repr.maxdict = 8
_repr.maxstring = _repr.maxother = 80

# What an identity begins with, unless it is a plain value: two ranks are never the same, nor compared.
_NONE, _NUMBER, _TEXT, _NAN, _BYTES, _INSTANT, _DAY, _ITEMS, _ORDERED, _FIELDS, _ITSELF = range(11)
_Place = tuple[int, Any]


_UTC = timedelta()


class _Itself:
    """A value that is the same as nothing else; orderable, so that a list of such can be sorted."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value

    def __lt__(self, other: _Itself) -> bool:
        return id(self.value) < id(other.value)

    def __hash__(self) -> int:
        return id(self.value)


def identity(value: Any) -> Hashable:
    """Something hashable that is equal for two values exactly if they are the same in a filt."""
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    rank, inner = place = _place(value, (), ordered=False)
    return inner if rank <= _TEXT else place


def isHeavy(value: Hashable) -> bool:
    """Whether this may be the identity of a list or a Tuple, which takes work to find."""
    return type(value) is tuple and value[0] >= _ITEMS


def conditions(
    filt: Mapping[Any, Any], heavy: Container[Hashable] | None = None
) -> Mapping[Hashable, Hashable]:
    """
    What *filt* holds, key by key, as identities. A dict value is left out. To be read only: most filts hold
    nothing but texts and numbers, and are returned as they are.

    Args:
        filt: Any filt.
        heavy: Keys under which lists and Tuples matter; under others they are left
            out unseen. None: everywhere.
    """
    for key, value in filt.items():
        if type(key) is not str or type(value) not in _PLAIN:
            break
    else:
        return filt
    found: dict[Hashable, Hashable] = {}
    for key, value in _named(filt).items():
        if type(value) in _PLAIN:
            found[key] = value
        elif not issubclass(type(value), dict) and (heavy is None or key in heavy or not _looksHeavy(value)):
            found[key] = identity(value)
    return found


def normalise(filt: Mapping[Any, Any]) -> frozenset[tuple[Hashable, Hashable]]:
    """*filt* as a set of (key, identity): one filt matches another if its set is a subset."""
    return frozenset(conditions(filt).items())


def isSubset(endpointFilt: Mapping[Any, Any], messageFilt: Mapping[Any, Any]) -> bool:
    """Whether a message of *messageFilt* goes to an endpoint of *endpointFilt*."""
    return normalise(endpointFilt) <= normalise(messageFilt)


def whyNot(endpointFilt: Mapping[Any, Any], messageFilt: Mapping[Any, Any]) -> str:
    """Which conditions of *endpointFilt* the message does not meet, in words; "" if it meets all."""
    has = conditions(messageFilt)
    wanted = _named(endpointFilt)
    given = _named(messageFilt)
    problems = []
    for key, value in conditions(endpointFilt).items():
        if key not in has:
            problems.append(f"{shown(key)} should be {shown(wanted[key])}, the message has none to compare")
        elif has[key] != value:
            problems.append(
                f"{shown(key)} should be {shown(wanted[key])}, the message has {shown(given[key])}"
            )
    return "; ".join(problems)


def watchFilt(filt: Mapping[Any, Any]) -> dict[Any, Any]:
    """What a peer asked about: *filt* less the messageId and the ``rapui`` keys, which are of one message."""
    return {
        key: value for key, value in filt.items() if key != MESSAGE_ID and not str(key).startswith("rapui")
    }


def shown(value: Any) -> str:
    """*value* for a person to read: of a bounded length, and there is no value that has none."""
    try:
        return _repr.repr(value)
    except Exception:  # a value's own methods may do anything
        return f"<{type(value).__qualname__}>"


def _named(filt: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """*filt* with every key as it travels; of two that become one, the later one counts."""
    for key in filt:
        if type(key) is not str:
            return {_name(key): value for key, value in filt.items()}
    return filt


def _name(key: Any) -> Hashable:
    if isinstance(key, Enum):
        key = key.value
    try:
        if isinstance(key, int) and not isinstance(key, bool):
            return int.__repr__(key)
        if isinstance(key, float):
            return float.__repr__(key)
    except ValueError:  # over 4,300 digits
        pass
    return identity(key)


def _looksHeavy(value: Any) -> bool:
    """Whether the identity of *value* is heavy for certain, from its type alone."""
    kind = type(value)
    return issubclass(kind, (list, tuple, set, frozenset)) or hasattr(kind, "__tupleType__")


def _place(value: Any, trail: tuple[int, ...], *, ordered: bool) -> _Place:
    """
    The rank of *value* and something to compare it by within that rank; hashable and orderable.

    Args:
        value: Anything.
        trail: The ids of the containers around it, so that one that holds itself comes to an end.
        ordered: Whether a list's order counts.
    """
    try:
        return _scalar(value) or _container(value, trail, ordered=ordered)
    except Exception:  # a value's own methods may do anything
        return _ITSELF, _Itself(value)


def _scalar(value: Any) -> _Place | None:
    if value is None:
        return _NONE, None
    if isinstance(value, str):
        return _TEXT, str.__str__(value)
    if isinstance(value, int):
        return _NUMBER, int.__int__(value)
    if isinstance(value, (float, Decimal)):
        isNan = value.is_nan() if isinstance(value, Decimal) else math.isnan(value)
        return (_NAN, 0) if isNan else (_NUMBER, float(value))
    if isinstance(value, (bytes, bytearray)):
        return _BYTES, bytes(value)
    if isinstance(value, datetime):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        local = timedelta(value.toordinal(), seconds, value.microsecond)
        return _INSTANT, local - (value.utcoffset() or _UTC)
    if isinstance(value, date):
        return _DAY, value.toordinal()
    return None


def _container(value: Any, trail: tuple[int, ...], *, ordered: bool) -> _Place:
    if id(value) in trail or len(trail) > _MAX_LEVELS:
        return _ITSELF, _Itself(value)
    trail = (*trail, id(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        places = [_place(each, trail, ordered=ordered) for each in value]
        return (_ORDERED, tuple(places)) if ordered else (_ITEMS, tuple(sorted(places)))
    if isinstance(value, dict):
        pairs = ((_place(_name(key), (), ordered=False), each) for key, each in value.items())
        return _FIELDS, tuple(sorted((key, _place(each, trail, ordered=ordered)) for key, each in pairs))
    if isinstance(value, Enum):
        return _place(value.value, trail, ordered=ordered)
    return _place(toJsonable(value), trail, ordered=True)
