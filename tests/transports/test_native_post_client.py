"""Native POSTs that we make: what each bears, what comes of its answer, and that none of it is lost."""

from __future__ import annotations

import base64
import json
import re
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

from tests.protocol import native_wire as wire
from tests.transports.servers_by_hand import Line, Scene, chunk, nothingLogged, response
from vortex import AccessDenied, ConnectionLost, DecodeError, NotConnected, Payload
from vortex.protocol.events import Reset, Resumed
from vortex.testing import RecordingEndpoint
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher, NotNative
from vortex.transports.native_post_client import dialNativePost
from vortex.transports.post_ways import PostWays, Via

__all__ = ["nothingLogged"]

URL = "http://host:81/vortex"
NATIVE = "Content-Type: application/vnd.vortex\r\n"
EVENTS = "Content-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
PREAMBLE = b"\x00VX1"
EMPTY = re.compile(rb'\x01.\{"d":\d+\}\Z', re.DOTALL)
"""A message without anything in it, which nobody answers."""


def pushed(number: int) -> bytes:
    """A DATA for an endpoint on ``{"key": "x"}``."""
    return bytes([wire.DATA]) + wire.leb(number) + b'\x01\x13{"f": {"key": "x"}}'


class Middle(Random):
    """Draws what is in the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Posts(Scene):
    """
    A node, a server by hand, and the session that is to be carried.

    Attributes:
        events: What its line has told.
    """

    def __init__(self, via: Via | None = "stream", *, mayReset: bool = True, **limits: Any) -> None:
        def dial(scene: Scene, watcher: LinkWatcher) -> Dialled:
            return dialNativePost(
                scene.vortex,
                URL,
                lambda _: scene.network.clientEndpoint("server"),
                watcher,
                line=self.clientLine,
                headers={"Authorization": "Bearer t"},
                cookies={},
                ways=PostWays(via),
                mayReset=mayReset,
                random=Middle(),
            )

        super().__init__(dial, **limits)
        self.events: list[Any] = []
        self.clientLine = ClientLine(
            self.vortex,
            onSession=self.events.append,
            onClosed=lambda code, reason: self.events.append((code, reason)),
        )

    def hold(self, *frames: bytes, headers: str = NATIVE) -> Line:
        """Begin the newest request's answer, and hold it."""
        line = self.line
        line.say(response(200, headers=headers + CHUNKED))
        self.push(line, *frames)
        return line

    def push(self, line: Line, *frames: bytes) -> None:
        if frames:
            line.say(chunk(wire.framed(*frames)))
        self.settle()

    def answer(self, *frames: bytes, line: Line | None = None) -> None:
        """Answer the newest request, or that of *line*, and be done with it."""
        body = wire.framed(*frames)
        (line or self.line).say(response(200, body, f"{NATIVE}Content-Length: {len(body)}\r\n"))
        self.settle()


def opened(via: Via = "stream") -> tuple[Posts, Line]:
    """A session that is held, whose WELCOME was acknowledged; and what holds it."""
    scene = Posts(via)
    scene.dial()
    held = scene.hold(wire.welcome())
    assert actionsIn(scene.line) == []
    scene.answer(wire.ack(0))
    return scene, held


def framesIn(line: Line) -> list[wire.Frame]:
    assert line.body.startswith(PREAMBLE)
    return wire.framesIn(line.body[len(PREAMBLE) :])


def actionsIn(line: Line) -> list[str]:
    """The labels of the actions in a POST that only sends."""
    (kind, said), *frames = framesIn(line)
    assert kind == wire.SEND
    assert said == {"session": "s", "token": "t"}
    return [frame[4] for frame in frames if frame[0] == wire.ACTION]


def failureOf(asked: Deferred[Payload]) -> Exception:
    """What it has failed with."""
    failures: list[Failure] = []
    asked.addErrback(failures.append)
    return failures[0].value  # type: ignore[return-value]


def say(scene: Posts, *labels: str) -> None:
    for label in labels:
        scene.peer.send(Payload({"is": label}))
    scene.settle()


