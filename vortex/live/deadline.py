"""
Deadline: waits for what a program makes, but not for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from vortex.clocks import Clock, DelayedCall
from vortex.errors import RequestTimeout
from vortex.limits import Limits

__all__ = ["Deadline"]


class Deadline:
    """
    For one call.

    Args:
        clock: The node's.
        limits: The node's: ``watchTimeout`` is how long it may take.
    """

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._seconds = limits.watchTimeout
        self._timer: DelayedCall | None = None

    def wait(self, make: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """
        Call *make*, which may return anything, a Deferred or a coroutine.

        Returns:
            A Deferred that fires as that does. Or it fails with `RequestTimeout`: then that is cancelled, and
            what comes of it is dropped.
        """
        made = maybeDeferred(make, *arguments)
        if made.called and not made.paused:
            return made
        outcome: Deferred[Any] = Deferred()

        def isLate() -> None:
            text = f"nothing was made within the {self._seconds:g} seconds of watchTimeout"
            outcome.errback(RequestTimeout(text))
            made.cancel()

        def comes(result: Any) -> None:
            self.lift()
            if not outcome.called:
                outcome.callback(result)

        self._timer = self._clock.callLater(self._seconds, isLate)
        made.addBoth(comes)
        return outcome

    def lift(self) -> None:
        """Wait as long as it takes."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
