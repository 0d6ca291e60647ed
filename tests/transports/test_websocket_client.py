"""WebSockets that we make: the handshake, what goes over them, and every way in which they end."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, cast

import pytest
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import LogEvent

from tests.transports.servers_by_hand import (
    Line,
    Scene,
    bringAbout,
    nothingLogged,
    response,
    serverFrame,
    unhandled,
)
from tests.wire_messages import base64Envelope, decode, envelope, isHello
from vortex import (
    AccessDenied,
    ConnectionLost,
    ConnectionRefused,
    NotConnected,
    Payload,
    Unauthenticated,
    VortexError,
)
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.websocket_wires import dialWebSocket

__all__ = ["nothingLogged"]

URL = "ws://host:81/vortex"
INCOMPRESSIBLE = Random(1).randbytes(30_000).hex()
HELLO = {"__vortexUuid__": "uuid-s", "__vortexName__": "s"}


def sceneOf(url: str = URL, headers: Mapping[str, str] | None = None, **limits: Any) -> Scene:
    def dial(scene: Scene, watcher: LinkWatcher) -> Dialled:
        endpoint = scene.network.clientEndpoint("server")
        return dialWebSocket(scene.vortex, url, endpoint, watcher, headers=headers or {})

    return Scene(dial, **limits)


def opened(scene: Scene, hello: bytes | None = None) -> Line:
    """Dial, and be a server that says who it is."""
    scene.dial()
    scene.line.upgrade()
    scene.line.say(serverFrame(hello or envelope(HELLO)))
    scene.settle()
    assert [peer.uuid for peer in scene.watcher.opened] == ["uuid-s"]
    return scene.line


@pytest.mark.usefixtures("nothingLogged")
class TestHandshake:
    def test_says_who_we_are_and_keeps_the_url(self) -> None:
        scene = sceneOf("ws://host:81/a%20b?room=7#part", {"Authorization": "Bearer t", "User-Agent": "me"})

        scene.dial()

        line = scene.line
        assert line.requestLine == "GET /a%20b?room=7&vortexUuid=uuid-a&vortexName=a+b HTTP/1.1"
        assert line.query == [("room", "7"), ("vortexUuid", "uuid-a"), ("vortexName", "a b")]
        assert line.headers["host"] == "host:81"
        assert line.headers["upgrade"] == "WebSocket"
        assert line.headers["sec-websocket-version"] == "13"
        assert line.headers["authorization"] == "Bearer t"
        assert line.headers["user-agent"] == "me"
        assert "sec-websocket-protocol" not in line.headers
        assert "origin" not in line.headers

    @pytest.mark.parametrize(
        ("url", "host", "line"),
        [
            ("ws://[::1]:81/vortex", "[::1]:81", "GET /vortex?"),
            ("ws://host", "host:80", "GET /?"),
            ("wss://host/vortex", "host:443", "GET /vortex?"),
            ("ws://h\xf6st/vort\xe9x", "xn--hst-sna:80", "GET /vort%C3%A9x?"),
        ],
    )
    def test_names_the_host_as_http_has_it(self, url: str, host: str, line: str) -> None:
        scene = sceneOf(url)

        scene.dial()

        assert scene.line.headers["host"] == host
        assert scene.line.headers["user-agent"] == "txvortex"
        assert scene.line.requestLine.startswith(line)

    def test_a_header_cannot_begin_another(self) -> None:
        scene = sceneOf(headers={"X-Token": "a\r\nX-Admin: yes"})

        scene.dial()

        assert scene.line.headers["x-token"] == "a X-Admin: yes"
        assert "x-admin" not in scene.line.headers

    ANSWERS = (
        (response(401, b"who are you?\nthis is not told"), Unauthenticated, "who are you?"),
        (response(403, b"\r\n not for you \nmore"), AccessDenied, "not for you"),
        (
            response(403, b"not you", "Content-Length: 7\r\n"),
            AccessDenied,
            "not you",
        ),
        (
            response(503, b"1a\r\nthis vortex is full of them\n", "Transfer-Encoding: chunked\r\n"),
            NotConnected,
            "expected a vortex, got HTTP status 503: this vortex is full of them",
        ),
        (
            response(500, b"", "Content-Length: 0\r\n", phrase="Went Wrong"),
            NotConnected,
            "expected a vortex, got HTTP status 500: Went Wrong",
        ),
        (
            response(500, b"x" * 2000),
            NotConnected,
            "expected a vortex, got HTTP status 500: " + "x" * 300,
        ),
        (
            response(502, b"a\x1b[31mb\n"),
            NotConnected,
            "expected a vortex, got HTTP status 502: a\N{REPLACEMENT CHARACTER}[31mb",
        ),
        (
            response(404, b"<html>\n", "Content-Type: text/html\r\n", phrase="Not Found"),
            NotConnected,
            "expected a vortex, got HTTP status 404: Not Found",
        ),
        (
            response(200, b"<html>\n", "Content-Type: text/html\r\n"),
            NotConnected,
            "expected a vortex, got a page: is there a login in between, or is the path wrong?",
        ),
        (
            response(302, b"", "Location: https://host/login\r\nContent-Length: 0\r\n"),
            NotConnected,
            "it is somewhere else, the server says: connect to https://host/login",
        ),
        (
            response(200, b"as long as you like", "Content-Type: text/plain\r\n"),
            NotConnected,
            "expected a WebSocket, got HTTP status 200: is the path wrong, or http:// only?",
        ),
        (b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n\n", NotConnected, "expected HTTP, got something else"),
        (
            b"HTTP/1.1 403 " + b"x" * 70_000,
            NotConnected,
            "expected the answer to an upgrade, its head has over 65536 bytes",
        ),
    )

    @pytest.mark.parametrize("chunkSize", [None, 1])
    @pytest.mark.parametrize(("answer", "kind", "text"), ANSWERS)
    def test_an_answer_that_is_no_yes_is_told(
        self, answer: bytes, kind: type[VortexError], text: str, chunkSize: int | None
    ) -> None:
        scene = sceneOf()
        scene.network.onConnect(lambda line: setattr(line.toClient, "chunkSize", chunkSize))
        scene.dial()

        scene.line.say(answer)
        scene.settle()

        assert scene.watcher.ended == (kind, f"{URL}: {text}")
        assert scene.line.lost is not None
        assert scene.isEmpty

    @pytest.mark.parametrize("end", [b"\r\n", b"\r\n\r\n\n"])
    def test_what_is_no_http_is_told_at_once(self, end: bytes) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.say(b"220 mail.example ESMTP" + end)
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: expected HTTP, got '220 mail.example ESMTP'")
        assert scene.isEmpty

    def test_a_yes_that_is_none_of_ours_is_told(self) -> None:
        scene = sceneOf()
        scene.dial()
        wrong = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n"

        scene.line.say(response(101, headers=wrong))
        scene.settle()

        kind, text = scene.watcher.ended
        assert kind is NotConnected
        assert text.startswith(f"{URL}: HTTP Sec-WebSocket-Accept bogus value")
        assert scene.isEmpty

    def test_a_refusal_without_an_end_is_told_when_the_server_hangs_up(self) -> None:
        scene = sceneOf()
        scene.dial()
        scene.line.say(response(403, b"not you"))
        scene.settle()
        assert scene.watcher.errors == []

        scene.line.hangUp()
        scene.settle()

        assert scene.watcher.ended == (AccessDenied, f"{URL}: not you")

    def test_a_refusal_without_an_end_is_told_when_time_is_up(self) -> None:
        scene = sceneOf(connectTimeout=4)
        scene.dial()
        scene.line.say(response(403, b"not you"))
        scene.advance(3.9)
        assert scene.watcher.errors == []

        scene.advance(0.2)

        assert scene.watcher.ended == (AccessDenied, f"{URL}: not you")
        assert scene.isEmpty

    def test_a_head_in_latin_1_is_no_obstacle(self) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.upgrade("Server: caf\xe9\r\n")
        scene.line.say(serverFrame(envelope(HELLO)))
        scene.settle()

        assert len(scene.watcher.opened) == 1

    def test_the_hello_may_come_with_the_answer_in_any_pieces(self) -> None:
        scene = sceneOf()
        scene.network.onConnect(lambda line: setattr(line.toClient, "chunkSize", 1))

        opened(scene)

    def test_a_server_that_hangs_up_has_not_answered(self) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.hangUp()
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: the other end hung up without an answer")
        assert scene.isEmpty

    def test_nobody_listens(self) -> None:
        scene = sceneOf()
        scene.stopListening()

        scene.dial()

        assert scene.watcher.ended == (ConnectionRefused, f"{URL}: nobody listens there")
        assert scene.isEmpty

    def test_a_server_that_does_not_answer_is_given_up(self) -> None:
        scene = sceneOf(connectTimeout=4)
        scene.dial()
        scene.advance(3.9)
        assert scene.watcher.errors == []

        scene.advance(0.2)

        assert scene.watcher.ended == (NotConnected, f"{URL}: no answer within 4 s")
        assert scene.isEmpty

    def test_a_connection_that_does_not_come_is_given_up(self) -> None:
        scene = sceneOf(connectTimeout=4)
        scene.network.connectDelay = 60
        scene.dial()

        scene.advance(4.1)

        assert scene.watcher.ended == (NotConnected, f"{URL}: no answer within 4 s")
        assert scene.isEmpty

    @pytest.mark.parametrize("delay", [0.0, 1.0], ids=["while it asks", "while it connects"])
    def test_may_be_closed_meanwhile(self, delay: float) -> None:
        scene = sceneOf()
        scene.network.connectDelay = delay
        dialled = scene.dial()

        dialled.close("enough")
        dialled.close("enough")
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: enough")
        assert scene.isEmpty

    def test_an_endpoint_that_fails_at_once_is_told_to_who_has_the_link(self) -> None:
        class Failing:
            def connect(self, factory: object) -> Any:
                raise OSError("no certificate there")

        endpoint = cast(IStreamClientEndpoint, Failing())
        scene = Scene(lambda scene, watcher: dialWebSocket(scene.vortex, URL, endpoint, watcher, headers={}))

        scene._dial(scene, scene.watcher)
        assert scene.watcher.errors == []
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: no certificate there")
        assert scene.isEmpty

    def test_the_process_s_reactor_has_nothing_to_do_with_it(self) -> None:
        from twisted.internet import reactor as installed

        reactor: Any = installed
        before = reactor.getDelayedCalls()
        scene = sceneOf()
        scene.dial()
        assert reactor.getDelayedCalls() == before
        scene.line.upgrade()
        scene.settle()
        scene.dialled.close("enough")
        scene.settle()
        assert reactor.getDelayedCalls() == before
        scene.line.say(serverFrame(b"\x03\xe8", opcode=8))
        scene.settle()
        assert reactor.getDelayedCalls() == before


@pytest.mark.usefixtures("nothingLogged")
class TestMessages:
    def test_our_hello_is_one_that_servers_of_every_era_read(self) -> None:
        scene = sceneOf()
        scene.dial()
        assert scene.line.frames == []

        scene.line.upgrade()
        scene.settle()

        ((opcode, data),) = scene.line.frames
        assert opcode == 1
        assert data.endswith(b".")
        hello = decode(data.removesuffix(b"."))
        assert hello["filt"] == {"__vortexUuid__": "uuid-a", "__vortexName__": "a b"}
        assert {"data", "encodedPayload"} <= set(hello)

    @pytest.mark.parametrize("hello", [envelope(HELLO), base64Envelope(HELLO), base64Envelope(HELLO) + b"."])
    def test_messages_are_raw_json_to_a_server_of_era_2(self, hello: bytes) -> None:
        scene = sceneOf()
        line = opened(scene, hello)

        scene.send("k", "one")
        scene.settle()

        _, (opcode, data) = line.frames
        assert opcode == 1
        assert data.startswith(b"{")
        assert decode(data)["payload"]["tuples"] == ["one"]
        assert line.headers["sec-websocket-key"]

    def test_messages_are_base64_and_end_to_a_server_of_era_1(self) -> None:
        scene = sceneOf()
        line = opened(scene, base64Envelope(HELLO, era=1))
        line.say(serverFrame(b"."))  # as VortexPY 2 has it, after each message

        scene.send("k", "one")
        scene.settle()

        _, (_, data) = line.frames
        assert data.endswith(b".")
        message = decode(data.removesuffix(b"."))
        assert message["payload"]["tuples"] == ["one"]
        assert "data" not in message

    def test_beats_are_dots(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        for _ in range(3):
            scene.advance(10)
            line.say(serverFrame(b"."))

        assert [data for _, data in line.frames[1:]] == [b".", b".", b"."]

    def test_a_message_that_comes_is_routed(self) -> None:
        scene = sceneOf()
        endpoint = RecordingEndpoint({"key": "k"}, scene.vortex)
        line = opened(scene)

        line.say(serverFrame(envelope({"key": "k"}, ["one"])))
        line.say(serverFrame(envelope({"key": "k"}, ["two"])[:50], fin=False))
        scene.settle()
        assert endpoint.tuples == ["one"]
        line.say(serverFrame(envelope({"key": "k"}, ["two"])[50:], opcode=0))
        scene.settle()

        assert endpoint.tuples == ["one", "two"]
        peer: Any = endpoint.deliveries[0].peer
        assert peer is scene.peer
        assert (peer.transport, peer.address) == ("websocket", "127.0.0.1")

    def test_pings_are_answered(self) -> None:
        scene = sceneOf()
        line = opened(scene)

        line.say(serverFrame(b"are you there", opcode=9))
        scene.settle()

        assert line.frames[1:] == [(10, b"are you there")]


@pytest.mark.usefixtures("nothingLogged")
class TestEnd:
    def test_a_server_that_does_not_say_who_it_is_is_left(self) -> None:
        scene = sceneOf(helloTimeout=4)
        scene.dial()
        scene.line.upgrade()
        scene.advance(3.9)
        scene.line.say(serverFrame(b"."))
        assert scene.watcher.errors == []

        scene.advance(0.3)

        text = f"{URL}: the other end did not say who it is within 4 s"
        assert scene.watcher.ended == (ConnectionLost, text)
        assert scene.isEmpty

    def test_a_server_of_something_else_is_left_at_once(self) -> None:
        scene = sceneOf()
        scene.dial()
        scene.line.upgrade()

        scene.line.say(serverFrame(b'{"type": "welcome"}'))
        scene.settle()

        kind, text = scene.watcher.ended
        assert kind is NotConnected
        assert text == f"{URL}: this is no vortex: expected an envelope, with _ct = 'rpe', got _ct = None"
        assert scene.isEmpty

    def test_silence_ends_it(self) -> None:
        scene = sceneOf(linkIdle=15)
        opened(scene)
        scene.advance(14.9)
        assert scene.watcher.errors == []
        assert scene.peer.isOnline

        scene.advance(0.3)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing came for 15 s")
        assert scene.isEmpty

    @pytest.mark.parametrize(
        "sign",
        [serverFrame(b"", opcode=9), serverFrame(b"."), serverFrame(b"x" * 100)[:50]],
        ids=["ping", "beat", "part of a message"],
    )
    def test_any_sign_of_life_keeps_it(self, sign: bytes) -> None:
        scene = sceneOf(linkIdle=15)
        line = opened(scene)
        scene.advance(14)
        line.say(sign)

        scene.advance(14.5)

        assert scene.peer.isOnline

    def test_a_binary_frame_is_refused(self) -> None:
        scene = sceneOf()
        line = opened(scene)

        line.say(serverFrame(envelope({"key": "k"}), opcode=2))
        scene.settle()

        assert line.closeFrame == (1003, "expected a text frame, got a binary one")
        line.hangUp()
        scene.settle()
        assert scene.watcher.ended == (ConnectionLost, f"{URL}: expected a text frame, got a binary one")

    @pytest.mark.parametrize("pieces", [1, 3])
    def test_a_message_over_the_limit_ends_it_before_it_is_there(self, pieces: int) -> None:
        scene = sceneOf(maxFrame=1000)
        line = opened(scene)
        part = 1001 // pieces + 1

        for index in range(pieces):
            frame = serverFrame(b"x" * part, opcode=0 if index else 1, fin=index == pieces - 1)
            line.say(frame[:4] if index == pieces - 1 else frame)
        scene.settle()

        assert not scene.peer.isOnline
        code, _ = line.closeFrame or (0, "")
        assert code == 1009
        line.hangUp()
        scene.settle()
        text = f"{URL}: a message is longer than the 1000 bytes accepted (maxFrame)"
        assert scene.watcher.ended == (ConnectionLost, text)
        assert scene.isEmpty

    @pytest.mark.parametrize(
        "frame", [b"\x81\x81\0\0\0\0x", b"\xc1\x01x", b"\x80\x01x", b"\x89\x7e\x01\x00" + b"x" * 256]
    )
    def test_what_is_no_websocket_ends_it(self, frame: bytes) -> None:
        scene = sceneOf()
        line = opened(scene)

        line.say(frame)
        scene.settle()

        assert not scene.peer.isOnline
        code, _ = line.closeFrame or (0, "")
        assert code == 1002
        scene.advance(2.2)
        assert scene.watcher.ended[0] is ConnectionLost
        assert scene.isEmpty

    def test_what_is_no_websocket_ends_it_also_where_nothing_can_be_written(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        line.transport.pauseProducing()
        for _ in range(10):
            scene.send("k", INCOMPRESSIBLE)
        line.say(b"\xc1\x01x" * 2)  # at the second one autobahn hangs up, behind what waits to be written
        scene.advance(1.9)
        assert scene.watcher.errors == []

        scene.advance(0.3)

        assert scene.watcher.ended[0] is ConnectionLost
        assert scene.isEmpty

    CLOSES: tuple[tuple[bytes, type[VortexError], str], ...] = (
        (b"\x03\xe9the server stops", ConnectionLost, "the server stops"),
        (b"\x03\xe8", ConnectionLost, "the other end has closed the WebSocket (1000)"),
        (b"", ConnectionLost, "the other end has closed the WebSocket (1005)"),
        (b"\x0f\xa4too many of you", AccessDenied, "too many of you"),
        (b"\x0f\xa5it has expired", Unauthenticated, "it has expired"),
        (b"\x0f\xa6it was revoked", AccessDenied, "it was revoked"),
    )

    @pytest.mark.parametrize(("close", "kind", "text"), CLOSES)
    def test_a_server_that_closes_it_is_quoted(
        self, close: bytes, kind: type[VortexError], text: str
    ) -> None:
        scene = sceneOf()
        line = opened(scene)
        asked = scene.peer.request(Payload({"key": "k"}))
        outcome: list[Any] = []
        asked.addErrback(lambda failure: outcome.append(failure.type))

        line.say(serverFrame(close, opcode=8))
        scene.settle()

        assert outcome == [ConnectionLost]
        assert not scene.peer.isOnline
        assert line.frames[-1] == (8, b"\x03\xe8")
        assert scene.watcher.errors == []
        line.hangUp()
        scene.settle()
        assert scene.watcher.ended == (kind, f"{URL}: {text}")
        assert scene.isEmpty

    def test_a_server_that_closes_it_and_stays_is_cut(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        line.say(serverFrame(b"\x03\xe9the server stops", opcode=8))
        scene.advance(1.9)
        assert scene.watcher.errors == []

        scene.advance(0.3)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: the server stops")
        assert line.lost is not None
        assert scene.isEmpty

    def test_we_say_why_we_close_it_and_wait_for_the_server(self) -> None:
        scene = sceneOf()
        line = opened(scene)

        scene.dialled.close("é" * 100)
        scene.dialled.close("again")
        scene.settle()

        assert line.closeFrame == (1000, "é" * 61)
        assert scene.watcher.errors == []
        line.say(serverFrame(b"\x03\xe8", opcode=8))
        line.hangUp()
        scene.settle()
        assert scene.watcher.ended == (ConnectionLost, f"{URL}: {'é' * 100}")
        assert scene.isEmpty

    @pytest.mark.parametrize("answers", [False, True])
    def test_a_server_that_does_not_hang_up_then_is_cut(self, answers: bool) -> None:
        scene = sceneOf()
        line = opened(scene)
        scene.dialled.close("enough")
        if answers:
            line.say(serverFrame(b"\x03\xe8", opcode=8))
        scene.advance(1.9)
        assert scene.watcher.errors == []

        scene.advance(0.3)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert line.lost is not None
        assert scene.isEmpty

    def test_what_was_sent_before_we_close_it_arrives(self) -> None:
        scene = sceneOf()
        line = opened(scene)

        scene.send("k", "one")
        scene.dialled.close("enough")
        scene.settle()

        assert [opcode for opcode, _ in line.frames[1:]] == [1, 8]

    def test_a_connection_that_breaks_is_lost(self) -> None:
        scene = sceneOf()
        opened(scene)

        scene.connection.cut()
        scene.settle()

        kind, text = scene.watcher.ended
        assert kind is ConnectionLost
        assert text.startswith(f"{URL}: Connection to the other side was lost")
        assert scene.isEmpty

    def test_it_has_ended_only_when_nothing_is_left(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        left: list[bool] = []
        scene.watcher.whenEnded = lambda: left.append(scene.connection.isOpen)

        line.say(serverFrame(b"\x03\xe9bye", opcode=8))
        scene.advance(3)

        assert left == [False]

    def test_no_deferred_is_left_with_an_error(self) -> None:
        def happen() -> None:
            for answer in (b"", response(403, b"no\n"), b"HTTP/1.1 101 OK\r\n\r\n"):
                scene = sceneOf()
                scene.dial()
                scene.line.say(answer)
                scene.line.hangUp()
                scene.settle()
                assert len(scene.watcher.errors) == 1
            for end in ("hung up", "cut", "closed"):
                scene = sceneOf()
                opened(scene)
                bringAbout(end, scene)
                scene.advance(5)
                assert len(scene.watcher.errors) == 1

        assert unhandled(happen) == []


class TestBackpressure:
    def test_a_server_that_does_not_read_holds_us_back_and_is_cut(
        self, nothingLogged: list[LogEvent]
    ) -> None:
        scene = sceneOf(writeStall=20)
        line = opened(scene)
        line.transport.pauseProducing()
        for _ in range(40):
            scene.send("k", INCOMPRESSIBLE)
            scene.settle()
        queued = scene.peer._link.queued
        assert queued > 20

        scene.advance(10)
        line.say(serverFrame(b"."))
        scene.advance(9.5)
        assert scene.watcher.errors == []
        scene.advance(0.7)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing was read for 20 s")
        assert scene.isEmpty
        (event,) = nothingLogged
        assert event["log_namespace"] == "vortex.transports.session_driver"
        nothingLogged.clear()

    @pytest.mark.usefixtures("nothingLogged")
    def test_one_that_reads_again_gets_everything_in_order(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        line.transport.pauseProducing()
        for number in range(40):
            scene.send("k", str(number), INCOMPRESSIBLE)
            scene.settle()

        line.transport.resumeProducing()
        scene.settle()

        messages = [decode(data) for _, data in line.frames[1:]]
        assert [message["payload"]["tuples"][0] for message in messages] == [str(n) for n in range(40)]
        assert not isHello(messages[0])


class TestWithOurServer:
    def test_a_real_server_and_we_understand_each_other(self) -> None:
        with VortexHarness() as harness:
            here, there = harness.node("here"), harness.node("there")
            asked = RecordingEndpoint({"key": "k"}, there, lambda payload, delivery: delivery.reply(["ok"]))
            connection = harness.connect(here, there, over="websocket")
            large = "x" * 200_000

            answer = harness.resultOf(connection.request(Payload({"key": "k"}, [large])))
            told = RecordingEndpoint({"key": "news"}, here)
            there.send(Payload({"key": "news"}, [large]))
            harness.settle()

            assert (answer.tuples, asked.tuples, told.tuples) == (["ok"], [large], [large])
            assert [peer.uuid for peer in there.peers] == ["uuid-here"]
