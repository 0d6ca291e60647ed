"""
What goes over a WebSocket of ours: VortexPY's frames, one in a text message, or those of the native wire, in
binary ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IStreamClientEndpoint

from vortex.errors import DecodeError, NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.framing import Framing, encodeDot
from vortex.protocol.native import SUBPROTOCOL, NativeDecoder
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.routing.ports import Peer
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost
from vortex.transports.websocket_client import WebSocketDialling, WebSocketLink

__all__ = ["dialWebSocket"]


class _VortexPyLink(WebSocketLink):
    """A session of its own, which is over when it is."""

    def there(self) -> None:
        host, limits = self._host, self._host.limits
        session = VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=limits,
            framing=Framing.TEXT,
            now=host.clock.seconds(),
            idle=limits.linkIdle,
            hello=limits.helloTimeout,
        )
        self._driver = SessionDriver(
            session,
            host,
            kind="websocket",
            address=self.address,
            onOpened=self._dialling.watcher.linkOpened,
            onClosed=self._dialling.end.sessionClosed,
        )
        self._driver.attach(self)

    def message(self, payload: bytes, isBinary: bool) -> None:
        if self._driver is None:
            return
        if isBinary:
            self._driver.close(CloseCode.UNSUPPORTED.value, "expected a text frame, got a binary one")
        else:
            self._driver.frameReceived(payload)

    def signOfLife(self) -> None:
        if self._driver is not None:
            self._driver.frameReceived(b"")

    def lost(self, reason: str) -> None:
        if self._driver is not None:
            self._driver.transportLost(self, reason)

    def leave(self, reason: str) -> None:
        if self._driver is not None:
            self._driver.close(CloseCode.NORMAL.value, reason)

    def writeFrame(self, frame: bytes) -> None:
        if self.state == self.STATE_OPEN:
            # VortexPY's servers take base64 for a stream, in which a dot ends a frame.
            isWhole = frame.startswith((b"{", b"."))
            self.sendFrame(opcode=1, payload=frame if isWhole else encodeDot(frame))


class _NativeLink(WebSocketLink):
    """
    A `Carrier`.

    Args:
        line: Whose session it is to carry.
    """

    protocols = (SUBPROTOCOL,)
    via = None
    kind = "websocket"

    def __init__(self, host: LinkHost, dialling: WebSocketDialling, line: ClientLine, mayReset: bool) -> None:
        super().__init__(host, dialling)
        self.mayReset = mayReset
        self._line = line
        self._decoder = NativeDecoder(host.limits.maxFrame)

    # ---- the WebSocket

    def there(self) -> None:
        self.writeFrame(self._line.hello(self))

    # A message may be of any length, and hold frames of maxFrame: its bytes go on as they arrive.

    def onMessageBegin(self, isBinary: bool) -> None:
        if not isBinary:
            self._cut(DecodeError("expected a binary message, got a text"))

    def onMessageFrameBegin(self, length: int) -> None: ...

    def onMessageFrameData(self, payload: bytes) -> None:
        if self.state != self.STATE_OPEN:  # it is left already
            return
        try:
            frames = self._decoder.feed(payload)
        except VortexError as error:
            self._cut(error)
        else:
            self._line.received(self, frames)

    def onMessageFrameEnd(self) -> None: ...

    def onMessageEnd(self) -> None:
        if not self._decoder.isEmpty:
            self._cut(DecodeError("expected whole frames in a message, and it ends within one"))

    def _cut(self, error: VortexError) -> None:
        if self.state == self.STATE_OPEN:
            self._line.cut(self, error)

    def signOfLife(self) -> None:
        self._line.received(self, (b"",))

    def lost(self, reason: str) -> None:
        self._line.lost(self, reason)

    def leave(self, reason: str) -> None:
        if self._line.isCarriedBy(self):
            self._line.close(reason)
        elif self._driver is None:  # else it is ending already
            self.notWelcome(reason)

    # ---- Carrier

    def writeFrame(self, frame: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self.sendFrame(opcode=2, payload=frame)

    def opened(self, peer: Peer) -> None:
        self._dialling.watcher.linkOpened(peer)

    def sessionClosed(self, code: str, reason: str) -> None:
        self._dialling.end.sessionClosed(code, reason)

    def displaced(self) -> None:
        self.notWelcome("another connection is to carry the session")

    def notWelcome(self, problem: str) -> None:
        self._dialling.end.because(NotConnected(f"{self._dialling.end.where}: {problem}"))
        self.abort()


def dialWebSocket(
    host: LinkHost,
    url: str,
    endpoint: IStreamClientEndpoint,
    watcher: LinkWatcher,
    *,
    headers: Mapping[str, str],
    line: ClientLine | None = None,
    mayReset: bool = True,
) -> Dialled:
    """
    Connect *host* to the vortex at *url*, ws: or wss:, by *endpoint*, and tell *watcher* what comes of it.

    Args:
        endpoint: Does TLS where *url* asks for it.
        headers: Sent with the upgrade request.
        line: Whose session it is to carry, on the native wire; None: VortexPY's.
        mayReset: As `Carrier` has it.
    """

    def newLink(dialling: WebSocketDialling) -> WebSocketLink:
        return _VortexPyLink(host, dialling) if line is None else _NativeLink(host, dialling, line, mayReset)

    dialling = WebSocketDialling(host, url, watcher, headers, newLink)
    dialling.connect(endpoint)
    return dialling
