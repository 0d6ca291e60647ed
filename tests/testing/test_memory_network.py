"""The network in memory: what a protocol sees there without any faults. Faults are in test_faults.py."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    CannotListenError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    NoProtocol,
)
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import IListeningPort, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from zope.interface.verify import verifyObject

from tests.testing.protocols import Noting, Wanting, connected
from vortex.testing import MemoryNetwork, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def network(clock: VirtualClock) -> MemoryNetwork:
    return MemoryNetwork(clock)


@pytest.fixture
def pair(network: MemoryNetwork, clock: VirtualClock) -> tuple[Noting, Noting]:
    client, server = connected(network.serverEndpoint("jobs"), network.clientEndpoint("jobs"))
    clock.settle()
    return client, server


def outcomeOf(deferred: Deferred[Any]) -> Any:
    outcomes: list[Any] = []
    deferred.addBoth(outcomes.append)
    (outcome,) = outcomes
    return outcome


class TestListening:
    def test_a_name_is_listened_at_once(self, network: MemoryNetwork) -> None:
        first, second = Wanting(), Wanting()
        port = outcomeOf(network.serverEndpoint("jobs").listen(first))

        failure = outcomeOf(network.serverEndpoint("jobs").listen(second))

        assert verifyObject(IListeningPort, port)
        assert failure.check(CannotListenError)
        assert "somebody listens at 'jobs'" in str(failure.value)
        assert (first.isStarted, second.isStarted) == (1, 0)

    def test_a_port_that_is_closed_takes_nobody_and_keeps_its_connections(
        self, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        factory = Wanting()
        port = outcomeOf(network.serverEndpoint("jobs").listen(factory))
        network.clientEndpoint("jobs").connect(Wanting())
        clock.settle()

        port.stopListening()
        port.stopListening()
        late = network.clientEndpoint("jobs").connect(Wanting())
        clock.settle()

        assert outcomeOf(late).check(Refused)
        assert factory.isStarted == 0
        assert [connection.isOpen for connection in network.connections] == [True]

    def test_each_name_has_a_port_of_its_own(self, network: MemoryNetwork) -> None:
        ports = [outcomeOf(network.serverEndpoint(name).listen(Wanting())) for name in ("a", "b")]

        assert [port.getHost() for port in ports] == [
            IPv4Address("TCP", "127.0.0.1", 1),
            IPv4Address("TCP", "127.0.0.1", 2),
        ]


class TestConnecting:
    def test_takes_a_turn_of_the_clock(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        client, server = connected(network.serverEndpoint("jobs"), network.clientEndpoint("jobs"))
        assert client.events == server.events == []

        clock.settle()

        assert client.events == server.events == ["made"]
        assert client.transport.getPeer() == server.transport.getHost() == IPv4Address("TCP", "127.0.0.1", 1)
        assert client.transport.getHost() == server.transport.getPeer()
        assert clock.getDelayedCalls() == []

    def test_gives_the_clients_protocol(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        network.serverEndpoint("jobs").listen(Wanting())
        factory = Wanting()

        connecting = network.clientEndpoint("jobs").connect(factory)
        clock.settle()

        assert outcomeOf(connecting) is factory.made[0]
        assert factory.isStarted == 1

    def test_is_refused_where_nobody_listens(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        factory = Wanting()

        refused = network.clientEndpoint("nobody").connect(factory)
        assert not refused.called
        clock.settle()

        assert outcomeOf(refused).check(Refused)
        assert (factory.made, factory.isStarted) == ([], 0)
        assert network.connections == ()

    def test_takes_as_long_as_it_is_told(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        network.connectDelay = 3
        network.serverEndpoint("jobs").listen(Wanting())
        connecting = network.clientEndpoint("jobs").connect(Wanting())

        clock.advance(2.9)
        assert not connecting.called
        clock.advance(0.1)

        assert connecting.called

    def test_can_be_given_up(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        server, client = Wanting(), Wanting()
        network.serverEndpoint("jobs").listen(server)
        connecting = network.clientEndpoint("jobs").connect(client)

        connecting.cancel()
        clock.settle()

        assert outcomeOf(connecting).check(ConnectingCancelledError)
        assert (server.made, client.made, client.isStarted) == ([], [], 0)

    def test_comes_from_the_address_that_it_is_told(
        self, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        _client, server = connected(
            network.serverEndpoint("jobs"), network.clientEndpoint("jobs", address="192.0.2.7")
        )
        clock.settle()

        assert server.transport.getPeer().host == "192.0.2.7"

    def test_without_a_protocol_fails_at_the_client(
        self, network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        network.serverEndpoint("jobs").listen(Wanting())

        failed = network.clientEndpoint("jobs").connect(_NoProtocols())
        clock.settle()

        assert outcomeOf(failed).check(NoProtocol)

    @pytest.mark.parametrize("factory", ["none", "broken"])
    def test_a_server_without_a_protocol_hangs_up(
        self, network: MemoryNetwork, clock: VirtualClock, factory: str
    ) -> None:
        client = Noting()
        network.serverEndpoint("jobs").listen(_NoProtocols() if factory == "none" else _BrokenFactory())
        network.clientEndpoint("jobs").connect(Wanting(client))
        clock.settle()

        assert client.events == ["made", ConnectionDone]
        assert [type(failure.value) for failure in network.errors] == (
            [] if factory == "none" else [ZeroDivisionError]
        )


class _NoProtocols(Factory):
    noisy = False

    def buildProtocol(self, addr: Any) -> None:
        return None


class _BrokenFactory(Factory):
    noisy = False

    def buildProtocol(self, addr: Any) -> Protocol:
        raise ZeroDivisionError


class TestBytes:
    def test_arrive_in_a_later_turn_and_in_order(
        self, pair: tuple[Noting, Noting], network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        client, server = pair

        client.transport.write(b"one ")
        client.transport.writeSequence([b"two ", b"three"])
        server.transport.write(b"back")
        assert server.received == client.received == b""
        clock.settle()

        assert (server.received, client.received) == (b"one two three", b"back")
        (connection,) = network.connections
        assert (connection.toServer.written, connection.toServer.delivered) == (13, 13)
        assert (connection.toClient.written, connection.toClient.delivered) == (4, 4)

    def test_written_in_one_turn_come_together_as_on_tcp(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair

        client.transport.write(b"one ")
        client.transport.write(b"two")
        clock.settle()

        assert server.events == ["made", b"one two"]

    def test_many_come_through_in_pieces_of_64_kib(self, clock: VirtualClock) -> None:
        network = MemoryNetwork(clock, window=1_000_000)
        client, server = connected(network.serverEndpoint("jobs"), network.clientEndpoint("jobs"))
        clock.settle()
        data = bytes(range(256)) * 2048

        client.transport.write(data)
        clock.settle()

        assert server.received == data
        assert max(len(event) for event in server.events[1:] if isinstance(event, bytes)) == 64 * 1024

    def test_are_not_taken_by_a_reader_that_has_paused(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair
        server.transport.pauseProducing()
        client.transport.write(b"wait")
        clock.settle()
        assert server.received == b""

        server.transport.resumeProducing()
        clock.settle()

        assert server.received == b"wait"
        assert clock.getDelayedCalls() == []

    def test_go_to_the_protocol_that_has_the_transport(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        """An upgrade hands a connection over to another protocol."""
        client, server = pair
        other = Noting()
        server.transport.protocol = other

        client.transport.write(b"for the other")
        client.transport.loseConnection()
        clock.settle()

        assert (server.events, other.events) == (["made"], [b"for the other", ConnectionDone])


class _Producer:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class TestBackpressure:
    def test_a_producer_waits_while_64_kib_are_not_taken(
        self, pair: tuple[Noting, Noting], network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        client, server = pair
        producer = _Producer()
        client.transport.registerProducer(producer, True)
        server.transport.pauseProducing()

        client.transport.write(b"x" * network.window)
        clock.settle()
        client.transport.write(b"x" * 64 * 1024)
        clock.settle()
        assert producer.told == []

        client.transport.write(b"x")
        assert producer.told == ["pause"]
        server.transport.resumeProducing()
        clock.settle()

        assert producer.told == ["pause", "resume"]
        assert len(server.received) == network.window + 64 * 1024 + 1

    def test_a_pull_producer_is_asked_for_more_when_all_is_written(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, _server = pair
        producer = _Producer()
        client.transport.registerProducer(producer, False)
        assert producer.told == ["resume"]

        client.transport.write(b"some")
        clock.settle()

        assert producer.told == ["resume", "resume"]

    def test_a_producer_ends_with_its_connection(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair
        producer, late = _Producer(), _Producer()
        client.transport.registerProducer(producer, True)
        with pytest.raises(RuntimeError):
            client.transport.registerProducer(late, True)

        server.transport.loseConnection()
        clock.settle()
        transport = client.transport
        transport.registerProducer(late, True)

        assert (producer.told, late.told) == (["stop"], ["stop"])


class TestClosing:
    def test_flushes_first_and_tells_both(
        self, pair: tuple[Noting, Noting], network: MemoryNetwork, clock: VirtualClock
    ) -> None:
        client, server = pair
        data = b"x" * 200_000

        client.transport.write(data)
        client.transport.loseConnection()
        assert client.transport.disconnecting
        clock.settle()

        assert client.events == ["made", ConnectionDone]
        assert (server.received, server.end) == (data, ConnectionDone)
        assert not client.transport.connected
        assert not network.connections[0].isOpen
        assert clock.getDelayedCalls() == []

    def test_ends_the_clients_factory(self, network: MemoryNetwork, clock: VirtualClock) -> None:
        network.serverEndpoint("jobs").listen(Wanting())
        factory = Wanting()
        network.clientEndpoint("jobs").connect(factory)
        clock.settle()
        assert factory.isStarted == 1

        factory.made[0].transport.loseConnection()
        clock.settle()

        assert factory.isStarted == 0

    def test_tells_each_end_once(self, pair: tuple[Noting, Noting], clock: VirtualClock) -> None:
        client, server = pair

        client.transport.loseConnection()
        server.transport.loseConnection()
        client.transport.abortConnection()
        clock.settle()

        assert client.end is not None
        assert len(client.events) == len(server.events) == 2

    def test_takes_nothing_more(self, pair: tuple[Noting, Noting], clock: VirtualClock) -> None:
        client, server = pair
        server.transport.write(b"not read any more")

        client.transport.loseConnection()
        clock.settle()
        client.transport.write(b"too late")
        clock.settle()

        assert (client.received, server.received) == (b"", b"")
        assert clock.getDelayedCalls() == []

    def test_waits_for_a_producer_that_was_told_to_wait(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair
        client.transport.registerProducer(_Producer(), True)
        client.transport.write(b"x" * 65_537)

        client.transport.loseConnection()
        clock.settle()
        assert server.end is None
        client.transport.unregisterProducer()
        clock.settle()

        assert server.end is ConnectionDone

    def test_waits_behind_what_a_paused_reader_has_not_taken(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair
        server.transport.pauseProducing()

        client.transport.write(b"last words")
        client.transport.loseConnection()
        clock.settle()
        assert (client.end, server.end) == (ConnectionDone, None)
        server.transport.resumeProducing()
        clock.settle()

        assert server.events == ["made", b"last words", ConnectionDone]

    def test_an_abort_does_not_flush(self, pair: tuple[Noting, Noting], clock: VirtualClock) -> None:
        client, server = pair

        client.transport.write(b"never")
        client.transport.abortConnection()
        assert client.end is None
        clock.settle()

        assert client.events == ["made", ConnectionAborted]
        assert server.events == ["made", ConnectionLost]

    @pytest.mark.parametrize("howItLearns", ["write", "read"])
    def test_who_has_paused_learns_of_an_abort_when_it_goes_on(
        self, pair: tuple[Noting, Noting], clock: VirtualClock, howItLearns: str
    ) -> None:
        client, server = pair
        server.transport.pauseProducing()
        client.transport.abortConnection()
        clock.settle()
        assert server.end is None

        if howItLearns == "write":
            server.transport.write(b"anybody there?")
        else:
            server.transport.resumeProducing()
        clock.settle()

        assert server.events == ["made", ConnectionLost]

    def test_who_has_paused_learns_of_a_close_when_it_writes_again(
        self, pair: tuple[Noting, Noting], clock: VirtualClock
    ) -> None:
        client, server = pair
        server.transport.pauseProducing()
        client.transport.loseConnection()
        clock.settle()
        server.transport.write(b"anybody there?")
        clock.settle()
        assert server.end is None

        server.transport.write(b"hello?")
        clock.settle()

        assert server.end is ConnectionLost

    def test_one_way_only_is_not_there(self, pair: tuple[Noting, Noting]) -> None:
        with pytest.raises(NotImplementedError, match="half closed"):
            pair[0].transport.loseWriteConnection()


class _Raises(Noting):
    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def connectionMade(self) -> None:
        super().connectionMade()
        if self.when == "made":
            raise ZeroDivisionError

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.when == "data":
            raise ZeroDivisionError


class TestAProtocolThatRaises:
    @pytest.mark.parametrize("when", ["made", "data"])
    def test_loses_its_connection_and_is_reported(
        self, network: MemoryNetwork, clock: VirtualClock, when: str
    ) -> None:
        client, server = connected(
            network.serverEndpoint("jobs"), network.clientEndpoint("jobs"), serverProtocol=_Raises(when)
        )
        clock.settle()

        client.transport.write(b"bytes")
        clock.settle()

        assert server.end is ZeroDivisionError
        assert client.end is ConnectionDone
        assert [type(failure.value) for failure in network.errors] == [ZeroDivisionError]


class TestTheTransport:
    def test_has_what_tcps_have(self, pair: tuple[Noting, Noting]) -> None:
        transport = pair[0].transport

        assert verifyObject(ITCPTransport, transport)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        assert transport.getTcpNoDelay()
        assert transport.getTcpKeepAlive()

    def test_takes_bytes_only(self, pair: tuple[Noting, Noting]) -> None:
        with pytest.raises(TypeError):
            pair[0].transport.write("text")
