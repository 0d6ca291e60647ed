"""
WebSocket, from the client's end: autobahn's client protocol as a `FrameTransport`, for either wire.

With `vortex.transports.websocket`, the server's end, the only file that imports autobahn. That does the
handshake, masks and reads frames, and answers pings and closes. It does it without timers: they would run on
the process's reactor, whatever clock a node has. What the frames are is
`vortex.transports.websocket_wires`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.types import ConnectingRequest
from twisted.internet import error as errors
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    NotConnected,
    Unauthenticated,
    VortexError,
)
from vortex.protocol.codes import CloseCode, closeText
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.dial import HungUp, LinkWatcher, NotNative, cannotConnect
from vortex.transports.direct_write import unwritten
from vortex.transports.http_answer import UpgradeAnswer, noAnswer
from vortex.transports.outgoing import LinkEnd, requestHeaders, requestUrl
from vortex.transports.strangers import notHttp
from vortex.transports.transport import LinkHost

__all__ = ["WebSocketDialling", "WebSocketLink"]

MAX_HEAD = 64 << 10
"""Bytes that the head of the answer to an upgrade may have."""

PORTS = {"ws": 80, "wss": 443}


class _Silence:
    """A log for autobahn, which tells there what is told to the watcher."""

    def __getattr__(self, level: str) -> Any:
        return self._nothing

    def _nothing(self, *args: object, **kwargs: object) -> None: ...


class WebSocketLink(DrivenProducer, WebSocketClientProtocol):  # type: ignore[misc]  # autobahn disagrees with itself
    """
    One connection that becomes a WebSocket.

    Attributes:
        isThere: Whether it has.
        isLost: Whether it is gone.
    """

    protocols: Sequence[str] = ()
    """The subprotocols that are asked for."""

    transport: Any
    log = _Silence()

    def unwritten(self) -> int | None:
        """As `DrivenProducer` has it."""
        return unwritten(self.transport)

    def __init__(self, host: LinkHost, dialling: WebSocketDialling) -> None:
        super().__init__()
        self.isThere = False
        self.isLost = False
        self._host = host
        self._dialling = dialling

    # ---- for each wire

    def there(self) -> None:
        """It is a WebSocket now."""
        raise NotImplementedError

    def message(self, payload: bytes, isBinary: bool) -> None:
        """One came in, whole; for a wire that does not take it as it arrives."""

    def signOfLife(self) -> None:
        """Something came in: a ping, or part of a long message."""
        raise NotImplementedError

    def lost(self, reason: str) -> None:
        """Nothing more comes or goes. Called at least once."""
        raise NotImplementedError

    def leave(self, reason: str) -> None:
        """End it, by the wish of who dialled."""
        raise NotImplementedError

    # ---- Twisted's side

    def connectionMade(self) -> None:
        self._dialling.link = self
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)
        if self.isThere:
            self.signOfLife()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.isLost = True
        super().connectionLost(reason)
        if self.isThere:
            self.lost(reason.getErrorMessage())
        self._dialling.connectionLost(reason)

    # ---- the handshake

    def onConnecting(self, transport_details: object) -> ConnectingRequest:
        return self._dialling.request(self.protocols)

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
            self.isRefused()

    def isRefused(self) -> bool:
        """End it as the server has answered, if it has answered anything but yes; False if it has not."""
        head, end, body = self.data.partition(b"\r\n\r\n")
        if self.isThere or not end:
            return False
        answer = UpgradeAnswer(head)
        error = answer.error(self._dialling.end.where, body)
        if self.protocols and answer.status == 400:  # as some do for a subprotocol that they do not know
            error = NotNative(str(error))
        self._dialling.end.because(error)
        self.abort()
        return True

    def failHandshake(self, reason: str) -> None:
        self._dialling.end.because(NotConnected(f"{self._dialling.end.where}: {reason}"))
        self.abort()

    # ---- the WebSocket

    def onOpen(self) -> None:
        self._dialling.opened()
        if self.protocols and self.websocket_protocol_in_use not in self.protocols:
            text = f"expected the subprotocol {self.protocols[0]}, and the server has not taken it"
            self._dialling.end.because(NotNative(f"{self._dialling.end.where}: {text}"))
            self.abort()
            return
        self.isThere = True
        self.transport.registerProducer(self, True)
        self.there()

    @property
    def address(self) -> str:
        """The other end's."""
        return getattr(self.transport.getPeer(), "host", "local")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.isThere:
            self.message(payload, isBinary)

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
        if self.isThere:
            self.lost(str(error))

    # ---- FrameTransport

    def close(self, code: str, reason: str) -> None:
        why = CloseCode(code)
        # One does not go over the wire; of the other nobody is there to hear.
        if self.state != self.STATE_OPEN or why in (CloseCode.LOST, CloseCode.SILENT):
            self.abort()
            return
        self.sendCloseFrame(code=why.number, reasonUtf8=closeText(reason))

    def abort(self) -> None:
        if not self.isLost:
            self.dropConnection(abort=True)
            self.transport.abortConnection()  # also where autobahn waits for the other end to hang up


