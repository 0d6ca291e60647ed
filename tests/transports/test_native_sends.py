"""POSTs of the native wire that end soon: what only sends, and what polls."""

from __future__ import annotations

from base64 import b64encode
from random import Random
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from twisted.web.server import Site

from tests.native_frames import ACK, REPLY, ack, action, hello, message
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    PREAMBLE,
    NativePost,
    frame,
    numbers,
    send,
)
from tests.transports.wires import PostClient, Server
from vortex.limits import Limits
from vortex.transports.http_site import VortexSite

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


class TestSendsThatTakeLong:
    """The session goes on meanwhile, and with each poll there is another token."""

    def begin(self, talker: Talker, frames: bytes) -> tuple[PostClient, bytes]:
        """All of a SEND but its last ten bytes; and those."""
        body = PREAMBLE + send(talker.welcome["session"], talker.welcome["token"]) + frames
        client = PostClient(talker.server.site)
        head = f"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body[:-10])
        return client, body[-10:]

    def polls(self, talker: Talker, clock: Clock, seconds: int) -> Talker:
        for _ in range(seconds):
            pass_(clock, 1)
            talker.line.lose()
            talker = talker.comesBack()
        return talker

    def test_are_taken_by_the_token_of_their_beginning(
        self, server: Server, clock: Clock, echo: Echo
    ) -> None:
        clock.advance(1000)
        first = self.polls(Talker(server, "poll"), clock, 3)
        large = b64encode(Random(1).randbytes(60_000)).decode()
        sending, rest = self.begin(first, asks(1, large))

        self.polls(first, clock, 40)
        sending.send(rest)

        assert sending.status == 200
        assert echo.got == [large]

    def test_are_not_by_one_that_was_over_then(self, server: Server, clock: Clock, echo: Echo) -> None:
        clock.advance(1000)
        first = Talker(server, "poll")
        self.polls(first, clock, 3)

        sending, rest = self.begin(first, asks(1, "x"))
        sending.send(rest)

        assert sending.status == 410
        assert echo.got == []

    def test_are_not_at_a_site_that_does_not_know_when_they_began(self, clock: Clock) -> None:
        """twisted.web's own tells nobody of a request before it is whole."""
        server = Server(clock)
        server.site = cast(VortexSite, Site(server.site.resource, reactor=clock))
        first = Talker(server, "poll")
        sending, rest = self.begin(first, asks(1, "x"))

        self.polls(first, clock, 40)
        sending.send(rest)

        assert sending.status == 410
