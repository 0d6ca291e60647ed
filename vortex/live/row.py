"""
LiveRow: one tuple of a state and what it comes to, so that it can be told whether another is news.

It is compared by what would travel, of which no more than a hash is kept.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Hashable
from typing import Any

from vortex.tuples.row_sum import rowBytes

__all__ = ["Row", "Rows", "rowOf", "stayers"]


class Row:
    """One tuple, and what it comes to."""

    __slots__ = ("mark", "record", "size", "sum")

    def __init__(self, record: Any, sum_: int, mark: int, size: int) -> None:
        self.record = record
        self.sum = sum_
        self.mark = mark
        self.size = size

    def isLike(self, other: Row) -> bool:
        """Whether the two look the same on the wire."""
        return self.mark == other.mark and self.size == other.size


Rows = dict[Hashable, Row]
"""By key, or where there are none by number; in order."""


def rowOf(record: Any) -> Row:
    """
    *record*, and what it comes to.

    Raises:
        EncodeError: If it cannot travel.
    """
    data = rowBytes(record)
    return Row(record, zlib.crc32(data), hash(data), len(data))


def stayers(old: Rows, new: Rows) -> set[Hashable] | None:
    """Of the keys that are in both, as many as are in the same order in both; None: all of them are."""
    places = {key: place for place, key in enumerate(key for key in old if key in new)}
    common = [key for key in new if key in places]
    if common == list(places):
        return None
    # The longest ascending run: for each length the run that ends lowest, and what stood before each.
    lowest: list[int] = []
    ends: list[Hashable] = []
    before: dict[Hashable, Hashable] = {}
    for key in common:
        at = bisect_left(lowest, places[key])
        if at == len(lowest):
            lowest.append(places[key])
            ends.append(key)
        else:
            lowest[at] = places[key]
            ends[at] = key
        before[key] = ends[at - 1] if at else None
    stay: set[Hashable] = set()
    key = ends[-1] if ends else None
    while key is not None:
        stay.add(key)
        key = before[key]
    return stay
