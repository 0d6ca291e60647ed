"""
View rows: the rows of a view, in order, and what becomes of them.

Where they have keys they are kept in one dict, in the order of the state: a row that changes, comes or goes
costs the same in a view of ten and of a million. Only a row with a place of its own has the dict made anew.

Where they came from, and whether they may be applied, is not known here: see `vortex.handlers.live_rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, overload

from vortex.errors import DecodeError, EncodeError
from vortex.tuples.change import TupleChange
from vortex.tuples.compiled import travellingFields
from vortex.tuples.keys import KeyReader
from vortex.tuples.row_sum import rowBytes
from vortex.tuples.tuple import Tuple

__all__ = ["Changed", "RowsView", "ViewRows"]


class Changed(NamedTuple):
    """
    What became of the rows.

    Attributes:
        changes: Of each row that was created, updated or deleted.
        isReordered: Whether rows stand elsewhere than before, those left aside.
    """

    changes: list[TupleChange]
    isReordered: bool

    def __bool__(self) -> bool:
        return bool(self.changes) or self.isReordered


class RowsView(Sequence[Any]):
    """The rows of a view, to be read only; it shows what they are whenever it is looked at."""

    __slots__ = ("_rows",)

    def __init__(self, rows: ViewRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._rows.asList()[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (RowsView, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<a view of {len(self)} tuples>"


class ViewRows:
    """
    The rows. There are none at first, and they have no keys.

    Attributes:
        keyFields: The names of the key fields by tuple type; None where the rows are not keyed.
    """

    def __init__(self) -> None:
        self.keyFields: dict[str, list[str]] | None = None
        self._reader = KeyReader({})
        self._byKey: dict[Hashable, Any] = {}
        self._list: list[Any] | None = []

    def __len__(self) -> int:
        return len(self.asList()) if self.keyFields is None else len(self._byKey)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.asList() if self.keyFields is None else self._byKey.values())

    def asList(self) -> list[Any]:
        """The rows as a list that is kept until they change: it is not to be changed."""
        if self._list is None:
            self._list = list(self._byKey.values())
        return self._list

    def like(self, row: Any) -> Any:
        """The row with the key of *row*; None if there is none."""
        return self._byKey.get(self._reader.keyOf(row))

    def items(self) -> Iterator[tuple[Hashable, Any]]:
        """The rows with their keys; None is the key of each where they have none."""
        return iter([(None, row) for row in self] if self.keyFields is None else self._byKey.items())

    def replace(self, rows: list[Any], keyFields: dict[str, list[str]] | None) -> Changed:
        """
        The rows are these from now on. The objects of those that are as before stay.

        Raises:
            DecodeError: If they do not have the keys that they should; then nothing has changed.
        """
        if keyFields is None:
            return self._replaceUnkeyed(rows)
        reader = self._reader if keyFields == self.keyFields else KeyReader(keyFields)
        keys = reader.keysOf(rows)
        if keys is None:
            raise DecodeError(f"expected tuples that each have a key of their own, by {keyFields}")
        changes: list[TupleChange] = []
        old = self._rowsBy(reader, changes)
        now = dict(zip(keys, rows, strict=True))
        changes += [_deleted(key, row) for key, row in old.items() if key not in now]
        for key, row in now.items():
            now[key] = _put(changes, key, old.get(key), row)
        stayed = [key for key in old if key in now]
        isReordered = stayed != [key for key in now if key in old]
        self.keyFields, self._reader, self._byKey, self._list = keyFields, reader, now, None
        return Changed(changes, isReordered)

    def apply(self, rows: list[Any], gone: list[Hashable], places: list[tuple[int, int]]) -> Changed:
        """
        These rows were created or changed, those of the keys *gone* are there no more.

        Args:
            places: Which of *rows* stands at which place, the places ascending.

        Raises:
            DecodeError: If that cannot be; then nothing has changed.
        """
        if self.keyFields is None:
            raise DecodeError("expected a whole state, as this one has no keys, got what has changed")
        keys = self._reader.keysOf(rows)
        if keys is None:
            raise DecodeError(f"expected tuples that each have a key of their own, by {self.keyFields}")
        placed = {keys[row]: place for row, place in places if row < len(keys)}
        byKey = self._byKey
        out = {key for key in (*gone, *placed) if key in byKey}
        coming = [key for key in keys if key not in placed and (key in out or key not in byKey)]
        stays = len(byKey) - len(out) + len(coming)
        if len(placed) != len(places) or any(p > stays + i for i, p in enumerate(placed.values())):
            raise DecodeError(f"expected places among {stays + len(placed)} tuples, got {places}")
        old = {key: byKey[key] for key in dict.fromkeys((*gone, *keys)) if key in byKey}
        for key in out:
            del byKey[key]
        again = set(keys)
        changes = [_deleted(key, row) for key, row in old.items() if key not in again]
        there: dict[Hashable, Any] = {}
        for key, row in zip(keys, rows, strict=True):
            row = _put(changes, key, old.get(key), row)
            if key in placed:
                there[key] = row
            else:
                byKey[key] = row
        if placed:
            self._byKey = _interleaved(byKey, there, placed)
        self._list = None
        # A row that was gone in between stands at the end.
        return Changed(changes, any(key in old for key in (*placed, *coming)))

    def _replaceUnkeyed(self, rows: list[Any]) -> Changed:
        changed = _byContents(list(self), rows)
        if changed or self.keyFields is not None:
            self._list = list(rows)
        self.keyFields, self._reader, self._byKey = None, KeyReader({}), {}
        return changed

    def _rowsBy(self, reader: KeyReader, changes: list[TupleChange]) -> dict[Hashable, Any]:
        """The rows by the keys that *reader* finds; those without are noted as deleted in *changes*."""
        if reader is self._reader:
            return self._byKey
        rows: dict[Hashable, Any] = {}
        for before, row in self.items():
            key = reader.keyOf(row)
            if key is None or key in rows:
                changes.append(_deleted(before, row))
            else:
                rows[key] = row
        return rows


def _interleaved(
    rows: dict[Hashable, Any], placed: dict[Hashable, Any], places: dict[Hashable, int]
) -> dict[Hashable, Any]:
    """*rows* in their order, and *placed* at their places among them."""
    items = iter(rows.items())
    merged: dict[Hashable, Any] = {}
    for key, place in places.items():
        merged.update(islice(items, place - len(merged)))
        merged[key] = placed[key]
    merged.update(items)
    return merged


def _put(changes: list[TupleChange], key: Hashable, old: Any, row: Any) -> Any:
    """What stands under *key* now, *old* if *row* is the same; what has become of it is noted."""
    if old is None:
        changes.append(TupleChange(op="created", key=key, record=row))
        return row
    fields = _changedFields(old, row)
    if fields == []:
        return old
    changes.append(TupleChange(op="updated", key=key, record=row, fields=fields))
    return row


def _deleted(key: Hashable, row: Any) -> TupleChange:
    return TupleChange(op="deleted", key=key, record=row)


def _changedFields(old: Tuple, new: Tuple) -> list[str] | None:
    """The names of the fields that differ; None where the two are of different types."""
    if type(old) is not type(new):
        return None
    names = [field.name for field in travellingFields(type(new))]
    return [name for name in names if not _isSame(getattr(old, name), getattr(new, name))]


def _isSame(a: Any, b: Any) -> bool:
    """Whether the two travel alike: to Python, 1 is the same as True."""
    if a != b:
        return False
    if isinstance(a, list) and isinstance(b, list):
        return all(map(_isSame, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_isSame(value, b[key]) for key, value in a.items())
    if isinstance(a, Tuple):
        return _changedFields(a, b) == []
    return isinstance(a, bool) is isinstance(b, bool)


def _byContents(old: list[Any], new: list[Any]) -> Changed:
    """What has become of rows without keys: whichever look different have come or gone."""
    try:
        before, now = [rowBytes(row) for row in old], [rowBytes(row) for row in new]
    except EncodeError:  # they were read, and cannot be written
        changes = [_deleted(None, row) for row in old]
        changes += [TupleChange(op="created", record=row) for row in new]
        return Changed(changes, False)
    left, come = Counter(before) - Counter(now), Counter(now) - Counter(before)
    changes = [_deleted(None, row) for row in _those(old, before, left)]
    changes += [TupleChange(op="created", record=row) for row in _those(new, now, come)]
    return Changed(changes, before != now)


def _those(rows: list[Any], contents: list[bytes], wanted: Counter[bytes]) -> list[Any]:
    """As many of *rows* with each content as are *wanted*."""
    wanted = wanted.copy()
    found = []
    for row, content in zip(rows, contents, strict=True):
        if wanted[content] > 0:
            wanted[content] -= 1
            found.append(row)
    return found
