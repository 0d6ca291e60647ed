"""
WebSocket, from the client's end: autobahn's client protocol as a `FrameTransport`.

With `vortex.transports.websocket`, which is the server's end, the only file that imports autobahn. What we
send are text frames; autobahn masks them, as a client has to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from vortex.errors import ConnectionLost, VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form
from vortex.protocol.framing import Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.dial import (
    LinkWatcher,
    cannotConnect,
    endOfSession,
    httpError,
    withIdentity,
)
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["dialWebSocket"]

CLOSE_TIMEOUT = 2.0
"""Seconds the other end has to answer a close frame before the connection is dropped."""


class _Protocol(DrivenProducer, WebSocketClientProtocol):  # type: ignore[misc]  # autobahn disagrees with itself
    """One WebSocket that we made."""

    transport: Any

    def __init__(self, dialling: _Dialling) -> None:
        super().__init__()
        self._dialling = dialling
        self._host = dialling.host

    # ---- autobahn's callbacks

    def connectionMade(self) -> None:
        self._dialling.protocol = self
        super().connectionMade()

    def onOpen(self) -> None:
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
            address=self._dialling.address,
            onOpened=self._dialling.watcher.linkOpened,
            onClosed=self._dialling.sessionEnded,
        )
        self.transport.registerProducer(self, True)
        self._driver.attach(self, form=Form.RAW)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self._driver is None:
            return
        if isBinary:
            self._driver.close(CloseCode.UNSUPPORTED.value, "expected a text frame, got a binary one")
        else:
            self._driver.frameReceived(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        text = reason or f"the WebSocket was closed ({code})"
        if self._driver is None:
            self._dialling.handshakeFailed(text)
        else:
            self._driver.transportLost(self, text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._dialling.connectionLost(reason)

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self.sendMessage(frame, isBinary=False)

    def close(self, code: str, reason: str) -> None:
        if self.state == self.STATE_OPEN:
            number = CloseCode(code).number
            if number == 1006:  # not a code that goes over the wire
                self.abort()
            else:
                self.sendCloseFrame(code=number, reasonUtf8=reason.encode()[:123], isReply=False)

    def abort(self) -> None:
        self.dropConnection(abort=True)


class _Factory(WebSocketClientFactory):
    """Makes the one protocol of one attempt."""

    noisy = False

    def __init__(self, dialling: _Dialling, url: str, headers: Mapping[str, str]) -> None:
        super().__init__(url, headers=dict(headers), reactor=dialling.host.clock)
        self._dialling = dialling
        limits = dialling.host.limits
        self.setProtocolOptions(
            maxFramePayloadSize=limits.maxFrame,
            maxMessagePayloadSize=limits.maxFrame,
            openHandshakeTimeout=limits.connectTimeout,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            utf8validateIncoming=False,
            failByDrop=False,
            tcpNoDelay=True,
            autoPingInterval=0,
        )

    def buildProtocol(self, addr: object) -> _Protocol:
        protocol = _Protocol(self._dialling)
        protocol.factory = self
        return protocol


class _Dialling:
    """From the wish for a link to its end."""

    def __init__(self, host: LinkHost, watcher: LinkWatcher, where: str) -> None:
        self.host = host
        self.watcher = watcher
        self.where = where
        self.address = urlsplit(where).hostname or "local"
        self.protocol: _Protocol | None = None
        self.connecting: Deferred[Any]
        self._error: VortexError | None = None

    def close(self, reason: str) -> None:
        protocol = self.protocol
        if protocol is None:
            self.connecting.cancel()
        elif protocol._driver is not None:
            protocol._driver.close(CloseCode.NORMAL.value, reason)
        else:
            protocol.abort()

    def sessionEnded(self, code: str, reason: str) -> None:
        self._error = endOfSession(code, reason, self.where)

    def handshakeFailed(self, reason: str) -> None:
        protocol = self.protocol
        status = getattr(protocol, "http_status_code", None)
        if self._error is None:
            if isinstance(status, int):
                self._error = httpError(status, reason, self.where)
            else:
                self._error = ConnectionLost(f"{self.where}: {reason}")

    def connectionLost(self, reason: Failure) -> None:
        self.watcher.linkEnded(self._error or cannotConnect(reason, self.where))

    def notConnected(self, failure: Failure) -> None:
        self.watcher.linkEnded(cannotConnect(failure, self.where))


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
        headers: Sent with the upgrade request.
    """
    dialling = _Dialling(host, watcher, url)
    factory = _Factory(dialling, withIdentity(url, host.uuid, host.name), headers)
    dialling.connecting = endpoint.connect(factory)
    dialling.connecting.addErrback(dialling.notConnected)
    return dialling
