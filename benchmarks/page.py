"""
Page: what the demo's board costs a browser's main thread, which is what its visitor waits for.

First it is opened with many rows: what counts is the longest task, for in it nothing else happens. Then all
rows are pushed again and again with one of them changed: what counts is all that the main thread does from
one push to the next, drawing and collecting garbage among it. The times are those of Chromium's own trace.
"""

from __future__ import annotations

import json
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, expect

from benchmarks.processes import HERE, SERVER_CPU, Contender, Process
from benchmarks.settings import Settings
from benchmarks.table import Row, compared
from tests.browser.chromium import Visitor, chromium

__all__ = ["MainThread", "run"]

CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "v8"]
PER_SECOND = 50
SETTLE_MS = 1_000
RECEIVED = "WebSocketReceive"
"""Chromium's name of the event that a message has come."""


@dataclass(frozen=True)
class MainThread:
    """
    What a page's main thread did.

    Attributes:
        tasks: Start and duration of each task, in milliseconds.
        received: When each WebSocket message of more than a few bytes came, in milliseconds.
    """

    tasks: list[tuple[float, float]]
    received: list[float]

    @classmethod
    def of(cls, trace: bytes) -> MainThread:
        """From a trace, as Chromium writes it; the page is the process that was busiest."""
        events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
        mains = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks: dict[tuple[int, int], list[tuple[float, float]]] = {main: [] for main in mains}
        received: dict[tuple[int, int], list[float]] = {main: [] for main in mains}
        for event in events:
            thread = (event["pid"], event["tid"])
            if thread not in mains:
                continue
            if event["name"] == "RunTask" and event["ph"] == "X":
                tasks[thread].append((event["ts"] / 1e3, event["dur"] / 1e3))
            elif event["name"] == RECEIVED and event["args"]["data"].get("dataLength", 0) > 100:
                received[thread].append(event["ts"] / 1e3)
        busiest = max(mains, key=lambda main: sum(duration for _, duration in tasks[main]))
        return cls(sorted(tasks[busiest]), sorted(received[busiest]))

    @property
    def longest(self) -> float:
        """Of its longest task, the milliseconds."""
        return max(duration for _, duration in self.tasks)

    def perMessage(self) -> list[float]:
        """Milliseconds that it was busy from each message to the next."""
        busy = [0.0] * len(self.received)
        for start, duration in self.tasks:
            # a message is received within a task, which so begins a little before
            number = bisect_right(self.received, start + duration) - 1
            if number >= 0:
                busy[number] += duration
        return busy


def run(settings: Settings, _: Contender | None) -> Iterator[Row]:
    rows, pushes = settings.pageRows, settings.pagePushes
    with chromium() as browser:
        loads = [_load(browser, rows) for _ in range(settings.serverRounds)]
        pushed = _push(browser, rows, pushes)
    yield compared(f"open the page with {rows:,} rows: the longest task", "s", _seconds(loads), None)
    what = f"a push of {rows:,} rows, one changed, {PER_SECOND} a second: main thread"
    ordered = sorted(pushed)
    for name, at in (("median", 0.5), ("95 of 100", 0.95), ("longest", 1.0)):
        value = ordered[min(int(at * len(ordered)), len(ordered) - 1)]
        yield compared(f"{what}, {name}", "s", _seconds([value]), None)


def _seconds(milliseconds: list[float]) -> list[float]:
    return [each / 1e3 for each in milliseconds]


def _server(rows: int) -> Process:
    return Process([sys.executable, HERE / "programs" / "page_server.py", str(rows)], SERVER_CPU)


def _open(page: Page, server: Process, rows: int) -> None:
    page.goto(f"http://127.0.0.1:{server.call('port')}/?name=bench")
    expect(page.locator("tbody tr")).to_have_count(rows, timeout=60_000)


def _load(browser: Browser, rows: int) -> float:
    """The longest task while the page is opened and the second after, in milliseconds."""
    visitor = Visitor(browser)
    page = visitor.page()
    try:
        with _server(rows) as server:
            browser.start_tracing(page=page, categories=CATEGORIES)
            _open(page, server, rows)
            page.wait_for_timeout(SETTLE_MS)
            return MainThread.of(browser.stop_tracing()).longest
    finally:
        visitor.close()


def _push(browser: Browser, rows: int, count: int) -> list[float]:
    """How long the main thread was busy with each push, in milliseconds."""
    visitor = Visitor(browser)
    page = visitor.page()
    try:
        with _server(rows) as server:
            _open(page, server, rows)
            page.wait_for_timeout(SETTLE_MS)
            browser.start_tracing(page=page, categories=CATEGORIES)
            server.call("push", count=count, perSecond=PER_SECOND)
            while server.call("left"):
                time.sleep(0.1)
            page.wait_for_timeout(SETTLE_MS)
            return MainThread.of(browser.stop_tracing()).perMessage()
    finally:
        visitor.close()
