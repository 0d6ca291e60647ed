"""
ViewWaiters: who waits until a view is current, has come to a serial, or is what its server has by now.
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

    Attributes:
        answered: The number of the last request for the rows that was answered.
    """

    def __init__(self, live: LiveRows) -> None:
        self.answered = 0
        self._live = live
        self._syncing: list[Deferred[RowsView]] = []
        self._passing: list[tuple[str | None, int, Deferred[None]]] = []
        self._asking: list[tuple[int, Deferred[None]]] = []

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

    def asked(self, number: int) -> Deferred[None]:
        """Fires when they are current, and the request *number* or a later one is answered."""
        waiter: Deferred[None] = Deferred()
        self._asking.append((number, waiter))
        return waiter

    @property
    def wantAnother(self) -> bool:
        """Whether somebody waits for the answer to a request that is later than the last one."""
        return any(number > self.answered and not waiter.called for number, waiter in self._asking)

    def tell(self) -> None:
        """Something has come: whoever has waited for it is told."""
        live = self._live
        isCurrent = live.state is ViewState.CURRENT
        if isCurrent:
            syncing, self._syncing = self._syncing, []
            for waiter in syncing:
                waiter.callback(live.rows)
            asking, self._asking = self._asking, []
            for number, answered in asking:
                if self.answered >= number:
                    answered.callback(None)
                else:
                    self._asking.append((number, answered))
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
        asking, self._asking = self._asking, []
        for waiter in (*(entry[2] for entry in passing), *(entry[1] for entry in asking)):
            waiter.errback(error)
