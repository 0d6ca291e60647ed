"""Who comes in by POST and WebSocket, what is said to those who do not, and what is left of them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.transports.wires import PostClient, Server
from tests.wire_messages import base64Envelope, envelope
from vortex.access.cookies import CookieAuthenticator
from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied
from vortex.limits import Limits
from vortex.routing.payload_endpoint import PayloadEndpoint

KINDS = pytest.mark.parametrize("kind", ["post", "webSocket"])
MESSAGE = base64Envelope({"key": "jobs"}, ["x"]) + b"."


class Tokens:
    """An authenticator that knows some tokens, and remembers what it was shown."""

    def __init__(self, **known: Principal) -> None:
        self.known = known
        self.shown: list[Credentials] = []

    def authenticate(self, credentials: Credentials) -> Principal | None:
        self.shown.append(credentials)
        token = credentials.token
        if token is None:
            return None
        if token not in self.known:
            raise AccessDenied(f"the token {token!r} is wrong")
        return self.known[token]


class Slow:
    """An authenticator that knows who a token names, once the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, Deferred[Principal | None]]] = []

    def authenticate(self, credentials: Credentials) -> Deferred[Principal | None]:
        self.asked.append((credentials.token, Deferred()))
        return self.asked[-1][1]

    def answer(self, number: int = 0) -> None:
        token, asked = self.asked[number]
        asked.callback(None if token is None else Principal(token))


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}\r\n"


def come(server: Server, kind: str, headers: str = "", **kwargs: Any) -> Any:
    """A client of that kind, which begins with one message; a WebSocket sends it when it may."""
    if kind == "post":
        return server.post(MESSAGE, headers=headers, **kwargs)
    client = server.webSocket(headers=headers, **kwargs)
    if client.received.startswith(b"HTTP/1.1 101"):
        client.frame(envelope({"key": "jobs"}, ["x"]))
    return client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(a=Principal("ada", {"reader"}), b=Principal("bob"), short=Principal("ada", {"x"}, 10))


@pytest.fixture
def server(clock: Clock, tokens: Tokens) -> Server:
    return Server(clock, authenticator=tokens)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def slowServer(clock: Clock, slow: Slow) -> Server:
    return Server(clock, authenticator=slow)


def identities(server: Server) -> list[str | None]:
    return [peer.identity for peer in server.vortex.peers]


def nothingIsLeft(server: Server) -> bool:
    """Of a server to which nobody is connected any more."""
    assert server.vortex.peers == ()
    assert len(server.vortex.wheel) == 0
    assert server.clock.getDelayedCalls() == []
    resource = server.resource
    assert resource._posts._peers == {}
    assert resource._arrivals._lines == {}
    return True


class TestCredentials:
    @KINDS
    def test_are_what_the_request_has_shown(self, server: Server, tokens: Tokens, kind: str) -> None:
        come(
            server,
            kind,
            bearer("a") + "X-Twice: one\r\nX-Twice: two\r\nCookie: session=s1; other=\xe9\r\n",
            address="192.0.2.7",
        )

        (shown,) = tokens.shown
        assert shown.token == "a"
        assert shown.headers["host"] == "127.0.0.1"
        assert shown.headers["x-twice"] == "one"
        assert shown.cookies == {"session": "s1", "other": "\xc3\xa9"}
        assert shown.address == "192.0.2.7"
        assert (shown.peerCertificate, shown.unixCredentials) == (None, None)

    @KINDS
    def test_make_a_peer_with_an_identity_and_roles(self, server: Server, kind: str) -> None:
        """Wherever it comes from: a node with an authenticator is not for its own machine only."""
        come(server, kind, bearer("a"), address="192.0.2.7")

        (peer,) = server.vortex.peers
        assert (peer.identity, peer.roles, peer.name) == ("ada", {"reader"}, "raw")

    @KINDS
    def test_are_not_looked_at_for_a_foreign_page(self, server: Server, tokens: Tokens, kind: str) -> None:
        refused = come(server, kind, bearer("a") + "Origin: http://evil.example\r\n")

        assert b"HTTP/1.1 403 " in refused.received
        assert tokens.shown == []

    def test_are_not_looked_at_for_what_is_no_request_to_a_vortex(
        self, server: Server, tokens: Tokens
    ) -> None:
        client = PostClient(server.site)
        client.send(b"GET /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer a\r\n\r\n")

        assert client.status == 405
        assert tokens.shown == []


