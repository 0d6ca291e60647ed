"""
LiveWatch: one thing that is watched, its state, and who watches it.

Its state is made once, however many watch: at most one making of it is under way, and one asked for after
that stands for all that are asked for meanwhile. What is made is compared with what was there, and told. If
it cannot be made, everybody keeps what they have, and it is made again when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakMethod

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.clocks import DelayedCall
from vortex.errors import UnknownObservable, VortexError, errorText
from vortex.live.deadline import Deadline
from vortex.live.notified import Notified
from vortex.live.state import LiveState, Places
from vortex.live.watcher import LiveWatcher, Watcher
from vortex.protocol.backoff import Backoff
from vortex.routing.ports import Peer
from vortex.tuples.tuple import Tuple

if TYPE_CHECKING:
    from vortex.live.watches import LiveWatches

__all__ = ["ADOPTED", "CLOSED", "LiveWatch", "Subject", "heldWeakly"]

log = Logger()

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds, at most, until a state that could not be made is tried again."""

TRIES = 3
"""How often that is done for peers that are told of updates only, and never say that it is enough."""

CLOSED = "this is not offered any more"
"""What is answered by a handler that is shut down."""

ADOPTED: Any = object()
"""What makes a state returns this when it has called `LiveWatch.adopt`."""


class Subject(NamedTuple):
    """
    What is watched, as its owner sees it.

    Attributes:
        key: Who asks for the same shares one watch.
        about: What the watch is found by; several may be about one thing.
        plainFilt: The filt of a push to a peer that is sent whole states.
        what: What the owner needs to make the state.
    """

    key: Hashable
    about: Hashable
    plainFilt: Mapping[str, Any]
    what: Any


