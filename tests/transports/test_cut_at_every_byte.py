"""
A request while its link is cut, at each byte of the exchange in turn, the handshake's included.

Wherever the cut falls, the request ends once, in its answer or in an error, and is handled at most once; the
connection comes back by its own backoff and serves the next request; and nothing is left behind.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from vortex import ConnectionLost, Payload, VortexPeer, connectInMemory
from vortex.routing.delivery import Delivery
from vortex.testing import MemoryConnection, RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over

Way = Literal["toServer", "toClient"]

LONGEST_WAIT = 8.0
"""Seconds until a connection that was cut is there again."""

TRANSPORTS: tuple[Over, ...] = ("tcp",)


class _SameDate(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class _NoTimePasses(datetime, metaclass=_SameDate):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # it is one
        return datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


@pytest.fixture(autouse=True)
def _oneDate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload's date is packed with it, and would change how many bytes there are."""
    monkeypatch.setattr("vortex.protocol.payload.datetime", _NoTimePasses)


@pytest.fixture(autouse=True)
def _nothingFails() -> Iterator[None]:
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

    def __init__(self) -> None:
        self.harness = VortexHarness()
        self.client = self.harness.node("a", uuid="a")
        self.server = self.harness.node("b", uuid="b")
        self.handled = RecordingEndpoint({"key": "k"}, self.server, answer)
        self.outcomes: list[Any] = []

    def ask(self, over: Over) -> None:
        self.connection = self.harness.connect(self.client, self.server, over=over)
        asked = self.connection.connected.addCallback(lambda peer: peer.request(Payload({"key": "k"}, [1])))
        asked.addCallbacks(lambda payload: payload.tuples, lambda failure: failure.type)
        asked.addBoth(self.outcomes.append)
        self.harness.settle()

    def askAgain(self) -> Any:
        peer = self.connection.peer
        assert peer is not None, self.connection.error
        return self.harness.resultOf(peer.request(Payload({"key": "k"}, [2]))).tuples

    @property
    def first(self) -> MemoryConnection:
        return self.harness.network.connections[0]


def bytesOf(over: Over) -> dict[Way, int]:
    """How many bytes an exchange has that nothing disturbs, each way."""
    exchange = Exchange()
    exchange.ask(over)
    assert exchange.outcomes == [[1]]
    counts: dict[Way, int] = {
        "toServer": exchange.first.toServer.delivered,
        "toClient": exchange.first.toClient.delivered,
    }
    exchange.harness.close()
    return counts


def cutAt(over: Over, way: Way, count: int) -> tuple[Any, list[int]]:
    """One exchange that is cut after so many bytes; how the request ended, and what the server got of it."""
    exchange = Exchange()

    def cutTheFirst(line: MemoryConnection) -> None:
        if line.number == 0:
            getattr(line, way).cut(afterBytes=count)

    exchange.harness.network.onConnect(cutTheFirst)
    exchange.ask(over)
    assert getattr(exchange.first, way).delivered == count
    assert not exchange.first.isOpen
    exchange.harness.advance(LONGEST_WAIT)

    (outcome,) = exchange.outcomes
    handled = exchange.handled.tuples
    assert exchange.askAgain() == [2]
    assert exchange.handled.tuples == [*handled, 2]
    assert len(exchange.harness.network.connections) == 2
    exchange.harness.close()
    return outcome, handled


ANSWERED: tuple[Any, list[int]] = ([1], [1])
LOST_BEFORE: tuple[Any, list[int]] = (ConnectionLost, [])
LOST_AFTER: tuple[Any, list[int]] = (ConnectionLost, [1])
"""Whether the server got the request: whoever asked cannot tell these two apart."""


class TestEveryByte:
    @pytest.mark.parametrize("over", TRANSPORTS)
    def test_to_the_server(self, over: Over) -> None:
        total = bytesOf(over)["toServer"]

        outcomes = [cutAt(over, "toServer", count) for count in range(total + 1)]

        # Where the link was cut before anybody asked on it, the next one brought the answer. The last byte
        # completes the request.
        before = outcomes.index(LOST_BEFORE)
        assert before > 0
        assert outcomes == [ANSWERED] * before + [LOST_BEFORE] * (total - before) + [LOST_AFTER]

    @pytest.mark.parametrize("over", TRANSPORTS)
    def test_to_the_client(self, over: Over) -> None:
        total = bytesOf(over)["toClient"]

        outcomes = [cutAt(over, "toClient", count) for count in range(total + 1)]

        # Once it knows the server it asks, and the last byte completes the answer.
        before = outcomes.index(LOST_AFTER)
        assert before > 0
        assert outcomes == [ANSWERED] * before + [LOST_AFTER] * (total - before) + [ANSWERED]


class TestEveryTurn:
    """A memory link has no bytes; it is cut between any two calls of the clock."""

    def test_of_a_link_in_memory(self) -> None:
        turns, outcome = self._cutAfter(None)
        assert outcome == ANSWERED

        outcomes = [self._cutAfter(turn)[1] for turn in range(turns)]

        asked = outcomes.index(LOST_BEFORE)
        handled = outcomes.index(LOST_AFTER)
        assert turns >= 4
        assert 0 < asked < handled
        assert outcomes == [ANSWERED] * asked + [LOST_BEFORE] * (handled - asked) + [LOST_AFTER] * (
            turns - handled
        )

    def _cutAfter(self, turns: int | None) -> tuple[int, Any]:
        """How many turns were made; how the request ended, and what the other node got of it."""
        exchange = Exchange()
        clock, server = exchange.harness.clock, exchange.server
        peers: list[VortexPeer] = []

        def askOnce(peer: VortexPeer, online: bool) -> None:
            peers.append(peer)
            if len(peers) == 1:
                asked = peer.request(Payload({"key": "k"}, [1]))
                asked.addCallbacks(lambda payload: payload.tuples, lambda failure: failure.type)
                asked.addBoth(exchange.outcomes.append)

        exchange.client.onPeerChange(askOnce)
        link = connectInMemory(exchange.client, server)
        made = 0
        while made != turns and not exchange.outcomes:
            assert clock.step()
            made += 1
        link.cut()
        link = connectInMemory(exchange.client, server)
        exchange.harness.settle()

        (outcome,) = exchange.outcomes
        handled = exchange.handled.tuples
        again = exchange.client.request(Payload({"key": "k"}, [2]))
        assert exchange.harness.resultOf(again).tuples == [2]
        assert exchange.handled.tuples == [*handled, 2]
        exchange.harness.close()
        return made, (outcome, handled)
