"""The schema: what a Tuple class says of itself."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NewType, Protocol, TypeVar
from uuid import UUID

import pytest

from vortex.tuples import FieldSchema, Tuple, TupleField, TupleSchema, addTupleType, describe
from vortex.tuples.field import UnresolvedHint
from vortex.tuples.hints import hintText


class Colour(enum.Enum):
    RED = "red"
    DEEP = 7


class Readable(Protocol):
    def read(self) -> bytes: ...


@addTupleType
class Person(Tuple):
    """
    Someone.

        Indented.
    """

    __tupleType__ = "test_schema.Person"

    id: int = TupleField(key=True, comment="which")
    name: str = "nobody"
    friends: list[Person | None] = TupleField(default=[])
    born: datetime = TupleField(factory=lambda: datetime(2024, 1, 1))  # noqa: DTZ001
    secret: bytes | None = TupleField(transport=False)
    loose = TupleField()


class TestDescribe:
    def test_says_of_every_field_what_there_is_to_say(self) -> None:
        assert describe(Person) == TupleSchema(
            tupleType="test_schema.Person",
            fields=(
                FieldSchema("id", "int", True, False, None, "which", True),
                FieldSchema("name", "str", False, False, "nobody", "", True),
                FieldSchema("friends", "list[test_schema.Person | None]", False, False, [], "", True),
                FieldSchema("born", "datetime", False, False, None, "", True),
                FieldSchema("secret", "bytes | None", False, True, None, "", False),
                FieldSchema("loose", "Any", False, True, None, "", True),
            ),
            comment="Someone.\n\n    Indented.",
        )

    def test_hands_out_copies_of_defaults(self) -> None:
        describe(Person).fields[2].default.append(1)

        assert describe(Person).fields[2].default == []

    def test_has_no_comment_for_a_class_that_only_its_base_explains(self) -> None:
        @addTupleType
        class Silent(Person):
            __tupleType__ = "test_schema.Silent"

        assert describe(Silent).comment == ""

    def test_fails_where_an_annotation_names_nothing(self) -> None:
        @addTupleType
        class Broken(Tuple):
            __tupleType__ = "test_schema.Broken"
            friend: Persn  # type: ignore[name-defined]  # noqa: F821

        with pytest.raises(UnresolvedHint, match=r"Broken\.friend"):
            describe(Broken)


T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)


class TestTypeText:
    @pytest.mark.parametrize(
        ("hint", "expected"),
        [
            (int, "int"),
            (None, "None"),
            (Any, "Any"),
            (object, "Any"),
            (Readable, "Any"),
            (date, "date"),
            (Decimal, "Decimal"),
            (UUID, "UUID"),
            (list, "list"),
            (list[int], "list[int]"),
            (dict[str, list[Decimal]], "dict[str, list[Decimal]]"),
            (tuple[int, ...], "tuple[int, ...]"),
            (int | str | None, "int | str | None"),
            (Literal["a", 1], "Literal['a', 1]"),
            (Colour, "Literal['red', 7]"),
            (Person, "test_schema.Person"),
            (Annotated[int, "x"], "int"),
            (Final[int], "int"),
            (NewType("Key", int), "int"),
            (T, "Any"),
            (Bound, "int"),
        ],
        ids=str,
    )
    def test_is_what_a_reader_should_see(self, hint: Any, expected: str) -> None:
        assert hintText(hint) == expected
