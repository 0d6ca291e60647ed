"""
LiveAnswers: for a handler that answers by itself, beside what it tells those who watch.

What is pushed neither overtakes such an answer nor is older than one: the handler says when an answer begins
to be made and when it is on its way, and what a peer knows by it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from vortex.clocks import Clock
from vortex.live.holds import LiveHolds
from vortex.live.roster import LiveRoster
from vortex.live.watch import LiveWatch
from vortex.live.watcher import Watcher
from vortex.routing.ports import Peer

__all__ = ["LiveAnswers"]

PATIENCE = 20.0
"""Seconds that a request is kept waiting, at most, until its peer has been told what it is late for."""


class LiveAnswers:
    """
    Args:
        clock: The node's.
        roster: Who watches.
        holds: What is held back.
        tell: Called with a watcher for which there is news.
    """

    def __init__(
        self, clock: Clock, roster: LiveRoster, holds: LiveHolds, tell: Callable[[Watcher], object]
    ) -> None:
        self._clock = clock
        self._roster = roster
        self._holds = holds
        self._tell = tell

    async def give(
        self, answer: Coroutine[Any, Any, None], peer: Peer, watch: LiveWatch | None = None
    ) -> None:
        """
        Run *answer*; until it is on its way *peer* is told nothing, if it reads no live data.

        Args:
            watch: Of this only; None: of anything.
        """
        self._holds.hold(peer, watch)
        try:
            await answer
        except BaseException:
            self._clock.callLater(0, self._release, peer, watch)  # the error is on its way by then
            raise
        self._release(peer, watch)

    def given(self, watcher: Watcher, mark: int) -> None:
        """
        The peer of *watcher* was answered just now with what was so at *mark*, of `Positions`, or later: it
        gets nothing that is older. If something may have changed since, it is told what there is now.
        """
        watch = watcher.watch
        isDue = watch.touchedAt > mark
        watcher.isAnswered = True
        watcher.wasAnswered(self._holds.moment(), isDue=isDue)
        if isDue and watcher in watch.watchers:
            watch.sendTo(watcher.peer)

    def writtenBy(self, peer: Peer, abouts: Iterable[object]) -> None:
        """
        *peer* was answered just now with what has become of all in what it watches about these: it gets
        nothing that is older, of what it asks for now neither. They are to be notified.
        """
        moment = self._holds.knows(peer)
        for watcher in self._roster.of(peer):
            if watcher.watch.subject.about in abouts:
                watcher.wasAnswered(moment)

    async def caughtUp(self, peer: Peer) -> None:
        """
        Wait for what *peer* would have been told already, had it not been answered meanwhile; but not for
        long, if that cannot be made. Done before each `writtenBy`, however fast they come, it has the peer
        told something in between.
        """
        for watcher in self._roster.of(peer):
            while watcher.lateSince and watcher in watcher.watch.watchers:
                made = watcher.watch.since(max(watcher.lateSince, watcher.knows))
                tooLate = self._clock.callLater(PATIENCE, made.cancel)
                try:
                    await made
                except Exception:
                    watcher.lateSince = 0  # there is nothing that it could be told
                finally:
                    if tooLate.active():
                        tooLate.cancel()
                if not watcher.isAhead:
                    break  # it is told now, or as soon as another answer is on its way

    def priorityFor(self, watcher: Watcher) -> int:
        """A priority with which an answer to *watcher* overtakes nothing that it was told."""
        return self._roster.priorityOf(watcher)

    def priorityOf(self, peer: Peer) -> int:
        """A priority with which an answer to *peer* overtakes nothing that it is told; 0: any does."""
        watchers = self._roster.of(peer)
        return max((self._roster.lineOf(each).waitingPriority(each.watch) for each in watchers), default=0)

    def _release(self, peer: Peer, watch: LiveWatch | None) -> None:
        self._holds.release(peer, watch)
        for watcher in self._roster.of(peer):
            if watcher.isTold and watcher.hasNews:
                self._tell(watcher)
            if not self._holds.isHeld(watcher):
                watcher.lateSince = 0
