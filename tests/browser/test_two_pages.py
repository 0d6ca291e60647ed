"""Two pages, one by WebSocket and one by held POST: what one does the other sees, as the database has it."""

from __future__ import annotations

import pytest
from playwright.sync_api import WebSocket, expect

from tests.browser.board_page import BoardPage
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer

Pair = tuple[BoardPage, BoardPage]


@pytest.fixture(params=["from WebSocket", "from held POST"])
def pair(demo: DemoServer, visit: Visits, request: pytest.FixtureRequest) -> Pair:
    """Who acts, and who looks on."""
    socket = visit.board(demo.url, "WebSocket", name="Ada")
    post = visit.board(demo.url, "held POST", name="Ben")
    return (socket, post) if request.param == "from WebSocket" else (post, socket)


class TestTwoPages:
    def test_an_added_job_is_on_both(self, demo: DemoServer, pair: Pair) -> None:
        pair[0].add("Sharpen the shears", status="doing", assignee="Zoë", due="2027-12-24")

        row = demo.waitForRow(title="Sharpen the shears")
        assert (row["status"], row["assignee"], row["due"]) == ("doing", "Zoë", "2027-12-24 00:00:00.000000")
        assert len(demo.rows()) == 7
        for board in pair:
            board.shows(
                row["id"], title="Sharpen the shears", status="doing", assignee="Zoë", due="2027-12-24"
            )
            assert board.titles()[0] == "Sharpen the shears"
            expect(board.rows).to_have_count(7)

    def test_every_field_that_is_edited_is_on_both(self, demo: DemoServer, pair: Pair) -> None:
        acts, _ = pair
        before = demo.rows()

        acts.edit(4, "Title", "Read the water meter")
        demo.waitForRow(id=4, title="Read the water meter")
        acts.edit(4, "Status", "open")
        demo.waitForRow(id=4, status="open")
        acts.edit(4, "Assignee", "Ägir")
        demo.waitForRow(id=4, assignee="Ägir")
        acts.edit(4, "Due date", "2028-02-29")
        row = demo.waitForRow(id=4, due="2028-02-29 00:00:00.000000")

        assert row == {
            "id": 4,
            "title": "Read the water meter",
            "status": "open",
            "assignee": "Ägir",
            "due": "2028-02-29 00:00:00.000000",
        }
        assert demo.rows() == [row if each["id"] == 4 else each for each in before]
        for board in pair:
            board.shows(4, title="Read the water meter", status="open", assignee="Ägir", due="2028-02-29")

    def test_a_field_that_is_emptied_is_nobody_s_on_both(self, demo: DemoServer, pair: Pair) -> None:
        pair[0].edit(3, "Assignee", "")
        demo.waitForRow(id=3, assignee=None)
        pair[0].edit(3, "Due date", "")

        demo.waitForRow(id=3, due=None)
        for board in pair:
            board.shows(3, assignee="", due="")

    def test_a_deleted_job_is_gone_from_both_and_undo_brings_back_the_same(
        self, demo: DemoServer, visit: Visits, pair: Pair
    ) -> None:
        acts, looksOn = pair
        before = demo.rows()

        acts.delete(5)
        for board in pair:
            board.lacks(5)
        assert demo.rows() == [row for row in before if row["id"] != 5]
        expect(looksOn.undoButton).to_be_hidden()

        acts.undoButton.click()
        demo.waitForRow(id=5)
        assert demo.rows() == before
        for board in pair:
            board.shows(5, title="Repair the third bicycle", status="doing", assignee="Amir")
            assert board.titles() == [row["title"] for row in reversed(before)]

    def test_each_is_among_those_who_are_here_for_the_other(self, demo: DemoServer, pair: Pair) -> None:
        boards = {board.page.get_by_label("You are").input_value(): board for board in pair}

        expect(boards["Ada"].people).to_have_text(["Ben held POST"])
        expect(boards["Ben"].people).to_have_text(["Ada WebSocket"])

        boards["Ada"].page.close()
        expect(boards["Ben"].people).to_have_count(0)

    def test_who_cuts_the_line_is_no_longer_among_them_and_is_again_when_it_is_mended(
        self, demo: DemoServer, pair: Pair
    ) -> None:
        acts, looksOn = pair
        expect(looksOn.people).to_have_count(1)

        acts.cutButton.click()
        expect(looksOn.people).to_have_count(0)

        acts.mendButton.click()
        expect(looksOn.people).to_have_count(1)


class TestWhatNobodyEdited:
    def test_is_not_written(self, demo: DemoServer, visit: Visits) -> None:
        """A title that is edited leaves a time alone that the page shows as a day only."""
        exact = "2026-11-22 12:34:56.123456"
        demo.change("update {table} set due = ? where id = 2", [exact])
        board = visit.board(demo.url)

        board.edit(2, "Title", "Oil both doors")
        row = demo.waitForRow(id=2, title="Oil both doors")

        assert row["due"] == exact

    def test_comes_back_by_undo_to_the_microsecond(self, demo: DemoServer, visit: Visits) -> None:
        exact = "2026-11-22 12:34:56.123456"
        demo.change("update {table} set due = ? where id = 2", [exact])
        board = visit.board(demo.url)
        before = demo.rows()

        board.delete(2)
        board.lacks(2)
        board.undoButton.click()

        demo.waitForRow(id=2)
        assert demo.rows() == before
        assert before[1]["due"] == exact

    def test_is_not_sent_where_a_cell_is_left_as_it_was(self, demo: DemoServer, visit: Visits) -> None:
        visitor = visit.visitor()
        sent: list[bytes] = []

        def onFrame(frame: bytes | str) -> None:
            sent.append(frame if isinstance(frame, bytes) else frame.encode())

        def onSocket(socket: WebSocket) -> None:
            socket.on(
                "framesent", lambda frame: sent.append(frame if isinstance(frame, bytes) else frame.encode())
            )

        visitor.context.on("page", lambda page: page.on("websocket", onSocket))
        board = BoardPage.opened(visitor, demo.url)
        title = board.cell(2, "Title")
        title.press("Enter")
        title.fill("Oil")
        title.fill("Oil the workshop door")
        title.press("Tab")
        board.cell(1, "Title").fill("Water the palms")
        board.cell(1, "Title").press("Escape")
        board.cell(1, "Title").press("Tab")
        board.shows(1, title="Water the plants")

        board.edit(3, "Title", "Order more screws")
        demo.waitForRow(id=3, title="Order more screws")
        expect(board.row(3)).not_to_have_attribute("aria-busy", "true")

        # A small body is not compressed: a tuple's type can be read in it.
        [save] = [frame for frame in sent if b'{"t":"demo.ChangeJob"' in frame]
        assert b'"Order more screws"' in save
