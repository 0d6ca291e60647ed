"""Who a peer was found to be, for how long, and what ends it: on nodes that a harness holds."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from twisted.internet.defer import Deferred, succeed

from tests.access.tokens import SECRET
from tests.testing.protocols import Wanting
from tests.transports.streams_by_hand import OtherEnd, helloOf
from vortex.access.first_of import firstOf
from vortex.access.principal import Authenticator, Credentials, Principal
from vortex.access.shared_secret import SharedSecretAuthenticator
from vortex.errors import AccessDenied, NotConnected, RemoteError, RequestTimeout
from vortex.limits import Limits
from vortex.node.peer import VortexPeer
from vortex.node.vortex import Vortex
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.protocol.payload import Payload
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.testing import VortexHarness

Over = Literal["websocket", "post"]
BOTH = pytest.mark.parametrize("over", ["websocket", "post"])


class Slow:
    """An authenticator that takes its time; `asked` are the Deferreds that it has given."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Principal | None]] = []

    def authenticate(self, credentials: Credentials) -> Deferred[Principal | None]:
        self.asked.append(Deferred())
        return self.asked[-1]


class Secured:
    """A server with an authenticator, and a client that connects to it."""

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.tokens = SharedSecretAuthenticator(SECRET, now=harness.clock.seconds)
        self.server = harness.node("server", authenticator=self.tokens)
        self.client = harness.node("client")

    def connect(self, over: Over, **options: Any) -> VortexConnection:
        options.setdefault("token", self.tokens.token("ada", roles={"reader"}, lifetime=60))
        return self.harness.connect(self.client, self.server, over=over, **options)

    @property
    def there(self) -> tuple[VortexPeer, ...]:
        """Who is connected to it now."""
        return tuple(peer for peer in self.server.peers if peer.isConnected)

    @property
    def identities(self) -> list[tuple[str | None, frozenset[str]]]:
        return [(peer.identity, frozenset(peer.roles)) for peer in self.there]


@pytest.fixture
def secured(vortexHarness: VortexHarness) -> Secured:
    return Secured(vortexHarness)


class TestLifetime:
    @BOTH
    def test_ends_the_line(self, secured: Secured, over: Over) -> None:
        connection = secured.connect(over)
        assert secured.identities == [("ada", {"reader"})]

        secured.harness.advance(59.8)
        assert connection.state is ConnectionState.OPEN
        secured.harness.advance(0.4)

        assert secured.there == ()
        assert connection.state is not ConnectionState.OPEN
        # and it does not come in with that token again
        secured.harness.advance(30)
        assert secured.there == ()
        assert isinstance(connection.error, AccessDenied)
        assert "the token expired at 1970-01-01T00:01:00Z" in str(connection.error)

    @pytest.mark.parametrize("over", ["tcp", "websocket", "post"])
    def test_counts_from_when_it_was_found(self, vortexHarness: VortexHarness, over: Any) -> None:
        class Known:
            def authenticate(self, credentials: Credentials) -> Principal:
                return Principal("ada", lifetime=7)

        server = vortexHarness.node("server", authenticator=Known())
        changes: list[tuple[bool, float]] = []
        server.onPeerChange(lambda peer, online: changes.append((online, vortexHarness.clock.seconds())))
        vortexHarness.advance(100)
        client = vortexHarness.node("client")
        connection = vortexHarness.connect(client, server, over=over, wire="vortexpy")
        connection.onStateChange(lambda state, each: state == "waiting" and each.close())
        vortexHarness.advance(20)

        assert changes == [(True, 100), (False, pytest.approx(107, abs=0.2))]

    @BOTH
    def test_leaves_the_session_to_who_has_a_fresh_token_in_time(self, secured: Secured, over: Over) -> None:
        connection = secured.connect(over)
        (peer,) = secured.server.peers
        answer = connection.request(Payload({"key": "nobody answers"}), timeout=None)
        secured.harness.advance(70)
        assert secured.there == ()

        connection.refresh(secured.tokens.token("ada", lifetime=60))
        secured.harness.advance(10)

        assert secured.there == (peer,)
        assert not answer.called
        answer.addErrback(lambda _: None)

    def test_without_an_end_leaves_it_alone(self, vortexHarness: VortexHarness) -> None:
        class Known:
            def authenticate(self, credentials: Credentials) -> Principal:
                return Principal("ada")

        server = vortexHarness.node("server", authenticator=Known())
        connection = vortexHarness.connect(vortexHarness.node("client"), server, over="websocket")
        vortexHarness.advance(24 * 3600)

        assert connection.state is ConnectionState.OPEN
        assert connection.reconnects == 0


