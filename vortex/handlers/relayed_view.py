"""
RelayedView: a watch at a middle node, and the view of another node's that it shows.

Positions stay what they are at the node where the tuples are made: epoch and serials are taken over, so a
peer may go on at another node that shows the same. A VortexPY server has no positions; then they are this
node's.

While the other node cannot be reached, the watch has what was. Where that node says that this one may not see
it, or has it no more, those who watch here are told so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from vortex.errors import AccessDenied, Unauthenticated, UnknownObservable, VortexError
from vortex.handlers.live_rows import Taken
from vortex.handlers.watched_view import WatchedView
from vortex.live.watch import ADOPTED, LiveWatch
from vortex.routing.ports import Peer

__all__ = ["RelayedView"]

log = Logger()


_FINAL = frozenset((AccessDenied.code, Unauthenticated.code, UnknownObservable.code))
"""Codes of errors after which nobody here may see any longer what was."""


class RelayedView:
    """
    Args:
        watch: What is watched here.
        view: What it shows, which somebody subscribes to for it.
        endAll: Called with an error: nobody is to be shown any more.

    Attributes:
        view: As given.
    """

    def __init__(self, watch: LiveWatch, view: WatchedView, endAll: Callable[[VortexError], object]) -> None:
        self.view = view
        self._endAll = endAll
        self._watch = watch
        view.listeners.append(self._onTaken)

    async def make(self, peer: Peer | None) -> Any:
        """
        The state of the watch, as `LiveWatches` wants it made: what is known of it, or what comes first.

        Args:
            peer: Who is asked; None: there is nobody.

        Raises:
            VortexError: If nothing is known, and it cannot be found out: what the other node has answered,
                or that it is not there.
        """
        view = self.view
        if not view.live.wasCurrent or self._isRefused:
            if peer is None and view.error is not None:
                raise view.error
            if view.error is not None:
                view.ask()
            await view.whenSynced()
        if not self._hasPositions:
            return list(view.live.rows)
        self._adopt()
        return ADOPTED

    def after(self, serials: dict[str, int]) -> int | None:
        """The serial that *serials* has for it, by the numbers of the other node; None if it has none."""
        return None if self.view.number is None else serials.get(str(self.view.number))

    def close(self) -> None:
        """The watch is over."""
        if self._onTaken in self.view.listeners:
            self.view.listeners.remove(self._onTaken)

    @property
    def _isRefused(self) -> bool:
        return self.view.error is not None and self.view.error.code in _FINAL

    @property
    def _hasPositions(self) -> bool:
        return self.view.live.epoch is not None

    def _onTaken(self, taken: Taken) -> None:
        if self._isRefused and taken.error is not None:
            self._endAll(taken.error)
            self._watch.sleep()
        if not taken.isMoved:
            return
        state, live, delta = self._watch.state, self.view.live, taken.delta
        try:
            if not self._hasPositions:
                self._watch.notify()
            elif delta is not None and (state.epoch, state.serial) == (live.epoch, taken.before):
                self._watch.adoptDelta(delta.to, taken.rows, delta.places, delta.gone)
            else:
                self._adopt()
        except Exception:
            log.failure("{watch} cannot be passed on as it is now", watch=str(self._watch))

    def _adopt(self) -> None:
        state, live = self._watch.state, self.view.live
        if live.epoch is not None and (state.epoch, state.serial) != (live.epoch, live.serial):
            self._watch.adopt(live.epoch, live.serial, list(live.rows), live.keyFields)
