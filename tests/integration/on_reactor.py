"""Tests that run on the real reactor, for type checkers too, and how they wait for what has no event."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

__all__ = ["PATIENCE", "onReactor", "until"]

PATIENCE = 30.0
"""Seconds after which what a test waits for does not come."""

Test = TypeVar("Test", bound=Callable[..., Coroutine[Any, Any, None]])


def onReactor(test: Test) -> Test:
    """A coroutine function as a test: what it awaits happens on the reactor that pytest runs."""
    decorated: Test = pytest_twisted.ensureDeferred(test)
    return decorated


async def until(condition: Callable[[], object], what: object = "") -> None:
    """
    Let the reactor turn until *condition* holds.

    Args:
        what: What that means; or a function that says what there is instead.
    """
    clock: Any = reactor
    end = clock.seconds() + PATIENCE
    while not condition():
        assert clock.seconds() < end, f"not in {PATIENCE:g} s: {what() if callable(what) else what}"
        pause: Deferred[None] = deferLater(clock, 0.01)
        await pause