class _Factory(WebSocketClientFactory):
    """Makes the one protocol of one attempt."""

    noisy = False
    log = _Silence()

    def __init__(self, host: LinkHost, dialling: WebSocketDialling) -> None:
        super().__init__(reactor=host.clock)
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

    def buildProtocol(self, addr: IAddress | None) -> WebSocketLink:
        link = self._dialling.newLink()
        link.factory = self
        self.protocols = list(link.protocols)
        return link


class WebSocketDialling:
    """
    From the wish for a link to its end.

    Args:
        kind: Makes what the connection becomes.
    """

    def __init__(
        self,
        host: LinkHost,
        url: str,
        watcher: LinkWatcher,
        headers: Mapping[str, str],
        kind: Callable[[WebSocketDialling], WebSocketLink],
    ) -> None:
        self.watcher = watcher
        self.end = LinkEnd(watcher, url)
        self.link: WebSocketLink | None = None
        self._url = requestUrl(url, host.uuid, host.name)
        self._headers = headers
        self._host = host
        self._kind = kind
        self._connecting: Deferred[Any]
        self._timer = host.wheel.callLater(host.limits.connectTimeout, self._late)

    def connect(self, endpoint: IStreamClientEndpoint) -> None:
        self._connecting = maybeDeferred(endpoint.connect, _Factory(self._host, self))
        # In the next turn: nothing is told to who has not got this object yet.
        self._host.clock.callLater(0, self._connecting.addErrback, self._notConnected)

    def newLink(self) -> WebSocketLink:
        """For the factory."""
        return self._kind(self)

    def request(self, protocols: Sequence[str]) -> ConnectingRequest:
        """For the link: its upgrade request, which asks for *protocols*."""
        return _request(self._url, self._headers, protocols)

    def close(self, reason: str) -> None:
        if self.link is not None and self.link.isThere:
            self.link.leave(reason)
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
        link = self.link
        if link is not None and not link.isThere and not link.isRefused():
            error = noAnswer(reason, self.end.where)
            hungUp = reason.check(errors.ConnectionDone, errors.ConnectionLost)
            # VortexPY's servers do for any subprotocol.
            self.end.because(HungUp(str(error)) if link.protocols and hungUp else error)
        self._timer.cancel()
        self.end.tell()

    # ---- between them

    def _notConnected(self, failure: Failure) -> None:
        self._timer.cancel()
        self.end.because(cannotConnect(failure, self.end.where))
        self.end.tell()

    def _late(self) -> None:
        if self.link is None or not self.link.isRefused():
            seconds = self._host.limits.connectTimeout
            self.end.because(NotConnected(f"{self.end.where}: no answer within {seconds:g} s"))
            self._giveUp()

    def _giveUp(self) -> None:
        if self.link is not None:
            self.link.abort()
        else:
            self._connecting.cancel()


def _request(url: str, headers: Mapping[str, str], protocols: Sequence[str]) -> ConnectingRequest:
    """The upgrade request for *url*."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return ConnectingRequest(
        host=f"[{host}]" if ":" in host else host,
        port=parts.port or PORTS.get(parts.scheme, 80),
        resource=f"{parts.path}?{parts.query}",
        protocols=list(protocols),
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
