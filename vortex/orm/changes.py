"""
Changes: which rows a session has committed, whoever changed them - a peer's tuple, a hook, a cascade.

It listens to the session's flushes, so it knows of what goes through the unit of work. What is changed by a
statement (``update(Job).where(...)``) it does not see.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, UOWTransaction

__all__ = ["Change", "Changes"]

Key = tuple[Any, ...]
Change = tuple[type[Any], Key]
"""A row: its mapped class, and its primary key's values in the mapper's order."""


class Changes:
    """
    What `watching` saw.

    Attributes:
        committed: The rows that were created, changed or deleted for good, each once, in order.
    """

    def __init__(self) -> None:
        self.committed: dict[Change, None] = {}
        self._flushed: dict[Change, None] = {}

    @contextmanager
    def watching(self, session: Session) -> Iterator[None]:
        """Take note of what *session* commits meanwhile."""
        listeners = (
            ("after_flush", self._afterFlush),
            ("after_commit", self._afterCommit),
            ("after_rollback", self._afterRollback),
        )
        for name, listener in listeners:
            event.listen(session, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(session, name, listener)

    def _afterFlush(self, session: Session, _context: UOWTransaction) -> None:
        for row in (*session.new, *session.dirty, *session.deleted):
            state = inspect(row)
            if state.identity is not None:  # what it was until now
                self._flushed[type(row), tuple(state.identity)] = None
            self._flushed[type(row), tuple(state.mapper.primary_key_from_instance(row))] = None

    def _afterCommit(self, _session: Session) -> None:
        self.committed.update(self._flushed)
        self._flushed.clear()

    def _afterRollback(self, _session: Session) -> None:
        self._flushed.clear()
