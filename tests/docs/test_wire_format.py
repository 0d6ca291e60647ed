"""docs/reference/wire-format.md: each of its rules names what holds it, and that is there."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

import pytest

from tests.docs.documents import ROOT
from tests.docs.test_faults import pythonTests

PAGE = ROOT / "docs" / "reference" / "wire-format.md"
CASES = ROOT / "tests" / "conformance"

SECTION = re.compile(r"^## (\d)\. (.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
RULE = re.compile(r"^(\d)\. (.+?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
HELD = re.compile(r"Held by (?:(\d+) cases?(, among them|:) )?([^.].+)\.\Z")
"""How a rule ends: how many cases it has, whether some of them or all are named, and the names."""

SPEC = {
    (path.name, case["name"]): case["spec"]
    for path in CASES.glob("*.json")
    for case in json.loads(path.read_text()).get("cases", [])
    if path.name != "live.json"
}
"""The rule that each case is about, by the case's file and name."""


def inOneLine(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def rules() -> dict[str, str]:
    """The text of each rule that has a number, in one line, by the number of its section and its own."""
    return {
        f"{number}.{rule}": inOneLine(text)
        for number, section in SECTION.findall(PAGE.read_text())
        for rule, text in RULE.findall(section)
    }


RULES = rules()
NAMED = Counter(SPEC.values())


def namesIn(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def casesIn(names: list[str]) -> list[tuple[str, str]]:
    """The conformance cases among *names*: their files and their own names."""
    found = (re.match(r"(\w+\.json): (.+)", name) for name in names)
    return [(case[1], case[2]) for case in found if case]


@cache
def thingsIn(path: str) -> frozenset[str]:
    """The tests of a module, and the classes that have some, as ``::Class::method`` and ``::Class``."""
    tests = pythonTests(path)
    return tests | {test.rpartition("::")[0] for test in tests if test.count("::") == 2}


class TestTheRules:
    @pytest.mark.parametrize("rule", RULES)
    def test_each_end_with_what_holds_them(self, rule: str) -> None:
        held = HELD.search(RULES[rule])
        assert held is not None
        names = namesIn(held[3])
        cases = casesIn(names)

        assert len(cases) + sum(name.startswith("tests/") for name in names) == len(names) == len(set(names))
        assert names
        assert int(held[1] or 0) == NAMED[rule]
        assert (held[2] == ", among them") == (0 < len(cases) < NAMED[rule])
        assert bool(cases) == bool(NAMED[rule])

    @pytest.mark.parametrize("rule", RULES)
    def test_are_each_what_the_cases_that_they_name_are_about(self, rule: str) -> None:
        for case in casesIn(namesIn(RULES[rule])):
            assert SPEC.get(case) == rule, case

    @pytest.mark.parametrize("rule", [rule for rule, text in RULES.items() if "MUST" in text])
    def test_name_at_least_as_many_as_they_have_musts(self, rule: str) -> None:
        text, _, held = RULES[rule].rpartition("Held by ")

        assert len(namesIn(held)) >= len(re.findall(r"\bMUST\b", text)) > 0

    def test_have_all_the_musts(self) -> None:
        text = inOneLine(PAGE.read_text()).replace("The words MUST, MUST NOT, SHOULD and MAY are", "")
        count = sum(len(re.findall(r"\bMUST\b", rule)) for rule in RULES.values())

        assert len(re.findall(r"\bMUST\b", text)) == count
        assert count >= 22

    def test_are_all_that_have_a_number(self) -> None:
        counts = {section: sum(rule.startswith(f"{section}.") for rule in RULES) for section in range(1, 7)}

        assert counts == {1: 4, 2: 3, 3: 5, 4: 6, 5: 4, 6: 0}

    def test_that_cases_name_are_there(self) -> None:
        assert NAMED.keys() - RULES.keys() <= set("0123456")


class TestTheTests:
    @pytest.mark.parametrize("name", [name for name in namesIn(inOneLine(PAGE.read_text())) if ".py" in name])
    def test_that_the_page_names_are_there(self, name: str) -> None:
        path, _, _ = name.partition("::")

        assert path.startswith("tests/")
        assert name.removeprefix(path) in thingsIn(path)
