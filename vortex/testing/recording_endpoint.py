"""
RecordingEndpoint: an endpoint that keeps what comes in, for a test to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.ports import Node

__all__ = ["RecordingEndpoint"]


class RecordingEndpoint:
    """
    Args:
        filt: What a message's filt has to contain; needs a ``key``.
        vortex: The node; None: the process's only one.
        callable_: Called with each payload and delivery besides, to answer for instance; what it returns and
            raises counts as a `PayloadEndpoint`'s does.

    Attributes:
        payloads: What came in, in order.
        deliveries: How each of them came: who sent it, and the way to answer.

    It lives as long as somebody keeps it, or until `shutdown`.
    """

    def __init__(
        self,
        filt: Mapping[str, Any],
        vortex: Node | None = None,
        callable_: Callable[[Payload, Delivery], object] | None = None,
    ) -> None:
        self.payloads: list[Payload] = []
        self.deliveries: list[Delivery] = []
        self._callable = callable_
        self._waiters: list[tuple[int, Deferred[list[Payload]]]] = []
        self._endpoint = PayloadEndpoint(filt, self._take, vortex)

    def __repr__(self) -> str:
        return f"<RecordingEndpoint {self._endpoint.filt!r}, {len(self.payloads)} payloads>"

    @property
    def tuples(self) -> list[Any]:
        """All tuples of all payloads, in one list."""
        return [each for payload in self.payloads for each in payload.tuples]

    def waitFor(self, count: int) -> Deferred[list[Payload]]:
        """
        Wait until *count* payloads have come in, counted from the beginning.

        Returns:
            A Deferred with the first *count* of them.
        """
        if len(self.payloads) >= count:
            return succeed(self.payloads[:count])
        waiter: Deferred[list[Payload]] = Deferred(self._forget)
        self._waiters.append((count, waiter))
        return waiter

    def shutdown(self) -> None:
        """Take nothing more."""
        self._endpoint.shutdown()

    def _take(self, payload: Payload, delivery: Delivery) -> object:
        self.payloads.append(payload)
        self.deliveries.append(delivery)
        for count, waiter in tuple(self._waiters):
            if count <= len(self.payloads):
                self._waiters.remove((count, waiter))
                waiter.callback(self.payloads[:count])
        return None if self._callable is None else self._callable(payload, delivery)

    def _forget(self, cancelled: Deferred[Any]) -> None:
        self._waiters = [(count, waiter) for count, waiter in self._waiters if waiter is not cancelled]
