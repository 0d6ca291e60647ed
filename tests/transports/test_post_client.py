"""Links by held POST that we make: what each POST bears, how one takes over from another, and every end."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from random import Random
from typing import Any

import pytest
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import LogEvent

from tests.transports.servers_by_hand import (
    Line,
    Scene,
    bringAbout,
    chunk,
    nothingLogged,
    response,
    unhandled,
)
from tests.wire_messages import base64Envelope, decode, envelope, era0
from vortex import (
    AccessDenied,
    ConnectionLost,
    ConnectionRefused,
    NotConnected,
    Payload,
    Unauthenticated,
    VortexError,
)
from vortex.testing import MemoryConnection, RecordingEndpoint, VortexHarness
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.post_client import dialPost

__all__ = ["nothingLogged"]

URL = "http://host:81/vortex"
INCOMPRESSIBLE = Random(1).randbytes(30_000).hex()
HELLO = base64Envelope({"__vortexUuid__": "uuid-s", "__vortexName__": "s"})


def sceneOf(url: str = URL, headers: Mapping[str, str] | None = None, **limits: Any) -> Scene:
    cookies: dict[str, str] = {}

    def dial(scene: Scene, watcher: LinkWatcher) -> Dialled:
        return dialPost(
            scene.vortex,
            url,
            lambda _: scene.network.clientEndpoint("server"),
            watcher,
            headers=headers or {},
            cookies=cookies,
        )

    return Scene(dial, **limits)


def opened(scene: Scene, hello: bytes = HELLO, headers: str = "") -> Line:
    """Dial, and be a server that says who it is."""
    scene.dial()
    scene.line.hold(hello, headers=headers)
    scene.settle()
    assert [peer.uuid for peer in scene.watcher.opened] == ["uuid-s"]
    return scene.line


def handedOver(scene: Scene, *frames: bytes) -> Line:
    """Answer the newest POST as a server does: the new response begins, then the old one ends."""
    old, new = scene.lines[-2:]
    new.hold(HELLO, *frames)
    old.finish()
    scene.settle()
    return new


@pytest.mark.usefixtures("nothingLogged")
class TestRequests:
    def test_the_first_says_who_we_are_and_nothing_else(self) -> None:
        scene = sceneOf("http://host:81/a%20b?room=7#part", {"Authorization": "Bearer t"})

        scene.dial()

        line = scene.line
        assert line.requestLine == "POST /a%20b?room=7&vortexUuid=uuid-a&vortexName=a+b HTTP/1.1"
        assert line.query == [("room", "7"), ("vortexUuid", "uuid-a"), ("vortexName", "a b")]
        assert line.headers == {
            "host": "host:81",
            "content-length": "0",
            "content-type": "text/plain",
            "connection": "close",
            "user-agent": "txvortex",
            "authorization": "Bearer t",
        }
        assert line.body == b""

    @pytest.mark.parametrize(
        ("hello", "key"),
        [
            (HELLO, "data"),
            (base64Envelope({"__vortexUuid__": "uuid-s", "__vortexName__": "s"}, era=1), "encodedPayload"),
            (envelope({"__vortexUuid__": "uuid-s", "__vortexName__": "s"}), "data"),
        ],
    )
    def test_a_message_goes_in_the_next_in_base64_of_the_servers_era(self, hello: bytes, key: str) -> None:
        scene = sceneOf(headers={"X-Room": "7"})
        opened(scene, hello)

        scene.send("k", "one")
        scene.settle()

        _, line = scene.lines
        assert line.requestLine == "POST /vortex?vortexUuid=uuid-a&vortexName=a+b HTTP/1.1"
        assert line.headers["content-length"] == str(len(line.body))
        assert line.headers["x-room"] == "7"
        assert line.body.endswith(b".")
        assert not line.body.startswith((b"{", b"."))
        (message,) = line.messages
        assert message["payload"]["tuples"] == ["one"]
        assert message[key]
        assert len({"data", "encodedPayload"} & set(message)) == 1

    def test_a_header_may_change_from_one_to_the_next(self) -> None:
        headers = {"Authorization": "Bearer old"}
        scene = sceneOf(headers=headers)
        opened(scene)

        headers["Authorization"] = "Bearer new"
        scene.send("k")
        scene.settle()

        assert [line.headers["authorization"] for line in scene.lines] == ["Bearer old", "Bearer new"]

    def test_a_url_may_have_letters_of_any_script(self) -> None:
        scene = sceneOf("http://h\xf6st:81/vort\xe9x?r%20=\xfc")

        scene.dial()

        assert scene.line.headers["host"] == "xn--hst-sna:81"
        start = "POST /vort%C3%A9x?r%20=%C3%BC&vortexUuid=uuid-a&vortexName=a+b HTTP/1.1"
        assert scene.line.requestLine == start

    def test_an_endpoint_that_cannot_be_had_is_told_to_who_has_the_link(self) -> None:
        def endpointOf(url: str) -> IStreamClientEndpoint:
            raise OSError("no certificate there")

        scene = Scene(lambda scene, watcher: dialPost(scene.vortex, URL, endpointOf, watcher, headers={}))

        scene._dial(scene, scene.watcher)
        assert scene.watcher.errors == []
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: no certificate there")
        assert scene.isEmpty

    def test_a_server_of_2017_is_spoken_to_in_its_words(self) -> None:
        scene = sceneOf()
        opened(scene, era0({"__vortexUuid__": "uuid-s", "__vortexName__": "s"}))

        scene.send("k", "one")
        scene.settle()

        (message,) = scene.line.messages
        assert (message["_ct"], message["filt"]["key"], message["tuples"]) == ("rp", "k", ["one"])

    def test_what_is_sent_in_one_turn_goes_together(self) -> None:
        scene = sceneOf()
        opened(scene)

        scene.send("k", "one")
        scene.send("k", "two")
        scene.settle()

        assert len(scene.lines) == 2
        assert [message["payload"]["tuples"] for message in scene.line.messages] == [["one"], ["two"]]

    def test_one_at_a_time_waits_for_its_answer(self) -> None:
        scene = sceneOf()
        opened(scene)
        scene.send("k", "one")
        scene.advance(1)
        scene.send("k", "two")
        scene.advance(1)
        scene.send("k", "three")
        scene.advance(1)
        assert len(scene.lines) == 2

        handedOver(scene)

        assert len(scene.lines) == 3
        assert [message["payload"]["tuples"] for message in scene.line.messages] == [["two"], ["three"]]

    def test_one_has_a_megabyte_at_most_or_one_message(self) -> None:
        scene = sceneOf()
        opened(scene)
        large = Random(2).randbytes(700_000).hex()
        for word in ("small", large, "last"):
            scene.send("k", word)
        scene.settle()

        for _ in range(2):
            handedOver(scene)

        sent = [[message["payload"]["tuples"] for message in line.messages] for line in scene.lines]
        assert sent == [[], [["small"]], [[large]], [["last"]]]

    def test_beats_are_the_servers_alone(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        for _ in range(9):
            scene.advance(10)
            line.push(b"")

        assert len(scene.lines) == 1
        assert scene.peer.isOnline


@pytest.mark.usefixtures("nothingLogged")
class TestCookies:
    def test_what_the_server_gives_is_shown_from_then_on(self) -> None:
        scene = sceneOf(headers={"Cookie": "own=1"})
        opened(scene, headers="Set-Cookie: vortexPeer=abc=; Path=/; HttpOnly\r\nSet-Cookie: other=2\r\n")
        first = scene.lines[0].headers["cookie"]
        scene.send("k")
        scene.settle()
        second = scene.line.headers["cookie"]
        old, new = scene.lines
        new.hold(HELLO, headers="Set-Cookie: other=3; Max-Age=0\r\nSet-Cookie: vortexPeer=; Path=/\r\n")
        old.finish()
        scene.settle()
        scene.send("k")
        scene.settle()
        third = scene.line.headers["cookie"]

        assert (first, second, third) == ("own=1", "own=1; vortexPeer=abc=; other=2", "own=1")

    def test_the_next_link_shows_it_too(self) -> None:
        scene = sceneOf()
        opened(scene, headers="Set-Cookie: vortexPeer=abc\r\n")
        scene.connection.cut()
        scene.settle()

        scene.dial()

        assert scene.line.headers["cookie"] == "vortexPeer=abc"

    def test_only_so_many_are_kept(self) -> None:
        scene = sceneOf()
        opened(scene, headers="".join(f"Set-Cookie: c{number}=1\r\n" for number in range(25)))

        scene.send("k")
        scene.settle()

        assert scene.line.headers["cookie"] == "; ".join(f"c{number}=1" for number in range(20))


def messages(endpoint: RecordingEndpoint) -> list[str]:
    return [payload.tuples[0] for payload in endpoint.payloads]


@pytest.mark.usefixtures("nothingLogged")
class TestHandover:
    """A POST under way, at the moment in which its response takes over from the one before."""

    def scene(self) -> tuple[Scene, RecordingEndpoint, Line, Line]:
        scene = sceneOf()
        endpoint = RecordingEndpoint({"key": "k"}, scene.vortex)
        old = opened(scene)
        scene.send("k")
        scene.settle()
        return scene, endpoint, old, scene.line

    OLD = chunk(base64Envelope({"key": "k"}, ["from the old"]) + b".") + chunk(b"")
    NEW = (
        response(200, headers="Content-Type: text/text\r\nTransfer-Encoding: chunked\r\n")
        + chunk(b"." + HELLO + b".")
        + chunk(base64Envelope({"key": "k"}, ["from the new"]) + b".")
    )

    def inOrder(self, *pieces: tuple[str, bytes]) -> None:
        """What the two connections bring, in pieces, makes no difference."""
        scene, endpoint, old, new = self.scene()
        for line, data in pieces:
            (old if line == "old" else new).say(data)
            scene.settle()
        assert messages(endpoint) == ["from the old", "from the new"]
        assert scene.watcher.errors == []
        assert scene.peer.isOnline
        scene.send("k")
        scene.settle()
        assert len(scene.lines) == 3
        scene.dialled.close("enough")
        scene.advance(2.2)
        assert scene.isEmpty

    @pytest.mark.sweep
    def test_the_old_response_may_be_split_by_the_new_one_anywhere(self) -> None:
        for at in range(len(self.OLD) + 1):
            self.inOrder(("old", self.OLD[:at]), ("new", self.NEW), ("old", self.OLD[at:]))

    @pytest.mark.sweep
    def test_the_new_response_may_be_split_by_the_old_one_anywhere(self) -> None:
        for at in range(len(self.NEW) + 1):
            self.inOrder(("new", self.NEW[:at]), ("old", self.OLD), ("new", self.NEW[at:]))

    def test_both_may_come_byte_by_byte(self) -> None:
        pairs = zip_longest(self.OLD, self.NEW)
        pieces = [(line, byte) for pair in pairs for line, byte in zip(("old", "new"), pair, strict=True)]

        self.inOrder(*((line, bytes((byte,))) for line, byte in pieces if byte is not None))

    def test_an_old_response_that_breaks_may_have_lost_something(self) -> None:
        scene, endpoint, _, new = self.scene()
        new.say(self.NEW)
        scene.settle()
        assert messages(endpoint) == []

        scene.network.connections[0].cut()
        scene.settle()

        assert scene.watcher.ended[0] is ConnectionLost
        assert messages(endpoint) == []
        assert scene.isEmpty

    def test_a_response_that_ends_while_none_takes_over_ends_the_link(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        asked = scene.peer.request(Payload({"key": "k"}))
        scene.settle()
        handedOver(scene)
        outcome: list[Any] = []
        asked.addErrback(lambda failure: outcome.append(failure.type))

        scene.line.finish()
        scene.settle()

        assert line.lost is not None
        assert scene.watcher.ended == (ConnectionLost, f"{URL}: the server ended its response")
        assert outcome == [ConnectionLost]
        assert scene.isEmpty


@pytest.mark.usefixtures("nothingLogged")
class TestAnswers:
    ANSWERS = (
        (response(401, b"who are you?\nthis is not told"), Unauthenticated, "who are you?"),
        (response(403, b"not you", "Content-Length: 7\r\n"), AccessDenied, "not you"),
        (
            response(413, b"a body may have 100 bytes\n"),
            NotConnected,
            "expected a vortex, got HTTP status 413: a body may have 100 bytes",
        ),
        (
            response(503, chunk(b"full of ") + chunk(b"them\n"), "Transfer-Encoding: chunked\r\n"),
            NotConnected,
            "expected a vortex, got HTTP status 503: full of them",
        ),
        (
            response(500, b"", "Content-Length: 0\r\n", phrase="Went Wrong"),
            NotConnected,
            "expected a vortex, got HTTP status 500: Went Wrong",
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
        (response(204), NotConnected, "expected a vortex, got HTTP status 204: Phrase"),
    )

    @pytest.mark.parametrize("chunkSize", [None, 1])
    @pytest.mark.parametrize("isFirst", [True, False], ids=["the first", "a later one"])
    @pytest.mark.parametrize(("answer", "kind", "text"), ANSWERS)
    def test_an_answer_that_is_no_vortex_is_told(
        self, answer: bytes, kind: type[VortexError], text: str, isFirst: bool, chunkSize: int | None
    ) -> None:
        scene = sceneOf()
        scene.network.onConnect(lambda line: setattr(line.toClient, "chunkSize", chunkSize))
        if isFirst:
            scene.dial()
        else:
            opened(scene)
            scene.send("k")
            scene.settle()

        scene.line.say(answer)
        scene.settle()

        assert scene.watcher.ended == (kind, f"{URL}: {text}")
        assert [line.lost is not None for line in scene.lines] == [True] * len(scene.lines)
        assert scene.isEmpty

    def test_a_refusal_without_an_end_is_told_when_time_is_up(self) -> None:
        scene = sceneOf(connectTimeout=4)
        scene.dial()
        scene.line.say(response(403, b"not you"))
        scene.advance(3.9)
        assert scene.watcher.errors == []

        scene.advance(0.2)

        assert scene.watcher.ended == (AccessDenied, f"{URL}: not you")
        assert scene.isEmpty

    @pytest.mark.parametrize("status", [200, 401])
    @pytest.mark.parametrize("name", [b"Content-Type", b"Set-Cookie", b"WWW-Authenticate", b"Retry-After"])
    def test_an_answer_with_headers_that_are_no_text_is_told_too(self, status: int, name: bytes) -> None:
        scene = sceneOf()
        scene.dial()

        head = b"HTTP/1.1 %d Phrase\r\n%b: \xff\x91=x\r\nContent-Length: 6\r\n\r\n" % (status, name)
        scene.line.say(head + b"nobody")
        scene.settle()

        error, text = scene.watcher.ended
        assert issubclass(error, NotConnected if status == 200 else Unauthenticated), text
        assert scene.isEmpty

    def test_what_is_no_http_is_no_answer(self) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.say(b"220 mail.example ESMTP")
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: expected HTTP, got '220 mail.example ESMTP'")
        assert scene.isEmpty

    def test_a_hello_without_http_says_how_to_connect(self) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.say(HELLO + b".")
        scene.settle()

        text = f"{URL}: this is a vortex's raw connection: connect to it by tcp://, tls:// or unix://"
        assert scene.watcher.ended == (NotConnected, text)
        assert scene.isEmpty

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b"hello.", "this is no vortex: expected a message, base64 or a JSON object, got b'hello': "),
            (b"hello", "the server ended its response and did not say who it is: is the path that of a "),
        ],
    )
    def test_a_response_that_is_no_vortexs_is_no_answer(self, body: bytes, text: str) -> None:
        scene = sceneOf()
        scene.dial()

        scene.line.say(response(200, chunk(body) + chunk(b""), "Transfer-Encoding: chunked\r\n"))
        scene.settle()

        kind, said = scene.watcher.ended
        assert kind is NotConnected
        assert said.startswith(f"{URL}: {text}")
        assert scene.isEmpty

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

    def test_nobody_listens_any_more(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        scene.stopListening()
        asked = scene.peer.request(Payload({"key": "k"}))
        outcome: list[Any] = []
        asked.addErrback(lambda failure: outcome.append(failure.type))

        scene.settle()

        assert scene.watcher.ended == (ConnectionRefused, f"{URL}: nobody listens there")
        assert outcome == [ConnectionLost]
        assert line.lost is not None
        assert scene.isEmpty

    def test_no_deferred_is_left_with_an_error(self) -> None:
        def happen() -> None:
            for answer in (b"", response(403, b"no\n"), b"HTTP/1.1 200 OK\r\n\r\nx", b"nonsense\r\n"):
                scene = sceneOf()
                scene.dial()
                scene.line.say(answer)
                scene.line.hangUp()
                scene.settle()
                assert len(scene.watcher.errors) == 1
            for end in ("hung up", "cut", "closed"):
                scene = sceneOf()
                opened(scene)
                scene.send("k")
                scene.settle()
                bringAbout(end, scene)
                scene.advance(5)
                assert len(scene.watcher.errors) == 1

        assert unhandled(happen) == []


@pytest.mark.usefixtures("nothingLogged")
class TestTime:
    @pytest.mark.parametrize("delay", [0.0, 60.0], ids=["answered", "connected"])
    def test_a_first_post_that_is_not(self, delay: float) -> None:
        scene = sceneOf(connectTimeout=4)
        scene.network.connectDelay = delay
        scene.dial()
        scene.advance(3.9)
        assert scene.watcher.errors == []

        scene.advance(0.2)

        assert scene.watcher.ended == (NotConnected, f"{URL}: no answer within 4 s")
        assert scene.isEmpty

    def test_a_later_one_that_is_not_answered_while_the_old_response_lives(self) -> None:
        scene = sceneOf(connectTimeout=4, bodyMinRate=1000)
        line = opened(scene)
        scene.send("k", INCOMPRESSIBLE)
        scene.settle()
        patience = 4 + len(scene.line.body) / 1000
        assert patience > 40
        for _ in range(int(patience)):
            scene.advance(1)
            line.push(b"")
        assert scene.watcher.errors == []

        scene.advance(1.1)

        assert scene.watcher.ended == (NotConnected, f"{URL}: no answer within {patience:g} s")
        assert scene.isEmpty

    def test_a_server_that_does_not_say_who_it_is_is_left(self) -> None:
        scene = sceneOf(helloTimeout=4)
        scene.dial()
        scene.line.hold(b"")
        scene.advance(3.9)
        assert scene.watcher.errors == []

        scene.advance(0.2)

        text = f"{URL}: the other end did not say who it is within 4 s"
        assert scene.watcher.ended == (ConnectionLost, text)
        assert scene.isEmpty

    def test_silence_ends_it(self) -> None:
        scene = sceneOf(linkIdle=15)
        opened(scene)
        scene.advance(14.9)
        assert scene.watcher.errors == []

        scene.advance(0.3)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing came for 15 s")
        assert scene.isEmpty

    def test_part_of_a_long_message_is_a_sign_of_life(self) -> None:
        scene = sceneOf(linkIdle=15)
        line = opened(scene)
        scene.advance(14)
        line.say(chunk(b"eyJf"))

        scene.advance(14.5)

        assert scene.peer.isOnline

    def test_a_half_open_connection_is_let_go(self) -> None:
        scene = sceneOf(linkIdle=15)
        opened(scene)
        scene.connection.halfOpen()

        scene.advance(15.2)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing came for 15 s")
        assert scene.vortex.peers == ()


class TestBackpressure:
    @pytest.mark.usefixtures("nothingLogged")
    def test_what_is_too_much_to_wait_here_waits_in_the_session(self) -> None:
        scene = sceneOf()
        opened(scene)
        for number in range(40):
            scene.send("k", str(number), INCOMPRESSIBLE)
            scene.settle()
        assert len(scene.lines) == 2
        assert scene.peer._link.queued > 30

        while scene.peer._link.queued or scene.lines[-1].headers["content-length"] != "0":
            before = len(scene.lines)
            handedOver(scene)
            if len(scene.lines) == before:
                break

        sent = [message["payload"]["tuples"][0] for line in scene.lines for message in line.messages]
        assert sent == [str(number) for number in range(40)]
        assert len(scene.lines) < 20

    def test_a_server_that_does_not_take_it_is_cut(self, nothingLogged: list[LogEvent]) -> None:
        scene = sceneOf(writeStall=20)
        line = opened(scene)
        for _ in range(20):
            scene.send("k", INCOMPRESSIBLE)
        scene.advance(10)
        line.push(b"")
        scene.advance(9.5)
        assert scene.watcher.errors == []

        scene.advance(0.7)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing was read for 20 s")
        assert scene.isEmpty
        (event,) = nothingLogged
        assert event["log_namespace"] == "vortex.transports.session_driver"
        nothingLogged.clear()

    def test_a_server_that_is_not_there_any_more_is_cut_for_the_same_reason(
        self, nothingLogged: list[LogEvent]
    ) -> None:
        scene = sceneOf(writeStall=20, connectTimeout=60, linkIdle=60)
        line = opened(scene)
        scene.network.connectDelay = 60
        for _ in range(20):
            scene.send("k", INCOMPRESSIBLE)
        scene.advance(1)
        line.finish()
        scene.advance(1)
        assert line.lost is not None

        scene.advance(18)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: nothing was read for 20 s")
        assert scene.isEmpty
        nothingLogged.clear()

    @pytest.mark.usefixtures("nothingLogged")
    def test_a_frame_over_the_limit_ends_it(self) -> None:
        scene = sceneOf(maxFrame=1000)
        line = opened(scene)

        line.say(chunk(b"x" * 1001))
        scene.settle()

        text = f"{URL}: a frame is longer than the 1000 bytes accepted (maxFrame)"
        assert scene.watcher.ended == (ConnectionLost, text)
        assert scene.isEmpty


@pytest.mark.usefixtures("nothingLogged")
class TestClose:
    def test_ends_all_that_is_held(self) -> None:
        scene = sceneOf()
        line = opened(scene)
        left: list[bool] = []
        scene.watcher.whenEnded = lambda: left.append(scene.connection.isOpen)

        scene.dialled.close("enough")
        scene.dialled.close("enough")
        scene.settle()

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert line.lost is not None
        assert left == [False]
        assert scene.isEmpty

    def test_is_over_when_the_last_of_them_is_gone(self) -> None:
        scene = sceneOf()
        opened(scene)
        scene.send("k")
        scene.settle()
        scene.line.hold(HELLO)
        scene.settle()
        left: list[bool] = []
        scene.watcher.whenEnded = lambda: left.extend(line.isOpen for line in scene.network.connections)

        scene.dialled.close("enough")
        scene.settle()

        assert left == [False, False]

    def test_does_not_wait_for_a_server_that_reads_nothing(self) -> None:
        scene = sceneOf()
        opened(scene)
        scene.network.onConnect(lambda line: setattr(line.toServer, "bytesPerSecond", 1000))
        scene.send("k", INCOMPRESSIBLE * 10)
        scene.settle()

        scene.dialled.close("enough")
        scene.advance(2.2)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert not scene.connection.isOpen

    def test_what_was_sent_before_it_arrives(self) -> None:
        scene = sceneOf()
        opened(scene)

        scene.send("k", "one")
        scene.dialled.close("enough")
        scene.advance(1)
        assert [message["payload"]["tuples"] for message in scene.line.messages] == [["one"]]
        assert scene.watcher.errors == []
        scene.line.hold(HELLO)
        scene.settle()

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert scene.isEmpty

    def test_what_waits_behind_a_post_goes_too(self) -> None:
        scene = sceneOf()
        opened(scene)
        scene.send("k", "one")
        scene.settle()
        scene.send("k", "two")
        scene.dialled.close("enough")
        scene.settle()

        handedOver(scene)

        assert [message["payload"]["tuples"] for message in scene.line.messages] == [["two"]]
        handedOver(scene)
        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert scene.isEmpty

    def test_but_nobody_waits_long_for_that(self) -> None:
        scene = sceneOf()
        opened(scene)
        scene.send("k", "one")
        scene.dialled.close("enough")
        scene.advance(1.9)
        assert scene.watcher.errors == []

        scene.advance(0.3)

        assert scene.watcher.ended == (ConnectionLost, f"{URL}: enough")
        assert scene.isEmpty

    @pytest.mark.parametrize("delay", [0.0, 1.0], ids=["while it asks", "while it connects"])
    def test_before_it_is_open(self, delay: float) -> None:
        scene = sceneOf()
        scene.network.connectDelay = delay
        dialled = scene.dial()

        dialled.close("enough")
        dialled.close("enough")
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: enough")
        assert scene.isEmpty

    def test_before_anything_was_done(self) -> None:
        scene = sceneOf()

        scene._dial(scene, scene.watcher).close("enough")
        scene.settle()

        assert scene.watcher.ended == (NotConnected, f"{URL}: enough")
        assert scene.lines == []
        assert scene.isEmpty


@pytest.mark.usefixtures("nothingLogged")
class TestMessages:
    def test_are_routed_as_they_come(self) -> None:
        scene = sceneOf()
        endpoint = RecordingEndpoint({"key": "k"}, scene.vortex)
        line = opened(scene)

        line.say(chunk(base64Envelope({"key": "k"}, ["one"]) + b"." + base64Envelope({"key": "k"})[:50]))
        scene.settle()

        assert messages(endpoint) == ["one"]
        peer: Any = endpoint.deliveries[0].peer
        assert peer is scene.peer
        assert (peer.transport, peer.address) == ("post", "127.0.0.1")

    def test_an_answer_is_sent_by_the_next_post(self) -> None:
        scene = sceneOf()
        endpoint = RecordingEndpoint({"key": "k"}, scene.vortex, lambda payload, way: way.reply(["yes"]))
        line = opened(scene)

        line.push(base64Envelope({"key": "k", "PayloadResponse.messageId": "m1"}, ["one"]))
        scene.settle()

        assert messages(endpoint) == ["one"]
        (answer,) = [decode(frame) for frame in scene.line.body.split(b".") if frame]
        assert answer["filt"] == {"key": "k", "PayloadResponse.messageId": "m1"}
        assert answer["payload"]["tuples"] == ["yes"]


class TestWithOurServer:
    def test_by_one_we_stay_the_same_peer_of_our_server(self) -> None:
        with VortexHarness() as harness:
            here, there = harness.node("here"), harness.node("there")
            handled = RecordingEndpoint(
                {"key": "k"}, there, lambda payload, delivery: delivery.reply(payload.tuples)
            )
            connection = harness.connect(here, there, over="post", wire="vortexpy")
            (peer,) = there.peers

            for word in ("one", "two"):
                answer = harness.resultOf(connection.request(Payload({"key": "k"}, [word])))
                assert answer.tuples == [word]

            assert there.peers == (peer,)
            assert messages(handled) == ["one", "two"]

    def test_what_was_sent_to_us_meanwhile_comes_by_the_next_link(self) -> None:
        with VortexHarness() as harness:
            here, there = harness.node("here"), harness.node("there")
            heard = RecordingEndpoint({"key": "k"}, here)
            connection = harness.connect(here, there, over="post", wire="vortexpy")
            (peer,) = there.peers
            harness.resultOf(connection.send(Payload({"key": "nobody"})))
            harness.settle()
            harness.network.connections[-1].cut()
            harness.network.connectDelay = 1
            harness.settle()

            there.send(Payload({"key": "k"}, ["meanwhile"]))
            harness.advance(3)

            assert connection.reconnects == 1
            assert there.peers == (peer,)
            assert messages(heard) == ["meanwhile"]

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 50, 200])
    def test_with_our_server_in_chunks_of_any_size(self, size: int) -> None:
        def cutUp(line: MemoryConnection) -> None:
            line.toClient.chunkSize = line.toServer.chunkSize = size

        with VortexHarness() as harness:
            harness.network.onConnect(cutUp)
            here, there = harness.node("here"), harness.node("there")
            handled = RecordingEndpoint({"key": "k"}, there, lambda payload, way: way.reply(payload.tuples))
            connection = harness.connect(here, there, over="post", wire="vortexpy")
            words = [f"word {number}" for number in range(5)]

            asked = [connection.request(Payload({"key": "k"}, [word])) for word in words[:3]]
            asked += [connection.request(Payload({"key": "k"}, [word])) for word in words[3:]]

            assert [harness.resultOf(each).tuples for each in asked] == [[word] for word in words]
            assert messages(handled) == words
            assert connection.reconnects == 0
