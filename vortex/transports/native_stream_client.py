"""
Streams that we make to others, on the native wire.
"""

from __future__ import annotations

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from vortex.errors import VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import PREAMBLE, NativeDecoder
from vortex.routing.ports import Peer
from vortex.transports.client_line import ClientLine
from vortex.transports.strangers import BEGINNING, notNativeRaw
from vortex.transports.stream import Stream
from vortex.transports.stream_dialling import StreamDialling
from vortex.transports.transport import LinkHost

__all__ = ["NativeStream"]


class NativeStream(Stream):
    """
    One connection, a `Carrier`.

    Args:
        line: Whose session it is to carry.
        mayReset: As `Carrier` has it.
    """

    via = None

    def __init__(self, host: LinkHost, dialling: StreamDialling, line: ClientLine, mayReset: bool) -> None:
        super().__init__(host)
        self.mayReset = mayReset
        self._dialling = dialling
        self._line = line
        self._beginning: bytes | None = b""  # until it is known not to be a stranger's
        self._frames = NativeDecoder(host.limits.maxFrame)

    # ---- Twisted's side

    def connectionMade(self) -> None:
        self._dialling.isMade(self)
        super().connectionMade()

    def begin(self) -> None:
        self._dialling.isThere()
        self.transport.registerProducer(self, True)
        self.writeFrame(PREAMBLE + self._line.hello(self))

    def dataReceived(self, data: bytes) -> None:
        if self.isEnding:
            return
        if self._beginning is not None:
            self._beginning += data[:BEGINNING]
            problem = notNativeRaw(self._beginning)
            if problem is not None:
                self.notWelcome(problem)
                return
            if len(self._beginning) >= BEGINNING:
                self._beginning = None
        try:
            frames = self._frames.feed(data)
        except VortexError as error:
            self._line.cut(self, error)
        else:
            # A part of a long frame is a sign of life too.
            self._line.received(self, frames or (b"",))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._line.lost(self, reason.getErrorMessage())
        self._dialling.connectionLost(reason)

    def end(self, code: CloseCode, reason: str) -> None:
        if self._line.isCarriedBy(self):
            self._line.close(reason)
        elif self._driver is None:  # else it is ending already
            self.notWelcome(reason)

    # ---- Carrier

    def opened(self, peer: Peer) -> None:
        self._dialling.opened(peer)

    def sessionClosed(self, code: str, reason: str) -> None:
        self._dialling.sessionEnded(code, reason)
        self._dialling.failed(reason)

    def displaced(self) -> None:
        self.notWelcome("another connection is to carry the session")

    def notWelcome(self, problem: str) -> None:
        self._dialling.failed(problem)
        self.abort()
