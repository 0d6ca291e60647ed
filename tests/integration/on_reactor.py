"""Tests that run on the real reactor, for type checkers too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest_twisted

__all__ = ["onReactor"]

Test = TypeVar("Test", bound=Callable[..., Coroutine[Any, Any, None]])


def onReactor(test: Test) -> Test:
    """A coroutine function as a test: what it awaits happens on the reactor that pytest runs."""
    decorated: Test = pytest_twisted.ensureDeferred(test)
    return decorated
