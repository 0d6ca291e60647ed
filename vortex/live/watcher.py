"""
Watchers of live data: one peer's place in one watch - what it was sent, and what it is to be sent next.

A `LiveWatcher` speaks docs/reference/live-data.md: deltas from where it stands. A `PlainWatcher` is a peer
that knows nothing of that, as VortexPY's: it gets the whole state each time, and a `NotifiedWatcher` each
time that the program says so. None of them queues anything: `next` is asked for when the peer can take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.feed import LiveFeed, Whole
from vortex.live.sieve import LiveSieve
from vortex.protocol.envelope import Message
from vortex.routing.delivery import Delivery
from vortex.routing.ports import Peer

if TYPE_CHECKING:
    from vortex.live.watch import LiveWatch

__all__ = ["LiveWatcher", "NotifiedWatcher", "PlainWatcher", "Watcher"]


class Watcher:
    """
    Args:
        peer: Who.
        watch: What.
        feed: The messages that it gets.
        sieve: What it may see of the watch's state, where that is asked for each tuple; *feed* is of that.

    Attributes:
        peer, watch, feed, sieve: As given.
        filt: What it asked with, to find out whether it may see it still.
        size: Bytes of that, as it travels.
        policy: How it wants to be told.
        isAnswered: Whether it was answered: nothing is pushed before that.
        knows: The moment up to which it knows all, as it was answered: a state whose making began before
            that is not for it.
        lateSince: The moment since which it has not got what was there, because its peer was answered
            meanwhile; 0: it is not late.
        sentAt: When something was sent last, on the node's clock.
        isForgettable: Whether it goes, the oldest first, when its peer asks for more than it may.
        seesChanges: Whether it has to be known for it what differs from one state to the next.
    """

    isForgettable = False
    seesChanges = True

    def __init__(self, peer: Peer, watch: LiveWatch, feed: LiveFeed, sieve: LiveSieve | None = None) -> None:
        self.peer = peer
        self.watch = watch
        self.feed = feed
        self.filt: Mapping[str, Any] = {}
        self.size = 0
        self.policy = DeliveryPolicy()
        self.sieve = sieve
        self.isAnswered = False
        self.knows = 0
        self.lateSince = 0
        self.sentAt = float("-inf")
        self._sent = 0

    def __repr__(self) -> str:
        return f"<watcher {self.peer!r} of {self.watch!r}, at {self._sent}>"

    @property
    def hasNews(self) -> bool:
        """Whether there is anything to send."""
        return self._sent != self.feed.state.serial

    @property
    def isAhead(self) -> bool:
        """Whether it knows better than what the state is now."""
        return self.watch.madeFrom < self.knows

    @property
    def isTold(self) -> bool:
        """Whether it is told of changes by now."""
        return self.isAnswered

    def next(self) -> Message | None:
        """What is to be sent next; it counts as sent. None if there is nothing."""
        raise NotImplementedError

    def wasAnswered(self, moment: int, *, isDue: bool = True) -> None:
        """
        Its peer was told just now, at *moment*, what is true.

        Args:
            isDue: Whether it may have changed since it was found out.
        """
        self.knows = moment

    def follow(self, *, isMadeAnew: bool, isFinal: bool = True, isNotified: bool = False) -> bool:
        """
        The watch's state was made or told: whether there is anything to tell.

        Args:
            isMadeAnew, isFinal: See `LiveSieve.follow`.
            isNotified: Whether it was said to have changed.
        """
        if self.sieve is None:
            return self.hasNews
        before = self.feed.state.serial
        if not self.sieve.follow(isMadeAnew=isMadeAnew, isFinal=isFinal):
            return False
        self.feed.stepped(before)
        return True


class LiveWatcher(Watcher):
    """One who gets deltas."""

    _epoch = ""
    _whole: Whole | None = None
    _part = 0
    _isNet = False

    @property
    def hasNews(self) -> bool:
        return self._whole is not None or super().hasNews or self._epoch != self.feed.state.epoch

    def answer(self, delivery: Delivery, at: object, *, priority: int, isShort: bool) -> None:
        """
        Answer the request that it watches by.

        Args:
            at: The position that the peer holds, as it says.
            priority: That of the answer.
            isShort: Whether much waits for the peer already, so that what is long is to come later.
        """
        state = self.feed.state
        payload = None
        self._whole = None
        if isinstance(at, str):
            epoch, _, serial = at.rpartition(".")
            if epoch == state.epoch and serial.isascii() and serial.isdigit() and len(serial) < 20:
                payload = self.feed.net(int(serial), isShort=isShort)
        if payload is None:
            whole = self.feed.whole(isShort=isShort)
            payload = whole.answer()
            self._begin(whole, 1)
        else:
            self._epoch, self._sent = state.epoch, state.serial
        delivery.reply(payload, filt=payload.filt, priority=priority)
        self.isAnswered, self.lateSince = True, 0

    def wasAnswered(self, moment: int, *, isDue: bool = True) -> None:
        super().wasAnswered(moment)
        self._isNet = True  # single steps that are kept may be of what was before
        if self._whole is not None:  # parts of what was before: a newer whole state takes their place
            self._whole = None
            self._epoch = ""

    def next(self) -> Message | None:
        if self._whole is None:
            if not self.hasNews:
                return None
            message = self._step()
            if message is not None:
                return message
            self._begin(self.feed.whole(), 0)
        return self._nextPart()

    def _step(self) -> Message | None:
        """What has changed since; None if it has to be the whole state."""
        state = self.feed.state
        if self._epoch != state.epoch:
            return None
        step = self.feed.step(self._sent) if self.policy.mode == "all" and not self._isNet else None
        if step is not None:
            self._sent, message = step
            return message
        delta = self.feed.delta(self._sent)
        self._isNet = False
        if delta is not None:
            self._sent = state.serial
        return delta

    def _begin(self, whole: Whole, part: int) -> None:
        """Of *whole*, *part* is the next that is sent."""
        self._epoch, self._sent = whole.epoch, whole.serial
        self._part = part
        self._whole = whole if part < whole.count else None

    def _nextPart(self) -> Message | None:
        whole = self._whole
        if whole is None:
            return None
        message = whole.message(self._part)
        self._begin(whole, self._part + 1)
        return message


class PlainWatcher(Watcher):
    """
    One who gets the whole state.

    Attributes:
        names: By which it asked, of several observers of one peer.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.names: set[str] = set()
        self._isDue = False

    @property
    def hasNews(self) -> bool:
        return self._isDue or super().hasNews

    def follow(self, *, isMadeAnew: bool, isFinal: bool = True, isNotified: bool = False) -> bool:
        super().follow(isMadeAnew=isMadeAnew, isFinal=isFinal)
        self._isDue |= isNotified  # as its own servers do it, whether anything is different or not
        return self.hasNews

    def answer(self, delivery: Delivery, *, priority: int) -> None:
        """Answer the request that it watches by; *priority* is that of the answer."""
        self._sent, self._isDue = self.feed.state.serial, False
        delivery.reply(self.feed.state.tuples, priority=priority)
        self.isAnswered, self.lateSince = True, 0

    def next(self) -> Message | None:
        if not self.hasNews:
            return None
        self._sent, self._isDue = self.feed.state.serial, False
        return self.feed.plain(self.watch.subject.plainFilt)


class NotifiedWatcher(PlainWatcher):
    """
    One who gets the whole state when its watch is notified, and at no other time: as a peer of a handler of
    models or of rows, who may ask for anything and never says that it is enough.
    """

    isForgettable = True
    seesChanges = False

    @property
    def hasNews(self) -> bool:
        return self._isDue

    @property
    def isTold(self) -> bool:
        return True

    def wasAnswered(self, moment: int, *, isDue: bool = True) -> None:
        super().wasAnswered(moment)
        if not isDue:
            self._isDue, self.lateSince = False, 0
            self.watch.letGo()

    def next(self) -> Message | None:
        message = super().next()
        self.watch.letGo()
        return message
