"""Sessions of the native wire that could go wrong again and again, or take effect twice: they do not."""

from __future__ import annotations

import random

import pytest

from tests.node.links import OVERS, AlwaysLongest, ByToken, answerer, cutAll, eventsOf
from vortex import ConnectionLost, LimitExceeded, Payload, PayloadEndpoint, RemoteError, SessionReset
from vortex.access.principal import Credentials, Principal
from vortex.limits import Limits
from vortex.node.vortex_connection import ConnectionState
from vortex.routing.delivery import Delivery
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over


def noise(size: int) -> bytes:
    """What cannot be compressed."""
    return random.Random(1).randbytes(size)


@pytest.mark.parametrize("size", [150_000, 400_000])  # the longer one is refused before its message ends
@pytest.mark.parametrize("over", OVERS)
class TestAnAnswerThatIsTooLong:
    def test_ends_the_session_once_and_at_both_ends(
        self, harness: VortexHarness, over: Over, size: int
    ) -> None:
        """It would come again at each resume."""
        server, client = harness.node("server"), harness.node("client", limits=Limits(maxFrame=100_000))
        big = PayloadEndpoint({"key": "big"}, lambda _, delivery: delivery.reply([noise(size)], True), server)
        echo = answerer(server)
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        first = server.peers[0]

        asked = connection.request(Payload({"key": "big"}))
        harness.advance(1)
        with pytest.raises(ConnectionLost):
            harness.resultOf(asked)
        assert not first.isOnline
        answer = harness.resultOf(connection.request(Payload({"key": "echo"}, ["x"])))
        harness.advance(60)

        assert answer.tuples == ["x"]
        assert (connection.state, connection.reconnects) == (ConnectionState.OPEN, 1)
        assert len(server.peers) == 1
        assert (big.isLive, len(echo.payloads)) == (True, 1)


class TestALongMessage:
    @pytest.mark.parametrize("isDown", [True, False])
    def test_may_be_written_again_behind_others(self, harness: VortexHarness, isDown: bool) -> None:
        """Each is no longer than maxFrame; together, in one message of the WebSocket, they are."""
        limits = Limits(maxFrame=100_000)
        server, client = harness.node("server", limits=limits), harness.node("client", limits=limits)
        here, there = (server, client) if isDown else (client, server)
        got: list[int] = []
        endpoint = PayloadEndpoint({"key": "k"}, lambda payload, _: got.append(len(payload.tuples[0])), there)
        connection = harness.connect(client, server, over="websocket", wire="native", random=AlwaysLongest())
        events = eventsOf(connection)
        cutAll(harness)

        for size in (*[1000] * 40, 70_000):
            here.peers[0].send(Payload({"key": "k"}, [noise(size)]))
        harness.advance(1)

        assert endpoint.isLive
        assert got == [*[1000] * 40, 70_000]
        assert not any(isinstance(event, SessionReset) for event in events)

    def test_is_refused_at_once_that_no_body_can_hold(self, harness: VortexHarness) -> None:
        server, client = harness.node("server", limits=Limits(maxBody=50_000)), harness.node("client")
        echo = answerer(server)
        connection = harness.connect(client, server, over="post", wire="native")

        with pytest.raises(LimitExceeded, match="the other end accepts 49488"):
            harness.resultOf(connection.request(Payload({"key": "echo"}, [noise(60_000)])))
        answer = harness.resultOf(connection.request(Payload({"key": "echo"}, [noise(45_000)])))

        assert answer.tuples == [noise(45_000)]
        assert (len(echo.payloads), connection.reconnects) == (1, 0)


