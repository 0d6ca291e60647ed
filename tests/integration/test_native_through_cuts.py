"""Messages over sockets that break, and from one transport to another: each comes once, and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater

from tests.integration.children import PATIENCE
from tests.integration.cutting_proxy import CuttingProxy
from tests.integration.on_reactor import onReactor
from vortex import Payload, SessionResumed, Vortex, VortexConnection, VortexResource, VortexSite
from vortex.node.session_events import SessionEvent
from vortex.testing import RecordingEndpoint
from vortex.transports.post_ways import Via

reactor: Any = installed

WAYS: dict[str, tuple[str, Via | None]] = {
    "tcp": ("tcp", None),
    "websocket": ("ws", None),
    "post": ("http", "stream"),
    "sse": ("http", "sse"),
    "poll": ("http", "poll"),
}
"""What a peer's `transport` says, with the scheme and how POSTs carry the session."""

CUTS = 200
SWITCHES = 200


class AtOnce(Random):
    """Draws the shortest wait."""

    def uniform(self, a: float, b: float) -> float:
        return a


class Scene:
    """A node that listens in each way, and one that connects; each sends to the other all the time."""

    def __init__(self) -> None:
        self.jobs = Vortex("jobs")
        self.pump = Vortex("pump")
        self.toJobs = RecordingEndpoint({"key": "up"}, self.jobs)
        self.toPump = RecordingEndpoint({"key": "down"}, self.pump)
        self.sent = 0
        self.ports: dict[str, int] = {}
        self.connection: VortexConnection
        self._site: IListeningPort
        self._draws = Random(7)

    async def listen(self) -> None:
        port: Any = await self.jobs.listen("tcp:0:interface=127.0.0.1")
        site = VortexSite(VortexResource(self.jobs))
        self._site = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
        where: Any = self._site.getHost()
        web = where.port
        self.ports = {"tcp": port.getHost().port, "ws": web, "http": web}

    def send(self, count: int) -> None:
        """So many messages each way; some are long."""
        for _ in range(count):
            self.sent += 1
            more = "x" * self._draws.choice((0, 0, 10, 300, 3000))
            self.connection.send(Payload({"key": "up"}, [self.sent, more]))
            self.jobs.send(Payload({"key": "down"}, [self.sent, more]))

    async def allThere(self) -> None:
        """Wait until as many have come as were sent; then they have to be the same."""
        for _ in range(int(PATIENCE * 50)):
            if min(len(self.toJobs.payloads), len(self.toPump.payloads)) >= self.sent:
                break
            await deferLater(reactor, 0.02)
        every = list(range(1, self.sent + 1))
        assert [payload.tuples[0] for payload in self.toJobs.payloads] == every
        assert [payload.tuples[0] for payload in self.toPump.payloads] == every

    async def close(self) -> None:
        await self.pump.shutdown()
        await self.jobs.shutdown()
        stopping: Any = self._site.stopListening()
        await stopping


@pytest_twisted.async_yield_fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.listen()
    yield made
    await made.close()


def aTurn() -> Deferred[None]:
    return deferLater(reactor, 0.002)


@pytest.mark.parametrize("way", WAYS)
@onReactor
async def test_through_many_cuts_each_message_comes_once_in_order(scene: Scene, way: str) -> None:
    scheme, via = WAYS[way]
    drawn = Random(way)
    proxy = CuttingProxy(scene.ports[scheme], lambda: 12_000)  # so that the first WELCOME comes through
    port = await proxy.listen()
    scene.connection = scene.pump.connect(
        f"{scheme}://127.0.0.1:{port}", wire="native", via=via, random=AtOnce()
    )
    events: list[SessionEvent] = []
    scene.connection.onSessionEvent(lambda event, _: events.append(event))
    try:
        peer = await scene.connection.connected.addTimeout(PATIENCE, reactor)
        proxy.draw = lambda: drawn.randrange(1, 12_000)
        while proxy.cuts < CUTS:
            scene.send(2)
            await aTurn()
        proxy.draw = lambda: None
        scene.send(5)

        await scene.allThere()
        assert (scene.connection.transport, scene.connection.peer) == (way, peer)
        assert {type(event) for event in events} == {SessionResumed}
        assert len(scene.jobs.peers) == 1
        assert scene.sent > CUTS
    finally:
        await scene.connection.close()
        await proxy.close()


@onReactor
async def test_through_many_switches_each_message_comes_once_in_order(scene: Scene) -> None:
    circle = [WAYS[way] for way in ("post", "sse", "poll", "websocket")]
    scene.connection = scene.pump.connect(f"ws://127.0.0.1:{scene.ports['ws']}", wire="native")
    peer = await scene.connection.connected.addTimeout(PATIENCE, reactor)
    states: list[str] = []
    scene.connection.onStateChange(lambda state, _: states.append(state.value))

    for number in range(SWITCHES):
        scheme, via = circle[number % 4]
        scene.send(3)
        moved = scene.connection.moveTo(f"{scheme}://127.0.0.1:{scene.ports[scheme]}", via=via)
        scene.send(3)
        await moved.addTimeout(PATIENCE, reactor)
        scene.send(3)

    await scene.allThere()
    assert scene.sent == 9 * SWITCHES
    assert (scene.connection.transport, scene.connection.reconnects) == ("websocket", 0)
    assert scene.connection.peer is peer
    assert len(scene.jobs.peers) == 1
    assert states == []
