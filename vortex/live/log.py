"""
LiveLog: what has become of which key of a state, serial by serial, and all in all since one of them.

It holds keys and no tuples: what a delta carries are the tuples as they are now. So to make one delta of many
is to unite their keys, and what is kept does not grow with the tuples.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable, Iterable

__all__ = ["Fate", "Fates", "LiveLog"]


class Fate(enum.Enum):
    """What has become of one key between two states."""

    CHANGED = "changed"
    """It was there, and its tuple is another."""
    MOVED = "moved"
    """It was there, and is to be put at the place that it has now."""
    APPENDED = "appended"
    """It was not there, and came to the end."""
    INSERTED = "inserted"
    """It was not there, and is to be put at the place that it has now."""
    GONE = "gone"
    """It was there, and is not any more."""


Fates = dict[Hashable, Fate]
"""By key, those that were appended in the order in which they were."""

# What two fates of a key, one after the other, come to; None: nobody who saw neither need ever know of it.
_BOTH: dict[tuple[Fate, Fate], Fate | None] = {
    (Fate.CHANGED, Fate.CHANGED): Fate.CHANGED,
    (Fate.CHANGED, Fate.MOVED): Fate.MOVED,
    (Fate.CHANGED, Fate.GONE): Fate.GONE,
    (Fate.MOVED, Fate.CHANGED): Fate.MOVED,
    (Fate.MOVED, Fate.MOVED): Fate.MOVED,
    (Fate.MOVED, Fate.GONE): Fate.GONE,
    (Fate.APPENDED, Fate.CHANGED): Fate.APPENDED,
    (Fate.APPENDED, Fate.MOVED): Fate.INSERTED,
    (Fate.APPENDED, Fate.GONE): None,
    (Fate.INSERTED, Fate.CHANGED): Fate.INSERTED,
    (Fate.INSERTED, Fate.MOVED): Fate.INSERTED,
    (Fate.INSERTED, Fate.GONE): None,
    (Fate.GONE, Fate.APPENDED): Fate.MOVED,
    (Fate.GONE, Fate.INSERTED): Fate.MOVED,
}


class LiveLog:
    """
    Args:
        maxKeys: How many keys it holds; past it the oldest serials are forgotten.

    Attributes:
        floor: The lowest serial since which all is known.
    """

    def __init__(self, maxKeys: int) -> None:
        self.floor = 0
        self._maxKeys = maxKeys
        self._steps: deque[tuple[int, Fates]] = deque()
        self._size = 0

    def add(self, serial: int, fates: Fates) -> None:
        """At *serial*, which is above all before, this has become of these keys."""
        self._steps.append((serial, fates))
        self._size += 1 + len(fates)
        while self._size > self._maxKeys and len(self._steps) > 1:
            self.floor, oldest = self._steps.popleft()
            self._size -= 1 + len(oldest)

    def clear(self, serial: int) -> None:
        """Nothing is known of what was before *serial*."""
        self._steps.clear()
        self._size = 0
        self.floor = serial

    def since(self, serial: int, *, isExact: bool = True) -> Fates | None:
        """
        What has become of which keys since *serial*; None if that is not known any more.

        Args:
            isExact: Whether it is for somebody who has that very state. Else it may be one since as well, so
                what has come and gone meanwhile counts as gone.
        """
        if serial < self.floor:
            return None
        steps: list[Fates] = []
        for at, fates in reversed(self._steps):
            if at <= serial:
                break
            steps.append(fates)
        return steps[0] if len(steps) == 1 else _united(reversed(steps), isExact)


def _united(steps: Iterable[Fates], isExact: bool) -> Fates:
    net: Fates = {}
    for fates in steps:
        for key, fate in fates.items():
            before = net.get(key)
            if before is None:
                net[key] = fate
                continue
            both = _BOTH[before, fate]
            if both is None and isExact:
                del net[key]
            else:
                net[key] = both or Fate.GONE
    return net
