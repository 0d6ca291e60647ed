"""
Clocks: all that Vortex asks of a reactor's time, as protocols.

Every Twisted reactor is a `Clock`, and so is `twisted.internet.task.Clock`, with which tests turn time by
hand. Nothing here reads a real clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Clock", "DelayedCall"]


class DelayedCall(Protocol):
    """A call that is waiting for its time."""

    def cancel(self) -> None:
        """Do not make the call after all. Raises if it was made or cancelled already: ask `active` first."""

    def active(self) -> bool:
        """Whether it is still to come."""

    def reset(self, secondsFromNow: float) -> None:
        """Make the call that many seconds from now instead."""

    def getTime(self) -> float:
        """When it is due, in seconds on the clock that it came from."""


class Clock(Protocol):
    """Something that knows the time and can be asked to call back."""

    def seconds(self) -> float:
        """The time, in seconds since a moment that never changes for this clock."""

    def callLater(self, delay: float, callable: Callable[..., Any], /, *args: Any, **kw: Any) -> DelayedCall:
        """Call *callable* with the arguments in *delay* seconds."""
