"""
WatchedView: one thing that an observer watches - its rows, the asking for them, and who is told.

However many subscriptions there are to it, it is asked for once. An error is no end: it is asked for again,
after waits that grow to a minute. What is done with what comes is `vortex.handlers.live_rows`'.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.clocks import DelayedCall
from vortex.errors import NotConnected, VortexError, errorText
from vortex.handlers.live_rows import Ask, LiveRows, Taken, ViewState
from vortex.handlers.subscription import Callback, Subscription
from vortex.handlers.view_message import watchNumber
from vortex.handlers.view_rows import RowsView
from vortex.handlers.view_saves import Save, ViewSaves
from vortex.handlers.view_waiters import ViewWaiters
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.protocol.backoff import Backoff
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.filt import identity, shown
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import Node, Peer
from vortex.tuples.change import TupleChange

__all__ = ["Observer", "Question", "WatchedView"]

log = Logger()

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds until what was refused, or has failed, is asked for again."""


class Question(NamedTuple):
    """
    What a view asks for.

    Attributes:
        about: What that is, for people.
        filt: The filt of the request, but for ``live``.
        farewell: The filt by which a VortexPY server hears that nobody looks; None: it has no word for that.
    """

    about: object
    filt: Mapping[str, Any]
    farewell: Mapping[str, Any] | None = None

    @property
    def key(self) -> Hashable:
        """The same for two that ask for the same."""
        return identity(self.filt)


class Observer(Protocol):
    """What a view asks of the observer that it belongs to."""

    node: Node
    filt: dict[str, Any]

    @property
    def peer(self) -> Peer | None:
        """Whom to ask."""

    def numbered(self, view: WatchedView, before: int | None, number: int | None) -> None:
        """What comes with *number* from now on is for *view*, and what comes with *before* is not."""

    def closed(self, view: WatchedView) -> None:
        """Nobody looks at *view* any more."""