@pytest.mark.usefixtures("nothingLogged")
class TestWhatIsHeld:
    @pytest.mark.parametrize(
        ("via", "accept", "more"),
        [
            ("stream", "application/vnd.vortex", {}),
            ("sse", "text/event-stream", {}),
            ("poll", "application/vnd.vortex", {"wait": 0}),
        ],
    )
    def test_is_asked_for_by_a_hello(self, via: Via, accept: str, more: dict[str, Any]) -> None:
        scene = Posts(via)

        scene.dial()

        assert scene.line.requestLine.startswith("POST /vortex?")
        assert scene.line.headers["content-type"] == "application/vnd.vortex"
        assert scene.line.headers["accept"] == accept
        assert scene.line.headers["authorization"] == "Bearer t"
        ((kind, said),) = framesIn(scene.line)
        assert kind == wire.HELLO
        assert said == {"wire": 1, "uuid": "uuid-a", "name": "a b", "epoch": 1, "next": 1, "via": via} | more

    def test_is_read_as_it_comes(self) -> None:
        scene, held = opened()
        heard = RecordingEndpoint({"key": "x"}, scene.vortex)

        scene.push(held, bytes([wire.PAD]) + bytes(2048), pushed(1))
        frame = wire.framed(pushed(2))
        for at in range(len(frame)):
            held.say(chunk(frame[at : at + 1]))
            scene.settle()

        assert len(heard.payloads) == 2
        assert scene.peer.transport == "post"

    def test_may_be_events(self) -> None:
        scene = Posts("sse")
        scene.dial()
        heard = RecordingEndpoint({"key": "x"}, scene.vortex)

        scene.line.say(response(200, headers=EVENTS + CHUNKED))
        for number, frame in enumerate((wire.welcome(), pushed(1))):
            event = b"id: %d\ndata: %b\n\n" % (number, base64.b64encode(wire.framed(frame)))
            scene.lines[0].say(chunk(event))
        scene.settle()

        assert len(heard.payloads) == 1
        assert scene.peer.transport == "sse"

    def test_is_asked_for_again_by_a_poll_that_names_what_was_taken(self) -> None:
        scene = Posts("poll")
        scene.dial()
        heard = RecordingEndpoint({"key": "x"}, scene.vortex)
        scene.answer(wire.welcome())
        ((_, first),) = framesIn(scene.line)

        resumed = wire.welcome(outcome="resumed", gen=2, token="t2", n=1, client=None)
        scene.answer(resumed, pushed(1))
        ((_, second),) = framesIn(scene.line)

        assert (first["wait"], first["resume"]["n"], first["resume"]["token"]) == (25, 0, "t")
        assert (second["wait"], second["resume"]["n"], second["resume"]["token"]) == (25, 1, "t2")
        assert len(heard.payloads) == 1
        assert scene.events == []  # the next of many requests is no news
        assert scene.watcher.errors == []

    def test_that_does_not_know_the_session_begins_another(self) -> None:
        scene = Posts("poll")
        scene.dial()
        scene.answer(wire.welcome())

        scene.answer(wire.welcome(outcome="reset", reason="epoch", session="s2", client=None))

        assert scene.events == [Reset("epoch", "S", "server")]

    def test_that_is_silent_for_too_long_is_given_up(self) -> None:
        scene, _ = opened()

        scene.advance(15.2)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing came for 15 s")
        assert scene.peer.isOnline
        assert not scene.peer.isConnected

    def test_that_is_a_poll_and_never_ends_is_given_up(self) -> None:
        """A line that was cut without a word: what was answered by it is asked for again."""
        scene = Posts("poll")
        scene.dial()
        scene.answer(wire.welcome())
        held = scene.hold(wire.welcome(outcome="resumed", gen=2, token="t2", client=None))
        asked = scene.peer.request(Payload({"is": "one"}), timeout=None)
        scene.settle()
        scene.answer(wire.ack(1))

        scene.advance(40.2)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing came for 40 s")
        assert held.lost is not None
        assert scene.peer.isOnline
        assert not asked.called

    def test_that_is_broken_is_given_up(self, nothingLogged: list[LogEvent]) -> None:
        scene, held = opened()

        held.say(chunk(b"\x01\x7f"))
        scene.settle()

        error, text = scene.watcher.ended
        assert error is ConnectionLost
        assert "expected a frame of a kind that there is here, got 0x7f" in text
        nothingLogged.clear()

    def test_may_bring_an_answer_that_cannot_be_read(self, nothingLogged: list[LogEvent]) -> None:
        scene, held = opened()
        asked = scene.peer.request(Payload({"is": "one"}), timeout=None)
        scene.settle()

        scene.push(held, bytes([wire.REPLY, 1, 1]) + b'\x01\x0b{"f": nope}')

        error = failureOf(asked)
        assert isinstance(error, DecodeError)
        assert scene.watcher.errors == []
        (logged,) = nothingLogged
        assert "sent what is no message" in formatEvent(logged)
        nothingLogged.clear()

    def test_is_let_go_of_when_the_session_is_closed(self) -> None:
        scene, held = opened()

        scene.dialled.close("enough")
        scene.settle()
        frames = framesIn(scene.line)
        scene.answer()

        assert frames[1][0] == wire.CLOSE
        assert held.lost is not None
        assert [type(error) for error in scene.watcher.errors] == [ConnectionLost]
        assert scene.isEmpty

    @pytest.mark.parametrize(
        ("status", "error"),
        [(401, AccessDenied), (403, AccessDenied), (404, NotConnected), (503, NotConnected)],
    )
    def test_may_be_refused(self, status: int, error: type[Exception]) -> None:
        scene = Posts()
        scene.dial()

        scene.line.say(response(status, b"not now\n"))
        scene.settle()

        kind, text = scene.watcher.ended
        assert issubclass(kind, error)
        assert "not now" in text
        assert not issubclass(kind, NotNative)

    def test_may_be_refused_by_a_close(self) -> None:
        scene = Posts()
        scene.dial()

        scene.hold(wire.close("refused", again=False, reason="access-denied: not you"))

        assert scene.watcher.ended == (AccessDenied, f"{URL}: not you")
        assert scene.events == [("refused", "access-denied: not you")]


