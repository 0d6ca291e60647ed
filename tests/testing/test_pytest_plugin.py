"""
The fixtures, in a project of their own: pytest finds them by the library's entry point.

Each run is a process of its own, as a user's is. That a wheel brings the entry point is shown in
tests/integration/test_pytest_plugin.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep

USERS_TEST = """
from vortex import Payload
from vortex.testing import RecordingEndpoint

def test_news_arrives(vortexHarness, vortexClock):
    shop, till = vortexHarness.node("shop"), vortexHarness.node("till")
    vortexHarness.link(shop, till)
    news = RecordingEndpoint({"key": "news"}, till)
    shop.send(Payload({"key": "news"}, ["open"]))
    vortexHarness.advance(5)
    assert news.tuples == ["open"]
    assert vortexClock is vortexHarness.clock
    assert vortexClock.seconds() == 5
"""


@pytest.fixture(autouse=True)
def _ofThisTree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point is the installed library's; what it names is imported from the tree that is tested."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))


class TestTheFixtures:
    def test_are_there_without_being_asked_for(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(USERS_TEST)

        run = pytester.runpytest_subprocess("-W", "error")

        run.assert_outcomes(passed=1)

    def test_a_call_that_is_left_turns_the_test_red(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            def forgotten():
                pass

            def test_leaves_a_call(vortexHarness):
                vortexHarness.node("a").clock.callLater(9, forgotten)
            """
        )

        run = pytester.runpytest_subprocess()

        run.assert_outcomes(passed=1, errors=1)
        run.stdout.fnmatch_lines(
            ["*AssertionError: the harness is not empty*", "*call is left: *forgotten at 9 s*"]
        )
        assert run.ret == pytest.ExitCode.TESTS_FAILED

    def test_are_explained(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_subprocess("--fixtures")

        run.stdout.fnmatch_lines(["vortexClock -- *", "    A clock that begins at 0*", "vortexHarness -- *"])


class TestThePlugin:
    HEAVY = (
        "sqlalchemy",
        "twisted.internet.reactor",
        "twisted.web.server",
        "autobahn",
        "orjson",
        "vortex.node.vortex",
    )

    def test_imports_nothing_that_costs_time(self) -> None:
        assert self._importedBy("import vortex.testing.pytest_plugin") == []

    def test_the_harness_imports_neither_a_reactor_nor_sqlalchemy(self) -> None:
        imported = self._importedBy("from vortex.testing import VortexHarness")

        assert imported == ["twisted.web.server", "autobahn", "orjson", "vortex.node.vortex"]

    def _importedBy(self, statement: str) -> list[str]:
        code = f"{statement}; import sys; print(*[name for name in {self.HEAVY} if name in sys.modules])"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return run.stdout.split()
