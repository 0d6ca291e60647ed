"""Mapped rows in columns: what a group of them is on our own wire, and what is made of one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session

from tests.orm.mapped_rows import Animal, Cat, Colour, Dog, Job, engine
from vortex.errors import DecodeError, EncodeError
from vortex.limits import Limits
from vortex.tuples import Reading, presentFields
from vortex.tuples.columns import decodeGroups, encodeGroups, groupsOf

__all__ = ["engine"]

FIELDS = [
    "at", "by", "colour", "cost", "data", "due", "id", "long", "made", "mood", "notes", "title", "token",
]  # fmt: skip
WATER = Job(
    title="Water",
    due=datetime(2024, 2, 29, 13, 14, 15),  # noqa: DTZ001
    colour=Colour.RED,
    cost=Decimal("1.50"),
    data={"a": [1]},
    token=UUID(int=1),
    secret="s3cret",
)


def read(kinds: str, fields: list[str], *rows: list[Any]) -> list[Job]:
    """Jobs off the wire, from a group as JSON has it."""
    group = {"t": "test_mapped.Job", "f": fields, "k": kinds, "r": list(rows)}
    return decodeGroups(groupsOf([group]), Reading(Limits()))


def refused(kinds: str, fields: list[str], *rows: list[Any]) -> str:
    with pytest.raises(DecodeError) as caught:
        read(kinds, fields, *rows)
    return str(caught.value)


class TestWritten:
    def test_are_all_their_fields_that_travel(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add(session.merge(WATER))
            session.commit()
        with Session(engine) as session:
            groups = encodeGroups([session.scalars(select(Job)).one(), Job(id=5, notes=["a"])])

        assert groups == [
            {
                "t": "test_mapped.Job",
                "f": FIELDS,
                "k": "dppfjdipppjpp",
                "r": [
                    [
                        *(None, None, "red", 1.5, {"a": [{"_ft": "int", "_fd": 1}]}),
                        *("2024-02-29 13:14:15.000000+0000", 1, None, "here", "calm", [], "Water"),
                        "00000000-0000-0000-0000-000000000001",
                    ],
                    [None, None, None, None, None, None, 5, None, None, "calm", ["a"], None, None],
                ],
            }
        ]

    def test_of_derived_classes_are_groups_of_their_own(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add_all([Dog(kind="dog", breed="x"), Cat(kind="cat", lives=9), Cat(kind="cat", lives=8)])
            session.commit()
            groups = encodeGroups(list(session.scalars(select(Animal).order_by(Animal.id))))

        assert [(group["t"], group["f"], group["r"]) for group in groups] == [
            ("test_mapped.Dog", ["breed", "id", "kind", "mood"], [["x", 1, "dog", "calm"]]),
            (
                "test_mapped.Cat",
                ["id", "kind", "lives", "mood"],
                [[2, "cat", 9, "calm"], [3, "cat", 8, "calm"]],
            ),
        ]

    def test_that_expired_are_loaded_again(self, engine: Engine) -> None:
        with Session(engine) as session:
            job = Job(title="x")
            session.add(job)
            session.commit()

            [group] = encodeGroups([job])

        assert group["r"][0][FIELDS.index("made")] == "here"

    def test_that_lost_their_session_are_an_error_that_knows_the_way_out(self, engine: Engine) -> None:
        with Session(engine) as session:
            job = Job(title="x")
            session.add(job)
            session.commit()

        with pytest.raises(EncodeError, match="expire_on_commit=False") as caught:
            encodeGroups([Job(title="y"), job])

        assert caught.value.path.startswith("[1].")
        assert type(caught.value.__cause__).__name__ == "DetachedInstanceError"

    def test_that_left_a_deferred_column_behind_are_an_error_and_not_a_null(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add(Job(title="x"))
            session.commit()
            session.expunge_all()
            job = session.scalars(select(Job)).one()

        with pytest.raises(EncodeError) as caught:
            encodeGroups([job])

        assert caught.value.path == "[0].long"


class TestRead:
    WHOLE: tuple[Any, ...] = (
        *("2024-02-29 23:14:15.000000+1000", "me", "blue", 2.5, [{"_ft": "int", "_fd": 1}]),
        *("2024-02-29 23:14:15.000000+1000", 5, None, "here", "glad", ["a"], "Water"),
        "00000000-0000-0000-0000-000000000002",
    )

    def test_can_be_stored(self, engine: Engine) -> None:
        jobs = read("dppfjdipppjpp", FIELDS, list(self.WHOLE))
        with Session(engine) as session:
            session.add_all(jobs)
            session.commit()
        with Session(engine) as session:
            row = session.scalars(select(Job)).one()

            assert (row.id, row.title, row.colour, row.cost) == (5, "Water", Colour.BLUE, Decimal("2.50"))
            assert (row.token, row.made, row.data, row.by) == (UUID(int=2), "here", [1], "me")
            assert row.due == datetime(2024, 2, 29, 13, 14, 15)  # noqa: DTZ001

    @pytest.mark.parametrize("isWhole", [True, False])
    def test_hold_utc_as_their_columns_have_it(self, isWhole: bool) -> None:
        if isWhole:
            [job] = read("dppfjdipppjpp", FIELDS, list(self.WHOLE))
        else:
            [job] = read("dd", ["due", "at"], [self.WHOLE[5], self.WHOLE[0]])

        assert job.at == datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)
        assert job.at.tzinfo is UTC
        assert job.due == datetime(2024, 2, 29, 13, 14, 15)  # noqa: DTZ001

    def test_have_only_what_came(self) -> None:
        first, second = read("pp", ["title", "due"], ["x", None], ["y", None])

        assert presentFields(first) == presentFields(second) == {"title", "due"}
        assert (first.title, second.title, second.mood) == ("x", "y", "calm")

    def test_touch_only_what_came_when_they_are_merged(self, engine: Engine) -> None:
        with Session(engine) as session:
            job = Job(title="x", colour=Colour.RED)
            job.by = "me"
            session.add(job)
            session.commit()
        with Session(engine) as session:
            session.merge(*read("ipp", ["id", "title", "colour"], [1, "y", None]))
            session.commit()
        with Session(engine) as session:
            row = session.scalars(select(Job)).one()

            assert (row.title, row.by, row.colour) == ("y", "me", None)

    def test_are_noticed_by_sqlalchemy_field_by_field(self) -> None:
        for state in (
            inspect(read("p", ["title"], ["x"])[0]),
            inspect(read("dppfjdipppjpp", FIELDS, list(self.WHOLE))[0]),
        ):
            assert state.attrs.title.history.added
        assert inspect(read("p", ["title"], ["x"])[0]).attrs.by.history.added == ()

    @pytest.mark.parametrize(
        "name", ["steps", "numbers", "heading", "answer", "counted", "loud", "helper", "secret", "metadata"]
    )
    def test_never_have_anything_but_fields_set(self, name: str) -> None:
        assert "has no field" in refused("pp", ["title", name], ["x", "evil"])

    def test_know_their_types(self) -> None:
        assert refused("p", ["title"], ["x"], [5]) == "expected str, got 5 - at [1].title"
        assert (
            refused("p", ["colour"], ["green"])
            == "expected one of 'red', 'blue', got 'green' - at [0].colour"
        )
        assert refused("p", ["due"], ["now"]) == "expected datetime, got 'now' - at [0].due"

    @pytest.mark.parametrize("isWhole", [True, False])
    def test_that_the_class_itself_refuses_are_refused_without_its_words(self, isWhole: bool) -> None:
        whole = [*self.WHOLE[:11], "swordfish", None]
        rows = ("dppfjdipppjpp", FIELDS, list(self.WHOLE), whole)
        kinds, fields, *some = rows if isWhole else ("p", ["title"], ["x"], ["swordfish"])

        with pytest.raises(DecodeError) as caught:
            read(kinds, fields, *some)

        assert str(caught.value) == "a test_mapped.Job does not take that value - at [1].title"
        assert "password" in str(caught.value.__cause__)
