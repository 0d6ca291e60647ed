"""Our programs as they are forked for tests: what they are given, what they say, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.children import OurChild
from tests.integration.forked import Forked

PROGRAM = "tests.integration.telling_program"


class TestAProgram:
    def test_is_one_of_its_own(self, tmp_path: Path) -> None:
        with OurChild(PROGRAM, "a", "b c", environment={"COLOUR": "blue"}, folder=tmp_path) as child:
            told = json.loads(child.line())

            assert told == {
                "name": "__main__",
                "arguments": ["a", "b c"],
                "colour": "blue",
                "folder": str(tmp_path),
                "pid": child.pid,
                "group": child.pid,
                "session": child.pid,
                "reactor": False,
            }
            assert child.isRunning

    def test_says_back_what_it_is_told_and_ends_by_itself(self) -> None:
        with OurChild(PROGRAM) as child:
            child.line()
            child.tell("Zoë")
            assert child.line() == "Zoë"
            child.tell("end 3")

            assert child.finish() == 3
            assert (child.errors, child.isRunning) == ("ended with 3\n", False)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_that_is_killed_has_the_signal_for_its_status(self, number: int) -> None:
        with OurChild(PROGRAM) as child:
            child.line()
            os.killpg(child.pid, number)

            assert child.finish() == -number

    def test_takes_warnings_for_errors(self) -> None:
        with OurChild(PROGRAM) as child:
            child.line()
            child.tell("warn")

            assert child.finish() == 1
            assert child.errors.endswith("UserWarning: it is late\n")

    def test_begins_as_if_it_were_the_first(self) -> None:
        for _ in range(2):
            with OurChild(PROGRAM) as child:
                assert json.loads(child.line())["reactor"] is False
                child.tell("react")
                assert child.line() == "reacted"

    def test_that_runs_on_is_waited_for_no_longer_than_one_says(self) -> None:
        with OurChild(PROGRAM) as child:
            child.line()
            assert isinstance(child._process, Forked)
            with pytest.raises(subprocess.TimeoutExpired):
                child._process.wait(0.01)
            assert child.isRunning
