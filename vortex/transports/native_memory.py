"""
Native memory: a session of the native wire between two nodes of one process, without a socket.

What carries it can be broken and made again at will; the session goes on. Made for tests, and for a program
that holds two nodes.
"""

from __future__ import annotations

from vortex.errors import VortexError
from vortex.protocol.native import NativeDecoder
from vortex.routing.ports import Peer
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.client_line import ClientLine
from vortex.transports.native_line import NativeLine
from vortex.transports.transport import LinkHost

__all__ = ["NativeMemoryLink"]

KIND = "memory"


class _End(DrivenProducer):
    """One end of one connection: what is written here comes in over there, in the next turn of the clock."""

    def __init__(self, pipe: _Pipe, host: LinkHost) -> None:
        self.pipe = pipe
        self.host = host
        self.other: _End

    def writeFrame(self, frame: bytes) -> None:
        self.host.clock.callLater(0, self._arrive, frame)

    def _arrive(self, data: bytes) -> None:
        if self.pipe.isUp:
            self.other.received(data)

    def close(self, code: str, reason: str) -> None:
        self.host.clock.callLater(0, self.pipe.cut, reason)

    def abort(self) -> None:
        self.pipe.cut("the other end broke off")

    def received(self, data: bytes) -> None:
        """What the other end has written."""
        raise NotImplementedError

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        raise NotImplementedError


class _ClientEnd(_End):
    mayReset = True
    via = None
    kind = KIND
    address = KIND

    def __init__(self, pipe: _Pipe, host: LinkHost, line: ClientLine) -> None:
        super().__init__(pipe, host)
        self._line = line
        self._decoder = NativeDecoder(host.limits.maxFrame)

    def received(self, data: bytes) -> None:
        try:
            frames = self._decoder.feed(data)
        except VortexError as error:
            self._line.cut(self, error)
        else:
            self._line.received(self, frames)

    def lost(self, reason: str) -> None:
        self._line.lost(self, reason)

    def opened(self, peer: Peer) -> None:
        """For its line: who is there is known by the link."""

    def sessionClosed(self, code: str, reason: str) -> None:
        """For its line: this is closed as well."""

    def notWelcome(self, problem: str) -> None:
        """For its line: it is of no use."""
        self.abort()

    def displaced(self) -> None:
        """For its line: the next one is to carry the session."""
        self.abort()


class _ServerEnd(_End):
    def __init__(self, pipe: _Pipe, host: LinkHost) -> None:
        super().__init__(pipe, host)
        self.line = NativeLine(host, self, kind=KIND, address=KIND, principal=None)

    def received(self, data: bytes) -> None:
        self.line.received(data)

    def lost(self, reason: str) -> None:
        self.line.lost(reason)

    def holdReading(self) -> None:
        """For its line: there is nobody who could be held back."""

    def readOn(self) -> None:
        """For its line: it was read all the time."""


class _Pipe:
    """One connection."""

    def __init__(self, a: LinkHost, b: LinkHost, line: ClientLine) -> None:
        self.isUp = True
        self.client = _ClientEnd(self, a, line)
        self.server = _ServerEnd(self, b)
        self.client.other, self.server.other = self.server, self.client
        self.client.writeFrame(line.hello(self.client))

    def cut(self, reason: str) -> None:
        if self.isUp:
            self.isUp = False
            self.client.lost(reason)
            self.server.lost(reason)


class NativeMemoryLink:
    """A session between two nodes of this process, and what carries it."""

    def __init__(self, a: LinkHost, b: LinkHost) -> None:
        self._a = a
        self._b = b
        self._line = ClientLine(a, onSession=lambda _event: None, onClosed=lambda _code, _reason: None)
        self._pipe = _Pipe(a, b, self._line)

    @property
    def up(self) -> bool:
        """False while nothing carries it."""
        return self._pipe.isUp

    @property
    def peers(self) -> tuple[Peer | None, Peer | None]:
        """The second node as the first sees it, and the other way round; None until the WELCOME is there."""
        driver = self._pipe.server.line.driver
        return self._line.driver.peer, None if driver is None else driver.peer

    def cut(self, reason: str = "the link was cut") -> None:
        """Break what carries it now: what is under way is lost, and written again after `reconnect`."""
        self._pipe.cut(reason)

    def reconnect(self) -> None:
        """Have another connection carry it, as the first node does when it comes back."""
        self._pipe = _Pipe(self._a, self._b, self._line)

    def close(self) -> None:
        """End it in order, as the first node's end would."""
        self._line.close("the link was closed")

    def pause(self, paused: bool = True) -> None:
        """Let the second node stop reading, or read again."""
        end = self._pipe.client
        (end.pauseProducing if paused else end.resumeProducing)()
