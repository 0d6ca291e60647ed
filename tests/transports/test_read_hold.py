"""Connections of VortexPY's wire that bring more than may wait: they are not read until less does."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from twisted.internet.task import Clock

from tests import wire_messages
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

EAT = {"key": "eat"}


def long() -> bytes:
    """Some hundred bytes, which are 40,000 once they are inflated: ten seconds' worth."""
    rp = {"_ct": "rp", "filt": EAT, "tuples": [0] * 13_300}
    body = base64.b64encode(zlib.compress(json.dumps(rp, separators=(",", ":")).encode(), 9)).decode()
    return base64.b64encode(json.dumps({"_ct": "rpe", "filt": EAT, "data": body}).encode())


SHORT = base64.b64encode(wire_messages.envelope(EAT, [1]))


class Eater:
    def __init__(self, server: Server) -> None:
        self.eaten: list[int] = []
        self.kept = PayloadEndpoint(EAT, self.eat, server.vortex)

    def eat(self, payload: Payload, delivery: Delivery) -> None:
        self.eaten.append(len(payload.tuples))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock, limits=Limits(maxInflatedPerSecond=4_000, maxWaitingBytes=5_000))


@pytest.fixture
def eater(server: Server) -> Eater:
    return Eater(server)


@pytest.mark.parametrize("kind", ["stream", "webSocket"])
class TestAConnection:
    def test_is_not_read_while_too_much_waits(
        self, kind: str, server: Server, eater: Eater, clock: Clock
    ) -> None:
        client = getattr(server, kind)()
        client.frame(long())
        client.frame(long())
        assert eater.eaten == [13_300]
        for _ in range(6):
            client.frame(SHORT)

        assert client.wire.producerState == "paused"
        assert server.vortex.counters["held"] >= 1
        for _ in range(70):
            clock.advance(0.1)
        assert client.wire.producerState == "producing"
        assert eater.eaten == [13_300, 13_300] + [1] * 6
        assert not client.closed

    def test_that_is_lost_meanwhile_is_left_alone(
        self, kind: str, server: Server, eater: Eater, clock: Clock
    ) -> None:
        client = getattr(server, kind)()
        client.frame(long())
        client.frame(long())
        for _ in range(6):
            client.frame(SHORT)
        client.lose()
        for _ in range(70):
            clock.advance(0.1)

        assert eater.eaten == [13_300, 13_300] + [1] * 6
        assert server.vortex.peers == ()


class TestAPost:
    def test_has_to_come_again(self, server: Server, eater: Eater, clock: Clock) -> None:
        server.post(long() + b".", uuid="ada")
        server.post(b"".join(each + b"." for each in (long(), *[SHORT] * 6)), uuid="ada")
        refused = server.post(SHORT + b".", uuid="ada")
        assert refused.status == 503
        assert b"maxWaitingBytes" in refused.received
        for _ in range(70):
            clock.advance(0.1)

        server.post(SHORT + b".", uuid="ada")
        assert eater.eaten == [13_300, 13_300] + [1] * 7
