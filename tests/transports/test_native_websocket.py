"""WebSockets of the native wire: RFC 6455 and the subprotocol, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import REPLY, hello
from tests.transports.native_talk import Echo, Talker, asks, push
from tests.transports.native_wires import NativeWebSocket, numbers
from tests.transports.wires import Server, WebSocketClient
from tests.wire_messages import isHello


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


class TestTheUpgrade:
    def test_is_answered_in_kind(self, server: Server) -> None:
        line = NativeWebSocket(server)

        assert line.head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nSec-WebSocket-Protocol: vortex.1" in line.head
        assert line.frames == []

    @pytest.mark.parametrize("offered", ["base64, vortex.1", "vortex.1, base64", "vortex.2,vortex.1"])
    def test_takes_the_native_wire_where_it_is_offered(self, server: Server, offered: str) -> None:
        line = server.webSocket(headers=f"Sec-WebSocket-Protocol: {offered}\r\n")

        assert b"\r\nSec-WebSocket-Protocol: vortex.1" in line.head
        line.frame(hello(), opcode=2)
        assert line.frames[0][0] == 2

    @pytest.mark.parametrize(("offered", "answered"), [("base64", True), (None, False)])
    def test_leaves_vortexpys_wire_to_who_offers_that(
        self, server: Server, offered: str | None, answered: bool
    ) -> None:
        line = server.webSocket(headers=f"Sec-WebSocket-Protocol: {offered}\r\n" if offered else "")

        assert (b"\r\nSec-WebSocket-Protocol: base64" in line.head) is answered
        assert isHello(line.messages[0])

    @pytest.mark.parametrize("offered", ["vortex.2", "vortex.10", "xvortex.1"])
    def test_refuses_what_it_does_not_speak(self, server: Server, offered: str) -> None:
        line = server.webSocket(headers=f"Sec-WebSocket-Protocol: {offered}\r\n")

        assert line.head.startswith(b"HTTP/1.1 400 ")

    def test_of_foreign_pages_is_refused(self, server: Server) -> None:
        line = NativeWebSocket(server, headers="Origin: https://elsewhere.example\r\n")

        assert line.head.startswith(b"HTTP/1.1 403 ")


class TestMessages:
    def test_hold_several_frames(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "websocket")

        talker.say(asks(1, "x") + asks(2, "y") + asks(3, "z"))

        assert echo.got == ["x", "y", "z"]
        answers = talker.line.frames[1:]
        assert len(answers) == 1
        assert [each.action for each in talker.line.having(REPLY)] == [1, 2, 3]

    def test_come_in_parts(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "websocket")
        whole = asks(1, "x") + asks(2, "y")

        talker.line.frame(whole[:10], opcode=2, fin=False)
        talker.line.frame(whole[10:40], opcode=0, fin=False)
        talker.line.frame(b"are you there", opcode=9)
        talker.line.frame(whole[40:], opcode=0)

        assert echo.got == ["x", "y"]
        assert (10, b"are you there") in talker.line.frames

    def test_are_acted_on_before_their_end_is_there(self, server: Server, echo: Echo) -> None:
        """They are not gathered: a message may be of any length, a frame of maxFrame."""
        talker = Talker(server, "websocket")

        talker.line.frame(asks(1, "x") + asks(2, "y"), opcode=2, fin=False)

        assert echo.got == ["x", "y"]

    def test_end_with_a_frame(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "websocket")

        talker.line.frame(asks(1, "x")[:-1], opcode=2)

        assert talker.line.closeCode == 1002
        assert not server.vortex.peers[0].isConnected

    def test_are_no_texts(self, server: Server, echo: Echo) -> None:
        talker = Talker(server, "websocket")

        talker.line.frame(asks(1, "x"), opcode=1)

        assert talker.line.closeCode == 1002
        assert echo.got == []
        assert talker.comesBack().welcome["outcome"] == "resumed"

    def test_of_the_server_are_written_at_once(self, server: Server) -> None:
        talker = Talker(server, "websocket")

        push(server, "a", "b")

        assert len(talker.line.frames) == 3

    def test_that_waited_are_written_together(self, server: Server) -> None:
        talker = Talker(server, "websocket")
        talker.line.stall()
        push(server, "a", "b", "c")
        assert len(talker.line.frames) == 1

        talker.line.stall(False)

        assert len(talker.line.frames) == 2
        assert numbers(talker.line.got) == [1, 2, 3]


class TestWhatIsNoWebSocket:
    @pytest.mark.parametrize("hasSession", [True, False])
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\x82\xff" + b"\xff" * 8 + bytes(4), id="a length over 2^63"),
            pytest.param(b"\x82\x01x", id="no mask"),
            pytest.param(b"\xc2\x81" + bytes(4) + b"x", id="an extension that was not agreed on"),
            pytest.param(b"\x89\xfe\x01\x00" + bytes(4), id="a ping over its bound"),
            pytest.param(b"\x83\x80" + bytes(4), id="an opcode that there is not"),
        ],
    )
    def test_is_told_in_our_words_too_and_the_session_goes_on(
        self, server: Server, data: bytes, hasSession: bool
    ) -> None:
        line: Any = Talker(server, "websocket").line if hasSession else NativeWebSocket(server)

        line.send(data)

        assert line.farewell is not None
        assert (line.farewell["code"], line.farewell["again"]) == ("protocol", hasSession)
        assert line.closeCode == 1002
        assert server.vortex.counters["malformed"] == 1
        assert [peer.isConnected for peer in server.vortex.peers] == [False] * hasSession


class TestCloses:
    def test_of_the_client_keep_the_session(self, server: Server) -> None:
        talker = Talker(server, "websocket")

        talker.line.frame(b"\x03\xe8", opcode=8)

        assert talker.line.closeCode == 1000
        talker.line.lose()
        (peer,) = server.vortex.peers
        assert (peer.isOnline, peer.isConnected) == (True, False)

    @pytest.mark.parametrize(
        ("end", "number"),
        [
            (lambda server: server.vortex.peers[0].close(), 1000),
            (lambda server: server.vortex.shutdown(), 1001),
        ],
    )
    def test_of_the_server_have_a_number(self, server: Server, end: Any, number: int) -> None:
        talker = Talker(server, "websocket")

        end(server)

        assert talker.line.closeCode == number

    def test_of_one_that_was_replaced_say_so(self, server: Server) -> None:
        old = Talker(server, "websocket")

        old.comesBack()

        assert old.line.closeCode == 4003

    def test_of_a_line_that_breaks_off_in_the_upgrade_leave_nothing(
        self, server: Server, clock: Clock
    ) -> None:
        line = WebSocketClient(server.site)
        line.send(b"GET /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n")
        line.lose()
        clock.advance(11)

        assert clock.getDelayedCalls() == []
        assert len(server.vortex.door.waiting) == 0