class TestRefusals:
    @KINDS
    def test_without_credentials_say_what_kind_is_wanted(self, server: Server, kind: str) -> None:
        refused = come(server, kind)

        head, _, text = refused.received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"WWW-Authenticate: Bearer\r\n" in head + b"\r\n"
        assert text == b"this vortex serves whom it knows, and nothing was shown that it knows\n"

    @KINDS
    def test_of_wrong_ones_say_what_is_wrong(self, server: Server, kind: str) -> None:
        refused = come(server, kind, bearer("nonsense"))

        head, _, text = refused.received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b"WWW-Authenticate" not in head
        assert text == b"the token 'nonsense' is wrong\n"

    @KINDS
    def test_of_two_credentials_at_once_look_at_neither(
        self, server: Server, tokens: Tokens, kind: str
    ) -> None:
        refused = come(server, kind, bearer("a") + bearer("nonsense"))

        assert refused.received.startswith(b"HTTP/1.1 400 ")
        assert tokens.shown == []
        assert refused.closed

    @KINDS
    @pytest.mark.parametrize("headers", ["", bearer("nonsense")])
    def test_give_nothing_and_leave_nothing(self, server: Server, kind: str, headers: str) -> None:
        got: list[Any] = []
        endpoint = PayloadEndpoint({"key": "jobs"}, lambda payload, _: got.append(payload), server.vortex)
        came: list[Any] = []
        server.vortex.onPeerChange(lambda *change: came.append(change))

        refused = come(server, kind, headers)

        assert b"Set-Cookie" not in refused.received
        assert refused.closed
        assert server.vortex.counters == {}
        assert (got, came) == ([], [])
        refused.lose()
        assert nothingIsLeft(server)
        endpoint.shutdown()

    def test_come_before_anything_of_the_body_is_decoded(self, server: Server) -> None:
        """A body that is none is told so, 413, and counted: not for strangers."""
        body = b"x." * 20_000

        assert server.post(body).status == 401
        assert server.vortex.counters == {}
        assert server.post(body, headers=bearer("a")).status == 413
        assert server.vortex.counters == {"malformed": 1}

    @KINDS
    def test_come_before_anything_is_said_of_the_node(self, clock: Clock, tokens: Tokens, kind: str) -> None:
        server = Server(clock, authenticator=tokens, limits=Limits(maxPeers=1))
        come(server, kind, bearer("a"))

        assert b"HTTP/1.1 401 " in come(server, kind).received
        assert b"HTTP/1.1 503 " in come(server, kind, bearer("b")).received

    @KINDS
    def test_by_an_authenticator_that_is_broken_give_nothing_away(self, clock: Clock, kind: str) -> None:
        server = Server(clock, authenticator=CookieAuthenticator(lambda shown: Principal("")))

        with capturedLogs() as logged:
            refused = come(server, kind, "Cookie: a=b\r\n")

        assert b"HTTP/1.1 403 " in refused.received
        assert refused.received.endswith(b"\r\n\r\nwho this is could not be found out\n")
        assert len(logged) == 1

    @KINDS
    def test_spare_who_has_shown_nothing_where_the_node_is_anonymous(
        self, clock: Clock, tokens: Tokens, kind: str
    ) -> None:
        server = Server(clock, authenticator=tokens, anonymous=True)

        come(server, kind)
        come(server, kind, bearer("a"), uuid="2")
        refused = come(server, kind, bearer("nonsense"), uuid="3")

        assert identities(server) == [None, "ada"]
        assert b"HTTP/1.1 403 " in refused.received


