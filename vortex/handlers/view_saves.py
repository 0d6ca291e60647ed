"""
View saves: what is saved here of the rows of a view, and is shown before the peer tells of it.

The answer to a save says what the row is, and not since which serial: what came unasked in the meantime may
be newer. So it is shown if the row is as it was when it was saved, or as a save that was answered earlier has
made it. Answers come in the order of the saves.
"""

from __future__ import annotations

from typing import Any

from vortex.handlers.live_rows import LiveRows
from vortex.tuples.change import TupleChange

__all__ = ["Save", "ViewSaves"]


class Save:
    """
    One that is under way.

    Attributes:
        before: The row as it is shown, as long as nothing but answers to saves has come of it; None: it was
            not shown.
    """

    __slots__ = ("before",)

    def __init__(self, before: Any) -> None:
        self.before = before


class ViewSaves:
    """
    Args:
        live: The rows of the view.
    """

    def __init__(self, live: LiveRows) -> None:
        self._live = live
        self._saves: list[Save] = []

    def begin(self, row: Any) -> Save:
        """*row*, or a part of it with its key, is to be saved."""
        save = Save(self._live.like(row))
        self._saves.append(save)
        return save

    def end(self, save: Save, row: Any) -> list[TupleChange] | None:
        """
        The save is answered.

        Args:
            row: As it is saved; None: nobody knows how.

        Returns:
            What is shown differently by that; None: nothing is.
        """
        self._saves.remove(save)
        before = save.before
        if row is None or before is None or self._live.like(row) is not before:
            return None
        changes = self._live.put(row)
        now = self._live.like(row)
        for other in self._saves:
            if other.before is before:
                other.before = now
        return changes or None
