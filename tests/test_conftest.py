"""What holds for every test: that one gets no socket here, has a name that lasts, and is heard."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

HOOKS = Path(__file__).with_name("conftest.py").read_text("utf-8")


class TestSockets:
    def test_a_unit_test_cannot_bind_one(self) -> None:
        with socket.socket() as each, pytest.raises(AssertionError, match="belongs in tests/integration"):
            each.bind(("127.0.0.1", 0))


class TestNames:
    def test_with_an_address_in_them_are_refused(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(HOOKS)
        pytester.makepyfile(
            "import pytest\n@pytest.mark.parametrize('it', [object()], ids=str)\ndef test_it(it): pass"
        )

        pytester.runpytest_subprocess("--collect-only").stderr.fnmatch_lines(
            ["*a test's name has an address in it*"]
        )


class TestTell:
    def test_adds_up_what_tests_tell_in_whatever_process(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(HOOKS)
        pytester.makepyfile(
            "def test_one(tell): tell(12, 'cuts')\ndef test_two(tell): tell(30, 'cuts'); tell(1, 'kill')"
        )

        outcome = pytester.runpytest_subprocess("-n", "2")

        outcome.assert_outcomes(passed=2)
        outcome.stdout.fnmatch_lines(["42 cuts", "1 kill"])
