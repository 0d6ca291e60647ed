"""How lines and sessions of the native wire end at a server, over each transport."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.native_frames import ACTION, CLOSE, WELCOME
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    KINDS,
    TWO_WAYS,
    frame,
    numbers,
)
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.node.session_events import SessionExpired, SessionSuspended


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


@pytest.mark.parametrize("kind", KINDS)
class TestTheEnd:
    def test_comes_when_nobody_comes_back(self, server: Server, clock: Clock, kind: str) -> None:
        told: list[object] = []
        server.vortex.onSessionEvent(lambda event, peer: told.append(event))
        first = Talker(server, kind)
        (peer,) = server.vortex.peers
        first.line.lose()

        pass_(clock, 119)
        assert peer.isOnline
        pass_(clock, 2)

        assert not peer.isOnline
        isSuspended = [SessionSuspended()] if kind != "poll" else []  # it is so between any two
        assert told == [*isSuspended, SessionExpired()]
        assert server.vortex.counters["expired"] == 1
        assert clock.getDelayedCalls() == []
        assert first.comesBack().welcome["reason"] == "expired"

    def test_is_told_by_a_client_that_leaves(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(frame(CLOSE, b'{"code":"normal","reason":"it was enough","again":false}'))

        assert server.vortex.peers == ()
        assert talker.line.isOver

    def test_is_not_a_client_that_says_it_comes_back(self, server: Server, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(frame(CLOSE, b'{"code":"normal","reason":"the lid is shut","again":true}'))

        (peer,) = server.vortex.peers
        assert not peer.isConnected
        assert talker.line.isOver

    def test_of_the_server_may_be_followed_by_another(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)

        server.vortex.shutdown()
        clock.advance(0)

        assert talker.line.farewell == {
            "code": "shutdown",
            "reason": "this vortex is shutting down",
            "again": True,
        }
        assert talker.line.isOver
        clock.advance(3)
        assert clock.getDelayedCalls() == []

    def test_of_the_server_waits_for_nobody_who_is_away(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        """But for a client whose requests carry it one after the other: the next may be on its way."""
        talker = Talker(server, kind)
        talker.line.lose()
        push(server, "a", "b")

        done = server.vortex.shutdown()
        clock.advance(0)
        assert done.called is (kind in ("websocket", "tcp", "sse"))
        clock.advance(1)
        clock.advance(0)

        assert done.called
        assert server.vortex.peers == ()
        assert clock.getDelayedCalls() == []

    def test_of_one_that_is_sent_away_is_for_good(self, server: Server, kind: str) -> None:
        talker = Talker(server, kind)

        server.vortex.peers[0].close("that is enough")

        assert talker.line.farewell == {"code": "normal", "reason": "that is enough", "again": False}

    def test_leaves_nothing_behind(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)
        server.vortex.peers[0].close("that is enough")
        talker.line.lose()
        clock.advance(3)

        assert clock.getDelayedCalls() == []
        assert len(server.vortex.door.table) == 0
        assert server.vortex.door.kept.bytes == 0


@pytest.mark.parametrize("kind", TWO_WAYS)
class TestBrokenBytes:
    @pytest.mark.parametrize(
        "broken",
        [
            b"\x00",
            b"\xff" * 9,
            frame(0x7E),
            frame(WELCOME, b"{}"),
            frame(ACTION, b"\x05\x01\x00"),
            frame(0x05),
        ],
        ids=["empty", "length", "unknown", "a server's", "gap", "pad"],
    )
    def test_cut_the_line_and_not_the_session(
        self, server: Server, echo: Echo, kind: str, broken: bytes
    ) -> None:
        first = Talker(server, kind)
        first.say(asks(1, "x"))
        first.say(broken + asks(2, "y"))

        assert first.line.isOver
        assert len(server.vortex.peers) == 1
        assert server.vortex.counters["malformed"] == 1
        second = first.comesBack(taken=1)
        second.say(asks(2, "y"))
        assert second.welcome["outcome"] == "resumed"
        assert echo.got == ["x", "y"]

    def test_are_not_read_on_behind(self, server: Server, echo: Echo, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(frame(0x7E))
        talker.say(asks(1, "x"))

        assert echo.got == []

    def test_are_not_frames_of_a_later_wire(self, server: Server, echo: Echo, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(frame(0x80, b"something") + frame(0xFF) + asks(1, "x"))

        assert echo.got == ["x"]

    def test_are_frames_over_the_limit_before_they_are_there(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxFrame=100_000))
        first = Talker(server, kind)

        first.say(b"\xa1\x8d\x06\x13")  # 100001 bytes, of which one is here

        assert first.line.isOver
        assert server.vortex.counters["malformed"] == 1
        assert first.comesBack().welcome["outcome"] == "resumed"

    def test_are_no_long_message_that_is_slow(
        self, server: Server, echo: Echo, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)
        whole = asks(1, "x" * 300_000)

        for at in range(0, len(whole), 10_000):
            pass_(clock, 2)
            if kind == "tcp":
                talker.line.send(whole[at : at + 10_000])
            else:
                talker.line.frame(
                    whole[at : at + 10_000], opcode=2 if at == 0 else 0, fin=at + 10_000 >= len(whole)
                )

        assert echo.got == ["x" * 300_000]


class TestAPoll:
    def test_that_comes_while_the_server_shuts_down_has_what_waited(
        self, server: Server, clock: Clock
    ) -> None:
        first = Talker(server, "poll", wait=0)
        clock.advance(0)
        assert first.line.isOver
        push(server, "a")

        done = server.vortex.shutdown()
        clock.advance(0.5)
        second = first.comesBack(wait=25)
        pass_(clock, 2)

        assert numbers(second.line.got) == [1]
        assert second.line.isOver
        assert done.called
