"""A server's end of a native session: WELCOME, actions and their answers, and a client that does not read."""

from __future__ import annotations

import re

import pytest

from tests.protocol import native_wire as wire
from tests.protocol.native_ends import ServerEnd, labelsOf, says
from vortex.limits import Limits
from vortex.protocol.events import Broken, Cancelled, Closed, Malformed, Opened, Received, Resumed, Settled
from vortex.protocol.link_session import State
from vortex.protocol.session_table import Hello, SessionTable


@pytest.fixture
def end() -> ServerEnd:
    return ServerEnd()


class TestWelcome:
    """Section 3."""

    def test_is_the_first_that_is_written_and_says_all_there_is_to_say(self) -> None:
        table = SessionTable("S", "server", Limits(maxFrame=12345), schema=lambda: "hash")
        session = table.attach(Hello.read(wire.hello(), Limits()), None, 0.0)
        session.send(says("a"))
        session.attached(0.0)
        session.send(says("b"))

        ((kind, said),) = wire.framesIn(session.framesToSend())
        rest = wire.framesIn(session.framesToSend())

        assert kind == wire.WELCOME
        assert rest == [(wire.DATA, 1, "a"), (wire.DATA, 2, "b")]
        assert re.fullmatch("[0-9a-f]{32}", said.pop("session"))
        assert re.fullmatch("[-_0-9A-Za-z]{43}", said.pop("token"))
        assert re.fullmatch("[-_0-9A-Za-z]{43}", said.pop("client"))
        assert re.fullmatch("[0-9a-f]{16}", said.pop("who"))
        assert said.pop("epoch") == table.epoch
        assert said == {
            "outcome": "new",
            "uuid": "S",
            "name": "server",
            "gen": 1,
            "n": 0,
            "taken": 0,
            "beat": 10.0,
            "maxFrame": 12345,
            "schema": "hash",
        }
        assert session.events() == [Opened("C", "client")]

    def test_brings_no_secret_where_the_client_has_one(self, end: ServerEnd) -> None:
        session = end.table.attach(Hello.read(wire.hello(client="mine"), Limits()), None, 0.0)
        session.attached(0.0)

        ((_, said),) = wire.framesIn(session.framesToSend())

        assert "client" not in said

    def test_of_a_resume_says_how_far_both_ends_are(self, end: ServerEnd) -> None:
        for label in "abc":
            end.session.send(says(label))
        end.frames()
        end.receive(wire.action(1), wire.action(2))
        end.session.transportLost(1.0)

        said = end.resume(1, now=5.0)

        assert (said["outcome"], said["n"], said["taken"], said["gen"]) == ("resumed", 3, 2, 2)
        assert "reason" not in said
        assert end.session.events() == [Resumed(2, 4.0)]
        assert [frame for frame in end.frames() if frame[0] == wire.DATA] == [
            (wire.DATA, 2, "b"),
            (wire.DATA, 3, "c"),
        ]

    def test_brings_another_token_each_time(self, end: ServerEnd) -> None:
        tokens = {end.token}
        for now in range(1, 20):
            end.session.transportLost(now)
            tokens.add(end.resume(0, now=now)["token"])

        assert len(tokens) == 20

    def test_counts_the_connections(self, end: ServerEnd) -> None:
        assert [end.resume(0, now=now)["gen"] for now in (1.0, 2.0, 3.0)] == [2, 3, 4]

    def test_tells_that_it_has_moved_without_having_been_away(self, end: ServerEnd) -> None:
        end.resume(0, now=100.0)

        assert end.session.events() == [Resumed(0, 0.0)]

    def test_of_a_poll_is_no_news(self) -> None:
        end = ServerEnd(via="poll")
        end.session.transportLost(1.0)

        end.resume(0, now=1.0)

        assert end.session.events() == []


