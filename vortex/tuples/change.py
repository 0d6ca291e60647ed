"""
TupleChange: what became of one record of a state, as a value.

Observers are told with these what has changed, and a program that knows what it has changed tells its
observables with them. Nothing is compared or applied here.
"""

from __future__ import annotations

from typing import Any, Literal

from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["TupleChange"]


@addTupleType
class TupleChange(Tuple):
    """
    Attributes:
        op: ``"created"``, ``"updated"`` or ``"deleted"``.
        key: Which record: the value of its key field, or a tuple of the values where it has several (a list,
            off a wire).
        record: The record as it is now, a Tuple; of one that is deleted what it was last, or None where that
            is not known.
        fields: The names of the fields that an update has changed; None where that is not known.
        owner: The name of the vortex that commits changes of this record; None: whoever says so.
    """

    __tupleType__ = "vortex.TupleChange"

    op: Literal["created", "updated", "deleted"] = "updated"
    key: Any = None
    record: Any = None
    fields: list[str] | None = None
    owner: str | None = None
