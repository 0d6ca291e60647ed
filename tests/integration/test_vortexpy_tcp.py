"""Raw TCP with the real VortexPY: its clients against our server, our connection against its servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater

from tests.integration import test_vortexpy_622 as byWebSocket
from tests.integration.children import PATIENCE, Child, oldPeer, peer
from tests.integration.conftest import PeerServer
from tests.integration.on_reactor import onReactor
from tests.integration.peer_server import PersonTuple, ThingRow
from tests.integration.postgresql import freePort
from vortex import ConnectionLost, Payload, RemoteError, Vortex, VortexPeer, vortexRpc

pytestmark = pytest.mark.usefixtures("realPeers")

reactor: Any = installed

SERVERS: dict[str, Callable[[int], Child]] = {
    "6.2.2": lambda port: peer("server_tcp.py", port, 60),
    "2.4.1": lambda port: oldPeer("2.4.1", "old_peer.py", "server", "tcp", port, 60),
}

PERSON = PersonTuple(id=7, name="é漢\U0001f600", tags=[1, "x", None, 2.5, True])


class TestTheirClient:
    def test_of_6_2_2_gets_every_answer_that_it_expects(self, server: PeerServer) -> None:
        server.mayLog += ["deliberate failure", "Traceback"]
        with peer("client_tcp.py", server.rawPort) as client:
            status = client.finish(60)

            said = [json.loads(line) for line in client.lines]
        steps = [(step, True) for step in byWebSocket.TestWebSocketClient.STEPS]
        assert [(each["step"], each["ok"]) for each in said] == steps
        assert said[0]["value"] == ["peer-server"]
        assert status == 0

    def test_of_2_4_1_observes_and_acts(self, server: PeerServer, tmp_path: Path) -> None:
        server.mayLog += ["deliberate failure", "Traceback"]
        recording = tmp_path / "recording.json"
        with oldPeer("2.4.1", "old_peer.py", "client", "tcp", server.rawPort, recording, 0) as client:
            client.finish(60)

        acted = "type = acme.PersonTuple, born = None, id = 9, name = k {'a': 1}, ta"
        *_, subscribed, pushed, polled, observed = client.lines
        assert subscribed == "observe_subscribe ok None"
        assert pushed == f"action_ok_and_notify ok [{acted}gs = None,]"
        zoe = "[type = acme.PersonTuple, born = None, id = 1, name = Zoë, tags = ['a', 2, None],"
        assert polled == f"observe_poll ok {zoe}, {acted}"  # as much as it prints
        assert observed == "observed [1, 2]"


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, realPeers: None) -> Iterator[int]:
    """Where a real server takes raw connections."""
    number = freePort()
    with SERVERS[request.param](number) as child:
        assert child.readyPort() == number
        yield number


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[Vortex, VortexPeer]]:
    """A vortex of ours with one connection, and who is at its other end."""
    vortex = Vortex("ours")
    try:
        connection = vortex.connect(f"tcp://127.0.0.1:{port}", wire="vortexpy")
        yield vortex, await connection.connected.addTimeout(PATIENCE, reactor)
    finally:
        await vortex.shutdown()


@vortexRpc("peer-server", name="peer_common.rpcAdd")
def rpcAdd(a: int, b: int = 0) -> int:
    raise NotImplementedError


class TestTheirServer:
    @onReactor
    async def test_says_who_it_is_and_what_it_is_told(self, port: int) -> None:
        async with connected(port) as (vortex, there):
            answer = await there.request(Payload({"key": "peer.echo"}, [PERSON]))

            (person,) = answer.tuples
            assert (there.name, there.transport) == ("peer-server", "tcp")
            assert (person.id, person.name, person.tags) == (7, PERSON.name, PERSON.tags)
            assert vortex.counters["malformed"] == 0

    @onReactor
    async def test_keeps_rows(self, port: int) -> None:
        async with connected(port) as (_, there):
            crud = {"key": "peer.crud"}
            stored = await there.request(Payload(crud, [ThingRow(name="anvil", weight=9.5)]))
            number = stored.tuples[0].id

            loaded = await there.request(Payload({**crud, "id": number}))
            await there.request(Payload({**crud, "id": number, "delete": True}))
            gone = await there.request(Payload({**crud, "id": number}))

            assert [(row.name, row.weight) for row in loaded.tuples] == [("anvil", 9.5)]
            assert gone.tuples == []

    @onReactor
    async def test_says_what_has_failed(self, port: int) -> None:
        async with connected(port) as (_, there):
            with pytest.raises(RemoteError, match="deliberate failure"):
                await there.request(Payload({"key": "peer.fail"}, []))


class TestTheirServerOf622:
    @onReactor
    async def test_calls_its_functions_for_us(self) -> None:
        number = freePort()
        with SERVERS["6.2.2"](number) as child:
            assert child.readyPort() == number
            async with connected(number) as (vortex, there):
                assert await rpcAdd.on(peer=there)(40, b=2) == 42

                lost = there.request(Payload({"key": "nobody"}))
                child.stop()

                with pytest.raises(ConnectionLost):
                    await lost
                assert vortex.peers == ()


class TestTheirServers:
    @onReactor
    async def test_are_heard_for_longer_than_they_may_be_silent(self) -> None:
        ports = {version: freePort() for version in SERVERS}
        with SERVERS["6.2.2"](ports["6.2.2"]) as one, SERVERS["2.4.1"](ports["2.4.1"]) as two:
            assert [one.readyPort(), two.readyPort()] == list(ports.values())
            async with connected(ports["6.2.2"]) as (first, new), connected(ports["2.4.1"]) as (_, old):
                await deferLater(reactor, first.limits.linkIdle + 1)

                assert (new.isOnline, old.isOnline) == (True, True)