class TestWaiting:
    @KINDS
    def test_goes_on_when_it_is_known_who_it_is(
        self, slowServer: Server, slow: Slow, clock: Clock, kind: str
    ) -> None:
        got: list[Any] = []
        endpoint = PayloadEndpoint(
            {"key": "jobs"}, lambda payload, _: got.append(payload.tuples), slowServer.vortex
        )
        client = come(slowServer, kind, bearer("ada"))
        clock.advance(9)
        assert client.received == b""
        assert slowServer.vortex.peers == ()

        slow.answer()

        assert identities(slowServer) == ["ada"]
        if kind == "post":
            assert got == [["x"]]
        else:
            client.frame(envelope({"key": "jobs"}, ["y"]))
            assert got == [["y"]]
        assert len(client.messages) == 1
        client.lose()
        endpoint.shutdown()

    @KINDS
    def test_ends_with_a_refusal(self, slowServer: Server, slow: Slow, kind: str) -> None:
        nobody, wrong = come(slowServer, kind), come(slowServer, kind, bearer("x"), uuid="2")

        slow.asked[1][1].errback(AccessDenied("over"))
        slow.answer(0)

        assert b"HTTP/1.1 401 " in nobody.received
        assert wrong.received.startswith(b"HTTP/1.1 403 ")
        assert wrong.received.endswith(b"\r\n\r\nover\n")
        for client in (nobody, wrong):
            assert client.closed
            client.lose()
        assert nothingIsLeft(slowServer)

    @KINDS
    def test_is_bounded(self, clock: Clock, slow: Slow, kind: str) -> None:
        server = Server(clock, authenticator=slow, limits=Limits(helloTimeout=3))
        client = come(server, kind, bearer("ada"))
        clock.advance(2.8)
        assert client.received == b""
        clock.advance(0.4)

        assert b"HTTP/1.1 503 " in client.received
        assert b"Retry-After" in client.received
        assert client.received.endswith(b"who this is could not be found out within 3 s\n")
        assert slow.asked[0][1].called
        client.lose()
        assert nothingIsLeft(server)

    @KINDS
    def test_is_over_when_the_client_has_gone(self, slowServer: Server, slow: Slow, kind: str) -> None:
        client = come(slowServer, kind, bearer("ada"))

        with capturedLogs() as logged:
            client.lose()
            slowServer.clock.advance(0)

        assert slow.asked[0][1].called  # it was cancelled
        assert nothingIsLeft(slowServer)
        assert logged == []

    @KINDS
    def test_leaves_no_request_for_a_garbage_collection(
        self, slowServer: Server, slow: Slow, kind: str
    ) -> None:
        clients = [come(slowServer, kind, bearer("ada"), uuid=str(number)) for number in range(3)]
        channels = [weakref.ref(client.wire.protocol) for client in clients]
        gc.collect()
        gc.disable()
        try:
            clients[0].lose()
            slowServer.clock.advance(0)
            slow.asked[1][1].errback(AccessDenied("no"))
            clients[1].lose()
            slow.answer(2)
            if kind == "post":
                clients[2].lose()
                slowServer.clock.advance(20)
            for client in clients:
                client.wire.protocol = None
                client.wire.producer = None
            slow.asked.clear()

            assert [channel() for channel in channels] == [None] * 3
        finally:
            gc.enable()

    def test_keeps_the_order_of_one_senders_posts(self, slowServer: Server, slow: Slow) -> None:
        """Each takes over from the one before: the last that was sent is the one that is held."""
        posts = [slowServer.post(MESSAGE, headers=bearer("ada")) for _ in range(3)]

        slow.answer(2)
        slow.answer(1)
        assert slowServer.vortex.peers == ()
        slow.answer(0)

        assert identities(slowServer) == ["ada"]
        assert [post.ended for post in posts] == [True, True, False]

    def test_keeps_it_where_a_later_one_is_known_at_once(self, clock: Clock) -> None:
        asked: list[Deferred[Principal | None]] = []

        def check(credentials: Credentials) -> Any:
            if asked:
                return Principal("ada")
            asked.append(Deferred())
            return asked[0]

        server = Server(clock, authenticator=CookieAuthenticator(check))
        posts = [server.post(MESSAGE, headers="Cookie: session=s1\r\n") for _ in range(2)]
        assert [post.received for post in posts] == [b"", b""]
        other = server.post(MESSAGE, headers="Cookie: session=s2\r\n")
        assert other.status == 200

        asked[0].callback(Principal("ada"))

        assert [post.ended for post in posts] == [True, False]

    def test_goes_on_when_the_one_before_has_gone(self, slowServer: Server, slow: Slow) -> None:
        first = slowServer.post(MESSAGE, headers=bearer("ada"))
        second = slowServer.post(MESSAGE, headers=bearer("ada"))
        slow.answer(1)
        assert second.received == b""

        first.lose()
        slowServer.clock.advance(0)

        assert second.status == 200
        assert identities(slowServer) == ["ada"]

    def test_holds_up_nobody_with_other_credentials(self, slowServer: Server, slow: Slow) -> None:
        """A uuid is a label: who says the same one is not waited for."""
        slowServer.post(MESSAGE, headers=bearer("eve"))
        honest = slowServer.post(MESSAGE, headers=bearer("ada"))

        slow.answer(1)

        assert honest.status == 200
        assert identities(slowServer) == ["ada"]

    @KINDS
    def test_counts_who_came_meanwhile(self, clock: Clock, slow: Slow, kind: str) -> None:
        server = Server(clock, authenticator=slow, limits=Limits(maxPeers=2))
        come(server, kind, bearer("ada"), uuid="0")
        slow.answer(0)
        clients = [come(server, kind, bearer("ada"), uuid=str(number)) for number in (1, 2)]

        slow.answer(2)
        slow.answer(1)

        assert b"HTTP/1.1 503 " in clients[0].received
        assert [peer.uuid for peer in server.vortex.peers] == ["0", "2"]

    @KINDS
    def test_is_for_no_more_than_may_come_in(self, clock: Clock, slow: Slow, kind: str) -> None:
        server = Server(clock, authenticator=slow, limits=Limits(maxPeers=2))
        waiting = [come(server, kind, bearer("ada"), uuid=str(number)) for number in range(2)]

        third = come(server, kind, bearer("ada"), uuid="third")

        assert b"HTTP/1.1 503 " in third.received
        assert third.closed
        assert [client.received for client in waiting] == [b"", b""]

    @KINDS
    def test_ends_with_the_node(self, slowServer: Server, slow: Slow, clock: Clock, kind: str) -> None:
        client = come(slowServer, kind, bearer("ada"))
        slowServer.vortex.shutdown()
        clock.advance(0)

        slow.answer()

        assert b"HTTP/1.1 503 " in client.received
        assert slowServer.vortex.peers == ()


