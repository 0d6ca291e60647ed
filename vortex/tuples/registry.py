"""
Registry: which class a tuple type's name stands for, and who reads the fields of classes that are not only
    ours.

The names are process-wide: a name on the wire means one class. A module that is run a second time (a reload,
a script that is also imported, a ``.tac`` file) may register its classes again; two different classes may not
share a name.

This module makes no fields and converts nothing. It imports no object-relational mapper either: what knows
one says so with `readFieldsWith`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from vortex.errors import DuplicateName, UnknownTupleType

if TYPE_CHECKING:
    from vortex.tuples.field import TupleField

__all__ = [
    "FieldReader",
    "onRegistered",
    "readFieldsWith",
    "readerOf",
    "registerTupleType",
    "tupleTypeNamed",
    "tupleTypes",
]

_types: dict[str, type[Any]] = {}
_listeners: list[Callable[[str], None]] = []

# Modules of this name are whatever is being run just now, not one particular file: a script, or a twistd
# .tac.
_SCRIPTS = frozenset(("__main__", "builtins"))


class FieldReader(NamedTuple):
    """
    What knows the fields of classes that something else maps.

    Attributes:
        fields: Given such a class, its fields by name, in order.
        maker: Given such a class, a function that makes an empty instance without calling ``__init__``.
    """

    fields: Callable[[type[Any]], dict[str, TupleField]]
    maker: Callable[[type[Any]], Callable[[], Any]]


_readers: dict[str, FieldReader] = {}


def readFieldsWith(
    marker: str,
    fields: Callable[[type[Any]], dict[str, TupleField]],
    maker: Callable[[type[Any]], Callable[[], Any]],
) -> None:
    """
    Let something else say what the fields of a class are.

    Args:
        marker: The attribute that such classes have and no others, as ``__mapper__``.
        fields: Given such a class, its fields by name, in order.
        maker: Given such a class, a function that makes an empty instance without calling ``__init__``, ready
            to have attributes set.
    """
    _readers[marker] = FieldReader(fields, maker)


def readerOf(cls: type[Any]) -> FieldReader | None:
    """Who reads the fields of *cls*; None for a class whose fields are all its own."""
    for marker, reader in _readers.items():
        if hasattr(cls, marker):
            return reader
    return None


def registerTupleType(name: str, cls: type[Any]) -> None:
    """
    Let *name* stand for *cls*, on the wire and in `tupleTypeNamed`.

    Raises:
        DuplicateName: If it stands for another class: one with another qualified name, or from another module
            (other than the script that is being run).
    """
    known = _types.get(name)
    if known is not None and not _isSame(known, cls):
        raise DuplicateName(
            f"tuple type {name!r} is already registered by {_fullName(known)}: "
            f"give {_fullName(cls)} a __tupleType__ of its own"
        )
    _types[name] = cls
    for listener in _listeners:
        listener(name)


def tupleTypeNamed(name: str) -> type[Any]:
    """
    The class that *name* stands for.

    Raises:
        UnknownTupleType: If it stands for none; the text shortens an overlong name.
    """
    try:
        return _types[name]
    except KeyError:
        shown = name if len(name) <= 60 else name[:60] + "…"
        raise UnknownTupleType(f"tuple type {shown!r} is not registered here") from None


def tupleTypes() -> Iterator[tuple[str, type[Any]]]:
    """Every registered name with its class, in the order of registration."""
    return iter(list(_types.items()))


def onRegistered(listener: Callable[[str], None]) -> None:
    """Call *listener* with a name whenever it is given to a class, so that what was made of it can go."""
    _listeners.append(listener)


def _isSame(known: type[Any], cls: type[Any]) -> bool:
    if known.__qualname__ != cls.__qualname__:
        return False
    return known.__module__ == cls.__module__ or bool(_SCRIPTS & {known.__module__, cls.__module__})


def _fullName(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
