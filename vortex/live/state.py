"""
LiveState: a list of tuples as it changes: its serial, and what has changed since an earlier one.

It is told the tuples anew (`replace`), or what has changed (`change`), and finds out what of that is news: by
what would travel, so that a program may change its objects in place. No sockets, no clock, no messages: those
are `vortex.live.feed`'s. What the words mean is docs/reference/live-data.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vortex.live.log import Fate, Fates, LiveLog
from vortex.live.row import Row, Rows, rowOf, stayers
from vortex.tuples.keys import KeyReader, keysOf
from vortex.tuples.tuple import Tuple

__all__ = ["Delta", "LiveState"]

MAX_HEAD = 1_000
"""Keys and places that a delta may have in its filt; more than that comes whole."""


Places = Sequence[Sequence[int]]
"""``[[r, place], ...]``: the tuple with the number ``r`` stands at ``place``."""


class Delta(NamedTuple):
    """
    Attributes:
        before, to: The serials that it lies between.
        records: The tuples that were created or changed, as they are at *to*.
        places: ``[r, place]`` for each of *records* that is not where it was, nor at the end.
        gone: The keys that are gone.
        size: About how many bytes *records* have.
    """

    before: int
    to: int
    records: list[Any]
    places: list[list[int]]
    gone: list[Hashable]
    size: int


class LiveState:
    """
    Args:
        maxLog: How many keys of changes are remembered.

    Attributes:
        epoch: A random text; another one once a state of another node's is taken over.
        serial: The number of the state; 0 before there is one.
        keyFields: The names of the key fields by tuple type; None where the tuples are not keyed.
        size: About how many bytes the tuples have.
    """

    def __init__(self, maxLog: int) -> None:
        self.epoch = secrets.token_urlsafe(6)
        self.serial = 0
        self.keyFields: dict[str, list[str]] | None = None
        self.size = 0
        self._sum = 0
        self._reader: KeyReader | None = None
        self._rows: Rows = {}
        self._taken: list[Any] = []  # the tuples of which nothing was found out, instead
        self._log = LiveLog(maxLog)
        self._deltas: dict[tuple[int, bool], Delta | None] = {}
        self._index: dict[Hashable, int] | None = None

    def __repr__(self) -> str:
        return f"<LiveState {self.position} of {len(self)} tuples>"

    def __len__(self) -> int:
        return len(self._taken or self._rows)

    @property
    def isKeyed(self) -> bool:
        """Whether each tuple has a key, and no two the same."""
        return self.keyFields is not None

    @property
    def position(self) -> str:
        """Epoch and serial, as one text."""
        return f"{self.epoch}.{self.serial}"

    @property
    def tuples(self) -> list[Any]:
        """The tuples, in order."""
        return self._taken or [row.record for row in self._rows.values()]

    @property
    def rows(self) -> Mapping[Hashable, Row]:
        """The tuples by key, in order; not to be changed."""
        return self._rows

    @property
    def lastKey(self) -> Hashable:
        """The key of the last tuple; None if there are none."""
        return next(reversed(self._rows), None)

    # ---- becoming another

    def replace(self, records: Sequence[Any], *, least: int = 0) -> bool:
        """
        Be of *records* from now on.

        Args:
            records: All tuples, in order.
            least: The serial that it has to reach, whether anything has changed or not.

        Returns:
            Whether it has another serial.

        Raises:
            EncodeError: If one of them cannot travel; nothing has changed.
        """
        keys = None if self._reader is None else self._reader.keysOf(records)
        if keys is not None:
            return self._become(dict(zip(keys, map(rowOf, records), strict=True)), least)
        found = keysOf(records)
        if found is None:
            return self._beginAnew(dict(enumerate(map(rowOf, records))), None, least)
        keyFields, keys = found
        return self._beginAnew(dict(zip(keys, map(rowOf, records), strict=True)), keyFields, least)

    def take(self, records: Sequence[Any]) -> None:
        """
        Be of *records* from now on, as `replace` has it, where nobody has to be told what differs. So nothing
        is found out of them either: not what they come to, nor whether they can travel.
        """
        self._taken = list(records)
        self._rows = {}
        self.keyFields = self._reader = None
        self.size = self._sum = 0
        self._advance(self.serial + 1)
        self._log.clear(self.serial)

    def letGo(self) -> None:
        """Forget the tuples that were taken: nobody needs them any more."""
        self._taken = []

    def change(
        self,
        records: Sequence[Any] = (),
        gone: Iterable[Hashable | Tuple] = (),
        places: Places = (),
        *,
        least: int = 0,
    ) -> bool:
        """
        Be told what has changed: the work is that for what is told, unless it has *places*.

        Args:
            records: Tuples that were created or changed. What is new comes to the end.
            gone: Those that are not any more, or their keys; what is in *records* is.
            places: ``[r, place]`` for each of *records* that is to stand elsewhere; *place* ascends.
            least: As `replace` has it.

        Raises:
            ValueError: If one of *records* has no key by which it could be told from the others.
            EncodeError: If one of them cannot travel. Either way nothing has changed.
        """
        reader = self._reader
        keys = [] if reader is None else [reader.keyOf(record) for record in records]
        if reader is None or None in keys:
            raise ValueError("a state is told by keys what has changed, and one of these tuples has none")
        made = [rowOf(record) for record in records]
        fates: Fates = {}
        for key, row in zip(keys, made, strict=True):
            old = self._rows.get(key)
            if old is None:
                fates[key] = Fate.APPENDED
            elif old.isLike(row):
                old.record = row.record
                continue
            else:
                fates.setdefault(key, Fate.CHANGED)
            self._put(key, old, row)
        given = set(keys)
        for each in gone:
            key = reader.keyOf(each) if isinstance(each, Tuple) else each
            if key in self._rows and key not in given:
                self._put(key, self._rows.pop(key), None)
                fates[key] = Fate.GONE
        if places:
            self._place({keys[number]: place for number, place in places}, fates)
        return self._step(fates, least)

    def follow(self, rows: Rows, keyFields: dict[str, list[str]] | None, *, least: int = 0) -> bool:
        """Be of *rows*, of another state, from now on; the rest as `replace` has it."""
        if self.serial and keyFields is not None and keyFields == self.keyFields:
            return self._become(rows, least)
        return self._beginAnew(rows, keyFields, least)

    # ---- another node's

    def adopt(
        self, epoch: str, serial: int, records: Sequence[Any], keyFields: Mapping[str, Sequence[str]] | None
    ) -> bool:
        """
        Be the state that another node has at that position.

        Raises:
            ValueError: If *keyFields* are not the key of *records*.
            EncodeError: If one of them cannot travel.
        """
        rows: Rows
        if keyFields is None:
            named, rows = None, dict(enumerate(map(rowOf, records)))
        else:
            reader = KeyReader(keyFields)
            named, keys = reader.keyFields, reader.keysOf(records)
            if keys is None:
                raise ValueError(f"the tuples are not told apart by their key fields, {named}")
            rows = dict(zip(keys, map(rowOf, records), strict=True))
        if epoch == self.epoch and serial > self.serial > 0:
            return self.follow(rows, named, least=serial)
        self.epoch = epoch
        self.serial = 0
        return self._beginAnew(rows, named, serial)

    # ---- what there is to tell

    def since(self, serial: int, *, isExact: bool = True) -> Delta | None:
        """
        What has changed since *serial*; None if that is not known, or comes to more than a whole state.

        Args:
            isExact: As `LiveLog.since` has it.
        """
        if not self._log.floor <= serial <= self.serial:
            return None
        key = serial, isExact
        if key not in self._deltas:
            self._deltas[key] = self._delta(serial, isExact)
        return self._deltas[key]

    def fatesSince(self, serial: int) -> Fates | None:
        """What has become of which keys since *serial*; None if that is not known."""
        return self._log.since(serial)

    def check(self) -> tuple[int, int]:
        """How many tuples, and the sum of their row sums."""
        return len(self._rows), self._sum & 0xFFFFFFFF

    def _delta(self, serial: int, isExact: bool) -> Delta | None:
        fates = self._log.since(serial, isExact=isExact)
        if fates is None:
            return None
        records: list[Any] = []
        places: list[list[int]] = []
        gone: list[Hashable] = []
        size = 0
        for key, fate in fates.items():
            if fate is Fate.GONE:
                gone.append(key)
                continue
            if fate in (Fate.MOVED, Fate.INSERTED):
                places.append([len(records), self._placeOf(key)])
            row = self._rows[key]
            records.append(row.record)
            size += row.size
        if len(places) + len(gone) > MAX_HEAD:
            return None
        places.sort(key=lambda each: each[1])
        return Delta(serial, self.serial, records, places, gone, size)

    def _placeOf(self, key: Hashable) -> int:
        if self._index is None:
            self._index = {each: place for place, each in enumerate(self._rows)}
        return self._index[key]

    # ---- how it changes

    def _beginAnew(self, rows: Rows, keyFields: dict[str, list[str]] | None, least: int) -> bool:
        """Be of *rows*, which have nothing to do with those before."""
        isLike = (
            self.serial > 0
            and not self._taken
            and keyFields == self.keyFields
            and len(rows) == len(self._rows)
            and all(old.isLike(new) for old, new in zip(self._rows.values(), rows.values(), strict=True))
        )
        self._taken = []
        self._rows = rows
        if isLike:
            return self._step({}, least)
        self.keyFields = keyFields
        self._reader = None if keyFields is None else KeyReader(keyFields)
        self.size = sum(row.size for row in rows.values())
        self._sum = sum(row.sum for row in rows.values())
        self._advance(max(self.serial + 1, least))
        self._log.clear(self.serial)
        return True

    def _become(self, rows: Rows, least: int) -> bool:
        """Be of *rows*, which are keyed as those before."""
        old = self._rows
        fates: Fates = {}
        stay = stayers(old, rows)
        isBehindAll = True  # whether all that come after it are new
        for key in reversed(rows):
            before = old.get(key)
            if before is None:
                fates[key] = Fate.APPENDED if isBehindAll else Fate.INSERTED
            elif stay is not None and key not in stay:
                fates[key] = Fate.MOVED
            else:
                isBehindAll = False
                if not before.isLike(rows[key]):
                    fates[key] = Fate.CHANGED
        fates = dict(reversed(fates.items()))  # those at the end in their order
        for key in old:
            if key not in rows:
                fates[key] = Fate.GONE
        for key in fates:
            self._count(old.get(key), rows.get(key))
        self._rows = rows
        return self._step(fates, least)

    def _put(self, key: Hashable, old: Row | None, new: Row | None) -> None:
        self._count(old, new)
        if new is not None:
            self._rows[key] = new

    def _count(self, old: Row | None, new: Row | None) -> None:
        if old is not None:
            self._sum -= old.sum
            self.size -= old.size
        if new is not None:
            self._sum += new.sum
            self.size += new.size

    def _place(self, places: dict[Hashable, int], fates: Fates) -> None:
        """Put the tuples of these keys at these places."""
        order = [key for key in self._rows if key not in places]
        for key, place in places.items():
            order.insert(place, key)
            isNew = fates.get(key) is Fate.APPENDED
            fates[key] = Fate.INSERTED if isNew else Fate.MOVED
        self._rows = {key: self._rows[key] for key in order}

    def _step(self, fates: Fates, least: int) -> bool:
        serial = max(self.serial + 1, least) if fates else least
        if serial <= self.serial:
            return False
        self._advance(serial)
        self._log.add(serial, fates)
        return True

    def _advance(self, serial: int) -> None:
        self.serial = serial
        self._deltas.clear()
        self._index = None
