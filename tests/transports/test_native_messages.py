"""Messages of the native wire at a server, over each transport: counted, acknowledged, kept."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.native_frames import ACK, BEAT, DATA, REPLY, ack, action, message
from tests.transports.every_line import SOCKETS, reach
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    HELD,
    KINDS,
    TWO_WAYS,
    frame,
    numbers,
)
from tests.transports.wires import Server
from vortex.limits import Limits


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
class TestMessages:
    def test_are_answered_by_their_action_and_acknowledged(
        self, server: Server, echo: Echo, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)

        talker.say(asks(1, "x") + asks(2, "y"))
        clock.advance(0)

        replies = talker.line.having(REPLY)
        assert [(each.number, each.action, each.json["r"]) for each in replies] == [
            (1, 1, True),
            (2, 2, True),
        ]
        assert [each.body for each in replies] == [[{"v": ["x"]}], [{"v": ["y"]}]]
        assert echo.got == ["x", "y"]

    def test_that_come_twice_are_taken_once(self, server: Server, echo: Echo, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(asks(1, "x"))
        talker.say(asks(1, "x") + asks(2, "y"))

        assert echo.got == ["x", "y"]

    def test_that_stand_in_the_place_of_what_could_not_pass_are_nobodys(
        self, server: Server, echo: Echo, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)

        talker.say(action(1, 1, b"\x01\x02{}") + asks(2, "y"))
        clock.advance(0)

        (reply,) = talker.line.having(REPLY)
        assert (reply.action, echo.got) == (2, ["y"])
        assert server.vortex.counters == {}

    def test_of_the_server_are_numbered(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)

        push(server, "a", "b")
        clock.advance(0)

        assert numbers(talker.line.got) == [1, 2]
        assert [each.body for each in talker.line.having(DATA)] == [[{"v": ["a"]}], [{"v": ["b"]}]]

    def test_that_cannot_be_read_are_answered_and_cost_nothing_else(
        self, server: Server, echo: Echo, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)

        talker.say(action(1, 1, b"\x08\x02{]") + asks(2, "y"))
        clock.advance(0)

        bad, good = talker.line.having(REPLY)
        assert bad.action == 1
        assert bad.json["r"].startswith("bad-payload: ")
        assert good.json["r"] is True
        assert server.vortex.counters["malformed"] == 1


class TestAcknowledgements:
    @pytest.mark.parametrize("kind", HELD)
    def test_come_after_a_second_if_nothing_else_is_said(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)
        talker.say(action(1, 1, message({"key": "nobody"}, expectsAnswer=False)))
        assert talker.line.having(ACK) == []

        clock.advance(1.2)

        assert [each.number for each in talker.line.having(ACK)] == [1]

    @pytest.mark.parametrize("kind", HELD)
    def test_of_who_takes_nothing_are_waited_for_before_more_is_written(
        self, clock: Clock, kind: str
    ) -> None:
        server = Server(clock, limits=Limits(replayFrames=3))
        talker = Talker(server, kind)

        push(server, "a", "b", "c", "d")
        assert numbers(talker.line.got) == [1, 2, 3]
        talker.say(ack(2))

        assert numbers(talker.line.got) == [1, 2, 3, 4]

    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_of_what_was_not_written_cut_the_line(self, server: Server, kind: str) -> None:
        talker = Talker(server, kind)

        talker.say(ack(1))

        assert talker.line.isOver
        assert server.vortex.peers[0].isConnected is False


@pytest.mark.parametrize("kind", HELD)
class TestBeats:
    def test_say_how_much_was_written(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)
        push(server, "a")

        for _ in range(2):
            pass_(clock, 10)
            talker.say(frame(BEAT, b"\x00") + ack(1))
        clock.advance(0.2)

        assert [each.rest for each in talker.line.having(BEAT)] == [b"\x01", b"\x01"]

    def test_are_not_asked_of_who_comes_by_http(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)

        pass_(clock, 40)

        assert talker.line.isOver is (kind in TWO_WAYS)
        assert server.vortex.peers[0].isConnected is (kind not in TWO_WAYS)

    def test_that_tell_of_a_message_that_is_lost_cut_the_line(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        talker = Talker(server, kind)

        talker.say(frame(BEAT, b"\x01"))

        assert talker.line.isOver
        assert len(server.vortex.peers) == 1


@pytest.mark.parametrize("kind", SOCKETS)
class TestASocket:
    def test_of_tcp_does_not_hold_a_message_until_the_one_before_is_acknowledged(
        self, server: Server, kind: str
    ) -> None:
        line = reach(kind, server)

        assert line.wire.noDelay is (kind != "unix")
