"""The page's Content-Security-Policy, and text that would be a page if it were let."""

from __future__ import annotations

import contextlib
import socket

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.wire_by_hand import WebSocketClient

ELSEWHERE = {
    "script": (
        "script-src",
        "document.body.append(Object.assign(make('script'), {src: URL}))",
    ),
    "frame": (
        "frame-src",
        "document.body.append(Object.assign(make('iframe'), {src: URL}))",
    ),
    "fetch": ("connect-src", "fetch(URL).catch(() => {})"),
    "socket": ("connect-src", "try { new WebSocket(URL.replace('http', 'ws')) } catch {}"),
    "image": ("img-src", "new Image().src = URL"),
    "base": ("base-uri", "document.head.append(Object.assign(make('base'), {href: URL}))"),
}
"""What a page could load from another server, by which directive that is refused, and how it is tried."""

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><b>bold</b>"\'&amp;'


@pytest.fixture
def demo(lastingDemo: DemoServer) -> DemoServer:
    return lastingDemo


class TestPolicy:
    def test_blocks_an_inline_script(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        board.visitor.mayFail.append("script-src")

        board.page.evaluate(
            """() => {
              const script = document.createElement("script")
              script.textContent = "window.pwned = 1"
              document.body.append(script)
            }"""
        )

        assert board.page.evaluate("() => window.pwned") is None
        assert any(
            "script-src" in complaint and "inline" in complaint for complaint in board.visitor.heard("")
        )

    def test_blocks_an_inline_handler(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        board.visitor.mayFail.append("script-src")

        board.page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", '<button onclick="window.pwned=1">x</button>')
              document.body.lastElementChild.click()
            }"""
        )

        assert board.page.evaluate("() => window.pwned") is None
        assert board.visitor.heard("script-src-attr")

    @pytest.mark.parametrize(("what", "directive"), [(what, each[0]) for what, each in ELSEWHERE.items()])
    def test_lets_nothing_in_from_elsewhere(
        self, demo: DemoServer, visit: Visits, what: str, directive: str
    ) -> None:
        board = visit.board(demo.url)
        board.visitor.mayFail += [directive, "Content Security Policy"]
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            elsewhere.setblocking(False)

            url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/x"
            board.page.evaluate(
                f"URL => {{ const make = (name) => document.createElement(name); {ELSEWHERE[what][1]} }}", url
            )

            board.add("so that time passes")
            demo.waitForRow(title="so that time passes")
            assert board.visitor.heard(directive)
            with contextlib.suppress(BlockingIOError), elsewhere.accept()[0] as connection:
                connection.setblocking(False)  # Chromium connects before it asks whether it may
                with pytest.raises(BlockingIOError):
                    connection.recv(1)

    def test_lets_no_style_in_that_is_in_line(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        board.visitor.mayFail.append("style-src")

        board.page.evaluate("() => document.body.setAttribute('style', 'opacity: 0.5')")

        expect(board.page.locator("body")).to_have_css("opacity", "1")
        assert board.visitor.heard("style-src-attr")


class TestHostileText:
    def test_in_a_job_is_text(self, demo: DemoServer, visit: Visits) -> None:
        demo.change("update {table} set title = ?, assignee = ? where id = 1", [HOSTILE, HOSTILE[:80]])
        board = visit.board(demo.url)
        other = visit.board(demo.url, name=HOSTILE[:60])

        board.shows(1, title=HOSTILE, assignee=HOSTILE[:80])
        board.add(HOSTILE)
        demo.waitUntil(lambda: demo.titles().count(HOSTILE) == 2)
        board.delete(1)
        board.lacks(1)
        expect(board.toast).to_contain_text("<img src=x")
        board.undoButton.click()
        other.shows(1, title=HOSTILE)

        assert demo.titles().count(HOSTILE) == 2
        for page in (board.page, other.page):
            assert page.evaluate("() => window.pwned") is None
            expect(page.locator("img, body script, body b:text('bold')")).to_have_count(0)

    def test_in_a_name_is_text(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url)
        name = "%3Cb%3Ebold%3C%2Fb%3E%3Cimg%20src%3Dx%20onerror%3D%22window.pwned%3D1%22%3E"

        with WebSocketClient(demo.port, uuid="hostile", name=name) as client:
            client.message()
            text = '<b>bold</b><img src=x onerror="window.pwned=1"> WebSocket'
            expect(board.people.filter(has_text="bold")).to_have_text([text])

            expect(board.people.locator("img")).to_have_count(0)
            assert board.page.evaluate("() => window.pwned") is None
