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
from vortex.routing.ports import Node

__all__ = ["Arrivals", "CarryOn", "Outcome"]

Outcome = Principal | None | Failure
CarryOn = Callable[[Request, Outcome], bytes | int]
"""What becomes of the request, as a resource's `render` returns it."""

_UNDECIDED: Any = object()


class Arrivals:
    """
    The requests to one resource.

    Args:
        node: Whose resource that is.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lines: dict[Hashable, deque[_Arrival]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    def receive(
        self,
        request: Request,
        admission: Deferred[Principal | None],
        carryOn: CarryOn,
        senderOf: Callable[[Request], Hashable] | None = None,
    ) -> bytes | int:
        """
        Have *carryOn* called with *request* and what comes of *admission*.

        Args:
            senderOf: Gives what is equal for requests that must not overtake each other; None: all may.

        Returns:
            What `render` has to return.
        """
        arrival = _Arrival(request, carryOn)
        admission.addBoth(arrival.decide)
        if arrival.outcome is not _UNDECIDED and not self._lines:
            return arrival.rendered()
        key = object() if senderOf is None else senderOf(request)
        if arrival.outcome is not _UNDECIDED and key not in self._lines:
            return arrival.rendered()
        line = self._lines.setdefault(key, deque())
        line.append(arrival)
        arrival.wait(self._node, admission, lambda: self._moveOn(key, line))
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
        self._giveUp: Callable[[], object] | None = None
        self._moveOn: Callable[[], None] | None = None

    def decide(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._giveUp = None
        if self._moveOn is not None:
            self._moveOn()

    def wait(self, node: Node, admission: Deferred[Any], moveOn: Callable[[], None]) -> None:
        assert self._request is not None
        self._moveOn = moveOn
        self._request.notifyFinish().addErrback(self._gone)
        if self.outcome is _UNDECIDED:
            # In a turn of its own: a coroutine that is cancelled keeps the frames of who did it for a garbage
            # collection, and the connection is in one of them.
            self._giveUp = lambda: node.clock.callLater(0, admission.cancel)

    def _gone(self, _failure: Failure) -> None:
        self._request = None
        if self._giveUp is not None:
            self._giveUp()

    def carryOn(self) -> None:
        request = self._request
        try:
            rendered = self.rendered()
        except Exception:
            if request is not None:
                request.processingFailed(Failure())
            return
        if request is not None and isinstance(rendered, bytes):
            request.write(rendered)
            request.finish()

    def rendered(self) -> bytes | int:
        # Let go of the request: it has the Deferred that has us.
        request, self._request, self._moveOn = self._request, None, None
        outcome, self.outcome = self.outcome, None
        try:
            return NOT_DONE_YET if request is None else self._carryOn(request, outcome)
        finally:
            if isinstance(outcome, Failure):
                _forgetCallers(outcome.value)


def _forgetCallers(error: BaseException | None) -> None:
    """Let go of the frames that *error* went through: the connection that is gone is in one of them."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
