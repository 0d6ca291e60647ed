"""
View messages: what the key ``view`` of a filt says, read.

The table is in docs/reference/live-data.md, section 3. Nothing is applied here: that is
`vortex.handlers.live_rows`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from vortex.errors import DecodeError, VortexError, parseErrorText
from vortex.routing.filt import shown
from vortex.tuples.keys import keyFromWire

__all__ = ["Check", "Delta", "End", "KeyFields", "ViewMessage", "Whole", "readView", "watchNumber"]

KeyFields = dict[str, list[str]]
"""The names of the key fields by tuple type."""


@dataclass(frozen=True, slots=True)
class Whole:
    """
    The state at *serial*, or its part *part*, from 0, of *parts*.

    Attributes:
        keyFields: None where the state is not keyed.
    """

    epoch: str
    serial: int
    keyFields: KeyFields | None
    part: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Delta:
    """
    What has changed from serial *since* to serial *to*.

    Attributes:
        gone: The keys of tuples that are there no more.
        places: Which tuple of the message stands at which place, the places ascending.
        epoch: Of a net delta, which answers a request; None: of any other.
        keyFields: Of a net delta too.
    """

    since: int
    to: int
    gone: list[Hashable]
    places: list[tuple[int, int]]
    epoch: str | None = None
    keyFields: KeyFields | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What the state at *serial* is, in short: how many tuples, and the sum of their row sums."""

    serial: int
    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class End:
    """The server has ended the watch."""

    error: VortexError


ViewMessage = Whole | Delta | Check | End


def watchNumber(view: Any) -> int | None:
    """The number of the watch that *view* is about; None if it says none."""
    number = view.get("w") if isinstance(view, Mapping) else None
    return number if type(number) is int else None


def readView(view: Mapping[str, Any]) -> ViewMessage:
    """
    What *view* says. Keys that are not in the table are left alone.

    Raises:
        DecodeError: If it makes no sense.
    """
    if "end" in view:
        return End(parseErrorText(str(view["end"])))
    if "c" in view:
        count, total = _pair(view, "c")
        return Check(_number(view, "s"), count, total)
    if "s" in view:
        part, parts = _pair(view, "p") if "p" in view else (0, 1)
        if part >= parts:
            raise DecodeError(f"expected a part below {parts}, got {part}", ".view.p")
        return Whole(_text(view, "e"), _number(view, "s"), _keyFields(view), part, parts)
    return Delta(
        _number(view, "f"),
        _number(view, "t"),
        _gone(view),
        _places(view),
        _text(view, "e") if "e" in view else None,
        _keyFields(view),
    )


def _number(view: Mapping[str, Any], key: str) -> int:
    return _isNumber(view.get(key), f".view.{key}")


def _isNumber(value: Any, path: str) -> int:
    if type(value) is not int or value < 0:
        raise DecodeError(f"expected a number of 0 or more, got {shown(value)}", path)
    return value


def _text(view: Mapping[str, Any], key: str) -> str:
    value = view.get(key)
    if not isinstance(value, str):
        raise DecodeError(f"expected a text, got {shown(value)}", f".view.{key}")
    return value


def _list(view: Mapping[str, Any], key: str) -> list[Any]:
    value = view.get(key, [])
    if not isinstance(value, list):
        raise DecodeError(f"expected a list, got {shown(value)}", f".view.{key}")
    return value


def _pair(view: Mapping[str, Any], key: str) -> tuple[int, int]:
    return _isPair(view.get(key), f".view.{key}")


def _isPair(value: Any, path: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise DecodeError(f"expected two numbers, got {shown(value)}", path)
    return _isNumber(value[0], path), _isNumber(value[1], path)


def _keyFields(view: Mapping[str, Any]) -> KeyFields | None:
    value = view.get("k")
    if value is None:
        return None
    if isinstance(value, dict) and all(map(_areNames, value.values())):
        return value
    raise DecodeError(f"expected the names of key fields by type, got {shown(value)}", ".view.k")


def _areNames(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _gone(view: Mapping[str, Any]) -> list[Hashable]:
    gone = [keyFromWire(value) for value in _list(view, "x")]
    if None in gone:
        raise DecodeError("expected keys, got a null, or what is no key", ".view.x")
    return gone


def _places(view: Mapping[str, Any]) -> list[tuple[int, int]]:
    places = [_isPair(value, ".view.i") for value in _list(view, "i")]
    if any(here >= there for (_, here), (_, there) in pairwise(places)):
        raise DecodeError("expected places that ascend", ".view.i")
    if len({row for row, _ in places}) != len(places):
        raise DecodeError("expected one place for a tuple", ".view.i")
    return places
