"""
ToldRows: what was committed to a table, as news for those who watch all of its rows.

Often that can be told without reading the table again. Not where a new row may belong between others: rows
are shown in the order of their keys, and only of numbers is it known here which comes after which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from vortex.errors import EncodeError
from vortex.live.watch import LiveWatch
from vortex.orm.changes import Key

__all__ = ["tellRows"]


def tellRows(
    watch: LiveWatch,
    keyNames: Sequence[str],
    keys: Sequence[Key],
    rows: Mapping[Key, Any] | None,
    readFrom: int,
) -> Deferred[int]:
    """
    Tell who watches *watch*, of all rows in the order of their keys, what has become of some.

    Args:
        keyNames: The fields of the table's primary key.
        keys: Of the rows that were created, changed or deleted.
        rows: Those of them that there are; None: it is not known, so all are read again.
        readFrom: The moment at which the reading of *rows* began.

    Returns:
        A Deferred with how many were told, as `LiveWatch.notify` has it.
    """
    state = watch.state
    # A class may have other key fields than the table: then who watches knows the rows by those.
    isKeyed = list((state.keyFields or {}).values()) == [list(keyNames)]
    if rows is None or not isKeyed or not all(_isTold(key) for key in keys):
        return watch.notify()
    changed = [rows[key] for key in rows if key[0] in state.rows]
    created = sorted(key for key in rows if key[0] not in state.rows)
    if created and not _comesLast(created[0][0], state.lastKey):
        return watch.notify()
    gone = [key[0] for key in keys if key not in rows]
    try:
        return watch.change(changed + [rows[key] for key in created], gone, readFrom=readFrom)
    except EncodeError:
        return watch.notify()  # which logs that, and has it tried again


def _isTold(key: Key) -> bool:
    """Whether those who watch know the row by this very key."""
    return len(key) == 1 and type(key[0]) in (int, str)


def _comesLast(key: Any, last: Any) -> bool:
    return type(key) is int and type(last) is int and key > last
