"""Protocols that were made for TCP, on the network in memory: Twisted's HTTP, autobahn's WebSocket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.iweb import IAgentEndpointFactory
from twisted.web.resource import Resource
from twisted.web.server import Request
from zope.interface import implementer

from tests.testing.protocols import Noting
from tests.wire_messages import decode
from vortex import Vortex, VortexResource, VortexSite
from vortex.testing import MemoryNetwork, VirtualClock


class _Page(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"x" * 300_000


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def network(clock: VirtualClock) -> MemoryNetwork:
    """A network with a site, a vortex in it."""
    network = MemoryNetwork(clock)
    root = Resource()
    root.putChild(b"page", _Page())
    root.putChild(b"vortex", VortexResource(Vortex("jobs", uuid="uuid-jobs", reactor=clock)))
    network.serverEndpoint("site").listen(VortexSite(root, reactor=clock))
    return network


@implementer(IAgentEndpointFactory)
class _OnTheNetwork:
    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network

    def endpointForURI(self, uri: Any) -> IStreamClientEndpoint:
        return self._network.clientEndpoint("site")


class _Client(WebSocketClientProtocol):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []
        self.closed: tuple[bool, int] | None = None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.closed = (wasClean, code)


def outcomeOf(deferred: Deferred[Any]) -> Any:
    outcomes: list[Any] = []
    deferred.addBoth(outcomes.append)
    (outcome,) = outcomes
    return outcome


class TestHttp:
    @pytest.mark.parametrize("chunkSize", [None, 1000])
    def test_an_agent_gets_a_page(
        self, network: MemoryNetwork, clock: VirtualClock, chunkSize: int | None
    ) -> None:
        network.onConnect(lambda connection: setattr(connection.toClient, "chunkSize", chunkSize))
        agent = Agent.usingEndpointFactory(clock, _OnTheNetwork(network))

        response = agent.request(b"GET", b"http://127.0.0.1/page")
        clock.settle()
        body = Noting()
        outcomeOf(response).deliverBody(body)
        clock.settle()

        assert body.received == b"x" * 300_000
        assert body.end is ResponseDone
        assert network.errors == []

    def test_a_post_is_held_open(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        agent = Agent.usingEndpointFactory(clock, _OnTheNetwork(network))

        held = agent.request(b"POST", b"http://127.0.0.1/vortex?vortexUuid=u&vortexName=n")
        clock.settle()
        body = Noting()
        outcomeOf(held).deliverBody(body)
        clock.advance(3)
        hello, _, rest = body.received.partition(b".")
        assert decode(hello)["filt"]["__vortexUuid__"] == "uuid-jobs"
        assert (rest.strip(b"."), body.end) == (b"", None)

        network.connections[0].cut()
        clock.settle()

        assert body.end is ResponseFailed


class TestWebSockets:
    @pytest.mark.parametrize("chunkSize", [None, 1])
    def test_a_client_is_upgraded_and_closed_in_order(
        self, network: MemoryNetwork, clock: VirtualClock, chunkSize: int | None
    ) -> None:
        def slice_(connection: Any) -> None:
            connection.toClient.chunkSize = connection.toServer.chunkSize = chunkSize

        network.onConnect(slice_)
        factory = WebSocketClientFactory("ws://127.0.0.1/vortex?vortexUuid=u&vortexName=n", reactor=clock)
        factory.protocol = _Client
        connecting = network.clientEndpoint("site").connect(factory)
        clock.settle()
        client = outcomeOf(connecting)

        client.sendMessage(json.dumps({"_ct": "rpe", "filt": {}}).encode())
        clock.settle()
        client.sendClose(1000)
        clock.settle()

        assert decode(client.messages[0])["filt"]["__vortexUuid__"] == "uuid-jobs"
        assert client.closed == (True, 1000)
        assert not network.connections[0].isOpen
        assert network.errors == []
