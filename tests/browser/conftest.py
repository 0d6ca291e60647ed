"""What the tests of the page share: one browser, a demo for each, and visitors whose complaints count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.board_page import BoardPage, Transport
from tests.browser.chromium import PATIENCE_MS, Visitor, launched
from tests.browser.cutting_proxy import CuttingProxy
from tests.browser.demo_server import DemoServer
from tests.integration.conftest import realPeers
from tests.longest_first import longestFirst

__all__ = ["Visits", "realPeers"]


LONGEST = ("package", "documents", "line", "saves", "two_pages", "accessibility", "keyboard", "vortexpy")
"""The files that take longest, of which none is to be begun when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longestFirst(items, Path(__file__).parent, LONGEST)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser, the same for all tests."""
    with launched(playwright) as running:
        yield running


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoServer]:
    """The demo for one test; it may be killed and started again, and logs nothing as long as it runs."""
    running = DemoServer(tmp_path)
    try:
        yield running
    finally:
        running.kill()
    assert running.child.errors == "", str(running.child)


@pytest.fixture(scope="session")
def runningDemo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    running = DemoServer(tmp_path_factory.mktemp("demo"))
    try:
        yield running
    finally:
        running.kill()
    assert running.child.errors == "", str(running.child)


@pytest.fixture
def lastingDemo(runningDemo: DemoServer) -> DemoServer:
    """
    The demo, its rows as at first, for tests that neither end it nor ask who is here.

    Somebody who was here by POST is so a while longer, for all that it knows.
    """
    runningDemo.reset()
    return runningDemo


@pytest.fixture
def proxy(demo: DemoServer) -> Iterator[CuttingProxy]:
    """A line to the demo that can be cut."""
    with CuttingProxy(demo.port) as running:
        yield running


class Visits:
    """Makes the visitors of a test, each with cookies and a cache of their own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._visitors: list[Visitor] = []

    def visitor(self, **settings: Any) -> Visitor:
        """One who has no page open yet; *settings* are those of `Visitor`."""
        visitor = Visitor(self._browser, **settings)
        self._visitors.append(visitor)
        return visitor

    def board(
        self, url: str, transport: Transport = "WebSocket", *, name: str = "", **settings: Any
    ) -> BoardPage:
        """The board as a visitor of its own sees it, once its line is open."""
        return BoardPage.opened(self.visitor(**settings), url, transport, name)

    def close(self) -> list[list[str]]:
        """What each visitor's pages complained of."""
        for visitor in self._visitors:
            visitor.close()
        return [visitor.complaints() for visitor in self._visitors]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    """Whose pages complain of nothing in the end but of what the test said they would."""
    visits = Visits(browser)
    try:
        yield visits
    finally:
        complaints = visits.close()
    assert not any(complaints), complaints
