"""The pages that the documentation shows, as they stand there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import BROKEN
from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.docs.documents import EXAMPLES
from tests.integration.wire_by_hand import WebSocketClient, rawEnvelope

PAGES = EXAMPLES / "pages"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[DemoServer]:
    """The pages beside the demo's jobs: `tests.browser.pages_server`."""
    running = DemoServer(tmp_path, module="tests.browser.pages_server")
    try:
        yield running
    finally:
        running.kill()
    assert running.child.errors == "", str(running.child)


class TestFiveLines:
    def test_show_the_jobs_and_stay_current(self, pages: DemoServer, visit: Visits) -> None:
        pages.fill([{"id": 1, "title": "Water the plants", "status": "open"}])
        page = visit.visitor().page()
        page.goto(f"{pages.url}five_lines.html")
        expect(page.locator("body")).to_have_text("Water the plants", use_inner_text=True)

        with WebSocketClient(pages.port, uuid="writer", path="/vortex") as writer:
            row = {"_ct": "rt", "_c": "demo.Job", "title": "Oil <b>"}
            writer.send(rawEnvelope({"key": "jobs"}, [row]))

            expect(page.locator("body")).to_have_text("Water the plants\nOil <b>", use_inner_text=True)

    def test_are_not_more_than_five(self) -> None:
        assert len((PAGES / "five_lines.html").read_text().splitlines()) <= 5


class TestFiftyLines:
    def test_are_a_board_on_which_jobs_are_added_renamed_and_deleted(
        self, pages: DemoServer, visit: Visits
    ) -> None:
        page, other = (visit.visitor().page() for _ in range(2))
        for each in (page, other):
            each.goto(f"{pages.url}fifty_lines.html")
            expect(each.get_by_role("status")).to_have_text("open")
            expect(each.get_by_role("listitem")).to_have_count(6)
        title, seen = (each.get_by_role("textbox", name="Title of job 1") for each in (page, other))
        expect(title).to_have_value("Water the plants")

        title.fill("Water the palms")
        title.press("Enter")
        pages.waitForRow(id=1, title="Water the palms")
        expect(seen).to_have_value("Water the palms")
        page.get_by_label("Title of a new job").fill("Sharpen the shears")
        page.get_by_role("button", name="Add").click()
        added = pages.waitForRow(title="Sharpen the shears")
        expect(page.get_by_label("Title of a new job")).to_have_value("")
        expect(other.get_by_label(f"Title of job {added['id']}")).to_have_value("Sharpen the shears")
        page.get_by_role("button", name="Delete job 2").click()
        for each in (page, other):
            expect(each.get_by_label("Title of job 2")).to_have_count(0)
        assert pages.row(id=2) is None

    def test_save_what_was_changed_while_the_server_was_down(self, pages: DemoServer, visit: Visits) -> None:
        visitor = visit.visitor()
        visitor.mayFail.append(BROKEN)
        page = visitor.page()
        page.goto(f"{pages.url}fifty_lines.html")
        title = page.get_by_role("textbox", name="Title of job 1")
        expect(title).to_have_value("Water the plants")
        expect(page.get_by_role("status")).to_have_text("open")

        pages.kill()
        expect(page.get_by_role("status")).not_to_have_text("open")
        title.fill("Water the palms")
        title.press("Enter")
        pages.change("update {table} set title = 'Changed in the dark' where id = 2")
        pages.start()

        expect(page.get_by_role("status")).to_have_text("open")
        pages.waitForRow(id=1, title="Water the palms")
        expect(title).to_have_value("Water the palms")
        expect(page.get_by_label("Title of job 2")).to_have_value("Changed in the dark")

    def test_leave_alone_what_is_being_typed(self, pages: DemoServer, visit: Visits) -> None:
        page, other = (visit.visitor().page() for _ in range(2))
        for each in (page, other):
            each.goto(f"{pages.url}fifty_lines.html")
        typed = page.get_by_label("Title of job 1")
        typed.press("End")
        typed.press_sequentially(" and")

        for number, title in ((1, "Water the palms"), (2, "Sharpen the shears")):
            cell = other.get_by_label(f"Title of job {number}")
            cell.fill(title)
            cell.press("Enter")

        expect(page.get_by_label("Title of job 2")).to_have_value("Sharpen the shears")
        expect(typed).to_be_focused()
        expect(typed).to_have_value("Water the plants and")
        typed.press_sequentially(" the trees")
        typed.press("Enter")
        pages.waitForRow(id=1, title="Water the plants and the trees")
        expect(other.get_by_label("Title of job 1")).to_have_value("Water the plants and the trees")

    def test_have_the_order_of_the_server(self, pages: DemoServer, visit: Visits) -> None:
        page = visit.visitor().page()
        page.goto(f"{pages.url}fifty_lines.html")
        expect(page.get_by_role("listitem")).to_have_count(6)
        page.get_by_role("button", name="Delete job 2").click()
        expect(page.get_by_role("listitem")).to_have_count(5)

        with WebSocketClient(pages.port, uuid="writer", path="/vortex") as writer:
            whole = {"id": 2, "title": "Had back", "status": "open", "assignee": None, "due": None}
            row = {"_ct": "rt", "_c": "demo.Job", **whole}
            writer.send(rawEnvelope({"key": "demo.jobs"}, [row]))

            expect(page.get_by_role("listitem")).to_have_count(6)
        expect(page.get_by_role("listitem").nth(1).get_by_role("textbox")).to_have_value("Had back")

    def test_are_not_more_than_fifty(self) -> None:
        assert len((PAGES / "fifty_lines.js").read_text().splitlines()) <= 50
