"""A client's end of a native session: its HELLO, what it makes of a WELCOME, its actions, their answers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.protocol import native_wire as wire
from tests.protocol.native_ends import ClientEnd, labelsOf, says
from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.client_session import ClientSession
from vortex.protocol.envelope import Message
from vortex.protocol.events import Broken, Malformed, Opened, Received, Reset, Resumed
from vortex.protocol.link_session import State


def makeClient(**limits: Any) -> ClientSession:
    return ClientSession(uuid="C", name="client", limits=Limits(**limits), now=0.0)


def helloOf(client: ClientSession, now: float = 0.0) -> dict[str, Any]:
    """What *client* says first on a connection."""
    client.attached(now)
    ((kind, said),) = wire.framesIn(client.framesToSend())
    assert kind == wire.HELLO
    return dict(said)


def asks(label: str) -> Message:
    return says(label, expectsAnswer=True)


def actionsOf(frames: list[wire.Frame]) -> list[tuple[int, int, str]]:
    """Number, action and label of each ACTION."""
    return [(frame[1], frame[2], frame[4]) for frame in frames if frame[0] == wire.ACTION]


@pytest.fixture
def end() -> ClientEnd:
    return ClientEnd()


class TestHello:
    """Section 3."""

    def test_is_all_that_is_said_before_the_welcome(self) -> None:
        client = makeClient()
        client.send(says("a"))

        assert helloOf(client) == {"wire": 1, "uuid": "C", "name": "client", "epoch": 1, "next": 1}
        assert client.frameToSendNow(says("b")) is None
        client.tick(10.0)
        assert client.framesToSend() == []

    def test_names_the_session_that_there_was(self, end: ClientEnd) -> None:
        end.session.send(says("a"))
        end.frames()
        end.receive(wire.data(1), wire.data(2))
        end.session.transportLost(1.0)

        said = helloOf(end.session, 2.0)

        assert said["resume"] == {"session": "s", "token": "t", "epoch": "life", "n": 2}
        assert said["client"] == "secret"
        assert said["next"] == 2

    def test_shows_the_newest_token(self, end: ClientEnd) -> None:
        end.session.transportLost(1.0)
        end.session.attached(2.0)
        end.receive(wire.welcome(outcome="resumed", token="t2", gen=2, client=None), now=2.0)
        end.session.transportLost(3.0)

        said = helloOf(end.session, 4.0)

        assert said["resume"]["token"] == "t2"
        assert said["client"] == "secret"

    def test_is_the_same_as_before_where_no_welcome_came(self, end: ClientEnd) -> None:
        end.session.transportLost(1.0)
        first = helloOf(end.session, 2.0)
        end.session.transportLost(3.0)

        assert helloOf(end.session, 4.0) == first

    @pytest.mark.parametrize("via", ["stream", "sse", "poll"])
    def test_says_how_it_will_be_carried(self, via: str) -> None:
        client = makeClient()
        client.via = via

        assert helloOf(client)["via"] == via


class TestWelcome:
    """Section 3, rules 1, 4 and 5."""

    def test_opens_the_session(self) -> None:
        client = makeClient()
        client.send(says("a"))
        client.attached(0.0)
        client.framesToSend()

        client.receive(wire.welcome(), 0.5)

        assert client.events() == [Opened("S", "server")]
        assert client.state is State.OPEN
        assert (client.id, client.gen) == ("s", 1)
        assert wire.framesIn(client.framesToSend()) == [(wire.ACK, 0, 0), (wire.ACTION, 1, 1, 0, "a")]

    def test_is_acknowledged_at_once(self, end: ClientEnd) -> None:
        end.receive(wire.data(1))
        end.session.transportLost(1.0)

        end.welcomed(taken=0, written=1, now=2.0)

        assert end.frames() == [(wire.ACK, 1, 0)]

    def test_that_resumes_says_what_was_taken(self, end: ClientEnd) -> None:
        for label in "abc":
            end.session.send(says(label))
        end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=2, written=0, now=8.0)

        assert end.session.events() == [Resumed(1, 7.0)]
        assert end.session.state is State.OPEN
        assert actionsOf(end.frames()) == [(3, 3, "c")]

    def test_that_resets_begins_at_1_in_both_directions(self, end: ClientEnd) -> None:
        end.session.send(says("a"))
        end.frames()
        end.receive(wire.ack(1), wire.data(1, "old"))
        end.session.send(says("b"))
        end.frames()
        end.session.transportLost(1.0)
        end.session.attached(2.0)

        events = end.receive(wire.welcome(outcome="reset", reason="expired", session="s2"), now=2.0)

        assert events == [Reset("expired", "S", "server")]
        assert actionsOf(end.frames()) == [(1, 2, "b")]
        assert labelsOf(end.receive(wire.data(1, "new"), now=2.0)) == ["new"]

    @pytest.mark.parametrize(
        "reason", ["expired", "unknown", "overflow", "epoch", "auth", "schema", "superseded", "of-tomorrow"]
    )
    def test_passes_the_reason_of_a_reset_on(self, end: ClientEnd, reason: str) -> None:
        end.session.transportLost(1.0)
        end.session.attached(2.0)

        (reset,) = end.receive(wire.welcome(outcome="reset", reason=reason, session="s2"), now=2.0)

        assert isinstance(reset, Reset)
        assert reset.reason == reason

    @pytest.mark.parametrize("number", [1, 2])
    def test_is_the_first_frame_and_comes_once(self, end: ClientEnd, number: int) -> None:
        if number == 1:
            end.session.transportLost(1.0)
            end.session.attached(2.0)
            (broken,) = end.receive(wire.data(1))
        else:
            (broken,) = end.receive(wire.welcome())

        assert isinstance(broken, Broken)
        assert broken.code == "protocol"

    def test_may_come_behind_what_is_to_be_ignored(self) -> None:
        client = makeClient()
        client.attached(0.0)

        client.receive(bytes([wire.PAD]) + bytes(2048), 0.0)
        client.receive(b"\x80new", 0.0)
        client.receive(wire.welcome(), 0.0)

        assert client.events() == [Opened("S", "server")]

    @pytest.mark.parametrize(
        "changed",
        [
            {"session": "another"},
            {"taken": 2},  # one was written
            {"n": 1},  # two were taken
        ],
    )
    def test_that_resumes_what_there_was_not_is_refused_and_not_asked_for_again(
        self, end: ClientEnd, changed: dict[str, Any]
    ) -> None:
        end.session.send(asks("a"))
        end.frames()
        end.receive(wire.data(1), wire.data(2))
        end.session.transportLost(1.0)
        end.session.attached(2.0)
        right = {"outcome": "resumed", "taken": 1, "n": 2, "client": None}

        (broken,) = end.receive(wire.welcome(**right | changed), now=2.0)

        assert isinstance(broken, Broken)
        end.session.transportLost(3.0)
        assert "resume" not in helloOf(end.session, 4.0)
        (reset,) = end.receive(wire.welcome(session="s2", client=None), now=4.0)
        assert isinstance(reset, Reset)
        assert actionsOf(end.frames()) == [(1, 1, "a")]

    def test_that_resumes_what_nobody_has_asked_for_is_refused(self) -> None:
        client = makeClient()
        client.attached(0.0)

        client.receive(wire.welcome(outcome="resumed"), 0.0)

        (broken,) = client.events()
        assert isinstance(broken, Broken)

    @pytest.mark.parametrize(
        "changed",
        [
            {"outcome": "other"},
            {"outcome": None},
            {"session": None},
            {"session": 7},
            {"session": "x" * 129},
            {"token": None},
            {"token": "x" * 129},
            {"uuid": None},
            {"name": []},
            {"gen": "1"},
            {"n": -1},
            {"n": 1.0},
            {"n": True},
            {"taken": None},
            {"taken": 1 << 53},
            {"epoch": None},
            {"client": 7},
            {"client": "x" * 129},
            {"maxFrame": 0},
        ],
    )
    def test_that_is_none_is_refused(self, changed: dict[str, Any]) -> None:
        client = makeClient()
        client.attached(0.0)

        client.receive(wire.welcome(**changed), 0.0)

        (broken,) = client.events()
        assert isinstance(broken, Broken)
        assert broken.code == "protocol"
        assert client.state is State.CONNECTING

    def test_that_does_not_come_in_time_ends_the_connection(self) -> None:
        client = makeClient(helloTimeout=4)
        client.attached(100.0)
        assert client.nextDeadline() == 104.0
        client.tick(103.9)
        assert client.events() == []

        client.tick(104.0)

        (broken,) = client.events()
        assert isinstance(broken, Broken)
        assert broken.code == "silent"

    def test_is_waited_for_without_waking_up_for_nothing(self, end: ClientEnd) -> None:
        """What was to be acknowledged on the last connection is not due before there is the next."""
        end.receive(wire.data(1), now=1.0)
        end.session.attached(1.5)

        assert end.session.nextDeadline() == 11.5


class TestActions:
    """Section 4."""

    def test_have_numbers_of_their_own_that_live_through_resets(self, end: ClientEnd) -> None:
        for label in "ab":
            end.session.send(says(label))
        assert actionsOf(end.frames()) == [(1, 1, "a"), (2, 2, "b")]
        end.receive(wire.ack(2))
        self.reset(end)

        end.session.send(says("c"))

        assert actionsOf(end.frames()) == [(1, 3, "c")]

    def test_are_sent_again_after_a_reset_in_their_order_before_any_new_one(self, end: ClientEnd) -> None:
        end.session.send(asks("answered"))
        end.session.send(asks("acknowledged"))
        end.session.send(says("acknowledged, nothing expected"))
        end.session.send(says("not acknowledged"))
        end.session.send(asks("neither"))
        end.frames()
        end.receive(wire.reply(1, 1), wire.ack(3))
        end.session.transportLost(1.0)
        end.session.send(says("new, and urgent"), priority=1)
        end.session.attached(2.0)

        end.receive(wire.welcome(outcome="reset", reason="epoch", session="s2"), now=2.0)

        assert actionsOf(end.frames()) == [
            (1, 2, "acknowledged"),
            (2, 4, "not acknowledged"),
            (3, 5, "neither"),
            (4, 6, "new, and urgent"),
        ]

    def test_are_sent_again_however_many_resets_there_are(self, end: ClientEnd) -> None:
        end.session.send(asks("a"))
        end.session.send(says("b"))
        end.frames()
        for _ in range(5):
            self.reset(end)
            assert actionsOf(end.frames()) == [(1, 1, "a"), (2, 2, "b")]

    def test_whose_answer_cannot_be_read_are_answered_and_not_sent_again(self, end: ClientEnd) -> None:
        asked = asks("a")
        end.session.send(asked)
        end.frames()

        events = end.receive(bytes([wire.REPLY, 1, 1]) + b'\x01\x0b{"f": nope}')
        self.reset(end)

        (malformed,) = (event for event in events if isinstance(event, Malformed))
        assert isinstance(malformed.error, DecodeError)
        assert malformed.asked is asked
        assert actionsOf(end.frames()) == []

    def test_are_sent_again_through_a_reset_before_they_could_be(self, end: ClientEnd) -> None:
        """The second reset comes while what the first has left waits for its window."""
        end = ClientEnd(replayFrames=1)
        for label in "abc":
            end.session.send(asks(label))
            end.frames()
            end.receive(wire.ack(end.session.written))
        self.reset(end)
        assert actionsOf(end.frames()) == [(1, 1, "a")]
        end.receive(wire.ack(1))
        assert actionsOf(end.frames()) == [(2, 2, "b")]

        self.reset(end)

        assert actionsOf(end.frames()) == [(1, 1, "a")]

    def test_that_expect_no_answer_are_not_forgotten_by_a_second_reset(self) -> None:
        end = ClientEnd(replayFrames=2)
        for label in "ab":
            end.session.send(says(label))
        end.frames()
        self.reset(end)  # both wait to be sent again, and are not

        self.reset(end)

        assert actionsOf(end.frames()) == [(1, 1, "a"), (2, 2, "b")]

    def test_get_their_answer(self, end: ClientEnd) -> None:
        end.session.send(asks("a"))
        end.frames()

        (received,) = end.receive(wire.reply(1, 1, "the answer"))

        assert isinstance(received, Received)
        assert received.envelope.filt == {"is": "the answer"}
        assert received.envelope.isReply

    def test_get_one_that_could_not_read_who_asked(self, end: ClientEnd) -> None:
        end.session.send(asks("a"))
        end.frames()
        text = b'{"r":"bad-payload: it was none"}'
        frame = bytes([wire.REPLY, 1, 1, 1, len(text)]) + text

        (received,) = end.receive(frame)

        assert isinstance(received, Received)
        assert received.envelope.filt == {"is": "a"}
        assert received.envelope.result == "bad-payload: it was none"

    def test_are_settled_up_to_the_first_that_is_not_answered_or_not_acknowledged(
        self, end: ClientEnd
    ) -> None:
        for label in ("asked", "told", "asked too", "told too"):
            end.session.send(asks(label) if "asked" in label else says(label))
        end.frames()
        end.receive(wire.ack(4), wire.reply(1, 3), now=0.0)
        end.session.tick(1.0)
        assert end.frames() == [(wire.ACK, 1, 0)]

        end.receive(wire.reply(2, 1), now=1.0)
        end.session.tick(2.0)
        assert end.frames() == [(wire.ACK, 2, 4)]

        end.session.send(says("told last"))
        end.receive(wire.data(3), now=2.0)
        assert end.frames()[-1] == (wire.ACK, 3, 4)  # the fifth is not acknowledged

    def test_are_not_settled_while_they_are_to_be_sent_again(self) -> None:
        end = ClientEnd(replayFrames=1)
        end.session.send(asks("a"))
        end.frames()
        end.receive(wire.ack(1))
        end.session.send(says("b"))
        end.frames()
        self.reset(end)
        assert end.frames() == [(wire.ACK, 0, 0), (wire.ACTION, 1, 1, 0, "a")]

        end.receive(wire.reply(1, 1), now=3.0)

        assert end.frames() == [(wire.ACTION, 2, 2, 0, "b"), (wire.ACK, 1, 1)]

    @pytest.mark.parametrize(
        ("timeout", "milliseconds"), [(None, 0), (1.5, 1500), (0.0001, 1), (1e300, (1 << 53) - 1)]
    )
    def test_say_how_long_their_answer_is_waited_for(
        self, end: ClientEnd, timeout: float | None, milliseconds: int
    ) -> None:
        end.session.send(says("a", expectsAnswer=True, timeout=timeout))

        assert end.frames() == [(wire.ACTION, 1, 1, milliseconds, "a")]

    def test_that_are_too_large_for_the_server_are_refused_here(self) -> None:
        end = ClientEnd()
        end.session.transportLost(1.0)
        end.session.attached(2.0)
        end.receive(wire.welcome(outcome="resumed", maxFrame=1000, client=None), now=2.0)

        with pytest.raises(LimitExceeded, match="maxFrame"):
            end.session.send(says("x" * 1000))
        with pytest.raises(LimitExceeded, match="maxFrame"):
            end.session.frameToSendNow(says("x" * 1000))
        end.session.send(says("x" * 800))
        assert [frame[1] for frame in end.frames() if frame[0] == wire.ACTION] == [1]

    def reset(self, end: ClientEnd) -> None:
        end.session.transportLost(1.0)
        end.session.attached(2.0)
        end.session.helloToSend()
        end.receive(wire.welcome(outcome="reset", reason="unknown", session="s2", client=None), now=2.0)


class TestCancel:
    """Section 4, rule 5."""

    def test_of_what_waits_leaves_nothing(self, end: ClientEnd) -> None:
        end.session.transportLost(1.0)
        asked = asks("a")
        end.session.send(asked)
        end.session.send(asks("b"))

        end.session.cancel(asked)

        end.welcomed(taken=0, written=0, now=2.0)
        assert actionsOf(end.frames()) == [(1, 1, "b")]

    def test_of_what_was_written_is_said(self, end: ClientEnd) -> None:
        asked = asks("a")
        end.session.send(asked)
        end.frames()

        end.session.cancel(asked)

        assert end.session.queued == 1
        assert end.session.frameToSendNow(says("b")) is None
        assert end.frames() == [(wire.CANCEL, 2, 1)]

    def test_is_said_again_after_a_resume(self, end: ClientEnd) -> None:
        asked = asks("a")
        end.session.send(asked)
        end.frames()
        end.session.cancel(asked)
        end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=1, written=0, now=2.0)

        assert end.frames()[-1] == (wire.CANCEL, 2, 1)

    def test_of_what_is_to_be_sent_again_follows_it(self) -> None:
        """The server may never have got it, and would miss its number."""
        end = ClientEnd(replayFrames=1)
        first, second = asks("a"), asks("b")
        for each in (first, second):
            end.session.send(each)
            end.frames()
            end.receive(wire.ack(end.session.written))
        TestActions().reset(end)
        end.frames()

        end.session.cancel(second)

        end.receive(wire.ack(1))
        assert actionsOf(end.frames()) == [(2, 2, "b")]
        end.receive(wire.ack(2))
        assert end.frames() == [(wire.CANCEL, 3, 2)]

    def test_outlives_a_reset_where_what_it_cancels_is_sent_again(self, end: ClientEnd) -> None:
        acknowledged, not_ = asks("acknowledged"), asks("not")
        end.session.send(acknowledged)
        end.frames()
        end.receive(wire.ack(1))
        end.session.send(not_)
        end.frames()
        end.session.cancel(acknowledged)
        end.session.cancel(not_)
        end.frames()

        TestActions().reset(end)

        frames = [frame for frame in end.frames() if frame[0] != wire.ACK]
        assert frames == [(wire.ACTION, 1, 2, 0, "not"), (wire.CANCEL, 2, 2)]

    def test_of_what_was_answered_is_nothing(self, end: ClientEnd) -> None:
        asked = asks("a")
        end.session.send(asked)
        end.frames()
        end.receive(wire.reply(1, 1))

        end.session.cancel(asked)

        assert [frame for frame in end.frames() if frame[0] != wire.ACK] == []

    def test_has_the_action_settled_when_it_was_acknowledged(self, end: ClientEnd) -> None:
        asked = asks("a")
        end.session.send(asked)
        end.frames()
        end.session.cancel(asked)
        end.frames()
        end.receive(wire.ack(2), wire.data(1))

        end.session.tick(1.0)

        assert end.frames() == [(wire.ACK, 1, 1)]


class TestOverHttp:
    """Section 2, rule 3: the client's end gives no signs of life there; and 6."""

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_no_beats_are_sent_and_they_are_asked_for(self, via: str) -> None:
        end = ClientEnd(via=via)
        end.receive(b"", now=9.0)
        end.session.tick(20.0)
        assert end.frames() == []

        end.session.tick(24.0)

        (broken,) = end.session.events()
        assert isinstance(broken, Broken)
        assert broken.code == "silent"

    def test_a_poll_ends_in_time_or_is_given_up(self) -> None:
        """25 seconds for its answer, and what a connection has for a sign of life."""
        end = ClientEnd(via="poll")
        assert end.session.nextDeadline() == 40.0
        end.session.tick(39.9)
        assert end.session.events() == []
        assert end.frames() == []

        end.session.tick(40.0)

        assert end.session.events() == [Broken("silent", "nothing came for 40 s")]

    def test_a_poll_acknowledges_by_its_next_hello(self) -> None:
        end = ClientEnd(via="poll")
        for number in range(1, 100):
            end.receive(wire.data(number))
        end.session.tick(20.0)
        assert end.frames() == []

        end.session.transportLost(21.0)

        assert helloOf(end.session, 21.0)["resume"]["n"] == 99

    def test_a_send_shows_the_session_and_its_token(self, end: ClientEnd) -> None:
        assert wire.framesIn(end.session.sendFrame()) == [(wire.SEND, {"session": "s", "token": "t"})]


