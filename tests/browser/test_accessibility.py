"""The board for those who do not see it, or see little of it: axe-core, names, what is said, a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import DESKTOP, PHONE, ColorScheme
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.browser.looks import axeFindings, cutOff, description, unnamedControls

SIZES = {"desktop": DESKTOP, "phone": PHONE}


@pytest.fixture
def demo(lastingDemo: DemoServer) -> DemoServer:
    return lastingDemo


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("colorScheme", ["light", "dark"])
class TestAxe:
    def test_finds_nothing(
        self, demo: DemoServer, visit: Visits, colorScheme: ColorScheme, size: str
    ) -> None:
        """As it is opened, with a toast, with an error at a row, and with the line cut."""
        board = visit.board(demo.url, colorScheme=colorScheme, size=SIZES[size])
        visit.board(demo.url, "held POST", name="Ben")
        expect(board.people).not_to_have_count(0)
        found = {"open": axeFindings(board.page)}

        board.delete(6)
        expect(board.undoButton).to_be_visible()
        found["toast"] = axeFindings(board.page)

        demo.refuseChanges()
        board.edit(1, "Title", "Water the palms")
        board.says(1, re.compile("not saved", re.IGNORECASE))
        board.add("Sharpen the shears")
        expect(board.page.get_by_role("form", name="Add a job")).to_contain_text(
            re.compile("not added", re.IGNORECASE)
        )
        found["error"] = axeFindings(board.page)

        assert found == {"open": [], "toast": [], "error": []}


class TestTree:
    def test_has_a_name_for_every_control(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        board.delete(6)
        expect(board.undoButton).to_be_visible()

        unnamed, count = unnamedControls(board.page)

        assert unnamed == []
        assert count >= 5 * 5 + 5 + 5  # five jobs of five controls each, the new job's, and those of the line

    def test_has_the_state_of_the_line_said_as_it_changes(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)

        board.cutButton.click()
        expect(board.log).to_contain_text(re.compile("waiting|cut", re.IGNORECASE))
        board.mendButton.click()

        expect(board.log).to_contain_text(re.compile("(waiting|cut).*open", re.IGNORECASE | re.DOTALL))
        board.waitUntilOpen()

    def test_has_an_error_at_the_control_that_it_is_about(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        demo.refuseChanges()

        board.edit(1, "Title", "Water the palms")

        board.says(1, re.compile("not saved", re.IGNORECASE))
        said = description(board.page, "Title of job 1")
        assert re.search("not saved", said, re.IGNORECASE)


class TestPhone:
    @pytest.mark.parametrize("colorScheme", ["light", "dark"])
    def test_cuts_nothing_at_360_pixels(
        self, demo: DemoServer, visit: Visits, colorScheme: ColorScheme
    ) -> None:
        board = visit.board(demo.url, size=PHONE, colorScheme=colorScheme)
        visit.board(demo.url, "held POST", name="Somebody with quite a long name")
        expect(board.people).not_to_have_count(0)
        found = {"open": cutOff(board.page)}

        board.delete(6)
        expect(board.undoButton).to_be_visible()
        found["toast"] = cutOff(board.page)

        demo.refuseChanges()
        board.edit(1, "Title", "Water the palms")
        board.says(1, re.compile("not saved", re.IGNORECASE))
        board.add("Sharpen the shears")
        expect(board.page.get_by_role("form", name="Add a job")).to_contain_text(
            re.compile("not added", re.IGNORECASE)
        )
        found["error"] = cutOff(board.page)

        assert found == {"open": [], "toast": [], "error": []}

    def test_gives_a_finger_room(self, demo: DemoServer, visit: Visits) -> None:
        """No control is smaller than 24 pixels either way, and those of a row and of the line are 40 high."""
        board = visit.board(demo.url, size=PHONE, has_touch=True, is_mobile=True)

        for control in (board.deleteButton(1), board.cutButton, board.cell(1, "Status")):
            box = control.bounding_box()
            assert box is not None
            assert box["height"] >= 40
            assert box["width"] >= 40

    def test_goes_through_a_job_s_life(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url, size=PHONE, has_touch=True, is_mobile=True)

        board.add("Sharpen the shears", status="doing")
        row = demo.waitForRow(title="Sharpen the shears", status="doing")
        board.edit(row["id"], "Status", "done")
        demo.waitForRow(title="Sharpen the shears", status="done")
        board.deleteButton(row["id"]).tap()
        board.lacks(row["id"])
        board.undoButton.tap()
        demo.waitForRow(title="Sharpen the shears", status="done", id=row["id"])
