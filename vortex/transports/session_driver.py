"""
SessionDriver: the one place where a session meets a transport, a clock and a PayloadIO.

It moves what the session has to say to the transport as long as that takes it,
wakes the session when it wants waking, and turns its events into calls. All
rules are the session's; all sockets are the transport's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import assert_never

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from vortex.access.principal import Principal
from vortex.clocks import DelayedCall
from vortex.errors import DecodeError, NotConnected, VortexError, errorText
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.events import (
    Broken,
    Cancelled,
    Closed,
    Event,
    Malformed,
    Opened,
    Received,
    Reset,
    Resumed,
    Settled,
)
from vortex.protocol.link_session import LinkSession, State
from vortex.protocol.payload import Payload
from vortex.protocol.server_session import ServerSession
from vortex.routing.ports import Peer
from vortex.transports.incoming_actions import IncomingActions
from vortex.transports.transport import FrameTransport, LinkHost

__all__ = ["SessionDriver"]

log = Logger()


class SessionDriver:
    """
    Args:
        session: What is driven.
        host: The node that this link belongs to.
        kind: What a peer's `transport` says: "websocket", "tcp" and so on.
        address: The other end, for people to read.
        principal: Who the other end was found to be; None if it was not asked.
        onOpened: Called once with the peer, when it has said who it is. For outgoing links only.
        onClosed: Called once when the session is over, with one of `CloseCode`'s words and a sentence.
        onSession: Called each time that it was resumed, or reset. For outgoing links only.
        onBroken: Called each time that the transport is given up and the session is not, as *onClosed* is.

    Attributes:
        peer: Who is at the other end; None until it has said so.
        principal: As given, or as `renew` has it.
    """

    def __init__(
        self,
        session: LinkSession,
        host: LinkHost,
        *,
        kind: str,
        address: str,
        principal: Principal | None = None,
        onOpened: Callable[[Peer], object] | None = None,
        onClosed: Callable[[str, str], object] | None = None,
        onSession: Callable[[Resumed | Reset], object] | None = None,
        onBroken: Callable[[str, str], object] | None = None,
    ) -> None:
        self.kind = kind
        self.address = address
        self.peer: Peer | None = None
        self.principal: Principal | None = None
        self._session = session
        self._host = host
        self._onOpened = onOpened
        self._onClosed = onClosed
        self._onSession = onSession
        self._onBroken = onBroken
        self._expiry: DelayedCall | None = None
        self._actions: IncomingActions | None = None
        self._transport: FrameTransport | None = None
        self._timer: DelayedCall | None = None
        self._timerDeadline = 0.0
        self._stall: DelayedCall | None = None
        self._pumping = False
        self._hasWarned = False
        self._isStranger = False
        self._drained: list[Deferred[None]] = []
        self._ready: list[Deferred[None]] = []
        if principal is not None:
            self.renew(principal)

    @property
    def isOutgoing(self) -> bool:
        """Whether this end has made the connection."""
        return self._onOpened is not None

    @property
    def closed(self) -> bool:
        """True once the session is over."""
        return self._session.state is State.CLOSED

    @property
    def queued(self) -> int:
        """How many messages wait to be written."""
        return self._session.queued

    @property
    def isFull(self) -> bool:
        """Whether so much that came in waits that nothing more should be read."""
        return self.peer is not None and self._host.payloadIO.isFull(self.peer)

    def whenDrained(self) -> Deferred[None]:
        """
        Fires when nothing waits to be written any more, or when the session is over.

        A transport that is full has not written yet what it took.
        """
        if self._isDrained:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._drained.append(waiter)
        return waiter

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait to be written."""
        return self._session.queuedBytes

    def whenReady(self) -> Deferred[None]:
        """Fires when something carries the session and nothing waits to be written; or when it is over."""
        if self._isReady:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._ready.append(waiter)
        return waiter

    @property
    def _isReady(self) -> bool:
        return self.closed or (self._transport is not None and self._isDrained)

    @property
    def _isDrained(self) -> bool:
        isFull = self._transport is not None and self._transport.paused
        return not self._session.queued and not isFull

    # ---- the transport's side

    def attach(
        self,
        transport: FrameTransport,
        frames: Iterable[bytes] = (),
        *,
        form: Form | None = None,
        kind: str | None = None,
        address: str | None = None,
    ) -> None:
        """
        Carry the session on *transport* from now on.

        Args:
            frames: What came in with it. They are read before the hello is written,
                which is then in the peer's own era, and acted on after it.
            form: The form to begin with, where nothing has come in yet.
            kind, address: Of *transport*, where they are not what they were.

        An older one is closed after the hello is on the new one and before
        anything else is: so the other end is never without a line, and reads
        what was written to the old one up to its end.
        """
        old, self._transport = self._transport, transport
        self.kind = kind or self.kind
        self.address = address or self.address
        now = self._now()
        for frame in frames:
            self._session.receive(frame, now)
        self._session.attached(now, form)
        if old is not None:
            for frame in self._session.helloToSend():
                transport.writeFrame(frame)
            self._clearStall()
            old.close(CloseCode.SUPERSEDED.value, "a newer request carries this peer")
        self._settle()

    def transportLost(self, transport: FrameTransport, reason: str) -> None:
        """*transport* is gone. One that was already superseded is of no interest."""
        if transport is self._transport:
            self._transport = None
            self._clearStall()
            self._session.transportLost(self._now(), reason)
            self._settle()

    def frameReceived(self, frame: bytes, transport: FrameTransport | None = None) -> None:
        """
        One whole frame came in.

        Args:
            transport: What it came by, where that may have been superseded: then it is dropped.
        """
        self.framesReceived((frame,), transport)

    def framesReceived(self, frames: Iterable[bytes], transport: FrameTransport | None = None) -> None:
        """As `frameReceived`; what is answered to all of them is written at once."""
        if transport is None or transport is self._transport:
            now = self._now()
            for frame in frames:
                self._session.receive(frame, now)
            self._settle()

    def carries(self, transport: FrameTransport) -> bool:
        """Whether it is *transport* that carries the session."""
        return transport is self._transport

    def cut(self, transport: FrameTransport, code: str, reason: str) -> None:
        """What came by *transport* is of no use: leave that. The session lives on."""
        if transport is self._transport:
            self._giveUp(code, reason)
            self._settle()

    @property
    def isConnected(self) -> bool:
        """Whether something carries the session now."""
        return self._transport is not None

    def pauseProducing(
        self, transport: FrameTransport | None = None, unwritten: Callable[[], int | None] = lambda: None
    ) -> None:
        """
        *transport*'s buffer is full: hold everything back, and wait only so long.

        Args:
            unwritten: How many bytes are in it: as long as they get less, the other end reads.
        """
        if self._stall is None and transport in (None, self._transport):
            self._watch(unwritten, unwritten(), self._now() + self._host.limits.writeStall)

    def resumeProducing(self, transport: FrameTransport | None = None) -> None:
        """*transport* takes bytes again."""
        if transport in (None, self._transport):
            self._clearStall()
            self._settle()

    def _watch(self, unwritten: Callable[[], int | None], left: int | None, until: float) -> None:
        """Give the other end until then to read some of what is *left*."""
        wait = max(0.0, min(until - self._now(), self._host.limits.writeStall / 4))
        self._stall = self._host.wheel.callLater(wait, self._look, unwritten, left, until)

    def _look(self, unwritten: Callable[[], int | None], before: int | None, until: float) -> None:
        left, now = unwritten(), self._now()
        if before is not None and left is not None and left < before:
            until = now + self._host.limits.writeStall
        if now < until:
            self._watch(unwritten, left, until)
        else:
            self._stalled()

    def _stalled(self) -> None:
        self._stall = None
        self._session.slow(f"nothing was read for {self._host.limits.writeStall:g} s")
        if self.closed:  # else it is counted when the connection is left
            self._host.counters["slow"] += 1
        self._settle()

    def _clearStall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # ---- the node's side

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        """
        Queue *message*, and write it at once if the transport takes it.

        Args:
            mergeKey: When much waits, *message* replaces a waiting one of the same key and priority.
        """
        transport = self._transport
        if transport is not None and not transport.paused and not self._pumping:
            frame = self._session.frameToSendNow(message)
            if frame is not None:
                transport.writeFrame(frame)
                return
        before = self._session.merged
        self._session.send(message, priority=priority, mergeKey=mergeKey)
        if self._session.merged > before:
            self._host.counters["merged"] += 1
        self._settle()

    def cancel(self, message: Message) -> None:
        """Nobody waits for the answer to *message* any more."""
        self._session.cancel(message)
        self._settle()

    def renew(self, principal: Principal) -> None:
        """The other end has shown again who it is; the link is good for *principal*'s lifetime from now."""
        self.principal = principal
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if principal.lifetime is not None:
            self._expiry = self._host.wheel.callLater(max(0.0, principal.lifetime), self._expired)

    def _expired(self) -> None:
        self._expiry = None
        self.close(CloseCode.EXPIRED.value, "what the peer has shown is good no longer")

    def close(self, code: str, reason: str) -> None:
        """End this link and its transport."""
        self._session.close(CloseCode(code), reason)
        self._settle()

    # ---- between them

    def _now(self) -> float:
        return self._host.clock.seconds()

    def _settle(self) -> None:
        """Write what may be written, tell what has happened, and set the alarm."""
        if self._pumping:  # an event's handler sent something: the loop below takes it along
            return
        self._pumping = True
        try:
            self._write()
            while events := self._session.events():
                for event in events:
                    self._handle(event)
                self._write()
        finally:
            self._pumping = False
        if self._drained and self._isDrained:
            waiters, self._drained = self._drained, []
            for waiter in waiters:
                waiter.callback(None)
        if self._ready and self._isReady:
            waiters, self._ready = self._ready, []
            for waiter in waiters:
                waiter.callback(None)
        self._setAlarm()

    def _write(self) -> None:
        transport = self._transport
        while transport is not None and not transport.paused:
            frames = self._session.framesToSend()
            if not frames:
                break
            for frame in frames:
                transport.writeFrame(frame)

    def _handle(self, event: Event) -> None:
        match event:
            case Received(envelope):
                if self.peer is not None:
                    self._received(envelope, self.peer)
            case Opened(uuid, name):
                if self.principal is not None and self._host.isRevoked(self.principal):
                    self.close(CloseCode.REVOKED.value, "the access was revoked")
                    return
                if isinstance(self._session, ServerSession) and not self._takeActions(self._session):
                    return
                self.peer = self._host.peerOpened(self, uuid, name)
                if self._onOpened is not None:
                    self._onOpened(self.peer)
            case Malformed(error) if self.isOutgoing and self.peer is None and isinstance(error, DecodeError):
                self._isStranger = True
                self.close(CloseCode.REFUSED.value, errorText(NotConnected(f"this is no vortex: {error}")))
            case Malformed(error, action, asked):
                self._refuse(error, action)
                if asked is not None and self.peer is not None:
                    self._host.payloadIO.cannotRead(error, asked, self.peer)
            case Resumed() | Reset():
                if self.peer is not None:
                    self._host.sessionEvent(self.peer, event)
                if self._onSession is not None:
                    self._onSession(event)
            case Cancelled(action):
                if self._actions is not None:
                    self._actions.cancelled(action)
            case Settled(action):
                if self._actions is not None:
                    self._actions.settled(action)
            case Broken(code, reason):
                self._giveUp(code, reason)
            case Closed(code, reason):
                self._end(code, reason)
            case _:
                assert_never(event)

    def _takeActions(self, session: ServerSession) -> bool:
        """Begin to take the client's actions; not if it has begun to count them anew since."""
        record = self._host.once.attached(session.clientKey, session.epoch, session.nextAction, self._now())
        if record is None:
            self.close(CloseCode.STALE_EPOCH.value, "the client has begun another epoch")
            return False
        if session.isAnothers:  # what it has asked for as that, it may not do as this, nor again
            record.passOver(session.nextAction - 1)
        self._actions = IncomingActions(self, self._host, record, session.nextAction - 1)
        return True

    def _received(self, envelope: Envelope, peer: Peer) -> None:
        if self._actions is None or envelope.action is None:
            self._host.payloadIO.route(envelope, peer)
        else:
            self._actions.received(envelope, peer)

    def _refuse(self, error: VortexError, action: int | None) -> None:
        """Tell the peer what was wrong with its bytes, on no filt: there was none to read."""
        self._host.counters["malformed"] += 1
        if not self._hasWarned:
            self._hasWarned = True
            who = str(self.peer or self.address)
            log.warn("{peer} sent what is no message, this for one: {error}", peer=who, error=str(error))
        if self._actions is None or action is None:
            self.send(Message(Payload(result=errorText(error)), isReply=True))
        else:
            self._actions.malformed(action, error)

    def _giveUp(self, code: str, reason: str) -> None:
        """Leave the connection; the session lives on."""
        self._clearStall()
        transport, self._transport = self._transport, None
        if code in (CloseCode.SLOW.value, CloseCode.PROTOCOL.value, CloseCode.LIMIT.value):
            self._host.counters["slow" if code == CloseCode.SLOW.value else "malformed"] += 1
            log.warn("{peer} is cut: {reason}", peer=str(self.peer or self.address), reason=reason)
        elif code == CloseCode.SILENT.value:
            self._host.counters["silent"] += 1
        self._session.transportLost(self._now(), reason)
        if self._onBroken is not None:
            self._onBroken(code, reason)
        if transport is not None:
            if code in (CloseCode.SLOW.value, CloseCode.SILENT.value):
                transport.abort()
            else:
                transport.close(code, reason)

    def _end(self, code: str, reason: str) -> None:
        self._clearStall()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        transport, self._transport = self._transport, None
        if transport is not None:
            for frame in self._session.helloToSend():
                transport.writeFrame(frame)
            isGone = code == CloseCode.SLOW.value or (code == CloseCode.SILENT.value and self.isOutgoing)
            if isGone or self._isStranger:
                transport.abort()  # who does not read, or is gone, or no vortex, would not read a farewell
            else:
                transport.close(code, reason)
        if code in (CloseCode.SLOW.value, CloseCode.OVERFLOW.value):
            self._host.counters["overflow"] += 1
            log.warn("{peer} is cut: {reason}", peer=str(self.peer or self.address), reason=reason)
        elif code == CloseCode.SILENT.value:
            self._host.counters["silent"] += 1
        if self._actions is not None:
            self._actions.closed(self._now())
        if self.peer is not None:
            self._host.peerClosed(self.peer, code, reason)
        if self._onClosed is not None:
            self._onClosed(code, reason)

    def _setAlarm(self) -> None:
        """
        Have the wheel wake the session.

        A deadline that has moved further away is left alone: the alarm then comes
        early, finds nothing due and is set again. So a frame that comes in costs no
        timer at all.
        """
        deadline = self._session.nextDeadline()
        if self._timer is not None:
            if deadline is not None and self._timerDeadline <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timerDeadline = deadline
            self._timer = self._host.wheel.callLater(max(0.0, deadline - self._now()), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.look()

    def look(self) -> None:
        """Do what is due."""
        self._session.tick(self._now())
        self._settle()
