"""
Keys: what tells one row of a state from another.

A key is a value that can be hashed, and the same at both ends: it is made of what *travels*. Of one key
field it is the value, ``7``; of several their values, ``(7, "en")``; among rows of more than one type it
begins with the type, ``("demo.Job", 7)``. None is no key.

Who has rows asks `keysOf`, which finds the key fields in their classes. Who was told what the key fields are,
because the rows came from elsewhere, makes a `KeyReader` of that, and needs no key in a class of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from vortex.errors import VortexError
from vortex.limits import Limits
from vortex.tuples.convert import NATIVE, fromJsonable, toJsonable
from vortex.tuples.decode import Reading
from vortex.tuples.encode import fieldEncoder
from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = ["KeyReader", "keyFieldsOf", "keyFromWire", "keysOf", "wireKey"]

_Read = Callable[[Any], Hashable]

_AS_IT_IS = frozenset((str, int))


def keyFieldsOf(cls: type[Tuple]) -> tuple[str, ...]:
    """
    The names of the fields that are the key of *cls*: those with ``TupleField(key=True)``, of a class that
    SQLAlchemy maps its primary key. None if there are none, or if one of them does not travel.
    """
    fields = [field for field in fieldsOf(cls).values() if field.key]
    return tuple(field.name for field in fields) if all(field.transport for field in fields) else ()


def keysOf(tuples: Iterable[Any]) -> tuple[dict[str, list[str]], list[Hashable]] | None:
    """
    The keys of *tuples*, by the key fields of their classes.

    Returns:
        The key fields by tuple type, in the order in which the types first come, and the key of each tuple.
        None where they are not keyed: something is no Tuple, a class has no key fields, a key has a None in
        it or cannot be hashed, or two are the same.
    """
    rows = list(tuples)
    keyFields: dict[str, list[str]] = {}
    types: dict[type[Any], None] = dict.fromkeys(map(type, rows))
    for cls in types:
        names = keyFieldsOf(cls) if issubclass(cls, Tuple) else ()
        if not names:
            return None
        keyFields[cls.tupleType()] = list(names)
    keys = KeyReader(keyFields).keysOf(rows)
    return None if keys is None else (keyFields, keys)


class KeyReader:
    """
    Reads the keys of rows whose key fields are known.

    Args:
        keyFields: The names of the key fields by tuple type. With more than one type here, keys begin with
            the type, whatever is read.

    Attributes:
        keyFields: As given.
    """

    __slots__ = ("_readers", "keyFields")

    def __init__(self, keyFields: Mapping[str, Sequence[str]]) -> None:
        self.keyFields = {tupleType: list(names) for tupleType, names in keyFields.items()}
        self._readers: dict[type[Any], _Read] = {}

    def keyOf(self, row: Any) -> Hashable:
        """The key of *row*; None if it has none: another type, a None in the key, nothing that is hashed."""
        cls = type(row)
        read = self._readers.get(cls)
        if read is None:
            read = self._readers[cls] = self._reader(cls)
        return read(row)

    def keysOf(self, rows: Iterable[Any]) -> list[Hashable] | None:
        """The key of each of *rows*; None if one has none, or two have the same."""
        keys = [self.keyOf(row) for row in rows]
        distinct = set(keys)
        return None if None in distinct or len(distinct) != len(keys) else keys

    def _reader(self, cls: type[Any]) -> _Read:
        names = self.keyFields.get(cls.tupleType()) if issubclass(cls, Tuple) else None
        if not names or not fieldsOf(cls).keys() >= set(names):
            return _noKey
        fields = [_fieldReader(cls, name) for name in names]
        kind = cls.tupleType()
        isMixed = len(self.keyFields) > 1
        if len(fields) == 1 and not isMixed:
            return fields[0]
        before: tuple[Hashable, ...] = (kind,) if isMixed else ()

        def read(row: Any) -> Hashable:
            values = [field(row) for field in fields]
            return None if None in values else (*before, *values)

        return read


def wireKey(key: Hashable) -> Any:
    """*key* as it stands in a filt."""
    return [wireKey(part) for part in key] if isinstance(key, tuple) else key


def keyFromWire(value: Any) -> Hashable:
    """The key that *value*, from a filt, stands for; None if it is none."""
    return _hashable(value)


def _fieldReader(cls: type[Tuple], name: str) -> _Read:
    """What reads one key field of *cls*, as its values travel."""
    encoder = fieldsOf(cls)[name].encoder
    encode = None if encoder is None else fieldEncoder(encoder, NATIVE.encoders)

    def read(row: Any) -> Hashable:
        value = getattr(row, name)
        if encode is None and type(value) in _AS_IT_IS:
            return value  # type: ignore[no-any-return]
        if value is None:
            return None
        try:
            travelling = toJsonable(value, NATIVE) if encode is None else encode(value)
            return _hashable(fromJsonable(travelling, Reading(Limits())))
        except VortexError:
            return None

    return read


def _hashable(value: Any) -> Hashable:
    """*value* in a form that can be hashed; None if it has none, or does not even equal itself."""
    if type(value) is list:
        parts = tuple(map(_hashable, value))
        return None if None in parts else parts
    try:
        hash(value)
    except TypeError:
        return None
    return value if value == value else None


def _noKey(_row: Any) -> Hashable:
    return None
