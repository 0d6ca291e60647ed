"""partOf: a tuple with some of its fields, which travels as the whole type does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.orm.rows import Job
from vortex import Tuple, TupleField, addTupleType
from vortex.limits import Limits
from vortex.tuples.convert import NATIVE, TAGGED, Dialect, Reading, fromJsonable, toJsonable
from vortex.tuples.part import partOf
from vortex.tuples.tuple import presentFields


@addTupleType
class Plant(Tuple):
    __tupleType__ = "parttest.Plant"
    id: int = TupleField(key=True, default=0)
    name: str = "fern"
    size: int = TupleField(encoder=lambda size: f"{size} cm", decoder=lambda text: int(text.split()[0]))
    soil: str = TupleField(default="peat", transport=False)


@pytest.mark.parametrize("dialect", [TAGGED, NATIVE])
class TestAPart:
    def test_travels_with_its_own_fields_only(self, dialect: Dialect) -> None:
        made = fromJsonable(toJsonable(partOf(Plant, {"id": 7, "size": 3}), dialect), Reading(Limits()))

        assert type(made) is Plant
        assert (made.id, made.size) == (7, 3)
        assert presentFields(made) == {"id", "size"}

    def test_of_a_row_does_too(self, dialect: Dialect) -> None:
        due = datetime(2024, 2, 29, 12, tzinfo=UTC)
        made = fromJsonable(toJsonable(partOf(Job, {"id": 7, "due": due}), dialect), Reading(Limits()))

        assert type(made) is Job
        assert (made.id, made.due) == (7, datetime(2024, 2, 29, 12))  # noqa: DTZ001  # as its column has it
        assert presentFields(made) == {"id", "due"}


class TestPartOf:
    def test_says_the_fields_as_they_travel_by_their_encoders(self) -> None:
        assert toJsonable(partOf(Plant, {"size": 3})) == {
            "_ct": "rt",
            "_c": "parttest.Plant",
            "size": "3 cm",
        }

    @pytest.mark.parametrize("name", ["colour", "soil"])
    def test_refuses_a_field_that_does_not_travel(self, name: str) -> None:
        with pytest.raises(TypeError, match=f"no field '{name}' that travels: it has id, name, size"):
            partOf(Plant, {name: "red"})

    def test_leaves_the_class_as_it_is(self) -> None:
        partOf(Plant, {"id": 7})

        assert type(fromJsonable({"_ct": "rt", "_c": "parttest.Plant"}, Reading(Limits()))) is Plant
        assert Plant(size=1).name == "fern"