class TestAnAction:
    @pytest.mark.parametrize("over", ["websocket", "post"])
    def test_is_not_done_again_as_somebody_else(self, harness: VortexHarness, over: Over) -> None:
        server, client = harness.node("server", authenticator=ByToken()), harness.node("client")
        paid: list[tuple[str | None, int]] = []

        def pay(payload: Payload, delivery: Delivery) -> None:
            paid.append((delivery.peer.identity, payload.tuples[0]))

        endpoint = PayloadEndpoint({"key": "pay"}, pay, server)
        shown = ["good"]
        connection = harness.connect(
            client, server, over=over, wire="native", token=lambda: shown[0], random=AlwaysLongest()
        )
        asked = connection.request(Payload({"key": "pay"}, [100]), timeout=None)
        harness.settle()

        shown[0] = "other"
        cutAll(harness)
        harness.advance(1)
        with pytest.raises(RemoteError, match="it was sent as somebody else") as caught:
            harness.resultOf(asked)
        connection.request(Payload({"key": "pay"}, [7]), timeout=None).addErrback(lambda _: None)
        harness.settle()

        assert caught.value.code == "outcome-unknown"
        assert paid == [("pump", 100), ("somebody", 7)]
        assert endpoint.isLive

    @pytest.mark.parametrize("over", ["websocket", "post"])
    def test_is_not_done_as_somebody_else_though_the_session_has_expired(
        self, harness: VortexHarness, over: Over
    ) -> None:
        limits = Limits(sessionLinger=0.1)
        server = harness.node("server", authenticator=ByToken(), limits=limits)
        client = harness.node("client")
        paid: list[tuple[str | None, int]] = []

        def pay(payload: Payload, delivery: Delivery) -> None:
            paid.append((delivery.peer.identity, payload.tuples[0]))

        endpoint = PayloadEndpoint({"key": "pay"}, pay, server)
        shown = ["good"]
        connection = harness.connect(
            client, server, over=over, wire="native", token=lambda: shown[0], random=AlwaysLongest()
        )
        resets: list[object] = []
        client.onSessionEvent(lambda event, _: resets.append(event))
        asked = connection.request(Payload({"key": "pay"}, [100]), timeout=None)
        harness.settle()
        shown[0] = "other"
        cutAll(harness)
        harness.advance(5)
        assert server.counters["expired"] == 1

        with pytest.raises(RemoteError, match="it was sent as somebody else") as caught:
            harness.resultOf(asked)
        connection.request(Payload({"key": "pay"}, [7]), timeout=None).addErrback(lambda _: None)
        harness.settle()

        assert caught.value.code == "outcome-unknown"
        assert paid == [("pump", 100), ("somebody", 7)]
        assert [event.reason for event in resets if isinstance(event, SessionReset)] == ["auth"]
        assert endpoint.isLive


class TestAProgramThatIsStartedAnew:
    @pytest.mark.parametrize("by", ["toName", "toUuid"])
    def test_is_asked_and_not_the_session_that_it_has_left(self, harness: VortexHarness, by: str) -> None:
        server, before = harness.node("server"), harness.node("worker", uuid="W")
        left = harness.connect(before, server, wire="native", random=AlwaysLongest())
        cutAll(harness)
        left.close()
        after = harness.node("worker", uuid="W")
        echo = answerer(after)
        harness.connect(after, server, wire="native")
        assert [peer.isConnected for peer in server.peers] == [False, True]

        ask = Payload({"key": "echo"}, ["x"])
        asked = server.request(ask, toName="worker") if by == "toName" else server.request(ask, toUuid="W")

        assert harness.resultOf(asked).tuples == ["x"]
        assert server.peerWithUuid("W") is server.peers[1]
        assert len(echo.payloads) == 1


@pytest.mark.parametrize("over", OVERS)
class TestALineThatBreaksEarly:
    def test_brings_in_parts_what_it_does_not_at_once(self, harness: VortexHarness, over: Over) -> None:
        server, client = harness.node("server"), harness.node("client")
        echo = answerer(server)
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        harness.network.onConnect(lambda made: made.toServer.cut(afterBytes=6000))
        cutAll(harness)

        asked = [connection.request(Payload({"key": "echo"}, [number])) for number in range(200)]
        for _ in range(29):
            harness.advance(1)

        assert all(each.called for each in asked)
        assert [payload.tuples for payload in echo.payloads] == [[number] for number in range(200)]


class Ada:
    """Everybody is ada, with the roles that the test gives her."""

    def __init__(self) -> None:
        self.roles = frozenset({"reader", "manager"})

    def authenticate(self, credentials: Credentials) -> Principal:
        return Principal("ada", self.roles)


@pytest.mark.parametrize("over", OVERS)
class TestWhoHasLostARole:
    def test_is_told_and_gets_what_it_may_have_by_asking_again(
        self, harness: VortexHarness, over: Over
    ) -> None:
        ada = Ada()
        server, client = harness.node("server", authenticator=ada), harness.node("client")
        echo = answerer(server)
        pushed = RecordingEndpoint({"key": "for managers"}, client)
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        events = eventsOf(connection)
        asked = connection.request(Payload({"key": "echo"}, ["x"]))
        cutAll(harness)

        server.send(Payload({"key": "for managers"}, ["secret"]))
        ada.roles = frozenset({"reader"})
        harness.advance(10)

        assert events == [SessionReset("rights")]
        assert pushed.payloads == []
        assert harness.resultOf(asked).tuples == ["x"]
        assert len(echo.payloads) == 1
        assert [peer.roles for peer in server.peers] == [{"reader"}]
