"""
The pictures of the documentation: the board in both themes.

usage: python -m tests.browser.pictures [FOLDER]

They go to docs/images. In a FOLDER are those of a phone's width too, to be looked at.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.board_page import BoardPage
from tests.browser.chromium import PHONE, ColorScheme, Visitor, chromium
from tests.browser.demo_server import DemoServer
from tests.integration.children import ROOT
from vortex.limits import Limits

__all__ = ["MOST_BYTES", "picture"]

MOST_BYTES = 150_000
"""A picture is small: the page that shows it is."""

DESK = (1100, 704)

LINGER_MS = 1000 * Limits().postLinger

JOBS: list[dict[str, Any]] = [
    {"title": "Ask the neighbours about the ladder", "status": "open"},
    {"title": "Repair the third bicycle", "status": "doing", "assignee": "Amir", "due": "2026-11-26"},
    {"title": "Read the electricity meter", "status": "done", "assignee": "Ines", "due": "2026-11-19"},
    {"title": "Order screws, 4 × 40", "status": "open", "assignee": "Amir", "due": "2026-11-24"},
    {"title": "Oil the workshop door", "status": "doing", "assignee": "Zoë", "due": "2026-11-21"},
    {"title": "Water the plants", "status": "open", "assignee": "Ines", "due": "2026-11-22"},
]
PEOPLE = (("Amir", "WebSocket"), ("Zoë", "held POST"))


def picture(
    browser: Browser, demo: DemoServer, path: Path, *, colorScheme: ColorScheme, size: tuple[int, int]
) -> None:
    """The board as *path*, a PNG, with others on it."""
    others = [BoardPage.opened(Visitor(browser), demo.url, how, name) for name, how in PEOPLE]  # type: ignore[arg-type]
    visitor = Visitor(browser, colorScheme=colorScheme, size=size, device_scale_factor=1.25)
    board = BoardPage.opened(visitor, demo.url, name="Ines")
    expect(board.rows).to_have_count(len(JOBS))
    # Who was by POST on the picture before is waited for: that the tab has gone is not told.
    expect(board.people).to_have_count(len(PEOPLE), timeout=2 * LINGER_MS)
    # The first is taken while the page is still being drawn.
    expect(board.figure("Round trip")).to_have_text(re.compile(r"^\d\.\d ms$"), timeout=2 * LINGER_MS)
    board.page.screenshot(path=path)
    for each in (visitor, *(other.visitor for other in others)):
        each.close()
    assert path.stat().st_size < MOST_BYTES, f"{path} has {path.stat().st_size} bytes"


def fill(demo: DemoServer) -> None:
    day = {row["title"]: f"{row['due']} 12:00:00.000000" if "due" in row else None for row in JOBS}
    demo.fill({"id": number, **row, "due": day[row["title"]]} for number, row in enumerate(JOBS, 1))


def main(folder: Path, sizes: dict[str, tuple[int, int]]) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        demo = DemoServer(Path(place))
        try:
            fill(demo)
            for scheme in ("light", "dark"):
                for name, size in sizes.items():
                    path = folder / f"{name}-{scheme}.png"
                    picture(browser, demo, path, colorScheme=scheme, size=size)
                    print(path, path.stat().st_size)
        finally:
            demo.stop()


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]), {"board": DESK, "board-phone": PHONE})
    else:
        main(ROOT / "docs" / "images", {"board": DESK})
