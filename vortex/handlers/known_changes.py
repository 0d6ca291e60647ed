"""
Known changes: what a list of `TupleChange`s comes to, for those who say themselves what they have changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from vortex.tuples.change import TupleChange
from vortex.tuples.keys import keyFieldsOf, keyFromWire, keysOf
from vortex.tuples.tuple import Tuple

__all__ = ["netOf"]


def netOf(changes: Iterable[TupleChange]) -> tuple[list[Tuple], list[Hashable | Tuple]]:
    """
    Which records are there once all of *changes* have happened, one after the other, and which are gone.

    Returns:
        The records; and of those that are gone the record where it is known, else the key.

    Raises:
        ValueError: If one of them says nothing that could be told, or has a record and the key of another.
    """
    there: dict[Hashable, Tuple] = {}
    gone: dict[Hashable, Hashable | Tuple] = {}
    for number, change in enumerate(changes):
        record = change.record if isinstance(change.record, Tuple) else None
        names = [] if record is None else _namesOf(record)
        if names and change.key is not None and not _isKeyOf(change.key, record, names):
            raise ValueError(
                f"a change's key is that of its record, expected {names[1]!r}, got {change.key!r:.80} "
                f"in {change!r:.200}: leave key= out, or give the record of that key"
            )
        if change.op in ("created", "updated") and record is not None:
            for name in names:
                gone.pop(name, None)
            called = names[0] if names else ("no key", number)
            there.pop(called, None)
            there[called] = record
        elif change.op == "deleted" and record is not None:
            for name in names:
                there.pop(name, None)
                gone[name] = record
        elif change.op == "deleted" and change.key is not None:
            key = _keyFrom(change.key)
            for name in [name for name, record in there.items() if key in _namesOf(record)]:
                del there[name]
            gone[key] = key
        else:
            raise ValueError(
                "a change is 'created' or 'updated' with a record, or 'deleted' with a record or a key, "
                f"got {change!r:.200}"
            )
    return list(there.values()), list(gone.values())


def _keyFrom(key: Any) -> Hashable:
    return keyFromWire(list(key) if isinstance(key, tuple) else key)


def _isKeyOf(key: Any, record: Any, names: list[Hashable]) -> bool:
    """Whether *key* is that of *record*, which goes by *names*: as it travels, or as the fields have it."""
    if _keyFrom(key) in names:
        return True
    values = [getattr(record, name) for name in keyFieldsOf(type(record))]
    return key == values[0] if len(values) == 1 else isinstance(key, (list, tuple)) and list(key) == values


def _namesOf(record: Tuple) -> list[Hashable]:
    """By what *record* may be called: its type and its key, and its key alone; nothing if it has no key."""
    keyed = keysOf([record])
    if keyed is None:
        return []
    key = keyed[1][0]
    return [(record.tupleType(), *(key if isinstance(key, tuple) else (key,))), key]
