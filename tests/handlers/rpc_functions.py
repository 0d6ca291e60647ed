"""Functions for the tests of RPC, each offered by the vortex "server", and the nodes that call them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import Clock

from tests.handlers.nodes import ThreadedVortex, resultOf, settle
from vortex.errors import Rejected
from vortex.handlers.rpc import RemoteFunction, vortexRpc
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.transports.memory import connectInMemory

NAME = "server"

gate: list[Deferred[Any]] = []
"""What `later` and `laterInACoroutine` wait for, the oldest call's first."""


@vortexRpc(NAME)
def add(a: int, b: int = 0) -> int:
    return a + b


@vortexRpc(NAME)
def addAsDeferred(a: int, b: int = 0) -> Deferred[int]:
    return succeed(a + b)


@vortexRpc(NAME)
@inlineCallbacks
def addAsGenerator(a: int, b: int = 0) -> Generator[Deferred[int], int, int]:
    sum_ = yield succeed(a + b)
    return sum_


@vortexRpc(NAME)
async def addAsCoroutine(a: int, b: int = 0) -> int:
    return a + await succeed(b)


@vortexRpc(NAME, inThread=True)
def addInThread(a: int, b: int = 0) -> int:
    return a + b


@vortexRpc(NAME)
def later(*args: Any, **kwargs: Any) -> Deferred[Any]:
    gate.append(Deferred())
    return gate[-1]


@vortexRpc(NAME)
async def laterInACoroutine(*args: Any, **kwargs: Any) -> Any:
    gate.append(Deferred())
    return await gate[-1]


@vortexRpc(NAME)
def repeat(*args: Any, **kwargs: Any) -> Any:
    return [list(args), kwargs]


@vortexRpc(NAME)
def refuse(text: str, code: str = "rejected") -> None:
    raise Rejected(text, code=code)


class Counter:
    """Has methods that others call."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    @vortexRpc(NAME)
    def increase(self, by: int = 1) -> int:
        """Count on, and say how far it is."""
        self.count += by
        return self.count

    @vortexRpc(NAME)
    async def read(self) -> int:
        return self.count


class Nodes:
    """
    A server, and callers that are linked to it.

    Attributes:
        server: The node named "server".
        caller: One that is linked to it.
        link: That link; its first end is the server's.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.server = ThreadedVortex(NAME, reactor=self.clock)
        self._kept: list[object] = []
        self.caller = self.another("caller")
        self.link = self.links[0]

    def another(self, name: str, to: Vortex | None = None) -> Vortex:
        """One more node that is linked to the server."""
        node = Vortex(name, uuid=f"{name}-uuid", reactor=self.clock)
        self._kept.append(connectInMemory(to or self.server, node))
        self.settle()
        return node

    @property
    def links(self) -> list[Any]:
        return self._kept

    def settle(self) -> None:
        settle(self.clock)

    def came(self, function: RemoteFunction[..., Any], node: Vortex | None = None) -> list[Delivery]:
        """A list of the calls that come in to *node*, the server, from now on."""
        calls: list[Delivery] = []

        def take(payload: Payload, delivery: Delivery) -> None:
            calls.append(delivery)

        self._kept.append(PayloadEndpoint({"key": function.name}, take, node or self.server))
        return calls

    def resultOf(self, call: Deferred[Any]) -> Any:
        """What a call gives, or raises, once everything that is under way has arrived."""
        self.settle()
        return resultOf(call)
