"""What goes by POST is a file that is fetched when needed: it may be late, missing, or of another build."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.board_page import BoardPage
from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer

FILE = "**/vortex-http.mjs*"

CONNECT = """async (options) => {
  const { VortexConnection } = await import("./static/vortex.mjs")
  if (options.withoutWebSocket) options.WebSocket = class {
    constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" })) }
    close() {}
  }
  if (options.stopped) options.clock = {
    // Time that passes when it is told to.
    now: () => time,
    setTimer: (callback, ms) => timers.push({ callback, at: time + ms }),
    clearTimer: (number) => delete timers[number - 1],
  }
  window.time = 0
  window.timers = []
  window.posts = 0
  options.fetch = (...request) => (posts++, fetch(...request))
  window.connection = new VortexConnection("./vortex", { firstDelayMs: 20, maxDelayMs: 100, ...options })
  window.told = []
  connection.addEventListener("state", ({ detail }) => told.push(`${detail.state}: ${detail.reason}`))
}"""

OPENED = """async () => {
  await connection.connected
  const { tuples } = await connection.request({ key: "demo.jobs" })
  const { transport } = connection
  connection.close()
  return [transport, tuples.length]
}"""


ADVANCE = """(ms) => {
  time += ms
  timers.forEach(({ callback, at }, index) => at <= time && (delete timers[index], callback()))
}"""


class Asked:
    """Who asks for the file, and is answered as a test says."""

    def __init__(self, page: Page) -> None:
        self.urls: list[str] = []
        self.held: list[Route] = []
        self.answers: list[dict[str, Any] | None] = []
        """For each that comes: what it is answered, or None: it is held; then it is the file."""
        self._page = page
        page.route(FILE, self._answer)

    def waitUntilHeld(self) -> None:
        while not self.held:
            self._page.wait_for_timeout(10)

    def letGo(self) -> None:
        for route in self.held:
            route.continue_()

    def _answer(self, route: Route) -> None:
        self.urls.append(route.request.url)
        if not self.answers:
            route.continue_()
            return
        answer = self.answers.pop(0)
        if answer is None:
            self.held.append(route)
        else:
            route.fulfill(**answer)


@pytest.fixture
def demo(lastingDemo: DemoServer) -> DemoServer:
    return lastingDemo


@pytest.fixture
def page(demo: DemoServer, visit: Visits) -> Page:
    """The board's, with its policy: no script but those of its server, and none in line."""
    board = visit.board(demo.url)
    board.visitor.mayFail.append(BROKEN)
    return board.page


class TestTheFileForPosts:
    def test_is_not_fetched_for_a_websocket(self, demo: DemoServer, visit: Visits) -> None:
        visitor = visit.visitor()
        loaded: list[str] = []
        visitor.context.on("request", lambda request: loaded.append(request.url))

        BoardPage.opened(visitor, demo.url)

        assert f"{demo.url}static/vortex.mjs" in loaded
        assert [url for url in loaded if "vortex-http" in url] == []

    @pytest.mark.parametrize("transport", ["post", "sse", "poll"])
    def test_is_fetched_once_for_what_goes_by_post(
        self, transport: str, demo: DemoServer, page: Page
    ) -> None:
        asked = Asked(page)
        for _ in range(2):
            page.evaluate(CONNECT, {"transport": transport})

            assert page.evaluate(OPENED) == [transport, len(demo.rows())]

        assert asked.urls == [f"{demo.url}static/vortex-http.mjs"]

    def test_is_fetched_where_no_websocket_can_be_opened(self, demo: DemoServer, page: Page) -> None:
        asked = Asked(page)
        page.evaluate(CONNECT, {"withoutWebSocket": True})

        assert page.evaluate(OPENED) == ["post", len(demo.rows())]

        assert len(asked.urls) == 1

    def test_may_be_late(self, demo: DemoServer, page: Page) -> None:
        """Later than a response may hold its first word back; but not than a line may take."""
        asked = Asked(page)
        asked.answers = [None]
        page.evaluate(CONNECT, {"transport": "post", "stopped": True})
        asked.waitUntilHeld()
        page.evaluate(ADVANCE, 9_999)
        states = page.evaluate("[connection.state, told]")
        asked.letGo()

        assert page.evaluate(OPENED) == ["post", len(demo.rows())]

        assert states == ["connecting", []]
        assert len(asked.urls) == 1

    def test_that_does_not_come_in_time_is_a_loss_and_waited_for_all_the_same(
        self, demo: DemoServer, page: Page
    ) -> None:
        asked = Asked(page)
        asked.answers = [None]
        page.evaluate(CONNECT, {"transport": "post", "stopped": True})
        asked.waitUntilHeld()
        page.evaluate(ADVANCE, 10_000)
        states = page.evaluate("told")
        asked.letGo()
        page.evaluate(ADVANCE, 20)

        assert page.evaluate(OPENED) == ["post", len(demo.rows())]

        assert states == ["waiting: nothing came for 10 s"]
        assert len(asked.urls) == 1

    def test_that_cannot_be_had_is_asked_for_again_and_the_reason_told(
        self, demo: DemoServer, page: Page
    ) -> None:
        asked = Asked(page)
        asked.answers = [{"status": 404}, {"status": 502, "body": "<h1>Bad gateway</h1>"}]
        page.evaluate(CONNECT, {"transport": "post"})

        assert page.evaluate(OPENED) == ["post", len(demo.rows())]

        reasons = [told for told in page.evaluate("told") if told.startswith("waiting")]
        assert len(reasons) == 2
        assert all(re.match("waiting: vortex-http.mjs cannot be used: TypeError", each) for each in reasons)
        # Some browsers remember that a URL could not be had.
        assert [("?" in url) for url in asked.urls] == [False, True, False]

    def test_of_another_build_is_not_used(self, demo: DemoServer, page: Page) -> None:
        asked = Asked(page)
        other = {"content_type": "text/javascript", "body": "export const o000000 = {}"}
        asked.answers = [other]
        page.evaluate(CONNECT, {"transport": "post"})

        assert page.evaluate(OPENED) == ["post", len(demo.rows())]

        assert len(asked.urls) == 2
        assert any("vortex-http.mjs cannot be used" in told for told in page.evaluate("told"))

    def test_opens_nothing_for_who_has_left_meanwhile(self, demo: DemoServer, page: Page) -> None:
        asked = Asked(page)
        asked.answers = [None]
        page.evaluate(CONNECT, {"transport": "post"})
        asked.waitUntilHeld()
        page.evaluate("connection.close()")
        asked.letGo()

        made = page.evaluate(
            "import('./static/vortex-http.mjs').then(() => new Promise(setTimeout)).then(() => posts)"
        )

        assert made == 0
        page.evaluate(CONNECT, {"transport": "post"})
        assert page.evaluate(OPENED) == ["post", len(demo.rows())]
        assert page.evaluate("posts") > 0
        assert len(asked.urls) == 1
