"""
VortexHarness: some nodes, what links them, and the time that they live in, all in a test's hand.

Nothing in it opens a socket or sleeps. Nodes run the real sessions, codecs and transports; only the clock and
what carries the bytes are not the reactor's.
"""

from __future__ import annotations

from random import Random
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from vortex.node.vortex import Vortex
from vortex.node.vortex_connection import VortexConnection
from vortex.protocol.envelope import Form
from vortex.testing.memory_network import MemoryNetwork
from vortex.testing.virtual_clock import VirtualClock, describeCall
from vortex.transports.http import VortexResource
from vortex.transports.http_site import VortexSite
from vortex.transports.memory import MemoryLink, connectInMemory

__all__ = ["VortexHarness"]

T = TypeVar("T")
Over = Literal["tcp", "websocket", "post"]

SCHEMES: dict[Over, str] = {"tcp": "tcp", "websocket": "ws", "post": "http"}

CLOSING_TIME = 60.0
"""Seconds that nodes may take to shut down: far more than any limit on the way to it."""


class VortexHarness:
    """
    Args:
        clock: The time of all that is in here; None: a new one, which begins at 0.

    Attributes:
        clock: That clock.
        network: What `connect` goes by; break its connections as you like.

    Close it at the end, or leave a ``with`` block: that tells what a test has left behind.
    """

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.network = MemoryNetwork(self.clock)
        self._nodes: list[Vortex] = []
        self._sites: dict[tuple[Vortex, str], IListeningPort | None] = {}

    # ---- what there is

    @property
    def nodes(self) -> tuple[Vortex, ...]:
        """The nodes, in the order in which they were made."""
        return tuple(self._nodes)

    def node(self, name: str, **options: Any) -> Vortex:
        """
        Make a node.

        Args:
            name: Its name. Its uuid is ``uuid-`` and that, if *options* have none.
            options: As `Vortex` has them, but for the reactor, which is `clock`.
        """
        options.setdefault("uuid", f"uuid-{name}")
        vortex = Vortex(name, reactor=self.clock, **options)
        self._nodes.append(vortex)
        return vortex

    def link(self, a: Vortex, b: Vortex, *, form: Form | None = Form.RAW) -> MemoryLink:
        """Link two nodes by `connectInMemory`, and let them see each other."""
        link = connectInMemory(a, b, form=form)
        self.settle()
        return link

    def connect(self, a: Vortex, b: Vortex, *, over: Over = "tcp", **options: Any) -> VortexConnection:
        """
        Have *a* connect to *b*, byte by byte over `network`, and let it come to be open.

        Args:
            over: What to connect by: a raw stream, or a WebSocket or POST to a site with a `VortexResource`.
                *b* listens from the first time on; see `listen`.
            options: As `Vortex.connect` has them, but for the endpoint. The waits between attempts are drawn
                from the same numbers in each run, if *options* have no other random.
        """
        name = self.listen(b, over)
        address = self.network.addressOf(name)
        options.setdefault("random", Random(len(self.network.connections)))
        url = f"{SCHEMES[over]}://{address.host}:{address.port}" + ("" if over == "tcp" else "/vortex")
        connection = a.connect(url, endpoint=self.network.clientEndpoint(name), **options)
        self.settle()
        return connection

    def listen(self, vortex: Vortex, over: Over = "tcp") -> str:
        """Have *vortex* listen, if it does not yet; returns the name in `network` at which it does."""
        if over not in SCHEMES:
            raise ValueError(f"expected 'tcp', 'websocket' or 'post', got {over!r}")
        kind = "tcp" if over == "tcp" else "http"
        name = f"{kind} of {vortex.uuid}"
        if (vortex, kind) not in self._sites:
            endpoint = self.network.serverEndpoint(name)
            if kind == "tcp":
                self.resultOf(vortex.listen(endpoint))
                self._sites[vortex, kind] = None  # the node closes it
            else:
                root = Resource()
                root.putChild(b"vortex", VortexResource(vortex))
                site = VortexSite(root, vortex.limits, counters=vortex.counters, reactor=self.clock)
                self._sites[vortex, kind] = self.resultOf(endpoint.listen(site))
        return name

    # ---- time

    def settle(self) -> None:
        """Let happen what is due now, and what comes of it at once; no time passes."""
        self.clock.settle()

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, from one event to the next."""
        self.clock.advance(seconds)

    def resultOf(self, deferred: Deferred[T]) -> T:
        """
        What *deferred* has fired with, once all that is due now has happened.

        Raises:
            AssertionError: If it has not fired.
            Exception: If it has failed: its error.
        """
        outcome: list[T | Failure] = []
        self.settle()
        deferred.addBoth(outcome.append)
        if not outcome:
            raise AssertionError(
                f"{deferred!r} has not fired at {self.clock.seconds():g} s; {self._waiting()}"
            )
        result = outcome[0]
        if isinstance(result, Failure):
            result.raiseException()
            raise AssertionError("not reached")
        return result

    # ---- the end

    def close(self) -> None:
        """
        Shut down all nodes, and see that nothing is left. Closing twice does nothing.

        Time passes only as long as the nodes need to shut down.

        Raises:
            AssertionError: If a node does not shut down, if after that a connection is open or a call is
                waiting, or if a protocol on the network has raised something.
        """
        nodes, self._nodes = self._nodes, []
        sites, self._sites = self._sites, {}
        shutdowns = [vortex.shutdown() for vortex in nodes]
        for port in sites.values():
            if port is not None:
                port.stopListening()
        self.settle()
        end = self.clock.seconds() + CLOSING_TIME
        while not all(shutdown.called for shutdown in shutdowns) or self._openConnections():
            due = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end)
            if due >= end:
                break
            self.advance(due - self.clock.seconds())
        problems = [
            *(
                f"{vortex!r} does not shut down"
                for vortex, done in zip(nodes, shutdowns, strict=True)
                if not done.called
            ),
            *(f"{connection!r} is left open" for connection in self._openConnections()),
            *(f"a call is left: {describeCall(call)}" for call in self.clock.getDelayedCalls()),
            *(f"a protocol has failed: {failure.getTraceback()}" for failure in self.network.errors),
        ]
        self.network.errors.clear()
        if problems:
            raise AssertionError("the harness is not empty when it is closed:\n" + "\n".join(problems))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except AssertionError:
            if error is None:  # what went wrong first is what matters
                raise

    def _openConnections(self) -> list[Any]:
        return [connection for connection in self.network.connections if connection.isOpen]

    def _waiting(self) -> str:
        calls = sorted(self.clock.getDelayedCalls(), key=lambda call: call.getTime())
        if not calls:
            return "no call is waiting, so it never will"
        return f"advance the time: {len(calls)} calls are waiting, the next is {describeCall(calls[0])}"
