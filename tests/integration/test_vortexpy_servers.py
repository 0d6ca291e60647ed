"""
Our vortex as a client: of the real VortexPY servers of three eras, and of our own server, which is killed.

By which they connect: 6.2.2 and 2.4.1 by WebSocket, 2.4.1 and 0.3.0 by held-open POST, ours by both.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.integration.children import PATIENCE, Child, OurChild, oldPeer, peer
from tests.integration.conftest import PeerServer
from tests.integration.on_reactor import onReactor
from tests.integration.peer_server import PersonTuple, ThingRow
from tests.integration.postgresql import freePort
from vortex import (
    ConnectionLost,
    NotConnected,
    Payload,
    RemoteError,
    RequestTimeout,
    SessionReset,
    Vortex,
    VortexConnection,
    VortexPeer,
)
from vortex.node.session_events import SessionEvent
from vortex.node.vortex_connection import ConnectionState
from vortex.node.wire_choice import Wire
from vortex.testing import RecordingEndpoint

pytestmark = pytest.mark.usefixtures("realPeers")

reactor: Any = installed

Start = Callable[[int], Child]

SERVERS: dict[str, tuple[str, Start]] = {
    "6.2.2 by WebSocket": ("ws", lambda port: peer("server_ws.py", port, 90)),
    "2.4.1 by WebSocket": ("ws", lambda port: oldPeer("2.4.1", "old_peer.py", "server", "ws", port, 90)),
    "2.4.1 by POST": ("http", lambda port: oldPeer("2.4.1", "old_peer.py", "server", "http", port, 90)),
    "0.3.0 by POST": ("http", lambda port: oldPeer("0.3.0", "old_peer.py", "server", "http", port, 90)),
}

OLDEST = "0.3.0 by POST"


def kill(child: Child) -> None:
    """With all its processes, and without a word."""
    os.killpg(child.pid, signal.SIGKILL)
    child.stop()


@contextmanager
def started(start: Start, port: int) -> Iterator[Child]:
    with start(port) as child:
        assert child.readyPort() == port
        yield child


@asynccontextmanager
async def connected(url: str, wire: Wire = "auto") -> AsyncIterator[tuple[Vortex, VortexPeer]]:
    """A vortex of ours with one connection, and who is at its other end."""
    vortex = Vortex("ours")
    try:
        yield vortex, await vortex.connect(url, wire=wire).connected.addTimeout(PATIENCE, reactor)
    finally:
        await vortex.shutdown()
    assert not vortex.connections


def becomes(connection: VortexConnection, state: ConnectionState) -> Deferred[None]:
    """Fires when *connection* is in *state*."""
    done: Deferred[None] = Deferred()

    def look(*_: object) -> None:
        if connection.state is state and not done.called:
            stop()
            done.callback(None)

    stop = connection.onStateChange(look)
    look()
    return done.addTimeout(PATIENCE, reactor)


def urlOf(scheme: str, port: int) -> str:
    return f"{scheme}://127.0.0.1:{port}/{'vortexws' if scheme == 'ws' else 'vortex'}"


@pytest.fixture(scope="module", params=SERVERS)
def which(request: pytest.FixtureRequest) -> str:
    """A server, by its name."""
    return str(request.param)


@pytest.fixture(scope="module")
def url(which: str, realPeers: None) -> Iterator[str]:
    """Where it is."""
    scheme, start = SERVERS[which]
    port = freePort()
    with started(start, port):
        yield urlOf(scheme, port)


class TestTheRealServer:
    @onReactor
    async def test_says_back_what_it_is_told_and_knows_us_by_name(self, url: str) -> None:
        async with connected(url) as (_, there):
            assert there.name == "peer-server"
            told = PersonTuple(id=7, name="é漢\U0001f600", tags=[1, "x", None, 2.5, True])

            answer = await there.request(Payload({"key": "peer.echo"}, [told]))

            assert answer.result is True
            (said,) = answer.tuples
            assert (said.id, said.name, said.tags) == (7, "é漢\U0001f600", [1, "x", None, 2.5, True])

    @onReactor
    async def test_answers_what_is_asked_at_once(self, url: str) -> None:
        async with connected(url) as (_, there):
            people = [PersonTuple(id=number, name="n" * number * 100) for number in range(40)]

            answers = await gatherResults(
                [there.request(Payload({"key": "peer.echo"}, [person])) for person in people]
            )

            assert [answer.tuples[0].name for answer in answers] == [person.name for person in people]

    @onReactor
    async def test_keeps_rows_for_us(self, url: str) -> None:
        async with connected(url) as (_, there):
            crud = {"key": "peer.crud"}

            (blank,) = (await there.request(Payload(crud))).tuples
            assert (blank.id, blank.name) == (None, None)
            (made,) = (await there.request(Payload(crud, [ThingRow(name="anvil", weight=9.5)]))).tuples
            assert (made.id, made.name, made.weight) == (1, "anvil", 9.5)
            made.name, made.weight = "hammer", 2.0
            await there.request(Payload({**crud, "id": 1}, [made]))
            (found,) = (await there.request(Payload({**crud, "id": 1}))).tuples
            assert (found.name, found.weight) == ("hammer", 2.0)
            gone = await there.request(Payload({**crud, "delete": True}, [found]))
            assert (gone.result, gone.tuples) == (True, [])
            with_nothing = await there.request(Payload({**crud, "id": 1}))
            assert with_nothing.tuples == []

    @onReactor
    async def test_tells_us_what_went_wrong_if_it_can(self, url: str, which: str) -> None:
        async with connected(url) as (_, there):
            if which == OLDEST:  # which never manages to
                with pytest.raises(RequestTimeout):
                    await there.request(Payload({"key": "peer.fail"}), timeout=1)
            else:
                with pytest.raises(RemoteError, match="deliberate failure"):
                    await there.request(Payload({"key": "peer.fail"}))

            assert (await there.request(Payload({"key": "peer.echo"}, ["on"]))).tuples == ["on"]

    @onReactor
    async def test_is_found_again_after_it_was_killed(self, which: str) -> None:
        scheme, start = SERVERS[which]
        port = freePort()
        child = start(port)
        try:
            assert child.readyPort() == port
            async with connected(urlOf(scheme, port)) as (vortex, before):
                (connection,) = vortex.connections
                kill(child)
                await becomes(connection, ConnectionState.WAITING)
                assert not before.isOnline

                child = start(port)
                await deferToThread(child.readyPort)
                after = await connection.connected.addTimeout(PATIENCE, reactor)

                assert (await after.request(Payload({"key": "peer.echo"}, ["on"]))).tuples == ["on"]
                assert connection.reconnects == 1
        finally:
            child.stop()

    @onReactor
    async def test_of_2017_builds_models_for_us(self, url: str, which: str) -> None:
        async with connected(url) as (_, there):
            asked = there.request(Payload({"key": "peer.model"}), timeout=PATIENCE if which == OLDEST else 1)
            if which == OLDEST:
                (zoe,) = (await asked).tuples
                assert (zoe.id, zoe.name, zoe.tags) == (1, "Zoë", [1, "x"])
            else:
                with pytest.raises(RequestTimeout):
                    await asked


def startOurs(folder: Path, port: int) -> Child:
    return OurChild("tests.integration.peer_server", folder / "things.sqlite", str(port))


@pytest.mark.parametrize("scheme", ["ws", "http"])
class TestOurServer:
    ROW: ClassVar = {"key": "peer.crud", "id": 1}

    @onReactor
    async def test_pushes_to_us_what_another_changes(self, server: PeerServer, scheme: str) -> None:
        async with (
            connected(urlOf(scheme, server.port)) as (here, there),
            connected(urlOf(scheme, server.port)) as (_, other),
        ):
            heard = RecordingEndpoint(self.ROW, here)
            await there.request(Payload({"key": "peer.crud"}, [ThingRow(name="anvil", weight=9.5)]))
            await there.request(Payload(self.ROW))

            await other.request(Payload(self.ROW, [ThingRow(id=1, name="hammer", weight=2.0)]))

            answer, push = await heard.waitFor(2).addTimeout(PATIENCE, reactor)
            assert [(row.id, row.name) for row in answer.tuples] == [(1, "anvil")]
            assert [(row.id, row.name) for row in push.tuples] == [(1, "hammer")]
        assert [row["name"] for row in server.rows()] == ["hammer"]

    @onReactor
    async def test_is_found_again_after_it_was_killed(self, tmp_path: Path, scheme: str) -> None:
        port = freePort()
        child = startOurs(tmp_path, port)
        try:
            assert child.readyPort() == port
            async with connected(urlOf(scheme, port), "vortexpy") as (vortex, before):
                (connection,) = vortex.connections
                await before.request(Payload({"key": "peer.crud"}, [ThingRow(name="anvil", weight=9.5)]))
                os.kill(child.pid, signal.SIGSTOP)
                asked = before.request(Payload({"key": "peer.echo"}))
                kill(child)
                with pytest.raises(ConnectionLost):
                    await asked
                await becomes(connection, ConnectionState.WAITING)
                with pytest.raises(NotConnected):
                    await connection.request(Payload({"key": "peer.echo"}))

                child = startOurs(tmp_path, port)
                await deferToThread(child.readyPort)
                after = await connection.connected.addTimeout(PATIENCE, reactor)

                (row,) = (await after.request(Payload(self.ROW))).tuples
                assert (row.name, connection.reconnects) == ("anvil", 1)
                assert after is not before
        finally:
            child.stop()

    @onReactor
    async def test_answers_in_its_next_life_what_it_was_asked_in_this(
        self, tmp_path: Path, scheme: str
    ) -> None:
        port = freePort()
        child = startOurs(tmp_path, port)
        try:
            assert child.readyPort() == port
            async with connected(urlOf(scheme, port)) as (vortex, there):
                (connection,) = vortex.connections
                events: list[SessionEvent] = []
                connection.onSessionEvent(lambda event, _: events.append(event))
                await there.request(Payload({"key": "peer.crud"}, [ThingRow(name="anvil", weight=9.5)]))
                os.kill(child.pid, signal.SIGSTOP)
                before = there.request(Payload({"key": "peer.echo"}, [PersonTuple(name="before")]))
                kill(child)
                await becomes(connection, ConnectionState.WAITING)
                meanwhile = connection.request(Payload(self.ROW))

                child = startOurs(tmp_path, port)
                await deferToThread(child.readyPort)

                assert [person.name for person in (await before).tuples] == ["before"]
                assert [row.name for row in (await meanwhile).tuples] == ["anvil"]
                assert (connection.peer, connection.reconnects) == (there, 1)
                assert events == [SessionReset("epoch")]
        finally:
            child.stop()

    @onReactor
    async def test_takes_and_gives_what_is_large(self, server: PeerServer, scheme: str) -> None:
        async with connected(urlOf(scheme, server.port)) as (_, there):
            large = os.urandom(1 << 20).hex()

            answers = await gatherResults(
                [
                    there.request(Payload({"key": "peer.echo"}, [PersonTuple(name=large[:length])]))
                    for length in (3, 1 << 20, 5, 1 << 19, 7)
                ]
            )

            assert [len(answer.tuples[0].name) for answer in answers] == [3, 1 << 20, 5, 1 << 19, 7]
