"""
Outbox: the one queue of what waits to be written to a peer, and its bound.

Lower priority numbers leave first; within a priority the order is first in,
first out. The outbox never drops anything by itself: past its bound `push`
raises, and whoever owns the session decides. What bears a merge key says that
the next one with that key makes it needless: when much waits, only the newest
of a key is kept, in the newest's place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from vortex.errors import QueueOverflow

__all__ = ["Outbox"]

T = TypeVar("T")


class _Entry(Generic[T]):
    __slots__ = ("item", "key", "size")

    def __init__(self, item: T, size: int, key: Hashable) -> None:
        self.item: T | None = item
        self.size = size
        self.key = key


class Outbox(Generic[T]):
    """
    Args:
        maxBytes: How many bytes may wait. One item larger than that is let in
            when nothing else waits, so that a large answer can be sent at all.
        maxItems: How many items may wait.
        mergeBytes: How many bytes wait before merge keys count.

    Attributes:
        bytes, items: How much waits.
        merged: How many items a newer one of their key has replaced so far.
    """

    __slots__ = (
        "_byKey",
        "_entries",
        "_lanes",
        "_maxBytes",
        "_maxItems",
        "_mergeBytes",
        "bytes",
        "items",
        "merged",
    )

    def __init__(self, maxBytes: int, maxItems: int, mergeBytes: int = 0) -> None:
        self._maxBytes = maxBytes
        self._maxItems = maxItems
        self._mergeBytes = mergeBytes
        self._lanes: dict[int, deque[_Entry[T]]] = {}
        self._byKey: dict[Hashable, _Entry[T]] = {}
        self._entries = 0  # in the lanes, those that were replaced among them
        self.bytes = 0
        self.items = 0
        self.merged = 0

    def __len__(self) -> int:
        return self.items

    def push(self, item: T, priority: int, size: int, mergeKey: Hashable = None) -> None:
        """
        Queue *item*, which takes *size* bytes.

        Args:
            mergeKey: What a waiting item of the same priority has to bear for *item* to replace it.

        Raises:
            QueueOverflow: If that would pass the bound. The item is not queued.
        """
        older = None
        if mergeKey is not None:
            mergeKey = (priority, mergeKey)
            if self.bytes >= self._mergeBytes:
                older = self._byKey.get(mergeKey)
        items, bytes_ = self.items, self.bytes
        if older is not None:
            items, bytes_ = items - 1, bytes_ - older.size
        if items and (bytes_ + size > self._maxBytes or items >= self._maxItems):
            raise QueueOverflow(
                f"{self.items} messages ({self.bytes} bytes) wait for a peer that does not read, "
                f"the limits are {self._maxItems} (maxOutboxItems) and "
                f"{self._maxBytes} bytes (maxOutboxBytes)"
            )
        if older is not None:
            self._takeOut(older)
            self.merged += 1
        entry = _Entry(item, size, mergeKey)
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = deque()
        lane.append(entry)
        if mergeKey is not None:
            self._byKey[mergeKey] = entry
        self.items += 1
        self.bytes += size
        self._entries += 1
        if self._entries > 2 * self.items + 16:
            self._tidy()

    def pop(self) -> T | None:
        """Take what leaves next, or None when nothing waits."""
        while self._lanes:
            priority = next(iter(self._lanes)) if len(self._lanes) == 1 else min(self._lanes)
            lane = self._lanes[priority]
            entry = lane.popleft()
            self._entries -= 1
            if not lane:
                del self._lanes[priority]
            if entry.item is None:  # a newer one has replaced it
                continue
            item = entry.item
            self._takeOut(entry)
            return item
        return None

    def remove(self, item: T) -> bool:
        """Take *item* out, wherever it waits; False if it does not."""
        for lane in self._lanes.values():
            for entry in lane:
                if entry.item is item:
                    self._takeOut(entry)
                    return True
        return False

    def clear(self) -> None:
        """Forget everything that waits."""
        self._lanes.clear()
        self._byKey.clear()
        self._entries = 0
        self.bytes = 0
        self.items = 0

    def _takeOut(self, entry: _Entry[T]) -> None:
        entry.item = None
        self.items -= 1
        self.bytes -= entry.size
        if entry.key is not None and self._byKey.get(entry.key) is entry:
            del self._byKey[entry.key]

    def _tidy(self) -> None:
        """Give back what the replaced ones have left in the lanes."""
        for priority, lane in list(self._lanes.items()):
            left = deque(entry for entry in lane if entry.item is not None)
            if left:
                self._lanes[priority] = left
            else:
                del self._lanes[priority]
        self._entries = self.items
