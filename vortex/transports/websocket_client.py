"""
WebSocket, from the client's end: autobahn's client protocol as a `FrameTransport`.

With `vortex.transports.websocket`, the server's end, the only file that imports autobahn. That does the
handshake, masks and reads frames, and answers pings and closes. It does it without timers: they would run on
the process's reactor, whatever clock a node has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.types import ConnectingRequest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from vortex.errors import AccessDenied, ConnectionLost, NotConnected, Unauthenticated, VortexError
from vortex.protocol.codes import CloseCode, closeText
from vortex.protocol.framing import Framing, encodeDot
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.dial import LinkWatcher, cannotConnect
from vortex.transports.http_answer import UpgradeAnswer, noAnswer
from vortex.transports.outgoing import LinkEnd, requestHeaders, requestUrl
from vortex.transports.session_driver import SessionDriver
from vortex.transports.strangers import notHttp
from vortex.transports.transport import LinkHost

__all__ = ["dialWebSocket"]

MAX_HEAD = 64 << 10
"""Bytes that the head of the answer to an upgrade may have."""

PORTS = {"ws": 80, "wss": 443}


class _Silence:
    """A log for autobahn, which tells there what is told to the watcher."""

    def __getattr__(self, level: str) -> Any:
        return self._nothing

    def _nothing(self, *args: object, **kwargs: object) -> None: ...


class _Protocol(DrivenProducer, WebSocketClientProtocol):  # type: ignore[misc]  # autobahn disagrees with itself
    """One connection that becomes a WebSocket."""

    transport: Any
    log = _Silence()

    def __init__(self, host: LinkHost, dialling: _Dialling) -> None:
        super().__init__()
        self._host = host
        self._dialling = dialling
        self._lost = False

    # ---- Twisted's side

    def connectionMade(self) -> None:
        self._dialling.protocol = self
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)
        if self._driver is not None:
            self._driver.frameReceived(b"")  # a ping, or part of a long message, is a sign of life too

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        super().connectionLost(reason)
        if self._driver is not None:
            self._driver.transportLost(self, reason.getErrorMessage())
        self._dialling.connectionLost(reason)

    # ---- the handshake

    def onConnecting(self, transport_details: object) -> ConnectingRequest:
        return self._dialling.request

    def processHandshake(self) -> None:
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            problem = notHttp(head)
            if problem is None and len(head) > MAX_HEAD:
                problem = f"expected the answer to an upgrade, its head has over {MAX_HEAD} bytes"
            if problem is not None:
                self.failHandshake(problem)
            return
        answer = UpgradeAnswer(head)
        if answer.status == 101:
            # autobahn takes it for UTF-8
            self.data = head.decode("ascii", "replace").encode("ascii", "replace") + end + body
            super().processHandshake()
        elif answer.isWhole(body):
            self.refused()

    def refused(self) -> bool:
        """End it as the server has answered, if it has answered anything but yes; False if it has not."""
        head, end, body = self.data.partition(b"\r\n\r\n")
        if self._driver is not None or not end:
            return False
        self._dialling.end.because(UpgradeAnswer(head).error(self._dialling.end.where, body))
        self.abort()
        return True

    def failHandshake(self, reason: str) -> None:
        self._dialling.end.because(NotConnected(f"{self._dialling.end.where}: {reason}"))
        self.abort()

    # ---- the WebSocket

    def onOpen(self) -> None:
        self._dialling.opened()
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
            address=getattr(self.transport.getPeer(), "host", "local"),
            onOpened=self._dialling.watcher.linkOpened,
            onClosed=self._dialling.end.sessionClosed,
        )
        self.transport.registerProducer(self, True)
        self._driver.attach(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self._driver is None:
            return
        if isBinary:
            self._driver.close(CloseCode.UNSUPPORTED.value, "expected a text frame, got a binary one")
        else:
            self._driver.frameReceived(payload)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool | None:
        done: bool | None = super().onCloseFrame(code, reasonRaw)  # type: ignore[arg-type]  # it may be None
        self._over(_closeError(self._dialling.end.where, code, self.remoteCloseReason))
        return done

    def sendCloseFrame(
        self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False
    ) -> None:
        super().sendCloseFrame(code, reasonUtf8, isReply)
        self._dialling.dropSoon()
        if self.failedByMe:  # the other end has broken RFC 6455, or a limit
            text = (reasonUtf8 or b"").decode("utf-8", "replace")
            if self.wasMaxMessagePayloadSizeExceeded or self.wasMaxFramePayloadSizeExceeded:
                text = f"a message is longer than the {self._host.limits.maxFrame} bytes accepted (maxFrame)"
            self._over(ConnectionLost(f"{self._dialling.end.where}: {text}"))

    def _over(self, error: VortexError) -> None:
        """Nothing more comes or goes, though the connection is there still."""
        self._dialling.end.because(error)
        if self._driver is not None:
            self._driver.transportLost(self, str(error))

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        if self.state == self.STATE_OPEN:
            # VortexPY's servers take base64 for a stream, in which a dot ends a frame.
            isWhole = frame.startswith((b"{", b"."))
            self.sendFrame(opcode=1, payload=frame if isWhole else encodeDot(frame))

    def close(self, code: str, reason: str) -> None:
        why = CloseCode(code)
        # One does not go over the wire; of the other nobody is there to hear.
        if self.state != self.STATE_OPEN or why in (CloseCode.LOST, CloseCode.SILENT):
            self.abort()
            return
        self.sendCloseFrame(code=why.number, reasonUtf8=closeText(reason))

    def abort(self) -> None:
        if not self._lost:
            self.dropConnection(abort=True)
            self.transport.abortConnection()  # also where autobahn waits for the other end to hang up


class _Factory(WebSocketClientFactory):
    """Makes the one protocol of one attempt."""

    noisy = False
    log = _Silence()

    def __init__(self, host: LinkHost, dialling: _Dialling) -> None:
        super().__init__(reactor=host.clock)
        self._host = host
        self._dialling = dialling
        self.setProtocolOptions(
            maxFramePayloadSize=host.limits.maxFrame,
            maxMessagePayloadSize=host.limits.maxFrame,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            utf8validateIncoming=False,  # the decoder judges the text
            failByDrop=False,
            tcpNoDelay=True,
        )

    def buildProtocol(self, addr: IAddress | None) -> _Protocol:
        protocol = _Protocol(self._host, self._dialling)
        protocol.factory = self
        return protocol


class _Dialling:
    """From the wish for a link to its end."""

    def __init__(self, host: LinkHost, url: str, watcher: LinkWatcher, headers: Mapping[str, str]) -> None:
        self.watcher = watcher
        self.end = LinkEnd(watcher, url)
        self.protocol: _Protocol | None = None
        self.request = _request(requestUrl(url, host.uuid, host.name), headers)
        self._host = host
        self._connecting: Deferred[Any]
        self._timer = host.wheel.callLater(host.limits.connectTimeout, self._late)

    def connect(self, endpoint: IStreamClientEndpoint) -> None:
        self._connecting = maybeDeferred(endpoint.connect, _Factory(self._host, self))
        # In the next turn: nothing is told to who has not got this object yet.
        self._host.clock.callLater(0, self._connecting.addErrback, self._notConnected)

    def close(self, reason: str) -> None:
        protocol = self.protocol
        if protocol is not None and protocol._driver is not None:
            protocol._driver.close(CloseCode.NORMAL.value, reason)
            return
        self.end.because(NotConnected(f"{self.end.where}: {reason}"))
        self._giveUp()

    # ---- what the protocol tells

    def opened(self) -> None:
        self._timer.cancel()

    def dropSoon(self) -> None:
        """The other end is to hang up now; a server does that first."""
        self._timer.cancel()
        self._timer = self._host.wheel.callLater(CloseCode.NORMAL.patience, self._giveUp)

    def connectionLost(self, reason: Failure) -> None:
        protocol = self.protocol
        if protocol is not None and protocol._driver is None and not protocol.refused():
            self.end.because(noAnswer(reason, self.end.where))
        self._timer.cancel()
        self.end.tell()

    # ---- between them

    def _notConnected(self, failure: Failure) -> None:
        self._timer.cancel()
        self.end.because(cannotConnect(failure, self.end.where))
        self.end.tell()

    def _late(self) -> None:
        if self.protocol is None or not self.protocol.refused():
            seconds = self._host.limits.connectTimeout
            self.end.because(NotConnected(f"{self.end.where}: no answer within {seconds:g} s"))
            self._giveUp()

    def _giveUp(self) -> None:
        if self.protocol is not None:
            self.protocol.abort()
        else:
            self._connecting.cancel()


def _request(url: str, headers: Mapping[str, str]) -> ConnectingRequest:
    """The upgrade request for *url*."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return ConnectingRequest(
        host=f"[{host}]" if ":" in host else host,
        port=parts.port or PORTS.get(parts.scheme, 80),
        resource=f"{parts.path}?{parts.query}",
        headers={
            name.decode(): values[0].decode() for name, values in requestHeaders(headers).getAllRawHeaders()
        },
    )


def _closeError(where: str, code: int | None, reason: str | None) -> VortexError:
    """What to tell of a close frame."""
    text = f"{where}: {reason or f'the other end has closed the WebSocket ({code or 1005})'}"
    if code in (CloseCode.REFUSED.number, CloseCode.REVOKED.number):
        return AccessDenied(text)
    if code == CloseCode.EXPIRED.number:
        return Unauthenticated(text)
    return ConnectionLost(text)


def dialWebSocket(
    host: LinkHost,
    url: str,
    endpoint: IStreamClientEndpoint,
    watcher: LinkWatcher,
    *,
    headers: Mapping[str, str],
) -> _Dialling:
    """
    Connect *host* to the vortex at *url*, ws: or wss:, by *endpoint*, and tell *watcher* what comes of it.

    Args:
        endpoint: Does TLS where *url* asks for it.
        headers: Sent with the upgrade request.
    """
    dialling = _Dialling(host, url, watcher, headers)
    dialling.connect(endpoint)
    return dialling