class TestTokens:
    """Section 3, rule 2."""

    def test_are_kept_as_hashes_only(self, end: ServerEnd) -> None:
        end.resume(0, now=1.0)

        kept = repr([vars(end.session), vars(end.table)])

        assert end.token not in kept

    def test_the_present_one_is_good(self, end: ServerEnd) -> None:
        assert end.session.accepts(end.token, 1e9)
        assert not end.session.accepts(end.token[:-1], 0.0)
        assert not end.session.accepts("", 0.0)
        assert not end.session.accepts("\ud800", 0.0)

    def test_the_one_before_is_good_for_as_long_as_a_session_is_kept(self) -> None:
        end = ServerEnd(sessionLinger=50)
        old = end.token
        end.resume(0, now=10.0)

        assert end.session.accepts(old, 59.9)
        assert not end.session.accepts(old, 60.0)

    def test_from_when_the_connection_was_lost_that_has_brought_the_next(self) -> None:
        end = ServerEnd(sessionLinger=50)
        old = end.token
        end.resume(0, now=10.0)
        end.session.transportLost(25.0)

        assert end.session.accepts(old, 74.9)
        assert not end.session.accepts(old, 75.0)

    def test_but_not_once_something_has_come_in_since(self, end: ServerEnd) -> None:
        old = end.token
        end.resume(0, now=10.0)

        end.receive(wire.ack(0), now=10.1)

        assert not end.session.accepts(old, 10.2)
        assert end.session.accepts(end.token, 10.2)

    def test_nor_once_the_present_one_was_shown(self, end: ServerEnd) -> None:
        old = end.token
        end.resume(0, now=10.0)

        end.resume(0, now=11.0)

        assert not end.session.accepts(old, 11.0)

    def test_is_good_though_several_welcomes_in_a_row_are_lost(self, end: ServerEnd) -> None:
        shown = end.token
        for now in range(1, 100):
            end.session.transportLost(now)
            assert end.resume(0, now=now, token=shown)["outcome"] == "resumed"

    def test_over_http_only_a_send_that_shows_it_makes_the_present_one_the_only_one(self) -> None:
        end = ServerEnd(via="stream")
        old = end.token
        end.resume(0, now=1.0)
        assert end.session.acceptsSend(old, 2.0)
        end.receive(wire.ack(0), now=2.0)
        assert end.session.accepts(old, 2.0)

        assert end.session.acceptsSend(end.token, 3.0)

        assert not end.session.acceptsSend(old, 3.0)
        assert not end.session.accepts(old, 3.0)

    def test_are_bounded_however_often_somebody_comes(self, end: ServerEnd) -> None:
        shown = end.token
        end.resume(0, now=1.0)
        second = end.token
        for _ in range(16):
            assert end.session.accepts(second, 1.0)
            end.resume(0, now=1.0, token=shown)

        assert not end.session.accepts(second, 1.0)
        assert end.session.accepts(shown, 1.0)

    def test_are_judged_by_when_a_send_began(self) -> None:
        end = ServerEnd(via="poll")
        old = end.token
        end.resume(0, now=10.0)
        end.resume(0, now=20.0)

        assert end.session.acceptsSend(old, 300.0, 19.9)
        assert not end.session.acceptsSend(old, 300.0, 20.0)
        assert not end.session.acceptsSend(old, 300.0)
        assert not end.session.accepts(old, 300.0)


class TestActions:
    """Section 4."""

    def test_are_received_with_their_number_and_what_they_expect(self, end: ServerEnd) -> None:
        events = end.receive(wire.action(1, 7, "asks", flags=8), wire.action(2, 8, "tells"), now=3.0)

        asked, told = (event.envelope for event in events if isinstance(event, Received))
        assert (asked.filt, asked.action, asked.expectsAnswer) == ({"is": "asks"}, 7, True)
        assert (told.filt, told.action, told.expectsAnswer) == ({"is": "tells"}, 8, False)
        assert asked.deadline is None

    def test_have_a_deadline_from_when_they_are_read(self, end: ServerEnd) -> None:
        (received,) = end.receive(wire.action(1, deadline=1500), now=100.0)

        assert isinstance(received, Received)
        assert received.envelope.deadline == 101.5

    def test_are_answered_by_a_reply_that_names_them(self, end: ServerEnd) -> None:
        end.session.send(says("answer", isReply=True, action=7))
        end.session.send(says("push", isReply=True))

        assert end.frames() == [(wire.REPLY, 1, 7, "answer"), (wire.DATA, 2, "push")]

    def test_are_numbered_from_1_on(self, end: ServerEnd) -> None:
        (broken,) = end.receive(wire.action(1, 0))

        assert isinstance(broken, Broken)
        assert broken.code == "protocol"

    def test_that_are_no_message_are_told_with_their_number(self, end: ServerEnd) -> None:
        (malformed,) = end.receive(bytes([wire.ACTION, 1, 7, 0, 0xFF]))

        assert isinstance(malformed, Malformed)
        assert malformed.action == 7

    def test_are_cancelled(self, end: ServerEnd) -> None:
        assert end.receive(wire.action(1, 7), wire.cancel(2, 7))[1:] == [Cancelled(7)]
        assert end.receive(wire.cancel(2, 7)) == []

    def test_are_settled_with_an_acknowledgement(self, end: ServerEnd) -> None:
        assert end.receive(wire.ack(0, 3), wire.ack(0, 3), wire.ack(0, 2), wire.ack(0, 5)) == [
            Settled(3),
            Settled(5),
        ]


