"""VortexResource over bytes: who gets in, what a held POST and a WebSocket do."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any, ClassVar

import pytest
from twisted.internet.task import Clock

from tests.transports.wires import UUID, PostClient, Server, WebSocketClient, clientFrame
from tests.wire_messages import base64Envelope, decode, envelope, era0, isHello
from vortex.limits import Limits
from vortex.protocol import json_codec
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint


class Echo:
    """Answers with what came."""

    def __init__(self, server: Server) -> None:
        self.got: list[Payload] = []
        PayloadEndpoint({"key": "echo"}, self.echo, server.vortex)

    def echo(self, payload: Payload, delivery: Delivery) -> None:
        self.got.append(payload)
        delivery.reply(payload.tuples, result=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


def asked(number: int = 1) -> dict[str, Any]:
    return {"key": "echo", "PayloadResponse.messageId": f"m{number}"}


class TestHeldPost:
    def test_answers_with_the_hello_and_stays_open(self, server: Server) -> None:
        client = server.post(base64Envelope({}, era=1) + b".")

        assert client.status == 200
        assert b"Content-Type: text/text" in client.head
        assert b"Transfer-Encoding: chunked" in client.head
        assert client.body.startswith(b".")
        (hello,) = client.messages
        assert hello["filt"] == {"__vortexUuid__": "server-uuid", "__vortexName__": "server"}
        assert not client.ended
        assert [peer.uuid for peer in server.vortex.peers] == [UUID]

    def test_writes_a_frame_a_chunk(self, server: Server, echo: Echo) -> None:
        """VortexPY 0.3.0 stops reading a chunk behind an empty message, so nothing may stand behind one."""
        client = server.post(era0(asked(), [1]) + b".")

        chunks = client.received.split(b"\r\n\r\n", 1)[1].split(b"\r\n")[1::2]

        assert len(chunks) == 2
        assert all(chunk.endswith(b".") and chunk.count(b".") == 1 for chunk in chunks)

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            (base64Envelope(asked(), ["x"], era=1) + b".", "encodedPayload"),
            (base64Envelope(asked(), ["x"], era=2) + b".", "data"),
            (base64Envelope(asked(), ["x"], era=2), "data"),
            (b"..." + base64Envelope(asked(), ["x"], era=2) + b"..", "data"),
            (envelope(asked(), ["x"], era=2) + b".", "data"),
        ],
    )
    def test_answers_each_era_in_its_own_words(
        self, server: Server, echo: Echo, body: bytes, key: str
    ) -> None:
        client = server.post(body)

        hello, answer = client.messages
        assert isHello(hello)
        assert answer["_ct"] == "rpe"
        assert key in answer
        assert answer["filt"] == asked()
        assert answer["payload"]["filt"] == asked()
        assert answer["payload"]["tuples"] == ["x"]
        assert answer["result"] is True
        assert answer["_isReply"] is True

    def test_answers_era_0_without_a_single_bare_dot(self, server: Server, echo: Echo, clock: Clock) -> None:
        client = server.post(era0(asked(), ["x"]) + b".")
        clock.advance(1.1)

        assert b"" not in client.frames
        hello, answer, beat = (decode(frame) for frame in client.frames)
        assert isHello(hello)
        assert (answer["_ct"], answer["filt"], answer["tuples"], answer["result"]) == (
            "rp",
            asked(),
            ["x"],
            True,
        )
        assert beat["filt"] == {}

    def test_several_messages_in_one_body_are_all_answered(self, server: Server, echo: Echo) -> None:
        client = server.post(base64Envelope(asked(1), []) + b"." + base64Envelope(asked(2), []) + b".")

        assert [m["filt"] for m in client.messages[1:]] == [asked(1), asked(2)]

    def test_a_body_without_an_era_is_answered_in_the_universal_form_without_a_leading_dot(
        self, server: Server
    ) -> None:
        client = server.post()

        assert not client.body.startswith(b".")
        (hello,) = client.messages
        assert "data" in hello
        assert "encodedPayload" in hello

    def test_beats(self, server: Server, clock: Clock) -> None:
        client = server.post(base64Envelope({}, era=1) + b".")
        for _ in range(12):
            clock.advance(1)

        assert client.frames.count(b"") == 3  # one before the hello, then every 5 s

    def test_reports_junk_and_answers_what_follows_it(self, server: Server, echo: Echo) -> None:
        client = server.post(b"eyJ.not base64!." + base64Envelope(asked(), []) + b".")

        hello, first, second, answer = client.messages
        assert isHello(hello)
        for error in (first, second):
            assert error["filt"] == {}
            assert error["result"].startswith("bad-payload: ")
        assert answer["filt"] == asked()
        assert server.vortex.counters["malformed"] == 2


class TestHandover:
    def test_the_new_request_has_its_hello_before_the_old_one_ends(
        self, server: Server, echo: Echo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = server.post(base64Envelope({}) + b".")
        seenWhenOldEnded: list[bytes] = []
        new = PostClient(server.site)
        write = old.wire.write

        def noting(data: bytes) -> None:
            seenWhenOldEnded.append(new.received)
            write(data)

        monkeypatch.setattr(old.wire, "write", noting)

        new.post(base64Envelope(asked(), []) + b".", headers=old.cookie)

        assert old.ended
        assert b"200 OK" in seenWhenOldEnded[0]
        assert any(isHello(m) for m in [decode(f) for f in _framesIn(seenWhenOldEnded[0]) if f])
        assert [m["filt"] for m in new.messages[1:]] == [asked()]
        assert len(server.vortex.peers) == 1

    def test_what_waits_while_no_request_is_held_goes_out_on_the_next(
        self, server: Server, clock: Clock
    ) -> None:
        first = server.post(base64Envelope({}) + b".")
        peer = server.vortex.peers[0]
        first.lose()
        clock.advance(14)
        for number in (1, 2, 3):
            peer.send(Payload({"key": "push", "n": str(number)}))
        assert peer.isOnline

        second = server.post(base64Envelope({}) + b".", headers=first.cookie)

        assert [m["filt"]["n"] for m in second.messages[1:]] == ["1", "2", "3"]
        assert server.vortex.peers == (peer,)

    def test_what_waits_behind_a_reader_that_stalls_goes_out_on_the_next(self, server: Server) -> None:
        first = server.post(base64Envelope({}) + b".")
        peer = server.vortex.peers[0]
        first.stall()
        for number in (1, 2):
            peer.send(Payload({"key": "push", "n": str(number)}))
        assert len(first.messages) == 1

        second = server.post(base64Envelope({}) + b".", headers=first.cookie)

        assert [m["filt"]["n"] for m in second.messages[1:]] == ["1", "2"]

    def test_a_peer_without_a_held_request_is_gone_after_15_seconds(
        self, server: Server, clock: Clock
    ) -> None:
        changes: list[bool] = []
        server.vortex.onPeerChange(lambda peer, online: changes.append(online))
        client = server.post(base64Envelope({}) + b".")
        client.lose()

        clock.advance(14.8)
        assert changes == [True]
        clock.advance(0.4)

        assert changes == [True, False]
        assert server.vortex.peers == ()
        assert clock.getDelayedCalls() == []

    def test_the_old_requests_late_end_does_not_end_the_peer(self, server: Server, clock: Clock) -> None:
        old = server.post(base64Envelope({}) + b".")
        server.post(base64Envelope({}) + b".", headers=old.cookie)

        old.lose()
        for _ in range(60):
            clock.advance(1)

        assert len(server.vortex.peers) == 1


def _framesIn(received: bytes) -> list[bytes]:
    rest, body = received.split(b"\r\n\r\n", 1)[1], b""
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body.split(b".")[:-1]


class TestWebSocket:
    def test_opens_with_a_hello_right_after_the_upgrade(self, server: Server) -> None:
        client = server.webSocket(path="/vortexws")

        assert client.head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.head  # RFC 6455 section 1.3
        (hello,) = client.messages
        assert isHello(hello)
        assert [peer.transport for peer in server.vortex.peers] == ["websocket"]

    @pytest.mark.parametrize(
        ("frame", "raw"),
        [
            (envelope(asked(), ["x"]), True),
            (base64Envelope(asked(), ["x"], era=1), False),
            (base64Envelope(asked(), ["x"], era=1) + b".", False),
            (base64Envelope(asked(), ["x"], era=2) + b".", False),
        ],
    )
    def test_answers_as_it_was_spoken_to(self, server: Server, echo: Echo, frame: bytes, raw: bool) -> None:
        client = server.webSocket()
        client.frame(frame)

        opcode, answer = client.frames[-1]

        assert opcode == 1
        assert answer.startswith(b"{") == raw
        assert not answer.endswith(b".")  # JavaScript's atob throws on a dot
        assert decode(answer)["payload"]["tuples"] == ["x"]
        answer.decode("ascii")

    def test_speaks_raw_json_to_one_who_has_said_no_more_than_hello(self, server: Server) -> None:
        client = server.webSocket()
        client.frame(envelope({"__vortexUuid__": UUID, "__vortexName__": "page"}))

        server.vortex.send(Payload({"key": "news"}))

        hello, news = (data for _, data in client.frames)
        assert isHello(decode(hello))
        assert json.loads(news)["filt"]["key"] == "news"

    def test_a_message_may_come_in_fragments(self, server: Server, echo: Echo) -> None:
        client = server.webSocket()
        whole = envelope(asked(), ["x"])
        client.frame(whole[:10], fin=False)
        client.frame(b"", 9)  # a ping in between
        client.frame(whole[10:50], 0, fin=False)
        client.frame(whole[50:], 0)

        assert [opcode for opcode, _ in client.frames] == [1, 10, 1]
        assert client.messages[-1]["filt"] == asked()

    def test_frames_survive_any_cut(self, server: Server, echo: Echo) -> None:
        client = server.webSocket()
        for byte in clientFrame(envelope(asked(1), [])) + clientFrame(envelope(asked(2), [])):
            client.send(bytes((byte,)))

        assert [m["filt"] for m in client.messages[1:]] == [asked(1), asked(2)]

    def test_refuses_a_binary_frame_with_its_code(self, server: Server) -> None:
        client = server.webSocket()

        client.frame(b"\x00\x01", 2)

        assert client.closeCode == 1003
        assert server.vortex.peers == ()

    def test_answers_a_close_with_a_close(self, server: Server) -> None:
        client = server.webSocket()

        client.frame((1000).to_bytes(2, "big"), 8)

        assert client.closeCode == 1000

    def test_beats_and_ends_a_silent_peer(self, server: Server, clock: Clock) -> None:
        client = server.webSocket()
        for _ in range(80):
            clock.advance(1)

        assert client.frames.count((1, b".")) >= 14
        assert client.closeCode == 4001
        assert server.vortex.peers == ()

    def test_a_peer_that_beats_lives_on_and_is_not_answered_beat_for_beat(
        self, server: Server, clock: Clock
    ) -> None:
        client = server.webSocket()
        client.frame(envelope({}))
        for second in range(300):
            clock.advance(1)
            if second % 10 == 0:
                client.frame(b".")

        assert client.closeCode is None
        assert 29 <= client.frames.count((1, b".")) <= 31

    def test_offers_the_one_subprotocol_that_old_peers_know(self, server: Server) -> None:
        client = server.webSocket(headers="Sec-WebSocket-Protocol: base64\r\n")
        assert b"Sec-WebSocket-Protocol: base64" in client.head

        other = server.webSocket(headers="Sec-WebSocket-Protocol: chat\r\n")
        assert other.head.startswith(b"HTTP/1.1 400 ")

    def test_leaves_nothing_behind(self, server: Server, clock: Clock) -> None:
        client = server.webSocket()
        client.lose()
        clock.advance(0)

        assert server.vortex.peers == ()
        assert [call for call in clock.getDelayedCalls() if call.getTime() > 0] == []

    def test_the_request_that_was_upgraded_is_not_kept_for_a_collection(self, server: Server) -> None:
        client = WebSocketClient(server.site)
        channel = weakref.ref(client.wire.protocol)
        gc.disable()
        try:
            client.upgrade()

            assert channel() is None
        finally:
            gc.enable()


class TestServerEcho:
    """What a client measures a round trip with: its message comes straight back, whoever listens."""

    FILT: ClassVar = {"key": "nobody's", "PayloadResponse.messageId": "m1"}
    MESSAGE = base64Envelope({**FILT, "rapuiServerEcho": True})

    def test_comes_over_a_websocket(self, server: Server) -> None:
        client = server.webSocket()
        client.frame(envelope({**self.FILT, "rapuiServerEcho": True}))

        hello, back = client.messages

        assert isHello(hello)
        assert (back["filt"], back["result"]) == (self.FILT, None)
        assert client.frames[-1][1].startswith(b"{")

    def test_comes_by_post(self, server: Server) -> None:
        client = server.post(self.MESSAGE + b".")

        assert [each["filt"] for each in client.messages if not isHello(each)] == [self.FILT]

    def test_comes_by_the_response_that_is_held(self, server: Server) -> None:
        first = server.post(base64Envelope({}) + b".")
        second = server.post(self.MESSAGE + b".", headers=first.cookie)

        assert first.ended
        assert [each["filt"] for each in second.messages if not isHello(each)] == [self.FILT]


class TestRefusals:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    def test_other_methods_are_told_what_this_is(self, server: Server, method: str) -> None:
        client = PostClient(server.site)
        client.send(
            f"{method} /vortex?vortexUuid=u&vortexName=n HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )

        assert client.status == 405
        assert b"Allow: POST, GET" in client.head
        assert server.vortex.peers == ()

    @pytest.mark.parametrize("query", ["", "?vortexUuid=u", "?vortexName=n", "?vortexUuid=&vortexName=n"])
    def test_a_peer_says_who_it_is(self, server: Server, query: str) -> None:
        client = PostClient(server.site)
        client.send(f"POST /vortex{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())

        assert client.status == 400
        assert b"vortexUuid=...&vortexName=..." in client.received

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_a_foreign_page_gets_nothing(self, server: Server, kind: str) -> None:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:81"):
            client = getattr(server, kind)(headers=f"Origin: {origin}\r\n")
            assert b"HTTP/1.1 403 " in client.received
        assert server.vortex.peers == ()

        own = getattr(server, kind)(headers="Origin: http://127.0.0.1\r\n")
        assert b"HTTP/1.1 403 " not in own.received
        assert len(server.vortex.peers) == 1

    def test_an_allowed_page_may_read_the_answer(self, clock: Clock) -> None:
        server = Server(clock, allowedOrigins=["https://board.example"])

        client = server.post(headers="Origin: https://board.example\r\n")

        assert client.status == 200
        assert b"Access-Control-Allow-Origin: https://board.example" in client.head

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_another_machine_gets_nothing_unless_the_node_is_open(self, clock: Clock, kind: str) -> None:
        closed = Server(clock)
        refused = getattr(closed, kind)(address="192.0.2.7")
        assert b"HTTP/1.1 403 " in refused.received
        assert b"anonymous=True" in refused.received
        proxied = getattr(closed, kind)(headers="X-Forwarded-For: 192.0.2.7\r\n")
        assert b"HTTP/1.1 403 " in proxied.received
        assert closed.vortex.peers == ()

        opened = Server(clock, anonymous=True)
        getattr(opened, kind)(address="192.0.2.7")
        assert [peer.address for peer in opened.vortex.peers] == ["192.0.2.7"]

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_a_full_node_says_so_and_keeps_whom_it_has(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        first = getattr(server, kind)()

        second = getattr(server, kind)(uuid="other")

        assert b"HTTP/1.1 503 " in second.received
        assert b"Retry-After" in second.received
        assert b"maxPeers" in second.received
        assert not first.closed
        first.lose()

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_one_address_takes_no_more_than_its_share(self, clock: Clock, kind: str) -> None:
        server = Server(clock, anonymous=True, limits=Limits(maxPeersPerAddress=1))
        getattr(server, kind)(address="192.0.2.7")

        greedy = getattr(server, kind)(uuid="more", address="192.0.2.7")
        other = getattr(server, kind)(uuid="other", address="192.0.2.8")

        assert b"HTTP/1.1 503 " in greedy.received
        assert b"HTTP/1.1 503 " not in other.received

    def test_a_refused_post_is_not_a_page(self, server: Server) -> None:
        """VortexPY takes a body that begins with < for a login page."""
        client = server.post(headers="Origin: null\r\n")

        assert b"text/plain" in client.head
        assert b"<" not in client.received.split(b"\r\n\r\n", 1)[1]


class TestSite:
    @pytest.fixture
    def server(self, clock: Clock) -> Server:
        return Server(clock, limits=Limits(maxBody=1000, headerTimeout=10, bodyGrace=5, bodyMinRate=100))

    def test_a_connection_that_never_speaks_is_closed(self, server: Server, clock: Clock) -> None:
        client = PostClient(server.site)
        clock.advance(9.9)
        assert not client.closed
        clock.advance(0.2)
        assert client.closed
        client.lose()

    def test_a_header_that_trickles_is_cut(self, server: Server, clock: Clock) -> None:
        client = PostClient(server.site)
        client.send(b"POST /vortex HTTP/1.1\r\n")
        for _ in range(11):
            client.send(b"X-Pad: 1\r\n")
            clock.advance(1)

        assert client.status == 408
        assert client.closed

    def test_a_body_that_trickles_is_cut(self, server: Server, clock: Clock) -> None:
        client = PostClient(server.site)
        client.send(
            b"POST /vortex?vortexUuid=u&vortexName=n HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 900\r\n\r\n"
        )
        seconds = 0
        while not client.closed and seconds < 100:
            client.send(b"x")
            clock.advance(1)
            seconds += 1

        assert client.status == 408
        assert 5 <= seconds <= 7
        assert server.vortex.peers == ()

    def test_a_body_that_keeps_the_rate_is_taken(self, server: Server, clock: Clock) -> None:
        client = PostClient(server.site)
        client.send(
            b"POST /vortex?vortexUuid=u&vortexName=n HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 900\r\n\r\n"
        )
        for _ in range(9):
            clock.advance(0.9)
            client.send(b"." * 100)

        assert client.status == 200

    @pytest.mark.parametrize("length", ["Content-Length: 1001\r\n", "Transfer-Encoding: chunked\r\n"])
    def test_a_body_over_the_limit_is_refused_before_it_is_read(self, server: Server, length: str) -> None:
        client = PostClient(server.site)
        client.send(
            b"POST /vortex?vortexUuid=u&vortexName=n HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + length.encode()
            + b"\r\n"
        )
        if "chunked" in length:
            client.send(b"3f0\r\n" + b"x" * 1008 + b"\r\n")

        assert client.status == 413
        assert client.closed
        assert server.vortex.peers == ()
        client.lose()

    def test_a_kept_connection_takes_the_next_request(self, server: Server, clock: Clock) -> None:
        client = PostClient(server.site)
        for _ in range(3):
            client.take()
            client.send(b"GET /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert client.status == 405
            clock.advance(8)
        assert not client.closed


class TestIdentity:
    """A uuid is a label: whoever says it gets nothing of another's."""

    def test_another_address_with_the_same_uuid_is_another_peer(self, clock: Clock) -> None:
        server = Server(clock, anonymous=True)
        victim = server.post(base64Envelope({}) + b".", address="192.0.2.1")
        (honest,) = server.vortex.peers

        attacker = server.post(base64Envelope({}) + b".", address="192.0.2.66")
        honest.send(Payload({"key": "secret"}))

        assert not victim.ended
        assert victim.messages[-1]["filt"]["key"] == "secret"
        assert len(attacker.messages) == 1
        assert len(server.vortex.peers) == 2

    def test_the_same_address_gets_nothing_once_the_cookie_has_come_back(self, server: Server) -> None:
        first = server.post(base64Envelope({}) + b".")
        victim = server.post(base64Envelope({}) + b".", headers=first.cookie)
        (honest,) = server.vortex.peers

        for headers in (
            "",
            "Cookie: vortexPeer=0123456789abcdef0123456789abcdef\r\n",
            "Cookie: vortexPeer=\r\n",
        ):
            attacker = server.post(base64Envelope({}) + b".", headers=headers)
            honest.send(Payload({"key": "secret"}))
            assert len(attacker.messages) == 1
            attacker.lose()

        assert not victim.ended
        assert len(victim.messages) == 4

    def test_the_same_address_continues_until_the_cookie_has_come_back(self, server: Server) -> None:
        first = server.post(base64Envelope({}) + b".")
        second = server.post(base64Envelope({}) + b".")

        assert first.ended
        assert not second.ended
        assert len(server.vortex.peers) == 1

    def test_a_websocket_with_the_same_uuid_cuts_nobody(self, server: Server) -> None:
        first = server.webSocket()
        second = server.webSocket()
        post = server.post(base64Envelope({}) + b".")
        oldest = server.vortex.peers[0]

        server.vortex.send(Payload({"key": "to-uuid"}), toUuid=UUID)

        assert len(server.vortex.peers) == 3
        assert server.vortex.peerWithUuid(UUID) is oldest
        assert first.messages[-1]["filt"]["key"] == "to-uuid"
        assert len(second.messages) == len(post.messages) == 1
        assert first.closeCode is None

    def test_answers_stay_on_the_connection_that_asked(self, server: Server, echo: Echo) -> None:
        first = server.webSocket()
        second = server.webSocket()

        second.frame(envelope(asked(), []))

        assert len(first.messages) == 1
        assert second.messages[-1]["filt"] == asked()

    def test_an_honest_peer_that_lost_its_line_is_served_at_once(self, server: Server, echo: Echo) -> None:
        """Its old connection is still taken for alive; nobody makes it wait for that to end."""
        server.webSocket()
        again = server.webSocket()
        again.frame(envelope(asked(), []))
        assert again.messages[-1]["filt"] == asked()

        lost = server.post(base64Envelope({}) + b".")
        back = server.post(base64Envelope(asked(), []) + b".", headers=lost.cookie)
        assert back.messages[-1]["filt"] == asked()

    def test_two_tabs_of_one_browser_keep_a_session_each(self, server: Server) -> None:
        """They share the browser's cookies, and each has a uuid of its own."""
        tab1 = server.post(base64Envelope({}) + b".", uuid="tab1")
        tab2 = server.post(base64Envelope({}) + b".", uuid="tab2")
        jar = tab2.cookie  # the later Set-Cookie wins
        one, two = server.vortex.peers

        tab1 = server.post(base64Envelope({}) + b".", uuid="tab1", headers=jar)
        tab2 = server.post(base64Envelope({}) + b".", uuid="tab2", headers=jar)
        tab3 = server.post(base64Envelope({}) + b".", uuid="tab3", headers=jar)

        assert server.vortex.peers[:2] == (one, two)
        assert len(server.vortex.peers) == 3
        assert b"Set-Cookie" not in tab3.head
        for client in (tab1, tab2, tab3):
            assert not client.ended


