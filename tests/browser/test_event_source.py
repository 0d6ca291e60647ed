"""A browser's own EventSource, without our client: what it hears, and what it has missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.cutting_proxy import CuttingProxy
from tests.browser.demo_server import DemoServer

JOBS = {"key": "demo.jobs"}

LISTEN = """
  const events = new EventSource(`/vortex?filt=${encodeURIComponent(JSON.stringify(wanted))}`)
  window.heard = []
  window.resets = []
  window.opened = 0
  events.onopen = () => window.opened++
  events.onmessage = (event) => window.heard.push(JSON.parse(event.data))
  events.addEventListener("reset", (event) => window.resets.push(JSON.parse(event.data).reason))
"""


def listening(visit: Visits, url: str, wanted: Mapping[str, Any] = JOBS) -> Page:
    """A page that listens, once it has heard how things are."""
    visitor = visit.visitor()
    visitor.mayFail.append(BROKEN)
    page = visitor.page()
    page.goto(f"{url}static/vortex.d.ts")  # a page of this origin that does nothing by itself
    page.evaluate(f"(wanted) => {{ {LISTEN} }}", wanted)
    page.wait_for_function("window.heard.length > 0")
    return page


def titles(page: Page) -> list[list[str]]:
    """Those that each event had."""
    heard: list[dict[str, Any]] = page.evaluate("window.heard")
    return [[row["title"] for row in each["tuples"]] for each in heard]


class TestEventSource:
    def test_hears_how_things_are_and_what_changes(self, demo: DemoServer, visit: Visits) -> None:
        page = listening(visit, demo.url)
        board = visit.board(demo.url)

        board.edit(1, "Title", "Water all plants")
        page.wait_for_function("window.heard.length > 1")

        first: dict[str, Any] = page.evaluate("window.heard[0]")
        assert first["filt"] == {"key": "demo.jobs"}
        assert first["result"] is None
        assert {row["tupleType"] for row in first["tuples"]} == {"demo.Job"}
        assert sorted(titles(page)[0]) != sorted(demo.titles())
        assert sorted(titles(page)[-1]) == sorted(demo.titles())
        page.close()

    def test_hears_of_an_observable(self, demo: DemoServer, visit: Visits) -> None:
        selector = {"name": "demo.Job", "selector": {}}
        wanted = {"key": "tupleDataObservable", "name": "demo.board", "tupleSelector": selector}
        page = listening(visit, demo.url, wanted)
        board = visit.board(demo.url)

        before = demo.titles()
        board.edit(1, "Title", "Water all plants")
        page.wait_for_function("heard.at(-1).tuples.some(({ title }) => title === 'Water all plants')")

        assert sorted(titles(page)[0]) == sorted(before)
        assert sorted(titles(page)[-1]) == sorted(demo.titles()) != sorted(before)
        page.close()

    def test_goes_on_by_itself_after_a_cut(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits
    ) -> None:
        page = listening(visit, proxy.url)
        board = visit.board(demo.url)
        proxy.cut()
        for title in ("first in the dark", "second in the dark"):
            board.edit(1, "Title", title)
            demo.waitForRow(id=1, title=title)

        proxy.mend()
        page.wait_for_function("window.opened > 1 && window.heard.length > 1")
        board.edit(1, "Title", "in the light")
        page.wait_for_function("JSON.stringify(window.heard.at(-1)).includes('in the light')")

        assert page.evaluate("window.resets") == []
        said = [title for each in titles(page) for title in each]
        assert "second in the dark" in said
        assert len(titles(page)) <= 4  # nothing was said twice
        page.close()

    def test_begins_anew_with_another_life_of_the_server(self, demo: DemoServer, visit: Visits) -> None:
        page = listening(visit, demo.url)
        demo.kill()
        demo.change("update {table} set title = 'changed in the dark' where id = 1")
        demo.start()

        page.wait_for_function("window.resets.length > 0 && window.heard.length > 1")

        assert page.evaluate("window.resets") == ["unknown"]
        assert "changed in the dark" in titles(page)[-1]
        page.close()
