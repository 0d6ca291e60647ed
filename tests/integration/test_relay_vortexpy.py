"""A middle node of ours with the real VortexPY 6.2.2 at either end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.integration.children import PATIENCE, peer
from tests.integration.on_reactor import onReactor
from tests.integration.peer_server import NAME, AddPersonAction, Observed, PersonTuple
from tests.integration.postgresql import freePort
from vortex import (
    RemoteError,
    TupleActionClient,
    TupleActionProxy,
    TupleDataObservableProxy,
    TupleDataObserver,
    TupleSelector,
    Vortex,
    VortexResource,
)

pytestmark = pytest.mark.usefixtures("realPeers")

reactor: Any = installed

EVERYBODY = TupleSelector(name="acme.PersonTuple", selector={"all": True})
STEPS = (
    "observe_subscribe",
    "action_ok_and_notify",
    "observe_notified",
    "action_error",
    "observe_poll",
    "observe_unsubscribe",
)


@asynccontextmanager
async def nodes(*names: str) -> AsyncIterator[list[Vortex]]:
    """Some nodes of this process."""
    made = [Vortex(name) for name in names]
    try:
        yield made
    finally:
        for vortex in made:
            await vortex.shutdown()


class TestTheRealClient:
    @onReactor
    async def test_sees_through_a_middle_node_what_it_sees_at_a_server(self, tmp_path: Path) -> None:
        async with nodes("origin", NAME) as (origin, relay):
            observed = Observed(origin)
            await origin.listen(f"unix:{tmp_path / 's'}")
            await relay.connect(f"unix:{tmp_path / 's'}").connected.addTimeout(PATIENCE, reactor)
            proxies = (
                TupleDataObservableProxy("peer-observable", "origin", relay),
                TupleActionProxy("peer-actions", "origin", relay),
            )
            root = Resource()
            root.putChild(b"vortexws", VortexResource(relay))
            listening = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
            try:
                with peer("client_ws.py", listening.getHost().port, "--steps", ",".join(STEPS)) as client:
                    status = await deferToThread(client.finish, 60)
            finally:
                await listening.stopListening()

            said = [json.loads(line) for line in client.lines]
            assert [(each["step"], each["ok"]) for each in said[-len(STEPS) :]] == [
                (step, True) for step in STEPS
            ]
            assert status == 0
            assert len(observed._people) == 2
            assert all(proxies)


class TestTheRealServer:
    @onReactor
    async def test_is_seen_through_a_middle_node(self, tmp_path: Path) -> None:
        with peer("server_ws.py", freePort(), 60) as child:
            port = await deferToThread(child.readyPort)
            async with nodes("relay", "desk") as (relay, desk):
                await relay.connect(f"ws://127.0.0.1:{port}/vortexws").connected.addTimeout(PATIENCE, reactor)
                proxies = (
                    TupleDataObservableProxy("peer-observable", NAME, relay),
                    TupleActionProxy("peer-actions", NAME, relay),
                )
                await relay.listen(f"unix:{tmp_path / 'r'}")
                await desk.connect(f"unix:{tmp_path / 'r'}").connected.addTimeout(PATIENCE, reactor)
                subscription = TupleDataObserver("peer-observable", "relay", desk).subscribe(EVERYBODY)
                names = aiter(subscription)
                actions = TupleActionClient("peer-actions", "relay", desk)

                assert [person.name for person in await anext(names)] == ["Zoë"]
                (bob,) = await actions.pushAction(AddPersonAction(person=PersonTuple(id=2, name="Bob")))
                assert bob.name == "Bob"
                assert [person.name for person in await anext(names)] == ["Zoë", "Bob"]
                with pytest.raises(RemoteError, match="no person in the action"):
                    await actions.pushAction(AddPersonAction())
                assert all(proxies)
