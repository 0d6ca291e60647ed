"""POSTs of the native wire: what carries a session, and what each looks like to HTTP."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.native_frames import BEAT, DATA, WELCOME, ack, hello
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    PAD,
    PREAMBLE,
    NativePost,
    knock,
    numbers,
    resumeOf,
)
from tests.transports.wires import PostClient, Server
from tests.wire_messages import base64Envelope, isHello

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
