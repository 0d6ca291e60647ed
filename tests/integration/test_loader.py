"""TupleLoader over sockets: at our server, which is killed, and at real VortexPY servers of three eras."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.integration.children import PATIENCE, Child, OurChild, oldPeer, peer
from tests.integration.on_reactor import onReactor
from tests.integration.peer_server import ThingRow
from tests.integration.postgresql import freePort
from vortex import TupleLoader, Vortex

reactor: Any = installed


def thing(**fields: Any) -> Any:
    """A row; to a type checker its class wants all of its columns."""
    row: Any = ThingRow
    return row(**fields)


class Shown:
    """The names and weights of what is shown, and what has become of which key, each time."""

    def __init__(self) -> None:
        self.told: list[tuple[list[tuple[str, float | None]], list[tuple[str, Any]]]] = []
        self._wanted: list[tuple[int, Deferred[None]]] = []

    def __call__(self, rows: Any, changes: Any) -> None:
        shown = [(row.name, row.weight) for row in rows]
        self.told.append((shown, [(change.op, change.key) for change in changes]))
        for count, wanted in self._wanted:
            if count == len(self.told):
                wanted.callback(None)

    def times(self, count: int) -> Deferred[None]:
        """Fires when it was told so often."""
        wanted: Deferred[None] = Deferred()
        if len(self.told) >= count:
            wanted.callback(None)
        else:
            self._wanted.append((count, wanted))
        return wanted.addTimeout(PATIENCE, reactor)


@asynccontextmanager
async def connected(url: str, wire: Any = "auto") -> AsyncIterator[Vortex]:
    """A vortex of ours that is connected there."""
    vortex = Vortex("ours")
    try:
        await vortex.connect(url, wire=wire).connected.addTimeout(PATIENCE, reactor)
        yield vortex
    finally:
        await vortex.shutdown()


class OurServer:
    """It can be killed, and started anew at the same port on the same database."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "things.sqlite"
        self.port = freePort()
        self.child = self._start()
        self.child.readyPort()

    def _start(self) -> Child:
        return OurChild("tests.integration.peer_server", self.database, str(self.port))

    def kill(self) -> None:
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.stop()

    async def startAnew(self) -> None:
        self.child = self._start()
        await deferToThread(self.child.readyPort)

    def write(self, statement: str) -> None:
        """Change the rows behind its back."""
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[OurServer]:
    server = OurServer(tmp_path)
    yield server
    server.child.stop()


class TestOurServer:
    @pytest.mark.parametrize("wire", ["native", "vortexpy"])
    @onReactor
    async def test_tells_what_others_do(self, ours: OurServer, wire: str) -> None:
        url = f"ws://127.0.0.1:{ours.port}/vortexws"
        shown = Shown()
        async with connected(url, wire) as here, connected(url) as there:
            subscription = TupleLoader("peer.crud.all", "peer-server", here).subscribe(shown)
            other = TupleLoader("peer.crud.all", "peer-server", there)
            await subscription.synced.addTimeout(PATIENCE, reactor)
            made = await other.create(thing(name="anvil", weight=9.5))
            await shown.times(2)
            await other.save(made, {"weight": 2.0})
            await shown.times(3)
            await other.delete(made)
            await shown.times(4)

        assert shown.told == [
            ([], []),
            ([("anvil", 9.5)], [("created", 1)]),
            ([("anvil", 2.0)], [("updated", 1)]),
            ([], [("deleted", 1)]),
        ]

    @onReactor
    async def test_that_is_killed_is_asked_anew_and_what_is_different_told(self, ours: OurServer) -> None:
        shown = Shown()
        async with connected(f"ws://127.0.0.1:{ours.port}/vortexws") as vortex:
            loader = TupleLoader("peer.crud.all", "peer-server", vortex)
            await loader.create(thing(name="anvil"))
            await loader.create(thing(name="tongs"))
            subscription = loader.subscribe(shown)
            await shown.times(1)
            ours.kill()
            ours.write("delete from thing where id = 1")
            ours.write("insert into thing (name) values ('bellows')")
            creating = loader.create(thing(name="hammer"), timeout=PATIENCE)
            await ours.startAnew()
            assert (await creating).id == 4
            while len(subscription.tuples) != 3 or subscription.state != "current":
                await shown.times(len(shown.told) + 1)

        assert sorted(change for _, changes in shown.told[1:] for change in changes) == [
            ("created", 3),
            ("created", 4),
            ("deleted", 1),
        ]
        assert shown.told[-1][0] == [("tongs", None), ("bellows", None), ("hammer", None)]


SERVERS = {
    "6.2.2": ("ws", lambda port: peer("server_ws.py", port, 60)),
    "2.4.1": ("ws", lambda port: oldPeer("2.4.1", "old_peer.py", "server", "ws", port, 60)),
    "0.3.0": ("http", lambda port: oldPeer("0.3.0", "old_peer.py", "server", "http", port, 60)),
}


@contextmanager
def vortexPy(era: str) -> Iterator[str]:
    """A real server; where it is."""
    scheme, start = SERVERS[era]
    port = freePort()
    with start(port) as child:
        assert child.readyPort() == port
        yield f"{scheme}://127.0.0.1:{port}/{'vortexws' if scheme == 'ws' else 'vortex'}"


@pytest.mark.usefixtures("realPeers")
class TestARealVortexPYServer:
    @pytest.mark.parametrize("era", SERVERS)
    @onReactor
    async def test_shows_a_row_and_changes_it(self, era: str) -> None:
        shown = Shown()
        with vortexPy(era) as url:
            async with connected(url) as vortex:
                loader = TupleLoader("peer.crud", "peer-server", vortex)
                made = await loader.create(thing(name="anvil", weight=9.5))
                subscription = loader.subscribe(shown, filt={"id": made.id})
                await shown.times(1)
                saved = await loader.save(made, {"weight": 2.0})
                await shown.times(2)
                await loader.delete(made)
                await shown.times(3)
                assert (subscription.state, subscription.position) == ("current", None)

        assert (saved.id, saved.name, saved.weight) == (1, "anvil", 2.0)
        assert shown.told == [
            ([("anvil", 9.5)], [("created", 1)]),
            ([("anvil", 2.0)], [("updated", 1)]),
            ([], [("deleted", 1)]),
        ]

    @onReactor
    async def test_shows_all_rows(self) -> None:
        shown = Shown()
        with vortexPy("6.2.2") as url:
            async with connected(url) as vortex:
                loader = TupleLoader("peer.crud.all", "peer-server", vortex)
                loader.subscribe(shown)
                await shown.times(1)
                made = await loader.create(thing(name="anvil"))
                await shown.times(2)
                await loader.delete(made)
                await shown.times(3)

        assert [changes for _, changes in shown.told] == [[], [("created", 1)], [("deleted", 1)]]

    @onReactor
    async def test_shows_a_model(self) -> None:
        with vortexPy("0.3.0") as url:
            async with connected(url) as vortex:
                subscription = TupleLoader("peer.model", "peer-server", vortex).subscribe()
                (zoe,) = await subscription.synced.addTimeout(PATIENCE, reactor)

        assert (zoe.id, zoe.name, zoe.tags) == (1, "Zoë", [1, "x"])
