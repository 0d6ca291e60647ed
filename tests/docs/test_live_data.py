"""docs/reference/live-data.md: the conformance cases name what stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SECTIONS = re.findall(
    r"^## (\d)\. (.+?)(?=^## |\Z)",
    (ROOT / "docs/reference/live-data.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
LIVE = json.loads((ROOT / "tests/conformance/live.json").read_text())
NAMED = {case["spec"].removeprefix("live-data ") for case in [*LIVE["sums"], *LIVE["cases"]]}


class TestTheRules:
    def test_of_how_a_delta_is_applied_are_each_named_by_a_case(self) -> None:
        [text] = [text for number, text in SECTIONS if number == "3"]
        steps = re.findall(r"^(\d)\. ", text, re.MULTILINE)

        assert steps == list("12345")
        assert {f"3.{step}" for step in steps} <= NAMED

    def test_that_cases_name_are_there(self) -> None:
        rules = {number for number, _ in SECTIONS}
        rules |= {
            f"{number}.{rule}"
            for number, text in SECTIONS
            for rule in re.findall(r"^(\d)\. ", text, re.MULTILINE)
        }

        assert rules >= NAMED