@pytest.mark.usefixtures("nothingLogged")
class TestWhatIsSent:
    def test_goes_by_a_short_post_that_shows_the_token(self) -> None:
        scene, held = opened()

        say(scene, "one", "two")

        assert scene.line is not held
        assert scene.line.headers["authorization"] == "Bearer t"
        assert actionsIn(scene.line) == ["one", "two"]

    def test_waits_for_the_answer_to_what_went_before(self) -> None:
        scene, _ = opened()
        say(scene, "one")
        first, count = scene.line, len(scene.lines)

        say(scene, "two", "three")
        assert len(scene.lines) == count
        scene.answer(wire.ack(1), line=first)

        assert actionsIn(scene.line) == ["two", "three"]

    def test_goes_again_when_nobody_has_answered(self) -> None:
        scene, _ = opened()
        say(scene, "one")

        scene.connection.cut()
        say(scene, "two")
        scene.advance(0.2)

        assert actionsIn(scene.line) == ["one"]
        scene.answer(wire.ack(1))
        assert actionsIn(scene.line) == ["two"]
        assert scene.watcher.errors == []

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_goes_again_when_the_answer_is_not_now(self, status: int) -> None:
        scene, _ = opened()
        say(scene, "one")

        for _ in range(3):
            scene.line.say(response(status, b"later\n", "Content-Length: 6\r\n"))
            scene.settle()
            scene.advance(1.1)
            assert actionsIn(scene.line) == ["one"]

        assert scene.watcher.errors == []

    def test_goes_once_however_late_the_end_of_a_refusal_comes(self) -> None:
        scene, _ = opened()
        say(scene, "one")
        refused = scene.line
        refused.say(response(503, b"later\n", "Content-Length: 20\r\n"))
        scene.settle()
        scene.advance(0.2)
        second, count = scene.line, len(scene.lines)
        assert actionsIn(second) == ["one"]

        refused.hangUp()
        scene.settle()
        say(scene, "two")
        scene.advance(1)

        assert len(scene.lines) == count
        scene.answer(wire.ack(1), line=second)
        assert actionsIn(scene.line) == ["two"]
        assert len(scene.lines) == count + 1

    def test_goes_in_parts_where_a_proxy_refuses_its_length(self) -> None:
        scene, _ = opened()
        say(scene, "begins")
        say(scene, *"abcd")
        scene.answer(wire.ack(1))
        assert actionsIn(scene.line) == list("abcd")

        scene.line.say(response(413, b"too large\n"))
        scene.advance(0.2)

        assert 0 < len(actionsIn(scene.line)) < 4
        scene.answer(wire.ack(3))
        assert scene.watcher.errors == []

    def test_that_a_proxy_refuses_for_its_length_fails_and_nothing_else_does(
        self, nothingLogged: list[LogEvent]
    ) -> None:
        scene, _ = opened()
        large = Random(1).randbytes(5_000).hex()
        asked = scene.peer.request(Payload({"key": "k", "is": "one"}, [large]))
        scene.settle()
        size = len(scene.line.body)

        scene.line.say(response(413, b"too large\n"))
        scene.advance(0.2)

        failure: Any = failureOf(asked)
        assert failure.code == "limit-exceeded"
        assert f"{URL}: a proxy refused a request of {size} bytes (HTTP status 413)" in str(failure)
        assert "client_max_body_size" in str(failure)
        _send, (kind, number, action, _deadline, *_), *rest = framesIn(scene.line)
        assert (kind, number, action, rest) == (wire.ACTION, 1, 1, [])
        assert EMPTY.search(scene.line.body)
        scene.answer(wire.ack(1))
        say(scene, "two")
        assert [frame[1:3] for frame in framesIn(scene.line) if frame[0] == wire.ACTION] == [(2, 2)]
        assert scene.watcher.errors == []
        assert ["a proxy refused" in formatEvent(each) for each in nothingLogged] == [True]
        nothingLogged.clear()

    @pytest.mark.parametrize("status", [413, 503, 410, 500])
    def test_may_be_being_refused_when_all_ends(self, status: int) -> None:
        scene, held = opened()
        say(scene, "one")
        scene.line.say(response(status, b"too", "Content-Length: 20\r\n"))
        scene.settle()

        scene.push(held, wire.close("normal", again=False))
        scene.advance(5)

        assert scene.events == [("normal", "for a test")]
        assert scene.isEmpty

    def test_that_cannot_pass_even_when_it_is_empty_ends_the_link(
        self, nothingLogged: list[LogEvent]
    ) -> None:
        scene, _ = opened()
        say(scene, "one")

        for _ in range(2):
            scene.line.say(response(413, b"too large\n"))
            scene.advance(0.2)

        error, text = scene.watcher.ended
        assert error is NotConnected
        assert "413: too large" in text
        nothingLogged.clear()

    def test_that_cannot_pass_is_empty_in_the_next_session_as_well(
        self, nothingLogged: list[LogEvent]
    ) -> None:
        scene = Posts("poll")
        scene.dial()
        scene.answer(wire.welcome())
        poll = scene.line
        say(scene, Random(1).randbytes(5_000).hex())
        scene.line.say(response(413, b"too large\n"))
        scene.settle()

        reset = wire.welcome(outcome="reset", reason="epoch", session="s2", token="t2", client=None)
        scene.answer(reset, line=poll)
        scene.advance(0.2)

        (kind, said), *frames = framesIn(scene.line)
        assert (kind, said["session"]) == (wire.SEND, "s2")
        assert [frame[:3] for frame in frames if frame[0] == wire.ACTION] == [(wire.ACTION, 1, 1)]
        assert EMPTY.search(scene.line.body)
        nothingLogged.clear()

    def test_goes_again_after_longer_and_longer_waits(self) -> None:
        scene, _ = opened()
        say(scene, "one")
        waits: list[float] = []

        for _ in range(4):
            before, count = scene.clock.seconds(), len(scene.lines)
            scene.connection.cut()
            while len(scene.lines) == count:
                scene.advance(0.0625)
            waits.append(scene.clock.seconds() - before)

        assert waits == pytest.approx([0.125, 0.25, 0.5, 1], abs=0.07)

    def test_that_nobody_answers_goes_again_after_a_while(self) -> None:
        scene, held = opened()
        say(scene, "one")
        count = len(scene.lines)

        for _ in range(3):
            scene.push(held, wire.beat(0))
            scene.advance(4)

        assert len(scene.lines) == count + 1
        assert actionsIn(scene.line) == ["one"]
        assert scene.watcher.errors == []

    def test_that_is_never_taken_ends_the_link_and_not_the_session(self) -> None:
        scene, held = opened()
        say(scene, "one")
        scene.stopListening()
        scene.connection.cut()

        for _ in range(8):
            scene.push(held, wire.beat(0))
            scene.advance(4)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing was acknowledged for 30 s")
        assert scene.peer.isOnline

    def test_to_a_server_that_does_not_know_the_session_ends_the_link(self) -> None:
        scene, _ = opened()
        say(scene, "one")

        scene.line.say(response(410, b"gone\n"))
        scene.settle()

        assert scene.watcher.ended == (
            ConnectionLost,
            f"{URL}: the server does not know the session any more",
        )
        assert scene.peer.isOnline

    def test_that_may_not_be_sent_ends_the_link_with_the_reason(self) -> None:
        scene, _ = opened()
        say(scene, "one")

        scene.line.say(response(401, b"the token has expired\n"))
        scene.settle()

        kind, text = scene.watcher.ended
        assert issubclass(kind, AccessDenied)
        assert "the token has expired" in text

    def test_is_held_back_while_much_waits(self) -> None:
        scene, _ = opened()
        say(scene, "one")
        for number in range(5):
            scene.peer.send(Payload({"is": Random(number).randbytes(50_000).hex()}))
        scene.settle()

        drained = scene.peer.whenDrained()
        assert not drained.called
        assert scene.clientLine.driver.queued == 2, "the others wait for the next POST"
        scene.answer(wire.ack(1))

        assert drained.called

    def test_begins_anew_with_a_new_session(self) -> None:
        scene = Posts("poll")
        scene.dial()
        scene.answer(wire.welcome())
        poll = scene.line
        say(scene, "one")
        send = scene.line
        assert send is not poll

        reset = wire.welcome(outcome="reset", reason="epoch", session="s2", token="t2", client=None)
        scene.answer(reset, line=poll)
        scene.answer(wire.ack(7), line=send)  # of the session that there was

        (kind, said), *frames = framesIn(scene.line)
        assert (kind, said) == (wire.SEND, {"session": "s2", "token": "t2"})
        assert [frame[:3] for frame in frames if frame[0] == wire.ACTION] == [(wire.ACTION, 1, 1)]
        assert scene.watcher.errors == []
        assert scene.peer.isConnected


