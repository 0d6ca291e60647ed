"""
Lingering: watches that nobody watches any more, kept for a while in case that somebody comes back.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from vortex.clocks import Clock, DelayedCall
from vortex.limits import Limits
from vortex.live.watch import LiveWatch

__all__ = ["Lingering", "laterWeakly"]

WATCH_BYTES = 8 << 10
"""What a watch takes at least, be its state empty."""


class Lingering:
    """
    Args:
        clock: The node's.
        limits: The node's: how long a watch lingers, and how much room those that do may take.
        forget: Called with a watch that has lingered for long enough; it takes it out by `wake`.
    """

    def __init__(self, clock: Clock, limits: Limits, forget: Callable[[LiveWatch], None]) -> None:
        self._clock = clock
        self._limits = limits
        self._forget = weakref.WeakMethod(forget)
        self._until: dict[LiveWatch, tuple[float, int]] = {}  # and its size; the next to go is first
        self._bytes = 0
        self._timer: DelayedCall | None = None

    def __len__(self) -> int:
        return len(self._until)

    def add(self, watch: LiveWatch) -> None:
        """Nobody watches *watch* any more."""
        size = WATCH_BYTES + watch.state.size + 2 * watch.askedBytes
        self._until[watch] = self._clock.seconds() + self._limits.watchLinger, size
        self._bytes += size
        self._tidy()

    def wake(self, watch: LiveWatch) -> None:
        """*watch* lingers no more."""
        _, size = self._until.pop(watch, (0.0, 0))
        self._bytes -= size
        if not self._until and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tidy(self) -> None:
        """Have those forgotten whose time is over, and the oldest as long as they take too much room."""
        forget = self._forget()
        while self._until and forget is not None:
            watch, (until, _) = next(iter(self._until.items()))
            if until > self._clock.seconds() and self._bytes <= self._limits.maxLingerBytes:
                break
            forget(watch)
        if self._until and self._timer is None:
            until, _ = next(iter(self._until.values()))
            self._timer = laterWeakly(self._clock, max(0.0, until - self._clock.seconds()), self._over)

    def _over(self) -> None:
        self._timer = None
        self._tidy()


def laterWeakly(clock: Clock, seconds: float, method: Callable[[], None]) -> DelayedCall:
    """Have *method* called later, if its object is there still: a timer keeps nobody alive."""
    weakly = weakref.WeakMethod(method)

    def call() -> None:
        function = weakly()
        if function is not None:
            function()

    return clock.callLater(seconds, call)
