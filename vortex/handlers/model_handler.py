"""
ModelHandler: data that a program builds on request, and sends again when it has changed.

    class Jobs(ModelHandler):
        def buildModel(self, filt, delivery=None):
            return [Job(id=1, title="Water the plants")]

    jobs = Jobs({"key": "jobs"}, vortex)
    ...
    jobs.sendModelUpdate()

Whoever has asked gets the updates, each for what it asked: who reads live data is told what has changed,
others are sent the whole. How, is `vortex.live.watches`' work. A message is taken for a request
unless it is a reply or a push, or carries tuples without a messageId: so two nodes with the same handler
never answer each other for ever.

Keep the handler: when nothing refers to it any more it is gone, and its endpoint with it.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger

from vortex.errors import AccessDenied, LimitExceeded, NotConnected, VortexError
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.turns import Turns
from vortex.live.asked import Asked
from vortex.live.deadline import Deadline
from vortex.live.positions import positionsOf
from vortex.live.watch import LiveWatch, Subject, heldWeakly
from vortex.live.watcher import NotifiedWatcher, Watcher
from vortex.live.watches import LIVE, LiveWatches
from vortex.node.reactor_thread import checkThread
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID, normalise
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.tuple import Tuple

__all__ = ["ModelHandler", "handlerFilt", "liveSubject"]

log = Logger()


class ModelHandler(ABC):
    """
    Answers what matches a filt with the model that `buildModel` gives, and sends it again on
    `sendModelUpdate`.

    Args:
        payloadFilter: The filt of the requests, with a ``key``; or just the key.
        vortex: The node; None: the process's only one.
        access: Who may ask, and is sent updates. A set of roles, of which a peer needs one; or
            ``access(peer, "read", filt)``, which lets pass by returning exactly True. None: everybody.

    Raises:
        NoVortex: If none is given, and there is no live node, or more than one.
        TypeError: If `buildModel` does not take ``(filt, delivery)``, or *access* is neither a set nor a
            function.
    """

    def __init__(
        self,
        payloadFilter: Mapping[str, Any] | str,
        vortex: Node | None = None,
        *,
        access: Access | None = None,
    ) -> None:
        try:
            inspect.signature(self.buildModel).bind({}, None)
        except TypeError:
            raise TypeError(
                f"{type(self).__qualname__}.buildModel should take (self, filt, delivery=None), "
                f"it takes {inspect.signature(self.buildModel)}"
            ) from None
        self._node = node = theNode(vortex)
        self._filt = handlerFilt(payloadFilter)
        self._access = HandlerAccess(access, self)
        self._turns = Turns()
        self._waiting: Counter[Peer] = Counter()
        self._live = LiveWatches(
            node,
            heldWeakly(self._makeLive),
            filt=self._filt,
            maySee=self._access.maySee,
            changesUntold=True,
            plain=NotifiedWatcher,
        )
        self._endpoint = _ModelEndpoint(self._filt, self._onPayload, node)
        self._endpoint.handlesReplies = False

    @abstractmethod
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        """
        Build what was asked for.

        Args:
            filt: What the peer asked with, without the messageId.
            delivery: Who asks. None for an update, and for those who are told what changes: such a model is
                built once for all who asked with that filt.

        Returns:
            The tuples: a list, or a Payload (its result is part of an answer, its filt is not), or a Deferred
            or a coroutine of one, which has `Limits.watchTimeout` seconds. What it raises is answered.
        """

    def sendModelUpdate(
        self, filt: Mapping[str, Any] | None = None, *, peer: Peer | None = None
    ) -> Deferred[int]:
        """
        Build the model again, once for each distinct filt, and send it to those who have asked with that
        filt.

        Of updates of one filt that are asked for while one is being built, the next stands for all.

        Args:
            filt: Only to those whose filt contains this; None: to all who have asked.
            peer: Only to this one. If it has not asked for such, it gets the model for the handler's own filt
                and *filt*, if it may see that.

        Returns:
            A Deferred with how many messages were queued. A model that cannot be built is logged, sent to
            nobody, and built again after a while.

        Raises:
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, f"{type(self).__qualname__}.sendModelUpdate")
        watches = self._matching(filt, peer)
        if peer is not None and not watches:
            asked = Asked({**self._filt, **(filt or {})})
            return self._turns.join((peer, asked.key), partial(self._sendOnce, asked, peer))
        sent = [watch.notify(peer) for watch in watches]
        return gatherResults(sent, consumeErrors=True).addCallback(sum)

    def shutdown(self) -> None:
        """Answer nothing and update nobody from now on."""
        self._endpoint.shutdown()
        self._live.close()

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None] | None:
        if delivery.isReply or (delivery.messageId is None and _carriesTuples(payload)):
            return None
        peer, filt = delivery.peer, delivery.filt
        if self._live.endAsked(peer, filt):
            return None
        if not self._access.allows(peer, "read", filt):
            raise AccessDenied("you may not see this")
        if LIVE in filt:
            return self._live.subscribe(delivery, liveSubject(filt), filt=filt)
        most = self._node.limits.maxWaitingRequests
        if self._waiting[peer] >= most:
            raise LimitExceeded(
                "maxWaitingRequests", f"{most} requests of this peer wait for an answer already"
            )
        watcher = self._live.join(peer, liveSubject(filt), filt)
        self._waiting[peer] += 1
        watch = watcher.watch
        return self._turns.run(
            (peer, watch.subject.key),
            lambda: self._live.answers.give(self._answer(watcher, delivery), peer, watch),
        )

    async def _answer(self, watcher: Watcher, delivery: Delivery) -> None:
        peer = delivery.peer
        mark = positionsOf(self._node).mark()
        try:
            deadline = Deadline(self._node.clock, self._node.limits)
            model = await deadline.wait(self._build, watcher.watch.subject.what, delivery)
            delivery.reply(model, priority=self._live.answers.priorityFor(watcher))
            self._live.answers.given(watcher, mark)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]

    def _matching(self, filt: Mapping[str, Any] | None, peer: Peer | None) -> list[LiveWatch]:
        conditions = normalise(filt or {})
        watches = self._live.watches if peer is None else self._live.watchesOf(peer)
        return [watch for watch in watches if watch.subject.what.contains(conditions)]

    async def _makeLive(self, watch: LiveWatch) -> list[Any]:
        model = await self._build(watch.subject.what, None)
        return model.tuples if isinstance(model, Payload) else model

    async def _sendOnce(self, asked: Asked, peer: Peer) -> int:
        """Send *peer*, which has not asked for it, what it might have asked for."""
        try:
            model = await Deadline(self._node.clock, self._node.limits).wait(self._build, asked, None)
            tuples = model.tuples if isinstance(model, Payload) else model
            hasAsked = any(watch.subject.key == asked.key for watch in self._live.watchesOf(peer))
            if hasAsked or not self._access.maySee(peer, asked.filt):
                return 0  # who has asked meanwhile is answered with what is newer
            peer.sendMessage(
                Message(Payload(dict(asked.filt), tuples), isReply=True), mergeKey=(id(self), asked.key)
            )
        except NotConnected:
            return 0
        except Exception:
            log.failure("the model for {filt} could not be sent to {peer}", filt=asked, peer=peer)
            return 0
        return 1

    async def _build(self, asked: Asked, delivery: Delivery | None) -> Payload | list[Any]:
        model = await maybeDeferred(self.buildModel, dict(asked.filt), delivery)
        if isinstance(model, Payload):
            return model
        if model is None:
            return []
        if not isinstance(model, Iterable) or isinstance(model, (str, bytes, Mapping, Tuple)):
            name = f"{type(self).__qualname__}.buildModel"
            raise TypeError(f"{name} should return a list of tuples or a Payload, got {model!r}")
        return list(model)


class _ModelEndpoint(PayloadEndpoint):
    def isRead(self, filt: Mapping[Any, Any]) -> bool:
        return True

    def readsBody(self, filt: Mapping[Any, Any]) -> bool:
        return MESSAGE_ID not in filt


def handlerFilt(payloadFilter: Mapping[str, Any] | str) -> dict[str, Any]:
    """The filt that a handler was given; a text is its key."""
    return {"key": payloadFilter} if isinstance(payloadFilter, str) else dict(payloadFilter)


def liveSubject(filt: Mapping[str, Any], about: Hashable = None) -> Subject:
    """What somebody asks for with *filt*: an `Asked`, filed under *about*."""
    asked = Asked({key: value for key, value in filt.items() if key != LIVE})
    return Subject(asked.key, about, asked.filt, asked)


def _carriesTuples(payload: Payload) -> bool:
    try:
        return payload.hasTuples
    except VortexError:
        return True  # whatever it is, it is there
