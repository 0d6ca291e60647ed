"""
Part of a tuple: some of its fields, for whoever is to change those and leave the others alone.

A tuple made in Python travels with all of its fields. A part travels as the same type with those that it has,
so at the other end it is an object of that class on which no other field was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = ["partOf"]

MAX_CLASSES = 256
"""Kinds of parts that are kept: each is a class, whose encoding is compiled once."""


def partOf(cls: type[Tuple], values: Mapping[str, Any]) -> Tuple:
    """
    A tuple that travels as one of *cls* that has *values*, by the names of fields, and nothing else.

    Raises:
        TypeError: If *cls* has no such field, or one of them does not travel.
    """
    kind: Any = cls  # to a type checker no class of tuples is hashable, as its objects are not
    return _partClass(kind, tuple(sorted(values)))(**values)


@lru_cache(MAX_CLASSES)
def _partClass(cls: Any, names: tuple[str, ...]) -> type[Tuple]:
    fields = fieldsOf(cls)
    body: dict[str, Any] = {"__tupleType__": cls.tupleType(), "__module__": cls.__module__}
    for name in names:
        field = fields.get(name)
        if field is None or not field.transport:
            known = ", ".join(name for name, each in fields.items() if each.transport)
            raise TypeError(f"{cls.__qualname__} has no field {name!r} that travels: it has {known}")
        body[name] = copy = field.copied()
        copy.giveHint(field.hint)
    part: type[Tuple] = type(cls.__name__, (Tuple,), body)
    return part
