"""
Lines: what one peer has sent is taken one after another, however long something of it takes to be read.

Mostly nobody waits: a message is taken in the turn of the reactor in which it came. Only if a body has to be
opened in a thread, or a peer's messages have taken so much of a turn that others should have theirs, the next
ones wait here, those of that peer and nobody else's.

Bodies are opened in one thread at a time: they are Python's work, of which only one can be done at once, so
more threads would only let everybody else wait longer. Who has more to open waits behind the others.

Which messages there are, and what they are for, is `vortex.routing.payload_io`'s.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.limits import Limits
from vortex.protocol.envelope import Envelope
from vortex.routing.ports import Node, Peer

__all__ = ["SLICE", "Line", "Lines", "sizeOf"]

log = Logger()

SLICE = 0.01
"""Seconds of a turn that what comes from one peer may take before the others are looked after."""

SHARE = 0.5
"""What part of the time may go to one peer before it has to be in slices."""

BURST_SECONDS = 5
"""What a peer may have opened at once, in seconds of `Limits.maxInflatedPerSecond`."""

_OVERHEAD = 1 << 10  # bytes that a message takes here beside its body


class Line:
    """
    One peer's.

    Attributes:
        isBusy: Whether the next message has to wait.
        isHeld: Whether those that wait have to wait still.
        holds: For how many things.
        bytes: How much waits.
    """

    __slots__ = (
        "_openedAt",
        "_spent",
        "_spentAt",
        "_toOpen",
        "bytes",
        "holds",
        "isBusy",
        "isHeld",
        "jobs",
        "waiters",
    )

    def __init__(self, limits: Limits, now: float) -> None:
        self.isBusy = False
        self.isHeld = False
        self.holds = 0
        self.bytes = 0
        self.jobs: deque[tuple[int, Callable[[], object]]] = deque()
        self.waiters: list[Callable[[], object]] = []
        self._spent = 0.0
        self._spentAt = now
        self._toOpen = float(BURST_SECONDS * limits.maxInflatedPerSecond)
        self._openedAt = now

    def spend(self, begin: float, end: float) -> bool:
        """A message was taken from *begin* to *end*: whether it is the others' turn now."""
        self._spent = max(0.0, self._spent - (begin - self._spentAt) * SHARE) + end - begin
        self._spentAt = end
        return self._spent > SLICE

    def begin(self) -> None:
        """Its slice begins."""
        self._spent = 0.0

    def waitToOpen(self, limits: Limits, now: float) -> float:
        """Seconds until something of it may be opened."""
        rate = limits.maxInflatedPerSecond
        most = float(BURST_SECONDS * rate)
        self._toOpen = min(most, self._toOpen + (now - self._openedAt) * rate)
        self._openedAt = now
        return -self._toOpen / rate if self._toOpen < 0 else 0.0

    def opened(self, size: int) -> None:
        """So many bytes of it were."""
        self._toOpen -= size


