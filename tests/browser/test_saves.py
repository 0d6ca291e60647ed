"""
A save while the line goes: it is told as made or as failed, and the page then shows the server's row.

"Made" is no error and the new value; everything else is an error at the row, whose text says what is known.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import MAYBE_SAVED, NOT_SAVED, TRANSPORTS, BoardPage, Transport
from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.cutting_proxy import CuttingProxy
from tests.browser.demo_server import DemoServer


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestWithTheButtonCut:
    def test_a_change_is_told_as_not_saved_and_the_server_s_row_shown(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        board.cutButton.click()
        board.state("Cut")

        board.edit(1, "Title", "Water the palms")

        board.says(1, NOT_SAVED)
        board.mendButton.click()
        board.waitUntilOpen()
        board.shows(1, title="Water the plants")
        board.says(1, NOT_SAVED)
        assert demo.row(id=1, title="Water the plants")

        board.edit(1, "Title", "Water the palms")  # a save that works ends what was said
        demo.waitForRow(id=1, title="Water the palms")
        expect(board.row(1).locator(".error")).to_be_hidden()

    def test_an_added_job_is_told_as_not_saved_and_stays_typed(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        before = demo.rows()
        board.cutButton.click()
        board.state("Cut")

        board.add("Sharpen the shears", assignee="Zoë")

        form = board.page.get_by_role("form", name="Add a job")
        expect(form).to_contain_text(re.compile("not added", re.IGNORECASE))
        expect(form.get_by_label("Title of the new job")).to_have_value("Sharpen the shears")
        expect(form.get_by_label("Assignee of the new job")).to_have_value("Zoë")
        assert demo.rows() == before

        board.mendButton.click()
        board.waitUntilOpen()
        form.get_by_role("button", name="Add").click()
        demo.waitForRow(title="Sharpen the shears", assignee="Zoë")
        expect(form.get_by_label("Title of the new job")).to_have_value("")

    def test_a_deletion_is_told_as_not_made_and_the_row_stays(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        before = demo.rows()
        board.cutButton.click()
        board.state("Cut")

        board.delete(1)

        board.says(1, re.compile("not deleted", re.IGNORECASE))
        board.shows(1, title="Water the plants")
        board.mendButton.click()
        board.waitUntilOpen()
        board.shows(1, title="Water the plants")
        assert demo.rows() == before


def quietBoard(visit: Visits, proxy: CuttingProxy, transport: Transport) -> BoardPage:
    """A board behind the proxy that sends nothing but what is done on it."""
    visitor = visit.visitor()
    visitor.mayFail.append(BROKEN)
    visitor.context.add_init_script("window.setInterval = () => 0")  # that is when round trips are measured
    board = BoardPage.opened(visitor, proxy.url, transport)
    board.settle()
    return board


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestCutInTheMiddle:
    """A save is under way when the proxy cuts: what the server did, the page cannot know."""

    def test_before_it_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseRequests()
        board.edit(1, "Title", "Water the palms")
        proxy.waitUntilLost()

        proxy.cut()

        board.says(1, MAYBE_SAVED)
        proxy.mend()
        board.waitUntilOpen()
        board.shows(1, title="Water the plants")
        board.says(1, MAYBE_SAVED)
        assert demo.row(id=1, title="Water the plants")

    def test_before_its_answer_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseAnswers()
        board.edit(1, "Title", "Water the palms")
        demo.waitForRow(id=1, title="Water the palms")

        proxy.cut()

        board.says(1, MAYBE_SAVED)
        proxy.mend()
        board.waitUntilOpen()
        board.shows(1, title="Water the palms")
        assert demo.row(id=1, title="Water the palms")

    def test_of_an_added_job_before_its_answer_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseAnswers()
        board.add("Sharpen the shears")
        added = demo.waitForRow(title="Sharpen the shears")

        proxy.cut()

        expect(board.page.get_by_role("form", name="Add a job")).to_contain_text(MAYBE_SAVED)
        proxy.mend()
        board.waitUntilOpen()
        board.shows(added["id"], title="Sharpen the shears")
        assert demo.titles().count("Sharpen the shears") == 1

    def test_of_a_deletion_before_its_answer_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        """It was made: the row is gone, and there is a way back."""
        board = quietBoard(visit, proxy, transport)
        before = demo.rows()
        proxy.loseAnswers()
        board.delete(1)
        demo.waitUntil(lambda: demo.row(id=1) is None)

        proxy.cut()

        board.says(1, MAYBE_SAVED)
        proxy.mend()
        board.waitUntilOpen()
        board.lacks(1)
        board.undoButton.click()
        demo.waitForRow(id=1)
        assert demo.rows() == before


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestServerKilledInTheMiddle:
    def test_before_it_reads_the_save(self, demo: DemoServer, visit: Visits, transport: Transport) -> None:
        board = visit.board(demo.url, transport)
        board.visitor.mayFail.append(BROKEN)
        demo.freeze()
        board.edit(1, "Title", "Water the palms")
        expect(board.row(1)).to_have_attribute("aria-busy", "true")

        demo.kill()

        board.says(1, MAYBE_SAVED)
        assert demo.row(id=1, title="Water the plants")
        demo.start()
        board.waitUntilOpen()
        board.shows(1, title="Water the plants")
        board.says(1, MAYBE_SAVED)

    def test_where_the_row_was_changed_by_another_meanwhile(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        board.visitor.mayFail.append(BROKEN)
        demo.kill()
        board.state(re.compile("Waiting|Connecting"))
        board.edit(1, "Title", "Water the palms")
        board.says(1, NOT_SAVED)
        demo.change("update {table} set title = 'Water them all' where id = 1")

        demo.start()

        board.waitUntilOpen()
        board.shows(1, title="Water them all")
        board.says(1, NOT_SAVED)
        assert demo.row(id=1, title="Water them all")


class TestRefusedSave:
    def test_is_told_where_there_is_no_row_any_more(self, demo: DemoServer, visit: Visits) -> None:
        """The row is gone from the database, which nobody was told."""
        board = visit.board(demo.url)
        demo.change("delete from {table} where id = 1")

        board.edit(1, "Title", "Water the palms")

        board.lacks(1)
        expect(board.toast).to_contain_text(re.compile("Job 1 was deleted. Not saved", re.IGNORECASE))
        assert demo.row(id=1) is None

    def test_of_a_title_that_the_server_does_not_take(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        demo.change(
            "create trigger no_shears before update on {table} when new.title like '%shears%'"
            " begin select raise(abort, 'no shears'); end"
        )

        board.edit(1, "Title", "Sharpen the shears")

        board.says(1, NOT_SAVED)
        board.shows(1, title="Water the plants")
        assert demo.row(id=1, title="Water the plants")
