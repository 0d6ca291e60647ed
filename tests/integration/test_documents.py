"""The pages' Python, run as they say, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, withLanguage

TWISTEDS_OWN = "twisted.web.resource._Unsafe"
"""How those warnings begin that twisted.web.static causes itself when it is imported."""


class TestPython:
    @pytest.mark.parametrize("document", withLanguage("python", "pycon"))
    def test_does_what_the_page_says(self, document: str, tmp_path: Path) -> None:
        done = runPage(document, tmp_path)

        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("text", "status"),
        [
            ("```pycon\n>>> 1 + 1\n2\n```\n", 0),
            ("```pycon\n>>> 1 + 1\n3\n```\n", 1),
            ("```python\nraise ValueError\n```\n", 1),
            ("```python\none = 1\n```\n```pycon\n>>> one\n1\n```\n", 0),
        ],
    )
    def test_a_page_that_is_wrong_fails(self, text: str, status: int, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(text)

        assert runPage(str(page), tmp_path).returncode == status


def runPage(document: str, folder: Path) -> subprocess.CompletedProcess[str]:
    warnings = ["-W", "error", "-W", f"ignore:{TWISTEDS_OWN}:DeprecationWarning"]
    command = [sys.executable, *warnings, "-m", "tests.docs.run_python", document, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
