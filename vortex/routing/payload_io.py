"""
PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.

Endpoints are held weakly; those of methods are kept here for the object that the
method belongs to. Whatever one of them does, the others get their call; what it
raises is answered once, in words that give nothing away.

Which endpoints match is `vortex.routing.filter_index`'s, how an error is told `vortex.routing.delivery`'s.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import AccessDenied, Rejected, VortexError
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.delivery import Delivery
from vortex.routing.filt import CLIENT_ECHO, SERVER_ECHO
from vortex.routing.filter_index import FilterIndex
from vortex.routing.payload_endpoint import mayAccess
from vortex.routing.ports import Node, Peer, liveNodes

if TYPE_CHECKING:
    from vortex.routing.payload_endpoint import PayloadEndpoint
    from vortex.routing.payload_response import PayloadResponse

__all__ = ["PayloadIO"]

log = Logger()

_FAILURES = (Exception, asyncio.CancelledError)
"""What an endpoint may raise and end no more than its own call; KeyboardInterrupt and SystemExit go on."""


class PayloadIO:
    """
    The endpoints of one node.

    Args:
        node: Whose they are; held weakly.
    """

    def __init__(self, node: Node) -> None:
        self._node = weakref.ref(node)
        self._index: FilterIndex[weakref.ref[PayloadEndpoint]] = FilterIndex()
        self._refs: dict[int, weakref.ref[PayloadEndpoint]] = {}
        self._dead: list[tuple[int, weakref.ref[PayloadEndpoint]]] = []
        self._kept: dict[int, tuple[weakref.ref[Any], set[PayloadEndpoint]]] = {}
        self._waiting: dict[str, PayloadResponse] = {}
        self._waitingFor: dict[Peer, dict[str, PayloadResponse]] = {}
        self._watchesPeers = False

    def __repr__(self) -> str:
        return f"<PayloadIO with {len(self._index)} endpoints, {len(self._waiting)} waiting>"

    @property
    def asksWhoPeersAre(self) -> bool:
        """Whether the node has an authenticator, so that a peer without an identity is nobody."""
        node = self._node()
        return node is None or node.asksWhoPeersAre

    # ---- endpoints

    @property
    def isLive(self) -> bool:
        """Whether the node is there, and not shut down."""
        node = self._node()
        return node is not None and node in liveNodes

    @property
    def endpoints(self) -> tuple[PayloadEndpoint, ...]:
        """Those that live, in the order in which they were made."""
        return tuple(e for ref in self._index if (e := ref()) is not None and e.isLive)

    def matching(self, filt: Mapping[Any, Any]) -> list[PayloadEndpoint]:
        """Those that live and that a message of *filt* is taken to, in that order."""
        return [e for ref in self._index.match(filt) if (e := ref()) is not None and e.isLive]

    def add(self, endpoint: PayloadEndpoint) -> None:
        """For endpoints: take part in routing. Held weakly."""
        key = id(endpoint)
        # A collection may come in the middle of a match, so what dies is only noted then.
        ref = weakref.ref(endpoint, lambda ref: self._dead.append((key, ref)))
        self._forgetDead()
        self._refs[key] = ref
        self._index.add(ref, endpoint.filt)

    def remove(self, endpoint: PayloadEndpoint) -> None:
        """For endpoints: take no more part."""
        ref = self._refs.pop(id(endpoint), None)
        if ref is not None:
            self._index.remove(ref)

    @property
    def keepsakes(self) -> list[object]:
        """The endpoints and the objects whose methods they call: they live while somebody has this list."""
        owners = [ref() for ref, _ in self._kept.values()]
        return [*self.endpoints, *(owner for owner in owners if owner is not None)]

    def keep(self, endpoint: PayloadEndpoint, owner: object) -> None:
        """For endpoints: live as long as *owner*, which is held weakly, and by id: it may be unhashable."""
        key = id(owner)
        if key not in self._kept:
            self._kept[key] = weakref.ref(owner, lambda _: self._kept.pop(key, None)), set()
        self._kept[key][1].add(endpoint)

    def letGo(self, endpoint: PayloadEndpoint, owner: object) -> None:
        """For endpoints: the opposite of `keep`."""
        kept = self._kept.get(id(owner))
        if kept is not None:
            kept[1].discard(endpoint)

    def _forgetDead(self) -> None:
        while self._dead:
            key, ref = self._dead.pop()
            self._index.remove(ref)
            if self._refs.get(key) is ref:
                del self._refs[key]

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
            A message that nobody takes is not answered, unless all that would were not allowed to.
        """
        node = self._node()
        if node is None:
            return 0
        if isinstance(message, Payload):
            envelope = Envelope(dict(message.filt), result=message.result)
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
        taken = 0
        response = self._waiting.get(messageId) if isReply and messageId is not None else None
        if response is not None:
            payload = _payloadOf(message, node)
            payload.filt = dict(envelope.filt)
            taken += response.offer(payload, peer)
        delivery = Delivery(peer, envelope, isReply=isReply, action=action)
        return taken + self._deliver(node, delivery, envelope, message, action)

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
    ) -> int:
        """Call each endpoint that matches; returns how many were called."""
        if self._dead:
            self._forgetDead()
        unknown = _Unknown(node)
        if envelope.unknownFields:
            unknown.count(envelope.unknownFields)
        called = 0
        refusal: VortexError | None = None
        underWay: list[Deferred[Any]] = []
        for ref in self._index.match(envelope.filt):
            endpoint = ref()
            if endpoint is None or not endpoint.isLive or (delivery.isReply and not endpoint.handlesReplies):
                continue
            if not endpoint.takesFrom(delivery.peer):
                continue
            refused: VortexError | None
            if isRead and not endpoint.isRead(envelope.filt):
                refused = AccessDenied("who only listens may not ask for this")
            else:
                refused = None if endpoint.access is None else _refusal(endpoint, delivery)
            if refused is not None:
                refusal = refusal or refused
                continue
            called += 1
            payload = _payloadOf(message, node)
            payload.filt = delivery.filt
            outcome = self._call(endpoint, payload, delivery)
            if outcome is None:
                if payload.unknownFields or payload.isUnreadable:
                    unknown.countIn(payload)
            else:
                underWay.append(outcome.addBoth(unknown.countAfter, payload))
                if action is not None:
                    action.runs(outcome)
        if refusal is not None and not delivery.isReply:
            _refuseUnlessAnswered(refusal, delivery, underWay)
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
                response.peerLost()


