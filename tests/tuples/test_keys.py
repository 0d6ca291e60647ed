"""Keys: what tells the rows of a state apart, at both ends."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from vortex.tuples import Tuple, TupleField, addTupleType
from vortex.tuples.keys import KeyReader, keyFieldsOf, keyFromWire, keysOf, wireKey


class Base(DeclarativeBase):
    pass


class Colour(enum.Enum):
    RED = "red"


@addTupleType
class Job(Tuple):
    __tupleType__ = "keys.Job"
    id: Any = TupleField(key=True)
    title: str = ""


@addTupleType
class Word(Tuple):
    __tupleType__ = "keys.Word"
    text: str = ""
    number: int = TupleField(key=True)
    language: str = TupleField(key=True)


@addTupleType
class Note(Tuple):
    __tupleType__ = "keys.Note"
    text: str = ""


@addTupleType
class Hidden(Tuple):
    __tupleType__ = "keys.Hidden"
    id: int = TupleField(key=True, transport=False)


@addTupleType
class Coded(Tuple):
    __tupleType__ = "keys.Coded"
    id: int = TupleField(key=True, encoder=lambda value: f"no. {value}")


@addTupleType
class Mapped_(Tuple, Base):
    __tupleType__ = "keys.Mapped"
    __tablename__ = "keys_mapped"
    name: Mapped[str]
    id: Mapped[int] = mapped_column(primary_key=True)


class TestKeyFields:
    @pytest.mark.parametrize(
        ("cls", "names"),
        [(Job, ("id",)), (Word, ("number", "language")), (Note, ()), (Hidden, ()), (Mapped_, ("id",))],
    )
    def test_are_what_the_class_says_and_travels(self, cls: Any, names: Any) -> None:
        assert keyFieldsOf(cls) == names


class TestKeysOf:
    def test_one_field_is_its_value(self) -> None:
        assert keysOf([Job(id=7), Job(id=3)]) == ({"keys.Job": ["id"]}, [7, 3])

    def test_several_fields_are_their_values(self) -> None:
        rows = [Word(number=1, language="en"), Word(number=1, language="de")]

        assert keysOf(rows) == ({"keys.Word": ["number", "language"]}, [(1, "en"), (1, "de")])

    def test_several_types_begin_with_the_type(self) -> None:
        rows = [Job(id=7), Word(number=7, language="en"), Mapped_(id=7, name="x")]

        assert keysOf(rows) == (
            {"keys.Job": ["id"], "keys.Word": ["number", "language"], "keys.Mapped": ["id"]},
            [("keys.Job", 7), ("keys.Word", 7, "en"), ("keys.Mapped", 7)],
        )

    def test_nothing_is_keyed(self) -> None:
        assert keysOf([]) == ({}, [])

    @pytest.mark.parametrize(
        ("value", "key"),
        [
            (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
            (Colour.RED, "red"),
            (datetime(2024, 2, 29, 13), datetime(2024, 2, 29, 13, tzinfo=UTC)),  # noqa: DTZ001
            (b"\x00", b"\x00"),
            ([1, "a"], (1, "a")),
            (2.5, 2.5),
            (0, 0),
            ("", ""),
        ],
        ids=repr,
    )
    def test_a_value_is_what_travels_of_it(self, value: Any, key: Any) -> None:
        assert keysOf([Job(id=value)]) == ({"keys.Job": ["id"]}, [key])

    def test_a_field_with_an_encoder_is_what_it_makes(self) -> None:
        assert keysOf([Coded(id=7)]) == ({"keys.Coded": ["id"]}, ["no. 7"])

    @pytest.mark.parametrize(
        "rows",
        [
            [Note(text="no key")],
            [Job(id=1), Note(text="no key")],
            [Job(id=1), "no tuple"],
            [Job(id=None)],
            [Job(id=1), Job(id=1)],
            [Job(id={"a": 1})],
            [Job(id=[None])],
            [Job(id=float("nan"))],
            [Job(id=object())],
            [Word(number=1, language=None)],  # type: ignore[arg-type]
        ],
        ids=lambda rows: str(rows).split(" at 0x")[0],
    )
    def test_says_where_there_are_none(self, rows: Any) -> None:
        assert keysOf(rows) is None


class TestKeyReader:
    def test_reads_by_the_fields_that_it_was_told(self) -> None:
        reader = KeyReader({"keys.Note": ["text"]})

        assert reader.keyOf(Note(text="a")) == "a"
        assert reader.keysOf([Note(text="a"), Note(text="b")]) == ["a", "b"]

    def test_begins_with_the_type_where_it_was_told_several(self) -> None:
        reader = KeyReader({"keys.Note": ["text"], "keys.Job": ["id"]})

        assert reader.keyOf(Note(text="a")) == ("keys.Note", "a")

    @pytest.mark.parametrize("row", [Job(id=7), "text", None, Note(text=None)], ids=str)  # type: ignore[arg-type]
    def test_says_what_has_no_key(self, row: Any) -> None:
        assert KeyReader({"keys.Note": ["text"]}).keyOf(row) is None

    def test_says_that_a_field_is_unknown(self) -> None:
        assert KeyReader({"keys.Note": ["words"]}).keyOf(Note(text="a")) is None

    def test_says_that_two_have_one_key(self) -> None:
        assert KeyReader({"keys.Note": ["text"]}).keysOf([Note(text="a"), Note(text="a")]) is None


class TestOnTheWire:
    @pytest.mark.parametrize(("key", "value"), [(7, 7), ("a", "a"), (("a", (1, 2)), ["a", [1, 2]])])
    def test_a_key_of_several_values_is_a_list(self, key: Any, value: Any) -> None:
        assert wireKey(key) == value
        assert keyFromWire(value) == key

    @pytest.mark.parametrize("value", [None, {"a": 1}, [1, None], float("nan")], ids=str)
    def test_some_values_are_no_keys(self, value: Any) -> None:
        assert keyFromWire(value) is None
