"""
What holds for every test: none is left out in silence, what one tells is shown, unit tests open no socket.

Under ``CI=true`` a skipped test, one that is expected to fail and a skipped module are failures, whatever
their reason. Elsewhere pytest's own summary names them (``-ra``).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Generator
from typing import NoReturn

import pytest
from hypothesis import settings

# New examples come with every run: many runs of few find what one run of many does, and nobody waits.
settings.register_profile("unit", max_examples=40, deadline=None)
settings.load_profile("unit")

# What is compiled once is read by the hundreds of processes that tests begin, even where none is to write it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What a shell runs in the background ignores Ctrl-C, and so would programs that tests begin, and end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["pytester"]

OPEN_SOCKETS = {"browser", "integration"}
"""Folders whose tests do."""

TOLD = "told"
"""What `tell` names what it notes of a test."""

NONE_IS_LEFT_OUT = "under CI every test runs and passes"


def isCi() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expectedToFail = hasattr(report, "wasxfail")
    if isCi() and (report.skipped or expectedToFail):
        why = report.wasxfail if expectedToFail else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{NONE_IS_LEFT_OUT}; this one was left out: {why}"
        if expectedToFail:
            del report.wasxfail
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if isCi() and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{NONE_IS_LEFT_OUT}; a module was left out: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that share the tests have to know them by the same names."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"a test's name has an address in it, another in each run: {changing[0]}")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[int, str], None]:
    """
    ``tell(3, "cuts")`` shows how many at the end of the run, whatever process the test runs in.

    What several tests tell of the same is added up.
    """
    return lambda count, what: request.node.user_properties.append((TOLD, [count, what]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told: Counter[str] = Counter()
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == TOLD:
                count, what = value
                told[what] += count
    if told:
        terminalreporter.section("told by tests")
    for what, count in sorted(told.items()):
        terminalreporter.write_line(f"{count} {what}")


@pytest.fixture(autouse=True)
def _unitTestsOpenNoSocket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if OPEN_SOCKETS & set(request.path.parts):
        return

    def refuse(self: socket.socket, *where: object) -> NoReturn:
        raise AssertionError(
            f"a unit test opens a socket ({where}); such a test belongs in tests/integration"
        )

    for method in ("bind", "connect", "connect_ex", "listen"):
        monkeypatch.setattr(socket.socket, method, refuse)
