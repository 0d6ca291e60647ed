"""Our observer and our action client with the real VortexPY 6.2.2 server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred

from tests.integration.children import PATIENCE, peer
from tests.integration.on_reactor import onReactor
from tests.integration.peer_server import AddPersonAction, PersonTuple
from tests.integration.postgresql import freePort
from vortex import (
    RemoteError,
    RequestTimeout,
    TupleActionClient,
    TupleDataObserver,
    TupleGenericAction,
    TupleSelector,
    Vortex,
)

pytestmark = pytest.mark.usefixtures("realPeers")

reactor: Any = installed

EVERYBODY = TupleSelector(name="acme.PersonTuple", selector={"all": True})


@pytest.fixture
def port() -> Iterator[int]:
    """Where a real server takes WebSockets; each test has one of its own, as it remembers who was added."""
    number = freePort()
    with peer("server_ws.py", number, 60) as child:
        assert child.readyPort() == number
        yield number


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Vortex]:
    """A vortex of ours that is connected to it."""
    vortex = Vortex("ours")
    try:
        await vortex.connect(f"ws://127.0.0.1:{port}/vortexws").connected.addTimeout(PATIENCE, reactor)
        yield vortex
    finally:
        await vortex.shutdown()


class Shown:
    """The names of those who are shown, each time that a subscription tells."""

    def __init__(self) -> None:
        self.names: list[list[str]] = []
        self._wanted: list[tuple[int, Deferred[None]]] = []

    def __call__(self, people: Any, changes: Any) -> None:
        self.names.append([person.name for person in people])
        for count, wanted in self._wanted:
            if count == len(self.names):
                wanted.callback(None)

    def times(self, count: int) -> Deferred[None]:
        """Fires when it was told so often."""
        wanted: Deferred[None] = Deferred()
        if len(self.names) >= count:
            wanted.callback(None)
        else:
            self._wanted.append((count, wanted))
        return wanted.addTimeout(PATIENCE, reactor)


class TestTheRealServer:
    @onReactor
    async def test_shows_us_its_people_and_what_our_actions_do(self, port: int) -> None:
        async with connected(port) as vortex:
            observer = TupleDataObserver("peer-observable", "peer-server", vortex)
            actions = TupleActionClient("peer-actions", "peer-server", vortex)
            shown = Shown()
            subscription = observer.subscribe(EVERYBODY, shown)
            (zoe,) = await subscription.synced.addTimeout(PATIENCE, reactor)
            assert (zoe.id, zoe.name, zoe.height, zoe.tags) == (1, "Zoë", 1.5, ["a", 2, None])

            (bob,) = await actions.pushAction(AddPersonAction(person=PersonTuple(id=2, name="Bob")))
            await shown.times(2)

            assert (bob.id, bob.name) == (2, "Bob")
            assert shown.names == [["Zoë"], ["Zoë", "Bob"]]
            assert subscription.state == "current"
            assert [person.name for person in await observer.poll(EVERYBODY)] == ["Zoë", "Bob"]

            subscription.close()
            await actions.pushAction(AddPersonAction(person=PersonTuple(id=3, name="Cy")))
            assert [person.name for person in await observer.poll(EVERYBODY)] == ["Zoë", "Bob", "Cy"]
            assert len(shown.names) == 2

    @onReactor
    async def test_refuses_an_action_in_its_own_words(self, port: int) -> None:
        async with connected(port) as vortex:
            actions = TupleActionClient("peer-actions", "peer-server", vortex)

            with pytest.raises(RemoteError, match="no person in the action") as caught:
                await actions.pushAction(AddPersonAction())

            assert caught.value.code == "remote-error"

    @onReactor
    async def test_says_nothing_to_an_action_that_nobody_carries_out(self, port: int) -> None:
        async with connected(port) as vortex:
            actions = TupleActionClient("peer-actions", "peer-server", vortex)

            with pytest.raises(RequestTimeout):
                await actions.pushAction(TupleGenericAction(key="k"), timeout=1)
