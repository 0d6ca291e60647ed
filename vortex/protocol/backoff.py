"""
Backoff: how long to wait before the next attempt to connect.

The longest wait doubles from one attempt to the next, up to a cap, and each wait is drawn evenly from nothing
to that: so programs that lost the same server do not come back at the same moment.
"""

from __future__ import annotations

from random import Random

__all__ = ["Backoff"]

FIRST = 0.25
CAP = 8.0


class Backoff:
    """
    Args:
        random: Where the waits are drawn from; None: one of its own.
        first: The longest first wait, in seconds.
        cap: The longest wait of all, in seconds.
    """

    def __init__(self, random: Random | None = None, *, first: float = FIRST, cap: float = CAP) -> None:
        self._random = random or Random()
        self._first = first
        self._cap = cap
        self.attempts = 0

    def next(self) -> float:
        """Seconds to wait now."""
        longest = min(self._cap, self._first * 2.0 ** min(self.attempts, 64))
        self.attempts += 1
        return self._random.uniform(0, longest)

    def reset(self) -> None:
        """A link was open: begin again with short waits."""
        self.attempts = 0
