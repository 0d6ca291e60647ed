"""
Native body: the tuples inside a message of our own wire, still as they came, and how they are written.

    JSON, compressed by zlib where that makes it smaller: [group, group, ...]

What a group is stands in `vortex.tuples.columns`. As with `vortex.protocol.body.Body`, whoever wants the
tuples opens it, and only then is it inflated, parsed and converted.
"""

from __future__ import annotations

from typing import Any

from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.compression import deflate, inflate, inflateShort
from vortex.protocol.json_codec import dumps, loads
from vortex.tuples.columns import Group, decodeGroups, encodeGroups, groupOfJson, groupsOf, jsonOfGroups
from vortex.tuples.convert import Reading

__all__ = ["NativeBody", "encodeNativeBody", "nativeBodyOfJson"]

COMPRESSED_FROM = 256
"""Bytes of JSON from which it is worth the time to compress."""

_EXTRA_LEVELS = 1
"""How many more levels there are around a tuple's values than in VortexPY's form, for which maxDepth is."""


class NativeBody:
    """
    The tuples of one message, not yet decoded.

    Args:
        data: What stood in the message behind the head.
        isCompressed: Whether that is a zlib stream.

    Attributes:
        inflatedSize: Bytes of JSON in it, as far as that is known: of a compressed one once it was opened.
    """

    __slots__ = ("_groups", "_short", "data", "inflatedSize", "isCompressed")

    text = None
    """It is none that VortexPY's peers could read, so it is never sent on to them as it is."""

    def __init__(self, data: bytes, *, isCompressed: bool) -> None:
        self.data = data
        self.isCompressed = isCompressed
        self.inflatedSize = 0 if isCompressed else len(data)
        self._groups: list[Group] | None = None
        self._short: bytes | None = None  # of a short one, from when that was found out until it is opened

    @property
    def size(self) -> int:
        """Bytes, as it came."""
        return len(self.data)

    def isShort(self, most: int) -> bool:
        """Whether it has no more than *most* bytes of JSON. That costs no more than they do."""
        if not self.isCompressed or self._short is not None or self._groups is not None:
            return self.inflatedSize <= most
        self._short = inflateShort(self.data, most)
        self.inflatedSize = len(self._short or b"")
        return self._short is not None

    def decodeTuples(self, reading: Reading) -> list[Any]:
        """
        Open the body.

        Args:
            reading: Whose limits hold, and which counts the fields that nobody knows.

        Raises:
            DecodeError: If it is not zlib, JSON or groups, a tuple is not as its class says, or has a field
                that its class does not declare.
            UnknownTupleType: If a tuple is of a type that is not registered here.
            LimitExceeded: If it is too large or too deep.
        """
        groups, self._groups = self._opened(reading.limits), None
        try:
            return decodeGroups(groups, reading)
        except DecodeError as error:
            raise error.at(".tuples") from None

    def jsonTuples(self, limits: Limits) -> list[Any]:
        """The tuples as VortexPY's wire has them, no type asked for. Raises as `holdsTuples`."""
        return jsonOfGroups(self._opened(limits))

    def holdsTuples(self, limits: Limits) -> bool:
        """Whether any tuple is in it; none is converted. Raises as `decodeTuples`, but for the tuples."""
        return any(group.rows for group in self._opened(limits))

    def _opened(self, limits: Limits) -> list[Group]:
        if self._groups is None:
            self._groups = groupsOf(loads(self._json(limits), limits, extraLevels=_EXTRA_LEVELS))
        return self._groups

    def _json(self, limits: Limits) -> bytes:
        if self.isCompressed:
            text, self._short = self._short or inflate(self.data, limit=limits.maxInflated), None
            self.inflatedSize = len(text)
            return text
        if len(self.data) > limits.maxInflated:
            raise LimitExceeded(
                "maxInflated", f"a payload of {len(self.data)} bytes came, {limits.maxInflated} are accepted"
            )
        return self.data


def encodeNativeBody(tuples: list[Any]) -> NativeBody:
    """
    Encode what a payload carries.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
    """
    return _bodyOf(encodeGroups(tuples))


def nativeBodyOfJson(tuples: list[Any]) -> NativeBody:
    """The body of *tuples* that came as JSON on VortexPY's wire: none is converted, no type asked for."""
    return _bodyOf([groupOfJson(tuples)] if tuples else [])


def _bodyOf(groups: list[dict[str, Any]]) -> NativeBody:
    data = dumps(groups)
    if len(data) >= COMPRESSED_FROM:
        deflated = deflate(data)
        if len(deflated) < len(data):
            return NativeBody(deflated, isCompressed=True)
    return NativeBody(data, isCompressed=False)
