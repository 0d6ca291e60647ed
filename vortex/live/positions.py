"""
Positions: which watches of a node have changed since a moment, for who has to say so in an answer.

    mark = positionsOf(node).mark()
    ... the action is carried out ...
    positionsOf(node).after(peer, mark)         # {number of a watch: serial}

A watch that was notified since and is not made again yet counts as changed: it is brought to the serial that
is said for it, whether anything differs then or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from vortex.routing.ports import Node, Peer

if TYPE_CHECKING:
    from vortex.live.watches import LiveWatches

__all__ = ["Positions", "positionsOf"]


class Positions:
    """All that is watched at one node."""

    def __init__(self) -> None:
        self._numbers = 0
        self._moment = 0
        self._all: WeakSet[LiveWatches] = WeakSet()

    def add(self, watches: LiveWatches) -> None:
        """For `LiveWatches`: it has watches."""
        self._all.add(watches)

    def issue(self) -> int:
        """For `LiveWatches`: the number of a new watch."""
        self._numbers += 1
        return self._numbers

    def touch(self) -> int:
        """For watches: something has changed; the moment at which it has."""
        self._moment += 1
        return self._moment

    def mark(self) -> int:
        """This moment."""
        return self._moment

    def after(self, peer: Peer, mark: int) -> dict[int, int]:
        """
        What *peer* watches of which something has changed since *mark*: by the numbers of the watches, the
        serial from which on their states have it.
        """
        if mark == self._moment:
            return {}
        return {
            watcher.watch.number: watcher.watch.promise(watcher)
            for watches in self._all
            for watcher in watches.liveWatchersOf(peer)
            if watcher.isAnswered and watcher.watch.touchedAt > mark
        }


_positions: WeakKeyDictionary[Node, Positions] = WeakKeyDictionary()


def positionsOf(node: Node) -> Positions:
    """Those of *node*; always the same."""
    positions = _positions.get(node)
    if positions is None:
        positions = _positions[node] = Positions()
    return positions
