"""Ours, serving held-open POSTs and WebSockets on a free port of this machine."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from common import ECHO_FILT, PUSH_FILT, ROW_ECHO_FILT, ROW_TYPE, rowValues, serveInReactor
from twisted.internet import reactor
from twisted.web.resource import Resource

from vortex import Delivery, Payload, PayloadEndpoint, Tuple, Vortex, VortexResource, VortexSite, addTupleType


@addTupleType
class Row(Tuple):
    __tupleType__ = ROW_TYPE
    id: int
    name: str
    value: float
    at: datetime
    data: dict[str, Any]


class Echo:
    """Answers with what it got."""

    def bare(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply([])

    def rows(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples)


vortex = Vortex("bench")
echo = Echo()
PayloadEndpoint(ECHO_FILT, echo.bare, vortex)
PayloadEndpoint(ROW_ECHO_FILT, echo.rows, vortex)
rows = [Row(**values) for values in rowValues(1)]

root = Resource()
resource = VortexResource(vortex)
root.putChild(b"vortex", resource)
root.putChild(b"vortexws", resource)
port = reactor.listenTCP(0, VortexSite(root, vortex.limits), backlog=4096, interface="127.0.0.1")  # type: ignore[attr-defined]


def broadcast() -> int:
    """Send one row to everybody; returns when that began, in nanoseconds."""
    start = time.monotonic_ns()
    vortex.send(Payload(PUSH_FILT, rows))
    return start


if __name__ == "__main__":
    serveInReactor(
        {
            "port": lambda: port.getHost().port,
            "peers": lambda: len(vortex.peers),
            "broadcast": broadcast,
        }
    )