@pytest.mark.usefixtures("nothingLogged")
class TestACandidate:
    """A link to which a session is to be moved, that another carries still."""

    def carried(self, **more: Any) -> tuple[Posts, Line]:
        """By a first link, of the same line."""
        scene, held = opened()
        return scene, held

    def test_takes_over_with_its_welcome(self) -> None:
        scene, held = opened()

        scene.dial()
        candidate = scene.line
        scene.push(held, wire.data(1))
        scene.advance(2)
        assert not any(frame[:2] == (wire.ACK, 1) for line in scene.lines for frame in framesIn(line))
        scene.hold(wire.welcome(outcome="resumed", gen=2, token="t2", n=1, client=None))

        assert held.lost is not None
        assert candidate.lost is None
        ((_, said),) = framesIn(candidate)
        assert said["resume"]["n"] == 0
        (kind, sent), *acknowledged = framesIn(scene.line)
        assert (kind, sent["token"]) == (wire.SEND, "t2")
        assert acknowledged == [(wire.ACK, 1, 0)]

    def test_that_comes_to_nothing_has_what_came_meanwhile_acknowledged_at_once(self) -> None:
        """The server may have nothing more to say until it is: no frame of its own would bring that about."""
        scene, held = opened()
        scene.dial()
        candidate = scene.line
        scene.push(held, wire.data(1))
        scene.advance(2)

        candidate.say(response(503, b"not now\n"))
        scene.settle()

        assert framesIn(scene.line)[1:] == [(wire.ACK, 1, 0)]

    def test_of_an_older_connection_is_not_believed(self) -> None:
        scene, held = opened()

        scene.dial()
        scene.hold(wire.welcome(outcome="resumed", gen=1, client=None))

        assert scene.watcher.ended == (NotConnected, f"{URL}: a newer connection carries the session")
        assert held.lost is None

    def test_that_another_displaces_before_anything_carries_the_session_ends(self) -> None:
        """Or nobody would try again, where nothing comes of the other either."""
        scene = Posts()
        scene.dial()
        first = scene.line

        scene.dial()

        assert first.lost is not None
        assert scene.watcher.ended == (
            NotConnected,
            f"{URL}: another connection is to carry the session",
        )
        scene.hold(wire.welcome())
        assert scene.peer.isConnected

    def test_that_resumes_is_told(self) -> None:
        scene, held = opened()
        held.hangUp()
        scene.settle()
        scene.advance(2)

        scene.dial()
        scene.hold(wire.welcome(outcome="resumed", gen=2, client=None))

        assert scene.events == [Resumed(0, 2.0)]


def test_a_send_names_the_session() -> None:
    scene, _ = opened()
    say(scene, "one")

    body = scene.line.body
    length = body[4]
    assert body[5] == wire.SEND
    assert json.loads(body[6 : 5 + length]) == {"session": "s", "token": "t"}
