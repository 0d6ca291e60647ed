"""
LiveChecks: has those who watch told again, every now and then, what the state comes to.
"""

from __future__ import annotations

from collections.abc import Callable

from vortex.clocks import Clock, DelayedCall
from vortex.live.lingering import laterWeakly
from vortex.live.roster import LiveRoster
from vortex.live.watcher import LiveWatcher, Watcher

__all__ = ["LiveChecks"]


class LiveChecks:
    """
    Args:
        clock: The node's.
        seconds: From one time to the next.
        roster: Who watches.
        mayGo: Asked with a watcher before it is told.
    """

    def __init__(
        self, clock: Clock, seconds: float, roster: LiveRoster, mayGo: Callable[[Watcher], bool]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._roster = roster
        self._mayGo = mayGo
        self._timer: DelayedCall | None = None

    def setTimer(self) -> None:
        """Somebody watches, or does no more: it runs as long as anybody does."""
        if not self._roster and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif self._roster and self._timer is None:
            self._timer = laterWeakly(self._clock, self._seconds, self._check)

    def _check(self) -> None:
        self._timer = None
        for watcher in self._roster:
            if isinstance(watcher, LiveWatcher) and watcher in watcher.watch.watchers:
                line = self._roster.lineOf(watcher)
                if line.isUpToDate(watcher) and self._mayGo(watcher):
                    line.queue(watcher, watcher.feed.check())
        self.setTimer()
