"""A server with an observable of jobs, and a program that watches it: for the tests of observers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.node.links import AlwaysLongest
from vortex import Tuple, TupleField, TupleSelector, Vortex, addTupleType
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.handlers.observer import TupleDataObserver
from vortex.node.vortex_connection import VortexConnection
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.testing import VortexHarness
from vortex.tuples.change import TupleChange

__all__ = ["JOBS", "Job", "Jobs", "Plain", "Told"]

JOBS = TupleSelector(name="observed.Job", selector={})


@addTupleType
class Job(Tuple):
    __tupleType__ = "observed.Job"
    id: int = TupleField(key=True, default=0)
    title: str = ""


class Told(list[tuple[list[str], list[tuple[str, Any]]]]):
    """A callback that keeps what it is told: the titles, and what has become of which key."""

    def __call__(self, tuples: Sequence[Any], changes: list[TupleChange]) -> None:
        self.append(([job.title for job in tuples], [(change.op, change.key) for change in changes]))


class Jobs:
    """A server with an observable of jobs, a program that watches it, and a connection between them."""

    def __init__(self, harness: VortexHarness, **options: Any) -> None:
        self.harness = harness
        self.server = harness.node("server")
        self.client = harness.node("client")
        self.rows: dict[int, str] = {1: "tea", 2: "milk"}
        self.made = 0
        self.failure: Exception | None = None
        self.handler = self.handlerOf(self.server)
        self.connection = self.connect(**options)
        self.observer = TupleDataObserver("jobs", "server", self.client)
        self.told = Told()

    def handlerOf(self, vortex: Vortex) -> TupleDataObservableHandler:
        handler = TupleDataObservableHandler("jobs", vortex)
        handler.addTupleProvider(Job, self.make)
        return handler

    def connect(self, **options: Any) -> VortexConnection:
        options = {"over": "tcp", "wire": "native", "random": AlwaysLongest(), **options}
        return self.harness.connect(self.client, self.server, **options)

    def connectedNode(self, name: str) -> Vortex:
        """Another program, which is connected to the server."""
        node = self.harness.node(name)
        self.harness.connect(node, self.server, over="tcp", wire="native", random=AlwaysLongest())
        return node

    def make(self, selector: TupleSelector, peer: Any) -> list[Any]:
        self.made += 1
        if self.failure is not None:
            raise self.failure
        return [Job(id=key, title=title) for key, title in self.rows.items()]

    def put(self, **titles: str) -> None:
        """Change rows: ``put(k3="jam")``."""
        for name, title in titles.items():
            self.rows[int(name[1:])] = title
        self.handler.notifyOfTupleUpdate(JOBS)
        self.harness.settle()

    def requests(self) -> list[dict[str, Any]]:
        """The filts of what comes to the server's observable from now on."""
        came: list[dict[str, Any]] = []
        self._noting = PayloadEndpoint(
            {"key": "tupleDataObservable"}, lambda payload, _: came.append(payload.filt), self.server
        )
        return came


class Plain:
    """
    A server that does as VortexPY's do: it answers with the whole state, and pushes it by its selector.

    Attributes:
        asked: The filt of each request.
    """

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server = harness.node("server")
        self.client = harness.node("client")
        self.asked: list[dict[str, Any]] = []
        self.told = Told()
        self._endpoint = PayloadEndpoint({"key": "tupleDataObservable"}, self._onPayload, self.server)
        self.link = harness.link(self.server, self.client)
        self.observer = TupleDataObserver("jobs", "server", self.client)

    def _onPayload(self, payload: Payload, delivery: Delivery) -> None:
        self.asked.append(payload.filt)
        if not payload.filt.get("unsubscribe"):
            delivery.reply([Job(id=1, title="tea")])

    def push(self, tuples: list[Any], *, age: float = 0, **keys: Any) -> None:
        """Send *tuples*, in a payload that is *age* seconds old."""
        filt = {"key": "tupleDataObservable", "name": "jobs", "tupleSelector": JOBS, **keys}
        payload = Payload(filt, tuples)
        payload.date -= timedelta(seconds=age)
        for peer in self.server.peers:
            peer.sendMessage(Message(payload))
        self.harness.settle()
