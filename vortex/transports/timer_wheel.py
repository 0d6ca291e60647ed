"""
TimerWheel: one reactor timer for the beats and deadlines of every connection.

Calls are rounded up to a slot of `resolution` seconds, and only the earliest
slot holds a timer of the reactor: ten thousand idle connections cost ten
thousand dictionary entries, and an empty wheel costs nothing.

It has the interface of a clock (`seconds`, `callLater`), so whatever takes a
clock takes a wheel. Not for precise work: a call may come one slot late.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from vortex.clocks import Clock, DelayedCall

__all__ = ["TimerWheel"]

SPARE = 64
"""Numbers of empty slots that are left in the heap, besides as many as there are slots."""

log = Logger()


class _Call:
    """One pending call; an `IDelayedCall` in all that matters here."""

    __slots__ = ("_args", "_function", "_kwargs", "_slot", "_time", "_wheel")

    def __init__(
        self, wheel: TimerWheel, time: float, function: Callable[..., object], args: Any, kwargs: Any
    ) -> None:
        self._wheel = wheel
        self._time = time
        self._function: Callable[..., object] | None = function
        self._args = args
        self._kwargs = kwargs
        self._slot = -1

    def active(self) -> bool:
        return self._function is not None

    def getTime(self) -> float:
        return self._time

    def cancel(self) -> None:
        """Forget this call; cancelling one that has run or was cancelled does nothing."""
        if self._function is not None:
            self._function = None
            self._args = self._kwargs = None
            self._wheel._remove(self)

    def reset(self, secondsFromNow: float) -> None:
        if self._function is not None:
            self._wheel._remove(self)
            self._time = self._wheel.seconds() + secondsFromNow
            self._wheel._add(self)

    def _run(self) -> None:
        function, args, kwargs = self._function, self._args, self._kwargs
        self._function = self._args = self._kwargs = None
        if function is not None:
            function(*args, **kwargs)


class TimerWheel:
    """
    Args:
        clock: What really keeps the time: a reactor, or a test's clock.
        resolution: Length of a slot, in seconds.
    """

    def __init__(self, clock: Clock, resolution: float = 0.1) -> None:
        self._clock = clock
        self._resolution = resolution
        self._slots: dict[int, dict[_Call, None]] = {}
        self._order: list[int] = []
        self._timer: DelayedCall | None = None
        self._timerSlot = -1

    def __len__(self) -> int:
        """How many calls are pending."""
        return sum(len(slot) for slot in self._slots.values())

    def seconds(self) -> float:
        """The time, in seconds, on the clock underneath."""
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        """Call *callable* in *delay* seconds, or up to one slot later."""
        call = _Call(self, self._clock.seconds() + delay, callable, args, kwargs)
        self._add(call)
        return call

    def _add(self, call: _Call) -> None:
        number = call._slot = math.ceil(call._time / self._resolution)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            heapq.heappush(self._order, number)
        slot[call] = None
        if self._timer is None or number < self._timerSlot:
            self._arm()

    def _remove(self, call: _Call) -> None:
        slot = self._slots.get(call._slot)
        if slot is not None:
            slot.pop(call, None)
            if not slot:  # its number stays in the heap until it comes up
                del self._slots[call._slot]
                if not self._slots:
                    self._order.clear()
                    self._arm()
                elif len(self._order) > 2 * len(self._slots) + SPARE:
                    self._order[:] = sorted(self._slots)  # which is a heap

    def _arm(self) -> None:
        """Have the reactor wake us for the earliest slot, and for nothing else."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._order and self._order[0] not in self._slots:
            heapq.heappop(self._order)
        if self._order:
            self._timerSlot = self._order[0]
            delay = self._timerSlot * self._resolution - self._clock.seconds()
            self._timer = self._clock.callLater(max(0.0, delay), self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._order and self._order[0] * self._resolution <= now + 1e-9:
            for call in list(self._slots.pop(heapq.heappop(self._order), ())):
                try:
                    call._run()
                except Exception:
                    log.failure("a timed call failed")
        if self._timer is None:
            self._arm()