class WatchedView:
    """
    Args:
        observer: Whose.
        question: What it asks for.
        live: Its rows.

    Attributes:
        question, live: As given.
        key: The question's.
        number: Of its watch at the peer; None: it has none, or nothing has come yet.
        error: Why it is not current.
        listeners: Called with what came of each message, before subscriptions are told; and of each error.
    """

    def __init__(self, observer: Observer, question: Question, live: LiveRows) -> None:
        self.live = live
        self.number: int | None = None
        self.error: VortexError | None = None
        self.listeners: list[Callable[[Taken], object]] = []
        self._observer = observer
        self.question = question
        self.key = question.key
        self._policy: DeliveryPolicy | None = None
        self._subscriptions: dict[Subscription, None] = {}
        self._isOver = False
        self._isPlain = False
        self._isOld = False  # something was changed since it was asked for
        self._asked = 0  # how often it was asked for
        self._date: datetime | None = None
        self._request: PayloadResponse | None = None
        self._retry: DelayedCall | None = None
        self._backoff = Backoff(first=FIRST_WAIT, cap=LONGEST_WAIT)
        self._waiters = ViewWaiters(live)
        self._alike = _viewsLike(observer, self.key)
        self._saves = ViewSaves(live)

    def __repr__(self) -> str:
        return f"<view of {shown(self.question.about)}>"

    # ---- who looks at it

    @property
    def state(self) -> ViewState:
        """How the rows stand to what the server has."""
        state, peer = self.live.state, self._observer.peer
        isReached = peer is not None and peer.isConnected
        return ViewState.STALE if state is ViewState.CURRENT and not isReached else state

    def join(
        self, callback: Callback | None, policy: DeliveryPolicy | None, *, isFresh: bool = True
    ) -> Subscription:
        """One more wants to be told of it; of all there is, unless it is not *isFresh*."""
        subscription = Subscription(self, callback, isFresh=isFresh)
        self._subscriptions[subscription] = None
        self._alike.add(self)
        isOther = policy is not None and policy != self._policy
        self._policy = policy if isOther else self._policy
        if self.live.wasCurrent:
            self._observer.node.clock.callLater(0, subscription.tellFirst)
        if len(self._subscriptions) == 1 or isOther:
            self.ask()
        return subscription

    def close(self) -> None:
        """Nobody wants to be told any more."""
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def leave(self, subscription: Subscription) -> None:
        """One wants no more; with the last one it ends."""
        self._subscriptions.pop(subscription, None)
        if not self._subscriptions and not self._isOver:
            self._isOver = True
            self._alike.discard(self)
            self._stopRetry()
            self._observer.closed(self)
            self._tellServer()
            self._waiters.giveUp(NotConnected(f"{self} was closed"))

    def whenSynced(self) -> Deferred[RowsView]:
        """Fires with the rows when they are current; fails if they are refused, or it ends before."""
        return self._waiters.synced()

    def whenPassed(self, after: Mapping[str, int]) -> Deferred[None]:
        """Fires when it has come to the serial that *after* has for its number; see `Subscription.passed`."""
        serial = None if self.number is None else after.get(str(self.number))
        if serial is not None:
            return self._waiters.passed(serial)
        if self._request is None or self.live.state is ViewState.CURRENT:
            return succeed(None)
        # The peer did not count this one among those who watch. What it is about to answer may be older than
        # what was done; what it is asked from now on is not.
        return self._waiters.asked(self._asked + 1)

    # ---- asking

    def ask(self, what: Ask = Ask.SINCE) -> None:
        """Ask the peer, if there is one; what was asked before is not waited for."""
        self._stopRetry()
        self._dropRequest()
        peer = self._observer.peer
        if peer is None:
            return
        self.live.asked()
        self._isOld = False
        self._asked += 1
        live: dict[str, Any] = {}
        if what is Ask.SINCE and self.live.position is not None:
            live["at"] = self.live.position
        if self._policy is not None:
            live["policy"] = self._policy.toWire()
        filt = {**self.question.filt, "live": live}
        request = self._request = PayloadResponse(Payload(filt), self._observer.node, peer=peer)
        request.addCallbacks(self._answered, self._failed, callbackArgs=(request,), errbackArgs=(request,))

    def refresh(self) -> None:
        """Something was changed at the peer: one that does not tell of it, VortexPY's, is asked again."""
        self._isOld = self._request is not None
        if self._isPlain and not self._isOver:
            self.ask()

    def saving(self, row: Any) -> Save:
        """The peer is asked to save *row*, or a part of it."""
        return self._saves.begin(row)

    def saved(self, save: Save, row: Any) -> None:
        """It is answered: as *row* is saved; None: nobody knows how."""
        isShown = not (self._isPlain or self._isOver)
        self._tell(self._saves.end(save, row if isShown else None))

    def lost(self, why: VortexError) -> None:
        """The peer is gone, or has forgotten everything."""
        self._stopRetry()
        self._dropRequest()
        self._setNumber(None)
        self.live.lost()
        self.error = why

    # ---- what comes

    def take(self, view: Mapping[str, Any], payload: Payload) -> None:
        """A message of its watch has come, unasked."""
        self._take(view, payload, isAnswer=False)

    def takeAll(self, payload: Payload) -> None:
        """A VortexPY server has sent the whole state."""
        if self._isPlain and (self._date is None or payload.date >= self._date):
            self._takeAll(payload)

    def _take(self, view: Mapping[str, Any], payload: Payload, *, isAnswer: bool) -> None:
        try:
            tuples = payload.tuples
        except VortexError as error:
            self._troubled(error)
            return
        self._took(self.live.take(view, tuples, isAnswer=isAnswer))

    def _takeAll(self, payload: Payload) -> None:
        try:
            tuples = payload.tuples
        except VortexError as error:
            self._troubled(error)
            return
        self._date = payload.date
        self._took(self.live.takeAll(tuples))

    def _answered(self, payload: Payload, request: PayloadResponse) -> None:
        if request is not self._request:
            return
        self._request = None
        self._waiters.answered = self._asked
        self.live.answered()
        view = payload.filt.get("view")
        self._isPlain = not isinstance(view, Mapping)
        self._setNumber(watchNumber(view))
        if self._isOver:
            self._tellServer()
        elif isinstance(view, Mapping):
            self._take(view, payload, isAnswer=True)
        else:
            self._takeAll(payload)
            if self._isOld:
                self.refresh()
        self._askForWaiters()

    def _askForWaiters(self) -> None:
        """What was answered may be older than what somebody waits for."""
        if self._waiters.wantAnother and self._request is None and not self._isOver:
            self.ask()

    def _failed(self, failure: Failure, request: PayloadResponse) -> None:
        if request is self._request:
            self._request = None
            self.live.answered()
            if not self._isOver:
                self._troubled(_errorOf(failure))

    def _took(self, taken: Taken) -> None:
        if taken.differs:
            log.warn(
                "{view}: the server and this program read the same tuples differently, so that nothing can "
                "be checked any more; are their classes the same?",
                view=str(self),
            )
        if taken.isMoved and self.live.state is ViewState.CURRENT:
            self.error = None
            self._backoff.reset()
        if taken.error is None:
            self._tellListeners(taken)
        self._tell(taken.changes)
        self._waiters.tell()
        if self._isOver:
            return
        if taken.error is not None:  # not at once: it may come again each time
            self._troubled(taken.error, taken.ask or Ask.SINCE)
        elif taken.ask is not None:
            self.ask(taken.ask)

    def _troubled(self, error: VortexError, what: Ask = Ask.SINCE) -> None:
        """It cannot be shown; ask again, for *what*, later."""
        self.live.lost()
        self.error = error
        self._tellListeners(Taken(error=error))
        log.info("{view} cannot be shown: {text}", view=str(self), text=errorText(error))
        self._waiters.refuse(error)
        self._stopRetry()
        if self._subscriptions:
            self._retry = self._observer.node.clock.callLater(self._backoff.next(), self.ask, what)

    def _tell(self, changes: list[TupleChange] | None) -> None:
        if changes is not None:
            for subscription in tuple(self._subscriptions):
                subscription.tell(changes)

    def _tellListeners(self, taken: Taken) -> None:
        for listener in tuple(self.listeners):
            listener(taken)

    def _setNumber(self, number: int | None) -> None:
        before, self.number = self.number, number
        self._observer.numbered(self, before, number)

    def _dropRequest(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self.live.answered()
            request.cancel()

    def _stopRetry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._retry = None

    def _tellServer(self) -> None:
        """Say that nobody watches, as soon as it is known how; not if another view shares the watch."""
        peer = self._observer.peer
        if peer is None or self._request is not None:
            return
        if any(other._observer.peer is peer for other in self._alike):
            self._setNumber(None)
            return
        filt = dict(self._observer.filt)
        if self.number is not None:
            filt["live"] = {"end": self.number}
        elif self._isPlain and self.question.farewell is not None:
            filt = dict(self.question.farewell)
        else:
            return
        self._setNumber(None)
        self._isPlain = False
        with suppress(NotConnected):
            peer.sendMessage(Message(Payload(filt)))


_views: WeakKeyDictionary[Node, WeakValueDictionary[Hashable, WeakSet[WatchedView]]] = WeakKeyDictionary()


def _viewsLike(observer: Observer, key: Hashable) -> WeakSet[WatchedView]:
    """The views of a node that somebody looks at, whatever observer they are of, that ask for the same."""
    views = _views.setdefault(observer.node, WeakValueDictionary())
    return views.setdefault(key, WeakSet())


def _errorOf(failure: Failure) -> VortexError:
    error = failure.value
    if isinstance(error, CancelledError):
        return NotConnected("what was asked for was cancelled")
    if isinstance(error, VortexError):
        return error
    failure.raiseException()
    raise AssertionError("not reached")
