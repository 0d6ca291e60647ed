"""The limits: every bound a number above 0, and documented."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from itertools import pairwise

import pytest

import vortex.limits
from vortex.limits import Limits


class TestLimits:
    @pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
    @pytest.mark.parametrize("value", [0, -1, True, "10", float("nan")])
    def test_refuse_what_bounds_nothing(self, name: str, value: object) -> None:
        with pytest.raises(ValueError, match=name):
            Limits(**{name: value})  # type: ignore[arg-type]

    def test_know_one_bound_that_may_be_absent(self) -> None:
        assert Limits(maxPeersPerAddress=None).maxPeersPerAddress is None
        with pytest.raises(ValueError, match="maxPeers "):
            Limits(maxPeers=None)  # type: ignore[arg-type]

    def test_say_of_each_bound_what_it_is(self) -> None:
        body = next(
            node
            for node in ast.parse(inspect.getsource(vortex.limits)).body
            if isinstance(node, ast.ClassDef)
        ).body
        documented = {
            before.target.id
            for before, after in pairwise(body)
            if isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        }

        assert documented == {field.name for field in fields(Limits)}
