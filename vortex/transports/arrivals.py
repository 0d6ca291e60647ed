"""
Arrivals: HTTP requests from when they come in until it is known who has sent them.

Mostly that is known at once, and nothing is kept. Where somebody has to be asked first, a request waits here;
those of one sender go on in the order in which they came, and one that is gone meanwhile leaves nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.principal import Principal

__all__ = ["Arrivals"]

Outcome = Principal | None | Failure
CarryOn = Callable[[Request, Outcome], bytes | int]
"""What becomes of the request, as a resource's `render` returns it."""

_UNDECIDED: Any = object()


class Arrivals:
    """The requests to one resource."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[_Arrival]] = {}

    def receive(
        self,
        request: Request,
        admission: Deferred[Principal | None],
        carryOn: CarryOn,
        sender: Hashable = None,
    ) -> bytes | int:
        """
        Have *carryOn* called with *request* and what comes of *admission*.

        Args:
            sender: Equal for requests that must not overtake each other; None: there is no such other.

        Returns:
            What `render` has to return.
        """
        key = object() if sender is None else sender
        arrival = _Arrival(request, carryOn)
        admission.addBoth(arrival.decide)
        if arrival.outcome is not _UNDECIDED and key not in self._lines:
            return carryOn(request, arrival.outcome)
        line = self._lines.setdefault(key, deque())
        line.append(arrival)
        arrival.wait(admission, lambda: self._moveOn(key, line))
        return NOT_DONE_YET

    def _moveOn(self, key: Hashable, line: deque[_Arrival]) -> None:
        """Let all go on who wait for nobody before them."""
        while line and line[0].outcome is not _UNDECIDED:
            line.popleft().carryOn()
        if not line and self._lines.get(key) is line:
            del self._lines[key]


class _Arrival:
    """
    Attributes:
        outcome: Who has sent it, or why it may not come in.
    """

    def __init__(self, request: Request, carryOn: CarryOn) -> None:
        self.outcome: Outcome = _UNDECIDED
        self._request: Request | None = request
        self._carryOn = carryOn
        self._admission: Deferred[Any] | None = None
        self._moveOn: Callable[[], None] | None = None

    def decide(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._admission = None
        if self._moveOn is not None:
            self._moveOn()

    def wait(self, admission: Deferred[Any], moveOn: Callable[[], None]) -> None:
        assert self._request is not None
        self._moveOn = moveOn
        self._request.notifyFinish().addErrback(self._gone)
        if self.outcome is _UNDECIDED:
            self._admission = admission

    def _gone(self, _failure: Failure) -> None:
        self._request = None
        if self._admission is not None:
            self._admission.cancel()

    def carryOn(self) -> None:
        # Let go of the request: it has the Deferred that has us.
        request, self._request, self._moveOn = self._request, None, None
        if request is None:
            return
        try:
            rendered = self._carryOn(request, self.outcome)
        except Exception:
            request.processingFailed(Failure())
            return
        if isinstance(rendered, bytes):
            request.write(rendered)
            request.finish()
