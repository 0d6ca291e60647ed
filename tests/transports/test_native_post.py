"""POSTs of the native wire: what carries a session, what only sends, and what each looks like to HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import ACK, BEAT, DATA, REPLY, WELCOME, ack, action, hello, message
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    PAD,
    PREAMBLE,
    NativePost,
    frame,
    knock,
    numbers,
    resumeOf,
    send,
)
from tests.transports.wires import PostClient, Server
from tests.wire_messages import base64Envelope, isHello
from vortex.limits import Limits

CARRIES = ("stream", "sse", "poll")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


def chunks(line: NativePost) -> list[bytes]:
    rest = line.received.split(b"\r\n\r\n", 1)[1]
    found = []
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        found.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return found


class TestAnswersThatCarry:
    @pytest.mark.parametrize(
        ("via", "contentType"),
        [
            ("stream", b"application/vnd.vortex"),
            ("sse", b"text/event-stream"),
            ("poll", b"application/vnd.vortex"),
        ],
    )
    def test_are_passed_on_at_once_and_kept_by_nobody(
        self, server: Server, via: str, contentType: bytes
    ) -> None:
        line = knock(via, server)

        assert line.status == 200
        assert b"\r\nContent-Type: " + contentType + b"\r\n" in line.head
        assert b"\r\nCache-Control: no-store, no-transform\r\n" in line.head
        assert b"\r\nX-Accel-Buffering: no\r\n" in line.head
        assert b"Content-Length" not in line.head

    @pytest.mark.parametrize("via", CARRIES)
    def test_have_no_request_behind_them(self, server: Server, echo: Echo, via: str) -> None:
        """One that was pipelined would wait for ever, and be answered in another's place."""
        body = PREAMBLE + hello(via=via)
        line = PostClient(server.site)
        request = b"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body

        line.send(request * 2)

        assert line.received.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in line.head + b"\r\n"
        assert len(server.vortex.peers) == 1
        server.vortex.peers[0].close()
        assert line.ended
        assert line.received.count(b"HTTP/1.1 ") == 1
        assert line.closed
        assert server.vortex.peers == ()

    def test_begin_with_the_welcome_and_what_proxies_want_to_have(self, server: Server) -> None:
        line = knock("stream", server)

        (first,) = chunks(line)
        assert [each.kind for each in line.got] == [WELCOME, PAD]
        assert len(first) > 2048

    def test_as_events_begin_so_too(self, server: Server) -> None:
        line = knock("sse", server)

        (first,) = chunks(line)
        assert first.startswith(b"id: 0\ndata: ")
        assert first.endswith(b"\n\n:" + b" " * 2048 + b"\n\n")

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_stay_open_with_a_message_a_chunk(self, server: Server, via: str) -> None:
        line = knock(via, server)

        push(server, "a", "b")

        assert len(chunks(line)) == 3
        assert numbers(line.got) == [1, 2]
        assert not line.ended

    def test_as_events_have_the_number_of_the_last_message_for_an_id(
        self, server: Server, clock: Clock
    ) -> None:
        first = Talker(server, "sse")
        push(server, "a", "b")
        first.line.lose()
        push(server, "c")

        second = first.comesBack(taken=1)
        push(server, "d")
        pass_(clock, 11)

        assert [number for number, _ in first.line.events] == [0, 1, 2]
        assert [number for number, _ in second.line.events] == [1, 3, 4, 4]
        assert second.line.got[-1].kind == BEAT

    def test_that_are_replaced_end_behind_a_whole_frame(self, server: Server) -> None:
        old = Talker(server, "stream")
        push(server, "a")
        old.line.stall()
        push(server, "b")

        new = old.comesBack(taken=0)

        assert old.line.ended
        assert [each.kind for each in old.line.got] == [WELCOME, PAD, DATA]
        assert numbers(new.line.got) == [1, 2]

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_that_nobody_takes_anything_of_are_given_up(self, server: Server, clock: Clock, via: str) -> None:
        line = knock(via, server)
        push(server, "a")

        pass_(clock, 41)

        assert line.isOver
        assert not server.vortex.peers[0].isConnected

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_that_are_not_read_are_given_up(self, server: Server, clock: Clock, via: str) -> None:
        talker = Talker(server, via)
        talker.line.stall()
        push(server, "a")

        pass_(clock, 21)

        assert talker.line.isOver
        assert server.vortex.counters["slow"] == 1
        assert numbers(talker.comesBack().line.got) == [1]


