"""
VortexPY 6.2.2, serving on a free port of this machine.

usage: vortexpy_server.py websocket|post
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime
from typing import Any

import peer_shim  # noqa: F401
from common import ECHO_FILT, PUSH_FILT, ROW_ECHO_FILT, ROW_TYPE, rowValues, serveInReactor
from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.web.resource import Resource
from twisted.web.server import Site
from txwebsocket.txws import WebSocketUpgradeHTTPChannel

from vortex.Payload import Payload
from vortex.PayloadEndpoint import PayloadEndpoint
from vortex.PayloadEnvelope import PayloadEnvelope
from vortex.Tuple import Tuple, TupleField, addTupleType
from vortex.VortexFactory import VortexFactory

logging.disable(logging.CRITICAL)


@addTupleType
class Row(Tuple):
    __tupleType__ = ROW_TYPE
    id: int = TupleField()
    name: str = TupleField()
    value: float = TupleField()
    at: datetime = TupleField()
    data: dict = TupleField()


class Echo:
    """Answers with what it got, in the way that its examples do: decoding and encoding in threads."""

    @inlineCallbacks
    def bare(self, payloadEnvelope: PayloadEnvelope, sendResponse: Any, **_kwargs: Any) -> Any:
        message = yield Payload(payloadEnvelope.filt, []).makePayloadEnvelopeVortexMsgDefer()
        yield sendResponse(message)

    @inlineCallbacks
    def rows(self, payloadEnvelope: PayloadEnvelope, sendResponse: Any, **_kwargs: Any) -> Any:
        payload = yield payloadEnvelope.decodePayloadDefer()
        message = yield Payload(payloadEnvelope.filt, payload.tuples).makePayloadEnvelopeVortexMsgDefer()
        yield sendResponse(message)


# As it is installed, it takes 20 new connections in 10 seconds from everybody together.
VortexFactory.setNewConnectionsPerWindow(10**9)
VortexFactory.setRollingNewConnectionWindowSeconds(0.0)

root = Resource()
site = Site(root)
if sys.argv[1] == "post":
    VortexFactory.createServer("bench", root)
else:
    site.protocol = WebSocketUpgradeHTTPChannel
    VortexFactory.createHttpWebsocketServer("bench", root)
port = reactor.listenTCP(0, site, backlog=4096, interface="127.0.0.1")
echo = Echo()
PayloadEndpoint(ECHO_FILT, echo.bare, requiredPermissions=frozenset())
PayloadEndpoint(ROW_ECHO_FILT, echo.rows, requiredPermissions=frozenset())
rows = [Row(**values) for values in rowValues(1)]


def broadcast() -> int:
    """Send one row to everybody; returns when that began, in nanoseconds."""
    start = time.monotonic_ns()
    encoding = Payload(
        PUSH_FILT, rows
    ).makePayloadEnvelopeVortexMsgDefer()  # in the reactor's thread it refuses
    encoding.addCallback(VortexFactory.sendVortexMsg, destVortexName="client")
    return start


if __name__ == "__main__":
    serveInReactor(
        {
            "port": lambda: port.getHost().port,
            "peers": lambda: len(VortexFactory.getRemoteVortexUuids()),
            "broadcast": broadcast,
        }
    )
