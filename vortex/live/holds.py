"""
LiveHolds: what is not to be told yet, because it would overtake an answer, or is older than one.

A handler that answers by itself holds back what a peer is told until the answer is on its way. And whoever
was answered knows all up to that moment: a state whose making began before is not for it, and one that is
made from then on is.

Peers that read live data are told by positions, so nothing is held back from them but what is older.
"""

from __future__ import annotations

from collections import Counter
from itertools import count

from vortex.live.watch import LiveWatch
from vortex.live.watcher import LiveWatcher, Watcher
from vortex.routing.ports import Peer

__all__ = ["LiveHolds"]


class LiveHolds:
    """Those of one handler."""

    def __init__(self) -> None:
        self._moments = count(1)
        self._held: Counter[tuple[Peer, LiveWatch | None]] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def moment(self) -> int:
        """This moment; each time a later one."""
        return next(self._moments)

    def hold(self, peer: Peer, watch: LiveWatch | None) -> None:
        """Hold back what *peer* is told of *watch*, or for None of everything, until as many `release`."""
        self._held[peer, watch] += 1

    def release(self, peer: Peer, watch: LiveWatch | None) -> None:
        """The answer is on its way."""
        self._held[peer, watch] -= 1
        if not self._held[peer, watch]:
            del self._held[peer, watch]

    def isHeld(self, watcher: Watcher) -> bool:
        """Whether *watcher* is to be told nothing yet."""
        if watcher.isAhead:
            return True
        if isinstance(watcher, LiveWatcher) or not self._held:
            return False
        return (watcher.peer, watcher.watch) in self._held or (watcher.peer, None) in self._held
