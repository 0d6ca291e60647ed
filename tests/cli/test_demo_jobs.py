"""The board's actions, by bytes in and bytes out, and what is in the file then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.demo_on_a_clock import DemoOnAClock, Page, job

ACTIONS = {"key": "tupleActionProcessorName", "name": "demo.board"}
SELECTOR = {"_ct": "rt", "_c": "vortex.TupleSelector", "name": "demo.Job", "selector": {}}
BOARD = {"key": "tupleDataObservable", "name": "demo.board", "tupleSelector": SELECTOR}


@pytest.fixture
def page(demo: DemoOnAClock) -> Page:
    return demo.page()


def act(page: Page, kind: str, **jobs: Any) -> dict[str, Any]:
    return page.ask(ACTIONS, [{"_ct": "rt", "_c": f"demo.{kind}Job", **jobs}])


def change(page: Page, number: int, seen: dict[str, Any], wanted: dict[str, Any]) -> Any:
    """The answer's result; None: it was done."""
    return act(page, "Change", seen=job(id=number, **seen), job=job(id=number, **wanted))["result"]


def observed(page: Page) -> list[list[Any]]:
    """The titles of each push of the board."""
    found = [each for each in page.messages if each["filt"].get("key") == BOARD["key"] and each["payload"]]
    return [[row["title"] for row in each["payload"]["tuples"]] for each in found]


class TestChangeJob:
    def test_changes_what_is_as_it_was_seen(self, demo: DemoOnAClock, page: Page) -> None:
        before = demo.row(1)
        assert before is not None

        assert change(page, 1, {"title": "Water the plants"}, {"title": " Water the palms "}) is None

        assert demo.row(1) == (1, "Water the palms", *before[2:])

    def test_of_what_is_something_else_by_now_changes_nothing(self, demo: DemoOnAClock, page: Page) -> None:
        before = demo.rows()

        result = change(page, 1, {"title": "Water the ferns"}, {"title": "Water the palms"})

        assert result.startswith("stale: somebody else was faster: title is “Water the plants” by now")
        assert demo.rows() == before

    def test_that_is_made_again_is_done_already(self, demo: DemoOnAClock, page: Page) -> None:
        for _ in range(2):
            assert change(page, 1, {"assignee": None}, {"assignee": "Ada"}) is None

        assert demo.rows("assignee = 'Ada'")[0][0] == 1

    def test_leaves_alone_what_another_has_changed_in_the_job(self, demo: DemoOnAClock, page: Page) -> None:
        assert change(page, 1, {"title": "Water the plants"}, {"title": "Water the palms"}) is None
        assert change(page, 1, {"status": "open"}, {"status": "done"}) is None

        assert demo.rows("id = 1")[0][1:3] == ("Water the palms", "done")

    def test_of_a_job_that_is_gone_says_so(self, page: Page) -> None:
        result = change(page, 99, {"title": "x"}, {"title": "y"})

        assert result == "unknown-record: there is no job 99 any more"

    def test_keeps_to_the_rules(self, demo: DemoOnAClock, page: Page) -> None:
        before = demo.rows()

        assert change(page, 1, {"title": "Water the plants"}, {"title": " "}).startswith("no-title: ")

        assert demo.rows() == before


class TestDeleteJob:
    def test_deletes_what_is_as_it_was_seen(self, demo: DemoOnAClock, page: Page) -> None:
        assert act(page, "Delete", seen=job(id=1, title="Water the plants"))["result"] is None

        assert demo.row(1) is None

    def test_of_one_that_is_gone_is_done(self, page: Page) -> None:
        assert act(page, "Delete", seen=job(id=99, title="x"))["result"] is None

    def test_of_what_another_has_changed_is_refused(self, demo: DemoOnAClock, page: Page) -> None:
        result = act(page, "Delete", seen=job(id=1, title="Water the ferns"))["result"]

        assert result == "stale: somebody else has changed it meanwhile"
        assert demo.row(1) is not None


class TestAddJob:
    def test_gives_it_an_id(self, demo: DemoOnAClock, page: Page) -> None:
        answer = act(page, "Add", job=job(title="Sharpen the shears", status="open"))

        assert answer["result"] is None
        assert answer["tuples"][0]["title"] == "Sharpen the shears"
        assert demo.rows("title = 'Sharpen the shears'")[0][0] == 7

    def test_brings_back_what_was_deleted_and_nothing_that_is_there(
        self, demo: DemoOnAClock, page: Page
    ) -> None:
        before = demo.rows()
        row = page.ask({"key": "demo.jobs"})["tuples"][4]

        assert act(page, "Add", job=row)["result"] == "exists: job 5 is there"
        act(page, "Delete", seen=job(id=5))
        assert act(page, "Add", job=row)["result"] is None

        assert demo.rows() == before


class TestWhoWatches:
    def test_the_board_sees_what_is_done_by_actions_and_otherwise(
        self, demo: DemoOnAClock, page: Page
    ) -> None:
        looksOn = demo.page("b", "Ben")
        looksOn.ask({**BOARD, "subscribe": True})

        change(page, 1, {"title": "Water the plants"}, {"title": "Water the palms"})
        page.save(id=2, title="Oil both doors")
        page.delete(3)

        assert [titles[:3] for titles in observed(looksOn)[-3:]] == [
            ["Water the palms", "Oil the workshop door", "Order screws, 4 × 40"],
            ["Water the palms", "Oil both doors", "Order screws, 4 × 40"],
            ["Water the palms", "Oil both doors", "Read the electricity meter"],
        ]

    def test_the_rows_sees_what_is_done_by_actions(self, demo: DemoOnAClock, page: Page) -> None:
        looksOn = demo.page("b", "Ben")
        looksOn.ask({"key": "demo.jobs"})

        change(page, 1, {"title": "Water the plants"}, {"title": "Water the palms"})

        assert looksOn.pushed("demo.jobs")[-1][0]["title"] == "Water the palms"
