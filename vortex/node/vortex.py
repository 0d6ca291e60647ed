"""
Vortex: one node; who is connected to it, and how to reach them.

It owns its `PayloadIO`, its clock and its limits, and knows its peers by uuid and
by name. What carries them is not its business: a resource or a link that is given
this node tells it who comes and goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.access.admission import Admission
from vortex.access.principal import Authenticator, Credentials, Principal
from vortex.errors import NotConnected, RequestTimeout, VortexError
from vortex.limits import Limits
from vortex.node.peer import VortexPeer
from vortex.node.reactor_thread import checkThread
from vortex.node.refresh import Refresh
from vortex.node.session_events import (
    SessionEvent,
    SessionExpired,
    SessionSuspended,
    sessionEventsOf,
)
from vortex.node.vortex_connection import VortexConnection
from vortex.node.wire_choice import Wire
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Message
from vortex.protocol.events import Reset, Resumed
from vortex.protocol.once import Once
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.callbacks import callAlone
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.payload_io import PayloadIO
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import liveNodes
from vortex.transports.listening import listenAt
from vortex.transports.native_door import NativeDoor
from vortex.transports.post_ways import Via
from vortex.transports.stream_server import StreamFactory
from vortex.transports.timer_wheel import TimerWheel
from vortex.transports.tls import TlsOptions, tlsFactory

if TYPE_CHECKING:
    from vortex.clocks import Clock
    from vortex.transports.session_driver import SessionDriver

__all__ = ["Vortex"]

T = TypeVar("T")
PeerCallback = Callable[[VortexPeer, bool], object]
SessionCallback = Callable[[SessionEvent, VortexPeer], object]

BETWEEN_REQUESTS = 1.0
"""Seconds for which a shutdown waits for a peer that one request after another carries, and none now: it may
be on its way."""

log = Logger()


class Vortex:
    """
    One node.

    Args:
        name: What this node calls itself; peers may address all of a name.
        uuid: Its uuid; made up when None.
        authenticator: Finds out who a peer is, before anything of it is read; None:
            nobody asks, and programs on this machine only are served.
        anonymous: True lets in peers from everywhere without asking who they are.
            With an authenticator: those who have shown nothing that says it. False
            refuses them, and without one every request that came through a proxy.
        limits: The bounds it holds its peers to.
        reactor: Twisted's reactor, or a test's clock; None: the installed reactor,
            taken when it is first needed.

    Attributes:
        payloadIO: Its endpoints.
        connections: Its outgoing connections, until they are closed.
        counters: What happened how often: "malformed", "overflow", "slow", "unknownFields" …
        once: Which actions of its clients were taken, on the native wire.

    A node is live from its making until `shutdown`; while it is the only one in
    its process, endpoints and handlers find it by themselves. It belongs to the
    reactor's thread: in another what listens, connects, sends and asks raises
    RuntimeError, and `reactor.callFromThread` is the way in.
    """

    def __init__(
        self,
        name: str,
        *,
        uuid: str | None = None,
        authenticator: Authenticator | None = None,
        anonymous: bool = False,
        limits: Limits | None = None,
        reactor: Any = None,
    ) -> None:
        self.name = name
        self.uuid = uuid or str(uuid4())
        self._admission = Admission(authenticator, anonymous)
        self.limits = limits or Limits()
        self.counters: Counter[str] = Counter()
        self.once: Once[Action] = Once(self.limits, self.counters)
        self._reactor = reactor
        self._wheel: TimerWheel | None = None
        self._door: NativeDoor | None = None
        self._peers: dict[VortexPeer, str] = {}  # the address at which each is counted
        self._byUuid: dict[str, dict[VortexPeer, None]] = {}
        self._byName: dict[str, dict[VortexPeer, None]] = {}
        self._perAddress: Counter[str] = Counter()
        self.connections: set[VortexConnection] = set()
        self._ports: dict[IListeningPort, StreamFactory] = {}
        self._peerCallbacks: list[PeerCallback] = []
        self._sessionCallbacks: list[SessionCallback] = []
        self._shutdownCallbacks: list[Callable[[], object]] = []
        self._messageNumbers = count(1)
        self._inThreads: dict[Deferred[Any], None] = {}
        self._shutdown: Deferred[None] | None = None
        self.payloadIO = PayloadIO(self, checkThread)
        self._refresh = None if authenticator is None else Refresh(self)
        liveNodes.add(self)

    def __repr__(self) -> str:
        return f"<Vortex {self.name!r} {self.uuid}, {len(self._peers)} peers>"

    # ---- time and threads

    @property
    def clock(self) -> Clock:
        """The reactor, or a test's clock."""
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        clock: Clock = self._reactor
        return clock

    @property
    def wheel(self) -> TimerWheel:
        """The one timer of all this node's links."""
        if self._wheel is None:
            self._wheel = TimerWheel(self.clock)
        return self._wheel

    @property
    def door(self) -> NativeDoor:
        """Where who comes in on the native wire gets a session."""
        if self._door is None:
            self._door = NativeDoor(self)
        return self._door

    def runInThread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Deferred[T]:
        """
        Call *function* in the reactor's thread pool; fires in the reactor's thread. To cancel that does not
        stop the thread: it is waited for as ever, and what it comes to is dropped.

        On a test's clock, which has no threads, it is called at once.
        """
        reactor: Any = self.clock
        if not hasattr(reactor, "getThreadPool"):
            return maybeDeferred(function, *args, **kwargs)
        running = deferToThreadPool(reactor, reactor.getThreadPool(), function, *args, **kwargs)
        result: Deferred[T] = Deferred()
        done: Deferred[None] = Deferred()
        self._inThreads[done] = None

        def over() -> None:
            del self._inThreads[done]
            done.callback(None)

        def finished(outcome: Any) -> None:
            # A turn later: what comes of the result, an answer or the next call, is under way by then.
            reactor.callLater(0, over)
            if result.called and isinstance(outcome, Failure):
                log.failure("what was done in a thread, and is not wanted any more, has failed", outcome)
            result.callback(outcome)

        running.addBoth(finished)
        return result

    # ---- peers

    @property
    def peers(self) -> tuple[VortexPeer, ...]:
        """Who is online, the one that has lived longest first."""
        return tuple(self._peers)

    def peersNamed(self, name: str) -> tuple[VortexPeer, ...]:
        """Who is online under *name*, the one that has lived longest first."""
        return tuple(self._byName.get(name, ()))

    def peerWithUuid(self, uuid: str) -> VortexPeer | None:
        """Who is online under *uuid*; of several, the one that has lived longest of those connected now."""
        peers = self._byUuid.get(uuid, {})
        return next((peer for peer in peers if peer.isConnected), None) or next(iter(peers), None)

    def onPeerChange(self, callback: PeerCallback) -> Callable[[], None]:
        """
        Call ``callback(peer, online)`` whenever a peer comes (True) or goes (False). It may be a coroutine
        function.

        Returns:
            A function that ends it.

        Raises:
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self, "Vortex.onPeerChange")
        self._peerCallbacks.append(callback)

        def stop() -> None:
            if callback in self._peerCallbacks:
                self._peerCallbacks.remove(callback)

        return stop

    def onSessionEvent(self, callback: SessionCallback) -> Callable[[], None]:
        """
        Call ``callback(event, peer)`` when a session of the native wire was resumed, reset, or has expired:
        `SessionSuspended`, `SessionResumed`, `SessionReset`, `SessionExpired`. It may be a coroutine
        function.

        Returns:
            A function that ends it.

        Raises:
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self, "Vortex.onSessionEvent")
        self._sessionCallbacks.append(callback)

        def stop() -> None:
            if callback in self._sessionCallbacks:
                self._sessionCallbacks.remove(callback)

        return stop

    def onShutdown(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call ``callback()`` when this node shuts down and its links are closed. It may be a coroutine
        function; nobody waits for it.

        Returns:
            A function that ends it.

        Raises:
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self, "Vortex.onShutdown")
        self._shutdownCallbacks.append(callback)

        def stop() -> None:
            if callback in self._shutdownCallbacks:
                self._shutdownCallbacks.remove(callback)

        return stop

    @property
    def asksWhoPeersAre(self) -> bool:
        """Whether it has an authenticator."""
        return self._admission.authenticator is not None

    @property
    def anonymous(self) -> bool:
        """Whether peers from other machines are let in unasked."""
        return self._admission.anonymous

    @property
    def letsIn(self) -> str:
        """Whom it lets in, in words that follow on "it lets in"."""
        return self._admission.letsIn

    def whyNotServed(self, credentials: Credentials) -> str | None:
        """Why somebody that nobody asks is not let in, to follow on "... and"; None if it is."""
        return self._admission.whyNotServed(credentials)

    def admit(self, credentials: Credentials) -> Deferred[Principal | None]:
        """
        For links: whether to let somebody in; fails with `AccessDenied`, and with `RequestTimeout` if that is
        not found out within `Limits.helloTimeout`.
        """
        admission = self._admission.admit(credentials)
        if not admission.called:
            clock: Any = self.wheel
            admission.addTimeout(self.limits.helloTimeout, clock, _askedTooLong)
        return admission

    def revoke(self, principal: Principal | str) -> int:
        """
        End all links of *principal* at once, and let it in no more until `restore`, or the process's end.

        Returns:
            How many peers that were.
        """
        whose = principal if isinstance(principal, str) else principal.id
        self._admission.revoke(whose)
        peers = [peer for peer in self.peers if peer.identity == whose]
        for peer in peers:
            peer._link.close(CloseCode.REVOKED.value, "the access was revoked")
        return len(peers)

    def restore(self, principal: Principal | str) -> None:
        """Let a revoked *principal* in again."""
        self._admission.restore(principal if isinstance(principal, str) else principal.id)

    @property
    def isShutDown(self) -> bool:
        """True from the moment that `shutdown` was called."""
        return self._shutdown is not None

    def isRevoked(self, principal: Principal) -> bool:
        """For links: whether *principal* is let in no more."""
        return self._admission.isRevoked(principal)

    def refusal(self, address: str) -> str | None:
        """Why no further peer from *address* is taken now; None when it is."""
        if self._shutdown is not None:
            return "this vortex is shutting down"
        if len(self._peers) >= self.limits.maxPeers:
            return f"this vortex has its {self.limits.maxPeers} peers (maxPeers)"
        perAddress = self.limits.maxPeersPerAddress
        if perAddress is not None and self._perAddress[address] >= perAddress:
            return f"this vortex has {perAddress} peers from this address (maxPeersPerAddress)"
        return None

    def peerOpened(self, link: SessionDriver, uuid: str, name: str) -> VortexPeer:
        """For links: someone has said who they are."""
        peer = VortexPeer(self, link, uuid, name)
        self._peers[peer] = peer.address
        self._byUuid.setdefault(uuid, {})[peer] = None
        self._byName.setdefault(name, {})[peer] = None
        if not link.isOutgoing:
            self._perAddress[peer.address] += 1
        self._tellPeerChange(peer, True)
        return peer

    def peerClosed(self, peer: VortexPeer, code: str, reason: str) -> None:
        """For links: that peer will not be heard of again."""
        peer.isOnline = False
        address = self._peers.pop(peer)
        for index, key in ((self._byUuid, peer.uuid), (self._byName, peer.name)):
            group = index.get(key, {})
            group.pop(peer, None)
            if not group:
                index.pop(key, None)
        if not peer._link.isOutgoing:
            self._uncount(address)
        log.debug("{peer} is gone: {code}, {reason}", peer=repr(peer), code=code, reason=reason)
        if code == CloseCode.SESSION_EXPIRED.value:
            self.counters["expired"] += 1
            self._tellSession(SessionExpired(), peer)
        self._tellPeerChange(peer, False)

    def peerMoved(self, peer: VortexPeer) -> None:
        """For links: *peer* may come from another address than before."""
        address = self._peers.get(peer)
        if address is not None and address != peer.address:
            self._uncount(address)
            self._peers[peer] = peer.address
            self._perAddress[peer.address] += 1

    def peerSuspended(self, peer: VortexPeer) -> None:
        """For links: nothing carries the session of *peer* now."""
        self._tellSession(SessionSuspended(), peer)

    def _uncount(self, address: str) -> None:
        self._perAddress[address] -= 1
        if self._perAddress[address] <= 0:
            del self._perAddress[address]

    def peerRenamed(self, peer: VortexPeer, uuid: str, name: str) -> None:
        """For links: at the other end is another life of what was there, which calls itself so."""
        for index, key in ((self._byUuid, peer.uuid), (self._byName, peer.name)):
            group = index[key]
            del group[peer]
            if not group:
                del index[key]
        peer.uuid, peer.name = uuid, name
        self._byUuid.setdefault(uuid, {})[peer] = None
        self._byName.setdefault(name, {})[peer] = None

    def sessionEvent(self, peer: VortexPeer, event: Resumed | Reset) -> None:
        """For links: the session of *peer* was resumed, or begun anew."""
        if isinstance(event, Resumed):
            self.counters["resumed"] += 1
        else:
            self.counters["reset"] += 1
            if (event.uuid, event.name) != (peer.uuid, peer.name):
                self.peerRenamed(peer, event.uuid, event.name)
        for told in sessionEventsOf(event):
            self._tellSession(told, peer)

    def _tellSession(self, event: SessionEvent, peer: VortexPeer) -> None:
        for callback in tuple(self._sessionCallbacks):
            callAlone(callback, event, peer)

    def closePeer(self, peer: VortexPeer, reason: str) -> None:
        """End *peer*'s link."""
        peer._link.close(CloseCode.NORMAL.value, reason)

    def _tellPeerChange(self, peer: VortexPeer, online: bool) -> None:
        for callback in tuple(self._peerCallbacks):
            callAlone(callback, peer, online)

    # ---- links of its own

    def listen(
        self, endpoint: str | IStreamServerEndpoint, *, tls: TlsOptions | None = None
    ) -> Deferred[IListeningPort]:
        """
        Take raw connections; for HTTP there is `VortexResource`.

        Args:
            endpoint: Where, as "tcp:8081", "tcp:8081:interface=127.0.0.1", "unix:/run/jobs.sock", or an
                endpoint.
            tls: Our certificate, and what is asked of clients; None: no TLS.

        Returns:
            A Deferred with the port, which `shutdown` closes. A Unix socket on which nobody listens any more
            makes way. It fails with `AddressInUse`, and with what Twisted raises where it cannot listen for
            another reason.

        Raises:
            ValueError: If *endpoint* or *tls* makes no sense.
            OSError: If a file of *tls* cannot be read.
        """
        checkThread(self, "Vortex.listen")
        if self._shutdown is not None:
            return fail(NotConnected(f"{self} was shut down, and listens no more"))
        streams = StreamFactory(self)
        factory = streams if tls is None else tlsFactory(tls, streams, self.clock)
        if isinstance(endpoint, str):
            where: IStreamServerEndpoint = serverFromString(self.clock, endpoint)
        else:
            where = endpoint
        return listenAt(where, factory, endpoint).addCallback(self._listening, streams)

    def _listening(self, port: IListeningPort, streams: StreamFactory) -> IListeningPort:
        self._ports[port] = streams
        if self._shutdown is not None:
            self._stopListening()
        return port

    def _stopListening(self) -> list[Deferred[Any]]:
        """Close the ports, and what has come in at them."""
        ports, self._ports = self._ports, {}
        closing = [maybeDeferred(port.stopListening) for port in ports]
        return closing + [streams.close("this vortex is shutting down") for streams in ports.values()]

    def connect(
        self,
        url: str,
        *,
        tls: TlsOptions | None = None,
        token: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: IStreamClientEndpoint | None = None,
        wire: Wire = "auto",
        via: Via | None = None,
        random: Random | None = None,
    ) -> VortexConnection:
        """
        Connect to another vortex, and stay connected; arguments as `VortexConnection` has them.

        Raises:
            ValueError: If they make no sense, or do not go together.
            NotConnected: If this node was shut down.
        """
        checkThread(self, "Vortex.connect")
        connection = VortexConnection(
            self,
            url,
            tls=tls,
            token=token,
            headers=headers,
            endpoint=endpoint,
            wire=wire,
            via=via,
            random=random,
        )
        connection.startService()
        return connection

    # ---- sending

    def issueMessageId(self) -> str:
        """A messageId that nobody else issues."""
        return f"{self.uuid}:{next(self._messageNumbers)}"

    def issued(self, messageId: str) -> bool:
        """True for a messageId of ours: what comes in with it is an answer."""
        return messageId.startswith(f"{self.uuid}:")

    def send(
        self,
        payload: Payload,
        *,
        toName: str | None = None,
        toUuid: str | None = None,
        priority: int = 100,
        mergeKey: Hashable = None,
    ) -> Deferred[int]:
        """
        Send *payload*, unasked.

        Args:
            payload: What to send. It is encoded once, however many get it, and gets a
                messageId where its filt has none.
            toName: To all peers of that name.
            toUuid: To the peer of that uuid; of several, as `peerWithUuid` has it. With
                neither, to every peer.
            priority: Lower leaves first.
            mergeKey: Says that the next payload of this key and priority makes this one needless: a peer
                for whom more than `Limits.mergeBytes` wait gets only the newest.

        Returns:
            A Deferred that fires when it is queued, with the number of peers; it fails
            with `EncodeError` if the payload cannot be encoded.
        """
        checkThread(self, "Vortex.send")
        peers = self._addressed(toName, toUuid)
        return self.sendTo(peers, payload, priority, mergeKey=mergeKey, mayVanish=True)

    def _addressed(self, toName: str | None, toUuid: str | None) -> Iterable[VortexPeer]:
        if toName is not None and toUuid is not None:
            raise ValueError("send to a name or to a uuid, not to both")
        if toUuid is not None:
            peer = self.peerWithUuid(toUuid)
            return () if peer is None else (peer,)
        return self.peers if toName is None else self.peersNamed(toName)

    def sendTo(
        self,
        peers: Iterable[VortexPeer],
        payload: Payload,
        priority: int = 100,
        *,
        mergeKey: Hashable = None,
        mayVanish: bool = False,
    ) -> Deferred[int]:
        """Send *payload* to just these peers; what `send` and `VortexPeer.send` come down to."""
        filt = payload.filt
        if MESSAGE_ID not in filt:
            filt = {**filt, MESSAGE_ID: self.issueMessageId()}
        message = Message(payload.withFilt(filt))
        queued = 0
        try:
            for peer in peers:
                try:
                    peer.sendMessage(message, priority, mergeKey)
                except NotConnected:
                    if not mayVanish:
                        raise
                else:
                    queued += 1
        except VortexError:
            return fail()
        return succeed(queued)

    def request(
        self,
        payload: Payload,
        *,
        toName: str | None = None,
        toUuid: str | None = None,
        timeout: float | None = 30,
    ) -> Deferred[Payload]:
        """
        Send *payload* to one peer and wait for its answer.

        Args:
            payload: What to ask.
            toName, toUuid: Whom; both may be left out when one peer is connected. Of several those are left
                out that nothing carries now, as what a program has left behind that was started anew.
            timeout: Seconds to wait; None: for ever.

        Returns:
            A Deferred with the answer. It fails with `RequestTimeout`, with
            `ConnectionLost` as soon as the peer is gone, with `NotConnected` where
            there is none or more than one to ask, and with `RemoteError` if the answer
            is an error.
        """
        checkThread(self, "Vortex.request")
        return PayloadResponse(payload, self, toName=toName, toUuid=toUuid, timeout=timeout)

    # ---- the end

    def drain(self, peer: VortexPeer | None = None) -> Deferred[None]:
        """
        Wait until all that is under way has been handed on.

        Fires when no call is left in a thread and nothing is queued for *peer*, or for
        any peer. It sets no time limit: a peer that does not read is cut after
        `Limits.writeStall`.
        """
        if self._inThreads:
            return _all(_wait(done) for done in self._inThreads).addCallback(lambda _: self.drain(peer))
        peers = self.peers if peer is None else (peer,)
        return _all(p.whenDrained() for p in peers)

    def _handOn(self) -> Deferred[None]:
        """As `drain`, but nobody is waited for whom nothing carries, and who may not come back for long."""
        if self._inThreads:
            return _all(_wait(done) for done in self._inThreads).addCallback(lambda _: self._handOn())
        drained = []
        for peer in self.peers:
            if peer.isConnected:
                drained.append(peer.whenDrained())
            elif peer.transport in ("post", "poll"):
                reactor: Any = self.clock
                drained.append(peer.whenDrained().addTimeout(BETWEEN_REQUESTS, reactor))
        return _all(drained)

    def _noteWhatIsLeft(self, outcome: object) -> None:
        left = sum(peer.queuedBytes > 0 for peer in self.peers)
        if left or isinstance(outcome, Failure):
            log.warn(
                "{vortex} shuts down with work left: {left} peers have not got all that waits for them",
                vortex=self,
                left=left,
            )

    def shutdown(self, timeout: float | None = None) -> Deferred[None]:
        """
        Take no more peers, hand on what is under way, and close every link.

        Args:
            timeout: Seconds to wait for what is under way; None: `Limits.drainTimeout`. What waits for a peer
                that no connection carries is not waited for.

        Returns:
            A Deferred that fires when all links are closed. Calling it again returns
            the same outcome.
        """
        if self._shutdown is not None:
            return _wait(self._shutdown)
        self._shutdown = Deferred()
        liveNodes.discard(self)
        reactor: Any = self.clock
        waiting = _wait(self._handOn())
        waiting.addTimeout(self.limits.drainTimeout if timeout is None else timeout, reactor)
        waiting.addBoth(self._noteWhatIsLeft)
        waiting.addCallback(lambda _: self._closeAll())
        return _wait(self._shutdown)

    def _closeAll(self) -> None:
        done = self._shutdown
        assert done is not None
        ending: list[Deferred[Any]] = [connection.close() for connection in tuple(self.connections)]
        ending += self._stopListening()
        if self._door is not None:
            self._door.close("this vortex is shutting down")
        peers = self.peers
        for peer in peers:
            peer._link.close(CloseCode.SHUTDOWN.value, "this vortex is shutting down")
        for callback in tuple(self._shutdownCallbacks):
            callAlone(callback)
        if ending:
            DeferredList(ending, consumeErrors=True).addCallback(lambda _: done.callback(None))
        elif peers:
            # What ends a link (a response's last chunk, a close frame) is written in the next turn; a process
            # that stopped in this one would leave the other end with half a message.
            self.clock.callLater(0, done.callback, None)
        else:
            done.callback(None)


def _askedTooLong(_outcome: object, seconds: float) -> Principal | None:
    raise RequestTimeout(f"who this is could not be found out within {seconds:g} s")


def _all(waiting: Iterable[Deferred[None]]) -> Deferred[None]:
    """Fires when all of them have, whatever came of them."""
    return DeferredList(list(waiting), consumeErrors=True).addCallback(lambda _: None)


def _wait(done: Deferred[None]) -> Deferred[None]:
    """A Deferred of one's own that fires with *done*."""
    waiter: Deferred[None] = Deferred()
    done.addCallback(lambda _: waiter.callback(None))
    return waiter
