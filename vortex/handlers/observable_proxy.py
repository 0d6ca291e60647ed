"""
TupleDataObservableProxy: shows what another node's observable shows, to whoever asks this node.

    proxy = TupleDataObservableProxy("demo.jobs", "server", vortex)

However many watch one selector here, it is watched once there. A peer of ours gets deltas at the positions
that the other node has given, a VortexPY peer the whole state; which of the two the other node is makes no
difference to them.

While the other node is away, those who watch keep what they have, and who comes gets what is known. What
nobody watches any more is kept, and kept current, for `Limits.watchLinger` seconds.

To the other node all who watch here are this node: what they may see is asked here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, gatherResults, succeed

from vortex.access.tuple_access import TupleAccess
from vortex.errors import AccessDenied, DecodeError, RequestTimeout, UnknownObservable, VortexError
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.observer import TupleDataObserver
from vortex.handlers.relayed_view import RelayedView
from vortex.handlers.subscription import Subscription
from vortex.live.asked import keyOf
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.watch import LiveWatch, Subject, heldWeakly
from vortex.live.watcher import LiveWatcher
from vortex.live.watches import LIVE, LiveWatches
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.live_filt import observableFilt
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.selector import TupleSelector

__all__ = ["TupleDataObservableProxy", "proxiesOf"]

AFTER_TIMEOUT = 5.0
"""Seconds that an answer to an action waits, at most, until what it did is known here."""

POLL_TIMEOUT = 25.0
"""Seconds that the other node has to answer who asks once."""


class TupleDataObservableProxy:
    """
    Args:
        observableName: The name of the observable, there and here.
        toName: The name of the peer that has it.
        vortex: The node; None: the process's only one.
        filt: Keys of the application's own that the observable has in its filt.
        access: Who may watch here; as `TupleDataObservableHandler` has it.
        policy: How they are told, as far as they ask for nothing slower.

    Attributes:
        observer: What watches the other node.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If *observableName* is no text, or *access* is none of these.
        RuntimeError: If this is not the reactor's thread.

    The classes of the tuples have to be registered here too. Keep the proxy: when nothing refers to it any
    more it is gone.
    """

    def __init__(
        self,
        observableName: str,
        toName: str,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
        access: Access | TupleAccess | None = None,
        policy: DeliveryPolicy | None = None,
    ) -> None:
        self._node = node = theNode(vortex)
        checkThread(node, "TupleDataObservableProxy")
        self._filt = observableFilt(observableName, filt)
        self.observer = TupleDataObserver(observableName, toName, node, filt=filt)
        self._access = HandlerAccess(access, self)
        self._relayed: dict[LiveWatch, tuple[RelayedView, Subscription]] = {}
        self._watches = LiveWatches(
            node,
            heldWeakly(self._make),
            filt=self._filt,
            maySee=self._access.maySee,
            maySend=self._access.maySend,
            policy=policy,
            keepsCurrent=True,
            onForgotten=_closerOf(self._relayed),
        )
        self._endpoint = _ProxyEndpoint(self._filt, self._onPayload, node)
        self._endpoint.handlesReplies = False
        self._end = weakref.finalize(self, self.observer.shutdown)
        self._end.atexit = False
        proxiesOf(node).add(self)

    def __repr__(self) -> str:
        return f"<proxy of {self._filt['name']!r} at {self.observer}>"

    def shutdown(self) -> None:
        """Answer nothing and tell nobody from now on, and watch nothing. In the reactor's thread only."""
        checkThread(self._node, "TupleDataObservableProxy.shutdown")
        self._endpoint.shutdown()
        self._watches.close()
        self._end()

    def after(self, peer: Peer, there: Peer | None, serials: dict[str, int]) -> Deferred[dict[str, int]]:
        """
        Where *peer*, which watches here, sees what an action of its has done at the other node.

        Args:
            peer: Who has asked for the action.
            there: The peer that has carried it out.
            serials: By the numbers of that peer's watches, the serials from which on it is to be seen.

        Returns:
            A Deferred of the same by the numbers of watches here. It fires when all of these serials are
            known: what the other node was not watched for yet is waited for, for a while.
        """
        if there is not self.observer.peer:
            return succeed({})
        finding = [
            Deferred.fromCoroutine(self._serialOf(watcher, relayed, serials))
            for watcher in self._watches.liveWatchersOf(peer)
            for relayed, _ in [self._relayed.get(watcher.watch, (None, None))]
            if relayed is not None
        ]
        return gatherResults(finding).addCallback(lambda found: dict(filter(None, found)))

    async def _serialOf(
        self, watcher: LiveWatcher, relayed: RelayedView, serials: dict[str, int]
    ) -> tuple[str, int] | None:
        """The number of the watch, and the serial from which on *watcher* sees it; None: it knows already."""
        number, serial = str(watcher.watch.number), relayed.after(serials)
        if serial is not None and watcher.sieve is None:
            return number, serial
        # It is not watched there again, or the watcher has serials of its own: it has to come here first.
        passed = relayed.view.whenPassed(serials)
        if serial is None and passed.called:
            return None
        clock: Any = self._node.clock
        try:
            await passed.addTimeout(AFTER_TIMEOUT, clock, _gaveUp)
        except VortexError:
            return None
        return number, watcher.watch.promise(watcher)

    # ---- requests

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None] | None:
        filt, peer = delivery.filt, delivery.peer
        isRequest = delivery.messageId is not None or not filt.keys().isdisjoint(("subscribe", LIVE))
        if delivery.isReply or not (isRequest or filt.get("unsubscribe")):
            return None  # a push of a VortexPY server, which is for the observer
        if self._watches.endAsked(peer, filt):
            return None
        selector = filt.get("tupleSelector")
        if not isinstance(selector, TupleSelector):
            raise DecodeError(f"expected a TupleSelector, got {selector!r:.40}", ".filt.tupleSelector")
        name = str(filt.get("observerName", ""))
        about, _ = keyOf({"tupleSelector": selector})
        if filt.get("unsubscribe") is True:
            self._watches.unsubscribe(peer, about, name)
            return None
        if not self._access.allows(peer, "read", filt):
            raise AccessDenied("you may not see this")
        if peer is self.observer.peer:
            raise UnknownObservable("what is shown here comes from you")
        if filt.get("subscribe") is False and not self.observer.watches(selector):
            return Deferred.fromCoroutine(self._poll(selector, delivery))
        subject = Subject(about, about, {**self._filt, "tupleSelector": selector}, selector)
        if filt.get("subscribe") is False:
            return self._watches.poll(delivery, subject)
        return self._watches.subscribe(delivery, subject, name=name, filt=filt)

    async def _poll(self, selector: TupleSelector, delivery: Delivery) -> None:
        timeout = POLL_TIMEOUT if delivery.deadline is None else delivery.deadline
        delivery.reply(await self.observer.poll(selector, timeout))

    async def _make(self, watch: LiveWatch) -> Any:
        if watch not in self._relayed:
            subscription = self.observer.subscribe(watch.subject.what)
            endAll = partial(self._watches.endAll, watch)
            self._relayed[watch] = RelayedView(watch, subscription.view, endAll), subscription
        relayed, _ = self._relayed[watch]
        return await relayed.make(self.observer.peer)


def _gaveUp(_: object, seconds: float) -> NoReturn:
    raise RequestTimeout(f"what an action did is not known here after {seconds:g} s")


class _ProxyEndpoint(PayloadEndpoint):
    opensBodies = False

    def isRead(self, filt: Mapping[Any, Any]) -> bool:
        return True


def _closerOf(relayed: dict[LiveWatch, tuple[RelayedView, Subscription]]) -> Callable[[LiveWatch], None]:
    def close(watch: LiveWatch) -> None:
        view, subscription = relayed.pop(watch, (None, None))
        if view is not None and subscription is not None:
            view.close()
            subscription.close()

    return close


_proxies: weakref.WeakKeyDictionary[Node, weakref.WeakSet[TupleDataObservableProxy]] = (
    weakref.WeakKeyDictionary()
)


def proxiesOf(node: Node) -> weakref.WeakSet[TupleDataObservableProxy]:
    """Those of *node*; always the same set."""
    return _proxies.setdefault(node, weakref.WeakSet())
