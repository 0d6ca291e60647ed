"""The board without a pointer, and while others write: focus stays where it was, and typed text is kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import BoardPage
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer


@pytest.fixture
def demo(lastingDemo: DemoServer) -> DemoServer:
    return lastingDemo


def focused(board: BoardPage) -> str:
    """The accessible name of what has the focus."""
    name: str = board.page.evaluate(
        """() => {
          const it = document.activeElement
          const label = it.labels?.[0]?.innerText ?? ""
          return it.getAttribute("aria-label") ?? (label.trim() || it.innerText || it.localName)
        }"""
    )
    return name


def tabTo(board: BoardPage, name: str, key: str = "Tab") -> None:
    """Press Tab until this has the focus, as somebody without a pointer does."""
    passed = []
    for _ in range(80):
        passed.append(focused(board))
        if passed[-1] == name:
            return
        board.page.keyboard.press(key)
    raise AssertionError(f"Tab does not come to {name!r}, but to {passed}")


class TestKeyboard:
    def test_alone_is_enough_to_add_edit_delete_and_undo(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        keyboard = board.page.keyboard

        tabTo(board, "Title of the new job")
        keyboard.type("Sharpen the shears")
        tabTo(board, "Status of the new job")
        keyboard.press("ArrowDown")
        tabTo(board, "Assignee of the new job")
        keyboard.type("Zoë")
        keyboard.press("Enter")
        row = demo.waitForRow(title="Sharpen the shears", status="doing", assignee="Zoë")
        expect(board.page.get_by_label("Title of the new job")).to_be_focused()  # for the next one

        tabTo(board, f"Title of job {row['id']}")
        keyboard.press("Control+A")
        keyboard.type("Sharpen the knives")
        keyboard.press("Enter")
        demo.waitForRow(id=row["id"], title="Sharpen the knives")

        tabTo(board, f"Status of job {row['id']}")
        keyboard.press("ArrowDown")
        keyboard.press("Tab")
        demo.waitForRow(id=row["id"], status="done")

        tabTo(board, f"Due date of job {row['id']}")
        keyboard.type("12242027")
        keyboard.press("Tab")
        demo.waitForRow(id=row["id"], due="2027-12-24 00:00:00.000000")
        expect(board.row(row["id"])).not_to_have_attribute("aria-busy", "true")

        tabTo(board, f"Delete job {row['id']}")
        keyboard.press("Enter")
        demo.waitUntil(lambda: demo.row(id=row["id"]) is None)
        expect(board.undoButton).to_be_focused()
        keyboard.press("Enter")
        demo.waitForRow(id=row["id"], title="Sharpen the knives", status="done")
        board.shows(row["id"], title="Sharpen the knives")

    def test_alone_is_enough_to_filter(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)

        tabTo(board, "Show only jobs with this text")
        board.page.keyboard.type("the")
        expect(board.cell(3, "Title")).to_be_hidden()
        tabTo(board, "Show only jobs with this status")
        board.page.keyboard.press("ArrowDown")
        board.page.keyboard.press("ArrowDown")

        expect(board.cell(1, "Title")).to_be_hidden()
        assert board.titles() == ["Repair the third bicycle", "Oil the workshop door"]

    def test_alone_is_enough_to_switch_and_to_cut(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)

        tabTo(board, "WebSocket")
        board.page.keyboard.press("ArrowRight")
        board.waitUntilOpen("held POST")
        tabTo(board, "Cut the line")
        board.page.keyboard.press("Enter")
        board.state("Cut")
        board.page.keyboard.press("Enter")
        board.waitUntilOpen("held POST")

    def test_escape_takes_back_what_was_typed(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        before = demo.rows()

        board.cell(1, "Title").fill("Water the palms")
        board.cell(1, "Title").press("Escape")

        board.shows(1, title="Water the plants")
        board.edit(2, "Title", "Oil both doors")
        demo.waitForRow(id=2, title="Oil both doors")
        assert demo.rows()[0] == before[0]

    @pytest.mark.parametrize(("deleted", "neighbour"), [(64, 63), (63, 31), (31, 63)])
    def test_goes_on_beside_the_row_that_is_gone(
        self, demo: DemoServer, visit: Visits, deleted: int, neighbour: int
    ) -> None:
        """On the row below it, however far its number is from there, or else on that above."""
        demo.fill({"id": id_, "title": f"Job {id_}", "status": "open"} for id_ in (64, 63, 31))
        board = visit.board(demo.url)

        board.delete(deleted)
        expect(board.undoButton).to_be_focused()
        tabTo(board, "Dismiss")
        board.page.keyboard.press("Enter")

        expect(board.deleteButton(neighbour)).to_be_focused()


class TestWhileOthersWrite:
    def test_typed_text_stays(self, demo: DemoServer, visit: Visits) -> None:
        board, other = visit.board(demo.url), visit.board(demo.url, "held POST")
        title = board.cell(1, "Title")
        title.fill("Water the")
        title.evaluate("input => input.setSelectionRange(5, 5)")

        other.edit(1, "Title", "Water all of them")
        other.edit(1, "Status", "doing")
        other.add("Sharpen the shears")
        board.shows(1, status="doing")
        expect(board.rows).to_have_count(7)

        expect(title).to_be_focused()
        expect(title).to_have_value("Water the")
        assert title.evaluate("input => input.selectionStart") == 5
        title.press("End")
        title.press_sequentially(" palms")
        title.press("Enter")
        demo.waitForRow(id=1, title="Water the palms", status="doing")
        other.shows(1, title="Water the palms")

    def test_a_job_that_is_deleted_while_it_is_typed_in_is_said(
        self, demo: DemoServer, visit: Visits
    ) -> None:
        board, other = visit.board(demo.url), visit.board(demo.url)
        board.cell(1, "Title").fill("Water the palms")

        other.delete(1)

        board.lacks(1)
        expect(board.toast).to_contain_text(re.compile("deleted", re.IGNORECASE))
        assert demo.row(id=1) is None

    def test_the_new_job_s_form_is_left_alone(self, demo: DemoServer, visit: Visits) -> None:
        board, other = visit.board(demo.url), visit.board(demo.url)
        title = board.page.get_by_label("Title of the new job")
        title.press_sequentially("Sharpen")

        other.add("Sweep")
        demo.waitForRow(title="Sweep")
        expect(board.rows).to_have_count(7)

        expect(title).to_have_value("Sharpen")
        expect(title).to_be_focused()

    def test_a_filter_holds_for_what_comes(self, demo: DemoServer, visit: Visits) -> None:
        board, other = visit.board(demo.url), visit.board(demo.url)
        board.page.get_by_label("Show only jobs with this text").fill("amir")
        expect(board.cell(1, "Title")).to_be_hidden()
        assert board.titles() == ["Repair the third bicycle", "Order screws, 4 × 40"]

        other.edit(1, "Assignee", "Amir")
        other.edit(3, "Assignee", "Ines")

        expect(board.cell(1, "Title")).to_be_visible()
        expect(board.cell(3, "Title")).to_be_hidden()
        assert board.titles() == ["Repair the third bicycle", "Water the plants"]
