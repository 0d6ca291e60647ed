"""
LiveMakings: whose state is made when, where not all of them can be made at once.

Makings that wait for a thread would wait for each other all the same, and their time would run meanwhile. So
a few are under way, and the next begins when one is over: first those that somebody waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vortex.live.watch import LiveWatch

__all__ = ["LiveMakings"]


class LiveMakings:
    """
    Those of one handler.

    Args:
        most: How many are under way at a time; None: all.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._underWay = 0
        self._awaited: dict[LiveWatch, None] = {}
        self._others: dict[LiveWatch, None] = {}
        self._isGoing = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._awaited) + len(self._others)

    def ask(self, watch: LiveWatch, *, isAwaited: bool) -> None:
        """
        Have the making of *watch* begun, now or when there is room for it; then `over` is to be called.

        Args:
            isAwaited: Whether somebody is to be answered with it.
        """
        if isAwaited:
            self._others.pop(watch, None)
            self._awaited[watch] = None
        elif watch not in self._awaited:
            self._others[watch] = None
        self._go()

    def over(self) -> None:
        """One that was begun is over."""
        self._underWay -= 1
        self._go()

    def forget(self, watch: LiveWatch) -> None:
        """That of *watch* need not begin any more."""
        self._awaited.pop(watch, None)
        self._others.pop(watch, None)

    def clear(self) -> None:
        """Nothing that waits need begin any more."""
        self._awaited.clear()
        self._others.clear()

    def _go(self) -> None:
        if self._isGoing:  # one that has begun is over already
            return
        self._isGoing = True
        try:
            while self and (self._most is None or self._underWay < self._most):
                waiting = self._awaited or self._others
                watch = next(iter(waiting))
                del waiting[watch]
                self._underWay += 1
                watch.begin()
        finally:
            self._isGoing = False
