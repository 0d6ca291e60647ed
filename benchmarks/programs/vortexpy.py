"""VortexPY 6.2.2, without I/O: encoding, decoding and routing; in the environment that setup.sh makes."""

from __future__ import annotations

import gc
import logging
from datetime import datetime
from itertools import cycle
from typing import Any

import peer_shim  # noqa: F401
from common import CODEC_FILT, ROW_TYPE, Timer, endpointFilts, messageFilts, plainRow, rowValues, serve

from vortex import PayloadIO as payloadIOModule
from vortex.Payload import Payload
from vortex.PayloadEndpoint import PayloadEndpoint
from vortex.PayloadEnvelope import PayloadEnvelope
from vortex.PayloadIO import PayloadIO
from vortex.Tuple import Tuple, TupleField, addTupleType

logging.disable(logging.CRITICAL)


@addTupleType
class Row(Tuple):
    __tupleType__ = ROW_TYPE
    id: int = TupleField()
    name: str = TupleField()
    value: float = TupleField()
    at: datetime = TupleField()
    data: dict = TupleField()


class Codec(Timer):
    def prepare(self, count: int) -> dict[str, Any]:
        rows = [Row(**values) for values in rowValues(count)]

        def encode() -> bytes:
            return Payload(CODEC_FILT, rows).makePayloadEnvelopeVortexMsg()

        self.cases = {"encode": encode, "encode universal": encode, "encode native": encode}
        message = encode()
        return {"message": message.decode(), "size": len(message)}

    def read(self, message: str) -> list[Any]:
        data = message.encode()

        def decode() -> list[Any]:
            return PayloadEnvelope().fromVortexMsg(data).decodePayload().tuples

        self.cases["decode"] = self.cases["decode native"] = decode
        return [plainRow(row) for row in decode()]


class Schedule:
    """In the reactor's place: an endpoint is called at once, or never, but not in the reactor's next turn."""

    def __init__(self) -> None:
        self.isOn = True
        self.calls = 0

    def callLater(self, _delay: float, function: Any, *args: Any, **kwargs: Any) -> None:
        self.calls += 1
        if self.isOn:
            function(*args, **kwargs)


class Listener:
    called = 0

    def take(self, payloadEnvelope: PayloadEnvelope, **_kwargs: Any) -> None:
        self.called += 1


class Routing(Timer):
    def prepare(self, scenario: str, count: int) -> dict[str, Any]:
        """Make *count* endpoints, once in a process; returns how many of them each message reached."""
        schedule = payloadIOModule.reactor = Schedule()
        payloadIO = PayloadIO()
        self._listener = Listener()
        self._endpoints = [
            PayloadEndpoint(filt, self._listener.take, requiredPermissions=frozenset())
            for filt in endpointFilts(scenario, count)
        ]
        envelopes = [PayloadEnvelope(filt=filt) for filt in messageFilts(scenario, count)]
        following = cycle(envelopes).__next__

        def find() -> None:
            schedule.isOn = False
            payloadIO.process(following(), "uuid", "name")

        def route() -> None:
            schedule.isOn = True
            payloadIO.process(following(), "uuid", "name")

        for _ in envelopes:
            find()
            route()
        self.cases = {f"find {scenario} {count}": find, f"route {scenario} {count}": route}
        gc.collect()
        gc.freeze()
        return {
            "found": schedule.calls / 2 / len(envelopes),
            "called": self._listener.called / len(envelopes),
        }


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
