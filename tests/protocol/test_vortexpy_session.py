"""VortexPySession: frames and time in, frames, events and deadlines out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire_messages import base64Envelope, decode, envelope, era0, isHello
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Closed, Malformed, Opened, Received
from vortex.protocol.framing import Framing
from vortex.protocol.link_session import State
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy_session import VortexPySession

IDENTITY = ("peer-uuid", "peer-name")
JUNK = [b"{", b"hello", b"\xff\xfe", b"{}", b"eyJ9", b"[" * 100_000, b"{" * 5000]


def makeSession(**kwargs: Any) -> VortexPySession:
    arguments: dict[str, Any] = {
        "uuid": "our-uuid",
        "name": "our-name",
        "limits": Limits(),
        "framing": Framing.PLAIN,
        "now": 0.0,
        "identity": IDENTITY,
    } | kwargs
    return VortexPySession(**arguments)


def message(number: int = 1) -> Message:
    return Message(Payload({"key": "k", "n": number}))


def numbers(frames: list[bytes]) -> list[int]:
    """Which of `message`'s are in *frames*."""
    return [decode(frame.rstrip(b"."))["filt"]["n"]["_fd"] for frame in frames]


class TestHello:
    def test_says_who_we_are_before_anything_else(self) -> None:
        session = makeSession()
        session.send(message())
        session.attached(0.0)

        hello, first = session.framesToSend()

        assert decode(hello)["filt"] == {"__vortexUuid__": "our-uuid", "__vortexName__": "our-name"}
        assert numbers([first]) == [1]

    def test_opens_at_once_where_the_transport_told_who_is_there(self) -> None:
        session = makeSession()

        session.attached(0.0)

        assert session.events() == [Opened(*IDENTITY)]

    def test_opens_with_the_peers_hello_where_it_did_not(self) -> None:
        session = makeSession(identity=None)
        session.attached(0.0)
        assert session.events() == []

        session.receive(envelope({"__vortexUuid__": "u", "__vortexName__": "n"}), 0.0)

        assert session.events() == [Opened("u", "n")]

    def test_a_later_hello_changes_nobodys_identity(self) -> None:
        session = makeSession(identity=None)
        session.attached(0.0)
        session.receive(envelope({"__vortexUuid__": "u", "__vortexName__": "n"}), 0.0)
        session.events()

        session.receive(envelope({"__vortexUuid__": "other", "__vortexName__": "n"}), 0.0)

        assert session.events() == []

    def test_is_in_the_era_of_what_came_with_the_request(self) -> None:
        session = makeSession(framing=Framing.DOTS)
        session.receive(era0({}), 0.0)
        session.attached(0.0)

        (hello,) = session.framesToSend()

        assert not hello.startswith(b".")  # a leading dot stalls VortexPY 0.3.0 for good
        assert decode(hello.rstrip(b"."))["_ct"] == "rp"

    def test_follows_a_dot_for_eras_1_and_2_in_a_stream(self) -> None:
        session = makeSession(framing=Framing.DOTS)
        session.receive(base64Envelope({}, era=1), 0.0)
        session.attached(0.0)

        dot, hello = session.framesToSend()

        assert dot == b"."
        assert isHello(decode(hello.rstrip(b".")))


