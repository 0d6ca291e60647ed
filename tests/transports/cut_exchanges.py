"""
A request on a link that is cut, at each byte of the exchange in turn: how it ends.

Each wire has its own: on VortexPY's it is lost, on the native one it is answered. Wherever the cut falls, the
request ends once, and is handled at most once; the connection comes back by its own backoff and serves the
next request; and nothing is left behind. That is asserted here, for every cut.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from tests.transports.session_cuts import nothingInVain
from vortex import ConnectionLost, NotConnected, Payload
from vortex.node.wire_choice import Wire
from vortex.routing.delivery import Delivery
from vortex.testing import MemoryConnection, RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over

__all__ = ["ANSWERED", "LOST_AFTER", "LOST_BEFORE", "Exchange", "Way", "nothingFails", "oneDate", "outcomes"]

Way = Literal["toServer", "toClient"]

LONGEST_WAIT = 8.0
"""Seconds until a connection that was cut is there again."""

A_WHILE = 100.0
"""Seconds for which a link that nothing disturbs has to stay: more than any limit on a connection."""

ANSWERED: tuple[Any, list[int]] = ([1], [1])
LOST_BEFORE: tuple[Any, list[int]] = (ConnectionLost, [])
LOST_AFTER: tuple[Any, list[int]] = (ConnectionLost, [1])
"""Whether the server got the request: whoever asked cannot tell these two apart."""


class _SameDate(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class _NoTimePasses(datetime, metaclass=_SameDate):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # it is one
        return datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


@pytest.fixture
def oneDate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload's date is packed with it, and would change how many bytes there are."""
    monkeypatch.setattr("vortex.protocol.payload.datetime", _NoTimePasses)


@pytest.fixture
def nothingFails() -> Iterator[None]:
    """No failure is logged, nor one that nobody was there to take."""
    failures: list[Failure] = []

    def note(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    publisher: Any = globalLogPublisher
    publisher.addObserver(note)
    yield
    gc.collect()
    publisher.removeObserver(note)
    assert failures == []


def answer(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(payload.tuples)


class Exchange:
    """
    Two nodes, of which one connects and asks as soon as it can.

    Attributes:
        outcomes: What became of the request: its answer's tuples, or the class of its error.
        handled: What the other node's endpoint has got.
    """

    def __init__(self, wire: Wire = "vortexpy") -> None:
        self.wire = wire
        self.harness = VortexHarness()
        self.client = self.harness.node("a", uuid="a")
        self.server = self.harness.node("b", uuid="b")
        self.handled = RecordingEndpoint({"key": "k"}, self.server, answer)
        self.outcomes: list[Any] = []

    def ask(self, over: Over) -> None:
        self.connection = self.harness.connect(self.client, self.server, over=over, wire=self.wire)
        asked = self.connection.connected.addCallback(lambda peer: peer.request(Payload({"key": "k"}, [1])))
        asked.addCallbacks(lambda payload: payload.tuples, lambda failure: failure.type)
        asked.addBoth(self.outcomes.append)
        self.harness.settle()

    def askAgain(self) -> Any:
        peer = self.connection.peer
        assert peer is not None, self.connection.error
        return self.harness.resultOf(peer.request(Payload({"key": "k"}, [2]))).tuples

    def line(self, number: int) -> MemoryConnection:
        return self.harness.network.connections[number]


def _bytesOf(over: Over, number: int, way: Way, wire: Wire) -> int:
    """How many bytes go that way on that connection, in an exchange that nothing disturbs."""
    exchange = Exchange(wire)
    exchange.ask(over)
    assert exchange.outcomes == [[1]]
    count: int = getattr(exchange.line(number), way).delivered
    exchange.harness.advance(A_WHILE)
    assert exchange.askAgain() == [2]
    assert exchange.connection.reconnects == 0
    exchange.harness.close()
    return count


def _cutAt(over: Over, number: int, way: Way, count: int, wire: Wire) -> tuple[Any, list[int]]:
    """One exchange that is cut after so many bytes; how the request ended, and what the server got of it."""
    exchange = Exchange(wire)

    def cutThisOne(line: MemoryConnection) -> None:
        if line.number == number:
            getattr(line, way).cut(afterBytes=count)

    exchange.harness.network.onConnect(cutThisOne)
    exchange.ask(over)
    assert getattr(exchange.line(number), way).delivered == count
    assert not exchange.line(number).isOpen
    if exchange.connection.state.value != "open":  # a POST whose response was through is no loss
        assert exchange.connection.state.value == "waiting"
        assert isinstance(exchange.connection.error, (ConnectionLost, NotConnected))
    exchange.harness.advance(LONGEST_WAIT)

    (outcome,) = exchange.outcomes
    handled = exchange.handled.tuples
    assert exchange.askAgain() == [2]
    assert exchange.outcomes == [outcome]
    assert exchange.handled.tuples == [*handled, 2]
    if over != "post":  # whose peers are waited for, as their requests come and go
        assert len(exchange.harness.network.connections) == 2
        assert sum(peer.isConnected for peer in exchange.server.peers) == 1
    exchange.harness.close()
    return outcome, handled


def outcomes(over: Over, number: int, way: Way, wire: Wire = "vortexpy") -> list[tuple[Any, list[int]]]:
    """
    How the request ends if the link is cut at the first byte, at the second, up to the last.

    Args:
        number: Which of the connections is cut.
    """
    total = _bytesOf(over, number, way, wire)
    assert total > 100
    with nothingInVain():
        return [_cutAt(over, number, way, count, wire) for count in range(total + 1)]