class TestRefresh:
    @BOTH
    def test_keeps_the_line_and_changes_the_roles(self, secured: Secured, over: Over) -> None:
        connection = secured.connect(over)
        (peer,) = secured.server.peers
        secured.harness.advance(50)

        fresh = secured.tokens.token("ada", roles={"writer"}, lifetime=60)
        assert secured.harness.resultOf(connection.refresh(fresh)) is None
        assert secured.identities == [("ada", {"writer"})]
        secured.harness.advance(59)
        assert secured.server.peers == (peer,)
        connection.send(Payload({"key": "k"}))  # by POST that is one more request, with the fresh token
        secured.harness.settle()
        assert secured.identities == [("ada", {"writer"})]
        secured.harness.advance(1.2)
        assert secured.there == ()

    @BOTH
    def test_is_what_the_next_line_is_opened_with(self, secured: Secured, over: Over) -> None:
        connection = secured.connect(over)
        secured.harness.resultOf(connection.refresh(secured.tokens.token("ada", lifetime=1000)))
        secured.harness.advance(100)

        secured.server.peers[0].close()
        secured.harness.advance(10)

        assert secured.identities == [("ada", frozenset())]
        assert connection.reconnects == 1

    @BOTH
    def test_with_somebody_elses_token_ends_the_line(self, secured: Secured, over: Over) -> None:
        connection = secured.connect(over)
        (peer,) = secured.server.peers

        with pytest.raises(RemoteError, match="the token is somebody else's") as caught:
            secured.harness.resultOf(connection.refresh(secured.tokens.token("eve")))

        assert caught.value.code == "access-denied"
        assert not peer.isOnline
        secured.harness.advance(10)
        assert secured.identities == [("ada", {"reader"})]  # the old token is still good for a new line

    @BOTH
    @pytest.mark.parametrize("token", ["v1.nonsense.x", "x"])
    def test_with_a_bad_token_changes_nothing(self, secured: Secured, over: Over, token: str) -> None:
        connection = secured.connect(over)
        (peer,) = secured.server.peers

        with pytest.raises(RemoteError) as caught:
            secured.harness.resultOf(connection.refresh(token))

        assert caught.value.code == "access-denied"
        assert secured.server.peers == (peer,)
        secured.harness.advance(59)
        assert secured.there == (peer,)
        secured.harness.advance(2)
        assert secured.there == ()

    def test_of_an_expired_token_is_refused(self, secured: Secured) -> None:
        connection = secured.connect("websocket")
        old = secured.tokens.token("ada", lifetime=5)
        secured.harness.advance(6)

        with pytest.raises(RemoteError, match="the token expired at 1970-01-01T00:00:05Z"):
            secured.harness.resultOf(connection.refresh(old))

    @pytest.mark.parametrize("tuples", [[], ["a", "b"], [7], None])
    def test_takes_one_text(self, secured: Secured, tuples: Any) -> None:
        connection = secured.connect("websocket")

        with pytest.raises(RemoteError, match="expected one token, a text, got") as caught:
            secured.harness.resultOf(connection.request(Payload({"key": "vortex.credentials"}, tuples)))

        assert caught.value.code == "bad-payload"

    def test_looks_at_one_token_of_a_peer_at_a_time(self, vortexHarness: VortexHarness) -> None:
        slow = Slow()
        server = vortexHarness.node("server", authenticator=slow)
        client = vortexHarness.node("client")
        connection = vortexHarness.connect(client, server, over="websocket")
        slow.asked[0].callback(Principal("ada", frozenset(), 60))
        vortexHarness.settle()

        first, second = connection.refresh("t1"), connection.refresh("t2")
        with pytest.raises(RemoteError, match="the token before this one is still being looked at"):
            vortexHarness.resultOf(second)
        slow.asked[1].callback(Principal("ada", frozenset({"late"}), 60))

        assert vortexHarness.resultOf(first) is None
        assert [peer.roles for peer in server.peers] == [{"late"}]
        assert len(slow.asked) == 2

    def test_that_is_decided_when_the_peer_has_gone_leaves_nothing(
        self, vortexHarness: VortexHarness
    ) -> None:
        slow = Slow()
        server = vortexHarness.node("server", authenticator=slow)
        connection = vortexHarness.connect(vortexHarness.node("client"), server, over="websocket")
        slow.asked[0].callback(Principal("ada"))
        vortexHarness.settle()
        connection.refresh("t").addErrback(lambda _: None)
        vortexHarness.settle()

        connection.close()
        vortexHarness.settle()
        slow.asked[1].callback(Principal("ada", frozenset(), 60))
        vortexHarness.settle()

        assert server.peers == ()
        assert len(server.wheel) == 0

    def test_is_not_taken_where_nobody_asks(self, vortexHarness: VortexHarness) -> None:
        server = vortexHarness.node("server")
        connection = vortexHarness.connect(vortexHarness.node("client"), server, over="websocket")

        refreshed = connection.refresh("t")
        assert server.payloadIO.endpoints == ()
        vortexHarness.advance(31)

        with pytest.raises(RequestTimeout):
            vortexHarness.resultOf(refreshed)

    def test_makes_nobody_of_somebody_anonymous(self, vortexHarness: VortexHarness) -> None:
        tokens = SharedSecretAuthenticator(SECRET, now=vortexHarness.clock.seconds)
        server = vortexHarness.node("server", authenticator=tokens, anonymous=True)
        connection = vortexHarness.connect(vortexHarness.node("client"), server, over="websocket")
        (peer,) = server.peers
        assert peer.identity is None

        with pytest.raises(RemoteError, match="somebody else's"):
            vortexHarness.resultOf(connection.refresh(tokens.token("ada")))

        assert not peer.isOnline

    def test_is_not_taken_from_the_end_that_was_connected_to(self, secured: Secured) -> None:
        other = secured.harness.node("other", authenticator=secured.tokens)
        secured.harness.connect(other, secured.server, over="websocket", token=secured.tokens.token("other"))
        (peer,) = secured.server.peers

        with pytest.raises(RemoteError, match="a token is shown by the end that has connected"):
            secured.harness.resultOf(
                peer.request(Payload({"key": "vortex.credentials"}, [secured.tokens.token("ada")]))
            )

    def test_while_no_line_is_open_is_for_the_next(self, secured: Secured) -> None:
        connection = secured.connect("websocket", token="v1.bad.token")
        assert connection.state is ConnectionState.WAITING

        assert secured.harness.resultOf(connection.refresh(secured.tokens.token("ada"))) is None
        secured.harness.advance(10)

        assert secured.identities == [("ada", frozenset())]

    def test_leaves_a_function_for_tokens_in_its_place(self, secured: Secured) -> None:
        asked: list[str] = []

        def token() -> str:
            asked.append(secured.tokens.token("ada", roles={f"r{len(asked)}"}, lifetime=1000))
            return asked[-1]

        connection = secured.connect("post", token=token)
        secured.harness.resultOf(connection.refresh(secured.tokens.token("ada", roles={"x"}, lifetime=1000)))
        connection.send(Payload({"key": "k"}))
        secured.harness.settle()
        assert secured.identities == [("ada", {"x"})]

        secured.server.peers[0].close()
        secured.harness.advance(10)

        assert secured.identities == [("ada", {"r1"})]

    def test_needs_http_and_a_text(self, secured: Secured, vortexHarness: VortexHarness) -> None:
        connection = secured.connect("websocket")
        for bad in ("two\nlines", "", 7):
            with pytest.raises(ValueError, match="expected the token to be printable ASCII"):
                connection.refresh(bad)  # type: ignore[arg-type]

        stream = vortexHarness.connect(vortexHarness.node("x"), vortexHarness.node("y"), over="tcp")
        with pytest.raises(ValueError, match="a token would go with HTTP, and tcp: has none"):
            stream.refresh("t")

    def test_of_a_closed_connection_fails(self, secured: Secured) -> None:
        connection = secured.connect("websocket")
        connection.close()

        with pytest.raises(NotConnected):
            secured.harness.resultOf(connection.refresh(secured.tokens.token("ada")))


