"""Room for sessions of the native wire at a server: who gets it, and who makes way."""

from __future__ import annotations

from base64 import b64encode
from random import Random
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import CLOSE, ack, hello
from tests.transports.native_talk import Talker, pass_, push
from tests.transports.native_wires import (
    HELD,
    KINDS,
    PREAMBLE,
    TWO_WAYS,
    NativeStream,
    NativeWebSocket,
    knock,
    numbers,
    resumeOf,
)
from tests.transports.wires import Server, StreamClient
from vortex.access.principal import Credentials, Principal
from vortex.limits import Limits
from vortex.transports.stream_server import StreamFactory

LARGE = [b64encode(Random(seed).randbytes(7_500)).decode() for seed in (1, 2)]
"""Texts that have ten thousand characters, and nearly as many bytes on the wire."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


def isRefused(kind: str, line: Any, why: str) -> bool:
    """Whether *line* was told *why*, and that it may come again."""
    if kind in TWO_WAYS:
        said = line.farewell
        return line.isOver and why in said["reason"] and said["again"] is True
    return line.status == 503 and why.encode() in line.received and b"Retry-After" in line.head


@pytest.mark.parametrize("kind", KINDS)
class TestPeers:
    def test_past_the_most_are_refused(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        first = Talker(server, kind)

        assert isRefused(kind, knock(kind, server), "maxPeers")
        assert len(server.vortex.peers) == 1
        assert not first.line.isOver

    def test_that_are_away_make_way_the_longest_first(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeers=3))
        longest, shorter, present = (Talker(server, kind) for _ in range(3))
        longest.line.lose()
        clock.advance(1)
        shorter.line.lose()

        new = knock(kind, server)

        assert new.welcome["outcome"] == "new"
        assert server.vortex.counters["evicted"] == 1
        assert shorter.comesBack().welcome["outcome"] == "resumed"
        assert not present.line.isOver
        new.lose()
        again = longest.comesBack()
        assert (again.welcome["outcome"], again.welcome["reason"]) == ("reset", "overflow")

    def test_that_come_back_need_no_further_room(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeers=2))
        first, second = Talker(server, kind), Talker(server, kind)
        second.line.lose()

        assert first.comesBack().welcome["outcome"] == "resumed"
        assert second.comesBack().welcome["outcome"] == "resumed"
        assert len(server.vortex.peers) == 2

    def test_past_the_most_of_an_address_are_refused(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeersPerAddress=1))
        Talker(server, kind)

        assert isRefused(kind, knock(kind, server), "maxPeersPerAddress")
        assert knock(kind, server, address="192.0.2.7").welcome["outcome"] == "new"

    def test_of_an_address_make_way_for_each_other_only(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeersPerAddress=1))
        elsewhere = Talker(server, kind, address="192.0.2.7")
        elsewhere.line.lose()
        clock.advance(1)
        here = Talker(server, kind)
        here.line.lose()

        assert knock(kind, server).welcome["outcome"] == "new"
        assert elsewhere.comesBack(address="192.0.2.7").welcome["outcome"] == "resumed"

    def test_make_no_way_while_the_node_shuts_down(self, clock: Clock, kind: str) -> None:
        server = Server(clock)
        busy, away = Talker(server, kind), Talker(server, kind)
        away.line.lose()
        if kind == "poll":
            busy.line.lose()
        else:
            busy.line.stall()
        push(server, "waits")
        server.vortex.shutdown()

        line = knock(kind, server)

        assert server.vortex.counters["evicted"] == 0
        assert away.comesBack().welcome["outcome"] == "resumed"
        assert not hasattr(line, "status") or line.status in (101, 503)
        assert [each for each in server.vortex.peers if each.isConnected]


def away(server: Server, kind: str, **where: Any) -> Talker:
    """Somebody whose client has said that it is there, and who is away."""
    talker = Talker(server, kind, **where)
    if kind in TWO_WAYS:
        talker.say(ack(0))
    else:
        talker = talker.comesBack(**where)
    talker.line.lose()
    server.clock.advance(1)
    return talker


@pytest.mark.parametrize("kind", KINDS)
class TestCrowds:
    """Of whom each takes a session, and goes."""

    def test_that_say_no_more_than_hello_cost_others_nothing(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeers=6))
        owners = [away(server, kind, address="192.0.2.1") for _ in range(4)]

        for number in range(40):
            knock(kind, server, address=f"203.0.113.{number}").lose()

        assert [each.comesBack().welcome["outcome"] for each in owners] == ["resumed"] * 4
        assert server.vortex.counters["evicted"] == 38

    def test_of_one_network_cost_each_other_first(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeers=6))
        owners = [away(server, kind, address=f"192.0.2.{number}") for number in range(4)]

        for number in range(20):
            away(server, kind, address=f"2001:db8::{number}")

        outcomes = [each.comesBack(address="198.51.100.1").welcome["outcome"] for each in owners]
        assert outcomes == ["resumed"] * 4

    def test_of_many_networks_cost_who_is_away_for_longest(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeers=3))
        owners = [away(server, kind, address=f"192.0.2.{number}") for number in range(3)]

        newest = away(server, kind, address="203.0.113.1")

        assert newest.comesBack(address="203.0.113.1").welcome["outcome"] == "resumed"
        assert owners[1].comesBack(address="192.0.2.1").welcome["outcome"] == "resumed"
        assert owners[2].comesBack(address="192.0.2.2").welcome["outcome"] == "resumed"


@pytest.mark.parametrize("kind", ["websocket", "stream", "sse", "poll"])
class TestACrowdOfOnePrincipal:
    def test_costs_itself_first(self, clock: Clock, kind: str) -> None:
        server = Server(clock, authenticator=ByHeader(), limits=Limits(maxPeers=6))
        owners = [away(server, kind, headers=f"X-Name: {name}\r\n") for name in ("ada", "bob")]

        for _ in range(20):
            away(server, kind, headers="X-Name: eve\r\n")

        for owner, name in zip(owners, ("ada", "bob"), strict=True):
            assert owner.comesBack(headers=f"X-Name: {name}\r\n").welcome["outcome"] == "resumed"


class ByHeader:
    """Everybody is who the header says."""

    def authenticate(self, credentials: Credentials) -> Principal | None:
        name = credentials.headers.get("x-name")
        return None if name is None else Principal(name)


class TestThePool:
    @pytest.mark.parametrize("kind", HELD)
    def test_keeps_what_all_that_are_away_hold(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(sessionPool=20_000))
        longest, shorter, present = (Talker(server, kind) for _ in range(3))
        longest.line.lose()
        shorter.line.lose()

        push(server, LARGE[0])
        assert len(server.vortex.peers) == 3
        push(server, LARGE[1])

        assert len(server.vortex.peers) == 2
        assert server.vortex.counters["evicted"] == 1
        assert longest.comesBack().welcome["reason"] == "overflow"
        back = shorter.comesBack()
        assert numbers(back.line.got) == [1, 2]
        assert numbers(present.line.got) == [1, 2]

    def test_counts_what_was_written_and_not_acknowledged(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(sessionPool=20_000))
        talkers = [Talker(server, "tcp") for _ in range(3)]
        push(server, LARGE[0])

        for talker in talkers:
            talker.line.lose()

        assert [each.comesBack().welcome["outcome"] for each in talkers] == ["reset", "resumed", "resumed"]

    def test_is_empty_again_when_they_are_back(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(sessionPool=20_000))
        talker = Talker(server, "tcp")
        taken = 0

        for _ in range(10):
            talker.line.lose()
            push(server, LARGE[0])
            assert 7_500 < server.vortex.door.kept.bytes < 8_000
            talker = talker.comesBack(taken=taken)
            assert server.vortex.door.kept.bytes == 0
            (taken,) = numbers(talker.line.got)
            talker.say(ack(taken))


@pytest.mark.parametrize("kind", TWO_WAYS)
class TestWhoHasSaidNothing:
    """They hold a connection, and no session."""

    def make(self, server: Server, kind: str, streams: StreamFactory, address: str) -> Any:
        if kind == "websocket":
            return NativeWebSocket(server, address=address)
        return NativeStream(server, address=address)

    def test_are_as_many_as_peers_at_most(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeers=3))
        for _ in range(3):
            self.make(server, kind, StreamFactory(server.vortex), "127.0.0.1")

        assert len(server.vortex.door.waiting) == 3
        assert server.vortex.door.refusal("127.0.0.1") is not None

    def test_are_forgotten_when_they_are_gone(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeersPerAddress=1))
        line = self.make(server, kind, StreamFactory(server.vortex), "127.0.0.1")
        assert server.vortex.door.refusal("127.0.0.1") is not None
        assert server.vortex.door.refusal("192.0.2.7") is None

        line.lose()

        assert len(server.vortex.door.waiting) == 0
        assert server.vortex.door.refusal("127.0.0.1") is None

    def test_are_sent_away_by_a_shutdown(self, clock: Clock, kind: str) -> None:
        server = Server(clock)
        line = self.make(server, kind, StreamFactory(server.vortex), "127.0.0.1")

        server.vortex.shutdown()
        clock.advance(3)

        assert [each.kind for each in line.got] == [CLOSE]
        assert line.isOver
        assert clock.getDelayedCalls() == []


class TestConnections:
    """Raw ones: how many may be there that have said nothing."""

    def test_that_resume_come_in_past_the_most_peers(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        port = StreamFactory(server.vortex)
        first = NativeStream(server, hello(), factory=port)

        second = NativeStream(server, hello(resume=resumeOf(first.welcome)), factory=port)
        third = NativeStream(server, hello(resume=resumeOf(second.welcome)), factory=port)

        assert third.welcome["outcome"] == "resumed"

    def test_that_say_half_a_hello_have_no_more_time_for_it(self, clock: Clock) -> None:
        line = StreamClient(StreamFactory(Server(clock).vortex))
        pass_(clock, 9)
        line.send(PREAMBLE + hello()[:10])

        clock.advance(1.2)

        assert line.closed

    def test_of_a_websocket_that_resumes_come_in_past_the_most_peers(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        first = Talker(server, "websocket")
        assert NativeWebSocket(server).head.startswith(b"HTTP/1.1 101 ")

        assert NativeWebSocket(server).head.startswith(b"HTTP/1.1 503 ")
        server.vortex.door.close("enough")

        assert first.comesBack().welcome["outcome"] == "resumed"

    def test_that_are_refused_before_their_wire_is_known_wait_to_be_told(self, clock: Clock) -> None:
        server = Server(clock)
        resume = resumeOf({"session": "0" * 32, "token": "x" * 43, "epoch": "e"})

        line = NativeStream(server, hello(resume=resume), address="192.0.2.7")

        assert line.farewell is not None
        assert line.farewell["code"] == "refused"
        assert line.farewell["reason"].startswith(
            "access-denied: this vortex serves programs on its own machine"
        )
        assert line.farewell["again"] is False
        assert line.isOver
