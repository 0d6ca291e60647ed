"""What runs the client's tests: it fails when one does, finds every file, hides none that was left out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.javascript import copy

GOOD = 'import { test } from "node:test"\ntest("good", () => {})\n'
BAD = f'{GOOD}test("bad", () => {{ throw new Error("out of paint") }})\n'
SKIPPED = f'{GOOD}test.skip("skipped", () => {{}})\n'
SKIPS_ITSELF = f'{GOOD}test("skips itself", (context) => {{ context.skip() }})\n'
LATER = f'{GOOD}test.todo("later")\n'
BROKEN = f'{GOOD}import "./nowhere.ts"\n'
TESTS_NOTHING = "export {}\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client with no test."""
    folder = tmp_path_factory.mktemp("runner") / "js-client"
    copy(folder)
    shutil.rmtree(folder / "test")
    return folder


def run(client: Path, ci: str, *arguments: str, **texts: str) -> tuple[bool, str, str]:
    """Whether these tests passed by its account, its last line, and everything else that it said."""
    shutil.rmtree(client / "test", ignore_errors=True)
    for name, text in texts.items():
        path = client / "test" / "deep" / "down" / f"{name}.test.ts"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(
        ["node", client / "scripts" / "test.mjs", *arguments],
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    *before, last = done.stdout.splitlines() or [""]
    return done.returncode == 0, last, "\n".join([*before, done.stderr])


class TestTheRunner:
    @pytest.mark.parametrize("ci", ["", "true"])
    def test_says_how_many_have_passed(self, ci: str, client: Path) -> None:
        assert run(client, ci, one=GOOD, two=GOOD) == (True, "2 of 2 tests passed", "")

    def test_runs_the_files_that_it_is_told_to(self, client: Path) -> None:
        assert run(client, "", "two", one=BAD, two=GOOD) == (True, "1 of 1 tests passed", "")

    def test_shows_what_has_failed(self, client: Path) -> None:
        passed, last, said = run(client, "", one=BAD, two=GOOD)

        assert (passed, last) == (False, "2 of 3 tests passed")
        assert "out of paint" in said

    @pytest.mark.parametrize("text", [SKIPPED, SKIPS_ITSELF, LATER], ids=["skipped", "by itself", "later"])
    def test_lets_none_be_left_out_under_ci(self, text: str, client: Path) -> None:
        assert run(client, "", one=text) == (True, "1 of 2 tests passed, 1 left out", "")

        passed, last, said = run(client, "true", one=text)

        assert (passed, last) == (False, "1 of 2 tests passed, 1 left out")
        assert "under CI every test runs and passes" in said

    @pytest.mark.parametrize("arguments", [(), ("other",)])
    def test_fails_when_it_finds_none(self, arguments: tuple[str, ...], client: Path) -> None:
        passed, _, said = run(client, "", *arguments, **({"one": GOOD} if arguments else {}))

        assert not passed
        assert "no test file's name holds" in said or "ENOENT" in said

    def test_fails_on_a_file_that_cannot_be_read(self, client: Path) -> None:
        passed, _, said = run(client, "", one=BROKEN, two=GOOD)

        assert not passed
        assert "./nowhere.ts" in said

    def test_fails_on_a_file_without_a_test(self, client: Path) -> None:
        passed, _, said = run(client, "", one=TESTS_NOTHING, two=GOOD)

        assert not passed
        assert "no test ran to its end in " in said
        assert said.rstrip().endswith("down/one.test.mjs")