class TestRevoke:
    @BOTH
    def test_ends_all_lines_of_somebody_and_keeps_it_out_until_it_is_restored(
        self, secured: Secured, over: Over
    ) -> None:
        lines = [secured.connect(over) for _ in range(2)]
        other = secured.connect(over, token=secured.tokens.token("bob", lifetime=600))

        assert secured.server.revoke("ada") == 2
        assert secured.identities == [("bob", frozenset())]
        secured.harness.advance(20)
        assert secured.identities == [("bob", frozenset())]
        assert all(isinstance(line.error, AccessDenied) for line in lines)
        assert "the access of 'ada' was revoked" in str(lines[0].error)
        assert other.reconnects == 0

        secured.server.restore(Principal("ada"))
        secured.harness.advance(20)
        assert ("ada", {"reader"}) in secured.identities

    def test_refuses_a_fresh_token_too(self, secured: Secured) -> None:
        principal = Principal("ada", frozenset({"whatever"}))
        secured.connect("websocket")
        assert secured.server.revoke(principal) == 1
        assert secured.server.revoke(principal) == 0

        with pytest.raises(AccessDenied, match="the access of 'ada' was revoked"):
            secured.harness.resultOf(
                secured.server.admit(
                    Credentials(headers={"authorization": f"Bearer {secured.tokens.token('ada')}"})
                )
            )

    def test_catches_who_has_not_said_yet_who_it_is(self, vortexHarness: VortexHarness) -> None:
        """A raw stream is let in before its hello; what comes of it is no peer."""

        class Known:
            def authenticate(self, credentials: Credentials) -> Principal:
                return Principal("ada")

        server = vortexHarness.node("server", authenticator=Known())
        came: list[bool] = []
        server.onPeerChange(lambda peer, online: came.append(online))
        stranger = OtherEnd()
        where = vortexHarness.network.clientEndpoint(vortexHarness.listen(server, "tcp"))
        vortexHarness.resultOf(where.connect(Wanting(stranger)))
        assert server.peers == ()

        assert server.revoke("ada") == 0
        stranger.write(helloOf())
        vortexHarness.settle()

        assert came == []
        assert stranger.isOver


