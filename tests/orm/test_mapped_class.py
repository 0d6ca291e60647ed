"""Keys as filts and tuples have them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import Date, DateTime, Float, Integer, LargeBinary, String, Uuid
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.orm.rows import Job, Seat, offTheWire
from vortex import Tuple, addTupleType
from vortex.errors import DecodeError
from vortex.orm.mapped_class import MappedClass


class Base(DeclarativeBase):
    pass


@addTupleType
class Demanding(Tuple, Base):
    __tupleType__ = "ormtest.Demanding"
    __tablename__ = "demanding"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="given")

    def __init__(self, name: str) -> None:
        self.name = name


class Colour(Enum):
    RED = "red"


def keyed(kind: type[Any], columnType: Any) -> MappedClass:
    class OwnBase(DeclarativeBase):
        pass

    class Keyed(Tuple, OwnBase):
        __tupleType__ = f"ormtest.Keyed.{kind.__name__}"
        __tablename__ = f"keyed_{kind.__name__}"
        id = mapped_column(columnType, primary_key=True)

    return MappedClass(addTupleType(Keyed))


KINDS = {
    kind: keyed(kind, columnType)
    for kind, columnType in (
        (int, Integer),
        (str, String),
        (float, Float),
        (uuid.UUID, Uuid),
        (datetime, DateTime),
        (date, Date),
        (Colour, SqlEnum(Colour)),
        (bytes, LargeBinary),
    )
}
SOME_UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


class TestAKeyInAFilt:
    @pytest.mark.parametrize(
        ("kind", "given", "key"),
        [
            (int, 5, 5),
            (int, -5, -5),
            (int, 5.0, 5),
            (int, "5", 5),
            (str, "5", "5"),
            (float, 2.5, 2.5),
            (float, 2, 2.0),
            (uuid.UUID, str(SOME_UUID), SOME_UUID),
            (uuid.UUID, SOME_UUID, SOME_UUID),
            (datetime, datetime(2024, 1, 2, 3, tzinfo=UTC), datetime(2024, 1, 2, 3)),  # noqa: DTZ001
            (date, date(2024, 1, 2), date(2024, 1, 2)),
            (Colour, "red", Colour.RED),
            (bytes, b"x", b"x"),
        ],
    )
    def test_is_read_as_its_column_has_it(self, kind: type[Any], given: Any, key: Any) -> None:
        found = KINDS[kind].key(given, "filt.id")

        assert found == (key,)
        assert type(found[0]) is type(key)

    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            (int, "five"),
            (int, ""),
            (int, 5.5),
            (int, True),
            (int, [5]),
            (int, {"id": 5}),
            (int, None),
            (int, "5" * 41),
            (str, 5),
            (str, ""),
            (float, "2.5"),
            (uuid.UUID, "12345678"),
            (datetime, "2024-01-02"),
            (Colour, "blue"),
        ],
    )
    def test_of_another_type_is_refused_with_its_place(self, kind: type[Any], given: Any) -> None:
        with pytest.raises(DecodeError, match="expected") as caught:
            KINDS[kind].key(given, "filt.id")

        assert caught.value.path == "filt.id"

    def test_is_a_list_where_it_is_composite(self) -> None:
        assert MappedClass(Seat).key(["A", 1], "filt.id") == ("A", 1)

    @pytest.mark.parametrize("given", ["A", ["A"], ["A", 1, 2], {"letter": "A"}, None])
    def test_of_the_wrong_length_is_refused(self, given: Any) -> None:
        with pytest.raises(DecodeError, match="expected a list of letter, number, got") as caught:
            MappedClass(Seat).key(given, "filt.id")

        assert caught.value.path == "filt.id"

    def test_says_which_part_is_wrong(self) -> None:
        with pytest.raises(DecodeError) as caught:
            MappedClass(Seat).key(["A", "B"], "filt.id")

        assert caught.value.path == "filt.id[1]"


class TestAKeyOfATuple:
    def test_is_what_the_tuple_says(self) -> None:
        assert MappedClass(Seat).keyOf(offTheWire(Seat, letter="A", number=1), "tuples[0]") == ("A", 1)

    @pytest.mark.parametrize("fields", [{}, {"letter": "A"}, {"letter": "A", "number": None}, {"letter": ""}])
    def test_is_none_where_some_of_it_is_not_given(self, fields: dict[str, Any]) -> None:
        assert MappedClass(Seat).keyOf(offTheWire(Seat, **fields), "tuples[0]") is None


class TestABlank:
    def test_of_a_class_that_wants_arguments_is_made_without_them(self) -> None:
        assert MappedClass(Demanding).blank().name == "given"

    def test_of_a_class_is_made_by_it(self) -> None:
        assert MappedClass(Job).blank().secret == "s3cret"
