"""
The board as its visitor finds it: by the roles and the names that a screen reader says.

What is expected of it is awaited; nothing here knows how the page is made.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import Visitor

__all__ = ["LOAD_MS", "NOT_SAVED", "TRANSPORTS", "BoardPage", "Field", "Transport"]

NOT_SAVED = re.compile("not saved", re.IGNORECASE)
"""What is said of a change that was not made."""

LOAD_MS = 60_000.0
"""Milliseconds within which a page shows all its rows, be they a thousand and the machine busy."""

ALL_ROWS = re.compile(r"^\d+ jobs?$")

Transport = Literal["WebSocket", "held POST"]
TRANSPORTS: list[Transport] = ["WebSocket", "held POST"]

Field = Literal["Title", "Status", "Assignee", "Due date"]


class BoardPage:
    """
    One page that shows the board.

    Args:
        visitor: Whose page it is.
        page: Where the board was opened.
    """

    def __init__(self, visitor: Visitor, page: Page) -> None:
        self.visitor = visitor
        self.page = page
        self.line = page.get_by_role("region", name="The line to the server")
        self.rows = page.get_by_role("table").get_by_role("row").filter(has=page.get_by_role("cell"))
        self.people = page.get_by_role("list", name="Who else is here").get_by_role("listitem")
        self.toast = page.locator("#toast")
        self.log = page.get_by_role("log", name="What happened")
        self.cutButton = page.get_by_role("button", name="Cut the line")
        self.mendButton = page.get_by_role("button", name="Mend the line")
        self.undoButton = page.get_by_role("button", name="Undo")

    @classmethod
    def opened(cls, visitor: Visitor, url: str, transport: Transport = "WebSocket", name: str = "") -> Self:
        """Open the board at *url*, in a page more of the visitor; returns once it shows its rows that way."""
        board = cls(visitor, visitor.page())
        board.page.goto(f"{url}?name={name}" if name else url)
        board.waitUntilOpen()
        expect(board.page.get_by_text(ALL_ROWS)).to_be_visible(timeout=LOAD_MS)
        if transport != "WebSocket":
            board.useTransport(transport)
        return board

    # ---- the line

    def state(self, text: str | re.Pattern[str]) -> None:
        """Wait until the line is said to be in this state."""
        expect(self.line).to_contain_text(text)

    def waitUntilOpen(self, transport: Transport | None = None) -> None:
        expect(self.line.get_by_text("Open", exact=True)).to_be_visible()
        if transport is not None:
            expect(self.page.get_by_role("radio", name=transport)).to_be_checked()
            expect(self.figure("Transport")).to_have_text(transport)

    def useTransport(self, transport: Transport) -> None:
        self.page.get_by_role("radio", name=transport).check(force=True)
        self.waitUntilOpen(transport)

    def reconnects(self) -> int:
        """As many as it says there were."""
        return int(self.figure("Reconnects").inner_text())

    def figure(self, name: Literal["Transport", "Round trip", "Reconnects", "Resumed", "Reset"]) -> Locator:
        """What stands beside this word."""
        return self.line.get_by_role("term").filter(has_text=name).locator("xpath=following-sibling::dd")

    # ---- the rows

    def row(self, id_: int) -> Locator:
        return self.rows.filter(has=self.cell(id_, "Title"))

    def cell(self, id_: int, field: Field) -> Locator:
        return self.page.get_by_label(f"{field} of job {id_}", exact=True)

    def deleteButton(self, id_: int) -> Locator:
        return self.page.get_by_role("button", name=f"Delete job {id_}", exact=True)

    def titles(self) -> list[str]:
        """The titles that are there to be seen, from above."""
        return [
            cell.input_value()
            for cell in self.page.get_by_role("textbox", name=re.compile(r"^Title of job \d+$")).all()
            if cell.is_visible()
        ]

    def shows(self, id_: int, **cells: str) -> None:
        """Wait until the row shows these values: title, status, assignee, due (a day as text)."""
        fields: dict[str, Field] = {
            "title": "Title",
            "status": "Status",
            "assignee": "Assignee",
            "due": "Due date",
        }
        for name, value in cells.items():
            expect(self.cell(id_, fields[name])).to_have_value(value)

    def lacks(self, id_: int) -> None:
        """Wait until there is no such row."""
        expect(self.cell(id_, "Title")).to_have_count(0)

    def add(self, title: str, *, status: str = "", assignee: str = "", due: str = "") -> None:
        form = self.page.get_by_role("form", name="Add a job")
        form.get_by_label("Title of the new job").fill(title)
        if status:
            form.get_by_label("Status of the new job").select_option(status)
        form.get_by_label("Assignee of the new job").fill(assignee)
        form.get_by_label("Due date of the new job").fill(due)
        form.get_by_role("button", name="Add").click()

    def edit(self, id_: int, field: Field, value: str) -> None:
        """Write into a cell as a person does, and leave it."""
        cell = self.cell(id_, field)
        if field == "Status":
            cell.select_option(value)
        else:
            cell.fill(value)
            cell.press("Enter")

    def settle(self) -> None:
        """Add a job, which is there when that was answered: nothing sent before is under way any more."""
        count = self.rows.count()
        self.add("so that something is answered")
        expect(self.rows).to_have_count(count + 1)
        expect(self.page.locator("#add")).to_have_js_property(
            "inert", False
        )  # the row may come before the answer

    def delete(self, id_: int) -> None:
        self.deleteButton(id_).click()

    def says(self, id_: int, error: str | re.Pattern[str]) -> None:
        """Wait until the row says this of what went wrong with it."""
        expect(self.row(id_)).to_contain_text(error)