class TestAdmit:
    def test_gives_up_on_an_authenticator_in_time(self, vortexHarness: VortexHarness) -> None:
        slow = Slow()
        server = vortexHarness.node("server", authenticator=slow, limits=Limits(helloTimeout=3))
        admitted = server.admit(Credentials())
        vortexHarness.advance(2.9)
        assert not admitted.called
        vortexHarness.advance(0.2)

        with pytest.raises(RequestTimeout, match="who this is could not be found out within 3 s"):
            vortexHarness.resultOf(admitted)
        assert slow.asked[0].called

    def test_that_is_decided_at_once_sets_no_timer(self, secured: Secured) -> None:
        with pytest.raises(AccessDenied):
            secured.harness.resultOf(secured.server.admit(Credentials()))

        assert len(secured.server.wheel) == 0


class TestAuthenticators:
    def test_may_be_several(self, vortexHarness: VortexHarness) -> None:
        """The first says no in words, the second knows who it is."""

        class Later:
            def authenticate(self, credentials: Credentials) -> Deferred[Principal | None]:
                return succeed(Principal("fallback"))

        both: Authenticator = firstOf(SharedSecretAuthenticator(SECRET), Later())
        server = vortexHarness.node("server", authenticator=both)
        vortexHarness.connect(vortexHarness.node("client"), server, over="post", token="v1.bad.token")

        assert [peer.identity for peer in server.peers] == ["fallback"]


class TestAccessOfEndpoints:
    def test_is_decided_by_the_roles_of_now(self, secured: Secured) -> None:
        got: list[Any] = []
        endpoint = PayloadEndpoint(
            {"key": "k"}, lambda payload, _: got.append(payload.tuples), secured.server, access={"reader"}
        )
        connection = secured.connect("websocket")
        connection.send(Payload({"key": "k"}, ["read"]))
        secured.harness.settle()
        assert got == [["read"]]

        secured.harness.resultOf(connection.refresh(secured.tokens.token("ada", roles={"other"})))
        with pytest.raises(RemoteError) as caught:
            secured.harness.resultOf(connection.request(Payload({"key": "k"}, ["again"])))

        assert caught.value.code == "access-denied"
        assert got == [["read"]]
        endpoint.shutdown()


def test_a_node_with_an_authenticator_is_let_go() -> None:
    """It and what takes fresh tokens hold each other in no ring."""
    import gc
    import weakref

    gc.collect()
    gc.disable()
    try:
        node = Vortex("node", authenticator=SharedSecretAuthenticator(SECRET))
        gone = weakref.ref(node)
        del node
        assert gone() is None
    finally:
        gc.enable()
