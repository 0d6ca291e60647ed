"""Ours, without I/O: encoding, decoding and routing."""

from __future__ import annotations

import gc
from datetime import datetime
from itertools import cycle
from typing import Any, cast

from common import CODEC_FILT, ROW_TYPE, Timer, endpointFilts, messageFilts, plainRow, rowValues, serve
from twisted.internet.task import Clock

from vortex import Delivery, Payload, PayloadEndpoint, Tuple, Vortex, VortexPeer, addTupleType
from vortex.limits import Limits
from vortex.protocol.envelope import Form
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.vortexpy import decodeMessage, encodeMessage
from vortex.routing.filter_index import FilterIndex

LIMITS = Limits()


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

        def encodeNatively() -> bytes:
            return encodeMessage(Payload(CODEC_FILT, rows), Form.NATIVE)

        native = encodeNatively()

        def decodeNatively() -> list[Any]:
            return Payload.fromEnvelope(decodeNativeMessage(native, LIMITS), LIMITS).tuples

        if decodeNatively() != rows:
            raise RuntimeError(f"{count} tuples do not come back as they were")
        self.cases = {
            "encode": encode,
            "encode universal": lambda: Payload(CODEC_FILT, rows).toVortexMsg(),
            "encode native": encodeNatively,
            "decode native": decodeNatively,
        }
        return {"message": encode().decode(), "size": len(native)}

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
        self._kept: list[tuple[Vortex, Listener]] = []

    def prepare(self, scenario: str, count: int) -> dict[str, Any]:
        """Make a node with *count* endpoints; returns how many of them each message finds, and calls."""
        vortex = Vortex("bench", reactor=Clock())
        listener = Listener()
        index: FilterIndex[int] = FilterIndex()
        for number, filt in enumerate(endpointFilts(scenario, count)):
            PayloadEndpoint(filt, listener.take, vortex)
            index.add(number, filt)
        self._kept.append((vortex, listener))
        messages = [encodeMessage(Payload(filt), Form.RAW) for filt in messageFilts(scenario, count)]
        envelopes = [decodeMessage(message, vortex.limits) for message in messages]
        peer = cast(VortexPeer, Listener())  # nobody answers, so nobody asks who it was
        following = cycle(envelopes).__next__

        def find() -> list[int]:
            return index.match(following().filt)

        def route() -> None:
            vortex.payloadIO.route(following(), peer)

        found = 0
        for _ in envelopes:
            found += len(find())
            route()
        self.cases[f"find {scenario} {count}"] = find
        self.cases[f"route {scenario} {count}"] = route
        gc.collect()
        gc.freeze()
        return {"found": found / len(envelopes), "called": listener.called / len(envelopes)}


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
