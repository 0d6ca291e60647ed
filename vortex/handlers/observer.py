"""
TupleDataObserver: sees what a `TupleDataObservableHandler` of a peer shows, and each change of it.

    observer = TupleDataObserver("demo.jobs", "server")
    subscription = observer.subscribe(TupleSelector(name="demo.Job"), show)

    def show(jobs, changes): ...

A VortexPY server's observables are seen too; of those the whole state comes each time.

What is done with the rows is elsewhere: `vortex.handlers.watched_view` asks for one selector,
`vortex.handlers.live_rows` keeps its rows, and `vortex.handlers.subscription` tells a part of the program.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from vortex.errors import NotConnected
from vortex.handlers.delivery_policy import DeliveryPolicy
from vortex.handlers.live_rows import LiveRows
from vortex.handlers.subscription import Callback, Subscription
from vortex.handlers.view_message import watchNumber
from vortex.handlers.watched_view import WatchedView
from vortex.node.reactor_thread import checkThread
from vortex.node.session_events import SessionReset
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID, identity
from vortex.routing.live_filt import observableFilt
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.convert import toJsonable
from vortex.tuples.selector import TupleSelector

__all__ = ["TupleDataObserver"]

_OF_REQUESTS = frozenset(("subscribe", "unsubscribe", "observerName", "live"))


class TupleDataObserver:
    """
    Args:
        observableName: The name of the observable.
        toName: The name of the peer that has it; None: the only peer there is. Of several peers of a name it
            is the one that has been there longest, of those that are connected now.
        vortex: The node; None: the process's only one.
        filt: Keys of the application's own that the observable has in its filt.

    It lives for as long as there are subscriptions, though nobody may refer to it.

    Attributes:
        node: The node.
        filt: What its messages have in common.
        peer: Who is asked; None: there is nobody.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If *observableName* is no text.
    """

    def __init__(
        self,
        observableName: str,
        toName: str | None = None,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
    ) -> None:
        self.node = theNode(vortex)
        self.filt = observableFilt(observableName, filt)
        self.peer: Peer | None = None
        self._toName = toName
        self._views: dict[Hashable, WatchedView] = {}
        self._byNumber: dict[int, WatchedView] = {}
        self._stops: list[Any] = []
        self._endpoint: PayloadEndpoint | None = None

    def __repr__(self) -> str:
        return f"<observer of {self.filt['name']!r} at {self._toName or 'the only peer'}>"

    def subscribe(
        self,
        selector: TupleSelector,
        callback: Callback | None = None,
        *,
        policy: DeliveryPolicy | None = None,
        position: str | None = None,
        tuples: Sequence[Any] = (),
    ) -> Subscription:
        """
        See what *selector* selects, and each change of it.

        Args:
            selector: What to see. All who ask one observer for the same share what comes.
            callback: ``callback(tuples, changes)``, called with all tuples, to be read only, and a list of
                `TupleChange`: how they have changed since it was called last. At the first time all are
                created; if there are none, the list is empty. It is called once after each message that has
                changed something, never from within `subscribe`; it may be a coroutine function.
            policy: How fast to be told; only what is the server's part of it is used. The last policy that
                was given for a selector holds for all who see it.
            position, tuples: Where a program has kept them from an earlier run: a subscription's position,
                and its tuples at that. Then only what has changed since has to come, and is told. Left aside
                where another subscription sees the same already.

        Raises:
            TypeError: If *selector* is no `TupleSelector`.
            EncodeError: If it cannot travel.
            ValueError: If *position* is none.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self.node, "TupleDataObserver.subscribe")
        if not isinstance(selector, TupleSelector):
            raise TypeError(f"subscribe takes a TupleSelector, got {selector!r}")
        toJsonable(selector)
        key = identity(selector)
        view = self._views.get(key)
        isKept = view is None and position is not None
        if view is None:
            self._start()
            view = self._views[key] = WatchedView(self, selector, LiveRows(position, tuples))
            if self.peer is None:
                view.error = self._nobody()
        return view.join(callback, policy, isFresh=not isKept)

    def poll(self, selector: TupleSelector, timeout: float | None = 30) -> Deferred[list[Any]]:
        """
        Ask for what *selector* selects, once.

        Args:
            timeout: Seconds to wait; None: for ever.

        Fails with:
            RemoteError: The server refused it, or has failed.
            NotConnected, RequestTimeout, ConnectionLost: As a request does.
            DecodeError: What came cannot be read here.
        """
        filt = {**self.filt, "tupleSelector": selector, "subscribe": False}
        peer = self._choose()
        toName = self._toName if peer is None else None
        answer = PayloadResponse(Payload(filt), self.node, peer=peer, toName=toName, timeout=timeout)
        return answer.addCallback(lambda payload: payload.tuples)

    def passed(self, after: Mapping[str, int]) -> Deferred[Any]:
        """Fires when all that it shows has what an action did, see `Subscription.passed`."""
        waiters = [view.whenPassed(after) for view in self._views.values()]
        return gatherResults(waiters, consumeErrors=True)

    def shutdown(self) -> None:
        """Close all subscriptions."""
        for view in tuple(self._views.values()):
            view.close()

    # ---- for its views

    def numbered(self, view: WatchedView, before: int | None, number: int | None) -> None:
        """What comes with *number* from now on is for *view*, and what comes with *before* is not."""
        if before is not None and self._byNumber.get(before) is view:
            del self._byNumber[before]
        if number is not None:
            self._byNumber[number] = view

    def closed(self, view: WatchedView) -> None:
        """Nobody looks at *view* any more."""
        key = identity(view.selector)
        if self._views.get(key) is view:
            del self._views[key]
        if not self._views:
            self._stop()

    def watches(self, selector: TupleSelector) -> bool:
        """Whether somebody looks at a view of *selector*."""
        return identity(selector) in self._views

    # ---- who is asked

    def _start(self) -> None:
        if self._endpoint is None:
            self._endpoint = PayloadEndpoint(self.filt, self._onPayload, self.node)
            self._stops = [
                self.node.onPeerChange(self._onPeerChange),
                self.node.onSessionEvent(self._onSessionEvent),
            ]
            self.peer = self._choose()

    def _stop(self) -> None:
        """Nothing is seen any more; the peer may have to be told yet."""
        if self._endpoint is not None:
            self._endpoint.shutdown()
            self._endpoint = None
        for stop in self._stops:
            stop()
        self._stops = []

    def _choose(self) -> Peer | None:
        peers = [peer for peer in self.node.peers if self._toName is None or peer.name == self._toName]
        peers = [peer for peer in peers if peer.isConnected] or peers
        return None if not peers or (self._toName is None and len(peers) > 1) else peers[0]

    def _nobody(self) -> NotConnected:
        if self._toName is not None:
            return NotConnected(f"there is no peer named {self._toName!r} to ask")
        if not self.node.peers:
            return NotConnected("there is no peer to ask")
        return NotConnected(f"there are {len(self.node.peers)} peers: say with toName which one to ask")

    def _onPeerChange(self, peer: Peer, online: bool) -> None:
        mine = self.peer
        if mine is None or not mine.isOnline or not mine.isConnected:
            self._turnTo(self._choose())

    def _onSessionEvent(self, event: object, peer: Peer) -> None:
        if not isinstance(event, SessionReset):
            return
        if peer is self.peer:
            self.peer = None
        if self.peer is None:
            self._turnTo(self._choose())

    def _turnTo(self, peer: Peer | None) -> None:
        if peer is self.peer:
            return
        self.peer = peer
        for view in tuple(self._views.values()):
            view.lost(self._nobody())
            view.ask()

    # ---- what comes

    def _onPayload(self, payload: Payload, delivery: Delivery) -> None:
        if delivery.peer is not self.peer or MESSAGE_ID in payload.filt:
            return
        view = payload.filt.get("view")
        if isinstance(view, Mapping):
            number = watchNumber(view)
            mine = None if number is None else self._byNumber.get(number)
            if mine is not None:
                mine.take(view, payload)
        elif payload.filt.keys().isdisjoint(_OF_REQUESTS) and payload.result in (None, True):
            mine = self._views.get(identity(payload.filt.get("tupleSelector")))
            if mine is not None:
                mine.takeAll(payload)
