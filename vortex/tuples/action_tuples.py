"""
Actions, as what travels: one tuple says what a peer wants done.

    @addTupleType
    class RenameJob(TupleAction):
        __tupleType__ = "demo.RenameJob"
        id: int
        title: str

Two kinds are there already, for who needs no type of its own. The names are VortexPY's, so its programs send
and take the same. What carries actions out is `vortex.handlers.actions`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vortex.tuples.field import TupleField
from vortex.tuples.selector import TupleSelector
from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["TupleAction", "TupleGenericAction", "TupleUpdateAction"]


@addTupleType
class TupleAction(Tuple):
    """
    What a peer wants done; derive a class for each kind.

    Attributes:
        uuid: What tells this action from any other; made with it. From VortexJS it is a number.
        dateTime: When it was made.
    """

    __tupleType__ = "vortex.TupleAction"

    uuid: str | int | float = TupleField(factory=lambda: str(uuid4()))
    dateTime: datetime = TupleField(factory=lambda: datetime.now(UTC))


@addTupleType
class TupleGenericAction(TupleAction):
    """
    Attributes:
        key: What is to be done, as both ends know it.
        data: What it takes to do it.
    """

    __tupleType__ = "vortex.TupleGenericAction"

    key: str | None = None
    data: Any = None


@addTupleType
class TupleUpdateAction(TupleAction):
    """
    Fields of what a selector selects, to be changed.

    Attributes:
        tupleSelector: What to change.
        tupleChanges: One ``{"fieldName": ..., "oldValue": ..., "newValue": ...}`` for each field.
        data: Anything else.
    """

    __tupleType__ = "vortex.TupleUpdateAction"

    tupleSelector: TupleSelector = TupleField(factory=TupleSelector)
    tupleChanges: list[dict[str, Any]] = TupleField(factory=list)
    data: Any = None
