"""
ViewObserver: the views of what one peer shows, whatever they are asked for by - who is asked, and which view
a message is for.

`vortex.handlers.observer` asks for them by selectors, `vortex.handlers.loader` by filts. One view, and the
asking for it, is `vortex.handlers.watched_view`'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from vortex.errors import NotConnected
from vortex.handlers.live_rows import LiveRows
from vortex.handlers.subscription import Callback, Subscription
from vortex.handlers.view_message import watchNumber
from vortex.handlers.watched_view import Question, WatchedView
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.node.session_events import SessionReset
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import Node, Peer

__all__ = ["ViewObserver"]


class ViewObserver(ABC):
    """
    Args:
        node: The node.
        toName: The name of the peer that is asked; None: the only peer there is. Of several peers of a name
            it is the one that has been there longest, of those that are connected now.
        filt: What its messages have in common.
        listened: What the messages of the peer have in their filts at least.

    It lives for as long as there are views, though nobody may refer to it.

    Attributes:
        node, filt: As given.
        peer: Who is asked; None: there is nobody.
    """

    def __init__(
        self, node: Node, toName: str | None, filt: dict[str, Any], listened: Mapping[str, Any]
    ) -> None:
        self.node = node
        self.filt = filt
        self.peer: Peer | None = None
        self._toName = toName
        self._listened = listened
        self._views: dict[Hashable, WatchedView] = {}
        self._byNumber: dict[int, WatchedView] = {}
        self._stops: list[Any] = []
        self._endpoint: PayloadEndpoint | None = None

    def passed(self, after: Mapping[str, int]) -> Deferred[Any]:
        """Fires when all that it shows has what an action did, see `Subscription.passed`."""
        waiters = [view.whenPassed(after) for view in self._views.values()]
        return gatherResults(waiters, consumeErrors=True)

    def shutdown(self) -> None:
        """Close all subscriptions."""
        for view in tuple(self._views.values()):
            view.close()

    # ---- for those who derive from it

    @abstractmethod
    def _plainViewOf(self, payload: Payload) -> WatchedView | None:
        """Which view a whole state is for that a VortexPY server has sent unasked; None: none, or no such."""

    def _join(
        self,
        question: Question,
        callback: Callback | None,
        policy: DeliveryPolicy | None,
        position: str | None,
        tuples: Sequence[Any],
    ) -> Subscription:
        """One more wants to see what *question* asks for."""
        view = self._views.get(question.key)
        isKept = view is None and position is not None
        if view is None:
            self._start()
            view = WatchedView(self, question, LiveRows(position, tuples))
            self._views[view.key] = view
            if self.peer is None:
                view.error = self._nobody()
        return view.join(callback, policy, isFresh=not isKept)

    def _ask(self, payload: Payload, timeout: float | None) -> PayloadResponse:
        """Send *payload* to who is asked, for an answer."""
        peer = self._choose()
        toName = self._toName if peer is None else None
        return PayloadResponse(payload, self.node, peer=peer, toName=toName, timeout=timeout)

    # ---- for its views

    def numbered(self, view: WatchedView, before: int | None, number: int | None) -> None:
        """What comes with *number* from now on is for *view*, and what comes with *before* is not."""
        if before is not None and self._byNumber.get(before) is view:
            del self._byNumber[before]
        if number is not None:
            self._byNumber[number] = view

    def closed(self, view: WatchedView) -> None:
        """Nobody looks at *view* any more."""
        if self._views.get(view.key) is view:
            del self._views[view.key]
        if not self._views:
            self._stop()

    # ---- who is asked

    def _start(self) -> None:
        if self._endpoint is None:
            self._endpoint = PayloadEndpoint(self._listened, self._onPayload, self.node)
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
            return
        mine = self._plainViewOf(payload)
        if mine is not None:
            mine.takeAll(payload)
