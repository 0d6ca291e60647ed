"""The page at https://.../board/, behind nginx as docs/examples/nginx.conf has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import TRANSPORTS
from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.nginx import Nginx

Behind = tuple[DemoServer, Nginx]


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    demo = DemoServer(tmp_path, "--anonymous")
    try:
        with Nginx(tmp_path, demo.port) as nginx:
            yield demo, nginx
    finally:
        demo.kill()


class TestBehindNginx:
    def test_pages_by_both_transports_are_live(self, behind: Behind, visit: Visits) -> None:
        demo, nginx = behind
        boards = [
            visit.board(nginx.url, transport, name=name, ignore_https_errors=True)
            for transport, name in zip(TRANSPORTS, ("Ada", "Ben"), strict=True)
        ]

        for number, (board, other) in enumerate([boards, boards[::-1]], 1):
            board.edit(number, "Title", f"Behind nginx {number}")
            other.shows(number, title=f"Behind nginx {number}")
            assert demo.row(id=number, title=f"Behind nginx {number}")
        expect(boards[0].people).to_have_text(["Ben held POST"])
        expect(boards[1].people).to_have_text(["Ada WebSocket"])

    def test_pages_by_both_transports_recover_when_the_demo_was_killed(
        self, behind: Behind, visit: Visits
    ) -> None:
        """Meanwhile nginx answers for it, with an error of its own."""
        demo, nginx = behind
        boards = [visit.board(nginx.url, transport, ignore_https_errors=True) for transport in TRANSPORTS]
        for board in boards:
            board.visitor.mayFail.append(BROKEN)

        demo.kill()
        for board in boards:
            board.state(re.compile("Waiting|Connecting"))
        demo.change("update {table} set title = 'Changed in the dark' where id = 1")
        demo.start()

        for board in boards:
            board.waitUntilOpen()
            board.shows(1, title="Changed in the dark")
