"""
LiveHolds: what is not to be told yet, because it would overtake an answer, or is older than one.

A handler that answers by itself holds back what a peer is told until the answer is on its way. And whoever
was answered knows all up to that moment: a state whose making began before is not for it, and one that is
made from then on is. That goes for what it asks for later too.

Peers that read live data are told by positions, so nothing is held back from them but what is older.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from itertools import count

from vortex.live.watch import LiveWatch
from vortex.live.watcher import LiveWatcher, Watcher
from vortex.routing.ports import Peer

__all__ = ["LiveHolds"]


class LiveHolds:
    """Those of one handler."""

    def __init__(self) -> None:
        self._moments = count(1)
        self._held: Counter[tuple[Peer, Hashable]] = Counter()
        self._knownFrom: dict[Peer, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def moment(self) -> int:
        """This moment; each time a later one."""
        return next(self._moments)

    def hold(self, peer: Peer, watch: LiveWatch | None) -> None:
        """Hold back what *peer* is told of *watch*, or for None of everything, until as many `release`."""
        self._held[peer, _subjectOf(watch)] += 1

    def release(self, peer: Peer, watch: LiveWatch | None) -> None:
        """The answer is on its way."""
        key = peer, _subjectOf(watch)
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    def knows(self, peer: Peer) -> int:
        """Note that *peer* knows what it has written, up to this moment, and return that."""
        moment = self.moment()
        if peer.isOnline:
            self._knownFrom[peer] = moment
        return moment

    def knownFrom(self, peer: Peer) -> int:
        """The moment from which on a state has what *peer* has written last; 0: it has written nothing."""
        return self._knownFrom.get(peer, 0)

    def forget(self, peer: Peer) -> None:
        """*peer* is gone."""
        self._knownFrom.pop(peer, None)

    def isHeld(self, watcher: Watcher) -> bool:
        """Whether *watcher* is to be told nothing yet."""
        if watcher.isAhead:
            return True
        if isinstance(watcher, LiveWatcher) or not self._held:
            return False
        subject = _subjectOf(watcher.watch)
        return (watcher.peer, subject) in self._held or (watcher.peer, None) in self._held


def _subjectOf(watch: LiveWatch | None) -> Hashable:
    """What is held is held though the watch is forgotten and another of the same begins meanwhile."""
    return None if watch is None else (watch.subject.key,)
