"""
WebSocket: autobahn's server protocol as a `FrameTransport`.

With `vortex.transports.websocket_client`, the other end, the only file that imports autobahn.
autobahn does the handshake, reads frames and answers pings and closes. What we
send are whole frames, on VortexPY's wire built once for all who get them, so they
go past its send path, straight to the connection; control frames go the same way
and keep their place. What comes in on the native wire goes on as it arrives, and
is never gathered into messages.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from twisted.internet.interfaces import IAddress
from twisted.web.http import HTTPChannel
from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.principal import Principal
from vortex.errors import DecodeError
from vortex.protocol.codes import CloseCode, closeText
from vortex.protocol.framing import Framing, webSocketHeader
from vortex.protocol.native import SUBPROTOCOL
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.direct_write import unwritten, writeSoon
from vortex.transports.native_line import NativeLine
from vortex.transports.read_hold import ReadHold
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["WebSocketUpgrader"]

BINARY = 2
"""The opcode of such a frame."""


class _Protocol(DrivenProducer, WebSocketServerProtocol):  # type: ignore[misc]  # autobahn disagrees with itself
    """One accepted WebSocket: a `FrameTransport`, and the producer of its own TCP connection."""

    transport: Any

    def __init__(
        self, host: LinkHost, identity: tuple[str, str] | None, address: str, principal: Principal | None
    ) -> None:
        super().__init__()
        self._host = host
        self._identity = identity
        self._address = address
        self._principal = principal
        self._isNative = False
        self._line: NativeLine | None = None

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)  # without what autobahn would make up for its log, on or off

    # ---- autobahn's callbacks

    def onConnect(self, request: Any) -> str | None:
        if SUBPROTOCOL in request.protocols:
            self._isNative = True
            return SUBPROTOCOL
        if request.protocols and "base64" not in request.protocols:
            raise ConnectionDeny(400, f"expected no subprotocol, or base64, or {SUBPROTOCOL}")
        return "base64" if request.protocols else None

    def onOpen(self) -> None:
        host = self._host
        self.transport.unregisterProducer()  # twisted.web's channel, which this connection has left
        self.transport.registerProducer(self, True)
        if self._isNative:
            self._line = NativeLine(
                host, self, kind="websocket", address=self._address, principal=self._principal
            )
            return
        session = VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=host.limits,
            framing=Framing.WEBSOCKET,
            now=host.clock.seconds(),
            idle=host.limits.wsIdle,
            identity=self._identity,
        )
        self._driver = SessionDriver(
            session, host, kind="websocket", address=self._address, principal=self._principal
        )
        self._hold = ReadHold(host, self._driver, self, self.holdReading, self.readOn)
        self._driver.attach(self)

    def onMessageBegin(self, isBinary: bool) -> None:
        if self._line is None:
            super().onMessageBegin(isBinary)
        elif not isBinary:
            self._line.broken(DecodeError("expected a binary message, got a text"))

    def onMessageFrameBegin(self, length: int) -> None:
        if self._line is None:
            super().onMessageFrameBegin(length)

    def onMessageFrameData(self, payload: bytes) -> None:
        if self._line is None:
            super().onMessageFrameData(payload)
        else:
            self._line.received(payload)

    def onMessageFrameEnd(self) -> None:
        if self._line is None:
            super().onMessageFrameEnd()

    def onMessageEnd(self) -> None:
        if self._line is None:
            super().onMessageEnd()
        else:
            self._line.messageEnded()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self._driver is None:
            return
        if isBinary:
            self._driver.close(CloseCode.UNSUPPORTED.value, "expected a text frame, got a binary one")
        else:
            self._driver.frameReceived(payload)
            self._hold.check()

    def sendCloseFrame(
        self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False
    ) -> None:
        if self.failedByMe and self.state == self.STATE_OPEN:  # what came breaks RFC 6455, or a limit
            self._broken((reasonUtf8 or b"").decode("utf-8", "replace"))
        super().sendCloseFrame(code, reasonUtf8, isReply)  # which does nothing the second time

    def _broken(self, reason: str) -> None:
        """What comes is of no use, which the peer is told in its own words first."""
        if self._line is not None:
            self._line.broken(DecodeError(reason))
        elif self._driver is not None and not self._driver.closed:
            isTooLong = self.wasMaxMessagePayloadSizeExceeded or self.wasMaxFramePayloadSizeExceeded
            self._host.counters["malformed"] += 1
            self._driver.close((CloseCode.LIMIT if isTooLong else CloseCode.PROTOCOL).value, reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        why = reason or f"the WebSocket was closed ({code})"
        if self._line is not None:
            self._line.lost(why)
        elif self._driver is not None:
            self._driver.transportLost(self, why)

    # ---- for its line

    def holdReading(self) -> None:
        """Read nothing more, until `readOn`."""
        self.transport.pauseProducing()

    def readOn(self) -> None:
        """Read again."""
        self.transport.resumeProducing()

    # ---- FrameTransport

    def unwritten(self) -> int | None:
        """As `DrivenProducer` has it."""
        return unwritten(self.transport)

    def writeFrame(self, frame: bytes) -> None:
        if self.state == self.STATE_OPEN:
            writeSoon(
                self.transport, webSocketHeader(len(frame), BINARY) + frame if self._isNative else frame
            )

    def close(self, code: str, reason: str) -> None:
        if self.state == self.STATE_OPEN:
            if self._line is not None:
                self.readOn()
            number = CloseCode(code).number
            if number == 1006:  # not a code that goes over the wire
                self.abort()
            else:
                self.closeHandshakeTimeout = CloseCode(code).patience
                self.sendCloseFrame(code=number, reasonUtf8=closeText(reason), isReply=False)

    def abort(self) -> None:
        self.dropConnection(abort=True)


class _OneProtocol:
    """What autobahn's resource asks for a protocol: one that knows whose it is."""

    def __init__(self, factory: WebSocketServerFactory, protocol: _Protocol) -> None:
        self._factory = factory
        self._protocol = protocol

    def buildProtocol(self, _address: IAddress) -> _Protocol:
        self._protocol.factory = self._factory
        return self._protocol


