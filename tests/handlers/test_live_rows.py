"""The rows of a view: what a delta costs, and what makes no sense. The rest is in tests/conformance."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from vortex import Tuple, TupleField, addTupleType
from vortex.errors import DecodeError
from vortex.handlers.live_rows import Ask, LiveRows, ViewState
from vortex.handlers.view_message import readView


@addTupleType
class Job(Tuple):
    __tupleType__ = "rows.Job"
    id: int = TupleField(key=True, default=0)
    title: str = ""


@addTupleType
class Undeclared(Tuple):
    """What can be read, and not written."""

    __tupleType__ = "rows.Undeclared"
    id: Any = None


def viewOf(count: int) -> LiveRows:
    live = LiveRows()
    whole = {"w": 1, "e": "a", "s": 1, "k": {"rows.Job": ["id"]}}
    live.take(whole, [Job(id=number, title="tea") for number in range(count)], isAnswer=True)
    return live


def costOf(function: Callable[[], object]) -> tuple[int, int]:
    """How many calls *function* makes, of functions in Python and in C, and how many bytes it needs."""
    calls = [0]

    def count(_frame: object, event: str, _argument: object) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    tracemalloc.start()
    try:
        function()
        return calls[0], tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestADeltaOfOneRow:
    @pytest.mark.parametrize("kind", ["created", "updated", "deleted", "nothing"])
    def test_costs_the_same_in_any_view(self, kind: str) -> None:
        costs = []
        for count in (10, 5_000):
            live = viewOf(count)
            serials = iter(range(1, 10))

            def change(live: LiveRows = live, serials: Any = serials) -> None:
                serial = next(serials)
                view: dict[str, Any] = {"w": 1, "f": serial, "t": serial + 1}
                rows = {
                    "created": [Job(id=-serial)],
                    "updated": [Job(id=5, title=f"tea {serial}")],
                    "deleted": [],
                    "nothing": [Job(id=5, title="tea")],
                }[kind]
                if kind == "deleted":
                    view["x"] = [serial]
                taken = live.take(view, rows)
                assert (taken.ask, live.serial) == (None, serial + 1)

            change()  # what is compiled once, is
            costs.append(costOf(change))

        (fewCalls, fewBytes), (manyCalls, manyBytes) = costs
        assert manyCalls == fewCalls
        assert manyBytes < fewBytes + 2000

    def test_is_seen_by_who_looks_again(self) -> None:
        live = viewOf(3)
        before = live.rows[1]
        live.take({"w": 1, "f": 1, "t": 2}, [Job(id=1, title="coffee")])

        assert before.title == "tea"
        assert live.rows[1].title == "coffee"
        assert [job.id for job in live.rows] == [0, 1, 2]

    def test_leaves_the_objects_of_other_rows(self) -> None:
        live = viewOf(3)
        before = list(live.rows)
        live.take(
            {"w": 1, "e": "b", "s": 1, "k": {"rows.Job": ["id"]}},
            [Job(id=0, title="tea"), Job(id=1, title="coffee"), Job(id=2, title="tea")],
        )

        assert [a is b for a, b in zip(before, live.rows, strict=True)] == [True, False, True]


class TestAViewMessage:
    @pytest.mark.parametrize(
        "view",
        [
            {},
            {"f": 1},
            {"f": 1, "t": -1},
            {"f": 1, "t": True},
            {"f": 1, "t": 2, "x": 3},
            {"f": 1, "t": 2, "x": [None]},
            {"f": 1, "t": 2, "x": [{}]},
            {"f": 1, "t": 2, "i": [1, 2]},
            {"f": 1, "t": 2, "i": [[0, 1], [1, 1]]},
            {"f": 1, "t": 2, "i": [[0, 1], [0, 2]]},
            {"f": 1, "t": 2, "e": 3},
            {"s": 1},
            {"s": 1, "e": 5},
            {"s": "1", "e": "a"},
            {"s": 1, "e": "a", "k": ["id"]},
            {"s": 1, "e": "a", "k": {"x": []}},
            {"s": 1, "e": "a", "k": {"x": [1]}},
            {"s": 1, "e": "a", "p": [2, 2]},
            {"s": 1, "e": "a", "p": [0]},
            {"s": 1, "c": [1]},
            {"s": 1, "c": [1, "x"]},
            {"c": [1, 2]},
        ],
        ids=str,
    )
    def test_that_makes_no_sense_is_an_error(self, view: dict[str, Any]) -> None:
        with pytest.raises(DecodeError, match=r"view\."):
            readView(view)

    def test_that_answers_and_makes_no_sense_is_not_asked_for_again_at_once(self) -> None:
        live = viewOf(2)
        live.asked()
        taken = live.take({"w": 1, "f": 1}, [], isAnswer=True)

        assert (taken.ask, live.state) == (None, ViewState.STALE)
        assert isinstance(taken.error, DecodeError)

    def test_of_another_epoch_does_not_answer_where_something_was_held(self) -> None:
        live = viewOf(2)
        live.asked()
        taken = live.take({"w": 1, "f": 1, "t": 2, "e": "b"}, [], isAnswer=True)

        assert isinstance(taken.error, DecodeError)
        assert live.position == "a.1"


class TestAWholeState:
    def test_takes_the_place_of_rows_that_cannot_be_written(self) -> None:
        live = LiveRows()
        live.takeAll([Undeclared(id=object())])
        taken = live.takeAll([Undeclared(id=1)])

        assert taken.changes is not None
        assert [change.op for change in taken.changes] == ["deleted", "created"]

    def test_that_cannot_be_written_fits_no_check(self) -> None:
        live = LiveRows()
        live.take({"w": 1, "e": "a", "s": 1}, [Undeclared(id=object())], isAnswer=True)

        assert live.take({"w": 1, "s": 1, "c": [1, 7]}, []).ask is Ask.ANEW

    def test_without_positions_is_keyed_as_its_classes_say(self) -> None:
        live = LiveRows()
        live.takeAll([Job(id=1), Job(id=2)])
        taken = live.takeAll([Job(id=2), Job(id=3)])

        assert taken.changes is not None
        assert [(change.op, change.key) for change in taken.changes] == [("deleted", 1), ("created", 3)]
        assert live.position is None

    def test_of_which_parts_are_missing_is_not_waited_for_after_an_answer_without_it(self) -> None:
        live = viewOf(2)
        live.take({"w": 1, "e": "a", "s": 2, "k": {"rows.Job": ["id"]}, "p": [0, 2]}, [Job(id=8)])
        live.asked()
        answer = {"w": 1, "e": "a", "f": 1, "t": 2, "k": {"rows.Job": ["id"]}}
        live.take(answer, [Job(id=9)], isAnswer=True)

        taken = live.take({"w": 1, "s": 2, "c": [3, 1]}, [])

        assert taken.ask is Ask.ANEW


class TestARow:
    @pytest.mark.parametrize(
        ("before", "after"),
        [(0, False), (True, 1), ({"a": [0]}, {"a": [False]}), (Undeclared(id=1), Undeclared(id=True))],
    )
    def test_is_another_where_python_says_that_it_is_the_same(self, before: Any, after: Any) -> None:
        live = viewOf(1)
        job = Job(id=0)
        job.title = before
        live.take({"w": 1, "f": 1, "t": 2}, [job])
        job = Job(id=0)
        job.title = after

        taken = live.take({"w": 1, "f": 2, "t": 3}, [job])

        assert [change.fields for change in taken.changes or []] == [["title"]]
        assert live.rows[0] is job

    @pytest.mark.parametrize("value", [1, True, None, 1.5, {"a": [1, "x"]}, Undeclared(id=1)])
    def test_that_comes_again_is_no_change(self, value: Any) -> None:
        live = viewOf(1)
        changes = []
        for serial in (1, 2):
            job = Job(id=0)
            job.title = value
            changes.append(live.take({"w": 1, "f": serial, "t": serial + 1}, [job]).changes)

        assert changes[0] is not None
        assert changes[1] is None


class TestAPosition:
    @pytest.mark.parametrize("position", ["", "7", ".7", "a.", "a.x", "a.-1", "a.٣"])
    def test_has_an_epoch_and_a_serial(self, position: str) -> None:
        with pytest.raises(ValueError, match="expected a position"):
            LiveRows(position)

    def test_may_have_dots_in_its_epoch(self) -> None:
        live = LiveRows("a.b.7")

        assert (live.epoch, live.serial, live.position, live.state) == ("a.b", 7, "a.b.7", ViewState.STALE)
