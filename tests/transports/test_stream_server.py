"""Raw connections that others make to us: who may come in, how long they may be silent, how they end."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone

from tests.transports.streams_by_hand import OtherEnd, helloOf
from tests.transports.wires import Wire
from tests.wire_messages import base64Envelope, envelope
from vortex import Limits, Payload, Vortex
from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied
from vortex.testing import MemoryConnection, RecordingEndpoint, VirtualClock, VortexHarness
from vortex.transports.stream_server import StreamFactory

LARGE = Payload({"key": "x"}, [Random(7).randbytes(100_000)])
"""More than fits between a writer and a reader who takes little."""

ASK = base64Envelope({"key": "jobs"}, ["x"]) + b"."


class Asks:
    """An authenticator that a test answers for."""

    def __init__(self) -> None:
        self.asked: list[Credentials] = []
        self.answer: Deferred[Principal | None] = Deferred(self._cancelled)
        self.cancelled = False

    def _cancelled(self, _: object) -> None:
        self.cancelled = True

    def authenticate(self, credentials: Credentials) -> Deferred[Principal | None]:
        self.asked.append(credentials)
        return self.answer


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def server(harness: VortexHarness) -> Vortex:
    return harness.node("server")


def connect(
    harness: VortexHarness, server: Vortex, first: bytes = b"", *, address: str = "127.0.0.1"
) -> OtherEnd:
    """Somebody connects, and writes *first* at once."""
    from twisted.internet.protocol import Factory

    class Only(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> OtherEnd:
            return other

    other = OtherEnd(first)
    name = harness.listen(server)
    harness.network.clientEndpoint(name, address=address).connect(Only())
    harness.settle()
    return other


def lastOf(harness: VortexHarness) -> MemoryConnection:
    return harness.network.connections[-1]


class TestHello:
    @pytest.mark.parametrize("hello", ["base64", "raw"])
    def test_makes_a_peer_whatever_it_is_written_in(
        self, harness: VortexHarness, server: Vortex, hello: str
    ) -> None:
        filt = {"__vortexUuid__": "uuid-other", "__vortexName__": "other"}
        first = (envelope(filt) if hello == "raw" else base64Envelope(filt)) + b"."

        other = connect(harness, server, first)

        (peer,) = server.peers
        assert (peer.uuid, peer.name, peer.transport, peer.address) == (
            "uuid-other",
            "other",
            "tcp",
            "127.0.0.1",
        )
        assert [message["filt"] for message in other.messages] == [
            {"__vortexUuid__": "uuid-server", "__vortexName__": "server"}
        ]

    def test_of_ours_comes_once_its_wire_is_known_and_is_read_by_every_era(
        self, harness: VortexHarness, server: Vortex
    ) -> None:
        other = connect(harness, server)
        assert other.received == b""
        other.write(b"..")
        harness.settle()

        (hello,) = other.messages
        assert {"data", "encodedPayload"} <= set(hello)
        assert not other.received.startswith(b"{")

    def test_has_to_come_in_time_beats_or_not(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server)

        for _ in range(9):
            harness.advance(1)
            other.write(b"..")
        assert not other.isOver
        harness.advance(1.2)

        assert other.end is ConnectionDone

    def test_said_a_second_time_changes_nothing(self, harness: VortexHarness, server: Vortex) -> None:
        connect(harness, server, helloOf("uuid-1", "one") + helloOf("uuid-2", "two"))

        assert [(peer.uuid, peer.name) for peer in server.peers] == [("uuid-1", "one")]

    def test_comes_before_anything_is_routed(self, harness: VortexHarness, server: Vortex) -> None:
        heard = RecordingEndpoint({"key": "jobs"}, vortex=server)

        other = connect(harness, server, ASK)
        assert heard.payloads == []
        other.write(helloOf() + ASK)
        harness.settle()

        assert len(heard.payloads) == 1


class TestBeats:
    def test_are_two_dots_every_ten_seconds(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server, helloOf())
        before = len(other.received)

        for _ in range(3):
            harness.advance(10.1)
            other.write(b"..")

        assert other.received[before:] == b"......"

    def test_are_every_five_seconds_to_who_expects_them_so(
        self, harness: VortexHarness, server: Vortex
    ) -> None:
        hello = base64Envelope({"__vortexUuid__": "u", "__vortexName__": "n"}, era=1) + b"."
        other = connect(harness, server, hello)

        harness.advance(10.2)

        assert other.beats == 2

    def test_keep_a_connection_and_none_for_fifteen_seconds_end_it(
        self, harness: VortexHarness, server: Vortex
    ) -> None:
        other = connect(harness, server, helloOf())
        for _ in range(4):
            harness.advance(14)
            other.write(b"..")
        harness.settle()
        (peer,) = server.peers

        harness.advance(14.8)
        assert peer.isOnline
        harness.advance(0.4)

        assert server.peers == ()
        assert other.end is ConnectionDone

    def test_are_not_missed_while_a_long_message_comes_in(
        self, harness: VortexHarness, server: Vortex
    ) -> None:
        other = connect(harness, server, helloOf())

        for _ in range(4):
            harness.advance(14)
            other.write(b"AAAA")
        harness.settle()

        assert len(server.peers) == 1

    def test_find_an_end_that_is_gone_without_a_word(self, harness: VortexHarness, server: Vortex) -> None:
        connect(harness, server, helloOf())
        lastOf(harness).halfOpen()

        harness.advance(15.2)

        assert server.peers == ()


class TestRefusals:
    def test_say_why_in_one_frame_and_hang_up(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server, helloOf(), address="192.0.2.7")

        (refusal,) = other.messages
        assert refusal["filt"] == {}
        assert refusal["result"].startswith("access-denied: this vortex serves programs on its own machine")
        assert "anonymous=True" in refusal["result"]
        assert other.end is ConnectionDone
        assert server.peers == ()

    def test_are_of_who_comes_when_all_that_are_taken_are_there(self, harness: VortexHarness) -> None:
        server = harness.node("server", limits=Limits(maxPeers=1))
        connect(harness, server, helloOf())

        other = connect(harness, server, helloOf())

        assert [message["result"] for message in other.messages] == [
            "not-connected: this vortex has its 1 peers (maxPeers)"
        ]
        assert other.end is ConnectionDone

    def test_are_of_who_says_hello_when_all_that_are_taken_are_there(self, harness: VortexHarness) -> None:
        server = harness.node("server", limits=Limits(maxPeers=2))
        late = connect(harness, server)
        for name in ("one", "two"):
            harness.link(server, harness.node(name))

        late.write(helloOf("uuid-late"))
        harness.settle()

        assert "maxPeers" in late.messages[-1]["result"]
        assert late.end is ConnectionDone
        assert [peer.name for peer in server.peers] == ["one", "two"]

    def test_are_of_more_connections_than_peers_are_taken(self, harness: VortexHarness) -> None:
        server = harness.node("server", limits=Limits(maxPeers=3))
        silent = [connect(harness, server) for _ in range(3)]

        other = connect(harness, server)

        assert "maxPeers" in other.messages[0]["result"]
        assert other.isOver
        assert not any(each.isOver for each in silent)

    def test_are_of_more_connections_than_are_taken_from_an_address(self, harness: VortexHarness) -> None:
        server = harness.node("server", limits=Limits(maxPeersPerAddress=1))
        first = connect(harness, server)

        second = connect(harness, server)
        elsewhere = connect(harness, server, address="127.0.0.2")

        assert not first.isOver
        assert "maxPeersPerAddress" in str(second.messages[0]["result"])
        assert second.isOver
        assert not elsewhere.isOver

    def test_are_of_more_than_a_hello_before_the_hello(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server, b"A" * (65 << 10))

        assert other.isOver
        assert server.peers == ()

    def test_are_of_no_long_message_after_it(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server, helloOf())

        other.write(base64Envelope({"key": "jobs"}, ["x" * (100 << 10)]) + b".")
        harness.settle()

        assert not other.isOver
        assert len(server.peers) == 1

    def test_count_only_those_who_came_in(self, harness: VortexHarness) -> None:
        server = harness.node("server", limits=Limits(maxPeersPerAddress=1))
        another = harness.node("another")
        harness.connect(server, another)

        connect(harness, server, helloOf())

        assert sorted(peer.name for peer in server.peers) == ["another", "other"]

    def test_come_while_it_shuts_down(self, harness: VortexHarness) -> None:
        server = harness.node("server")
        busy = connect(harness, server, helloOf())
        lastOf(harness).toClient.bytesPerSecond = 1
        for _ in range(3):
            server.send(LARGE)
        harness.settle()
        server.shutdown()

        other = connect(harness, server, helloOf())

        assert "shutting down" in other.messages[0]["result"]
        lastOf(harness).cut()
        harness.network.connections[0].cut()
        harness.settle()
        assert busy.isOver


class TestAdmission:
    def test_is_waited_for_before_anything_is_read(self, harness: VortexHarness) -> None:
        asks = Asks()
        server = harness.node("server", authenticator=asks)
        heard = RecordingEndpoint({"key": "jobs"}, vortex=server)
        other = connect(harness, server, helloOf() + ASK)
        other.write(ASK * 3)
        harness.settle()
        assert (other.received, heard.payloads, server.peers) == (b"", [], ())

        asks.answer.callback(Principal("pump-7", frozenset({"pumps"})))
        harness.settle()

        (peer,) = server.peers
        assert (peer.identity, peer.roles) == ("pump-7", frozenset({"pumps"}))
        assert len(heard.payloads) == 4
        assert [credentials.address for credentials in asks.asked] == ["127.0.0.1"]

    def test_holds_back_who_writes_meanwhile(self, harness: VortexHarness) -> None:
        server = harness.node("server", authenticator=Asks())
        other = connect(harness, server, helloOf())

        other.write(b"x" * (1 << 20))
        harness.advance(1)

        assert lastOf(harness).toServer.delivered <= 64 * 1024
        lastOf(harness).cut()

    def test_that_denies_ends_it_with_its_words(self, harness: VortexHarness) -> None:
        asks = Asks()
        server = harness.node("server", authenticator=asks)
        other = connect(harness, server, helloOf() + ASK)

        asks.answer.errback(AccessDenied("your contract has ended"))
        harness.settle()

        assert [message["result"] for message in other.messages] == ["access-denied: your contract has ended"]
        assert other.end is ConnectionDone

    def test_is_not_waited_for_for_ever(self, harness: VortexHarness) -> None:
        asks = Asks()
        server = harness.node("server", authenticator=asks)
        other = connect(harness, server, helloOf())

        harness.advance(9.8)
        assert not other.isOver
        harness.advance(0.5)

        assert other.messages[0]["result"].startswith("timeout: who this is could not be found out")
        assert other.isOver
        assert asks.cancelled

    def test_ends_with_a_shutdown(self, harness: VortexHarness) -> None:
        asks = Asks()
        server = harness.node("server", authenticator=asks)
        other = connect(harness, server)

        ended = server.shutdown()
        harness.advance(2.2)

        harness.resultOf(ended)
        assert other.isOver
        assert asks.cancelled


class TestTheEnd:
    def test_comes_after_what_was_written(self, harness: VortexHarness, server: Vortex) -> None:
        other = connect(harness, server, helloOf())
        (peer,) = server.peers
        peer.send(Payload({"key": "farewell"}))

        peer.close()
        harness.settle()

        assert [message["filt"].get("key") for message in other.messages] == [None, "farewell"]
        assert other.end is ConnectionDone

    def test_leaves_the_other_end_the_way_back_and_unread_what_comes_by_it(self) -> None:
        clock = VirtualClock()
        server = Vortex("server", reactor=clock)
        heard = RecordingEndpoint({"key": "jobs"}, vortex=server)
        wire = Wire("127.0.0.1")
        stream = StreamFactory(server).buildProtocol(None)
        stream.makeConnection(wire)
        stream.dataReceived(helloOf() + ASK)

        server.peers[0].close()
        stream.dataReceived(ASK)
        clock.advance(1.8)

        assert len(heard.payloads) == 1
        assert (wire.isHalfClosed, wire.disconnecting, wire.aborted) == (True, False, False)
        clock.advance(0.3)
        assert wire.aborted

    def test_does_not_wait_long_for_who_does_not_read(self, harness: VortexHarness, server: Vortex) -> None:
        connect(harness, server, helloOf())
        lastOf(harness).toClient.bytesPerSecond = 1
        server.peers[0].send(LARGE)
        harness.settle()

        server.peers[0].close()
        harness.advance(1.8)
        assert lastOf(harness).isOpen
        harness.advance(0.4)

        assert not lastOf(harness).isOpen
        lastOf(harness).cut()

    def test_of_the_node_is_waited_for(self, harness: VortexHarness, server: Vortex) -> None:
        others = [connect(harness, server, helloOf(f"uuid-{number}")) for number in range(3)]
        others.append(connect(harness, server))  # who has not said hello goes too

        ended: Deferred[None] = server.shutdown()
        assert not ended.called
        harness.settle()

        assert harness.resultOf(ended) is None
        assert [other.end for other in others] == [ConnectionDone] * 4

    def test_is_no_others(self, harness: VortexHarness, server: Vortex) -> None:
        heard = RecordingEndpoint({"key": "jobs"}, vortex=server)
        neighbour = connect(harness, server, helloOf("uuid-neighbour"))
        bad: list[Any] = [
            connect(harness, server, helloOf() + b"junk." * 101),
            connect(harness, server, b"\x16\x03\x01" + b"x" * 100_000),
            connect(harness, server, b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n" * 101),
        ]
        lastOf(harness).cut()
        harness.settle()

        neighbour.write(ASK)
        harness.settle()

        assert len(heard.payloads) == 1
        assert [other.isOver for other in bad] == [True, True, True]
        assert [peer.uuid for peer in server.peers] == ["uuid-neighbour"]
