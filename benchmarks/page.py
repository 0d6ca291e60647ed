"""
Page: what the demo's board costs a browser's main thread, which is what its visitor waits for.

First it is opened with many rows: what counts is the longest task, for in it nothing else happens. Then one
row after the other is changed, and that is pushed: what counts is all that the main thread does from one push
to the next: drawing, collecting garbage, and checking all rows are among it. The times are the main thread's
processor time, by Chromium's own trace: what other programs had meanwhile is not in them, but writing it is.
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

CATEGORIES = ["toplevel", "devtools.timeline"]
PER_SECOND = 50
SETTLE_MS = 1_000
TASK = "ThreadControllerImpl::RunTask"
RECEIVED = "WebSocketReceive"
"""Chromium's names of a task, and of the event that a message has come."""


@dataclass(frozen=True)
class MainThread:
    """
    What a page's main thread did.

    Attributes:
        tasks: When each task ended, and the processor time that it had, in milliseconds.
        received: When each push came, in milliseconds.
    """

    tasks: list[tuple[float, float]]
    received: list[float]

    @classmethod
    def of(cls, trace: bytes) -> MainThread:
        """
        Args:
            trace: As Chromium writes it; the page is the process that was busiest.
        """
        events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
        threads: dict[tuple[int, int], MainThread] = {
            (event["pid"], event["tid"]): cls([], [])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        for event in sorted(events, key=lambda event: event.get("ts", 0)):
            thread = threads.get((event["pid"], event["tid"]))
            if thread is None:
                continue
            if event["name"] == TASK and event["ph"] == "X":
                thread.tasks.append(((event["ts"] + event["dur"]) / 1e3, event.get("tdur", 0) / 1e3))
            elif event["name"] == RECEIVED:
                thread.received.append(event["ts"] / 1e3)  # a push, or one of a few beats and pings
        return max(threads.values(), key=lambda thread: sum(cpu for _, cpu in thread.tasks))

    @property
    def longest(self) -> float:
        """Of its longest task, the milliseconds."""
        return max(cpu for _, cpu in self.tasks)

    def perPush(self) -> list[float]:
        """Milliseconds that it was busy from each push to the next."""
        busy = [0.0] * len(self.received)
        for end, cpu in self.tasks:
            number = bisect_right(self.received, end) - 1  # a message is received within a task
            if number >= 0:
                busy[number] += cpu
        return busy[:-1]


def run(settings: Settings, _: Contender | None) -> Iterator[Row]:
    rows, pushes = settings.pageRows, settings.pagePushes
    with chromium() as browser:
        loads = [_load(browser, rows) for _ in range(settings.serverRounds)]
        pushed = _push(browser, rows, pushes)
    yield compared(f"open the page with {rows:,} rows: the longest task", "s", _seconds(loads), None)
    what = f"one of {rows:,} rows changed, {PER_SECOND} times a second: main thread"
    ordered = sorted(pushed.perPush())
    values = {
        "mean": sum(ordered) / len(ordered),
        "median": ordered[len(ordered) // 2],
        "95 of 100": ordered[len(ordered) * 95 // 100],
        "longest task": pushed.longest,
    }
    for name, value in values.items():
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


def _push(browser: Browser, rows: int, count: int) -> MainThread:
    """While rows are pushed that often."""
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
            return MainThread.of(browser.stop_tracing())
    finally:
        visitor.close()