class WebSocketUpgrader:
    """
    Turns upgrade requests into links of *host*.

    Who may come in was decided before; autobahn is told to let all origins pass
    because `VortexResource` has looked at them already.
    """

    def __init__(self, host: LinkHost) -> None:
        limits = host.limits
        self._host = host
        self._factory = WebSocketServerFactory(reactor=host.clock)
        self._factory.setProtocolOptions(
            maxFramePayloadSize=limits.maxFrame,
            maxMessagePayloadSize=limits.maxFrame,
            openHandshakeTimeout=0,  # the request is there, whole: it is answered at once
            closeHandshakeTimeout=CloseCode.NORMAL.patience,
            utf8validateIncoming=False,  # the decoder judges the text, and reads Latin-1 from VortexJS
            failByDrop=False,
            tcpNoDelay=True,
            allowedOrigins=["*"],
            allowNullOrigin=True,
        )
        # autobahn copies its options to every connection, and prints them all for its log, be that on or
        # off. It leaves alone what a protocol has of itself: so ours has them once, in a class.
        options = {name: getattr(self._factory, name) for name in _Protocol.CONFIG_ATTRS}
        for name, option in options.items():
            if callable(option):
                options[name] = staticmethod(option)
        self._protocol = type(_Protocol.__name__, (_Protocol,), {**options, "CONFIG_ATTRS": ()})

    def upgrade(
        self, request: Request, identity: tuple[str, str] | None, address: str, principal: Principal | None
    ) -> Any:
        """
        Take over *request*'s connection; returns what a resource's `render` has to return.

        Args:
            identity: What the other end calls itself; None on the native wire, where its HELLO says it.
        """
        protocol = self._protocol(self._host, identity, address, principal)
        upgraded = WebSocketResource(_OneProtocol(self._factory, protocol)).render(request)
        if upgraded == NOT_DONE_YET and isinstance(request.channel, HTTPChannel):
            # They hold each other, and nobody else does: without this they wait for a garbage collection.
            request.channel.requests.clear()
        return upgraded