def _payloadOf(message: Envelope | Payload, node: Node) -> Payload:
    """*message* as a payload of one's own but for its filt: what is done to one is nothing to the next."""
    return copy(message) if isinstance(message, Payload) else Payload.fromEnvelope(message, node.limits)


def _refusal(endpoint: PayloadEndpoint, delivery: Delivery) -> VortexError | None:
    """Why the peer may not call *endpoint*; None if it may."""
    try:
        passes = mayAccess(endpoint.access, delivery.peer, "call", delivery.filt)
    except (AccessDenied, Rejected) as refusal:
        return refusal
    return None if passes else AccessDenied("this is not for you")


def _refuseUnlessAnswered(refusal: VortexError, delivery: Delivery, underWay: list[Deferred[Any]]) -> None:
    """Answer with *refusal*, once it is clear that no other endpoint has an answer."""

    def refuse(_: object) -> None:
        if not delivery.answered:
            delivery.fail(refusal)

    DeferredList(underWay).addCallback(refuse)


def _failed(endpoint: PayloadEndpoint, delivery: Delivery, failure: Failure) -> None:
    try:
        delivery.failedIn(endpoint, failure)
    except Exception:
        log.failure("that {endpoint} failed could not be answered", endpoint=endpoint)


class _Unknown:
    """
    Counts the keys and fields of one message that nobody knows, and a body that cannot be read: once, however
    many endpoints open it.
    """

    __slots__ = ("_counted", "_isMalformed", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counted = 0
        self._isMalformed = False

    def count(self, found: int) -> None:
        if found > self._counted:
            self._node.counters["unknownFields"] += found - self._counted
            self._counted = found

    def countIn(self, payload: Payload) -> None:
        self.count(payload.unknownFields)
        if payload.isUnreadable and not self._isMalformed:
            self._isMalformed = True
            self._node.counters["malformed"] += 1

    def countAfter(self, outcome: Any, payload: Payload) -> Any:
        self.countIn(payload)
        return outcome
