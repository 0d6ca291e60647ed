"""A node for tests whose threads work at one time, and are known to have worked at another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from vortex.errors import DatabaseUnavailable
from vortex.node.vortex import Vortex

__all__ = ["Call", "SlowVortex"]


class Call:
    """What a thread was asked to do."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.done: Deferred[Any] = Deferred()
        self.hasWorked = False
        self._work = work
        self._outcome: Any = None

    def works(self) -> None:
        """It does it."""
        self.hasWorked = True
        try:
            self._outcome = self._work()
        except Exception:
            self._outcome = Failure()

    def fails(self) -> None:
        """It cannot."""
        self.hasWorked = True
        self._outcome = Failure(DatabaseUnavailable("not now"))

    def isOver(self) -> None:
        """What came of it is known."""
        self.done.callback(self._outcome)


class SlowVortex(Vortex):
    """A node whose threads do in `calls` what they are asked to, each when the test says so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[Call] = []

    def runInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        self.calls.append(Call(lambda: function(*args, **kwargs)))
        return self.calls[-1].done
