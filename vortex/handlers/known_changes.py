"""
Known changes: what a list of `TupleChange`s comes to, for those who say themselves what they have changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from vortex.tuples.change import TupleChange
from vortex.tuples.keys import keyFromWire, keysOf
from vortex.tuples.tuple import Tuple

__all__ = ["netOf"]


def netOf(changes: Iterable[TupleChange]) -> tuple[list[Tuple], list[Hashable | Tuple]]:
    """
    Which records are there once all of *changes* have happened, one after the other, and which are gone.

    Returns:
        The records; and of those that are gone the record where it is known, else the key.

    Raises:
        ValueError: If one of them says nothing that could be told.
    """
    there: dict[Hashable, Tuple] = {}
    gone: dict[Hashable, Hashable | Tuple] = {}
    for number, change in enumerate(changes):
        record = change.record if isinstance(change.record, Tuple) else None
        if change.op in ("created", "updated") and record is not None:
            for name in _namesOf(record):
                gone.pop(name, None)
            names = _namesOf(record) or [("no key", number)]
            there.pop(names[0], None)
            there[names[0]] = record
        elif change.op == "deleted" and record is not None:
            for name in _namesOf(record):
                there.pop(name, None)
                gone[name] = record
        elif change.op == "deleted" and change.key is not None:
            key = keyFromWire(list(change.key) if isinstance(change.key, tuple) else change.key)
            for name in [name for name, record in there.items() if key in _namesOf(record)]:
                del there[name]
            gone[key] = key
        else:
            raise ValueError(
                "a change is 'created' or 'updated' with a record, or 'deleted' with a record or a key, "
                f"got {change!r:.200}"
            )
    return list(there.values()), list(gone.values())


def _namesOf(record: Tuple) -> list[Hashable]:
    """By what *record* may be called: its type and its key, and its key alone; nothing if it has no key."""
    keyed = keysOf([record])
    if keyed is None:
        return []
    key = keyed[1][0]
    return [(record.tupleType(), *(key if isinstance(key, tuple) else (key,))), key]
