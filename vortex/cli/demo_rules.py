"""
Demo rules: what the board refuses, in words that its page shows to whoever is typing.

A page that undoes a delete saves the whole row again under the id that it had, so clients may name ids here.
Two things would go wrong without a rule: an edit of a row that somebody else has just deleted would bring
back half of it, and an id that no row has had yet would be in the way of the row that is to get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from vortex.cli.demo_board import LENGTHS, Job, greatestId
from vortex.errors import Rejected, UnknownRecord
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.tuples.tuple import presentFields

__all__ = ["JobRules"]

WHOLE = frozenset(("title", "status", "assignee", "due"))


class JobRules(OrmCrudExtension):
    """
    Raises:
        Rejected: ``no-title``, ``too-long``.
        UnknownRecord: For an id that no row has, unless it had one and comes back whole.
    """

    def beforeUpdate(
        self, tuple_: Any, tuples: Sequence[Any], session: Session, filt: dict[str, Any]
    ) -> None:
        present = presentFields(tuple_)
        isNew = tuple_.id is None or tuple_.id == ""
        if not isNew and session.get(Job, tuple_.id) is None:
            hasBeen = 1 <= int(tuple_.id) <= greatestId(session)
            if not (hasBeen and present >= WHOLE):
                raise UnknownRecord(f"there is no job {tuple_.id} any more")
        for name, longest in LENGTHS.items():
            text = getattr(tuple_, name)
            if text is None:
                continue
            text = text.strip()
            if len(text) > longest:
                raise Rejected(f"{name} may have {longest} characters, not {len(text)}", code="too-long")
            setattr(tuple_, name, text or None)
        if tuple_.title is None and (isNew or "title" in present):
            raise Rejected("a job needs a title", code="no-title")