class TestEras:
    @pytest.mark.parametrize(
        ("frame", "form"),
        [
            (era0({"key": "k"}), Form.ERA0),
            (base64Envelope({"key": "k"}, [], era=1), Form.ERA1),
            (base64Envelope({"key": "k"}, [], era=2), Form.ERA2),
            (envelope({"key": "k"}, [], era=2), Form.RAW),
        ],
    )
    def test_answers_in_the_form_that_it_was_last_spoken_to_in(self, frame: bytes, form: Form) -> None:
        session = makeSession()
        session.attached(0.0)
        assert session.form is Form.UNIVERSAL

        session.receive(frame, 0.0)

        assert session.form is form

    def test_never_sends_raw_json_into_a_stream(self) -> None:
        session = makeSession(framing=Framing.DOTS)
        session.attached(0.0)

        session.receive(envelope({"key": "k"}), 0.0)

        assert session.form is Form.ERA2

    def test_sends_a_peer_that_has_not_spoken_what_both_eras_read(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.framesToSend()
        session.send(Message(Payload({"key": "k"}, [])))

        (frame,) = session.framesToSend()

        sent = decode(frame)
        assert sent["data"] == sent["encodedPayload"]
        assert sent["payload"]["tuples"] == []


class TestReceiving:
    def test_hands_out_messages_in_order_and_keeps_hellos_and_beats_to_itself(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.events()
        for frame in (envelope({}), b"", envelope({"key": "a"}), envelope({"key": "b"})):
            session.receive(frame, 0.0)

        events = session.events()

        assert [event.envelope.filt for event in events if isinstance(event, Received)] == [
            {"key": "a"},
            {"key": "b"},
        ]
        assert len(events) == 2
        assert session.events() == []

    def test_reads_javascripts_dot_and_a_bare_dot_on_a_websocket(self) -> None:
        session = makeSession(framing=Framing.WEBSOCKET)
        session.attached(0.0)
        session.events()

        session.receive(base64Envelope({"key": "a"}, era=1) + b".", 0.0)
        session.receive(b".", 0.0)

        (event,) = session.events()
        assert isinstance(event, Received)
        assert event.envelope.filt == {"key": "a"}

    @pytest.mark.parametrize(
        "junk", [b"{", b"hello", b"\xff\xfe", b"{}", b"eyJ9", b"[" * 100_000, b"{" * 5000]
    )
    def test_reports_junk_and_stays_open(self, junk: bytes) -> None:
        session = makeSession()
        session.attached(0.0)
        session.events()

        session.receive(junk, 0.0)
        session.receive(envelope({"key": "next"}), 0.0)

        malformed, received = session.events()
        assert isinstance(malformed, Malformed)
        assert isinstance(received, Received)
        assert session.state is State.OPEN


class TestSending:
    def test_lower_priorities_leave_first(self) -> None:
        session = makeSession()
        for number, priority in ((1, 100), (2, 10), (3, 100)):
            session.send(message(number), priority=priority)
        session.attached(0.0)

        frames = session.framesToSend()[1:]

        assert numbers(frames) == [2, 1, 3]

    def test_hands_out_no_more_than_a_transport_should_be_given_at_once(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.framesToSend()
        for number in range(10):
            session.send(Message(Payload({"key": "k", "n": number, "pad": "x" * 30_000})))

        taken = [len(session.framesToSend()) for _ in range(5)]

        assert sum(taken) == 10
        assert max(taken) <= 3

    def test_a_peer_that_does_not_read_is_closed_at_the_bound(self) -> None:
        session = makeSession(limits=Limits(maxOutboxItems=3))
        session.attached(0.0)
        session.events()
        for number in range(4):
            session.send(message(number))

        (closed,) = session.events()

        assert isinstance(closed, Closed)
        assert closed.code == "slow"
        assert "maxOutboxItems" in closed.reason
        assert session.framesToSend() == []

    def test_a_closed_session_takes_and_gives_nothing(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.transportLost(1.0)
        session.events()

        session.send(message())
        session.receive(envelope({"key": "k"}), 1.0)
        session.attached(2.0)
        session.transportLost(2.0)

        assert session.events() == []
        assert session.framesToSend() == []
        assert session.nextDeadline() is None


class TestSendingNow:
    def test_passes_the_queue_by_where_nothing_waits(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.framesToSend()

        frame = session.frameToSendNow(message(1))

        assert frame is not None
        assert numbers([frame]) == [1]
        assert session.queued == 0
        assert session.framesToSend() == []

    def test_waits_for_the_hello(self) -> None:
        session = makeSession()
        session.attached(0.0)

        assert session.frameToSendNow(message()) is None

    def test_waits_for_what_is_queued(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.framesToSend()
        session.send(message(1), priority=200)

        assert session.frameToSendNow(message(2)) is None
        assert numbers(session.framesToSend()) == [1]

    def test_waits_while_there_is_no_transport(self) -> None:
        session = makeSession(linger=15.0)
        session.attached(0.0)
        session.framesToSend()
        session.transportLost(1.0)

        assert session.frameToSendNow(message()) is None


class TestParking:
    def test_a_session_without_linger_ends_with_its_transport(self) -> None:
        session = makeSession()
        session.attached(0.0)
        session.events()

        session.transportLost(5.0)

        assert session.state is State.CLOSED
        (closed,) = session.events()
        assert isinstance(closed, Closed)
        assert closed.code == "lost"

    def test_what_waits_is_kept_for_the_next_transport(self) -> None:
        session = makeSession(linger=15.0)
        session.attached(0.0)
        session.framesToSend()
        session.transportLost(1.0)
        for number in (1, 2):
            session.send(message(number))
        assert session.framesToSend() == []

        session.attached(10.0)

        hello, *frames = session.framesToSend()
        assert isHello(decode(hello))
        assert numbers(frames) == [1, 2]

    def test_ends_on_time_when_no_transport_comes(self) -> None:
        session = makeSession(linger=15.0)
        session.attached(0.0)
        session.transportLost(1.0)
        assert session.nextDeadline() == 16.0

        session.tick(15.9)
        assert session.state is State.PARKED
        session.tick(16.0)
        assert session.state is State.CLOSED


class TestTime:
    @pytest.mark.parametrize(
        ("frame", "interval"),
        [(era0({}), 1.0), (base64Envelope({}, era=1), 5.0), (base64Envelope({}), 10.0), (envelope({}), 10.0)],
    )
    def test_beats_as_often_as_the_peers_era_needs(self, frame: bytes, interval: float) -> None:
        session = makeSession()
        session.attached(0.0)
        session.receive(frame, 0.0)
        session.framesToSend()
        beats = 0
        for tenth in range(601):
            session.tick(tenth / 10)
            beats += len(session.framesToSend())

        assert beats == int(60 / interval)

    def test_beats_a_peer_that_has_not_spoken_often_enough_for_every_era_that_takes_a_dot(self) -> None:
        session = makeSession(framing=Framing.DOTS)
        session.attached(0.0)
        session.framesToSend()
        assert session.nextDeadline() == 5.0

        session.tick(5.0)

        assert session.framesToSend() == [b"."]

    def test_an_era_0_beat_is_an_empty_message(self) -> None:
        session = makeSession(framing=Framing.DOTS)
        session.attached(0.0)
        session.receive(era0({}), 0.0)
        session.framesToSend()

        session.tick(1.0)

        (beat,) = session.framesToSend()
        assert beat.endswith(b".")
        sent = decode(beat.rstrip(b"."))
        assert (sent["_ct"], sent["filt"], sent["tuples"], sent["result"]) == ("rp", {}, [], None)

    def test_silence_ends_it_where_silence_is_not_normal(self) -> None:
        session = makeSession(idle=75.0)
        session.attached(0.0)
        session.receive(envelope({}), 10.0)
        session.events()

        session.tick(84.9)
        assert session.state is State.OPEN
        session.tick(85.0)

        (closed,) = session.events()
        assert isinstance(closed, Closed)
        assert closed.code == "silent"

    def test_a_held_post_may_be_silent_for_ever(self) -> None:
        session = makeSession(idle=None)
        session.attached(0.0)

        session.tick(1e6)

        assert session.state is State.OPEN
