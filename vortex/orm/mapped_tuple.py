"""
Mapped tuples: the columns of a SQLAlchemy declarative class, as the fields of a Tuple.

    @addTupleType
    class Job(Tuple, Base):
        __tupleType__ = "demo.Job"
        __tablename__ = "job"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

Every attribute that is a column of the table is a field, whoever declared it: the class, a mixin, a mapped
base. Relationships, hybrids and expressions are none. The type of a field is that of its column, the primary
key is its key. What else a field should be, the column's ``info`` may say:

    secret: Mapped[str] = mapped_column(info={"tupleField": TupleField(transport=False)})

A `TupleField` that stands beside the columns is a field of the objects alone, and no column.

Datetimes travel with their offset; on the way in they become UTC, and lose it where the column has no time
zone. So a database sees UTC and nothing else, and what it gives back without an offset is read as UTC.

Nothing here opens a session or a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import JSON, Column, DateTime, Enum
from sqlalchemy.orm import Mapper, configure_mappers
from sqlalchemy.orm.attributes import manager_of_class
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from vortex.errors import DecodeError
from vortex.tuples.field import TupleField
from vortex.tuples.hints import checker

__all__ = ["mappedFields", "mappedMaker"]


def mappedFields(cls: type[Any]) -> dict[str, TupleField]:
    """
    The column attributes of the mapped class *cls* as fields, by the name of the attribute.

    A class that derives from a mapped one and is not mapped itself has the fields of that one.

    Raises:
        TypeError: If the ``info["tupleField"]`` of a column is no TupleField.
    """
    mapper = cast("Mapper[Any]", cls.__mapper__)
    # Not mapper.column_attrs: that configures all mappers, and classes that are yet to come may be needed for
    # it.
    columns: dict[str, list[Column[Any]]] = {}
    for name, column in mapper.columns.items():
        if isinstance(column, Column):
            columns.setdefault(name, []).append(column)
    return {name: _field(cls, name, several, mapper) for name, several in columns.items()}


def mappedMaker(cls: type[Any]) -> Callable[[], Any]:
    """A function that makes an empty instance of *cls* as rows are made: without ``__init__``."""
    # A constructor would do this; before it is done no attribute can be set.
    configure_mappers()
    return manager_of_class(cls).new_instance


def _field(cls: type[Any], name: str, columns: list[Column[Any]], mapper: Mapper[Any]) -> TupleField:
    """The field for one attribute; of several columns where a joined table repeats the key of its base."""
    column = columns[0]
    given = next((one.info["tupleField"] for one in columns if "tupleField" in one.info), None)
    if given is not None and type(given) is not TupleField:
        raise TypeError(f"info['tupleField'] of {cls.__qualname__}.{name} needs a TupleField, got {given!r}")
    asked: TupleField = TupleField() if given is None else given
    field = asked.copied(
        default=_default(column) if asked.default is None and asked.factory is None else asked.default,
        key=asked.key or any(one in mapper.primary_key for one in columns),
        comment=asked.comment or column.comment or column.doc or "",
    )
    field.isMapped = True
    field.nullable = all(bool(one.nullable) for one in columns)
    field.__set_name__(cls, name)
    field.giveHint(_pythonType(column.type))
    if isinstance(column.type, DateTime):
        field.adapter = _toUtc if column.type.timezone else _toNaiveUtc
    if field.key and field.decoder is None and field.hint is not str:
        field.decoder = _keyDecoder(field.hint)
    return field


def _keyDecoder(hint: Any) -> Callable[[Any], Any] | None:
    """Of a new row, some peers send the key as an empty text."""
    check = checker(hint)
    if check is None:
        return None
    return lambda value: None if value == "" else check(value)


def _pythonType(columnType: TypeEngine[Any]) -> Any:
    """What a value of the column is in Python, as an annotation would say it."""
    if isinstance(columnType, JSON):  # it says dict, and holds anything
        return Any
    if isinstance(columnType, TypeDecorator) and not _saysType(type(columnType)):
        # What it makes of the type it decorates only the application knows.
        return Any
    if isinstance(columnType, Enum):
        if columnType.enum_class is not None:
            return columnType.enum_class
        return Literal[tuple(columnType.enums)] if columnType.enums else str
    try:
        found = columnType.python_type
    except NotImplementedError:
        return Any
    return Any if found is object else found


def _saysType(decorator: type[Any]) -> bool:
    """Whether a TypeDecorator says itself what its values are in Python."""
    return any(
        "python_type" in vars(cls) for cls in decorator.__mro__[: decorator.__mro__.index(TypeDecorator)]
    )


def _default(column: Column[Any]) -> Any:
    """What the column has where nothing is given, as far as it is a value or a text: for the schema alone."""
    if column.default is not None and column.default.is_scalar:
        return cast(Any, column.default).arg
    if column.server_default is not None:
        argument = getattr(column.server_default, "arg", None)
        return str(argument) if isinstance(argument, (str, ClauseElement)) else None
    return None


def _toUtc(value: Any) -> Any:
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise DecodeError(f"expected a datetime that UTC has too, got {value}") from None
    return value


def _toNaiveUtc(value: Any) -> Any:
    value = _toUtc(value)
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
