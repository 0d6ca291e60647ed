"""Thing: a tuple with a field of every kind, to be filled with anything."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

from vortex.tuples import Tuple, TupleField, addTupleType

__all__ = ["Level", "Thing"]


class Level(IntEnum):
    LOW = 1
    HIGH = 9


@addTupleType
class Thing(Tuple):
    __tupleType__ = "test_any.Thing"

    a: int = 0
    b: str = ""
    c: float = 0.0
    d: datetime | None = None
    e: date | None = None
    f: Decimal | None = None
    g: UUID | None = None
    h: Level | None = None
    i: bytes | None = None
    j: bool = False
    k: list[Thing] = TupleField(default=[])
    m: dict[str, int | str] = TupleField(default={})
    n: set[int] = TupleField(default=set())
    o: tuple[int, str] | None = None
    p: Any = None
    q = TupleField()
    hidden: int = TupleField(default=0, transport=False)