class Lines:
    """
    The lines of one node.

    Args:
        node: Held weakly.
    """

    def __init__(self, node: Node) -> None:
        self._node = weakref.ref(node)
        self._lines: WeakKeyDictionary[Peer, Line] = WeakKeyDictionary()
        self._ready: deque[Line] = deque()  # those that go on in the next turn
        self._toOpen: deque[tuple[Line, Callable[[], int], Deferred[None]]] = deque()
        self._isOpening = False

    def of(self, peer: Peer) -> Line:
        """The line of *peer*."""
        line = self._lines.get(peer)
        if line is None:
            node = self._node()
            assert node is not None  # something came in to it
            line = self._lines[peer] = Line(node.limits, node.clock.seconds())
        return line

    def isFull(self, peer: Peer) -> bool:
        """Whether so much of *peer* waits that nothing more should be read of it."""
        line, node = self._lines.get(peer), self._node()
        return line is not None and node is not None and line.bytes > node.limits.maxWaitingBytes

    def whenFree(self, peer: Peer, call: Callable[[], object]) -> None:
        """Call *call* when nothing of *peer* waits: now, if nothing does."""
        line = self._lines.get(peer)
        if line is None or not line.isBusy:
            call()
        else:
            line.waiters.append(call)

    # ---- turns

    def wait(self, line: Line, size: int, job: Callable[[], object]) -> None:
        """Have *job* called, of a message of *size* bytes, when all before it in the busy *line* is done."""
        line.jobs.append((size, job))
        line.bytes += size

    def spent(self, line: Line, begin: float, end: float) -> None:
        """What is called at once has taken so long: *line* goes on in the next turn, if that was long."""
        if line.spend(begin, end) and not line.isHeld:
            self._later(line)

    def hold(self, line: Line, until: Deferred[None]) -> None:
        """Nothing more of *line* is taken until then; what was added to *until* is called before that."""
        if not until.called:
            line.isBusy = line.isHeld = True
            line.holds += 1
            until.addBoth(self._held, line)

    def _held(self, _: object, line: Line) -> None:
        line.holds -= 1
        if not line.holds:
            self._later(line)

    def _later(self, line: Line) -> None:
        line.isBusy = line.isHeld = True
        self._ready.append(line)
        node = self._node()
        if len(self._ready) == 1 and node is not None:
            node.clock.callLater(0, self._turn)

    def _turn(self) -> None:
        """Go on with those that wait, one after another, for no longer than one may take."""
        node = self._node()
        if node is None:
            return
        seconds = node.clock.seconds
        end = seconds() + SLICE
        ready, self._ready = self._ready, deque()
        while ready and seconds() <= end:
            self._goOn(ready.popleft(), seconds, end)
        if ready:  # who had no turn in this one is first in the next
            self._ready.extendleft(reversed(ready))
            if len(self._ready) == len(ready):
                node.clock.callLater(0, self._turn)

    def _goOn(self, line: Line, seconds: Callable[[], float], end: float) -> None:
        line.isHeld = False
        line.begin()
        while line.jobs and not line.isHeld:
            begin = seconds()
            if begin > end:
                self._later(line)
                return
            size, job = line.jobs.popleft()
            line.bytes -= size
            try:
                job()
            except Exception:
                log.failure("a message that had to wait could not be taken")
            self.spent(line, begin, seconds())
        if not line.isHeld:
            line.isBusy = False
            waiters, line.waiters = line.waiters, []
            for call in waiters:
                call()

    # ---- opening

    def open(self, line: Line, work: Callable[[], int]) -> Deferred[None]:
        """
        Have *work* done in a thread, in its turn.

        Args:
            work: Opens a body, and returns how many bytes it was then.

        Returns:
            Fires when it is done, whatever came of it.
        """
        done: Deferred[None] = Deferred()
        node = self._node()
        if node is None:
            return done
        wait = line.waitToOpen(node.limits, node.clock.seconds())
        if wait:
            node.counters["held"] += 1
            node.clock.callLater(wait, self._mayOpen, line, work, done)
        else:
            self._mayOpen(line, work, done)
        return done

    def _mayOpen(self, line: Line, work: Callable[[], int], done: Deferred[None]) -> None:
        self._toOpen.append((line, work, done))
        self._openNext()

    def _openNext(self) -> None:
        node = self._node()
        if self._isOpening or not self._toOpen or node is None:
            return
        self._isOpening = True
        line, work, done = self._toOpen.popleft()

        def opened(outcome: int | Failure) -> None:
            self._isOpening = False
            if isinstance(outcome, Failure):
                log.failure("a body could not be opened", outcome)
            else:
                line.opened(outcome)
            self._openNext()
            done.callback(None)

        node.runInThread(work).addBoth(opened)


def sizeOf(envelope: Envelope) -> int:
    """How much *envelope* takes while it waits, about."""
    body = envelope.body
    return _OVERHEAD if body is None else _OVERHEAD + (body.size or body.inflatedSize)
