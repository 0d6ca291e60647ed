"""
LiveWatches: who watches what of one handler, from when they ask until they go.

What is watched, how its state is made and who may see it are the handler's; what is sent and when is found
out here and in the files beside it:

    watch      one thing that is watched: its state is made once for all who watch it
    makings    when it is made, where not all can be at once
    state      the state and what has changed since when            log
    feed       its messages, each made once
    watcher    one peer's place in a watch: what it is sent next
    line       one peer: when it can take what is new
    holds      what is not to be told yet, because of an answer
    answers    for handlers that give answers of their own
    roster     who watches what, and how much that may be
    sieve      what one peer may see, where that is asked for each tuple
    checks     what is told again every now and then, so that nothing goes wrong for long
    lingering  what nobody watches any more
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from vortex.clocks import DelayedCall
from vortex.errors import AccessDenied, DecodeError, LimitExceeded, NotConnected, UnknownObservable
from vortex.live.answers import LiveAnswers
from vortex.live.checks import LiveChecks
from vortex.live.deadline import Deadline
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.feed import LiveFeed
from vortex.live.holds import LiveHolds
from vortex.live.lingering import Lingering, laterWeakly
from vortex.live.makings import LiveMakings
from vortex.live.positions import positionsOf
from vortex.live.roster import LiveRoster
from vortex.live.sieve import LiveSieve, maySend
from vortex.live.state import LiveState
from vortex.live.waiting_requests import WaitingRequests
from vortex.live.watch import CLOSED, LiveWatch, Subject
from vortex.live.watcher import LiveWatcher, NotifiedWatcher, PlainWatcher, Watcher
from vortex.routing.delivery import Delivery
from vortex.routing.ports import Node, Peer

__all__ = ["LIVE", "LiveWatches"]

MAX_NAME = 128
"""Characters of an observer's name by which it is told from the others of its peer."""

LIVE = "live"
"""The key of a request's filt by which a peer says that it reads docs/reference/live-data.md."""


