"""A server, one or more middle nodes, and programs that watch through them: for the tests of proxies."""

from __future__ import annotations

from typing import Any

from tests.handlers.action_scene import Rename
from tests.handlers.observed import JOBS, Job, Told
from tests.node.links import AlwaysLongest
from vortex import TupleDataObservableProxy, TupleSelector, Vortex
from vortex.errors import Rejected
from vortex.handlers.action_client import TupleActionClient
from vortex.handlers.action_proxy import TupleActionProxy
from vortex.handlers.actions import TupleActionProcessor
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.handlers.observer import TupleDataObserver
from vortex.handlers.subscription import Subscription
from vortex.node.vortex_connection import VortexConnection
from vortex.testing import VortexHarness

__all__ = ["Chain", "Watching"]


class Watching:
    """A program that watches, and asks for actions."""

    def __init__(self, vortex: Vortex, toName: str) -> None:
        self.vortex = vortex
        self.told = Told()
        self.observer = TupleDataObserver("jobs", toName, vortex)
        self.actions = TupleActionClient("acts", toName, vortex)
        self.subscription: Subscription = self.observer.subscribe(JOBS, self.told)

    @property
    def titles(self) -> list[str]:
        return [job.title for job in self.subscription.tuples]


class Chain:
    """
    A server "server", and middle nodes "relay1", "relay2" and so on, each of which is connected to the one
    before.

    Attributes:
        rows: What the server's observable shows: titles by key.
        made: How often it was made.
        done: What actions have done.
    """

    def __init__(self, harness: VortexHarness, hops: int = 1, **options: Any) -> None:
        self.harness = harness
        self.rows: dict[int, str] = {1: "tea", 2: "milk"}
        self.made = 0
        self.done: list[tuple[int | None, str | None]] = []
        self.server = harness.node("server")
        self.serve()
        self.relays: list[Vortex] = []
        self.proxies: list[TupleDataObservableProxy] = []
        self.actionProxies: list[TupleActionProxy] = []
        self.links: list[VortexConnection] = []
        for number in range(1, hops + 1):
            self.addRelay(f"relay{number}", **options)

    def serve(self) -> None:
        """The server's handlers are there, and know nothing of any that were there before."""
        self.handler = TupleDataObservableHandler("jobs", self.server)
        self.handler.addTupleProvider(Job, self.make)
        self.processor = TupleActionProcessor("acts", self.server)
        self.processor.setDelegate(Rename, self.rename)

    def addRelay(self, name: str, **options: Any) -> None:
        before = self.relays[-1] if self.relays else self.server
        relay = self.harness.node(name)
        self.links.append(self.connect(relay, before))
        self.relays.append(relay)
        self.proxies.append(TupleDataObservableProxy("jobs", before.name, relay, **options))
        self.actionProxies.append(TupleActionProxy("acts", before.name, relay))

    def connect(self, a: Vortex, b: Vortex, **options: Any) -> VortexConnection:
        return self.harness.connect(a, b, **{"wire": "native", "random": AlwaysLongest(), **options})

    def watcher(self, name: str, at: Vortex | None = None) -> Watching:
        """A program that is connected to *at*, the last middle node, and watches."""
        there = at or self.relays[-1]
        node = self.harness.node(name)
        self.connect(node, there)
        watching = Watching(node, there.name)
        self.harness.settle()
        return watching

    def put(self, **titles: str) -> None:
        """Change rows: ``put(k3="jam")``."""
        for name, title in titles.items():
            self.rows[int(name[1:])] = title
        self.handler.notifyOfTupleUpdate(JOBS)
        self.harness.settle()

    def make(self, selector: TupleSelector, peer: Any) -> list[Any]:
        self.made += 1
        return [Job(id=key, title=title) for key, title in self.rows.items()]

    def rename(self, action: Rename) -> list[Any]:
        if action.title is None:
            raise Rejected("it needs a title", code="no-title")
        assert action.id is not None
        self.done.append((action.id, action.title))
        self.rows[action.id] = action.title
        self.handler.notifyOfTupleUpdate(JOBS)
        return [Job(id=action.id, title=action.title)]

    def close(self) -> None:
        self.handler.shutdown()
        for proxy in self.proxies:
            proxy.shutdown()
