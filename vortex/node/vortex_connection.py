"""
VortexConnection: one outgoing link of a node, made again whenever it breaks.

    CONNECTING --the other end has said who it is--> OPEN
        ^  |                                           |
        |  +---- it could not be made ----> WAITING <--+-- it broke
        +------------ the wait is over -------+
    any of them -- close --> CLOSED

On the native wire its session lives on while it is made again: the peer stays, and what is sent to it waits.
What carries it is the transports' business; what comes over it is routed by the node like everything else.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.clocks import DelayedCall
from vortex.errors import NotConnected, RemoteError, VortexError
from vortex.node.attempt import Attempt
from vortex.node.dialler import Dialler
from vortex.node.peer import VortexPeer
from vortex.node.reactor_thread import checkThread
from vortex.node.refresh import REFRESH
from vortex.node.session_events import SessionEvent, sessionEventsOf
from vortex.node.wire_choice import WIRES, Wire, WireChoice
from vortex.protocol.backoff import Backoff
from vortex.protocol.events import Reset, Resumed
from vortex.protocol.payload import Payload
from vortex.routing.callbacks import callAlone
from vortex.routing.ports import Peer
from vortex.transports.client_line import ClientLine
from vortex.transports.post_ways import Via
from vortex.transports.tls import TlsOptions

if TYPE_CHECKING:
    from vortex.node.vortex import Vortex

__all__ = ["ConnectionState", "VortexConnection"]

MAX_TOLD = 20
"""Reasons that are remembered, so that each is logged once."""

CLOSED = "the connection was closed"

log = Logger()


class ConnectionState(enum.StrEnum):
    """Where a connection is on its way, see the module's diagram."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    """For the next attempt, or to be started."""
    CLOSED = "closed"


class Move:
    """An attempt to carry a session elsewhere."""

    def __init__(self, attempt: Attempt, dialler: Dialler, url: str) -> None:
        self.attempt = attempt
        self.dialler = dialler
        self.url = url
        self.done: Deferred[None] = Deferred()


StateCallback = Callable[[ConnectionState, "VortexConnection"], object]
SessionEventCallback = Callable[[SessionEvent, "VortexConnection"], object]