class LiveWatch:
    """
    Made by `LiveWatches`.

    Attributes:
        number: By which peers know it.
        subject: What is watched.
        state: What it is now.
        feed: Its messages.
        watchers: Who watches it.
        isCompared: Whether somebody ever has had to be told what differs. Else a state just takes the place
            of the one before, and is not kept when nobody watches any more.
        askedBytes: How long what it is asked by is, as it travels.
        answering: How many answers are made of its state at the moment.
        madeFrom: The moment at which the making of the state began: all that was so then is in it.
        touchedAt: When it has changed last, or was to be made again, as `Positions` counts.
    """

    def __init__(self, owner: LiveWatches, number: int, subject: Subject) -> None:
        self.number = number
        self.subject = subject
        self.state = LiveState(owner.limits.maxWatchLog)
        self.feed = owner.newFeed(self.state, number)
        self.watchers: dict[Watcher, None] = {}
        self.touchedAt = 0
        self._owner = owner
        self._isDirty = True  # whether the state may be another by now
        self._notified = Notified()  # who is to be told in any case, when it was made again
        self._runNotified = Notified()  # and who is, of what is being made
        self._runFrom = 0
        self._isRunning = False
        self._tries = 0
        self._hasPlace = False  # whether what is being made counts among those under way
        self._isClosed = False
        self._running: list[Deferred[int]] = []
        self._waiting: list[Deferred[int]] = []
        self._again: DelayedCall | None = None
        self._retry: DelayedCall | None = None
        self._backoff = Backoff(first=FIRST_WAIT, cap=LONGEST_WAIT)
        self._least = 0
        self._deadline: Deadline | None = None
        self.isCompared = False
        self.askedBytes = 0
        self.answering = 0
        self.madeFrom = 0

    def __repr__(self) -> str:
        return f"<watch {self.number} of {self.subject.what!r}, {len(self.watchers)} watch it>"

    # ---- what its owner calls

    def notify(self, peer: Peer | None = None, *, force: bool = False) -> Deferred[int]:
        """
        Make the state again, and tell who watches what has changed.

        Args:
            peer: Of those who are sent whole states, be it what they have already: only to this peer. None:
                to all.
            force: Tell those who get deltas also if nothing has changed.

        Returns:
            A Deferred with how many were told, or will be when they have read what waits for them. 0 if
            nobody watches, or if the state could not be made, which is logged.
        """
        self._touch()
        self._isDirty = True
        self._tries = 0
        if not self.watchers:
            return succeed(0)
        if force:
            self._least = max(self._least, self.state.serial + 1)
        return self.sendTo(peer)

    def sendTo(self, peer: Peer | None) -> Deferred[int]:
        """As `notify`, where nothing is known to have changed."""
        self._isDirty = True
        self._notified.add(peer)
        return self._make().addErrback(lambda _: 0)

    def change(
        self,
        records: Sequence[Any] = (),
        gone: Sequence[Hashable | Tuple] = (),
        places: Places = (),
        *,
        readFrom: int | None = None,
    ) -> Deferred[int]:
        """
        Tell who watches what has changed; nothing is made. Arguments and result are those of
        `LiveState.change` and `notify`. Where that does not suffice, because the tuples have no keys, or
        the state is being made, it is made again.

        Args:
            readFrom: The moment at which the reading of *records* began: then all that has changed before is
                told with this. None: now.

        Raises:
            EncodeError: If one of *records* cannot travel; nobody was told anything.
        """
        if not self.watchers or self._isDirty or self._isRunning:
            return self.notify()
        if readFrom is not None and readFrom < self.madeFrom:
            return self.notify()  # the state may know better already
        before = self.state.serial
        try:
            hasChanged = self.state.change(records, gone, places)
        except ValueError:
            return self.notify()
        self._touch()
        self.madeFrom = self._owner.moment() if readFrom is None else readFrom
        if readFrom is None and not hasChanged:
            return succeed(0)
        return succeed(self._publish(before, notified=None if readFrom is None else Notified(True)))

    def adopt(
        self,
        epoch: str,
        serial: int,
        records: Sequence[Any],
        keyFields: Mapping[str, Sequence[str]] | None,
    ) -> None:
        """Take over a state of another node; see `LiveState.adopt`."""
        before = self.state.serial if self.state.epoch == epoch else 0
        self._isDirty = False
        if self.state.adopt(epoch, serial, records, keyFields):
            self._touch()
            self._publish(before, isMadeAnew=True)

    def adoptDelta(
        self, to: int, records: Sequence[Any], places: Places = (), gone: Sequence[Hashable] = ()
    ) -> None:
        """Take over a delta that leads another node's state to *to*; see `LiveState.change`."""
        before = self.state.serial
        if self.state.change(records, gone, places, least=to):
            self._touch()
            self._publish(before)

    # ---- what those who ask need

    def current(self) -> Deferred[int]:
        """Fires when the state is what is known now; fails if it cannot be made."""
        if self._isRunning and not self._isDirty:
            return _waiterOf(self._running)
        return self._make(isAwaited=True) if self._isDirty else succeed(0)

    def fresh(self) -> Deferred[int]:
        """Fires when the state was made from now on; fails if it cannot be."""
        self._isDirty = True
        return self._make(isAwaited=True)

    def since(self, moment: int) -> Deferred[int]:
        """Fires when the state was made from *moment* on; fails if it cannot be."""
        if self.madeFrom >= moment:
            return succeed(0)
        if self._isRunning and self._runFrom >= moment:
            return _waiterOf(self._running)
        return self.fresh()

    def leave(self, watcher: Watcher) -> None:
        """*watcher* is there no more."""
        self.watchers.pop(watcher, None)
        if not self.watchers:
            self._stopRetry()
        self.letGo()

    def letGo(self) -> None:
        """Keep nothing of a state that nobody compares, once everybody has it."""
        isNeeded = self.isCompared or self._isRunning or self.answering
        if not isNeeded and not any(watcher.hasNews for watcher in self.watchers):
            self.state.letGo()
            self.feed.renew()

    def sleep(self) -> None:
        """Nobody watches any more: from now on it is not known whether the state is what it was."""
        self._isDirty = True

    def close(self) -> None:
        """Make nothing more."""
        self._isClosed = True
        self.watchers.clear()
        self._stopRetry()
        waiting, self._running, self._waiting = [*self._running, *self._waiting], [], []
        for waiter in waiting:
            waiter.errback(UnknownObservable(CLOSED))
        if self._deadline is not None:
            self._deadline.lift()
        self._owner.makings.forget(self)
        self._leavePlace()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    @property
    def isWanted(self) -> bool:
        """Whether anybody watches it, or waits for it."""
        return bool(self.watchers or self._running or self._waiting)

    def promise(self, watcher: LiveWatcher) -> int:
        """The serial from which on *watcher* has what was notified up to now; it will be reached."""
        serial = watcher.feed.state.serial + int(self._isRunning) + int(self._isDirty)
        if not (self._isDirty or self._isRunning):
            return serial
        if watcher.sieve is not None:
            watcher.sieve.least = max(watcher.sieve.least, serial)
            return watcher.sieve.least
        self._least = max(self._least, serial)
        return self._least

    # ---- making it

    def begin(self) -> None:
        """For `LiveMakings`: it is its turn to be made."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._stopRetry()
        self._isRunning = self._hasPlace = True
        self._isDirty = False
        self._runFrom = self._owner.moment()
        self._runNotified, self._notified = self._notified, Notified()
        self._running, self._waiting = self._waiting, []
        Deferred.fromCoroutine(self._run())

    def _make(self, *, isAwaited: bool = False) -> Deferred[int]:
        if self._isClosed:
            return fail(UnknownObservable(CLOSED))
        waiter = _waiterOf(self._waiting)
        if not self._isRunning and self._again is None:
            self._owner.makings.ask(self, isAwaited=isAwaited)
        return waiter

    def _askAgain(self) -> None:
        self._again = None
        self._owner.makings.ask(self, isAwaited=True)

    def _leavePlace(self) -> None:
        if self._hasPlace:
            self._hasPlace = False
            self._owner.makings.over()

    async def _run(self) -> None:
        told = 0
        failure = None
        moment = self._runFrom
        try:
            records = await self._makeInTime()
            if records is not ADOPTED:
                told = self._made(records)
            self._backoff.reset()
            self._tries = 0
        except Exception:
            failure = Failure()
            self._isDirty = True
            self._notified.update(self._runNotified)
            self._logFailure(failure)
        self._isRunning = False
        running, self._running = self._running, []
        self._leavePlace()  # what begins now may have this begun again
        for waiter in running:
            waiter.callback(told) if failure is None else waiter.errback(failure)
        self.letGo()
        if self._runFrom != moment:
            return  # one of those who waited has begun it again
        if self._waiting:  # not at once: what makes it may be what asks for it
            self._again = self._again or self._owner.clock.callLater(0, self._askAgain)
        elif not self.isWanted:
            self._owner.unwanted(self)
        elif failure is not None and self._isWorthRetrying():
            self._tries += 1
            self._retry = self._owner.later(self._backoff.next(), self._makeAgain)

    def _makeInTime(self) -> Deferred[Any]:
        deadline = self._owner.newDeadline()
        if deadline is None:
            return maybeDeferred(self._owner.make, self)
        self._deadline = deadline
        return deadline.wait(self._owner.make, self)

    def _isWorthRetrying(self) -> bool:
        """Who says that it watches is to see it some day; to others it was news, and is not for long."""
        if any(watcher.seesChanges for watcher in self.watchers):
            return True
        return bool(self.watchers and self._notified and self._tries < TRIES)

    def _makeAgain(self) -> None:
        """It could not be made, and is watched still: they are to see what there is."""
        self._retry = None
        self._make().addErrback(lambda _: 0)

    def _stopRetry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()

    def _made(self, records: Sequence[Any]) -> int:
        """The state is made of *records*: tell who watches. Returns how many."""
        before = self.state.serial
        isFinal = not self._isDirty  # else what was promised comes with the next
        if self.isCompared:
            self.state.replace(records, least=self._least if isFinal else 0)
        else:
            self.state.take(records)
        if isFinal:
            self._least = 0
        self.madeFrom = self._runFrom
        return self._publish(before, isMadeAnew=True, isFinal=isFinal, notified=self._runNotified)

    def _logFailure(self, failure: Failure) -> None:
        if self._isClosed:
            return
        if not (self._runNotified or any(watcher.isAnswered for watcher in self.watchers)):
            return  # who asks for it first is told, and then it is logged
        if isinstance(failure.value, VortexError):
            log.warn(
                "{watch} could not be made again, who watches it keeps what they have: {text}",
                watch=str(self),
                text=errorText(failure.value),
            )
        else:
            log.failure(
                "{watch} could not be made again, who watches it keeps what they have",
                failure,
                watch=str(self),
            )

    def _publish(
        self,
        before: int,
        *,
        isMadeAnew: bool = False,
        isFinal: bool = True,
        notified: Notified | None = None,
    ) -> int:
        """The state was at serial *before*: tell who watches what is different. Returns how many."""
        if self.state.serial != before:
            self.feed.stepped(before)
        told = 0
        self.feed.renew()
        for watcher in tuple(self.watchers):
            if watcher.isTold:
                isNotified = notified is not None and watcher.peer in notified
                if watcher.follow(isMadeAnew=isMadeAnew, isFinal=isFinal, isNotified=isNotified):
                    told += self._owner.tell(watcher)
            isLate = self._owner.isHeld(watcher) and (watcher.hasNews or not watcher.isAnswered)
            watcher.lateSince = self._owner.moment() if isLate else 0
        return told

    def _touch(self) -> None:
        self.touchedAt = self._owner.positions.touch()


def _waiterOf(waiters: list[Deferred[int]]) -> Deferred[int]:
    """A Deferred of one's own, which may be cancelled, among *waiters*."""
    waiter: Deferred[int] = Deferred()
    waiters.append(waiter)
    return waiter


def heldWeakly(make: Callable[[LiveWatch], Any]) -> Callable[[LiveWatch], Any]:
    """
    *make*, a method, for as long as its object is there: a handler is not kept by what it keeps. Afterwards
    nothing is made: who watches keeps what it has, and who waits is answered with `UnknownObservable`.
    """
    method = WeakMethod(make)

    def call(watch: LiveWatch) -> Any:
        there = method()
        if there is not None:
            return there(watch)
        watch.close()
        raise UnknownObservable(CLOSED)

    return call
