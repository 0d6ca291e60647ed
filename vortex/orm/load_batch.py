"""
LoadBatch: what several watches are to be made of, loaded in one session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from vortex.orm.changes import Key
from vortex.orm.crud_work import CrudWork, Filt
from vortex.routing.ports import Node

__all__ = ["LoadBatch"]


class LoadBatch:
    """To be filled, and then loaded once."""

    def __init__(self) -> None:
        self._wanted: list[tuple[Key | None, Filt]] = []
        self._waiting: list[Deferred[list[Any] | None]] = []

    def add(self, key: Key | None, filt: Filt) -> Deferred[list[Any] | None]:
        """Fires with what `CrudWork.load` gives for *key* and *filt*; None: it has to be loaded by itself."""
        self._wanted.append((key, filt))
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def load(self, node: Node, work: CrudWork) -> None:
        """Load all that was added."""
        if len(self._wanted) > 1:
            node.runInThread(work.loadEach, self._wanted).addCallbacks(self._give, self._fail)
        else:
            self._give([None] * len(self._waiting))

    def _give(self, found: Sequence[list[Any] | None]) -> None:
        for waiting, rows in zip(self._waiting, found, strict=True):
            waiting.callback(rows)

    def _fail(self, failure: Failure) -> None:
        for waiting in self._waiting:
            waiting.errback(failure)
