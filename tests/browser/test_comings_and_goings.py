"""Pages that are reloaded, left, come back to, and opened twice by one visitor."""

from __future__ import annotations

import pytest
from playwright.sync_api import Playwright, expect

from tests.browser.board_page import TRANSPORTS, BoardPage, Transport
from tests.browser.chromium import Visitor, launched
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer


class TestReload:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_shows_the_truth_and_leaves_nobody_behind(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport, name="Ada")
        other = visit.board(demo.url, name="Ben")
        expect(other.people).to_have_count(1)
        demo.change("update {table} set title = 'Changed in the dark' where id = 1")

        board.page.reload()

        board.waitUntilOpen()
        board.shows(1, title="Changed in the dark")
        if transport == "WebSocket":  # one by POST may be between two of its requests, for all that is known
            expect(other.people).to_have_count(1)
        other.edit(2, "Title", "Oil both doors")
        board.shows(2, title="Oil both doors")


class TestTwoTabs:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_of_one_visitor_are_both_live(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        """They share cookies, and so whatever session the server keeps by one."""
        visitor = visit.visitor()
        one = BoardPage.opened(visitor, demo.url, transport, name="Ada")
        two = BoardPage.opened(visitor, demo.url, transport, name="Ben")
        expect(one.people).to_have_text([f"Ben {transport}"])
        expect(two.people).to_have_text([f"Ada {transport}"])

        for number in range(3):
            one.edit(1, "Title", f"By one {number}")
            two.shows(1, title=f"By one {number}")
            two.edit(2, "Title", f"By two {number}")
            one.shows(2, title=f"By two {number}")
        assert demo.titles()[:2] == ["By one 2", "By two 2"]

        one.page.close()
        two.edit(3, "Title", "By two alone")
        demo.waitForRow(id=3, title="By two alone")


class TestBackForwardCache:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_page_that_is_come_back_to_shows_the_truth(
        self, playwright: Playwright, demo: DemoServer, transport: Transport
    ) -> None:
        with launched(playwright, without=["--disable-back-forward-cache"]) as browser:
            visitor = Visitor(browser)
            board = BoardPage.opened(visitor, demo.url, transport)
            board.page.evaluate("() => { window.isTheSame = true }")
            board.page.goto("about:blank")
            demo.change("update {table} set title = 'Changed in the dark' where id = 1")

            board.page.evaluate("() => void setTimeout(() => history.back())")

            board.waitUntilOpen()
            board.shows(1, title="Changed in the dark")
            assert board.page.evaluate("() => window.isTheSame")  # it was kept, and not loaded again
            board.edit(2, "Title", "Oil both doors")
            demo.waitForRow(id=2, title="Oil both doors")
            visitor.close()
            assert visitor.complaints() == []
