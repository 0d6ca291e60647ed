"""The client's codec in Chromium: the recorded vectors, and frames that were mutated."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visits
from tests.integration.children import PATIENCE, ROOT

FRAMES = 5_000


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """js-client/test/in_page.ts, bundled."""
    made = tmp_path_factory.mktemp("bundle") / "in_page.js"
    esbuild = ROOT / "js-client" / "node_modules" / ".bin" / "esbuild"
    options = ("--bundle", "--format=iife", "--log-level=error", f"--outfile={made}")
    command = [str(esbuild), "test/in_page.ts", *options]
    subprocess.run(command, cwd=ROOT / "js-client", check=True, timeout=PATIENCE)
    return made


@pytest.fixture(scope="session")
def files() -> dict[str, Any]:
    folder = ROOT / "tests" / "vectors"
    return {path.stem: json.loads(path.read_text())["vectors"] for path in folder.iterdir()}


@pytest.fixture
def page(visit: Visits, script: Path) -> Page:
    """A page that has it, and is nobody's."""
    empty = visit.visitor().page()
    empty.add_script_tag(path=script)
    return empty


class TestVectors:
    def test_are_read_as_they_were_meant_and_what_is_written_means_the_same(
        self, page: Page, files: dict[str, Any]
    ) -> None:
        checked = page.evaluate("(files) => checkVectors(files)", files)

        assert checked["problems"] == []
        counts = checked["counts"]
        assert counts["files"] == len(files) == 12
        assert (counts["vortexpy622"], counts["vortexjs242"], counts["vortexpy030"]) == (103, 70, 14)
        assert (counts["messages"], counts["beats"]) == (116, 24)
        assert (counts["written as vortexpy622"], counts["written as vortexjs242"]) == (78, 30)


class TestMutatedFrames:
    def test_leave_the_client_open_or_cleanly_closed(self, page: Page, files: dict[str, Any]) -> None:
        """And are told of as errors with a code: nothing is thrown, and nothing is heard of by the page."""
        told = page.evaluate("([files, count]) => fuzz(files, count)", [files, FRAMES])

        assert told["thrown"] == []
        assert not told["isPolluted"]
        assert "bad-payload" in told["codes"]
        assert set(told["codes"]) <= {"bad-payload", "limit-exceeded", "remote-error"}
        assert told["lines"] >= 1
