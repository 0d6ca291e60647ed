"""What a push does to the page: only the rows that changed are touched, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board_page import LOAD_MS
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.wire_by_hand import WebSocketClient, rawEnvelope

COUNT = 1_000

_WATCH = """() => {
  const body = document.querySelector("table tbody")
  window.touched = new Set()
  window.nodes = new Map([...body.rows].map((row) => [row.dataset.id, row]))
  const watcher = new MutationObserver((records) => {
    for (const { target, addedNodes, removedNodes } of records) {
      const changed = target === body ? [...addedNodes, ...removedNodes] : [target]
      for (const node of changed) {
        const row = (node.closest ? node : node.parentElement).closest("tr")
        window.touched.add(row ? row.dataset.id : "none")
      }
    }
  })
  watcher.observe(body, { subtree: true, childList: true, attributes: true, characterData: true })
}"""


@pytest.fixture
def demo(lastingDemo: DemoServer) -> DemoServer:
    return lastingDemo


@pytest.fixture
def page(demo: DemoServer, visit: Visits) -> Page:
    """
    The board with a thousand jobs, all of them drawn.

    Of so many, what is expected and not yet so is not asked of roles and names: to work these out takes long.
    """
    demo.fill(
        {"id": number, "title": f"Job {number}", "status": ("open", "doing", "done")[number % 3]}
        for number in range(1, COUNT + 1)
    )
    page = visit.visitor().page()
    page.goto(demo.url)
    page.wait_for_function(
        "(text) => document.querySelector('#count').textContent === text",
        arg=f"{COUNT} jobs",
        timeout=LOAD_MS,
    )
    return page


@pytest.fixture
def writer(demo: DemoServer) -> Iterator[Writer]:
    with Writer(demo.port, uuid="writer") as connected:
        yield connected


class Writer(WebSocketClient):
    """Somebody else, who writes to the board."""

    def save(self, **fields: Any) -> None:
        self.send(rawEnvelope({"key": "demo.jobs"}, [{"_ct": "rt", "_c": "demo.Job", **fields}]))

    def delete(self, id_: int) -> None:
        row = {"_ct": "rt", "_c": "demo.Job", "id": id_}
        self.send(rawEnvelope({"key": "demo.jobs", "delete": True}, [row]))


def waitForTitle(page: Page, id_: int, value: str | None) -> None:
    """Wait until the job has this title; None: until there is no such job."""
    page.wait_for_function(
        """([id, value]) => {
             const cell = document.querySelector(`[data-id="${id}"] [name=title]`)
             return (cell?.value ?? null) === value
           }""",
        arg=[id_, value],
        timeout=LOAD_MS,
    )


def touched(page: Page) -> list[str]:
    """The ids of rows of which anything was touched."""
    found: list[str] = page.evaluate("() => [...window.touched].sort()")
    return found


class TestPush:
    def test_of_one_changed_row_among_a_thousand_touches_that_row_alone(
        self, page: Page, writer: Writer
    ) -> None:
        page.evaluate(_WATCH)

        writer.save(id=500, title="Changed")
        waitForTitle(page, 500, "Changed")
        writer.save(id=501, title="Changed too")
        waitForTitle(page, 501, "Changed too")

        assert touched(page) == ["500", "501"]
        assert page.evaluate(
            """() => [...document.querySelector("table tbody").rows]
                 .every((row) => window.nodes.get(row.dataset.id) === row)"""
        )

    def test_of_rows_that_came_and_went_touches_those_alone(self, page: Page, writer: Writer) -> None:
        page.evaluate(_WATCH)

        writer.delete(700)
        waitForTitle(page, 700, None)
        writer.save(title="One more", status="open")
        waitForTitle(page, COUNT + 1, "One more")

        assert touched(page) == [str(COUNT + 1), "700"]
        expect(page.locator("#count")).to_have_text(f"{COUNT} jobs")

    def test_leaves_every_row_as_the_database_has_it(
        self, demo: DemoServer, page: Page, writer: Writer
    ) -> None:
        for number in range(100, 110):
            writer.save(id=number, title=f"Changed {number}")
        waitForTitle(page, 109, "Changed 109")

        shown = page.evaluate(
            """() => [...document.querySelector("table tbody").rows].map((row) =>
                 [Number(row.dataset.id),
                  ...Array.from(row.querySelectorAll("input, select"), (it) => it.value)])"""
        )

        rows = [[row["id"], row["title"], row["status"], "", ""] for row in reversed(demo.rows())]
        assert shown == rows
        assert sum(row[1].startswith("Changed") for row in rows) == 10


class TestRowsOutOfView:
    """A frame's price goes by the number of all rows, so few are drawn where nobody looks."""

    def test_are_drawn_less_often(self, page: Page, writer: Writer) -> None:
        page.evaluate(
            """() => {
                 const asked = requestAnimationFrame
                 window.draws = 0
                 window.requestAnimationFrame = (draw) => asked(draw, window.draws++)
               }"""
        )

        for number in range(100, 120):
            writer.save(id=number, title=f"Changed {number}")
            page.wait_for_timeout(40)
        waitForTitle(page, 119, "Changed 119")

        assert page.evaluate("() => window.draws") <= 5

    def test_do_not_light_up(self, page: Page, writer: Writer) -> None:
        for number in (500, COUNT):
            writer.save(id=number, title="Changed")
            waitForTitle(page, number, "Changed")

        lit = page.evaluate("() => document.getAnimations().map(({ effect }) => effect.target.dataset.id)")

        assert lit == [str(COUNT)]

    def test_are_not_filled_in_by_the_browser(self, page: Page) -> None:
        """Nor noted down for that, which for a thousand rows takes long."""
        kept = page.evaluate(
            """() => [...document.querySelectorAll("tbody :is(input, select)")]
                 .filter((cell) => cell.autocomplete !== "off").length"""
        )

        assert kept == 0
