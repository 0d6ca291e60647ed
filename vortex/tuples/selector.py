"""
TupleSelector: what a peer wants to see, as a value.

It travels in filts and in tuples, of VortexPY's observables among others. What is
selected, and how, is between the peer and whoever answers; nothing is selected here.
"""

from __future__ import annotations

from typing import Any

from vortex.tuples.field import TupleField
from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["TupleSelector"]


@addTupleType
class TupleSelector(Tuple):
    """
    Attributes:
        name: What is selected from: a tuple type, or any name that both sides know.
        selector: The arguments, by name.
    """

    __tupleType__ = "vortex.TupleSelector"

    name: str = ""
    selector: dict[str, Any] = TupleField(factory=dict)
