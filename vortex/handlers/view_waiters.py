"""
ViewWaiters: who waits until a view is current, or has come to a serial.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from vortex.errors import VortexError
from vortex.handlers.live_rows import LiveRows, ViewState
from vortex.handlers.view_rows import RowsView

__all__ = ["ViewWaiters"]


class ViewWaiters:
    """
    Args:
        live: The rows that they wait for.
    """

    def __init__(self, live: LiveRows) -> None:
        self._live = live
        self._syncing: list[Deferred[RowsView]] = []
        self._passing: list[tuple[str | None, int, Deferred[None]]] = []

    def synced(self) -> Deferred[RowsView]:
        """Fires with the rows when they are current; fails if they are refused."""
        if self._live.state is ViewState.CURRENT:
            return succeed(self._live.rows)
        waiter: Deferred[RowsView] = Deferred()
        self._syncing.append(waiter)
        return waiter

    def passed(self, serial: int) -> Deferred[None]:
        """Fires when they have come to *serial*, or are of another epoch than now."""
        if self._live.serial >= serial:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._passing.append((self._live.epoch, serial, waiter))
        return waiter

    def tell(self) -> None:
        """Something has come: whoever has waited for it is told."""
        live = self._live
        isCurrent = live.state is ViewState.CURRENT
        if isCurrent:
            syncing, self._syncing = self._syncing, []
            for waiter in syncing:
                waiter.callback(live.rows)
        passing, self._passing = self._passing, []
        for entry in passing:
            epoch, serial, passed = entry
            if live.serial >= serial or (isCurrent and live.epoch != epoch):
                passed.callback(None)
            else:
                self._passing.append(entry)

    def refuse(self, error: VortexError) -> None:
        """The rows cannot be shown now."""
        syncing, self._syncing = self._syncing, []
        for waiter in syncing:
            waiter.errback(error)

    def giveUp(self, error: VortexError) -> None:
        """Nothing will come any more."""
        self.refuse(error)
        passing, self._passing = self._passing, []
        for _, _, passed in passing:
            passed.errback(error)
