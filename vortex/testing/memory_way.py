"""
MemoryWay: one direction of a connection in memory, and what can go wrong on it.

Bytes leave the writer's buffer in a later turn of the clock, are under way for `delay` seconds, and wait here
until the reader takes them. All that holds a limited number of bytes, as the buffers of two systems' kernels
do, so a reader that takes nothing makes the writer wait.

Faults are exact: what is lost or cut is counted in bytes, what is late in seconds of the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionDone, ConnectionLost

from vortex.clocks import Clock, DelayedCall

if TYPE_CHECKING:
    from vortex.testing.memory_transport import MemoryTransport

__all__ = ["MemoryWay"]

MOST_AT_ONCE = 64 * 1024
"""Bytes that a protocol is given at once, as Twisted reads them from a socket."""

SLOW_STEPS = 8
"""How often in a second a slow reader takes some: a fraction that floats add up exactly."""


class MemoryWay:
    """
    Attributes:
        written: Bytes that have left the writer.
        delivered: Bytes that the reader's protocol was given, a repeated chunk counted once.
        delay: Seconds that what is written from now on is under way.
        chunkSize: Most bytes that the reader is given at once; None: as many as are there, up to 64 KiB.
        bytesPerSecond: What a slow reader takes in a second; None: whatever is there.
        wasReset: True once the reader's system has heard that the writer is gone, and takes nothing either.

    Set delay, chunkSize and bytesPerSecond at any time. All ways of a connection begin without faults; see
    `MemoryNetwork.onConnect` for how to have them from its first byte.
    """

    def __init__(self, clock: Clock, window: int, onCut: Callable[[], None]) -> None:
        self.written = 0
        self.delivered = 0
        self.delay = 0.0
        self.chunkSize: int | None = None
        self.bytesPerSecond: float | None = None
        self.wasReset = False
        self._clock = clock
        self._window = window
        self._onCut = onCut
        self._cutAfter: int | None = None
        self._repeats = 0
        self._source: MemoryTransport
        self._target: MemoryTransport
        self._back: MemoryWay
        self._underWay: deque[tuple[float, bytes | type[Exception]]] = deque()
        self._arrived = bytearray()
        self._again = b""
        self._end: type[Exception] | None = None
        self._takesAt = 0.0
        self._stopped = False
        self._turn: DelayedCall | None = None

    def __repr__(self) -> str:
        return f"<MemoryWay {self.written} bytes written, {self.delivered} delivered>"

    # ---- faults

    def cut(self, afterBytes: int) -> None:
        """
        Cut the connection, both ways, as soon as *afterBytes* bytes have been delivered on this one.

        Args:
            afterBytes: Counted from the connection's beginning; 0 cuts it before any.
        """
        if afterBytes < 0:
            raise ValueError(f"expected a number of bytes, got {afterBytes!r}")
        self._cutAfter = afterBytes
        self._cutWhereDue()

    def repeatNext(self) -> None:
        """
        Give the reader its next chunk twice.

        TCP never does that; a broken proxy does, and a decoder has to survive it.
        """
        self._repeats += 1

    # ---- for the connection

    def connect(self, source: MemoryTransport, target: MemoryTransport, back: MemoryWay) -> None:
        """From whom to whom."""
        self._source, self._target, self._back = source, target, back

    def stop(self) -> None:
        """Nothing comes through any more, nor is anybody told; what is under way is lost."""
        self._stopped = True
        self._cancelTurn()

    def clear(self) -> None:
        """Forget what is under way: nobody is left to get it."""
        self.stop()
        self._underWay.clear()
        self._arrived.clear()
        self._again = b""

    # ---- for the transports

    @property
    def room(self) -> int:
        """How many bytes may be written now."""
        held = sum(len(data) for _, data in self._underWay if isinstance(data, bytes))
        return self._window - held - len(self._arrived)

    def take(self, data: bytes) -> int:
        """Bytes from the writer; returns how many of them are on their way now."""
        some = bytes(data[: self.room])
        if some:
            self.written += len(some)
            self._send(some)
        return len(some)

    def end(self, *, isReset: bool) -> None:
        """The writer is gone: the reader, if it is there still, learns it behind what is under way."""
        if self._target.disconnected:
            self.clear()
            self._back.clear()
        else:
            self._send(ConnectionLost if isReset else ConnectionDone)

    def wake(self) -> None:
        """Look when there is something to do next, and do it then."""
        due = self._nextDue()
        if self._turn is not None:
            if due is not None and self._turn.getTime() <= due:
                return
            self._cancelTurn()
        if due is not None:
            self._turn = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._step)

    # ---- inside

    def _send(self, what: bytes | type[Exception]) -> None:
        self._underWay.append((self._clock.seconds() + self.delay, what))
        self.wake()

    def _nextDue(self) -> float | None:
        if self._stopped:
            return None
        due = [self._underWay[0][0]] if self._underWay else []
        if self._target.reading and (self._arrived or self._again or self._end):
            due.append(max(self._takesAt, self._clock.seconds()))
        return min(due, default=None)

    def _cancelTurn(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _step(self) -> None:
        """One turn: what has come in, and one chunk of it for the reader."""
        self._turn = None
        now = self._clock.seconds()
        while self._underWay and self._underWay[0][0] <= now:  # in order: nothing overtakes
            self._arrive(self._underWay.popleft()[1])
        if self._target.reading and now >= self._takesAt:
            self._deliver(now)
        if not self._stopped:
            self._source.roomAgain()
            self.wake()

    def _arrive(self, what: bytes | type[Exception]) -> None:
        if isinstance(what, bytes):
            if self._target.disconnected:
                self._back.end(isReset=True)  # as a system answers that nobody is there any more
            else:
                self._arrived += what
        else:
            self._end = self._end or what
            if what is ConnectionLost:
                self.wasReset = True
                self._target.roomAgain()

    def _deliver(self, now: float) -> None:
        if self._again:
            chunk, self._again = self._again, b""
            self._target.give(chunk)
        elif self._arrived:
            chunk = self._nextChunk()
            if self.bytesPerSecond is not None:
                self._takesAt = now + len(chunk) / self.bytesPerSecond
            if self._repeats:
                self._repeats -= 1
                self._again = chunk
            self.delivered += len(chunk)
            self._target.give(chunk)
            self._cutWhereDue()
        elif self._end is not None:
            self._target.end(self._end())

    def _nextChunk(self) -> bytes:
        sizes = [MOST_AT_ONCE]
        if self.chunkSize is not None:
            sizes.append(self.chunkSize)
        if self.bytesPerSecond is not None:
            sizes.append(max(1, int(self.bytesPerSecond / SLOW_STEPS)))
        if self._cutAfter is not None:
            sizes.append(self._cutAfter - self.delivered)
        size = min(sizes)
        chunk = bytes(self._arrived[:size])
        del self._arrived[:size]
        return chunk

    def _cutWhereDue(self) -> None:
        if self._cutAfter is not None and self.delivered >= self._cutAfter:
            self._onCut()
