"""
FilterIndex: the endpoints that a message goes to, without looking at the others.

An endpoint is filed in one bucket: that of its rarest condition, the (key, value) whose bucket is the
smallest. A message looks into the buckets of its own items only, and checks the other conditions of what it
finds there; so the cost depends on how alike the endpoints are, not on how many there are.

What was rare when an endpoint was filed may be common later. Each time that a bucket has doubled, those in it
that have a bucket half as large elsewhere are moved there; so is a bucket in which a message found next to
nothing, once as many endpoints went as it holds. Either is paid for by what came or went in the meantime.

The index knows nothing of endpoints: anything hashable can be filed. `vortex.routing.filt` says what matches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from itertools import count
from operator import attrgetter
from typing import Any, Generic, TypeVar

from vortex.routing.filt import conditions, isHeavy

__all__ = ["FilterIndex"]

T = TypeVar("T", bound=Hashable)
_Item = tuple[Hashable, Hashable]

_SMALL = 16
"""Endpoints in a bucket that are not worth moving."""

_ABSENT = object()
_serial = attrgetter("serial")


class _Entry(Generic[T]):
    """One endpoint: where it is filed, and what a message has to hold."""

    __slots__ = ("bucket", "endpoint", "items", "place", "serial")

    def __init__(self, endpoint: T, items: tuple[_Item, ...], serial: int) -> None:
        self.endpoint = endpoint
        self.items = items
        self.serial = serial
        self.bucket: _Bucket[T]
        self.place = 0  # its position in the bucket


class _Bucket(list[_Entry[T]]):
    """The entries filed under one item, in no order."""

    __slots__ = ("item", "removals", "reviewAt")

    def __init__(self, item: _Item | None) -> None:
        super().__init__()
        self.item = item
        self.reviewAt = 2 * _SMALL
        self.removals = 0

    def put(self, entry: _Entry[T]) -> None:
        entry.bucket = self
        entry.place = len(self)
        self.append(entry)

    def take(self, entry: _Entry[T]) -> None:
        last = self.pop()
        if last is not entry:
            self[entry.place] = last
            last.place = entry.place


class FilterIndex(Generic[T]):
    """Files endpoints by their filt, and finds those that a message's filt is a superset of."""

    def __init__(self) -> None:
        self._entries: dict[T, _Entry[T]] = {}
        self._buckets: dict[_Item, _Bucket[T]] = {}
        self._unconditional: _Bucket[T] = _Bucket(None)
        self._heavyKeys: Counter[Hashable] = Counter()
        self._serials = count()
        self._removals = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, endpoint: T) -> bool:
        return endpoint in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._entries))

    def add(self, endpoint: T, filt: Mapping[Any, Any]) -> None:
        """File *endpoint* under *filt*, last in order. One that is filed already is filed anew."""
        self.remove(endpoint)
        entry = _Entry(endpoint, tuple(conditions(filt).items()), next(self._serials))
        self._entries[endpoint] = entry
        self._heavyKeys.update(key for key, value in entry.items if isHeavy(value))
        bucket = self._rarest(entry)
        bucket.put(entry)
        if len(bucket) >= bucket.reviewAt:
            self._review(bucket)

    def remove(self, endpoint: T) -> None:
        """Forget *endpoint*; one that is not there is no error."""
        entry = self._entries.pop(endpoint, None)
        if entry is None:
            return
        self._removals += 1
        self._takeOut(entry)
        for key, value in entry.items:
            if isHeavy(value):
                self._heavyKeys[key] -= 1
                if not self._heavyKeys[key]:
                    del self._heavyKeys[key]

    def match(self, filt: Mapping[Any, Any]) -> list[T]:
        """The endpoints whose filt is a subset of *filt*, in the order in which they were added."""
        message = conditions(filt, self._heavyKeys)
        hits = self._unconditional[:]
        buckets = self._buckets
        stale: list[_Bucket[T]] = []
        for item in message.items():
            bucket = buckets.get(item)
            if bucket is None:
                continue
            before = len(hits)
            for entry in bucket:
                for key, value in entry.items:
                    if message.get(key, _ABSENT) != value:
                        break
                else:
                    hits.append(entry)
            if len(bucket) > _SMALL:
                misses = len(bucket) - len(hits) + before
                if misses > _SMALL and self._removals - bucket.removals >= len(bucket):
                    stale.append(bucket)
        for bucket in stale:  # only now: what moves could be found twice
            self._review(bucket)
        if len(hits) == 1:
            return [hits[0].endpoint]
        hits.sort(key=_serial)
        return [entry.endpoint for entry in hits]

    def _rarest(self, entry: _Entry[T]) -> _Bucket[T]:
        """The smallest bucket of all that *entry* may be filed in, made if there was none."""
        if not entry.items:
            return self._unconditional
        buckets = self._buckets
        rarest: _Bucket[T] | None = None
        for item in entry.items:
            bucket = buckets.get(item)
            if bucket is None:
                bucket = buckets[item] = _Bucket(item)
                return bucket
            if rarest is None or len(bucket) < len(rarest):
                rarest = bucket
        assert rarest is not None
        return rarest

    def _review(self, bucket: _Bucket[T]) -> None:
        """Move what has a rarer condition by now to where that is filed."""
        for entry in list(bucket):
            rarest = self._rarest(entry)
            if 2 * len(rarest) < len(bucket):
                self._takeOut(entry)
                rarest.put(entry)
        bucket.reviewAt = max(2 * _SMALL, 2 * len(bucket))
        bucket.removals = self._removals

    def _takeOut(self, entry: _Entry[T]) -> None:
        bucket = entry.bucket
        bucket.take(entry)
        if not bucket and bucket.item is not None:
            del self._buckets[bucket.item]
