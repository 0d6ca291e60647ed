"""
The tuple types that stand in the recorded vectors, for as long as a test wants them registered.

Their names are those of the programs that were recorded. Another test may have classes of its own under the
same names; `registeredTypes` puts those back.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vortex.tuples import convert, registry
from vortex.tuples.field import TupleField
from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["TYPES", "Colour", "Level", "Plain", "registeredTypes"]


class Colour(str, enum.Enum):  # noqa: UP042 - as the recorded program had it
    RED = "red"
    BLUE = "blue"


class Level(int, enum.Enum):
    LOW = 1
    HIGH = 9


class Plain(enum.Enum):
    A = 1


class Vec(Tuple):
    __tupleType__ = "acme.Vec"
    v: Any


class Defaults(Tuple):
    __tupleType__ = "acme.Defaults"
    a: Any = 5
    b: Any = "x"
    c: Any = TupleField(factory=lambda: [1])
    d: Any = TupleField(factory=lambda: {"q": 1})


class Enums(Tuple):
    __tupleType__ = "acme.Enums"
    colour: Colour
    level: Level
    maybe: Colour | None


class Raw(Tuple):
    __tupleType__ = "acme.Raw"
    n: Any
    raw: Any


class Short(Tuple):
    __tupleType__ = "acme.Short"
    hidden: Any
    longName: Any


class PersonTuple(Tuple):
    __tupleType__ = "acme.PersonTuple"
    id: int
    name: str
    height: Any
    born: Any
    tags: list[Any]
    extra: Any
    friend: Any


class AddPersonAction(Tuple):
    __tupleType__ = "acme.AddPersonAction"
    uuid: Any
    dateTime: Any
    person: PersonTuple


class ThingRow(Tuple):
    __tupleType__ = "acme.ThingRow"
    id: int
    name: str
    weight: Any
    secret: str


class TupleSelector(Tuple):
    __tupleType__ = "vortex.TupleSelector"
    name: str
    selector: dict[Any, Any]


class TupleGenericAction(Tuple):
    __tupleType__ = "vortex.TupleGenericAction"
    uuid: Any
    dateTime: Any
    key: str
    data: Any


class TupleUpdateAction(Tuple):
    __tupleType__ = "vortex.TupleUpdateAction"
    uuid: Any
    dateTime: Any
    tupleSelector: TupleSelector
    tupleChanges: list[Any]
    data: Any


class RpcArgTuple(Tuple):
    __tupleType__ = "vortex.rpc.RPC_VortexRPCArgTuple"
    args: Any
    kwargs: Any


class RpcResultTuple(Tuple):
    __tupleType__ = "vortex.rpc.RPC_VortexRPCResultTuple"
    result: Any


class DataWrapTuple(Tuple):
    __tupleType__ = "c.s.r.datawraptuple"
    name: str
    data: Any


TYPES: dict[str, type[Tuple]] = {
    cls.__tupleType__: cls
    for cls in (
        *(Vec, Defaults, Enums, Raw, Short, PersonTuple, AddPersonAction, ThingRow, TupleSelector),
        *(TupleGenericAction, TupleUpdateAction, RpcArgTuple, RpcResultTuple, DataWrapTuple),
    )
}
"""By their names on the wire."""


@contextmanager
def registeredTypes() -> Iterator[None]:
    """While this lasts, each name in `TYPES` stands for the class that is given there."""
    before = {name: registry._types.pop(name, None) for name in TYPES}
    for cls in TYPES.values():
        addTupleType(cls)
    try:
        yield
    finally:
        for name, other in before.items():
            registry._types.pop(name, None)
            convert._onRegistered(name)
            if other is not None:
                registry.registerTupleType(name, other)
