"""
WaitingRequests: how many requests of each peer wait for their answers, which are bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from vortex.errors import LimitExceeded
from vortex.limits import Limits
from vortex.routing.ports import Peer

__all__ = ["WaitingRequests"]


class WaitingRequests:
    """
    Args:
        limits: The node's; ``maxWaitingRequests`` is for each peer.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.maxWaitingRequests
        self._waiting: Counter[Peer] = Counter()

    def __len__(self) -> int:
        """How many peers wait for something."""
        return len(self._waiting)

    def run(self, peer: Peer, answer: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        """
        Have *answer* run for a request of *peer*.

        Raises:
            LimitExceeded: If so many wait already.
        """
        if self._waiting[peer] >= self._most:
            raise LimitExceeded(
                "maxWaitingRequests", f"{self._most} requests of this peer wait for an answer already"
            )
        self._waiting[peer] += 1

        def over(outcome: Any) -> Any:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
            return outcome

        return Deferred.fromCoroutine(answer()).addBoth(over)
