"""Sessions of the native wire that go on after a cut, on whatever comes next."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.native_frames import DATA, ack, hello
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    HELD,
    KINDS,
    TWO_WAYS,
    NativePost,
    knock,
    numbers,
    resumeOf,
)
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.node.session_events import SessionResumed, SessionSuspended


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


class TestResume:
    @pytest.mark.parametrize("before", KINDS)
    @pytest.mark.parametrize("after", KINDS)
    def test_brings_what_was_missed_on_whatever_comes_next(
        self, server: Server, clock: Clock, before: str, after: str
    ) -> None:
        told: list[object] = []
        ends = SessionSuspended()  # how often, is up to what carried it
        server.vortex.onSessionEvent(lambda event, peer: told.append(event) if event != ends else None)
        first = Talker(server, before)
        (peer,) = server.vortex.peers
        push(server, "a", "b")
        first.line.lose()
        push(server, "c")
        pass_(clock, 5)
        assert (peer.isOnline, peer.isConnected) == (True, False)

        second = first.comesBack(after, taken=1)
        clock.advance(0)

        assert (second.welcome["outcome"], second.welcome["gen"]) == ("resumed", 2)
        assert second.welcome["session"] == first.welcome["session"]
        missed = second.line.having(DATA)
        assert [(each.number, each.body) for each in missed] == [(2, [{"v": ["b"]}]), (3, [{"v": ["c"]}])]
        assert server.vortex.peers == (peer,)
        assert told == ([] if after == "poll" else [SessionResumed(replayed=1, after=5.0)])

    @pytest.mark.parametrize("kind", KINDS)
    def test_tells_what_was_taken(self, server: Server, echo: Echo, kind: str) -> None:
        first = Talker(server, kind)
        first.say(asks(1, "x") + asks(2, "y"))
        first.line.lose()

        second = first.comesBack()
        second.say(asks(2, "y") + asks(3, "z"))

        assert second.welcome["taken"] == 2
        assert echo.got == ["x", "y", "z"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_changes_the_token(self, server: Server, kind: str) -> None:
        first = Talker(server, kind)
        second = first.comesBack()

        assert second.welcome["token"] != first.welcome["token"]

    @pytest.mark.parametrize("before", HELD)
    @pytest.mark.parametrize("after", HELD)
    def test_closes_the_older_line_and_says_nothing_more_on_it(
        self, server: Server, before: str, after: str
    ) -> None:
        old = Talker(server, before)

        new = old.comesBack(after)
        push(server, "a")

        assert old.line.isOver
        assert numbers(old.line.got) == []
        assert numbers(new.line.got) == [1]
        old.line.lose()
        assert server.vortex.peers[0].isConnected

    @pytest.mark.parametrize("kind", HELD)
    def test_leaves_whether_the_older_line_is_read(self, server: Server, clock: Clock, kind: str) -> None:
        old = Talker(server, kind)
        new = old.comesBack()

        if old.line.wire.producer is not None:  # it has a farewell to write still
            old.line.stall()
        for number in range(1, 4):
            pass_(clock, 8)
            push(server, "a")
            new.say(ack(number))

        assert numbers(new.line.got) == [1, 2, 3]
        assert server.vortex.peers[0].isConnected

    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_leaves_what_the_older_line_brings(self, server: Server, echo: Echo, kind: str) -> None:
        old = Talker(server, kind)
        new = old.comesBack()

        old.say(asks(1, "from the old"))
        new.say(asks(1, "from the new"))

        assert echo.got == ["from the new"]

    @pytest.mark.parametrize("before", HELD)
    def test_from_another_address_is_where_it_is_from_then_on(self, clock: Clock, before: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeersPerAddress=1))
        first = Talker(server, before)
        first.line.lose()

        first.comesBack(address="192.0.2.7")

        assert server.vortex.peers[0].address == "192.0.2.7"
        assert knock(before, server).welcome["outcome"] == "new"
        assert knock(before, server, address="192.0.2.7").isOver

    @pytest.mark.parametrize("kind", KINDS)
    def test_that_a_lost_answer_made_needless_works_again(self, server: Server, kind: str) -> None:
        """The WELCOME did not arrive, so the client shows what it knows."""
        first = Talker(server, kind)
        for _ in range(3):
            first.comesBack().line.lose()

        assert first.comesBack().welcome["outcome"] == "resumed"

    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_no_old_token_once_the_new_one_has_arrived(self, server: Server, kind: str) -> None:
        first = Talker(server, kind)
        second = first.comesBack()
        second.say(ack(0))

        third = first.comesBack()

        assert (third.welcome["outcome"], third.welcome["reason"]) == ("reset", "unknown")

    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_an_old_token_as_long_as_the_session_is_kept(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        first = Talker(server, kind)
        first.comesBack().line.lose()

        pass_(clock, 118)

        assert first.comesBack().welcome["outcome"] == "resumed"

    @pytest.mark.parametrize("kind", KINDS)
    def test_shows_none_after_that(self, clock: Clock, kind: str) -> None:
        """Though the session lives, as somebody seems to have it."""
        server = Server(clock, limits=Limits(sessionLinger=5, linkIdle=60))
        first = Talker(server, kind)
        first.comesBack()

        pass_(clock, 6)
        third = first.comesBack()

        assert (third.welcome["outcome"], third.welcome["reason"]) == ("reset", "unknown")

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_another_life_of_the_server_is_a_reset(self, server: Server, kind: str) -> None:
        first = Talker(server, kind)
        resume = resumeOf(first.welcome, session="0" * 32, epoch="another")

        assert Talker(server, kind, resume=resume).welcome["reason"] == "epoch"

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("taken", [0, 3])
    def test_of_what_is_not_kept_is_a_reset(
        self, server: Server, clock: Clock, kind: str, taken: int
    ) -> None:
        first = Talker(server, kind)
        push(server, "a", "b")
        first.say(ack(1))
        first.line.lose()

        second = first.comesBack(taken=taken)

        assert (second.welcome["outcome"], second.welcome["reason"]) == ("reset", "unknown")
        assert second.welcome["session"] != first.welcome["session"]

    @pytest.mark.parametrize("kind", ["stream", "sse", "poll"])
    def test_may_bring_messages_at_once(self, server: Server, echo: Echo, kind: str) -> None:
        first = Talker(server, kind)
        first.line.lose()
        resume = resumeOf(first.welcome)

        NativePost(server, hello(via=kind, resume=resume) + asks(1, "x"))

        assert echo.got == ["x"]

    @pytest.mark.parametrize("kind", ["stream", "sse", "poll"])
    def test_that_is_a_reset_takes_none_of_them(self, server: Server, echo: Echo, kind: str) -> None:
        """They are numbered as in the session that there is no more, and come again."""
        resume = {"session": "0" * 32, "token": "t" * 43, "epoch": "another", "n": 0}

        line = NativePost(server, hello(via=kind, resume=resume) + asks(7, "x"))

        assert line.welcome["outcome"] == "reset"
        assert echo.got == []
        assert not line.isOver