class TestPolls:
    def test_end_after_the_first_messages(self, server: Server, clock: Clock) -> None:
        talker = Talker(server, "poll")
        assert not talker.line.ended

        push(server, "a", "b")
        clock.advance(0)

        assert talker.line.ended
        assert numbers(talker.line.got) == [1, 2]

    def test_end_at_once_where_something_waits(self, server: Server, clock: Clock) -> None:
        first = Talker(server, "poll")
        push(server, "a", "b")
        clock.advance(0)

        second = first.comesBack(taken=1)
        clock.advance(0)

        assert second.line.ended
        assert numbers(second.line.got) == [2]

    def test_acknowledge_by_the_next(self, server: Server, clock: Clock) -> None:
        first = Talker(server, "poll")
        push(server, "a")
        clock.advance(0)
        held = server.vortex.door.kept.bytes

        first.comesBack(taken=1).line.lose()

        assert held > 0
        assert server.vortex.door.kept.bytes == 0

    @pytest.mark.parametrize("wait", [0, 3, 25])
    def test_end_when_the_client_wants_to_wait_no_more(self, server: Server, clock: Clock, wait: int) -> None:
        talker = Talker(server, "poll", wait=wait)

        pass_(clock, wait - 1)
        assert not talker.line.ended
        clock.advance(1)
        clock.advance(0.2)

        assert talker.line.ended
        assert numbers(talker.line.got) == []
        assert len(server.vortex.peers) == 1

    @pytest.mark.parametrize("wait", [-1, 26, True, "5", None])
    def test_wait_for_a_time_that_there_is(self, server: Server, wait: Any) -> None:
        assert NativePost(server, hello(via="poll", wait=wait)).status == 400

    def test_one_after_another_are_no_news(self, server: Server, clock: Clock) -> None:
        told: list[object] = []
        server.vortex.onSessionEvent(lambda event, peer: told.append(event))
        talker = Talker(server, "poll", wait=5)
        for _ in range(30):
            pass_(clock, 6)
            talker = talker.comesBack(wait=5)

        assert told == []
        assert len(server.vortex.peers) == 1

    def test_that_are_lost_leave_no_timer(self, server: Server, clock: Clock) -> None:
        talker = Talker(server, "poll")
        talker.line.lose()
        server.vortex.peers[0].close()
        clock.advance(0)

        assert clock.getDelayedCalls() == []


