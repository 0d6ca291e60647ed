"""
Schema: what a Tuple class says of itself, as plain data.

The one source for whatever is written about tuple types: reference pages, TypeScript, an inspector. It holds
no classes and no functions, only names, texts and values that can travel.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vortex.tuples.hints import hintText, isOptional
from vortex.tuples.registry import onRegistered, tupleTypes
from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = ["FieldSchema", "TupleSchema", "describe", "schemaHash"]


@dataclass(frozen=True)
class FieldSchema:
    """
    One field of a tuple type.

    Attributes:
        name: Its name, in Python and on the wire.
        type: Its type in words: ``int``, ``list[str] | None``, ``demo.Person``, ``Literal['red', 'blue']``,
            ``Any``.
        key: Whether it is (part of) what tells one record from another.
        nullable: Whether it may be None: what the column allows, or the annotation says. One that says
            nothing of None means that a value belongs there; what travels may lack it all the same.
        default: What it has where nothing is given; None too where that is made anew each time. Of a column
            whose default the database makes, the SQL text.
        comment: What it means, for people.
        transport: Whether it travels.
    """

    name: str
    type: str
    key: bool
    nullable: bool
    default: Any
    comment: str
    transport: bool


@dataclass(frozen=True)
class TupleSchema:
    """
    A tuple type.

    Attributes:
        tupleType: Its name on the wire.
        fields: Its fields, in order.
        comment: The docstring of the class, without its indentation; empty if it has none of its own.
    """

    tupleType: str
    fields: tuple[FieldSchema, ...]
    comment: str


def describe(cls: type[Tuple]) -> TupleSchema:
    """
    What there is to say about *cls*.

    Raises:
        UnresolvedHint: If the annotation of a field names something that cannot be found.
    """
    fields = tuple(
        FieldSchema(
            name=field.name,
            type=hintText(field.hint),
            key=field.key,
            nullable=isOptional(field.hint) if field.nullable is None else field.nullable,
            default=field.makeDefault() if field.factory is None else None,
            comment=field.comment,
            transport=field.transport,
        )
        for field in fieldsOf(cls).values()
    )
    return TupleSchema(tupleType=cls.tupleType(), fields=fields, comment=_comment(cls))


class _Registrations:
    """How many there were: the hash is made once after each."""

    count = 0

    @classmethod
    def add(cls, _name: str) -> None:
        cls.count += 1


onRegistered(_Registrations.add)


def schemaHash() -> str:
    """
    What tells the tuple types that are registered now from others: 16 hexadecimal digits, the same wherever
    their names and the names of their fields that travel are.
    """
    return _hashAfter(_Registrations.count)


@lru_cache(maxsize=1)
def _hashAfter(_registrations: int) -> str:
    types = sorted(
        [name, [field.name for field in fieldsOf(cls).values() if field.transport]]
        for name, cls in tupleTypes()
    )
    return hashlib.sha256(json.dumps(types).encode()).hexdigest()[:16]


def _comment(cls: type[Tuple]) -> str:
    doc = vars(cls).get("__doc__")
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""
