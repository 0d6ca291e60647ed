"""Rows from a real thread pool: many peers at once on a SQLite file, one connection for all, and the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import capturedLogs

from tests.integration.on_reactor import onReactor, until
from tests.orm.rows import Job, fill, inFile, inMemory, offTheWire, sessionsOf, stored
from vortex import OrmCrudExtension, OrmCrudHandler, Payload, PayloadEndpoint, Vortex
from vortex.transports.memory import connectInMemory

FILT = {"key": "jobs"}


@pytest.fixture(params=["a file", "one connection"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = inFile(tmp_path / "jobs.sqlite") if request.param == "a file" else inMemory()
    fill(engine, "insert into job (id, title) values (1, 'dig')")
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Callable[[], Session]:
    return sessionsOf(engine)


class Peer:
    """A client, and what was pushed to it of row 1."""

    def __init__(self, server: Vortex, name: str) -> None:
        self.vortex = Vortex(name)
        self.notes: list[Any] = []
        PayloadEndpoint({**FILT, "id": 1}, self.take, self.vortex)
        self.link = connectInMemory(server, self.vortex)

    def take(self, payload: Payload, _delivery: Any) -> None:
        self.notes.extend(row.note for row in payload.tuples)

    def ask(self, filt: dict[str, Any], *tuples: Any) -> Deferred[Payload]:
        return self.vortex.request(Payload(filt, tuples or None))


async def online(server: Vortex, count: int) -> None:
    """Wait until that many peers are there."""
    await until(lambda: len(server.peers) >= count, "all are there")


class TestManyPeersAtOnce:
    @onReactor
    async def test_each_get_their_own_answer_and_lose_nothing(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        server = Vortex("server")
        handler = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        peers = [Peer(server, f"peer {number}") for number in range(8)]
        await online(server, 8)

        saved = await gatherResults(
            peer.ask(FILT, offTheWire(Job, title=f"{peer.vortex.name}, job {number}"))
            for number in range(10)
            for peer in peers
        )

        titles = {f"peer {peer}, job {number}" for peer in range(8) for number in range(10)}
        assert {answer.tuples[0].title for answer in saved} == titles
        assert len({answer.tuples[0].id for answer in saved}) == 80
        assert {title for (title,) in stored(engine, "select title from job where id > 1")} == titles
        handler.shutdown()
        await server.shutdown()

    @onReactor
    async def test_all_end_up_with_what_is_in_the_database(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        server = Vortex("server")
        handler = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        peers = [Peer(server, f"peer {number}") for number in range(6)]
        await online(server, 6)
        await gatherResults(peer.ask({**FILT, "id": 1}) for peer in peers)

        await gatherResults(
            peer.ask(FILT, offTheWire(Job, id=1, title="dig", note=f"{peer.vortex.name}, {number}"))
            for number in range(10)
            for peer in peers
        )

        ((last,),) = stored(engine, "select note from job where id = 1")
        await until(
            lambda: all(peer.notes[-1:] == [last] for peer in peers),
            lambda: f"{last!r} in the database, {[peer.notes[-1:] for peer in peers]} at the peers",
        )
        await gatherResults(peer.ask({"key": "jobs"}) for peer in peers)  # nothing older comes after it
        assert [peer.notes[-1] for peer in peers] == [last] * 6
        handler.shutdown()
        await server.shutdown()


class TestTheWorkerThread:
    @onReactor
    async def test_is_where_hooks_are_called(self, sessions: Callable[[], Session]) -> None:
        names: set[bool] = set()

        class Where(OrmCrudExtension):
            def uiData(self, *arguments: Any) -> None:
                names.add(threading.current_thread() is threading.main_thread())

        server = Vortex("server")
        handler = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        handler.addExtension(Job, Where())
        peer = Peer(server, "peer")
        await online(server, 1)

        await peer.ask({**FILT, "id": 1})

        assert names == {False}
        await server.shutdown()


class TestShutdown:
    @onReactor
    async def test_waits_for_what_is_being_saved_and_its_answer(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        isSaving, mayGoOn = threading.Event(), threading.Event()

        class Pause(OrmCrudExtension):
            def middleUpdate(self, *arguments: Any) -> None:
                isSaving.set()
                mayGoOn.wait(10)

        server = Vortex("server")
        handler = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        handler.addExtension(Job, Pause())
        peer = Peer(server, "peer")
        await online(server, 1)
        await peer.ask({**FILT, "id": 1})
        answer = peer.ask({**FILT, "id": 1}, offTheWire(Job, id=1, title="dig", note="last"))
        await server.runInThread(isSaving.wait, 10)

        ended = server.shutdown()
        mayGoOn.set()
        await ended

        assert (await answer).result is True
        assert stored(engine, "select note from job where id = 1") == [("last",)]
        assert peer.notes[-1] == "last"
        assert server.peers == ()

    @onReactor
    async def test_waits_for_a_thread_whose_result_nobody_wants_any_more(self) -> None:
        mayGoOn, isOver = threading.Event(), threading.Event()
        server = Vortex("server")

        def work() -> None:
            mayGoOn.wait(10)
            isOver.set()
            raise RuntimeError("a mistake")

        unwanted = server.runInThread(work)
        unwanted.addErrback(lambda failure: failure.trap(CancelledError))
        unwanted.cancel()
        ended = server.shutdown()
        assert not ended.called
        with capturedLogs() as logs:
            mayGoOn.set()
            await ended

        assert isOver.is_set()
        failures = [event["log_failure"] for event in logs if "log_failure" in event]
        assert [failure.getErrorMessage() for failure in failures] == ["a mistake"]
