"""The fixtures as a user gets them: a project of one test, in an environment with the wheel and pytest."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.installing import run

PASSING = """
from vortex import Payload
from vortex.testing import RecordingEndpoint

def test_news_arrives(vortexHarness):
    shop, till = vortexHarness.node("shop"), vortexHarness.node("till")
    vortexHarness.connect(till, shop)
    news = RecordingEndpoint({"key": "news"}, till)
    shop.send(Payload({"key": "news"}, ["open"]))
    vortexHarness.settle()
    assert news.tuples == ["open"]
"""
LEAVING = """
def test_leaves_a_call(vortexHarness):
    vortexHarness.clock.callLater(9, print)
"""


@pytest.fixture
def pytestOfTheUser(installedWithPytest: Path) -> Path:
    return installedWithPytest / "pytest"


class TestAUsersProject:
    def test_has_the_fixtures(self, pytestOfTheUser: Path, tmp_path: Path) -> None:
        (tmp_path / "test_news.py").write_text(PASSING)

        assert "1 passed" in run(pytestOfTheUser, "-W", "error", "-p", "no:cacheprovider", at=tmp_path)

    def test_is_told_what_is_left(self, pytestOfTheUser: Path, tmp_path: Path) -> None:
        (tmp_path / "test_leaving.py").write_text(LEAVING)

        done = subprocess.run([pytestOfTheUser], cwd=tmp_path, capture_output=True, text=True, check=False)

        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
        assert "a call is left: builtins.print at 9 s" in done.stdout
