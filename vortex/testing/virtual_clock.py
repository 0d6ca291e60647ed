"""
VirtualClock: time that a test turns by hand.

Twisted's `Clock` jumps to the end and then makes the calls that were due on the way. This one goes from call
to call, so that each sees the time at which it is due, and what it starts in turn comes in its place too.
"""

from __future__ import annotations

from bisect import insort_right
from collections.abc import Callable
from operator import attrgetter

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

__all__ = ["VirtualClock"]

TOO_MANY_CALLS = 100_000
"""Calls in one moment after which nothing is going to settle any more."""


_DUE = attrgetter("time")
"""When a call is due, unless it was put off: that counts when its turn has come, as in a reactor."""


class VirtualClock(Clock):
    """A clock that begins at 0 and moves only in `advance`."""

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """As in a reactor. A call is put where it belongs: Twisted's clock sorts all of them each time."""
        due = self.rightNow + delay
        call = DelayedCall(due, callable, args, kw, self.calls.remove, self._madeEarlier, self.seconds)
        insort_right(self.calls, call, key=_DUE)
        return call

    def advance(self, amount: float) -> None:
        """
        Let *amount* seconds pass, from one call to the next; 0 makes the calls that are due now.

        Raises:
            ValueError: If *amount* is below 0.
            AssertionError: If one moment has no end, because each call in it asks for another at once.
        """
        if amount < 0:
            raise ValueError(f"time goes forward only, got {amount!r} seconds")
        end = self.rightNow + amount
        calls = 0
        while (first := self._first()) is not None and first.time <= end:
            due = max(self.rightNow, first.time)
            calls = calls + 1 if due == self.rightNow else 1
            if calls > TOO_MANY_CALLS:
                raise AssertionError(
                    f"{TOO_MANY_CALLS} calls were made at {due:g} s and more are due; the next is "
                    f"{describeCall(first)}"
                )
            self.rightNow = due
            self._makeFirst()
        self.rightNow = max(self.rightNow, end)

    def settle(self) -> None:
        """Make all calls that are due now, and those that they ask for at once; no time passes."""
        self.advance(0)

    def step(self) -> bool:
        """Make one call that is due now, the first; returns False if none is."""
        first = self._first()
        isDue = first is not None and first.time <= self.rightNow
        if isDue:
            self._makeFirst()
        return isDue

    def _first(self) -> DelayedCall | None:
        """What is due first; what was put off has gone to its place."""
        while self.calls and self.calls[0].delayed_time:
            call = self.calls.pop(0)
            call.activate_delay()
            insort_right(self.calls, call, key=_DUE)
        return self.calls[0] if self.calls else None

    def _makeFirst(self) -> None:
        call = self.calls.pop(0)
        call.called = 1
        call.func(*call.args, **call.kw)

    def _madeEarlier(self, call: DelayedCall) -> None:
        self.calls.sort(key=_DUE)


def describeCall(call: IDelayedCall) -> str:
    """*call* for people to read: when it is due, and what it calls."""
    function = getattr(call, "func", None)
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or repr(function)
    return f"{f'{module}.{name}' if module else name} at {call.getTime():g} s"
