"""That a left-out test fails under CI: conftest, tried on a small suite."""

from __future__ import annotations

from pathlib import Path

import pytest

SUITE = {
    "test_left_out": """
        import pytest

        def test_skips(): pytest.skip("busy")

        @pytest.mark.skip(reason="busy")
        def test_is_marked(): pass

        @pytest.mark.xfail(reason="busy")
        def test_fails_as_expected(): assert False

        @pytest.mark.xfail(reason="busy", strict=False)
        def test_passes_unexpectedly(): pass
    """,
    "test_skipped_module": "import pytest\npytest.skip('busy', allow_module_level=True)",
    "test_missing_import": "import pytest\npytest.importorskip('no_such_module_as_this')",
    "test_good": "def test_passes(): pass",
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest((Path(__file__).parent.parent / "conftest.py").read_text())
    pytester.makepyfile(**SUITE)
    return pytester


class TestLeftOutTests:
    def test_each_fails_under_ci(self, suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")

        result = suite.runpytest_subprocess("-rA", "--continue-on-collection-errors")

        result.assert_outcomes(passed=1, failed=3, errors=3)
        result.stdout.fnmatch_lines_random(
            [
                "PASSED test_good.py::test_passes",
                "FAILED test_left_out.py::test_skips - under CI every test runs and passes; *busy*",
                "ERROR test_left_out.py::test_is_marked - under CI every test runs and passes; *busy*",
                "FAILED test_left_out.py::test_fails_as_expected - under CI every test runs and passes; *",
                "FAILED test_left_out.py::test_passes_unexpectedly - under CI every test runs and passes; *",
                "ERROR test_skipped_module.py - under CI every test runs and passes; a module *busy*",
                "ERROR test_missing_import.py - under CI every test runs and passes; a module *",
            ]
        )

    def test_each_is_only_named_elsewhere(
        self, suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CI", raising=False)

        suite.runpytest_subprocess().assert_outcomes(passed=1, skipped=4, xfailed=1, xpassed=1)
