"""
OrmCrudExtension: what an application adds to the way in which rows are created, read, changed and deleted.

Derive from it, override the hooks that matter, and give an instance to `OrmCrudHandler.addExtension`.
Every hook is called as ``hook(tuple_, tuples, session, filt)``, in the worker thread, within the one
session of the request.

When a peer saves tuples, in this order:

    =================  ==================================================  ==============================
    hook               when                                                called with
    =================  ==================================================  ==============================
    beforeUpdate       all is checked, no row is touched yet               what came in: change it here,
                                                                           unwritable fields included
    middleUpdate       the values are on the rows, none is written yet     the row
    afterUpdate        the rows are written, keys and defaults are there   the row
    afterUpdateCommit  the transaction is committed                        the row
    uiData             the row goes out to a peer                          the row
    =================  ==================================================  ==============================

When it deletes: ``beforeDelete`` with the row, and ``afterDeleteCommit`` with the row as it was. When it
loads, and when an update is pushed: ``afterRetrieve``, then ``uiData``, with the row. When it asks for a
new one: ``afterCreate``, then ``uiData``, with a blank row that is in no session.

What a hook raises undoes the whole request, and reaches the peer if it is a `vortex.errors.Rejected`.
Once the transaction is committed there is nothing to undo: an error in afterUpdateCommit or
afterDeleteCommit is logged, and the peer's answer still says that it is saved; one in uiData is
answered, so that no unfinished row goes out.

What a hook does to the database in afterUpdateCommit, afterDeleteCommit, afterRetrieve, afterCreate or
uiData is not kept unless it commits the session itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

__all__ = ["OrmCrudExtension"]


class OrmCrudExtension:
    """
    Hooks around the rows of one class. All are empty.

    Each takes:
        tuple_: The one that it is called for.
        tuples: All of this request, in order: what came in for beforeUpdate, rows for the others.
        session: The request's SQLAlchemy session, for this thread only.
        filt: The request's filt, or for a push the one that the row was asked for with.
    """

    def uiData(self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]) -> None:
        """The row goes out to a peer. What is set on it here is for the peer only and never stored."""

    def afterCreate(self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]) -> None:
        """A blank row was made for a peer to fill in."""

    def afterRetrieve(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """The row was read."""

    def beforeUpdate(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """A tuple came in and is about to be put on its row."""

    def middleUpdate(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """The row has its new values and is about to be written."""

    def afterUpdate(self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]) -> None:
        """The row is written and about to be committed."""

    def afterUpdateCommit(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """The row is committed."""

    def beforeDelete(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """The row is about to be deleted."""

    def afterDeleteCommit(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        """The row is gone for good."""
