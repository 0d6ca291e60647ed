"""
MalformedCount: how many messages of one link were none, of late.

No clock: callers pass the time in.
"""

from __future__ import annotations

__all__ = ["MalformedCount"]

HOUR = 3600.0
"""Seconds in which as many are forgotten as there may be."""


class MalformedCount:
    """
    It grows by one with each, and shrinks evenly meanwhile: a link that lives for months is not cut for what
    went wrong now and then.

    Args:
        most: `Limits.maxMalformed`.
    """

    __slots__ = ("_at", "_count", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0.0
        self._at = 0.0

    def oneMore(self, now: float) -> bool:
        """One more has come at *now*, in seconds on the caller's clock; whether that is one too many."""
        self._count = max(0.0, self._count - (now - self._at) * self._most / HOUR) + 1
        self._at = now
        return self._count > self._most
