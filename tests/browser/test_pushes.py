"""What a push does to the page: only the rows that changed are touched, however many there are."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer

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


def _jobs() -> list[dict[str, Any]]:
    return [
        {"id": number, "title": f"Job {number}", "status": ("open", "doing", "done")[number % 3]}
        for number in range(1, COUNT + 1)
    ]


def _touched(page: Page) -> list[str]:
    found: list[str] = page.evaluate("() => [...window.touched].sort()")
    return found


class TestPush:
    def test_of_one_changed_row_among_a_thousand_touches_that_row_alone(
        self, demo: DemoServer, visit: Visits
    ) -> None:
        demo.fill(_jobs())
        board, other = visit.board(demo.url), visit.board(demo.url)
        for each in (board, other):
            expect(each.rows).to_have_count(COUNT)
        board.page.evaluate(_WATCH)

        other.edit(500, "Title", "Changed")
        board.shows(500, title="Changed")
        other.edit(501, "Status", "doing")
        board.shows(501, status="doing")

        assert _touched(board.page) == ["500", "501"]
        assert board.page.evaluate(
            """() => [...document.querySelector("table tbody").rows]
                 .every((row) => window.nodes.get(row.dataset.id) === row)"""
        )

    def test_of_rows_that_came_and_went_touches_those_alone(self, demo: DemoServer, visit: Visits) -> None:
        demo.fill(_jobs())
        board, other = visit.board(demo.url), visit.board(demo.url)
        for each in (board, other):
            expect(each.rows).to_have_count(COUNT)
        board.page.evaluate(_WATCH)

        other.delete(700)
        board.lacks(700)
        other.add("One more")
        board.shows(COUNT + 1, title="One more")

        assert _touched(board.page) == [str(COUNT + 1), "700"]
        expect(board.page.get_by_text(f"{COUNT} jobs")).to_be_visible()

    def test_leaves_every_row_as_the_database_has_it(self, demo: DemoServer, visit: Visits) -> None:
        demo.fill(_jobs())
        board = visit.board(demo.url)
        expect(board.rows).to_have_count(COUNT)

        shown = board.page.evaluate(
            """() => [...document.querySelector("table tbody").rows].map((row) =>
                 [Number(row.dataset.id),
                  ...Array.from(row.querySelectorAll("input, select"), (it) => it.value)])"""
        )

        assert shown == [[row["id"], row["title"], row["status"], "", ""] for row in reversed(demo.rows())]
