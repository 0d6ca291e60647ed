"""What the board refuses, and what comes back after an undo: asked over the wire, looked up in the file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.demo_on_a_clock import DemoOnAClock, idOf, job

JOBS = {"key": "demo.jobs"}


class TestUndo:
    """A deleted job that is saved again with its id."""

    def test_brings_back_all_of_it_under_the_same_id(self, demo: DemoOnAClock) -> None:
        page, before = demo.page(), demo.rows()
        kept = page.ask(JOBS)["tuples"][4]
        assert (idOf(kept), kept["title"]) == (5, "Repair the third bicycle")

        assert page.delete(5)["result"] is True
        assert demo.row(5) is None
        answer = page.ask(JOBS, [kept])

        assert answer["result"] is True
        assert [idOf(each) for each in answer["tuples"]] == [5]
        assert demo.rows() == before
        assert before[4][3] == "Amir"
        assert before[4][4] is not None

    def test_brings_back_the_last_one_although_another_was_added_meanwhile(self, demo: DemoOnAClock) -> None:
        page = demo.page()
        last = page.ask(JOBS)["tuples"][5]
        page.delete(6)

        assert idOf(page.save(title="Mend the kite")["tuples"][0]) == 7
        assert page.ask(JOBS, [last])["result"] is True

        assert [row[:2] for row in demo.rows("id > 5")] == [
            (6, "Ask the neighbours about the ladder"),
            (7, "Mend the kite"),
        ]

    def test_is_told_to_the_others(self, demo: DemoOnAClock) -> None:
        ada, bob = demo.page("a"), demo.page("b")
        bob.ask(JOBS)
        last = ada.ask(JOBS)["tuples"][5]

        ada.delete(6)
        ada.ask(JOBS, [last])

        assert [[idOf(each) for each in rows][4:] for rows in bob.pushed("demo.jobs")] == [[5], [5, 6]]
        assert bob.pushed("demo.jobs")[-1][-1] == last

    def test_works_for_the_handler_of_one_job_too(self, demo: DemoOnAClock) -> None:
        page = demo.page()
        (first,) = page.ask({"key": "demo.job", "id": 1})["tuples"]
        before = demo.rows()

        page.ask({"key": "demo.job", "delete": True, "id": 1})
        answer = page.ask({"key": "demo.job"}, [first])

        assert answer["result"] is True
        assert demo.rows() == before


class TestAnEdit:
    def test_changes_what_it_names_and_nothing_else(self, demo: DemoOnAClock) -> None:
        before = demo.row(5)
        assert before is not None

        answer = demo.page().save(id=5, title="  Repair the fourth bicycle\n")

        assert answer["result"] is True
        assert answer["tuples"][0]["title"] == "Repair the fourth bicycle"
        assert demo.row(5) == (5, "Repair the fourth bicycle", *before[2:])

    def test_may_take_away_what_need_not_be_there(self, demo: DemoOnAClock) -> None:
        page = demo.page()
        page.save(id=5, assignee="  ", due=None)

        assert demo.row(5) == (5, "Repair the third bicycle", "doing", None, None)

    def test_of_a_deleted_job_does_not_bring_back_half_of_it(self, demo: DemoOnAClock) -> None:
        page = demo.page()
        page.delete(5)

        answer = page.save(id=5, title="Repair the fourth bicycle", status="done", due=None)

        assert answer["result"] == "unknown-record: there is no job 5 any more"
        assert demo.row(5) is None

    @pytest.mark.parametrize("number", [7, 10**6, 2**63 - 1, 0, -1])
    def test_does_not_take_an_id_that_no_job_has_had(self, demo: DemoOnAClock, number: int) -> None:
        page, before = demo.page(), demo.rows()

        answer = page.save(id=number, title="a", status="open", assignee=None, due=None)

        assert answer["result"] == f"unknown-record: there is no job {number} any more"
        assert demo.rows() == before
        assert idOf(page.save(title="b")["tuples"][0]) == 7


class TestRefusals:
    """Each leaves the rows as they are, and says why in words for whoever is typing."""

    @pytest.mark.parametrize("fields", [{"title": ""}, {"title": " \n\t\u3000"}, {"title": None}, {}])
    def test_of_a_job_without_a_title(self, demo: DemoOnAClock, fields: dict[str, Any]) -> None:
        page, before = demo.page(), demo.rows()

        assert page.save(**fields)["result"] == "no-title: a job needs a title"
        assert page.save(id=None, status="done", **fields)["result"] == "no-title: a job needs a title"
        if fields:
            assert page.save(id=1, **fields)["result"] == "no-title: a job needs a title"
        assert demo.rows() == before

    @pytest.mark.parametrize(("field", "longest"), [("title", 200), ("assignee", 80)])
    def test_of_a_text_that_is_too_long(self, demo: DemoOnAClock, field: str, longest: int) -> None:
        page, before = demo.page(), demo.rows()

        answer = page.save(id=1, **{field: "ü" * (longest + 1)})

        assert answer["result"] == f"too-long: {field} may have {longest} characters, not {longest + 1}"
        assert demo.rows() == before
        assert page.save(id=1, **{field: "ü" * longest})["result"] is True

    def test_of_a_status_that_is_none(self, demo: DemoOnAClock) -> None:
        before = demo.rows()

        result = demo.page().save(id=1, status="soon")["result"]

        assert result.startswith("bad-payload: ")
        assert "'soon'" in result
        assert demo.rows() == before

    def test_of_one_job_is_of_all_that_came_with_it(self, demo: DemoOnAClock) -> None:
        before = demo.rows()

        answer = demo.page().ask(JOBS, [job(id=1, title="Water the trees"), job(title="")])

        assert answer["result"] == "no-title: a job needs a title"
        assert demo.rows() == before

    def test_of_an_id_that_is_none(self, demo: DemoOnAClock) -> None:
        assert demo.page().save(id="x", title="a")["result"].startswith("bad-payload: ")