class VortexConnection(Service):
    """
    A service too: it connects when it is started, and stopping closes it, for good.

    Args:
        vortex: The node that connects.
        url: Where to: ``ws://host:8080/vortexws`` or ``wss:``, ``http://host:8080/vortex`` or ``https:``, of
            which these ports (80, 443) and paths are taken where it has none; ``tcp://host:8081`` or
            ``tls:``; ``unix:///run/jobs.sock``.
        tls: For wss, https and tls: whom to believe, and what to show; None: the CAs of the system, nothing.
        token: For HTTP and WebSocket: shown to the other end as ``Authorization: Bearer``; or a function that
            gives it for each attempt.
        headers: For HTTP and WebSocket: sent with each request besides.
        endpoint: What to connect by instead of TCP to the URL's host, or its Unix socket. TLS is put over it
            where the URL has it.
        wire: The wire to speak: "native", "vortexpy", or "auto": the native one, and over HTTP and WebSocket
            VortexPY's, from then on, where the other end does not take that.
        via: How POSTs carry a session of the native wire: "stream", "sse" or "poll"; None: a stream, and
            polls while a proxy in between holds streams back.
        random: Where the waits between attempts are drawn from.

    Attributes:
        url: As given, or as it was moved to.
        state: A `ConnectionState`, which compares equal to its word.
        peer: Who is at the other end. On the native wire it is the same while the session lasts, be there a
            connection or not: see `VortexPeer.isConnected`; on VortexPY's it is None unless this is open.
        error: Why it is not open; None while it is, and before the first attempt has failed.
        retryAt: When the next attempt is made, in seconds on the node's clock; None unless it waits for one.
        reconnects: How often it was open again after the first time.

    Raises:
        ValueError: If these make no sense, or do not go together.
        OSError: If a file of *tls* cannot be read.
        ImportError: If there is no pyOpenSSL for TLS.
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
        wire: Wire = "auto",
        via: Via | None = None,
        random: Random | None = None,
    ) -> None:
        if wire not in WIRES:
            raise ValueError(f"expected the wire 'auto', 'native' or 'vortexpy', got {wire!r}")
        if via is not None and wire == "vortexpy":
            raise ValueError("via= is for the native wire, and wire= asks for VortexPY's")
        self.url = url
        self.state = ConnectionState.WAITING
        self.peer: VortexPeer | None = None
        self.error: VortexError | None = None
        self.retryAt: float | None = None
        self.reconnects = 0
        self._vortex = vortex
        self._dialler = Dialler(
            vortex, url, tls=tls, token=token, headers=headers, endpoint=endpoint, via=via, random=random
        )
        self._wire = WireChoice(wire, self._dialler.isHttp)
        self._line: ClientLine | None = None
        self._backoff = Backoff(random)
        self._attempt: Attempt | None = None
        self._move: Move | None = None
        self._timer: DelayedCall | None = None
        self._told: set[str] = set()
        self._wasOpen = False
        self._waiters: list[Deferred[VortexPeer]] = []
        self._callbacks: list[StateCallback] = []
        self._sessionCallbacks: list[SessionEventCallback] = []
        self._untold: deque[ConnectionState] = deque()
        self._isTelling = False
        self._closed: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<connection to {self.url}, {self.state}>"

    # ---- for the application

    @property
    def connected(self) -> Deferred[VortexPeer]:
        """
        A Deferred with the peer: the present one, or the next that there is.

        It fails with `NotConnected` once this is closed.
        """
        if self._closed is not None:
            return fail(self._wasClosed())
        if self.state is ConnectionState.OPEN and self.peer is not None and self.peer.isOnline:
            return succeed(self.peer)
        waiter: Deferred[VortexPeer] = Deferred(self._forget)
        self._waiters.append(waiter)
        return waiter

    @property
    def transport(self) -> str | None:
        """What carries it, or has last, as `VortexPeer.transport` says; None while there is no peer."""
        return None if self.peer is None else self.peer.transport

    def send(self, payload: Payload, priority: int = 100) -> Deferred[int]:
        """As `VortexPeer.send`, to who is at the other end; fails with `NotConnected` if nobody is."""
        checkThread(self._vortex, "VortexConnection.send")
        peer = self.peer
        return fail(self._notOpen()) if peer is None else peer.send(payload, priority)

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        """As `VortexPeer.request`, to who is at the other end; fails with `NotConnected` if nobody is."""
        checkThread(self._vortex, "VortexConnection.request")
        peer = self.peer
        return fail(self._notOpen()) if peer is None else peer.request(payload, timeout=timeout)

    def refresh(self, token: str) -> Deferred[None]:
        """
        Show a fresh *token*: on the line that is open, which is then good for as long as the token is, and
        in place of the old one on those to come. Where a function gives the tokens, it is asked for the next
        line nevertheless.

        Returns:
            A Deferred that fires when the other end has taken it; at once where no line is open. It fails
            with `RemoteError`, code "access-denied", if it is refused: the old token stays then, and the line
            is ended if the token is somebody else's. It fails as `Vortex.request` does, also where the other
            end has no authenticator, and so does not answer.

        Raises:
            ValueError: If *token* cannot be shown: there is no HTTP here to show it by, or it is no text.
        """
        self._dialler.checkToken(token)
        if self._closed is not None:
            return fail(self._wasClosed())
        peer = self.peer
        if peer is None or self.state is not ConnectionState.OPEN:
            self._dialler.useToken(token)
            return succeed(None)

        def answered(answer: object) -> object:
            if not (isinstance(answer, Failure) and answer.check(RemoteError)):
                self._dialler.useToken(token)
            return answer if isinstance(answer, Failure) else None

        taken: Deferred[Any] = peer.request(Payload(REFRESH, [token]))
        return taken.addBoth(answered)

    def onStateChange(self, callback: StateCallback) -> Callable[[], None]:
        """
        Call ``callback(state, connection)`` at each change, in order. It may send and close, and be a
        coroutine function.

        Returns:
            A function that ends it.
        """
        self._callbacks.append(callback)

        def stop() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return stop

    def onSessionEvent(self, callback: SessionEventCallback) -> Callable[[], None]:
        """
        Call ``callback(event, connection)`` when its session, of the native wire, was resumed or reset:
        `SessionResumed`, `SessionReset`, and before one for "expired" `SessionExpired`. It may be a coroutine
        function.

        Returns:
            A function that ends it.
        """
        self._sessionCallbacks.append(callback)

        def stop() -> None:
            if callback in self._sessionCallbacks:
                self._sessionCallbacks.remove(callback)

        return stop

    def moveTo(
        self, url: str, *, via: Via | None = None, endpoint: IStreamClientEndpoint | None = None
    ) -> Deferred[None]:
        """
        Carry the session, of the native wire, to *url*, another way to the same vortex; whatever is under way
        in both directions arrives once, and in order. Options that *url* has no use for are left out.

        Args:
            via, endpoint: As for a new connection.

        Returns:
            A Deferred that fires when it is there: *url* is this connection's from then on. It fails with
            `NotConnected` or one of its kind, and with `AccessDenied`: then the session stays where it is.

        Raises:
            ValueError: If these make no sense, or do not go together.
        """
        checkThread(self._vortex, "VortexConnection.moveTo")
        dialler = self._dialler.movedTo(url, via=via, endpoint=endpoint)
        if self._closed is not None:
            return fail(self._wasClosed())
        if self._line is None or self.peer is None:
            return fail(
                NotConnected(f"the connection to {self.url} has no session of the native wire to move")
            )
        if self._move is not None:
            return fail(NotConnected(f"the connection to {self.url} is being moved already"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self.retryAt = None
            self._setState(ConnectionState.CONNECTING)
        move = self._move = Move(Attempt(self, url), dialler, url)
        move.attempt.begin(dialler, self._line, mayReset=False)
        return move.done

    def close(self) -> Deferred[None]:
        """
        End it, for good, after what was written.

        Returns:
            A Deferred that fires when nothing of it is left: an other end that takes nothing more, or does
            not hang up, has two seconds.
        """
        checkThread(self._vortex, "VortexConnection.close")
        if self._closed is None:
            self._closed = Deferred()
            self.running = 0
            self.peer = None
            self.error = self._wasClosed()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self.retryAt = None
            line, self._line = self._line, None
            if line is not None:
                line.close(CLOSED)
            attempts = [self._attempt, None if self._move is None else self._move.attempt]
            for attempt in attempts:
                if attempt is not None:
                    attempt.close()
            self._goneIfEmpty()
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.called:
                    waiter.errback(self._wasClosed())
            self._setState(ConnectionState.CLOSED)
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
            raise NotConnected(f"the connection to {self.url} was closed for good: make another")
        if self._vortex.isShutDown:
            raise NotConnected(f"{self._vortex} was shut down, and connects no more: make another Vortex")
        if not self.running:  # it may have been started before it got its parent
            super().startService()
            self._vortex.connections.add(self)
            self._tryNow()

    def stopService(self) -> Deferred[None]:
        """As `close`."""
        super().stopService()
        return self.close()

    # ---- one attempt after another

    def _tryNow(self) -> None:
        self._timer = self.retryAt = None
        attempt = self._attempt = Attempt(self, self.url)
        self._setState(ConnectionState.CONNECTING)
        if self._closed is not None:  # somebody who was told of it has closed it
            return
        if not self._wire.isNative:
            self._line = None
        elif self._line is None:
            self._line = ClientLine(self._vortex, onSession=self._sessionOn, onClosed=self._sessionOver)
        attempt.begin(self._dialler, self._line)

    def attemptOpened(self, attempt: Attempt, peer: Peer) -> None:
        """For its attempts: the other end is there."""
        if self._closed is not None:
            return
        move = self._move
        if move is not None and attempt is move.attempt:
            self._move = None
            self._attempt, self._dialler, self.url = attempt, move.dialler, move.url
            self._isOpen(peer)
            move.done.callback(None)
        elif attempt is self._attempt:
            self._isOpen(peer)

    def _isOpen(self, peer: Peer) -> None:
        if self.state is ConnectionState.OPEN:  # it has only moved
            return
        self._wire.worked()
        self._backoff.reset()
        self._told.clear()
        self.reconnects += self._wasOpen
        self._wasOpen = True
        self.peer = there = cast(VortexPeer, peer)
        self.error = None
        self._setState(ConnectionState.OPEN)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.called:
                waiter.callback(there)

    def attemptEnded(self, attempt: Attempt, error: VortexError) -> None:
        """For its attempts: nothing is left of one."""
        move = self._move
        if attempt is self._attempt:
            self._attempt = None
        elif move is not None and attempt is move.attempt:
            self._move = None
            move.done.errback(error)
        else:  # the session has left it
            return
        if self._closed is not None:
            self._goneIfEmpty()
        elif self._attempt is None and self._move is None:
            self._tryLater(error)
        elif self._line is not None and not self._line.isCarried:
            self._setState(ConnectionState.CONNECTING)  # the other of the two may still get there

    def _tryLater(self, error: VortexError) -> None:
        if self._wire.failed(error):
            self._tryNow()
            return
        if self._line is None:
            self.peer = None
        self._warn(error)
        self.error = error
        delay = self._backoff.next()
        self.retryAt = self._vortex.clock.seconds() + delay
        self._timer = self._vortex.clock.callLater(delay, self._tryNow)
        self._setState(ConnectionState.WAITING)

    def _sessionOn(self, event: Resumed | Reset) -> None:
        """For its line: the session goes on, or another has begun."""
        for told in sessionEventsOf(event):
            for callback in tuple(self._sessionCallbacks):
                callAlone(callback, told, self)

    def _sessionOver(self, _code: str, _reason: str) -> None:
        """For its line: the session is over; the next attempt begins another."""
        self._line = None
        if self._attempt is None:
            self.peer = None

    # ---- between them

    def _warn(self, error: VortexError) -> None:
        """Log *error*, unless it was logged since the connection was open last."""
        if str(error) in self._told:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told.add(str(error))
        log.warn("{connection}: {error}", connection=repr(self), error=str(error))

    def _goneIfEmpty(self) -> None:
        if self._attempt is not None or self._move is not None:
            return
        self._vortex.connections.discard(self)
        if self._closed is not None and not self._closed.called:
            self._closed.callback(None)

    def _forget(self, waiter: Deferred[Any]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def _wasClosed(self) -> NotConnected:
        return NotConnected(f"the connection to {self.url} was closed")

    def _notOpen(self) -> NotConnected:
        if self._closed is not None:
            return self._wasClosed()
        why = "" if self.error is None else f": {self.error}"
        return NotConnected(f"the connection to {self.url} is {self.state}{why}")

    def _setState(self, state: ConnectionState) -> None:
        """Whoever is told may change it again: that is told when everybody has been told of this."""
        if state is self.state:
            return
        self.state = state
        self._untold.append(state)
        if self._isTelling:
            return
        self._isTelling = True
        while self._untold:
            state = self._untold.popleft()
            for callback in tuple(self._callbacks):
                callAlone(callback, state, self)
        self._isTelling = False
