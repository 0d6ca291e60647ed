"""
Outbox: the one queue of what waits to be written to a peer, and its bound.

Lower priority numbers leave first; within a priority the order is first in,
first out. The outbox never drops anything by itself: past its bound `push`
raises, and whoever owns the session closes it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from vortex.errors import QueueOverflow

__all__ = ["Outbox"]

T = TypeVar("T")


class Outbox(Generic[T]):
    """
    Args:
        maxBytes: How many bytes may wait. One item larger than that is let in
            when nothing else waits, so that a large answer can be sent at all.
        maxItems: How many items may wait.
    """

    __slots__ = ("_lanes", "_maxBytes", "_maxItems", "bytes", "items")

    def __init__(self, maxBytes: int, maxItems: int) -> None:
        self._maxBytes = maxBytes
        self._maxItems = maxItems
        self._lanes: dict[int, deque[tuple[T, int]]] = {}
        self.bytes = 0
        self.items = 0

    def __len__(self) -> int:
        return self.items

    def push(self, item: T, priority: int, size: int) -> None:
        """
        Queue *item*, which takes *size* bytes.

        Raises:
            QueueOverflow: If that would pass the bound. The item is not queued.
        """
        if self.items and (self.bytes + size > self._maxBytes or self.items >= self._maxItems):
            raise QueueOverflow(
                f"{self.items} messages ({self.bytes} bytes) wait for a peer that does not read, "
                f"the limits are {self._maxItems} (maxOutboxItems) and "
                f"{self._maxBytes} bytes (maxOutboxBytes)"
            )
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = deque()
        lane.append((item, size))
        self.items += 1
        self.bytes += size

    def pop(self) -> T | None:
        """Take what leaves next, or None when nothing waits."""
        if not self.items:
            return None
        priority = next(iter(self._lanes)) if len(self._lanes) == 1 else min(self._lanes)
        lane = self._lanes[priority]
        item, size = lane.popleft()
        if not lane:
            del self._lanes[priority]
        self.items -= 1
        self.bytes -= size
        return item

    def clear(self) -> None:
        """Forget everything that waits."""
        self._lanes.clear()
        self.bytes = 0
        self.items = 0
