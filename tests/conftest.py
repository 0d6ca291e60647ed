"""
What holds for every test: none is left out in silence.

Under ``CI=true`` a skipped test, one that is expected to fail and a skipped module are failures, whatever
their reason. Elsewhere pytest's own summary names them (``-ra``).
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NO_TEST_IS_LEFT_OUT = "under CI every test runs and passes"


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
        report.longrepr = f"{NO_TEST_IS_LEFT_OUT}; this one was left out: {why}"
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
        report.longrepr = f"{NO_TEST_IS_LEFT_OUT}; a module was left out: {report.longrepr}"
    return report
