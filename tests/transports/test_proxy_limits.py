"""A proxy that refuses long requests, between a node and a server: what is too long fails, nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from vortex import Limits, Payload, RemoteError, VortexResource, VortexSite
from vortex.routing.delivery import Delivery
from vortex.testing import RecordingEndpoint, VortexHarness

BOUND = 4000
"""Bytes of a body that the proxy passes on."""


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as harness:
        yield harness


def text(size: int) -> str:
    return b64encode(Random(size).randbytes(size)).decode()


def echo(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(payload.tuples, True)


def outcomeOf(asked: Deferred[Payload]) -> Any:
    outcome: list[Any] = []
    asked.addBoth(outcome.append)
    (found,) = outcome
    return found.value if isinstance(found, Failure) else found.tuples


@pytest.mark.parametrize("via", ["stream", "sse", "poll"])
class TestWhatIsTooLong:
    def test_fails_and_all_else_is_answered_in_the_same_session(
        self, harness: VortexHarness, via: Any
    ) -> None:
        server, client = harness.node("server"), harness.node("client")
        endpoint = RecordingEndpoint({"key": "echo"}, server, echo)
        root = Resource()
        root.putChild(b"vortex", VortexResource(server))
        site = VortexSite(root, Limits(maxBody=BOUND), reactor=harness.clock)
        port = harness.resultOf(harness.network.serverEndpoint("proxy").listen(site))
        connection = client.connect(
            "http://127.0.0.1/vortex",
            endpoint=harness.network.clientEndpoint("proxy"),
            via=via,
            random=Random(1),
        )
        peer = harness.resultOf(connection.connected)
        told: list[object] = []
        connection.onSessionEvent(lambda event, _: told.append(event))
        sizes = [30, 1500, 20_000, 40, 1500, 1500, 9_000, 50]

        asked = [peer.request(Payload({"key": "echo"}, [text(size)])) for size in sizes]
        harness.advance(25)

        outcomes = dict(zip(enumerate(sizes), map(outcomeOf, asked), strict=True))
        for (_, size), outcome in outcomes.items():
            if size > BOUND:
                assert isinstance(outcome, RemoteError)
                assert outcome.code == "limit-exceeded"
                assert "a proxy refused a request of" in str(outcome)
            else:
                assert outcome == [text(size)]
        assert len(endpoint.payloads) == 6
        assert told == []
        assert server.counters["malformed"] == 0
        connection.close()
        harness.settle()
        port.stopListening()
        harness.settle()