class TestOverHttp:
    """Section 2, rule 3: the client gives no signs of life there."""

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_beats_are_sent_and_not_asked_for(self, via: str) -> None:
        end = ServerEnd(via=via)
        for now in range(10, 300, 10):
            end.session.tick(now)
            assert end.frames() == [(wire.BEAT, 0)]

        assert end.session.events() == []

    def test_a_poll_has_none(self) -> None:
        end = ServerEnd(via="poll")
        end.session.tick(25.0)

        assert end.frames() == []
        assert end.session.nextDeadline() is None

    def test_whoever_acknowledges_nothing_for_30_seconds_is_lost(self) -> None:
        end = ServerEnd(via="stream")
        end.session.send(says("a"))
        end.frames()
        for now in range(10, 40, 10):
            end.session.tick(now)
        assert end.session.events() == []

        end.session.tick(40.1)

        (broken,) = end.session.events()
        assert isinstance(broken, Broken)
        assert broken.code == "silent"

    def test_and_longer_for_what_is_long(self) -> None:
        """A megabyte at 16 KiB/s takes a minute."""
        end = ServerEnd(via="stream")
        end.session.send(says("x" * (1 << 20)))
        end.frames()
        for now in range(10, 100, 10):
            end.session.tick(now)

        assert end.session.events() == []

    def test_it_has_those_30_seconds_after_a_long_silence_too(self) -> None:
        end = ServerEnd(via="stream")
        end.session.send(says("a"))
        end.frames()
        end.receive(wire.ack(1), now=1.0)
        for now in range(10, 300, 10):
            end.session.tick(now)
        end.session.send(says("b"))
        end.frames()

        end.session.tick(300.0)
        end.session.tick(310.0)
        assert end.receive(wire.ack(2), now=315.0) == []
        end.session.tick(400.0)

        assert end.session.events() == []

    def test_and_after_each_acknowledgement(self) -> None:
        end = ServerEnd(via="stream")
        for number in range(1, 12):
            end.session.send(says(str(number)))
        end.frames()
        for number in range(1, 11):
            assert end.receive(wire.ack(number), now=number * 20.0) == []
            end.session.tick(number * 20.0)

        assert end.session.events() == []

    def test_what_is_sent_while_nothing_is_held_open_is_taken(self) -> None:
        end = ServerEnd(via="stream")
        end.session.transportLost(1.0)

        assert labelsOf(end.receive(wire.action(1, label="a"), now=2.0)) == ["a"]

        assert end.resume(0, now=3.0)["taken"] == 1

    def test_a_poll_is_not_acknowledged_by_itself(self) -> None:
        """Each POST that sends is answered by what was taken."""
        end = ServerEnd(via="poll")
        for number in range(1, 100):
            end.receive(wire.action(number))

        assert end.frames() == []


class TestSlowClients:
    def test_are_cut_past_slowBytes_when_they_take_nothing_for_a_while(self) -> None:
        end = self.behind()
        deadline = end.session.nextDeadline()
        assert deadline is not None
        end.session.tick(0.0)
        end.session.tick(4.9)
        assert end.session.events() == []

        end.session.tick(5.0)

        (broken,) = end.session.events()
        assert isinstance(broken, Broken)
        assert broken.code == "slow"
        assert "slowBytes" in broken.reason
        assert end.session.state is State.OPEN

    def test_are_not_while_they_take_something(self) -> None:
        end = self.behind()
        for now in range(1, 10):
            assert end.receive(wire.ack(now), now=now * 3.0) == []
            end.session.tick(now * 3.0)

        assert end.session.events() == []

    def test_are_not_cut_again_for_what_waited_when_they_came_back(self) -> None:
        end = self.behind()
        end.session.tick(0.0)
        end.session.tick(5.0)
        end.session.events()
        end.session.transportLost(5.0)
        for _ in range(50):
            end.session.send(says("x" * 1000))

        end.resume(0, now=6.0)
        end.session.events()
        end.session.tick(6.0)
        end.session.tick(14.0)

        assert end.session.events() == []

    def test_get_all_of_it_when_they_come_back(self) -> None:
        end = self.behind()
        end.session.tick(0.0)
        end.session.tick(5.0)
        end.session.transportLost(5.0)
        end.resume(0, now=6.0)

        numbers: list[int] = []
        while more := end.numbers():
            numbers += more
            end.receive(wire.ack(numbers[-1]), now=6.0)

        assert numbers == list(range(1, 121))

    def behind(self) -> ServerEnd:
        """A session for whose client 100 KB and more wait, ten messages being the window."""
        end = ServerEnd(slowBytes=100_000, replayFrames=10)
        for _ in range(10):
            end.session.send(says("x" * 1000))
        end.frames()
        for _ in range(110):
            end.session.send(says("x" * 1000))
        return end


class TestLinger:
    """How long a session is kept without a connection."""

    def test_is_sessionLinger(self) -> None:
        end = ServerEnd(sessionLinger=50)
        end.session.transportLost(10.0)
        assert end.session.nextDeadline() == 60.0
        end.session.tick(59.9)
        assert end.session.events() == []

        end.session.tick(60.0)

        (closed,) = end.session.events()
        assert isinstance(closed, Closed)
        assert closed.code == "session-expired"
        assert end.session.heldBytes == 0

    def test_begins_anew_with_each_connection_that_has_carried_it(self) -> None:
        end = ServerEnd(sessionLinger=50)
        for now in range(0, 400, 40):
            end.session.transportLost(now)
            end.session.tick(now + 39)
            end.resume(0, now=now + 39)

        assert [event for event in end.session.events() if isinstance(event, Closed)] == []


class TestWhatIsHeld:
    def test_is_counted(self, end: ServerEnd) -> None:
        end.session.transportLost(1.0)
        end.session.send(says("x" * 1000))
        waiting = end.session.heldBytes
        assert 1000 < waiting < 1100

        end.resume(0, now=2.0)
        end.frames()
        assert waiting < end.session.heldBytes < waiting + 10

        end.receive(wire.ack(1), now=2.0)
        assert end.session.heldBytes == 0
