"""The board's source: a newcomer reads it, and copies from it."""

from __future__ import annotations

from tests.integration.children import ROOT

BOARD = ROOT / "vortex" / "cli" / "board"


class TestSource:
    def test_is_three_files_of_less_than_430_lines(self) -> None:
        lines = {path.name: path.read_text().splitlines() for path in BOARD.iterdir()}

        assert sorted(lines) == ["board.css", "board.js", "index.html"]
        assert sum(map(len, lines.values())) < 430
        assert max(len(line) for each in lines.values() for line in each) <= 110
