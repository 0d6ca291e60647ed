"""The real VortexPY 6.2.2 and the page on one board: they see each other, and each other's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import Transport
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.children import Child, peer


class OldProgram:
    """tests/peers/board.py, connected."""

    def __init__(self, port: int) -> None:
        self.child: Child = peer("board.py", port)
        try:
            assert json.loads(self.child.line()) == {"connected": ["demo"]}
        except BaseException:
            self.child.stop()
            raise

    def ask(self, rows: list[dict[str, Any]] | None, *, delete: bool = False) -> list[dict[str, Any]]:
        """Have it load, save or delete; the rows of the answer."""
        self.child.tell(json.dumps({"rows": rows, "delete": delete}))
        answer = json.loads(self.child.line(lambda line: '"answer"' in line or '"error"' in line))
        assert answer.get("answer", "no answer") in (None, True), str(self.child)
        found: list[dict[str, Any]] = answer["rows"]
        return found

    def hears(self, **wanted: Any) -> None:
        """Wait until it hears of a row with these values."""

        def isIt(line: str) -> bool:
            said = json.loads(line)
            return "heard" in said and any(wanted.items() <= row.items() for row in said["rows"])

        self.child.line(isIt)


@pytest.fixture
def program(realPeers: None, demo: DemoServer) -> Iterator[OldProgram]:
    running = OldProgram(demo.port)
    try:
        yield running
    finally:
        running.child.stop()


class TestVortexPy622:
    @pytest.mark.parametrize("transport", ["WebSocket", "held POST"])
    def test_and_the_page_see_each_other(
        self, demo: DemoServer, visit: Visits, program: OldProgram, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        assert len(program.ask(None)) == 6  # from here on it is told of changes
        expect(board.people).to_have_text(["peer-client-6.2.2 WebSocket"])

        (saved,) = program.ask([{"title": "From VortexPY", "status": "doing", "assignee": "Zoë"}])
        board.shows(saved["id"], title="From VortexPY", status="doing", assignee="Zoë")
        assert demo.row(id=saved["id"], title="From VortexPY")

        board.edit(saved["id"], "Title", "From the page")
        program.hears(id=saved["id"], title="From the page", status="doing", assignee="Zoë")
        board.add("Sharpen the shears", due="2027-12-24")
        program.hears(title="Sharpen the shears", status="open", due="2027-12-24 00:00:00+00:00")

        program.ask([{"id": saved["id"]}], delete=True)
        board.lacks(saved["id"])
        assert demo.row(id=saved["id"]) is None

        program.child.stop()
        expect(board.people).to_have_count(0)
