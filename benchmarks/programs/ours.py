"""Ours, without I/O: encoding, decoding and routing."""

from __future__ import annotations

import gc
from datetime import datetime
from itertools import cycle
from typing import Any, cast

from common import CODEC_FILT, ROW_TYPE, Timer, endpointFilts, messageFilts, plainRow, rowValues, serve
from twisted.internet.task import Clock

from vortex import Delivery, Payload, PayloadEndpoint, Tuple, Vortex, VortexPeer, addTupleType
from vortex.protocol.envelope import Form
from vortex.protocol.vortexpy import decodeMessage, encodeMessage


@addTupleType
class Row(Tuple):
    __tupleType__ = ROW_TYPE
    id: int
    name: str
    value: float
    at: datetime
    data: dict[str, Any]


class Codec(Timer):
    def prepare(self, count: int) -> dict[str, Any]:
        """Make *count* rows; returns what is sent for them, and their values."""
        rows = [Row(**values) for values in rowValues(count)]

        def encode() -> bytes:
            return encodeMessage(Payload(CODEC_FILT, rows), Form.RAW)

        self.cases = {"encode": encode, "encode universal": lambda: Payload(CODEC_FILT, rows).toVortexMsg()}
        return {"message": encode().decode()}

    def read(self, message: str) -> list[Any]:
        """Decode *message*, and from now on do that in the case "decode"."""
        data = message.encode()
        self.cases["decode"] = lambda: Payload.fromVortexMsg(data).tuples
        return [plainRow(row) for row in Payload.fromVortexMsg(data).tuples]


class Listener:
    """What the endpoints belong to."""

    called = 0

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.called += 1


class Routing(Timer):
    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, tuple[Vortex, Listener]] = {}

    def prepare(self, scenario: str, count: int) -> dict[str, Any]:
        """Make a node with *count* endpoints; returns how many of them each message reached."""
        vortex = Vortex("bench", reactor=Clock())
        listener = Listener()
        for filt in endpointFilts(scenario, count):
            PayloadEndpoint(filt, listener.take, vortex)
        messages = [encodeMessage(Payload(filt), Form.RAW) for filt in messageFilts(scenario, count)]
        envelopes = [decodeMessage(message, vortex.limits) for message in messages]
        peer = cast(VortexPeer, object())  # nobody answers, so nobody asks who it was
        route = vortex.payloadIO.route
        for envelope in envelopes:
            route(envelope, peer)
        following = cycle(envelopes).__next__
        case = f"{scenario} {count}"
        self._kept[case] = vortex, listener
        self.cases[case] = lambda: route(following(), peer)
        gc.collect()
        gc.freeze()
        return {"case": case, "reached": listener.called / len(envelopes)}


if __name__ == "__main__":
    codec, routing = Codec(), Routing()
    serve(
        {
            "codec": codec.prepare,
            "read": codec.read,
            "timeCodec": codec.time,
            "routing": routing.prepare,
            "timeRouting": routing.time,
        }
    )
