"""
PostWays: by which kind of request a session of ours is carried over HTTP, by which have got through so far.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["PostWays", "Via"]

Via = Literal["stream", "sse", "poll"]
"""How a session of the native wire is carried over HTTP."""

SHORT = 2.0
"""Seconds within which a stream that ends has been cut short."""

MAX_SHORT = 3
"""Streams, one after the other, after which polls are tried."""

POLLS = 300.0
"""Seconds after which a stream is tried again."""


class PostWays:
    """
    It outlives links: a proxy that holds streams back does so at the next one as well.

    Args:
        via: The only one to use; None: streams, and polls where those do not get through.
    """

    def __init__(self, via: Via | None) -> None:
        self._via = via
        self._short = 0
        self._pollUntil = 0.0

    @property
    def isFixed(self) -> bool:
        """Whether there is but one way."""
        return self._via is not None

    def next(self, now: float) -> Via:
        """What to try at *now*."""
        return self._via or ("poll" if now < self._pollUntil else "stream")

    def heldBack(self, now: float) -> None:
        """A stream has not begun in time."""
        self._short = 0
        self._pollUntil = now + POLLS

    def ended(self, seconds: float, now: float) -> None:
        """A stream has ended by itself, after so many seconds."""
        self._short = self._short + 1 if seconds < SHORT else 0
        if self._short >= MAX_SHORT:
            self.heldBack(now)