class LiveWatches:
    """
    Args:
        node: Whose peers they are. Its limits say how much each may watch, and how much is kept.
        make: Given a watch, its state: a list of tuples, or a Deferred or a coroutine of one; or `ADOPTED`,
            after a call of `LiveWatch.adopt`. What it raises is answered to who asks first.
        filt: That of pushes to those who read live data.
        maySee: Given a peer and the filt it asked with, whether it still may. Asked before each push.
        maySend: Given a peer and a tuple, whether it may see that: only exactly True is a yes. None: who may
            see anything may see everything.
        policy: How they are told, as far as they ask for nothing else.
        keepsCurrent: Whether the state of a watch is kept up to date while nobody watches.
        changesUntold: Whether a state may change without a word, so that it is made anew for who asks.
        makesAtOnce: Of how many watches at a time the state is made; None: of all.
        plain: What becomes of a peer that reads no live data: who is told of each change, or a
            `NotifiedWatcher`.
        onForgotten: Called with a watch that is not kept any longer.

    Attributes:
        answers: For who gives answers of his own.
        makings: For watches: when it is their turn to be made.
    """

    def __init__(
        self,
        node: Node,
        make: Callable[[LiveWatch], Any],
        *,
        filt: Mapping[str, Any],
        maySee: Callable[[Peer, Mapping[str, Any]], bool],
        maySend: Callable[[Peer, Any], object] | None = None,
        policy: DeliveryPolicy | None = None,
        keepsCurrent: bool = False,
        changesUntold: bool = False,
        makesAtOnce: int | None = None,
        plain: type[PlainWatcher] = PlainWatcher,
        onForgotten: Callable[[LiveWatch], object] | None = None,
    ) -> None:
        self.make = make
        self.makings = LiveMakings(makesAtOnce)
        self.limits = node.limits
        self.positions = positionsOf(node)
        self.policy = policy or DeliveryPolicy()
        self._node = node
        self._filt = filt
        self._maySee = maySee
        self._maySend = maySend
        self._keepsCurrent = keepsCurrent
        self._changesUntold = changesUntold
        self._plain = plain
        self._onForgotten = onForgotten
        self._watches: dict[Hashable, LiveWatch] = {}
        self._byAbout: dict[Hashable, dict[LiveWatch, None]] = {}
        self._holds = LiveHolds()
        self._roster = LiveRoster(node, self._mayGo, self._holds.isHeld)
        self.answers = LiveAnswers(node.clock, self._roster, self._holds, self.tell)
        self._checks = LiveChecks(node.clock, node.limits.checkInterval, self._roster, self._mayGo)
        self._waiting = WaitingRequests(node.limits)
        self._lingering = Lingering(node.clock, node.limits, self._forgetWatch)
        self.positions.add(self)
        me = weakref.ref(self)

        def onPeerChange(peer: Peer, online: bool) -> None:
            watches = me()
            if watches is not None and not online:
                watches.forget(peer)

        def onShutdown() -> None:
            watches = me()
            if watches is not None:
                watches.close()

        endings = node.onPeerChange(onPeerChange), node.onShutdown(onShutdown)
        self._unsubscribe = weakref.finalize(self, lambda: [end() for end in endings])
        self._unsubscribe.atexit = False

    # ---- what peers ask for

    def subscribe(
        self,
        delivery: Delivery,
        subject: Subject,
        *,
        name: str = "",
        filt: Mapping[str, Any] | None = None,
    ) -> Deferred[None]:
        """
        Answer a request with what it asks for, and tell its peer what changes from then on.

        Args:
            delivery: The request. With a key ``live`` in its filt the peer gets deltas, else whole states.
                Where that is ``{"once": True}`` it gets just the answer.
            subject: What it asks for.
            name: Which of the peer's observers asks, where it is sent whole states.
            filt: The request's filt, where that is at hand.

        Returns:
            A Deferred that fires when it is answered, and fails with what is to be answered.

        Raises:
            LimitExceeded: If the peer watches, or waits for, as much as it may already.
            DecodeError: If what stands at ``live`` is not what should stand there.
        """
        peer = delivery.peer
        filt = delivery.filt if filt is None else filt
        live = filt.get(LIVE)
        if live is not None and not isinstance(live, Mapping):
            raise DecodeError(f"expected an object, got {live!r:.40}", f".{LIVE}")
        if live is not None and live.get("once") is True:
            return self.poll(delivery, subject)
        policy = self.policy if live is None else self.policy.asked(live.get("policy"))
        kind: type[Watcher] = self._plain if live is None else LiveWatcher
        at = None if live is None else live.get("at")

        async def answer() -> None:
            watch = self._watchFor(subject)
            watch.answering += 1
            try:
                watcher = self._join(peer, watch, filt, policy, kind)
                if isinstance(watcher, PlainWatcher) and len(watcher.names) < self.limits.maxWatchesPerPeer:
                    watcher.names.add(name[:MAX_NAME])
                answer = self._answer(watcher, delivery, at)
                if isinstance(watcher, NotifiedWatcher):
                    answer = self.answers.give(answer, peer, watch)
                await answer
            finally:
                watch.answering -= 1
                watch.letGo()
                self.unwanted(watch)

        return self._waiting.run(peer, answer)

    def poll(self, delivery: Delivery, subject: Subject) -> Deferred[None]:
        """Answer a request with what it asks for, made anew; the rest as `subscribe` has it."""
        return self._waiting.run(delivery.peer, lambda: self._answerOnce(subject, delivery))

    def unsubscribe(self, peer: Peer, key: Hashable, name: str = "") -> None:
        """The observer *name* of *peer* is to be told nothing more of what was asked for under *key*."""
        watch = self._watches.get(key)
        watcher = None if watch is None else self._roster.find(peer, watch, self._plain)
        if isinstance(watcher, PlainWatcher):
            watcher.names.discard(name[:MAX_NAME])
            if not watcher.names:
                self._drop(watcher)

    def endAsked(self, peer: Peer, filt: Mapping[str, Any]) -> bool:
        """
        Whether *filt*, of a message of *peer*, asks for the end of what it watches; then it is told nothing
        more of that.
        """
        live = filt.get(LIVE)
        if not isinstance(live, Mapping) or "end" not in live:
            return False
        for watcher in self.liveWatchersOf(peer):
            if watcher.watch.number == live["end"]:
                self._drop(watcher)
        return True

    def join(self, peer: Peer, subject: Subject, filt: Mapping[str, Any]) -> Watcher:
        """
        Tell *peer*, which reads no live data and has asked for that with *filt*, of it from now on. It is
        answered by who calls this, see `answers`.
        """
        watch = self._watchFor(subject)
        watcher = self._join(peer, watch, filt, self.policy, self._plain)
        self.unwanted(watch)
        return watcher

    # ---- what their owner asks

    def about(self, about: Hashable) -> tuple[LiveWatch, ...]:
        """What there is of watches about that."""
        return tuple(self._byAbout.get(about, ()))

    @property
    def watches(self) -> tuple[LiveWatch, ...]:
        """All watches, those that nobody watches at the moment among them."""
        return tuple(self._watches.values())

    def watchesOf(self, peer: Peer) -> list[LiveWatch]:
        """What *peer* watches."""
        return list(dict.fromkeys(each.watch for each in self._roster.of(peer)))

    def liveWatchersOf(self, peer: Peer) -> list[LiveWatcher]:
        """What *peer* is sent deltas of."""
        return [each for each in self._roster.of(peer) if isinstance(each, LiveWatcher)]

    def forget(self, peer: Peer) -> None:
        """*peer* is gone: it watches nothing any more."""
        for watcher in self._roster.of(peer):
            self._drop(watcher)
        self._roster.forget(peer)
        self._holds.forget(peer)

    def endAll(self, watch: LiveWatch, error: Exception) -> None:
        """Tell those who watch *watch* that no more comes, and why; who gets whole states hears nothing."""
        for watcher in tuple(watch.watchers):
            if isinstance(watcher, LiveWatcher):
                self._end(watcher, error)

    def close(self) -> None:
        """Forget everybody, who is told so, and answer nobody from now on."""
        self._unsubscribe()
        error = UnknownObservable(CLOSED)
        for watcher in self._roster:
            self._end(watcher, error)
        self.makings.clear()
        for watch in self.watches:
            self._forgetWatch(watch)
        self._roster.clear()

    # ---- for watches

    @property
    def clock(self) -> Any:
        """The node's."""
        return self._node.clock

    def later(self, seconds: float, method: Callable[[], None]) -> DelayedCall:
        """Have *method* called later, if its object is there still."""
        return laterWeakly(self.clock, seconds, method)

    def newFeed(self, state: LiveState, number: int) -> LiveFeed:
        """The messages of *state*."""
        return LiveFeed(
            state,
            number,
            self._filt,
            self.limits,
            maxSteps=self.policy.maxItems,
            maxStepBytes=self.policy.maxBytes,
        )

    def moment(self) -> int:
        """This moment; each time a later one."""
        return self._holds.moment()

    def newDeadline(self) -> Deadline | None:
        """For the making of a state, which has its time, unless it comes from another node."""
        return None if self._keepsCurrent else Deadline(self.clock, self.limits)

    def tell(self, watcher: Watcher) -> bool:
        """There is news for *watcher*: whether it is sent, or will be."""
        return self._isThere(watcher) and self._roster.lineOf(watcher).tell(watcher)

    def isHeld(self, watcher: Watcher) -> bool:
        """Whether *watcher* is to be told nothing yet, because of an answer."""
        return self._holds.isHeld(watcher)

    def unwanted(self, watch: LiveWatch) -> None:
        """Nobody watches *watch*, or waits for it: keep it for a while, if it can be of use."""
        if watch.isWanted or self._watches.get(watch.subject.key) is not watch:
            return
        self._lingering.wake(watch)
        if not (watch.state.serial and watch.isCompared and self._node.payloadIO.isLive):
            self._forgetWatch(watch)
            return
        if not self._keepsCurrent:
            watch.sleep()
        self._lingering.add(watch)

    # ---- watchers

    def _watchFor(self, subject: Subject) -> LiveWatch:
        if not self._unsubscribe.alive:
            raise UnknownObservable(CLOSED)
        watch = self._watches.get(subject.key)
        if watch is None:
            watch = self._watches[subject.key] = LiveWatch(self, self.positions.issue(), subject)
            self._byAbout.setdefault(subject.about, {})[watch] = None
        self._lingering.wake(watch)  # until it is unwanted again
        return watch

    def _join(
        self,
        peer: Peer,
        watch: LiveWatch,
        filt: Mapping[str, Any],
        policy: DeliveryPolicy,
        kind: type[Watcher],
    ) -> Watcher:
        """*peer* watches *watch* from now on, if it does not yet."""
        watcher = self._roster.find(peer, watch, kind)
        if watcher is None:
            watcher = self._newWatcher(peer, watch, kind)
            watcher.knows = self._holds.knownFrom(peer)
        if not peer.isOnline or not self._unsubscribe.alive:
            return watcher  # it will not be told
        try:
            inTheWay = self._roster.put(watcher, filt)
        except LimitExceeded:
            isForgotten = watcher.isForgettable
            self._node.counters["watchesForgotten" if isForgotten else "watchesRefused"] += 1
            if isForgotten:
                return watcher
            raise
        watcher.policy = policy
        watch.watchers[watcher] = None
        watch.askedBytes = watcher.size
        watch.isCompared |= watcher.seesChanges
        self._wantSteps(watcher)
        self._lingering.wake(watch)
        for each in inTheWay:
            self._node.counters["watchesForgotten"] += 1
            self._drop(each)
        self._checks.setTimer()
        return watcher

    def _newWatcher(self, peer: Peer, watch: LiveWatch, kind: type[Watcher]) -> Watcher:
        if self._maySend is None:
            return kind(peer, watch, watch.feed)
        own = LiveState(self.limits.maxWatchLog)
        sieve = LiveSieve(watch.state, own, partial(self._maySend, peer))
        return kind(peer, watch, self.newFeed(own, watch.number), sieve)

    def _end(self, watcher: Watcher, error: Exception) -> None:
        """*watcher* is there no more; it is told why, if it can be."""
        if isinstance(watcher, LiveWatcher) and watcher.isAnswered:
            self._roster.lineOf(watcher).queue(watcher, watcher.feed.end(error))
        self._drop(watcher)

    def _drop(self, watcher: Watcher) -> None:
        if not self._roster.remove(watcher):
            return
        watch = watcher.watch
        watch.leave(watcher)
        watcher.feed.stepsFor.discard(watcher)
        self.unwanted(watch)
        self._checks.setTimer()

    def _wantSteps(self, watcher: Watcher) -> None:
        """Each delta is kept for itself as long as somebody wants that."""
        wanting = watcher.feed.stepsFor
        (wanting.add if watcher.policy.mode == "all" else wanting.discard)(watcher)

    def _isThere(self, watcher: Watcher) -> bool:
        return watcher in watcher.watch.watchers

    def _mayGo(self, watcher: Watcher) -> bool:
        """Whether *watcher* may still see what it watches; if not, that is the end of it."""
        if self._maySee(watcher.peer, watcher.filt):
            return True
        if isinstance(watcher, LiveWatcher):
            self._end(watcher, AccessDenied("you may not see this any more"))
        return False

    async def _answer(self, watcher: Watcher, delivery: Delivery, at: object) -> None:
        try:
            await (watcher.watch.fresh() if self._changesUntold else watcher.watch.current())
            await self._caughtUp(watcher.watch, watcher.peer)
            while watcher.isAhead:
                await watcher.watch.since(watcher.knows)
            if not self._maySee(watcher.peer, watcher.filt or delivery.filt):
                raise AccessDenied("you may not see this any more")
            watcher.follow(isMadeAnew=not watcher.isAnswered)
            if isinstance(watcher, PlainWatcher):
                watcher.answer(delivery, priority=self._roster.priorityOf(watcher))
            elif not self._isThere(watcher):
                raise NotConnected("the session that asked for this is over: ask again")
            elif isinstance(watcher, LiveWatcher):
                line = self._roster.lineOf(watcher)
                watcher.answer(delivery, at, priority=line.priorityOf(watcher), isShort=line.isFull)
                if watcher.hasNews:
                    self.tell(watcher)
        except BaseException:
            if not watcher.isTold:
                self._drop(watcher)
            raise

    async def _answerOnce(self, subject: Subject, delivery: Delivery) -> None:
        watch = self._watchFor(subject)
        watch.answering += 1
        try:
            await watch.fresh()
            await self._caughtUp(watch, delivery.peer)
            if not self._maySee(delivery.peer, delivery.filt):
                raise AccessDenied("you may not see this any more")
            delivery.reply(self._seenBy(delivery.peer, watch.state.tuples))
        finally:
            watch.answering -= 1
            watch.letGo()
            self.unwanted(watch)

    async def _caughtUp(self, watch: LiveWatch, peer: Peer) -> None:
        """Wait for a state that has what *peer* was told meanwhile that it has written by another handler."""
        while watch.madeFrom < self._holds.knownFrom(peer):
            await watch.since(self._holds.knownFrom(peer))

    def _seenBy(self, peer: Peer, records: list[Any]) -> list[Any]:
        """Those of *records* that *peer* may see."""
        if self._maySend is None:
            return records
        passes = partial(self._maySend, peer)
        return [record for record in records if maySend(passes, record)]

    def _forgetWatch(self, watch: LiveWatch) -> None:
        self._lingering.wake(watch)
        watch.close()
        self._watches.pop(watch.subject.key, None)
        about = self._byAbout.get(watch.subject.about, {})
        about.pop(watch, None)
        if not about:
            self._byAbout.pop(watch.subject.about, None)
        if self._onForgotten is not None:
            self._onForgotten(watch)
