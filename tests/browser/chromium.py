"""
Chromium, driven by Playwright: one browser, and contexts that remember what went wrong in their pages.

A context is a visitor of its own: cookies, storage and cache are shared by its pages and with no other's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    WebError,
    sync_playwright,
)

__all__ = ["BROKEN", "DESKTOP", "PATIENCE_MS", "PHONE", "ColorScheme", "Visitor", "chromium", "launched"]

ColorScheme = Literal["dark", "light"]

DESKTOP = (1280, 800)
PHONE = (360, 740)
PATIENCE_MS = 30_000.0
"""Milliseconds within which anything that a test waits for has to happen."""

FLAGS = (
    "--no-sandbox",  # it does not start as root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

BROKEN = r"net::ERR_|WebSocket connection to|Failed to load resource"
"""A regular expression for what Chromium says of a server that is not there."""

_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`${event.violatedDirective} is violated by ${event.blockedURI || event.sourceFile}`)
})
"""


def program() -> str:
    """Where Debian's Chromium is."""
    found = shutil.which("chromium")
    assert found is not None, "chromium is missing. On Debian: apt-get install chromium"
    return found


@contextmanager
def launched(playwright: Playwright, *, without: Sequence[str] = ()) -> Iterator[Browser]:
    """
    A browser without a window.

    Args:
        without: Flags of Playwright's own that it is started without.
    """
    browser = playwright.chromium.launch(
        executable_path=program(), args=list(FLAGS), ignore_default_args=list(without)
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Playwright and a browser, where nothing has started Playwright yet."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


class Visitor:
    """
    A context of the browser.

    Args:
        browser: Where it is opened.
        size: Width and height of its pages.
        settings: Further options of Playwright's ``new_context``.

    Attributes:
        mayFail: What its pages may complain of; each a regular expression that is found in the complaint.
    """

    def __init__(
        self,
        browser: Browser,
        *,
        size: tuple[int, int] = DESKTOP,
        colorScheme: ColorScheme = "light",
        **settings: Any,
    ) -> None:
        self.mayFail: list[str] = []
        self._complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=colorScheme,
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="UTC",
            **settings,
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.context.on("console", self._onConsole)
        self.context.on("weberror", self._onError)

    def page(self) -> Page:
        """An empty page more."""
        return self.context.new_page()

    def complaints(self) -> list[str]:
        """What the pages said that went wrong, and that no test expects: errors, warnings, violations."""
        return [
            complaint
            for complaint in self._complaints
            if not any(re.search(expected, complaint) for expected in self.mayFail)
        ]

    def heard(self, pattern: str) -> list[str]:
        """Complaints in which *pattern* is found, expected or not."""
        return [complaint for complaint in self._complaints if re.search(pattern, complaint)]

    def _onConsole(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            where = message.location
            self._complaints.append(f"{message.type}: {message.text} ({where['url']}:{where['lineNumber']})")

    def _onError(self, error: WebError) -> None:
        self._complaints.append(f"uncaught: {error.error}")

    def close(self) -> None:
        self.context.close()
