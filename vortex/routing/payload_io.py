"""
PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.

Endpoints are held weakly. Whatever one of them does, the others get their call;
what it raises is answered once, in words that give nothing away.
"""

from __future__ import annotations

import weakref
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import AccessDenied, VortexError
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import SERVER_ECHO
from vortex.routing.filter_index import FilterIndex
from vortex.routing.ports import Node, Peer, liveNodes

if TYPE_CHECKING:
    from vortex.routing.payload_endpoint import PayloadEndpoint
    from vortex.routing.payload_response import PayloadResponse

__all__ = ["PayloadIO"]

log = Logger()


class PayloadIO:
    """
    The endpoints of one node.

    Args:
        node: Whose they are.
    """

    def __init__(self, node: Node) -> None:
        self._node = weakref.ref(node)
        self._index: FilterIndex[weakref.ref[PayloadEndpoint]] = FilterIndex()
        self._refs: dict[int, weakref.ref[PayloadEndpoint]] = {}
        self._dead: list[tuple[int, weakref.ref[PayloadEndpoint]]] = []
        self._waiting: dict[str, PayloadResponse] = {}
        self._watchesPeers = False

    @property
    def isLive(self) -> bool:
        """False once its node was shut down."""
        node = self._node()
        return node is not None and node in liveNodes

    # ---- endpoints

    @property
    def endpoints(self) -> tuple[PayloadEndpoint, ...]:
        """Those that live, in the order in which they were made."""
        return tuple(e for ref in self._index if (e := ref()) is not None and e.isLive)

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

    def _forgetDead(self) -> None:
        while self._dead:
            key, ref = self._dead.pop()
            self._index.remove(ref)
            if self._refs.get(key) is ref:
                del self._refs[key]

    # ---- messages

    def route(self, envelope: Envelope, peer: Peer) -> int:
        """
        Take *envelope*, which came from *peer*, to all that it matches.

        Returns:
            How many endpoints were called, those that denied it left out. A message that matches none is
            not answered.
        """
        node = self._node()
        if node is None or envelope.isEmpty:
            return 0
        self._forgetDead()
        messageId = envelope.messageId
        isOurs = messageId is not None and node.issued(messageId)
        isReply = envelope.isReply or envelope.result is not None or isOurs
        if SERVER_ECHO in envelope.filt:
            del envelope.filt[SERVER_ECHO]
            if not isReply:
                self._echo(node, envelope, peer)
        if isReply and messageId is not None:
            response = self._waiting.get(messageId)
            if response is not None:
                response.offer(envelope, peer)
        called = 0
        unknown = _Unknown(node)
        unknown.count(envelope.unknownFields)
        delivery = Delivery(peer, envelope, isReply=isReply)
        for ref in self._index.match(envelope.filt):
            endpoint = ref()
            if endpoint is None or not endpoint.isLive or (isReply and not endpoint.handlesReplies):
                continue
            try:
                self._checkAccess(endpoint, delivery)
            except Exception:
                delivery.fail(Failure())
            else:
                called += 1
                self._call(node, endpoint, envelope, delivery, unknown)
        return called

    def _call(
        self, node: Node, endpoint: PayloadEndpoint, envelope: Envelope, delivery: Delivery, unknown: _Unknown
    ) -> None:
        # A payload of its own: what one endpoint does to it is nothing to the next.
        payload = Payload.fromEnvelope(envelope, node.limits)
        payload.filt = delivery.filt
        try:
            outcome = endpoint.call(payload, delivery)
        except Exception:
            delivery.fail(Failure())
        else:
            if isinstance(outcome, Coroutine):
                outcome = Deferred.fromCoroutine(outcome)
            if isinstance(outcome, Deferred):
                outcome.addErrback(delivery.fail)
                outcome.addBoth(lambda _: unknown.count(payload.unknownFields))
                return
        unknown.count(payload.unknownFields)

    def _checkAccess(self, endpoint: PayloadEndpoint, delivery: Delivery) -> None:
        access = endpoint.access
        if access is None:
            return
        peer = delivery.peer
        if callable(access):
            try:
                passes = access(peer, "call", delivery.filt) is True
            except VortexError:
                raise
            except Exception:
                log.failure("access of {endpoint} could not be asked, so it is denied", endpoint=endpoint)
                passes = False
        else:
            passes = not access.isdisjoint(peer.roles)
        if not passes:
            raise AccessDenied("this is not for you")

    def _echo(self, node: Node, envelope: Envelope, peer: Peer) -> None:
        try:
            payload = Payload.fromEnvelope(envelope, node.limits)
            peer.sendMessage(Message(payload, isReply=True, replyFilt=envelope.replyFilt))
        except VortexError as error:
            log.info("{peer} asked for an echo of what has none: {error}", peer=peer, error=error)

    # ---- who waits for an answer

    def expect(self, messageId: str, response: PayloadResponse) -> None:
        """For `PayloadResponse`: give it what comes with *messageId*, and tell it when its peer goes."""
        node = self._node()
        if node is not None and not self._watchesPeers:
            self._watchesPeers = True
            node.onPeerChange(self._peerChanged)
        self._waiting[messageId] = response

    def unexpect(self, messageId: str) -> None:
        """For `PayloadResponse`: it waits no more."""
        self._waiting.pop(messageId, None)

    def _peerChanged(self, peer: Peer, online: bool) -> None:
        if not online:
            for response in [r for r in self._waiting.values() if r.peer is peer]:
                response.peerLost()

    def __repr__(self) -> str:
        return f"<PayloadIO with {len(self._index)} endpoints, {len(self._waiting)} waiting>"


class _Unknown:
    """Counts the fields of one message that nobody knows: once, however many endpoints open it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counted = 0

    def count(self, found: int) -> None:
        if found > self._counted:
            self._node.counters["unknownFields"] += found - self._counted
            self._counted = found
