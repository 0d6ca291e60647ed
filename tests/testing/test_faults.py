"""What goes wrong on a connection in memory: exactly where, exactly when, and who learns of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from tests.testing.protocols import Noting, connected
from vortex.testing import MemoryConnection, MemoryNetwork, VirtualClock

WORDS = b"twelve bytes"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def network(clock: VirtualClock) -> MemoryNetwork:
    return MemoryNetwork(clock)


class Line:
    """A client and a server that are connected, and their connection."""

    def __init__(self, network: MemoryNetwork, name: str = "jobs") -> None:
        self.client, self.server = connected(network.serverEndpoint(name), network.clientEndpoint(name))
        network.clock.advance(0)  # type: ignore[attr-defined]
        self.connection = network.connections[-1]


@pytest.fixture
def line(network: MemoryNetwork) -> Line:
    return Line(network)


class TestCutAfterBytes:
    @pytest.mark.parametrize("count", range(len(WORDS) + 1))
    def test_lets_through_just_so_many(self, network: MemoryNetwork, clock: VirtualClock, count: int) -> None:
        network.onConnect(lambda connection: connection.toServer.cut(afterBytes=count))
        line = Line(network)

        line.client.transport.write(WORDS)
        line.server.transport.write(b"the other way")
        clock.settle()

        assert line.server.received == WORDS[:count]
        assert line.server.end is line.client.end is ConnectionLost
        assert not line.connection.isOpen
        assert line.connection.toServer.delivered == count
        assert clock.getDelayedCalls() == []

    def test_leaves_the_answer_to_the_last_byte_unsent(
        self, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        class Answering(Noting):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                self.transport.write(b"answer")

        network.onConnect(lambda connection: connection.toServer.cut(afterBytes=len(WORDS)))
        client, server = connected(
            network.serverEndpoint("jobs"), network.clientEndpoint("jobs"), serverProtocol=Answering()
        )
        clock.settle()

        client.transport.write(WORDS)
        clock.settle()

        assert server.received == WORDS
        assert client.events == ["made", ConnectionLost]

    def test_counts_what_came_before_it_was_set(self, line: Line, clock: VirtualClock) -> None:
        line.server.transport.write(WORDS)
        clock.settle()
        line.connection.toClient.cut(afterBytes=len(WORDS) + 2)

        line.server.transport.write(WORDS)
        clock.settle()

        assert line.client.received == WORDS + WORDS[:2]
        assert line.client.end is ConnectionLost

    def test_that_are_through_already_cuts_now(self, line: Line, clock: VirtualClock) -> None:
        line.server.transport.write(WORDS)
        clock.settle()

        line.connection.toClient.cut(afterBytes=3)
        clock.settle()

        assert line.client.end is line.server.end is ConnectionLost

    def test_needs_a_count(self, line: Line) -> None:
        with pytest.raises(ValueError, match="expected a number of bytes, got -1"):
            line.connection.toServer.cut(afterBytes=-1)

    def test_strikes_only_the_connection_that_it_was_set_for(
        self, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        def cutTheSecond(connection: MemoryConnection) -> None:
            if connection.number == 1:
                connection.toServer.cut(afterBytes=1)

        stop = network.onConnect(cutTheSecond)
        lines = [Line(network, name) for name in "abc"]
        stop()
        stop()

        for each in lines:
            each.client.transport.write(WORDS)
        clock.settle()

        assert [each.server.received for each in lines] == [WORDS, WORDS[:1], WORDS]
        assert [connection.isOpen for connection in network.connections] == [True, False, True]


class TestCutNow:
    def test_loses_what_is_under_way_and_tells_both_a_turn_later(
        self, line: Line, clock: VirtualClock
    ) -> None:
        line.client.transport.write(WORDS)
        line.server.transport.write(WORDS)
        clock.step()
        assert line.connection.toServer.written == len(WORDS)

        line.connection.cut()
        assert (line.client.end, line.server.end) == (None, None)
        line.connection.cut()
        clock.settle()

        assert line.client.events == line.server.events == ["made", ConnectionLost]
        assert clock.getDelayedCalls() == []

    def test_strikes_a_reader_that_has_paused(self, line: Line, clock: VirtualClock) -> None:
        line.server.transport.pauseProducing()

        line.connection.cut()
        clock.settle()

        assert line.server.end is ConnectionLost

    def test_of_a_connection_that_is_over_does_nothing(self, line: Line, clock: VirtualClock) -> None:
        line.client.transport.loseConnection()
        clock.settle()

        line.connection.cut()
        clock.settle()

        assert line.client.events == line.server.events == ["made", ConnectionDone]

    def test_may_come_from_a_protocol(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        class Cutting(Noting):
            def dataReceived(self, data: bytes) -> None:
                network.connections[0].cut()
                super().dataReceived(data)

        client, server = connected(
            network.serverEndpoint("jobs"), network.clientEndpoint("jobs"), serverProtocol=Cutting()
        )
        clock.settle()
        client.transport.write(WORDS)
        clock.settle()

        assert server.events == ["made", WORDS, ConnectionLost]
        assert network.errors == []


class TestDelay:
    def test_holds_bytes_up_and_keeps_their_order(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.delay = 2
        line.client.transport.write(b"slow ")
        clock.advance(1)
        line.connection.toServer.delay = 0
        line.client.transport.write(b"fast")

        clock.advance(0.9)
        assert line.server.received == b""
        clock.advance(0.1)

        assert line.server.received == b"slow fast"

    def test_is_one_way(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.delay = 2

        line.server.transport.write(WORDS)
        clock.settle()

        assert line.client.received == WORDS

    def test_holds_up_the_end_too(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.delay = 2
        line.client.transport.write(WORDS)
        line.client.transport.loseConnection()

        clock.advance(1.9)
        assert (line.client.end, line.server.events) == (ConnectionDone, ["made"])
        clock.advance(0.1)

        assert line.server.events == ["made", WORDS, ConnectionDone]
        assert clock.getDelayedCalls() == []

    def test_leaves_nothing_behind_when_both_ends_are_gone(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.delay = 60
        line.client.transport.write(WORDS)
        clock.settle()

        line.client.transport.loseConnection()
        line.server.transport.loseConnection()
        clock.settle()

        assert clock.getDelayedCalls() == []


class TestChunks:
    @pytest.mark.parametrize("size", [1, 5, 12, 100])
    def test_are_no_larger_than_they_may_be(self, line: Line, clock: VirtualClock, size: int) -> None:
        line.connection.toServer.chunkSize = size

        line.client.transport.write(WORDS)
        clock.settle()

        chunks = [WORDS[start : start + size] for start in range(0, len(WORDS), size)]
        assert line.server.events == ["made", *chunks]

    def test_one_can_come_twice(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.chunkSize = 5
        line.connection.toServer.repeatNext()

        line.client.transport.write(WORDS)
        clock.settle()

        assert line.server.events == ["made", b"twelv", b"twelv", b"e byt", b"es"]
        assert line.connection.toServer.delivered == len(WORDS)

    def test_one_that_comes_twice_ends_with_its_connection(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.repeatNext()
        line.connection.toServer.cut(afterBytes=len(WORDS))

        line.client.transport.write(WORDS)
        clock.settle()

        assert line.server.events == ["made", WORDS, ConnectionLost]


class TestHalfOpen:
    def test_swallows_everything_and_tells_nobody(self, line: Line, clock: VirtualClock) -> None:
        line.client.transport.write(WORDS)

        line.connection.halfOpen()
        line.server.transport.write(WORDS)
        clock.advance(3600)

        assert line.client.events == line.server.events == ["made"]
        assert line.connection.isOpen

    @pytest.mark.parametrize(
        ("close", "reason"),
        [
            (lambda transport: transport.loseConnection(), ConnectionDone),
            (lambda transport: transport.abortConnection(), ConnectionAborted),
        ],
    )
    def test_closes_at_the_end_that_closes_it(
        self, line: Line, clock: VirtualClock, close: Callable[[object], None], reason: type[Exception]
    ) -> None:
        line.connection.halfOpen()
        line.client.transport.write(WORDS)

        close(line.client.transport)
        clock.advance(3600)
        assert (line.client.end, line.server.end) == (reason, None)
        close(line.server.transport)
        clock.settle()

        assert line.server.events == ["made", reason]
        assert clock.getDelayedCalls() == []

    def test_makes_a_writer_wait_in_the_end(
        self, line: Line, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        line.connection.halfOpen()
        line.client.transport.write(b"x" * (network.window + 1))

        line.client.transport.loseConnection()
        clock.settle()

        assert line.client.end is None  # a byte is left that no system's buffer takes
        line.client.transport.abortConnection()
        clock.settle()
        assert line.client.end is ConnectionAborted


class TestASlowReader:
    def test_takes_so_much_in_a_second(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.bytesPerSecond = 1000
        line.client.transport.write(b"x" * 5000)

        taken = []
        for _ in range(6):
            clock.advance(1)
            taken.append(len(line.server.received))

        # the first eighth is there at once
        assert taken == [1125, 2125, 3125, 4125, 5000, 5000]
        assert clock.getDelayedCalls() == []

    def test_makes_the_writers_producer_wait(
        self, line: Line, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        told: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                told.append(f"pause at {clock.seconds():g} s")

            def resumeProducing(self) -> None:
                told.append(f"resume at {clock.seconds():g} s")

            def stopProducing(self) -> None: ...

        line.connection.toServer.bytesPerSecond = 10_000
        line.client.transport.registerProducer(Producer(), True)
        line.client.transport.write(b"x" * network.window)
        clock.settle()

        line.client.transport.write(b"x" * 70_000)
        clock.advance(60)

        # They have room once as many were taken, of which 1 250 at once: (70 000 - 1 250) / 10 000 seconds.
        assert told == ["pause at 0 s", "resume at 6.875 s"]
        assert len(line.server.received) == network.window + 70_000

    def test_hears_of_the_end_when_it_has_taken_all(self, line: Line, clock: VirtualClock) -> None:
        line.connection.toServer.bytesPerSecond = 12
        line.client.transport.write(WORDS)
        line.client.transport.loseConnection()

        clock.advance(0.95)
        assert line.server.end is None
        clock.advance(0.1)

        assert (line.server.received, line.server.end) == (WORDS, ConnectionDone)
