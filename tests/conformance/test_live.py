"""The cases of live.json, see README.md beside this, with our Python core."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from tests.conformance.notation import Case, bytesOf, cases
from tests.conformance.python_live import LiveScript, Types
from vortex.tuples.row_sum import rowBytes, rowSum

FILE = json.loads((Path(__file__).parent / "live.json").read_text(encoding="utf-8"))
SUMS = {case["name"]: case for case in FILE["sums"]}
CASES = cases("live.json")


@pytest.fixture(scope="module")
def types() -> Types:
    return Types(FILE["types"])


class TestRowSums:
    @pytest.mark.parametrize("case", SUMS.values(), ids=SUMS)
    def test_are_as_the_case_says(self, types: Types, case: Case) -> None:
        value = types.valueOf(case["value"])

        assert rowBytes(value) == bytesOf(case["bytes"])
        assert rowSum(value) == case["sum"]

    @pytest.mark.parametrize("case", SUMS.values(), ids=SUMS)
    def test_of_the_cases_are_of_the_bytes_beside_them(self, case: Case) -> None:
        assert case["sum"] == zlib.crc32(bytesOf(case["bytes"]))


class TestViews:
    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    def test_do_as_the_case_says(self, types: Types, case: Case) -> None:
        LiveScript(case, types).run(case["steps"])
