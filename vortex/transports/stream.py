"""
Streams: TCP, TLS and Unix sockets as a `FrameTransport`; this is what both directions share.

There is no URL that says who is there: each end's hello does. Frames end in a dot.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from vortex.clocks import DelayedCall
from vortex.errors import LimitExceeded
from vortex.protocol.codes import CloseCode
from vortex.protocol.framing import DotDecoder, Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.credentials import ipOf
from vortex.transports.direct_write import unwritten, writeSoon
from vortex.transports.read_hold import ReadHold
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["Stream"]

MAX_HELLO = 64 << 10
"""Bytes of a frame that are taken of somebody who has not said yet who it is."""


@implementer(IHandshakeListener)
class Stream(DrivenProducer, Protocol):
    """
    One connection.

    Attributes:
        isLost: Whether it is gone.
        isEnding: Whether this end has closed it; what comes in then is not looked at.
    """

    transport: Any

    def __init__(self, host: LinkHost) -> None:
        self.isLost = False
        self._host = host
        self._decoder = DotDecoder(min(MAX_HELLO, host.limits.maxFrame))
        self._dropping: DelayedCall | None = None
        self._hold: ReadHold | None = None

    # ---- for each direction

    def begin(self) -> None:
        """The other end is there, and TLS with it, where there is any."""
        raise NotImplementedError

    def carry(self, driver: SessionDriver) -> None:
        """Let *driver*'s session go by this connection from now on."""
        self._driver = driver
        self._hold = ReadHold(
            self._host, driver, self, self.transport.pauseProducing, self.transport.resumeProducing
        )
        self.transport.registerProducer(self, True)
        driver.attach(self)

    def session(self, waited: float = 0.0) -> VortexPySession:
        """
        What *carry* gets a driver of: neither end is silent for long, and each says who it is.

        Args:
            waited: Seconds of those that the other end has for that which are over.
        """
        host, limits = self._host, self._host.limits
        return VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=limits,
            framing=Framing.STREAM,
            now=host.clock.seconds(),
            idle=limits.linkIdle,
            hello=limits.helloTimeout - waited,
        )

    @property
    def kind(self) -> str:
        """ "tls", "tcp" or "unix"."""
        if self.isTls:
            return "tls"
        return "tcp" if self.address is not None else "unix"

    @property
    def isTls(self) -> bool:
        return bool(ISSLTransport.providedBy(self.transport))

    @property
    def address(self) -> str | None:
        """The IP address of the other end; None for a Unix socket."""
        return ipOf(self.transport.getPeer())

    @property
    def isEnding(self) -> bool:
        return self._dropping is not None

    def end(self, code: CloseCode, reason: str) -> None:
        """End it in order, with its session if it has got that far."""
        if self._driver is not None:
            self._driver.close(code.value, reason)
        else:
            self.close(code.value, reason)

    # ---- Twisted's side

    def connectionMade(self) -> None:
        if self.address is not None:
            # A message is not to wait until the one before is acknowledged.
            self.transport.setTcpNoDelay(True)
        if not self.isTls:
            self.begin()

    def handshakeCompleted(self) -> None:
        """For Twisted: TLS is there."""
        self.begin()

    def dataReceived(self, data: bytes) -> None:
        if self.isEnding or self._driver is None:
            return
        try:
            frames = self._decoder.feed(data)
        except LimitExceeded as error:
            self._host.counters["malformed"] += 1
            self.end(CloseCode.LIMIT, str(error))
            return
        # A part of a long message is a sign of life too.
        for frame in frames or (b"",):
            self._driver.frameReceived(frame)
        if self._driver.peer is not None:
            self._decoder.allow(self._host.limits.maxFrame)
        if self._hold is not None:
            self._hold.check()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.isLost = True
        if self._dropping is not None:
            self._dropping.cancel()
            self._dropping = None
        if self._driver is not None:
            self._driver.transportLost(self, reason.getErrorMessage())

    # ---- FrameTransport

    def unwritten(self) -> int | None:
        """As `DrivenProducer` has it."""
        return unwritten(self.transport)

    def writeFrame(self, frame: bytes) -> None:
        writeSoon(self.transport, frame)

    def close(self, code: str, reason: str) -> None:
        if self.isLost or self.isEnding:
            return
        self._dropping = self._host.wheel.callLater(CloseCode(code).patience, self.abort)
        self.transport.unregisterProducer()
        if self.isTls:
            self.transport.loseConnection()  # which waits for the other end's farewell by itself
            return
        try:
            # Only this way: a socket that is closed while something unread has come in throws away, on both
            # ends, what was written last.
            self.transport.loseWriteConnection()
        except (AttributeError, NotImplementedError):  # not everything is a socket
            self.transport.loseConnection()

    def abort(self) -> None:
        if not self.isLost:
            self.transport.abortConnection()
