"""
A save while the line goes is made when it is back, once; the page then shows the server's row.

One that the server refuses is an error at the row, whose text says why.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import NOT_SAVED, TRANSPORTS, BoardPage, Transport
from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.cutting_proxy import CuttingProxy
from tests.browser.demo_server import DemoServer


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestWithTheButtonCut:
    """What is done while there is no line is under way until there is one, and is made then, once."""

    def test_changes_are_made_when_the_line_is_mended(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        before = demo.rows()
        board.cutButton.click()
        board.state("Cut")

        board.edit(1, "Title", "Water the palms")
        board.add("Sharpen the shears", assignee="Zoë")
        board.delete(2)

        expect(board.row(1)).to_have_attribute("aria-busy", "true")
        assert demo.rows() == before
        board.mendButton.click()
        board.waitUntilOpen()
        added = demo.waitForRow(title="Sharpen the shears", assignee="Zoë")
        demo.waitForRow(id=1, title="Water the palms")
        board.lacks(2)
        board.shows(added["id"], title="Sharpen the shears")
        expect(board.row(1).locator(".error")).to_be_hidden()
        expect(board.figure("Resumed")).not_to_have_text("0")
        expect(board.figure("Reset")).to_have_text("0")
        assert demo.titles().count("Sharpen the shears") == 1


def quietBoard(visit: Visits, proxy: CuttingProxy, transport: Transport) -> BoardPage:
    """A board behind the proxy that sends nothing but what is done on it."""
    visitor = visit.visitor()
    visitor.mayFail.append(BROKEN)
    visitor.context.add_init_script("window.setInterval = () => 0")  # that is when round trips are measured
    board = BoardPage.opened(visitor, proxy.url, transport)
    board.settle()
    if transport == "held POST":  # one POST at a time: the next would wait for an answer that is lost
        proxy.waitUntilQuiet()
    return board


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestCutInTheMiddle:
    """A save is under way when the proxy cuts: it is made once, and answered when there is a line again."""

    def test_before_it_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseRequests()
        board.edit(1, "Title", "Water the palms")
        proxy.waitUntilLost()

        proxy.cut()
        board.state(re.compile("Waiting|Connecting"))
        assert demo.row(id=1, title="Water the plants")
        proxy.mend()

        board.waitUntilOpen()
        demo.waitForRow(id=1, title="Water the palms")
        board.shows(1, title="Water the palms")
        expect(board.row(1).locator(".error")).to_be_hidden()

    def test_before_its_answer_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseAnswers()
        board.edit(1, "Title", "Water the palms")
        demo.waitForRow(id=1, title="Water the palms")

        proxy.cut()
        proxy.mend()

        expect(board.row(1)).not_to_have_attribute("aria-busy", "true")
        board.shows(1, title="Water the palms")
        expect(board.row(1).locator(".error")).to_be_hidden()
        assert demo.row(id=1, title="Water the palms")

    def test_of_an_added_job_before_its_answer_arrives(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        board = quietBoard(visit, proxy, transport)
        proxy.loseAnswers()
        board.add("Sharpen the shears")
        added = demo.waitForRow(title="Sharpen the shears")

        proxy.cut()
        proxy.mend()

        board.shows(added["id"], title="Sharpen the shears")
        form = board.page.get_by_role("form", name="Add a job")
        expect(form.get_by_label("Title of the new job")).to_have_value("")
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
        proxy.mend()

        board.lacks(1)
        board.undoButton.click()
        demo.waitForRow(id=1)
        assert demo.rows() == before


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestServerKilledInTheMiddle:
    def test_before_it_reads_the_save(self, demo: DemoServer, visit: Visits, transport: Transport) -> None:
        """It is made by the server that comes after it."""
        board = visit.board(demo.url, transport)
        board.visitor.mayFail.append(BROKEN)
        demo.freeze()
        board.edit(1, "Title", "Water the palms")
        expect(board.row(1)).to_have_attribute("aria-busy", "true")

        demo.kill()
        board.state(re.compile("Waiting|Connecting"))
        assert demo.row(id=1, title="Water the plants")
        demo.start()

        board.waitUntilOpen()
        demo.waitForRow(id=1, title="Water the palms")
        board.shows(1, title="Water the palms")
        expect(board.figure("Reset")).to_have_text("1 (epoch)")


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


class TestWhatSomebodyElseHasChanged:
    """It is not written over unseen: whoever comes late is told, and sees what there is."""

    def test_while_the_server_was_down_stays(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        board.visitor.mayFail.append(BROKEN)
        demo.freeze()
        board.edit(1, "Title", "Water the palms")
        expect(board.row(1)).to_have_attribute("aria-busy", "true")
        board.shows(1, title="Water the palms")
        demo.kill()
        demo.change("update {table} set title = 'Water the ferns' where id = 1")

        demo.start()

        board.says(1, re.compile("Not saved: somebody else was faster: title is “Water the ferns” by now"))
        board.shows(1, title="Water the ferns")
        assert demo.row(id=1, title="Water the ferns")

    def test_in_another_field_goes_with_what_is_saved(self, demo: DemoServer, visit: Visits) -> None:
        one, two = visit.board(demo.url, name="Ada"), visit.board(demo.url, name="Ben")
        one.cutButton.click()
        one.state("Cut")
        one.edit(1, "Title", "Water the palms")
        two.edit(1, "Assignee", "Ben")
        demo.waitForRow(id=1, assignee="Ben")

        one.mendButton.click()

        row = demo.waitForRow(id=1, title="Water the palms")
        assert row["assignee"] == "Ben"
        for board in (one, two):
            board.shows(1, title="Water the palms", assignee="Ben")

    def test_keeps_a_job_from_being_deleted_unseen(self, demo: DemoServer, visit: Visits) -> None:
        one, two = visit.board(demo.url, name="Ada"), visit.board(demo.url, name="Ben")
        one.cutButton.click()
        one.state("Cut")
        one.delete(1)
        two.edit(1, "Title", "Water the palms")
        demo.waitForRow(id=1, title="Water the palms")

        one.mendButton.click()

        one.says(1, re.compile("Not deleted: somebody else has changed it meanwhile"))
        one.shows(1, title="Water the palms")
        assert demo.row(id=1, title="Water the palms")
