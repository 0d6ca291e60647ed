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

        self.cases = {"encode": encode, "encode universal": encode}
        return {"message": encode().decode()}

    def read(self, message: str) -> list[Any]:
        data = message.encode()

        def decode() -> list[Any]:
            return PayloadEnvelope().fromVortexMsg(data).decodePayload().tuples

        self.cases["decode"] = decode
        return [plainRow(row) for row in decode()]


class CountingReactor:
    """In the reactor's place: an endpoint is called in a later turn, which is not measured."""

    calls = 0

    def callLater(self, *_args: Any, **_kwargs: Any) -> None:
        self.calls += 1


class Listener:
    def take(self, payloadEnvelope: PayloadEnvelope, **_kwargs: Any) -> None:
        """Never called."""


class Routing(Timer):
    def prepare(self, scenario: str, count: int) -> dict[str, Any]:
        reactor = payloadIOModule.reactor = CountingReactor()
        payloadIO = PayloadIO()
        self._listener = Listener()
        self._endpoints = [
            PayloadEndpoint(filt, self._listener.take, requiredPermissions=frozenset())
            for filt in endpointFilts(scenario, count)
        ]
        envelopes = [PayloadEnvelope(filt=filt) for filt in messageFilts(scenario, count)]
        for envelope in envelopes:
            payloadIO.process(envelope, "uuid", "name")
        following = cycle(envelopes).__next__
        case = f"{scenario} {count}"
        self.cases = {case: lambda: payloadIO.process(following(), "uuid", "name")}
        gc.collect()
        gc.freeze()
        return {"case": case, "reached": reactor.calls / len(envelopes)}

    def forget(self) -> None:
        for endpoint in self._endpoints:
            endpoint.shutdown()
        self._endpoints.clear()
        self.cases.clear()
        gc.unfreeze()
        gc.collect()


if __name__ == "__main__":
    codec, routing = Codec(), Routing()
    serve(
        {
            "codec": codec.prepare,
            "read": codec.read,
            "timeCodec": codec.time,
            "routing": routing.prepare,
            "forget": routing.forget,
            "timeRouting": routing.time,
        }
    )
