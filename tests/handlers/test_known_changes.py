"""What a list of changes comes to."""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Any

import pytest

from tests.handlers.live_scene import Job, Note, jobs
from vortex import Tuple, TupleChange, TupleField, addTupleType
from vortex.handlers.known_changes import netOf


@addTupleType
class Part(Tuple):
    __tupleType__ = "knowntest.Part"
    job: int = TupleField(key=True)
    number: int = TupleField(key=True)
    name: str = ""


@addTupleType
class Shift(Tuple):
    __tupleType__ = "knowntest.Shift"
    day: date = TupleField(key=True)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@addTupleType
class Flower(Tuple):
    __tupleType__ = "knowntest.Flower"
    colour: Colour = TupleField(key=True)
    number: int = TupleField(key=True)


@addTupleType
class Bed(Tuple):
    __tupleType__ = "knowntest.Bed"
    colour: Colour = TupleField(key=True)


DAY = date(2026, 1, 3)


def created(*records: Any) -> list[TupleChange]:
    return [TupleChange(op="created", record=record) for record in records]


def deleted(*keys: Any) -> list[TupleChange]:
    return [TupleChange(op="deleted", key=key) for key in keys]


PART = Part(job=1, number=2)


class TestChanges:
    @pytest.mark.parametrize(
        ("changes", "there", "gone"),
        [
            ([], [], []),
            (created(*jobs(1, 2)), jobs(1, 2), []),
            (deleted(1, "a"), [], [1, "a"]),
            ([*created(*jobs(1, 2)), *deleted(1)], jobs(2), [1]),
            ([*deleted(1), *created(*jobs(1))], jobs(1), []),
            ([*created(Job(id=1)), *created(Job(id=1, title="x"))], [Job(id=1, title="x")], []),
            ([*created(PART), *deleted((1, 2))], [], [(1, 2)]),
            ([*created(PART), *deleted([1, 2])], [], [(1, 2)]),
            (
                [*created(PART, *jobs(1)), *deleted(("knowntest.Part", 1, 2))],
                jobs(1),
                [("knowntest.Part", 1, 2)],
            ),
            ([*deleted((1, 2)), *created(PART)], [PART], []),
            (created(Note(text="a"), Note(text="a")), [Note(text="a"), Note(text="a")], []),
        ],
    )
    def test_come_to_what_is_there_and_what_is_gone_in_the_end(
        self, changes: list[TupleChange], there: list[Any], gone: list[Any]
    ) -> None:
        assert netOf(changes) == (there, gone)

    def test_that_name_the_record_that_is_gone_say_which_it_is(self) -> None:
        (job,) = jobs(1)

        there, gone = netOf([*created(*jobs(1, 2)), TupleChange(op="deleted", record=job)])

        assert there == jobs(2)
        assert set(map(id, gone)) == {id(job)}

    @pytest.mark.parametrize("op", ["created", "updated", "deleted"])
    @pytest.mark.parametrize(
        ("key", "record", "expected", "got"),
        [
            (2, Job(id=3), "3", "2"),
            ("3", Job(id=3), "3", "'3'"),
            ((3, 1), Job(id=3), "3", r"\(3, 1\)"),
            ((2, 1), PART, r"\(1, 2\)", r"\(2, 1\)"),
            (1, PART, r"\(1, 2\)", "1"),
            (("livetest.Job", 1, 2), PART, r"\(1, 2\)", r"\('livetest.Job', 1, 2\)"),
            (Colour.BLUE, Bed(colour=Colour.RED), "'red'", "<Colour.BLUE: 'blue'>"),
            (DAY + timedelta(1), Shift(day=DAY), r".*3.*", r".*4.*"),
        ],
    )
    def test_that_have_a_record_and_the_key_of_another_are_none(
        self, op: Any, key: Any, record: Any, expected: str, got: str
    ) -> None:
        change = TupleChange(op=op, key=key, record=record)

        with pytest.raises(ValueError, match=f"that of its record, expected {expected}, got {got} in "):
            netOf([*created(*jobs(7)), change])

    @pytest.mark.parametrize(
        ("key", "record"),
        [
            (3, Job(id=3)),
            (("livetest.Job", 3), Job(id=3)),
            ((1, 2), PART),
            ([1, 2], PART),
            (["knowntest.Part", 1, 2], PART),
            (DAY, Shift(day=DAY)),
            (Colour.RED, Bed(colour=Colour.RED)),
            ("red", Bed(colour=Colour.RED)),
            ((Colour.RED, 1), Flower(colour=Colour.RED, number=1)),
            (["red", 1], Flower(colour=Colour.RED, number=1)),
            (7, Note(text="a")),
            (None, Job(id=3)),
        ],
    )
    def test_may_have_a_record_and_its_key(self, key: Any, record: Any) -> None:
        assert netOf([TupleChange(op="updated", key=key, record=record)]) == ([record], [])