class TestSlowReaders:
    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_one_that_never_reads_is_cut_and_nobody_else_notices(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxOutboxItems=10))
        slow = getattr(server, kind)()
        healthy = getattr(server, kind)(uuid="healthy")
        slow.stall()

        for number in range(30):
            server.vortex.send(Payload({"key": "push", "n": str(number)}))

        assert slow.wire.aborted
        assert [peer.uuid for peer in server.vortex.peers] == ["healthy"]
        assert [m["filt"]["n"] for m in healthy.messages[1:]] == [str(n) for n in range(30)]
        assert server.vortex.counters["overflow"] == 1

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_one_that_stalls_too_long_is_cut(self, server: Server, clock: Clock, kind: str) -> None:
        slow = getattr(server, kind)()
        slow.stall()
        clock.advance(19.9)
        assert not slow.wire.aborted
        clock.advance(0.3)

        assert slow.wire.aborted
        assert server.vortex.peers == ()
        assert server.vortex.counters["slow"] == 1

    @pytest.mark.parametrize("kind", ["post", "webSocket"])
    def test_one_that_reads_again_gets_everything_in_order(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        client = getattr(server, kind)()
        client.stall()
        for number in range(50):
            server.vortex.send(Payload({"key": "push", "n": str(number)}))
        assert len(client.messages) == 1
        clock.advance(10)

        client.stall(False)
        clock.advance(15)

        assert [m["filt"]["n"] for m in client.messages[1:]] == [str(n) for n in range(50)]
        assert not client.wire.aborted


def test_a_broadcast_is_encoded_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [server.webSocket(uuid=str(number)) for number in range(20)]
    for client in clients:
        client.frame(envelope({}))
    encodings: list[object] = []
    original = json_codec.dumpsAscii

    def counting(obj: object) -> bytes:
        encodings.append(obj)
        return original(obj)

    monkeypatch.setattr("vortex.protocol.envelope.dumpsAscii", counting)

    server.vortex.send(Payload({"key": "all"}, ["x"]))

    assert len(encodings) == 1
    assert {client.frames[-1] for client in clients} == {clients[0].frames[-1]}
