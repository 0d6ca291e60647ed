"""docs/reference/wire-format.md: each of its rules is held by a conformance case that names it."""

from __future__ import annotations

import json
import re

import pytest

from tests.docs.documents import ROOT

PAGE = ROOT / "docs" / "reference" / "wire-format.md"
CASES = ROOT / "tests" / "conformance"

_SECTION = re.compile(r"^## (\d)\. (.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r"^(\d)\. (.+?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)

BY_OTHERS = {
    "4.4": "tests/integration/test_killed_at_every_point.py",  # it takes a database
}
"""Rules that no case without a server's own things can show, and what does."""


def rules() -> dict[str, str]:
    """The text of each rule that has a number, by the number of its section and its own."""
    found: dict[str, str] = {}
    for number, section in re.findall(
        r"^## (\d)\. (.+?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    ):
        for rule, text in re.findall(r"^(\d)\. (.+?)(?=^\d\. |^\S|\Z)", section, re.MULTILINE | re.DOTALL):
            found[f"{number}.{rule}"] = text
    return found


RULES = rules()
NAMED = {
    case["spec"]
    for path in CASES.glob("*.json")
    for case in json.loads(path.read_text()).get("cases", [])
    if path.name != "live.json"
}


class TestTheRules:
    @pytest.mark.parametrize("rule", RULES)
    def test_are_each_held_by_a_case_that_names_it(self, rule: str) -> None:
        if rule in BY_OTHERS:
            assert (ROOT / BY_OTHERS[rule]).is_file()
        else:
            assert rule in NAMED

    def test_are_all_that_have_a_number(self) -> None:
        counts = {section: sum(rule.startswith(f"{section}.") for rule in RULES) for section in range(1, 7)}

        assert counts == {1: 4, 2: 3, 3: 5, 4: 6, 5: 4, 6: 0}

    def test_that_cases_name_are_there(self) -> None:
        assert NAMED - RULES.keys() <= set("0123456")
