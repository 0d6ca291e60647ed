"""
PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.

Whatever one of them does, the others get their call; what it raises is answered once, in words that give
nothing away.

A body that takes long to be opened is opened in a thread before the endpoints are called that read it;
meanwhile the next messages of that peer wait, see `vortex.routing.lines`.

Which endpoints match is `vortex.routing.endpoints`'s, how an error is told `vortex.routing.delivery`'s.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import VortexError, errorText
from vortex.protocol.body import SHORT
from vortex.protocol.envelope import Envelope, Message, Unread
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.delivery import Delivery
from vortex.routing.endpoints import Endpoints
from vortex.routing.filt import CLIENT_ECHO, MESSAGE_ID, SERVER_ECHO
from vortex.routing.lines import Line, Lines, sizeOf
from vortex.routing.live_filt import notOffered
from vortex.routing.noticed import Noticed
from vortex.routing.ports import Node, Peer, liveNodes

if TYPE_CHECKING:
    from vortex.routing.payload_endpoint import PayloadEndpoint
    from vortex.routing.payload_response import PayloadResponse

    _Opened = dict[PayloadEndpoint, Payload | VortexError]

__all__ = ["PayloadIO"]

log = Logger()

_FAILURES = (Exception, asyncio.CancelledError)
"""What an endpoint may raise and end no more than its own call; KeyboardInterrupt and SystemExit go on."""


class PayloadIO(Endpoints):
    """
    The endpoints of one node.

    Args:
        node: Whose they are; held weakly.
        checkThread: Called with the node and the name of what was called, raises where that thread may not;
            None: any may.
    """

    def __init__(self, node: Node, checkThread: Callable[[Node, str], None] | None = None) -> None:
        super().__init__()
        self._node = weakref.ref(node)
        self._checkThread = checkThread
        self._waiting: dict[str, PayloadResponse] = {}
        self._waitingFor: dict[Peer, dict[str, PayloadResponse]] = {}
        self._watchesPeers = False
        self._lines = Lines(node)

    def __repr__(self) -> str:
        return f"<PayloadIO with {len(self._index)} endpoints, {len(self._waiting)} waiting>"

    @property
    def asksWhoPeersAre(self) -> bool:
        """Whether the node has an authenticator, so that a peer without an identity is nobody."""
        node = self._node()
        return node is None or node.asksWhoPeersAre

    @property
    def isLive(self) -> bool:
        """Whether the node is there, and not shut down."""
        node = self._node()
        return node is not None and node in liveNodes

    def checkThread(self, what: str) -> None:
        """
        For endpoints: *what* was called.

        Raises:
            RuntimeError: If that may not be done in this thread.
        """
        node = self._node()
        if node is not None and self._checkThread is not None:
            self._checkThread(node, what)

    # ---- messages

    def route(self, message: Envelope | Payload, peer: Peer, action: Action | None = None) -> int:
        """
        Take *message*, which came from *peer*, to all that it matches.

        Args:
            message: As it came in, still closed; or a payload, as if *peer* had sent it.
            peer: Who gets the answers.
            action: What *message* is of *peer*'s actions, where those are counted: then this is answered. To
                cancel it cancels the Deferreds and coroutines of the endpoints that were called.

        Returns:
            How many took it: endpoints that were called, and who waited for this answer.
            A message that nobody takes is not answered, unless all that would were not allowed to, or its
            peer, on the native wire, waits for an observable or an action processor: then it is told that
            there is none.
        """
        node = self._node()
        if node is None:
            return 0
        line, seconds = self._lines.of(peer), node.clock.seconds
        if line.isBusy:
            job = partial(self._routeLater, message, peer, action)
            self._lines.wait(line, _sizeOf(message), job)
            return 1
        begin = seconds()
        taken = self._routeNow(node, line, message, peer, action)
        self._lines.spent(line, begin, seconds())
        return taken

    def isFull(self, peer: Peer) -> bool:
        """For links: whether so much of *peer* waits to be read that nothing more should come in."""
        return self._lines.isFull(peer)

    def open(self, payload: Payload, peer: Peer, what: Callable[[], Any]) -> Deferred[None] | None:
        """
        For an endpoint that opens bodies itself: call *what*, which opens that of *payload*, in a thread.

        Returns:
            Fires when that is done, whatever came of it; None, and *what* was not called, for a payload that
            is opened already, or at once.
        """
        body = payload.closedBody
        if body is None or body.isShort(SHORT):
            return None

        def work() -> int:
            with suppress(VortexError):
                what()
            return body.inflatedSize

        return self._lines.open(self._lines.of(peer), work)

    def _routeLater(self, message: Envelope | Payload, peer: Peer, action: Action | None) -> None:
        """*message* has waited, and has its turn."""
        node = self._node()
        if node is not None and not (action is not None and action.isCancelled):
            _tellUntaken(action, self._routeNow(node, self._lines.of(peer), message, peer, action))

    def _routeNow(
        self, node: Node, line: Line, message: Envelope | Payload, peer: Peer, action: Action | None
    ) -> int:
        if isinstance(message, Payload):
            envelope = Envelope(dict(message.filt), result=message.result)
        elif isinstance(message, Unread):
            self._readThenRoute(node, line, message, peer)
            return 1
        else:
            envelope = message
        if envelope.isEmpty:
            return 0
        messageId = envelope.messageId
        isOurs = messageId is not None and node.issued(messageId)
        isReply = envelope.isReply or envelope.result is not None or isOurs
        if SERVER_ECHO in envelope.filt or CLIENT_ECHO in envelope.filt:
            # Both go, whoever of the two we are here: what goes back is never sent back once more.
            for key in (SERVER_ECHO, CLIENT_ECHO):
                envelope.filt.pop(key, None)
            if not isReply:
                self._echo(_payloadOf(message, node), envelope, peer, action)
        delivery = Delivery(peer, envelope, isReply=isReply, action=action)
        body = envelope.body
        if body is None or body.isShort(SHORT):
            isAwaited = isReply and messageId in self._waiting
            taken = self._respond(delivery, envelope, _payloadOf(message, node)) if isAwaited else 0
            return taken + self._deliver(node, delivery, envelope, message, action)
        return self._openThenRoute(node, line, delivery, envelope, action)

    def _respond(self, delivery: Delivery, envelope: Envelope, payload: Payload) -> bool:
        """Give *payload* to who waits for it; returns whether somebody has taken it."""
        response = self._waiting.get(envelope.messageId or "")
        if response is None:
            return False
        payload.filt = dict(envelope.filt)
        return response.offer(payload, delivery.peer)

    # ---- messages that take long to be read

    def _readThenRoute(self, node: Node, line: Line, message: Unread, peer: Peer) -> None:
        """Have *message* read in a thread, then take it where it belongs."""
        read: list[Envelope | VortexError] = []

        def work() -> int:
            try:
                read.append(message.read())
            except VortexError as error:
                read.append(error)
            return message.size

        def go(_: object) -> None:
            match read:
                case [Envelope() as envelope]:
                    self._routeNow(node, line, envelope, peer, None)
                case [VortexError() as error]:
                    node.counters["malformed"] += 1
                    log.info("{peer} sent what is no message: {error}", peer=peer, error=str(error))
                    _send(peer, Message(Payload(result=errorText(error)), isReply=True))

        self._lines.hold(line, self._lines.open(line, work).addCallback(go))

    def _openThenRoute(
        self, node: Node, line: Line, delivery: Delivery, envelope: Envelope, action: Action | None
    ) -> int:
        """Have the body opened in a thread for those who read it, then call all that there are now."""
        opened: _Opened = {}
        toOpen: list[Payload] = []
        for endpoint, refused in self.called(delivery, envelope):
            payload = Payload.fromEnvelope(envelope, node.limits)
            opened[endpoint] = refused or payload
            if refused is None and endpoint.readsBody(envelope.filt):
                toOpen.append(payload)
        answer = Payload.fromEnvelope(envelope, node.limits)
        isAwaited = delivery.isReply and envelope.messageId in self._waiting
        if isAwaited:
            toOpen.append(answer)

        def go(_: object) -> int:
            taken = self._respond(delivery, envelope, answer) if isAwaited else 0
            return taken + self._deliver(node, delivery, envelope, envelope, action, opened=opened)

        if not toOpen:
            return go(None)
        opening = self._lines.open(line, lambda: sum(payload.open() for payload in toOpen))
        if action is not None:
            opening.addCallback(lambda _: 1 if action.isCancelled else go(None))
        else:
            opening.addCallback(go)
        opening.addCallback(partial(_tellUntaken, action))
        self._lines.hold(line, opening)
        return 1

    def read(self, filt: Mapping[Any, Any], peer: Peer) -> int:
        """
        Ask for *filt* for *peer*, who may only listen: endpoints get it of which it changes nothing, see
        `PayloadEndpoint.isRead`. Where there are others only, it is answered that it may not.

        Returns:
            How many endpoints were called.
        """
        node = self._node()
        if node is None:
            return 0
        payload = Payload(dict(filt))
        envelope = Envelope(payload.filt)
        return self._deliver(
            node, Delivery(peer, envelope, isReply=False), envelope, payload, None, isRead=True
        )

    def _deliver(
        self,
        node: Node,
        delivery: Delivery,
        envelope: Envelope,
        message: Envelope | Payload,
        action: Action | None,
        *,
        isRead: bool = False,
        opened: _Opened | None = None,
    ) -> int:
        """
        Call each endpoint that matches; returns how many were called.

        Args:
            opened: What was found before, where the body had to be opened first: of those that are called
                what they get, of others why not. Endpoints that were not there then are not called.
        """
        unknown = Noticed(node)
        if envelope.unknownFields:
            unknown.count(envelope.unknownFields)
        called = 0
        refusal: VortexError | None = None
        underWay: list[Deferred[Any]] = []
        for endpoint, refused in self.called(delivery, envelope, isRead=isRead):
            found = None if opened is None else opened.get(endpoint)
            if opened is not None and found is None:
                continue
            refused = found if isinstance(found, VortexError) else refused
            if refused is not None:
                refusal = refusal or refused
                continue
            called += 1
            payload = found if isinstance(found, Payload) else _payloadOf(message, node)
            payload.filt = delivery.filt
            outcome = self._call(endpoint, payload, delivery)
            if outcome is None:
                if payload.unknownFields or payload.isUnreadable:
                    unknown.countIn(payload)
            else:
                underWay.append(outcome.addBoth(unknown.countAfter, payload))
                if action is not None:
                    action.runs(outcome)
        if delivery.isReply:
            return called
        if refusal is not None:
            _refuseUnlessAnswered(refusal, delivery, underWay)
        elif not called and envelope.expectsAnswer:
            _sayNotOffered(node, delivery, envelope)
        return called

    def _call(self, endpoint: PayloadEndpoint, payload: Payload, delivery: Delivery) -> Deferred[Any] | None:
        """Call it; returns what fires when it is done, unless it is done already."""
        try:
            outcome = endpoint.call(payload, delivery)
        except _FAILURES:
            _failed(endpoint, delivery, Failure())
            return None
        if outcome is None:
            return None
        if isinstance(outcome, Coroutine):
            outcome = Deferred.fromCoroutine(outcome)
        if not isinstance(outcome, Deferred):
            return None
        interrupts: list[Failure] = []

        def failed(failure: Failure) -> Failure | None:
            if isinstance(failure.value, _FAILURES):
                _failed(endpoint, delivery, failure)
                return None
            interrupts.append(failure)
            return failure

        outcome.addErrback(failed)
        if interrupts:
            outcome.addErrback(lambda _: None)
            interrupts[0].raiseException()
        return outcome

    def _echo(self, payload: Payload, envelope: Envelope, peer: Peer, action: Action | None) -> None:
        payload.filt = envelope.filt
        message = Message(payload, isReply=True, replyFilt=envelope.replyFilt)
        try:
            if action is None:
                peer.sendMessage(message)
            else:
                action.answer(message, 100)
        except VortexError as error:
            log.info("{peer} asked for an echo of what has none: {error}", peer=peer, error=error)

    # ---- who waits for an answer

    def expect(self, messageId: str, response: PayloadResponse, peer: Peer) -> None:
        """For `PayloadResponse`: give it what comes with *messageId*, and tell it when *peer* goes."""
        node = self._node()
        if node is not None and not self._watchesPeers:
            self._watchesPeers = True
            node.onPeerChange(self._peerChanged)
        self._waiting[messageId] = self._waitingFor.setdefault(peer, {})[messageId] = response

    def cannotRead(self, error: VortexError, asked: Message, peer: Peer) -> None:
        """For links: what *peer* has answered to *asked* cannot be read: *error*."""
        response = self._waiting.get(asked.payload.filt.get(MESSAGE_ID, ""))
        if response is not None:
            response.cannotRead(error, peer)

    def unexpect(self, messageId: str, peer: Peer) -> None:
        """For `PayloadResponse`: it waits no more."""
        self._waiting.pop(messageId, None)
        waiting = self._waitingFor.get(peer)
        if waiting is not None:
            waiting.pop(messageId, None)
            if not waiting:
                del self._waitingFor[peer]

    def _peerChanged(self, peer: Peer, online: bool) -> None:
        if not online:
            for response in list(self._waitingFor.get(peer, {}).values()):
                # What has come already is the answer still, if it is being opened.
                self._lines.whenFree(peer, response.peerLost)


def _sizeOf(message: Envelope | Payload) -> int:
    """How much *message* takes while it waits, about."""
    return sizeOf(message) if isinstance(message, Envelope) else 0


def _tellUntaken(action: Action | None, taken: int) -> None:
    if action is not None and not taken:
        action.notTaken()


def _send(peer: Peer, message: Message) -> None:
    with suppress(VortexError):  # it may be gone
        peer.sendMessage(message)


def _payloadOf(message: Envelope | Payload, node: Node) -> Payload:
    """*message* as a payload of one's own but for its filt: what is done to one is nothing to the next."""
    return copy(message) if isinstance(message, Payload) else Payload.fromEnvelope(message, node.limits)


def _refuseUnlessAnswered(refusal: VortexError, delivery: Delivery, underWay: list[Deferred[Any]]) -> None:
    """Answer with *refusal*, once it is clear that no other endpoint has an answer."""

    def refuse(_: object) -> None:
        if not delivery.answered:
            delivery.fail(refusal)

    DeferredList(underWay).addCallback(refuse)


def _sayNotOffered(node: Node, delivery: Delivery, envelope: Envelope) -> None:
    error = notOffered(envelope.filt, node.name)
    if error is not None:
        with suppress(VortexError):  # what cannot be answered is not answered, as all that nobody takes
            delivery.failUntaken(error)


def _failed(endpoint: PayloadEndpoint, delivery: Delivery, failure: Failure) -> None:
    try:
        delivery.failedIn(endpoint, failure)
    except Exception:
        log.failure("that {endpoint} failed could not be answered", endpoint=endpoint)