class TestMovingToAnotherConnection:
    def test_what_carries_it_goes_on_until_the_server_has_answered_on_the_next(self, end: ClientEnd) -> None:
        end.receive(wire.data(1))
        (said,) = wire.framesIn(end.session.helloFrame("stream"))
        assert said[1]["resume"]["n"] == 1
        assert said[1]["via"] == "stream"

        assert labelsOf(end.receive(wire.data(2, "meanwhile"))) == ["meanwhile"]
        end.session.send(says("a"))
        assert actionsOf(end.frames()) == [(1, 1, "a")]

    def test_nothing_is_acknowledged_that_the_hello_does_not_say(self, end: ClientEnd) -> None:
        """The server goes on from there: what was acknowledged further it could not write again."""
        end.receive(wire.data(1), now=0.0)
        end.session.helloFrame("stream")
        for number in range(2, 70):
            end.receive(wire.data(number), now=0.5)
        end.session.tick(5.0)

        assert end.frames() == []

    def test_then_the_next_takes_over_without_another_hello(self, end: ClientEnd) -> None:
        end.session.helloFrame("stream")
        end.receive(wire.data(1, "by the first"))
        end.session.takeOver("stream")
        end.session.attached(1.0)
        assert end.frames() == []

        events = end.receive(wire.welcome(outcome="resumed", n=2, gen=2, token="t2", client=None), now=1.0)
        events += end.receive(wire.data(1, "again"), wire.data(2, "by the second"), now=1.0)

        assert labelsOf(events) == ["by the second"]
        assert end.session.via == "stream"
        assert end.frames()[-1] == (wire.ACK, 2, 0)

    def test_or_comes_to_nothing_and_all_is_acknowledged_as_ever(self, end: ClientEnd) -> None:
        end.session.helloFrame("stream")
        end.receive(wire.data(1), now=0.0)
        end.session.tick(2.0)
        assert end.frames() == []

        end.session.giveUp()
        end.session.tick(2.0)

        assert end.frames() == [(wire.ACK, 1, 0)]


class TestTheSecret:
    """Two that showed it would be taken for one client that says everything twice."""

    @pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_is_in_no_copy(self, store: Callable[[object], object]) -> None:
        with pytest.raises(TypeError, match="a client of its own"):
            store(ClientEnd().session)

    def test_is_not_shown_in_a_log(self) -> None:
        session = ClientEnd().session
        session.transportLost(1.0)
        (hello,) = wire.framesIn(session.helloFrame())
        secret = hello[1]["client"]

        assert secret
        assert secret not in repr(session)