class TestWhoseSessionAPostContinues:
    def test_is_its_own_principals(self, server: Server) -> None:
        first = server.post(MESSAGE, headers=bearer("a"))
        again = server.post(MESSAGE, headers=bearer("a") + first.cookie)

        assert first.ended
        assert not again.ended
        assert identities(server) == ["ada"]

    @pytest.mark.parametrize("withCookie", [False, True])
    def test_is_no_other_principals_whatever_it_says(self, server: Server, withCookie: bool) -> None:
        victim = server.post(MESSAGE, headers=bearer("a"))
        cookie = victim.cookie if withCookie else ""

        other = server.post(MESSAGE, headers=bearer("b") + cookie)

        assert not victim.ended
        assert not other.ended
        assert identities(server) == ["ada", "bob"]

    def test_is_nobodys_for_an_anonymous_one(self, clock: Clock, tokens: Tokens) -> None:
        server = Server(clock, authenticator=tokens, anonymous=True)
        somebody = server.post(MESSAGE, headers=bearer("a"))

        nobody = server.post(MESSAGE, headers=somebody.cookie)
        again = server.post(MESSAGE, headers=somebody.cookie)

        assert not somebody.ended
        assert nobody.ended
        assert not again.ended
        assert identities(server) == ["ada", None]

    def test_a_refused_one_does_not_touch(self, server: Server) -> None:
        victim = server.post(MESSAGE, headers=bearer("a"))

        for headers in (victim.cookie, bearer("nonsense") + victim.cookie):
            assert server.post(MESSAGE, headers=headers).status in (401, 403)

        assert not victim.ended
        assert identities(server) == ["ada"]

    def test_is_renewed_by_what_it_shows(self, server: Server, clock: Clock) -> None:
        first = server.post(MESSAGE, headers=bearer("short"))
        (peer,) = server.vortex.peers
        clock.advance(8)
        second = server.post(MESSAGE, headers=bearer("short") + first.cookie)
        clock.advance(8)
        assert peer.isOnline
        assert not second.ended

        clock.advance(2.2)

        assert not peer.isOnline
        assert second.ended

    def test_has_the_roles_of_the_last(self, server: Server, clock: Clock) -> None:
        first = server.post(MESSAGE, headers=bearer("short"))
        (peer,) = server.vortex.peers
        assert peer.roles == {"x"}

        server.post(MESSAGE, headers=bearer("a") + first.cookie)
        clock.advance(12)

        assert peer.roles == {"reader"}
        assert peer.isOnline


class TestWebSocketLifetime:
    def test_ends_with_a_code_of_its_own(self, server: Server, clock: Clock) -> None:
        client = server.webSocket(headers=bearer("short"))
        clock.advance(9.9)
        assert client.closeCode is None
        clock.advance(0.3)

        assert client.closeCode == 4005
        assert server.vortex.peers == ()

    def test_is_cut_short_by_a_revocation(self, server: Server) -> None:
        clients = [server.webSocket(headers=bearer(token)) for token in ("a", "short", "b")]

        assert server.vortex.revoke("ada") == 2

        assert [client.closeCode for client in clients] == [4006, 4006, None]
        refused = server.webSocket(headers=bearer("a"))
        assert refused.received.endswith(b"\r\n\r\nthe access of 'ada' was revoked\n")
        assert b"HTTP/1.1 403 " in refused.received
