"""
Native sessions over sockets, cut at two hundred places each: what is sent is delivered, in its order, once.

The places are drawn by seed. They fall into handshakes, HELLO and WELCOME as well as into messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater

from tests.integration.certificates import Issued
from tests.integration.cutter import Cutter, Way
from tests.integration.on_reactor import onReactor
from vortex import (
    Payload,
    PayloadEndpoint,
    SessionResumed,
    TlsOptions,
    Vortex,
    VortexConnection,
    VortexPeer,
    VortexResource,
    VortexSite,
)
from vortex.routing.delivery import Delivery

CUTS = 200
PATIENCE = 100.0

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "tcp": ("tcp://{}", {}),
    "tls": ("tls://{}", {}),
    "unix": ("unix://{}", {}),
    "websocket": ("ws://{}", {}),
    "post": ("http://{}", {"via": "stream"}),
    "sse": ("http://{}", {"via": "sse"}),
    "poll": ("http://{}", {"via": "poll"}),
}

reactor: Any = installed


class Soon(Random):
    """The shortest waits, or nearly."""

    def uniform(self, a: float, b: float) -> float:
        return min(b, a + 0.005)


def places(seed: int) -> Iterator[tuple[Way, int]]:
    """Where to cut: near to the last place, or further on."""
    draw = Random(seed)
    for _ in range(CUTS):
        way: Way = "up" if draw.random() < 0.5 else "down"
        yield way, draw.randint(1, draw.choice([300, 3000, 9000]))


class Talk:
    """A server and a client who tell each other numbers, the client by way of a proxy that cuts."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.shown = Issued(folder, "server")
        self.server = Vortex("server")
        self.client = Vortex("client")
        self.told: list[int] = []
        self.pushed: list[int] = []
        self.answered: list[int] = []
        self.failed: list[object] = []
        self.events: list[object] = []
        self.sent = self.pushes = 0
        self.cutter: Cutter | None = None
        self.connection: VortexConnection | None = None
        self._ports: list[IListeningPort] = []
        self._endpoints = [
            PayloadEndpoint({"key": "up"}, self._take, self.server),
            PayloadEndpoint({"key": "down"}, self._takePush, self.client),
        ]

    async def begin(self, way: str) -> VortexPeer:
        url, options = WAYS[way]
        where = await self._listen(way)
        if way == "tls":
            options = {"tls": TlsOptions(fingerprints=[self.shown.fingerprint])}
        self.connection = self.client.connect(
            url.format(where), wire="native", random=Soon(self.seed), **options
        )
        self.connection.onSessionEvent(lambda event, _: self.events.append(event))
        return await self.connection.connected.addTimeout(10, reactor)

    async def _listen(self, way: str) -> str:
        """Have the server listen, and the proxy before it; where the proxy does."""
        if way == "unix":
            await self.server.listen(f"unix:{self.folder / 'server.sock'}")
            target: Any = UNIXClientEndpoint(reactor, str(self.folder / "server.sock"))
            before: IStreamServerEndpoint = UNIXServerEndpoint(reactor, str(self.folder / "cut.sock"))
        else:
            port: Any
            if way in ("tcp", "tls"):
                tls = TlsOptions(self.shown.file, self.shown.keyFile) if way == "tls" else None
                port = await self.server.listen("tcp:0:interface=127.0.0.1", tls=tls)
            else:
                site = VortexSite(VortexResource(self.server))
                port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
                self._ports.append(port)
            target = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
            before = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        self.cutter = Cutter(target, places(self.seed))
        address = await self.cutter.listen(before)
        return str(self.folder / "cut.sock") if way == "unix" else f"127.0.0.1:{address.port}"

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.told.append(payload.filt["n"])
        if payload.filt["asks"]:
            delivery.reply([payload.filt["n"]])

    def _takePush(self, payload: Payload, delivery: Delivery) -> None:
        self.pushed.append(payload.filt["n"])

    def say(self, peer: VortexPeer) -> None:
        """Some more each way."""
        for _ in range(3):
            payload = Payload({"key": "up", "n": self.sent, "asks": self.sent % 4 == 0})
            if self.sent % 4 == 0:
                asked: Deferred[Payload] = peer.request(payload, timeout=None)
                asked.addCallbacks(lambda answer: self.answered.append(answer.tuples[0]), self.failed.append)
            else:
                peer.send(payload).addErrback(self.failed.append)
            self.sent += 1
        for other in self.server.peers:
            for _ in range(3):
                other.send(Payload({"key": "down", "n": self.pushes})).addErrback(self.failed.append)
                self.pushes += 1

    @property
    def isComplete(self) -> bool:
        answers = (self.sent + 3) // 4
        return (len(self.told), len(self.pushed), len(self.answered)) >= (self.sent, self.pushes, answers)

    @property
    def isNearlyComplete(self) -> bool:
        """Whether little is under way, so that there is room for more."""
        return self.sent - len(self.told) < 60 and self.pushes - len(self.pushed) < 60

    async def close(self) -> None:
        await self.client.shutdown()
        await self.server.shutdown()
        if self.cutter is not None:
            await self.cutter.close()
        for port in self._ports:
            await maybeDeferred(port.stopListening)


@pytest_twisted.async_yield_fixture
async def talk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    made = Talk(tmp_path, 1)
    yield made
    await made.close()


class TestTwoHundredCuts:
    @pytest.mark.parametrize("way", WAYS)
    @onReactor
    async def test_lose_nothing_and_double_nothing(
        self, talk: Talk, way: str, tell: Callable[[int, str], None]
    ) -> None:
        peer = await talk.begin(way)
        cutter = talk.cutter
        assert cutter is not None
        cutter.begin()
        until = reactor.seconds() + PATIENCE
        while cutter.cuts < CUTS and reactor.seconds() < until:
            if talk.isNearlyComplete:
                talk.say(peer)
            await deferLater(reactor, 0.002)
        while not talk.isComplete and reactor.seconds() < until:
            await deferLater(reactor, 0.01)

        tell(cutter.cuts, f"cuts of a session over sockets, by {way}")
        tell(talk.sent + talk.pushes, f"messages through them, by {way}")
        assert talk.told == list(range(talk.sent))
        assert talk.pushed == list(range(talk.pushes))
        assert talk.answered == list(range(0, talk.sent, 4))
        assert talk.failed == []
        assert cutter.cuts == CUTS
        assert {type(event) for event in talk.events} == {SessionResumed}
        assert [each.uuid for each in talk.server.peers] == [talk.client.uuid]
