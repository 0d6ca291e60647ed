"""What a push does to the page: only what changed is touched, and looked at, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board_page import LOAD_MS
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.wire_by_hand import WebSocketClient, rawEnvelope

COUNT = 1_000

ROWS = "document.querySelectorAll('tr[data-id]')"
"""What has a job, in the language of the page."""

_WATCH = f"""() => {{
  window.touched = new Set()
  window.nodes = new Map([...{ROWS}].map((row) => [row.dataset.id, row]))
  const watcher = new MutationObserver((records) => {{
    for (const {{ target, addedNodes, removedNodes, attributeName }} of records) {{
      if (attributeName === "class" && target.matches("tbody, tr")) continue // it came into view, or went
      const rows = [...addedNodes, ...removedNodes].filter((node) => node.localName === "tr")
      for (const node of rows.length ? rows : [target]) {{
        const element = node.closest ? node : node.parentElement
        window.touched.add(element.closest("tr")?.dataset.id ?? element.closest("[id]")?.id)
      }}
    }}
  }})
  const all = {{ subtree: true, childList: true, attributes: true, characterData: true }}
  watcher.observe(document.body, all)
}}"""
"""From now on, note down what is touched: the ids of jobs, and of elements outside of their rows."""

OF_OTHERS = {"line", "people", "round-trip"}
"""Ids of elements that are touched anyway: by what the line does, who is here, and how long a ping takes."""


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
             const cell = document.querySelector(`tr[data-id="${id}"] [name=title]`)
             return (cell?.value ?? null) === value
           }""",
        arg=[id_, value],
        timeout=LOAD_MS,
    )


def waitUntilLaidOut(page: Page, id_: int, isLaidOut: bool) -> None:
    """Wait until the job's row is laid out, or is not."""
    page.wait_for_function(
        """([id, isLaidOut]) => {
             const cell = document.querySelector(`tr[data-id="${id}"] td`)
             return cell.checkVisibility({ contentVisibilityAuto: true }) === isLaidOut
           }""",
        arg=[id_, isLaidOut],
    )


def touched(page: Page) -> set[str]:
    """The ids of jobs, and of elements, that were touched since `_WATCH`."""
    return set(page.evaluate("() => [...window.touched]")) - OF_OTHERS


class TestPush:
    def test_of_one_changed_row_among_a_thousand_touches_that_row_alone(
        self, page: Page, writer: Writer
    ) -> None:
        page.evaluate(_WATCH)

        writer.save(id=500, title="Changed")
        waitForTitle(page, 500, "Changed")
        writer.save(id=501, title="Changed too")
        waitForTitle(page, 501, "Changed too")
        page.wait_for_timeout(600)  # the line's figures are looked through twice a second

        assert touched(page) == {"500", "501"}
        assert page.evaluate(f"() => [...{ROWS}].every((row) => window.nodes.get(row.dataset.id) === row)")

    def test_of_rows_that_came_and_went_touches_those_alone(self, page: Page, writer: Writer) -> None:
        page.evaluate(_WATCH)

        writer.delete(700)
        waitForTitle(page, 700, None)
        writer.save(title="One more", status="open")
        waitForTitle(page, COUNT + 1, "One more")

        assert {each for each in touched(page) if each.isdigit()} == {str(COUNT + 1), "700"}
        expect(page.locator("#count")).to_have_text(f"{COUNT} jobs")

    def test_leaves_every_row_as_the_database_has_it(
        self, demo: DemoServer, page: Page, writer: Writer
    ) -> None:
        for number in range(100, 110):
            writer.save(id=number, title=f"Changed {number}")
        waitForTitle(page, 109, "Changed 109")

        shown = page.evaluate(
            f"""() => [...{ROWS}].map((row) =>
                 [Number(row.dataset.id),
                  ...Array.from(row.querySelectorAll("input, select"), (it) => it.value)])"""
        )

        rows = [[row["id"], row["title"], row["status"], "", ""] for row in reversed(demo.rows())]
        assert shown == rows
        assert sum(row[1].startswith("Changed") for row in rows) == 10


class TestRowsOutOfView:
    """What a frame costs goes by what a browser lays out, and asks whether it is in view."""

    def test_are_not_looked_at_one_by_one(self, page: Page) -> None:
        """In each frame a browser looks at every group, and at every row of those near the view."""
        page.wait_for_function(
            f"""(most) => {{
                 const isLookedAt = (row) => row.checkVisibility({{ contentVisibilityAuto: true }})
                 const groups = document.querySelectorAll("tbody").length
                 return groups + [...{ROWS}].filter(isLookedAt).length < most
               }}""",
            arg=COUNT / 5,
        )

    def test_are_not_searched_through(self, page: Page, writer: Writer) -> None:
        """A row has some fifteen elements, all together fifteen thousand."""
        page.evaluate(
            """() => {
                 const search = Element.prototype.querySelectorAll
                 window.searched = 0
                 Element.prototype.querySelectorAll = function (...selectors) {
                   window.searched += search.call(this, "*").length
                   return search.apply(this, selectors)
                 }
               }"""
        )

        for number in (500, COUNT):
            writer.save(id=number, title="Changed")
            waitForTitle(page, number, "Changed")

        assert 0 < page.evaluate("() => window.searched") < COUNT

    @pytest.mark.parametrize("size", [DESKTOP, PHONE])
    def test_have_the_room_that_they_take_in_view(self, page: Page, size: tuple[int, int]) -> None:
        """Or the page would jump as it is scrolled; a filter changes it, be they in view or not."""
        page.set_viewport_size({"width": size[0], "height": size[1]})
        waitUntilLaidOut(page, COUNT, True)
        room = "() => document.documentElement.scrollHeight"
        before = page.evaluate(room)

        for id_ in (COUNT // 2, 1, COUNT):
            page.evaluate("(id) => document.querySelector(`tr[data-id='${id}']`).scrollIntoView()", id_)
            waitUntilLaidOut(page, id_, True)
            assert page.evaluate(room) == before
        waitUntilLaidOut(page, 1, False)
        page.get_by_label("Show only jobs with this text").fill("Job 1")
        page.wait_for_function("() => document.querySelector('#count').textContent.startsWith('112 of')")
        waitUntilLaidOut(page, COUNT, True)

        rowsHigh = page.evaluate(
            """(id) => {
                 const [first, ...others] = document.querySelectorAll("tbody:not([hidden])")
                 const [top, end] = [first, others.at(-1)].map((group) => group.getBoundingClientRect())
                 const row = document.querySelector(`tr[data-id="${id}"]`).getBoundingClientRect()
                 return (end.bottom - top.top) / (row.height + 1)  // a line is between two rows
               }""",
            COUNT,
        )
        assert 112 - 1 < rowsHigh < 112 + 1
        waitUntilLaidOut(page, 1, False)

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
