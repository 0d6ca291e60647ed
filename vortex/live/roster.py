"""
LiveRoster: who watches what, peer by peer, and how much that may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vortex.errors import LimitExceeded
from vortex.live.asked import keyOf
from vortex.live.line import LiveLine
from vortex.live.watch import LiveWatch
from vortex.live.watcher import Watcher
from vortex.routing.filt import watchFilt
from vortex.routing.ports import Node, Peer

__all__ = ["LiveRoster"]


class LiveRoster:
    """
    Args:
        node: Whose peers they are. Its ``limits.maxWatchesPerPeer`` and ``maxWatchBytesPerPeer`` are how much
            each may watch.
        maySend, isHeld: Asked with a watcher before each message for it; see `LiveLine`.
    """

    def __init__(
        self, node: Node, maySend: Callable[[Watcher], bool], isHeld: Callable[[Watcher], bool]
    ) -> None:
        self._node = node
        self._maySend = maySend
        self._isHeld = isHeld
        self._watchers: dict[Peer, dict[tuple[LiveWatch, type[Watcher]], Watcher]] = {}
        self._lines: dict[Peer, LiveLine] = {}
        self._bytes: Counter[Peer] = Counter()

    def __len__(self) -> int:
        """How many peers watch anything."""
        return len(self._watchers)

    def __iter__(self) -> Iterator[Watcher]:
        """All watchers that there are now, whatever becomes of them meanwhile."""
        return iter([watcher for mine in self._watchers.values() for watcher in mine.values()])

    def of(self, peer: Peer) -> list[Watcher]:
        """What *peer* watches, what it has asked for last at the end."""
        return list(self._watchers.get(peer, {}).values())

    def find(self, peer: Peer, watch: LiveWatch, kind: type[Watcher]) -> Watcher | None:
        """*peer*'s place in *watch*, if it has one of that kind."""
        return self._watchers.get(peer, {}).get((watch, kind))

    def lineOf(self, watcher: Watcher) -> LiveLine:
        """The line to the peer of *watcher*, which is there."""
        return self._lines[watcher.peer]

    def priorityOf(self, watcher: Watcher) -> int:
        """That of an answer to *watcher*, there or not, which overtakes nothing that it was told."""
        line = self._lines.get(watcher.peer)
        return watcher.policy.priority if line is None else line.priorityOf(watcher)

    def put(self, watcher: Watcher, filt: Mapping[str, Any]) -> list[Watcher]:
        """
        *watcher*, there or not yet, has asked with *filt*.

        Returns:
            Those of its peer, the oldest first, that may be forgotten and are to be taken out now: they are
            in its way.

        Raises:
            LimitExceeded: If its peer watches as much as it may already; nothing has changed.
        """
        peer, filt = watcher.peer, watchFilt(filt)
        size = watcher.size if filt == watcher.filt else keyOf(filt)[1]
        place = watcher.watch, type(watcher)
        mine = self._watchers.get(peer, {})
        inTheWay = self._inTheWay(peer, len(mine.keys() | {place}), size - watcher.size, watcher)
        self._bytes[peer] += size - watcher.size
        watcher.filt, watcher.size = filt, size
        mine = self._watchers.setdefault(peer, {})
        mine.pop(place, None)
        mine[place] = watcher
        if peer not in self._lines:
            limits = self._node.limits
            self._lines[peer] = LiveLine(
                peer, self._node.clock, limits.mergeBytes, self._maySend, self._isHeld
            )
        return inTheWay

    def remove(self, watcher: Watcher) -> bool:
        """*watcher* is there no more; False if it was not."""
        peer = watcher.peer
        if self.find(peer, watcher.watch, type(watcher)) is not watcher:
            return False  # it may be that the peer has asked anew since
        mine = self._watchers[peer]
        del mine[watcher.watch, type(watcher)]
        self._bytes[peer] -= watcher.size
        self._lines[peer].forget(watcher)
        if not mine:
            del self._watchers[peer], self._bytes[peer]
            if not (peer.isOnline and peer.queuedBytes):  # else the line knows what is to go before
                del self._lines[peer]
        return True

    def forget(self, peer: Peer) -> None:
        """*peer* is gone, and watches nothing."""
        self._lines.pop(peer, None)

    def clear(self) -> None:
        """Nobody is told anything any more."""
        self._lines.clear()

    def _inTheWay(self, peer: Peer, count: int, more: int, watcher: Watcher) -> list[Watcher]:
        """
        Which of *peer*'s have to go so that it may watch *count* things with *watcher*, which take *more*
        bytes to say than what it watches.
        """
        limits = self._node.limits
        size = self._bytes[peer] + more
        isShort = more <= 0  # what takes no more than before is none too much
        inTheWay: list[Watcher] = []
        for each in self.of(peer):
            if count <= limits.maxWatchesPerPeer and (isShort or size <= limits.maxWatchBytesPerPeer):
                return inTheWay
            if each.isForgettable and each is not watcher:
                inTheWay.append(each)
                count -= 1
                size -= each.size
        if count > limits.maxWatchesPerPeer:
            raise LimitExceeded("maxWatchesPerPeer", f"you watch {count - 1} things already")
        if not isShort and size > limits.maxWatchBytesPerPeer:
            raise LimitExceeded(
                "maxWatchBytesPerPeer",
                f"what you watch takes {size - more} bytes to say, this is {more} more",
            )
        return inTheWay
