"""
VortexConnection: one outgoing link of a node, made again whenever it breaks.

    CONNECTING --the other end has said who it is--> OPEN
        ^  |                                           |
        |  +---- it could not be made ----> WAITING <--+-- it broke
        +------------ the wait is over -------+
    any of them -- close --> CLOSED

What carries it is the transports' business; what comes over it is routed by the node like everything else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from vortex.clocks import DelayedCall
from vortex.errors import NotConnected, VortexError
from vortex.node.link_url import LinkUrl
from vortex.node.peer import VortexPeer
from vortex.protocol.backoff import Backoff
from vortex.protocol.payload import Payload
from vortex.routing.ports import Peer
from vortex.transports.dial import Dialled
from vortex.transports.post_client import dialPost
from vortex.transports.stream import dialStream
from vortex.transports.tls import TlsOptions, overTls
from vortex.transports.websocket_client import dialWebSocket

if TYPE_CHECKING:
    from vortex.node.vortex import Vortex

__all__ = ["ConnectionState", "VortexConnection"]

log = Logger()


class ConnectionState(enum.Enum):
    """Where a connection is on its way, see the module's diagram."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


StateCallback = Callable[[ConnectionState, "VortexConnection"], object]


class VortexConnection(Service):
    """
    Args:
        vortex: The node that connects.
        url: Where to: http:, https:, ws:, wss:, as in ws://host:8080/vortex; tcp: or tls:, as in
            tcp://host:8081; or a Unix socket's path, as in unix:///run/jobs.sock.
        tls: What to show and to accept over https:, wss: and tls:; None: no certificate is shown, and the
            server's has to come from a CA of the system's.
        token: Shown to the other end as ``Authorization: Bearer``, over HTTP and WebSocket; or what gives it,
            anew for each attempt.
        headers: Sent with each HTTP request besides.
        endpoint: What to connect by instead of what *url* says.
        wire: "vortexpy" is the only one that there is so far, and what "auto" stands for.
        random: Where the waits between attempts are drawn from.

    Attributes:
        state: A `ConnectionState`.
        peer: Who is at the other end; None unless it is open.
        error: Why it is not open; None while it is, and before the first attempt.
        retryAt: When the next attempt is made, in seconds on the node's clock; None unless it waits.
        reconnects: How often it was open again after the first time.
    """

    def __init__(
        self,
        vortex: Vortex,
        url: str,
        *,
        tls: TlsOptions | None = None,
        token: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: IStreamClientEndpoint | None = None,
        wire: Literal["auto", "vortexpy"] = "auto",
        random: Random | None = None,
    ) -> None:
        if wire not in ("auto", "vortexpy"):
            raise ValueError(f"wire is 'auto' or 'vortexpy', got {wire!r}")
        where = LinkUrl.parse(url)
        if token is not None and where.scheme in ("tcp", "tls", "unix"):
            raise ValueError(
                f"a token travels in an HTTP header, which {where.scheme}: has none of: show a certificate, "
                "or connect by ws: or wss:"
            )
        if tls is not None and not where.isTls:
            raise ValueError(f"tls= is for https:, wss: and tls:, got {url!r}")
        self.url = url
        self._where = where
        self._tls = tls
        self.state = ConnectionState.WAITING
        self.peer: VortexPeer | None = None
        self.error: VortexError | None = None
        self.retryAt: float | None = None
        self.reconnects = 0
        self._vortex = vortex
        self._token = token
        self._headers = dict(headers or {})
        self._endpoint = endpoint
        self._backoff = Backoff(random)
        self._dialled: Dialled | None = None
        self._timer: DelayedCall | None = None
        self._wasOpen = False
        self._waiters: list[Deferred[VortexPeer]] = []
        self._callbacks: list[StateCallback] = []
        self._closed: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<connection to {self.url}, {self.state.value}>"

    # ---- for the application

    @property
    def connected(self) -> Deferred[VortexPeer]:
        """A Deferred with the peer, once there is one; it fails with `NotConnected` once this is closed."""
        if self._closed is not None:
            return fail(NotConnected(f"the connection to {self.url} was closed"))
        if self.peer is not None:
            return succeed(self.peer)
        waiter: Deferred[VortexPeer] = Deferred(self._forget)
        self._waiters.append(waiter)
        return waiter

    def send(self, payload: Payload, priority: int = 100) -> Deferred[int]:
        """As `VortexPeer.send`, to who is at the other end; fails with `NotConnected` unless it is open."""
        peer = self.peer
        return fail(self._notOpen()) if peer is None else peer.send(payload, priority)

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        """As `VortexPeer.request`, of who is at the other end; `NotConnected` unless it is open."""
        peer = self.peer
        return fail(self._notOpen()) if peer is None else peer.request(payload, timeout=timeout)

    def onStateChange(self, callback: StateCallback) -> Callable[[], None]:
        """
        Call ``callback(state, connection)`` at each change.

        Returns:
            A function that ends it.
        """
        self._callbacks.append(callback)

        def stop() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return stop

    def close(self) -> Deferred[None]:
        """
        End it, for good.

        Returns:
            A Deferred that fires when nothing of it is left.
        """
        if self._closed is None:
            self._closed = Deferred()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self.retryAt = None
            self.peer = None
            self._setState(ConnectionState.CLOSED)
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.errback(NotConnected(f"the connection to {self.url} was closed"))
            if self._dialled is None:
                self._gone()
            else:
                self._dialled.close("the connection was closed")
        gone: Deferred[None] = Deferred()
        self._closed.addCallback(lambda _: gone.callback(None))
        return gone

    # ---- IService

    def startService(self) -> None:
        """
        Connect, and stay connected.

        Raises:
            NotConnected: If it was closed, or its node was shut down: make another.
        """
        if self._closed is not None:
            raise NotConnected(f"the connection to {self.url} was closed: make another")
        if self._vortex.isShutDown:
            raise NotConnected(f"{self._vortex} was shut down, and connects to nobody any more")
        if self.running:
            return
        super().startService()
        self._vortex.connections.add(self)
        self._attempt()

    def stopService(self) -> Deferred[None]:
        """As `close`."""
        super().stopService()
        return self.close()

    # ---- LinkWatcher

    def linkOpened(self, peer: Peer) -> None:
        """For links: the other end is there."""
        if self._closed is not None or not isinstance(peer, VortexPeer):
            return
        self._backoff.reset()
        self.reconnects += self._wasOpen
        self._wasOpen = True
        self.peer = peer
        self.error = None
        self._setState(ConnectionState.OPEN)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(peer)

    def linkEnded(self, error: VortexError) -> None:
        """For links: it is gone, with all that belonged to it."""
        self._dialled = None
        self.peer = None
        if self._closed is not None:
            self._gone()
            return
        if str(error) != str(self.error):
            log.warn("{connection}: {error}", connection=self, error=error)
        self.error = error
        delay = self._backoff.next()
        self.retryAt = self._vortex.clock.seconds() + delay
        self._timer = self._vortex.clock.callLater(delay, self._attempt)
        self._setState(ConnectionState.WAITING)

    # ---- between them

    def _attempt(self) -> None:
        self._timer = self.retryAt = None
        self._setState(ConnectionState.CONNECTING)
        if self._closed is not None:  # a callback of the state's has closed it
            return
        try:
            self._dialled = self._dial()
        except Exception as error:  # the application's token, a certificate's file
            known = error if isinstance(error, VortexError) else NotConnected(f"{self.url}: {error}")
            self.linkEnded(known)

    def _dial(self) -> Dialled:
        node, scheme = self._vortex, self._where.scheme
        if scheme in ("ws", "wss"):
            return dialWebSocket(node, self.url, self._endpointOf(), self, headers=self._allHeaders())
        if scheme in ("http", "https"):
            return dialPost(node, self.url, lambda _: self._endpointOf(), self, headers=self._allHeaders())
        return dialStream(node, self._endpointOf(), self, kind=scheme, where=self.url)

    def _allHeaders(self) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        return {**self._headers, **bearer}

    def _endpointOf(self) -> IStreamClientEndpoint:
        """What to connect by."""
        where, timeout = self._where, self._vortex.limits.connectTimeout
        reactor: Any = self._vortex.clock
        endpoint: IStreamClientEndpoint
        if self._endpoint is not None:
            endpoint = self._endpoint
        elif where.scheme == "unix":
            endpoint = UNIXClientEndpoint(reactor, where.path, timeout=timeout)
        else:
            endpoint = HostnameEndpoint(reactor, where.host, where.port, timeout=timeout)
        return overTls(self._tls or TlsOptions(), where.host, endpoint) if where.isTls else endpoint

    def _gone(self) -> None:
        self._vortex.connections.discard(self)
        if self._closed is not None and not self._closed.called:
            self._closed.callback(None)

    def _forget(self, waiter: Deferred[Any]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def _notOpen(self) -> NotConnected:
        why = "" if self.error is None else f": {self.error}"
        return NotConnected(f"the connection to {self.url} is {self.state.value}{why}")

    def _setState(self, state: ConnectionState) -> None:
        if state is self.state:
            return
        self.state = state
        for callback in tuple(self._callbacks):
            try:
                callback(state, self)
            except Exception:
                log.failure("a callback of onStateChange failed")