class TestSends:
    def post(self, talker: Talker, frames: bytes) -> NativePost:
        return NativePost(talker.server, send(talker.welcome["session"], talker.welcome["token"]) + frames)

    @pytest.mark.parametrize("via", CARRIES)
    def test_are_answered_at_once_by_how_far_it_has_got(self, server: Server, echo: Echo, via: str) -> None:
        talker = Talker(server, via)

        answer = self.post(talker, asks(1, "x") + asks(2, "y"))

        assert answer.status == 200
        assert b"Content-Type: application/vnd.vortex\r\n" in answer.head
        assert b"Cache-Control: no-store, no-transform\r\n" in answer.head
        assert answer.body == b"\x03\x11\x02\x00"
        assert echo.got == ["x", "y"]

    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_leave_open_what_is_held(self, server: Server, echo: Echo, via: str) -> None:
        talker = Talker(server, via)

        for number in range(1, 20):
            self.post(talker, asks(number, "x"))

        assert not talker.line.ended
        assert numbers(talker.line.got) == list(range(1, 20))

    def test_share_a_connection(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "stream")
        line = PostClient(server.site)
        for number in (1, 2):
            body = PREAMBLE + send(talker.welcome["session"], talker.welcome["token"]) + asks(number, "x")
            line.send(
                b"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )

        assert line.received.count(b"HTTP/1.1 200 OK") == 2
        assert not line.closed

    def test_that_overtake_each_other_wait_for_nothing_and_break_nothing(
        self, server: Server, echo: Echo
    ) -> None:
        talker = Talker(server, "stream")

        early = self.post(talker, asks(2, "y"))
        late = self.post(talker, asks(1, "x") + asks(2, "y"))

        assert [each.number for each in early.got] == [0]
        assert [each.number for each in late.got] == [2]
        assert echo.got == ["x", "y"]
        assert not talker.line.ended

    def test_acknowledge_what_the_answer_has_brought(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(replayFrames=1))
        talker = Talker(server, "stream")
        push(server, "a", "b")
        assert numbers(talker.line.got) == [1]

        self.post(talker, ack(1))

        assert numbers(talker.line.got) == [1, 2]

    def test_of_a_session_that_nothing_carries_are_taken(
        self, server: Server, echo: Echo, clock: Clock
    ) -> None:
        talker = Talker(server, "stream")
        talker.line.lose()

        assert self.post(talker, asks(1, "x")).status == 200

        assert echo.got == ["x"]
        assert [each.action for each in talker.comesBack().line.having(REPLY)] == [1]

    def test_of_one_that_a_websocket_carries_are_taken(self, server: Server, echo: Echo) -> None:
        """It was on its way while the client changed over."""
        talker = Talker(server, "websocket")

        assert self.post(talker, asks(1, "x")).status == 200

        assert [each.action for each in talker.line.having(REPLY)] == [1]
        assert not talker.line.isOver

    def test_are_refused_when_the_session_is_over(self, server: Server) -> None:
        talker = Talker(server, "stream")
        server.vortex.peers[0].close()

        answer = self.post(talker, asks(1, "x"))

        assert answer.status == 410
        assert b"Cache-Control: no-store" in answer.head

    @pytest.mark.parametrize("frames", [b"\x05\x13\x01", b"\x00", frame(0x13)])
    def test_are_whole_frames(self, server: Server, echo: Echo, frames: bytes) -> None:
        talker = Talker(server, "stream")

        answer = self.post(talker, asks(1, "x") + frames)

        assert answer.status == 400
        assert echo.got == []
        assert not talker.line.isOver

    def test_may_have_so_many(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxBodyFrames=5))
        talker = Talker(server, "stream")

        assert self.post(talker, ack(0) * 5).status == 413

    def test_may_not_be_longer(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxFrame=1000))
        talker = Talker(server, "stream")

        assert self.post(talker, action(1, 1, message({"key": "x" * 1000}))).status == 413
        assert self.post(talker, ack(0)).having(ACK) != []

    @pytest.mark.parametrize("said", [b"{}", b"[]", b'{"session":5,"token":"x"}', b"x" * 20_000])
    def test_say_whose_they_are(self, server: Server, said: bytes) -> None:
        assert NativePost(server, frame(0x04, said) + asks(1, "x")).status == 400


class TestRequests:
    @pytest.mark.parametrize("body", [b"", b"\x00", asks(1, "x"), ack(0), hello(via="other"), b"\x80" * 9])
    def test_that_are_nothing_of_the_kind_are_refused(self, server: Server, body: bytes) -> None:
        assert NativePost(server, body).status == 400
        assert server.vortex.peers == ()
        assert server.vortex.counters["malformed"] == 1

    @pytest.mark.parametrize("via", CARRIES)
    def test_of_foreign_pages_are_refused(self, server: Server, via: str) -> None:
        line = knock(via, server, headers="Origin: https://elsewhere.example\r\n")

        assert line.status == 403
        assert server.vortex.peers == ()

    @pytest.mark.parametrize("via", CARRIES)
    def test_of_allowed_pages_are_answered_for_them(self, clock: Clock, via: str) -> None:
        server = Server(clock, allowedOrigins=["https://board.example"])

        line = knock(via, server, headers="Origin: https://board.example\r\n")

        assert line.status == 200
        assert b"Access-Control-Allow-Origin: https://board.example\r\n" in line.head + b"\r\n"
        assert b"Access-Control-Allow-Credentials: true\r\n" in line.head + b"\r\n"

    def test_from_another_machine_are_refused(self, server: Server) -> None:
        assert knock("stream", server, address="192.0.2.7").status == 403

    def test_of_vortexpy_are_answered_beside_them(self, server: Server) -> None:
        knock("stream", server)

        other = server.post(base64Envelope({}) + b".")

        assert isHello(other.messages[0])
        assert len(server.vortex.peers) == 2

    def test_with_a_large_body_are_taken_apart_in_pieces(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "stream")

        talker.say(b"".join(asks(number, "x" * 1000) for number in range(1, 301)))

        assert len(echo.got) == 300

    def test_that_resume_nothing_need_no_identity_in_the_url(self, server: Server) -> None:
        resume = resumeOf({"session": "0" * 32, "token": "x" * 43, "epoch": "e"})

        assert knock("stream", server, resume=resume).welcome["outcome"] == "reset"
