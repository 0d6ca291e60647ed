"""A server, a middle node and a program that watches through it, on Unix sockets; the node is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.children import OurChild
from tests.integration.on_reactor import onReactor, until
from tests.integration.relay_programs import JOBS, PutJob
from vortex import RemoteError, TupleActionClient, TupleDataObserver, Vortex
from vortex.handlers.subscription import Subscription


class Programs:
    """The two processes, and where they listen."""

    def __init__(self, folder: Path) -> None:
        self._sockets = {name: folder / name[0] for name in ("server", "relay")}
        self._running: dict[str, OurChild] = {}

    def urlOf(self, name: str) -> str:
        return f"unix:{self._sockets[name]}"

    def start(self, name: str) -> None:
        others = [] if name == "server" else [self._sockets["server"]]
        program = ("tests.integration.relay_programs", name, self._sockets[name])
        self._running[name] = child = OurChild(*program, *others)
        child.readyPort()

    def kill(self, name: str) -> None:
        child = self._running.pop(name)
        child.kill()

    def stop(self) -> None:
        for name in tuple(self._running):
            self._running.pop(name).stop()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    running = Programs(tmp_path)
    try:
        running.start("server")
        running.start("relay")
        yield running
    finally:
        running.stop()


def titlesOf(subscription: Subscription) -> dict[int, str]:
    return {job.id: job.title for job in subscription.tuples}


class TestAMiddleNode:
    @onReactor
    async def test_that_is_killed_and_comes_back_tells_what_has_changed(self, programs: Programs) -> None:
        vortex, beside = Vortex("ada"), Vortex("bob")
        try:
            await vortex.connect(programs.urlOf("relay")).connected
            await beside.connect(programs.urlOf("server")).connected
            told: list[list[tuple[str, Any]]] = []
            subscription = TupleDataObserver("jobs", "relay", vortex).subscribe(
                JOBS, lambda _, changes: told.append([(each.op, each.key) for each in changes])
            )
            far = TupleActionClient("jobs", "relay", vortex)
            near = TupleActionClient("jobs", "server", beside)
            await subscription.synced
            [job] = await far.pushAction(PutJob(id=2, title="through"), until=subscription)
            assert (job.title, job.times) == ("through", 1)
            assert titlesOf(subscription) == {1: "job 1", 2: "through", 3: "job 3"}
            with pytest.raises(RemoteError, match="a job needs a title") as caught:
                await far.pushAction(PutJob(id=2))
            assert caught.value.code == "no-title"
            assert told == [[("created", 1), ("created", 2), ("created", 3)], [("updated", 2)]]
            epoch = (subscription.position or "").rpartition(".")[0]

            programs.kill("relay")
            await until(lambda: subscription.state == "stale", "it is known to be stale")
            await near.pushAction(PutJob(id=4, title="beside"))
            pushed = far.pushAction(PutJob(id=3, title="meanwhile"))
            assert titlesOf(subscription) == {1: "job 1", 2: "through", 3: "job 3"}
            programs.start("relay")
            [job] = await pushed
            await until(
                lambda: 4 in titlesOf(subscription) and titlesOf(subscription)[3] == "meanwhile",
                lambda: titlesOf(subscription),
            )

            assert (job.title, job.times) == ("meanwhile", 1)
            assert titlesOf(subscription) == {1: "job 1", 2: "through", 3: "meanwhile", 4: "beside"}
            assert sorted(change for changes in told[2:] for change in changes) == [
                ("created", 4),
                ("updated", 3),
            ]
            assert subscription.state == "current"
            assert (subscription.position or "").rpartition(".")[0] == epoch
            [job] = await far.pushAction(PutJob(id=1, title="after"), until=subscription)
            assert titlesOf(subscription)[1] == "after"
        finally:
            await vortex.shutdown()
            await beside.shutdown()
