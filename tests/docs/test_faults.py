"""The pages of promises name a test for each, and each is there."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cache

import pytest

from tests.docs.documents import ROOT

PAGES = ("faults", "consistency")
"""In docs/topics."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

COUNT = {"faults": 50, "consistency": 25}
"""Promises that each page has at least."""


@dataclass(frozen=True)
class Row:
    """One line of a table: its first two cells, say a fault and a promise, and the names of the tests."""

    page: str
    first: str
    second: str
    tests: tuple[str, ...]


def rows(page: str) -> list[Row]:
    found = []
    for line in (ROOT / "docs" / "topics" / f"{page}.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and not line.startswith("|---") and cells[-1] != "held by":
            first, second, tests = cells
            found.append(Row(page, first, second, tuple(re.findall(r"`([^`]+)`", tests))))
    return found


ROWS = [row for page in PAGES for row in rows(page)]
NAMES = sorted({name for row in ROWS for name in row.tests})


@cache
def pythonTests(path: str) -> frozenset[str]:
    """The tests of a module, as ``::Class::method`` or ``::function``."""
    found: set[str] = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"::{node.name}::{each.name}" for each in node.body if isinstance(each, _FUNCTIONS)}
        elif isinstance(node, _FUNCTIONS):
            found.add(f"::{node.name}")
    return frozenset(name for name in found if "::test_" in name)


@cache
def conformanceCases(path: str) -> frozenset[str]:
    return frozenset(case["name"] for case in json.loads((ROOT / path).read_text())["cases"])


class TestEachPromise:
    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.first)
    def test_is_held_by_a_test(self, row: Row) -> None:
        assert row.tests

    @pytest.mark.parametrize("name", NAMES)
    def test_is_held_by_one_that_is_there(self, name: str) -> None:
        path, _, rest = name.partition(".")
        suffix = re.match(r"[\w.]+?(?=: |::)", rest)
        assert suffix is not None
        path = f"{path}.{suffix[0]}"
        rest = name.removeprefix(path)
        if path.endswith(".py"):
            assert rest in pythonTests(path)
        elif path.endswith(".json"):
            assert rest.removeprefix(": ") in conformanceCases(path)
        else:
            assert f'test("{rest.removeprefix(": ")}"' in (ROOT / path).read_text()

    @pytest.mark.parametrize("page", PAGES)
    def test_is_one_of_many(self, page: str) -> None:
        assert len(rows(page)) >= COUNT[page]
