"""A blocking session and its server on one virtual clock: nothing blocks, and no socket is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from vortex import ConnectionLost, ConnectionRefused
from vortex.limits import Limits
from vortex.node.blocking_session import BlockingSession
from vortex.node.blocking_way import Lost
from vortex.node.vortex import Vortex
from vortex.protocol.backoff import Backoff
from vortex.protocol.client_session import ClientSession
from vortex.protocol.native import NativeDecoder
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.native_line import NativeLine

__all__ = ["MemoryWay", "Scene"]

STEP = 0.25
"""Seconds that pass while nothing comes."""


class _ServerEnd(DrivenProducer):
    def __init__(self, server: Vortex) -> None:
        self.written: list[bytes] = []
        self.isOver = False
        self.line = NativeLine(server, self, kind="memory", address="memory", principal=None)

    def writeFrame(self, frame: bytes) -> None:
        self.written.append(frame)

    def close(self, code: str, reason: str) -> None:
        self.isOver = True

    def abort(self) -> None:
        self.isOver = True

    def holdReading(self) -> None: ...

    def readOn(self) -> None: ...


class MemoryWay:
    """
    A `Way` to *server*.

    Attributes:
        isThere: Whether a connection can be made.
        opened: How many were made.
        lose: Called before what was written goes on, with how many exchanges there were: what breaks the
            connection there. "up": what was written is lost; "down": what is answered; "silently": what was
            written, and nobody notices.
    """

    isAcknowledged = False

    def __init__(self, server: Vortex, clock: Clock, limits: Limits) -> None:
        self.isThere = True
        self.opened = 0
        self.exchanges = 0
        self.lose: Callable[[int], str | None] = lambda number: None
        self.said: list[bytes] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self._server = server
        self._clock = clock
        self._end: _ServerEnd | None = None
        self._limits = limits
        self._decoder = NativeDecoder(limits.maxFrame)

    def open(self, session: ClientSession, seconds: float) -> None:
        if not self.isThere:
            raise Lost(ConnectionRefused("nobody listens there"))
        self.opened += 1
        self._end = _ServerEnd(self._server)
        self._decoder = NativeDecoder(self._limits.maxFrame)
        session.attached(self._clock.seconds())
        self._end.line.received(b"".join(session.helloToSend()))

    def exchange(self, session: ClientSession, seconds: float) -> None:
        self.exchanges += 1
        end = self._end
        assert end is not None
        lost = self.lose(self.exchanges)
        frames = b"".join(session.framesToSend())
        if lost not in ("up", "silently"):
            end.line.received(frames)
        if lost in ("up", "down"):
            raise Lost(ConnectionLost("it was cut"))
        self._clock.advance(0)
        written, end.written = b"".join(end.written), []
        for frame in self._decoder.feed(written):
            session.receive(frame, self._clock.seconds())
        if not frames and not written:
            self.meanwhile()
            self._clock.advance(min(seconds, STEP))
        session.tick(self._clock.seconds())

    def farewell(self, session: ClientSession) -> None:
        assert self._end is not None
        self.said += session.helloToSend()
        self._end.line.received(b"".join(self.said))

    def interrupt(self) -> None: ...

    def forsake(self) -> None: ...

    def close(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end.line.lost("the client has hung up")


class _NoWait(Backoff):
    """Virtual time passes instead, and is not waited for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def next(self) -> float:
        self._clock.advance(1)
        return 0.0


class Scene:
    """
    Attributes:
        server: A node.
        way, session: The client's.
    """

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.server = Vortex("server", reactor=self.clock)
        self.way = MemoryWay(self.server, self.clock, Limits(**limits))
        self.session = BlockingSession(
            self.way,
            where="memory",
            name="script",
            limits=Limits(**limits),
            clock=self.clock.seconds,
            backoff=_NoWait(self.clock),
        )
