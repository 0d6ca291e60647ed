"""The board's source: a newcomer reads it, and copies from it."""

from __future__ import annotations

from tests.integration.children import ROOT

BOARD = ROOT / "vortex" / "cli" / "board"


class TestSource:
    def test_is_a_script_and_a_page_of_less_than_400_lines_and_a_short_style_sheet(self) -> None:
        lines = {path.name: path.read_text().splitlines() for path in BOARD.iterdir()}

        assert sorted(lines) == ["board.css", "board.js", "index.html"]
        assert len(lines["board.js"]) + len(lines["index.html"]) < 400
        assert len(lines["board.css"]) < 100
        assert max(len(line) for each in lines.values() for line in each) <= 110
