"""
DeliveryPolicy: how fast one who watches is told of changes, and whether of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from vortex.errors import DecodeError

__all__ = ["DeliveryPolicy"]

PRIORITIES = range(1, 1_001)
"""What a peer may ask for."""

LONGEST_INTERVAL = 86_400
"""Seconds: a day. An integer may be longer than any clock can count to."""


@dataclass(frozen=True)
class DeliveryPolicy:
    """
    Args:
        mode: ``"latest"``: what changed several times before it was sent is sent once. ``"all"``: each state
            is told of by itself, in order, as long as no more than *maxItems* and *maxBytes* are to be kept
            for that; beyond it is as ``"latest"``.
        minInterval: Seconds that are between two messages at least, up to a day.
        maxItems, maxBytes: How many changes of one watch are kept for those who want all of them.
        priority: Lower leaves first, where messages wait for a peer.

    Raises:
        ValueError: If one of them is not as said here.
    """

    mode: Literal["latest", "all"] = "latest"
    minInterval: float = 0
    maxItems: int = 1_000
    maxBytes: int = 8 << 20
    priority: int = 100

    def __post_init__(self) -> None:
        if self.mode not in ("latest", "all"):
            raise ValueError(f"a policy's mode is 'latest' or 'all', got {self.mode!r}")
        if not _isNumber(self.minInterval) or not 0 <= self.minInterval <= LONGEST_INTERVAL:
            raise ValueError(
                f"minInterval is a number of seconds, 0 to {LONGEST_INTERVAL}, got {self.minInterval!r:.40}"
            )
        for name in ("maxItems", "maxBytes"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ValueError(f"{name} is a number above 0, got {getattr(self, name)!r}")
        if type(self.priority) is not int:
            raise ValueError(f"a priority is an integer, got {self.priority!r}")

    def toWire(self) -> dict[str, Any]:
        """What a peer is asked for, as it stands in a filt: only what is not usual."""
        usual = DeliveryPolicy()
        asked = {name: getattr(self, name) for name in ("mode", "minInterval", "priority")}
        return {name: value for name, value in asked.items() if value != getattr(usual, name)}

    def asked(self, wire: Any) -> DeliveryPolicy:
        """
        This policy, the server's, as a peer wants it: slower it may be, faster not.

        Raises:
            DecodeError: If *wire*, from a filt, is no policy.
        """
        if wire is None:
            return self
        if not isinstance(wire, Mapping):
            raise DecodeError(f"expected a policy, an object, got {wire!r:.40}")
        mode = wire.get("mode", self.mode)
        interval = wire.get("minInterval", self.minInterval)
        priority = wire.get("priority", self.priority)
        if type(priority) is not int or priority not in PRIORITIES:
            raise DecodeError(
                f"expected an integer from {PRIORITIES[0]} to {PRIORITIES[-1]}, got {priority!r:.40}",
                ".priority",
            )
        if not _isNumber(interval) or interval < 0:
            raise DecodeError(
                f"expected a number of seconds, 0 or more, got {interval!r:.40}", ".minInterval"
            )
        try:
            return replace(self, mode=mode, minInterval=max(interval, self.minInterval), priority=priority)
        except (ValueError, TypeError) as error:
            raise DecodeError(str(error)) from None


def _isNumber(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
