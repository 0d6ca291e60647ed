"""
Intake: how fast what one session brings is taken.

A token bucket: a burst is taken at once, and what goes on faster than `Limits.maxMessagesPerSecond` is read
slower. So is what comes while `Limits.maxWaitingRequests` of the session are being carried out. Nothing is
refused or queued for it: what is not read waits at the other end.
"""

from __future__ import annotations

from vortex.limits import Limits

__all__ = ["BUSY_SECONDS", "Intake"]

BURST_SECONDS = 5
"""What the bucket holds, in seconds of the rate."""

BUSY_SECONDS = 1.0
"""How long reading stops at once for what is being carried out: who is to be cancelled has to be heard."""


class Intake:
    """
    Args:
        limits: The bounds.
        now: The time, in seconds on the caller's clock.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._rate = limits.maxMessagesPerSecond
        self._most = float(BURST_SECONDS * self._rate)
        self._left = self._most
        self._at = now

    def take(self, count: int, running: int, now: float) -> float:
        """
        So many frames were taken, and so many requests are being carried out.

        Returns:
            Seconds to wait before the next are read; 0 if they may be at once.
        """
        self._fill(now)
        self._left -= count
        wait = -self._left / self._rate if self._left < 0 else 0.0
        return max(wait, BUSY_SECONDS) if running > self._limits.maxWaitingRequests else wait

    def isExhausted(self, now: float) -> bool:
        """Whether so much more than a burst was taken that there is no waiting for it."""
        self._fill(now)
        return self._left < -self._most

    def _fill(self, now: float) -> None:
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
