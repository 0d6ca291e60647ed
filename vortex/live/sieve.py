"""
LiveSieve: what of a state one peer may see, where that is asked for each tuple: a state of its own, with
serials of its own, which follows the other.

What the peer may see no more is gone for it, what it may see from now on is new to it, and of what it never
saw it learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from twisted.logger import Logger

from vortex.live.log import Fate
from vortex.live.state import LiveState

__all__ = ["LiveSieve", "maySend"]

log = Logger()


class LiveSieve:
    """
    Args:
        source: The state that it follows.
        state: What passes; nothing yet.
        passes: Given a tuple, whether it passes: only exactly True is a yes.

    Attributes:
        state: As given.
        least: The serial that it has to reach when the source is what it is waited for.
    """

    def __init__(self, source: LiveState, state: LiveState, passes: Callable[[Any], object]) -> None:
        self.state = state
        self.least = 0
        self._source = source
        self._passes = passes
        self._seen = 0

    def follow(self, *, isMadeAnew: bool, isFinal: bool = True) -> bool:
        """
        Be what passes of the source as it is now.

        Args:
            isMadeAnew: Ask for each tuple; else for those only that have changed.
            isFinal: Reach `least`.

        Returns:
            Whether the state has another serial.
        """
        source, state = self._source, self.state
        least = self.least if isFinal else 0
        if isFinal:
            self.least = 0
        isLike = source.keyFields is not None and source.keyFields == state.keyFields
        fates = source.fatesSince(self._seen) if isLike and not isMadeAnew else None
        self._seen = source.serial
        if fates is None:
            passed = {key for key, row in source.rows.items() if maySend(self._passes, row.record)}
            return self._be(passed, least)
        passing: dict[Hashable, Any] = {}
        gone: list[Hashable] = []
        isInOrder = True  # whether what is told without places comes to stand where it does in the source
        for key, fate in fates.items():
            isThere = key in state.rows
            if fate is not Fate.GONE and maySend(self._passes, source.rows[key].record):
                passing[key] = source.rows[key].record
                isInOrder &= fate is Fate.APPENDED or (isThere and fate is Fate.CHANGED)
            elif isThere:
                gone.append(key)
        if isInOrder:
            return state.change(list(passing.values()), gone, least=least)
        return self._be(set(state.rows).difference(gone).union(passing), least)

    def _be(self, passed: set[Hashable], least: int) -> bool:
        source = self._source
        rows = {key: row for key, row in source.rows.items() if key in passed}
        return self.state.follow(rows, source.keyFields, least=least)


def maySend(passes: Callable[[Any], object], record: Any) -> bool:
    """Whether *record* passes; what cannot be found out does not."""
    try:
        return passes(record) is True
    except Exception:
        log.failure("whether a record may be seen could not be found out, so it is not")
        return False
