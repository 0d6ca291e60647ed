"""
TupleDataObserver: sees what a `TupleDataObservableHandler` of a peer shows, and each change of it.

    observer = TupleDataObserver("demo.jobs", "server")
    subscription = observer.subscribe(TupleSelector(name="demo.Job"), show)

    def show(jobs, changes): ...

A VortexPY server's observables are seen too; of those the whole state comes each time.

What is done with the rows is elsewhere: `vortex.handlers.view_observer` knows who is asked,
`vortex.handlers.watched_view` asks for one selector, `vortex.handlers.live_rows` keeps its rows, and
`vortex.handlers.subscription` tells a part of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from vortex.handlers.subscription import Callback, Subscription
from vortex.handlers.view_observer import ViewObserver
from vortex.handlers.watched_view import Question, WatchedView
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.live_filt import observableFilt
from vortex.routing.ports import Node, theNode
from vortex.tuples.convert import toJsonable
from vortex.tuples.selector import TupleSelector

__all__ = ["TupleDataObserver"]

_OF_REQUESTS = frozenset(("subscribe", "unsubscribe", "observerName", "live"))


class TupleDataObserver(ViewObserver):
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
        listened = observableFilt(observableName, filt)
        super().__init__(theNode(vortex), toName, listened, listened)

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
        return self._join(self._question(selector), callback, policy, position, tuples)

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
        return self._ask(Payload(filt), timeout).addCallback(lambda payload: payload.tuples)

    def watches(self, selector: TupleSelector) -> bool:
        """Whether somebody looks at a view of *selector*."""
        return self._question(selector).key in self._views

    def _plainViewOf(self, payload: Payload) -> WatchedView | None:
        """The view of the selector that the server says; None: nobody looks, or it is no push."""
        selector = payload.filt.get("tupleSelector")
        isPush = payload.filt.keys().isdisjoint(_OF_REQUESTS) and payload.result in (None, True)
        return self._views.get(self._question(selector).key) if isPush else None

    def _question(self, selector: Any) -> Question:
        about = {**self.filt, "tupleSelector": selector}
        farewell = {**about, "subscribe": False, "unsubscribe": True}
        return Question(selector, {**about, "subscribe": True}, farewell)
