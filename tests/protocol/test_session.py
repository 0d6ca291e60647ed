"""What holds for both ends of a native session: numbers, acknowledgements, windows, signs of life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.protocol import native_wire as wire
from tests.protocol.native_ends import AnyEnd, ClientEnd, ServerEnd, labelsOf, says
from vortex.errors import EncodeError, QueueOverflow
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Message
from vortex.protocol.events import Broken, Closed, Event, Malformed, Resumed
from vortex.protocol.link_session import State
from vortex.protocol.payload import Payload

MakeEnd = Callable[..., AnyEnd]


@pytest.fixture(params=[ClientEnd, ServerEnd], ids=["client", "server"])
def make(request: pytest.FixtureRequest) -> MakeEnd:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def end(make: MakeEnd) -> AnyEnd:
    return make()


def brokenOf(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Broken)]


class TestNumbers:
    """Section 1, rule 1."""

    def test_what_follows_the_last_one_is_taken(self, end: AnyEnd) -> None:
        events = end.receive(end.incoming(1, "a"), end.incoming(2, "b"), end.incoming(3, "c"))

        assert labelsOf(events) == ["a", "b", "c"]
        assert end.session.taken == 3

    def test_what_was_taken_before_is_dropped(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1, "a"), end.incoming(2, "b"))

        assert end.receive(end.incoming(1, "a"), end.incoming(2, "again"), end.incoming(2, "b")) == []
        assert labelsOf(end.receive(end.incoming(3, "c"))) == ["c"]

    def test_where_one_is_missing_the_connection_is_given_up_and_nothing_taken(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1, "a"))

        events = end.receive(end.incoming(3, "c"), end.incoming(2, "b"))

        assert brokenOf(events) == ["protocol"]
        assert labelsOf(events) == []
        assert end.session.taken == 1
        assert end.session.state is not State.CLOSED

    def test_and_it_goes_on_from_there_on_the_next_one(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1, "a"), end.incoming(3, "c"))
        end.session.transportLost(1.0)

        end.welcomed(taken=0, written=3, now=2.0)

        assert labelsOf(end.receive(end.incoming(2, "b"), end.incoming(3, "c"), now=2.0)) == ["b", "c"]

    def test_nought_is_below_all_of_them(self, end: AnyEnd) -> None:
        assert end.receive(end.incoming(0)) == []

    def test_what_is_no_message_counts_as_well(self, end: AnyEnd) -> None:
        counted = end.incoming(1)
        spoilt = counted[: -len(wire.message("x", flags=1))] + b"\xff\x00"

        (malformed,) = end.receive(spoilt)

        assert isinstance(malformed, Malformed)
        assert labelsOf(end.receive(end.incoming(2, "b"))) == ["b"]


class TestWhatIsWritten:
    """Section 1, rule 2."""

    def test_is_numbered_from_1_on_as_it_leaves(self, end: AnyEnd) -> None:
        end.session.send(says("late"), priority=200)
        end.session.send(says("soon"), priority=10)

        assert [(frame[1], frame[-1]) for frame in end.frames()] == [(1, "soon"), (2, "late")]
        assert end.session.written == 2

    def test_is_written_again_in_order_with_its_numbers_from_where_the_other_end_stands(
        self, end: AnyEnd
    ) -> None:
        for label in "abcd":
            end.session.send(says(label))
        before = end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=2, written=0, now=2.0)

        assert [frame for frame in end.frames() if frame[0] == end.COUNTED] == before[2:]

    def test_but_not_what_was_acknowledged(self, end: AnyEnd) -> None:
        for label in "abcd":
            end.session.send(says(label))
        end.frames()
        end.receive(wire.ack(3))
        end.session.transportLost(1.0)

        end.welcomed(taken=3, written=0, now=2.0)

        assert end.numbers() == [4]

    def test_is_written_again_as_often_as_it_takes(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        for now in range(10):
            assert end.numbers() == [1]
            end.session.transportLost(now)
            end.welcomed(taken=0, written=0, now=now + 0.5)

    def test_goes_before_what_waits_still(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        end.frames()
        end.session.transportLost(1.0)
        end.session.send(says("urgent"), priority=1)

        end.welcomed(taken=0, written=0, now=2.0)

        labels = [frame[-1] for frame in end.frames() if frame[0] == end.COUNTED]
        assert labels == ["a", "urgent"]

    def test_waits_for_a_connection(self, end: AnyEnd) -> None:
        end.session.transportLost(1.0)
        end.session.send(says("a"))
        assert end.frames() == []
        assert end.session.queued == 1

        end.welcomed(taken=0, written=0, now=2.0)

        assert end.numbers() == [1]
        assert end.session.queued == 0

    def test_is_told_to_be_so_much(self, end: AnyEnd) -> None:
        for label in "abc":
            end.session.send(says(label))
        end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=1, written=0, now=31.0)

        assert end.session.events() == [Resumed(2, 30.0)]
        assert end.session.queued == 2

    def test_at_once_is_what_would_be_written_next(self, end: AnyEnd) -> None:
        frame = end.session.frameToSendNow(says("a"))

        assert frame is not None
        assert [(each[1], each[-1]) for each in wire.framesIn(frame)] == [(1, "a")]
        end.session.send(says("b"))
        assert end.session.frameToSendNow(says("c")) is None
        assert end.numbers() == [2]

    def test_is_never_at_once_what_has_to_wait(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        end.frames()
        end.session.transportLost(1.0)
        assert end.session.frameToSendNow(says("b")) is None

        end.welcomed(taken=0, written=0, now=2.0)
        end.session.helloToSend()

        assert end.session.frameToSendNow(says("b")) is None  # "a" is still to be written again

    def test_that_cannot_be_encoded_raises_and_is_not_counted(self, end: AnyEnd) -> None:
        with pytest.raises(EncodeError):
            end.session.send(Message(Payload({"is": object()})))

        end.session.send(says("a"))
        assert end.numbers() == [1]


class TestAcknowledgements:
    """Section 1, rule 3."""

    def test_say_the_last_one_taken_after_a_second(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1), now=5.0)
        end.receive(end.incoming(2), now=5.9)
        assert end.session.nextDeadline() == 6.0
        end.session.tick(5.99)
        assert end.frames() == []

        end.session.tick(6.0)

        assert end.frames() == [(wire.ACK, 2, 0)]

    def test_are_not_said_twice(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1), now=1.0)
        end.session.tick(2.0)
        end.frames()

        end.session.tick(9.0)

        assert end.frames() == []

    def test_are_due_at_64_messages(self, end: AnyEnd) -> None:
        for number in range(1, 64):
            end.receive(end.incoming(number))
        assert end.frames() == []

        end.receive(end.incoming(64))

        assert end.frames() == [(wire.ACK, 64, 0)]

    def test_are_due_at_128_KiB(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1, "x" * (64 << 10)))
        end.receive(end.incoming(2, "x" * (63 << 10)))
        assert end.frames() == []

        end.receive(end.incoming(3, "x" * (1 << 10)))

        assert end.frames() == [(wire.ACK, 3, 0)]

    def test_go_along_with_what_is_written_anyhow(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1), end.incoming(2))
        end.session.send(says("a"))

        assert [frame[:2] for frame in end.frames()] == [(end.COUNTED, 1), (wire.ACK, 2)]
        end.session.tick(5.0)
        assert end.frames() == []

    def test_are_cumulative(self, end: AnyEnd) -> None:
        for label in "abcde":
            end.session.send(says(label))
        end.frames()
        end.receive(wire.ack(4), wire.ack(2))

        end.session.transportLost(1.0)
        end.welcomed(taken=4, written=0, now=2.0)

        assert end.numbers() == [5]

    def test_of_what_was_never_written_break_the_connection(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        end.frames()

        assert brokenOf(end.receive(wire.ack(2))) == ["protocol"]

    def test_that_nobody_has_read_yet_make_room_for_newer_ones(self, end: AnyEnd) -> None:
        for number in range(1, 64 * 100 + 1):
            end.receive(end.incoming(number))

        assert end.frames() == [(wire.ACK, 6400, 0)]


class TestTheWindow:
    """Section 1, rule 4."""

    def test_is_512_messages(self, end: AnyEnd) -> None:
        for number in range(600):
            end.session.send(says(str(number)))

        assert end.numbers() == list(range(1, 513))
        assert end.session.queued == 88

    def test_opens_as_they_are_acknowledged(self, end: AnyEnd) -> None:
        for number in range(600):
            end.session.send(says(str(number)))
        end.frames()

        end.receive(wire.ack(10))

        assert end.numbers() == list(range(513, 523))

    def test_is_1_MiB(self, end: AnyEnd) -> None:
        for _ in range(10):
            end.session.send(says("x" * (200 << 10)))

        assert end.numbers() == [1, 2, 3, 4, 5, 6]  # five are less than 1 MiB, six are more
        end.receive(wire.ack(1))
        assert end.numbers() == [7]  # five were left
        end.receive(wire.ack(5))
        assert end.numbers() == [8, 9, 10]

    def test_lets_one_larger_message_pass_alone(self, end: AnyEnd) -> None:
        end.session.send(says("x" * (3 << 20)))
        end.session.send(says("next"))

        assert end.numbers() == [1]
        end.receive(wire.ack(1))
        assert end.numbers() == [2]

    def test_holds_what_would_go_at_once(self, make: MakeEnd) -> None:
        end = make(replayFrames=2)
        assert end.session.frameToSendNow(says("a")) is not None
        assert end.session.frameToSendNow(says("b")) is not None

        assert end.session.frameToSendNow(says("c")) is None

    def test_stays_as_it_is_through_a_resume(self, make: MakeEnd) -> None:
        end = make(replayFrames=3)
        for label in "abcde":
            end.session.send(says(label))
        end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=1, written=0, now=2.0)

        assert end.numbers() == [2, 3, 4]
        end.receive(wire.ack(4), now=2.0)
        assert end.numbers() == [5]


class TestWhatWaits:
    def test_is_replaced_by_what_bears_the_same_key_once_much_waits(self, make: MakeEnd) -> None:
        end = make(mergeBytes=100, replayFrames=1)
        end.session.send(says("first"))
        end.frames()
        for label in ("a1", "b1", "a2"):  # less than 100 bytes wait
            end.session.send(says(label), mergeKey=label[0])
        for label in ("a3", "b2", "a4", "c1"):
            end.session.send(says(label), mergeKey=label[0])

        labels = []
        for number in range(1, 6):
            end.receive(wire.ack(number))
            labels += [frame[-1] for frame in end.frames() if frame[0] == end.COUNTED]

        assert labels == ["a1", "b2", "a4", "c1"]
        assert end.session.merged == 3

    def test_what_was_written_is_never_replaced(self, make: MakeEnd) -> None:
        end = make(mergeBytes=1)
        end.session.send(says("a1"), mergeKey="a")
        end.frames()
        end.session.transportLost(1.0)
        end.session.send(says("a2"), mergeKey="a")

        end.welcomed(taken=0, written=0, now=2.0)

        assert [frame[-1] for frame in end.frames() if frame[0] == end.COUNTED] == ["a1", "a2"]

    def test_survives_the_connection(self, end: AnyEnd) -> None:
        for number in range(600):
            end.session.send(says(str(number)))
        end.frames()
        end.session.transportLost(1.0)

        end.welcomed(taken=512, written=0, now=2.0)

        assert end.numbers() == list(range(513, 601))


class TestFrames:
    """Section 2, rule 1."""

    @pytest.mark.parametrize("kind", [0x80, 0x99, 0xFF])
    def test_of_kinds_from_80_on_are_ignored(self, end: AnyEnd, kind: int) -> None:
        assert end.receive(bytes([kind]) + b"anything") == []
        assert labelsOf(end.receive(end.incoming(1, "a"))) == ["a"]

    @pytest.mark.parametrize("kind", [0x00, 0x06, 0x0F, 0x16, 0x7F])
    def test_of_a_kind_that_nobody_knows_break_the_connection(self, end: AnyEnd, kind: int) -> None:
        assert brokenOf(end.receive(bytes([kind]) + b"anything")) == ["protocol"]

    def test_that_are_not_the_other_ends_to_send_break_the_connection(self, make: MakeEnd) -> None:
        ofServer = [wire.welcome(), wire.data(1), wire.reply(1, 1), bytes([wire.PAD])]
        ofClient = [wire.hello(), bytes([wire.SEND]) + b"{}", wire.action(1), wire.cancel(1, 1)]
        for frame in ofClient if make is ClientEnd else ofServer:
            end = make()

            assert brokenOf(end.receive(frame)) == ["protocol"], frame
            assert end.session.taken == 0

    @pytest.mark.parametrize(
        "frame",
        [
            bytes([wire.ACK]),
            bytes([wire.ACK]) + b"\x80",
            bytes([wire.ACK]) + b"\x00",
            bytes([wire.BEAT]),
            bytes([wire.BEAT]) + bytes([0xFF] * 9),
            bytes([wire.CLOSE]),
            bytes([wire.CLOSE]) + b"[]",
            bytes([wire.CLOSE]) + b'{"code": 1',
        ],
    )
    def test_that_are_cut_off_or_no_json_break_the_connection(self, end: AnyEnd, frame: bytes) -> None:
        assert brokenOf(end.receive(frame)) == ["protocol"]

    def test_nothing_is_taken_from_a_connection_that_is_broken(self, end: AnyEnd) -> None:
        end.receive(b"\x7f")

        assert end.receive(end.incoming(1), b"\x7f", wire.close("normal", again=False)) == []

    def test_empty_ones_are_a_sign_of_life(self, end: AnyEnd) -> None:
        assert end.receive(b"", now=14.0) == []
        end.session.tick(28.0)

        assert end.session.events() == []


class TestSignsOfLife:
    """Section 2, rule 3."""

    def test_are_given_every_ten_seconds_with_the_last_number_written(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        end.frames()
        beats = []
        for now in range(1, 31):
            end.receive(b"", now=now)
            end.session.tick(now)
            beats += [(now, *frame) for frame in end.frames() if frame[0] == wire.BEAT]

        assert beats == [(10, wire.BEAT, 1), (20, wire.BEAT, 1), (30, wire.BEAT, 1)]

    def test_say_nought_where_nothing_was_written(self, end: AnyEnd) -> None:
        end.session.tick(10.0)

        assert end.frames() == [(wire.BEAT, 0)]

    def test_never_name_a_message_that_is_still_to_be_written_again(self, end: AnyEnd) -> None:
        """The other end would take it for lost, and the connection with it."""
        for _ in range(9):
            end.session.send(says("x" * (100 << 10)))
        end.frames()
        end.session.transportLost(1.0)
        end.welcomed(taken=3, written=0, now=2.0)
        end.session.helloToSend()
        (first,) = end.session.framesToSend()  # the rest waits for a transport that is full
        assert [frame[1] for frame in wire.framesIn(first)] == [4]

        end.receive(b"", now=11.0)
        end.session.tick(12.0)

        assert wire.framesIn(end.session.framesToSend())[0] == (wire.BEAT, 4)

    def test_whoever_brings_none_for_fifteen_is_lost(self, end: AnyEnd) -> None:
        end.receive(wire.beat(0), now=3.0)
        end.session.tick(17.9)
        assert end.session.events() == []

        end.session.tick(18.0)

        assert brokenOf(end.session.events()) == ["silent"]
        assert end.session.state is not State.CLOSED

    def test_that_name_a_message_that_has_not_come_break_the_connection(self, end: AnyEnd) -> None:
        end.receive(end.incoming(1), end.incoming(2))
        assert end.receive(wire.beat(2), wire.beat(1)) == []

        assert brokenOf(end.receive(wire.beat(3))) == ["lost"]

    def test_are_not_asked_for_while_nothing_carries_the_session(self, end: AnyEnd) -> None:
        end.session.transportLost(1.0)
        end.session.tick(100.0)

        assert end.session.events() == []


class TestTheEnd:
    def test_is_said_to_the_other_one(self, end: AnyEnd) -> None:
        end.session.close(CloseCode.REVOKED, "no more of that")

        assert end.frames() == [
            (wire.CLOSE, {"code": "revoked", "reason": "no more of that", "again": False})
        ]
        assert end.session.events() == [Closed("revoked", "no more of that")]

    def test_says_whether_to_come_back(self, end: AnyEnd) -> None:
        end.session.close(CloseCode.SHUTDOWN, "for the night")

        assert end.frames()[0][1]["again"] is True

    def test_is_the_sessions_where_it_may_not_be_resumed(self, end: AnyEnd) -> None:
        events = end.receive(wire.close("refused", again=False))

        assert events == [Closed("refused", "for a test")]
        assert end.session.state is State.CLOSED

    @pytest.mark.parametrize("code", ["session-expired", "overflow", "slow"])
    def test_is_for_no_reason_that_only_a_server_knows(self, code: str) -> None:
        events = ServerEnd().receive(wire.close(code, again=False))

        assert events == [Closed("normal", "for a test")]

    def test_is_the_connections_where_it_may(self, end: AnyEnd) -> None:
        assert brokenOf(end.receive(wire.close("shutdown", again=True))) == ["lost"]
        assert end.session.state is State.OPEN

    @pytest.mark.parametrize("code", ["no-such-word", None, 7, {}, "x" * 5000])
    def test_by_a_word_that_nobody_knows_is_an_ordinary_one(self, end: AnyEnd, code: Any) -> None:
        (closed,) = end.receive(wire.close(code, again=False))

        assert isinstance(closed, Closed)
        assert closed.code == "normal"

    def test_reason_can_always_be_passed_on(self, end: AnyEnd) -> None:
        (closed,) = end.receive(wire.close("normal", again=False, reason="\ud800" * 2000))

        assert isinstance(closed, Closed)
        assert len(closed.reason.encode()) < 1000

    def test_nothing_comes_out_of_it_afterwards(self, end: AnyEnd) -> None:
        end.session.send(says("a"))
        end.session.close(CloseCode.NORMAL, "done")
        end.session.close(CloseCode.REVOKED, "twice")
        end.frames()
        assert end.session.events() == [Closed("normal", "done")]

        assert end.receive(end.incoming(1), wire.close("normal", again=True)) == []
        end.session.send(says("b"))
        end.session.slow("it is not read")
        end.session.tick(1000.0)
        end.session.transportLost(1001.0)
        end.session.attached(1002.0)
        end.session.tick(2000.0)

        assert end.session.events() == []
        assert end.frames() == []
        assert end.session.nextDeadline() is None
        assert end.session.queued == 0
        assert end.session.heldBytes == 0

    def test_what_is_too_slow_costs_the_connection_only(self, end: AnyEnd) -> None:
        end.session.slow("it is not read")
        end.session.slow("it is not read")

        assert end.session.events() == [Broken("slow", "it is not read")]
        assert end.session.state is State.OPEN


class TestMalformed:
    def test_messages_over_the_limit_end_the_session(self, make: MakeEnd) -> None:
        end = make(maxMalformed=3)
        good = wire.message("x", flags=1)

        events: list[Event] = []
        for number in range(1, 6):
            events += end.receive(end.incoming(number)[: -len(good)] + b"\xff")

        assert [type(event) for event in events] == [Malformed] * 4 + [Closed]
        assert events[-1].code == "limit-exceeded"  # type: ignore[union-attr]
        assert "maxMalformed" in events[-1].reason  # type: ignore[union-attr]
        assert end.frames()[-1][1]["again"] is False

    def test_messages_that_come_now_and_then_do_not(self, make: MakeEnd) -> None:
        end = make(maxMalformed=3)
        good = wire.message("x", flags=1)

        for number in range(1, 10):
            now = number * 1201.0
            end.receive(end.incoming(number)[: -len(good)] + b"\xff", now=now)

        assert end.session.state is State.OPEN


class TestOverflow:
    def test_what_waits_is_bounded(self, make: MakeEnd) -> None:
        end = make(maxOutboxItems=2)
        end.session.transportLost(1.0)
        end.session.send(says("a"))
        end.session.send(says("b"))

        if make is ClientEnd:
            with pytest.raises(QueueOverflow, match="maxOutboxItems"):
                end.session.send(says("c"))
            assert end.session.queued == 2
        else:
            end.session.send(says("c"))
            (closed,) = end.session.events()
            assert isinstance(closed, Closed)
            assert closed.code == "overflow"
            assert "maxOutboxItems" in closed.reason
