"""Connections on the native wire: through cuts, resets and ends, nothing is lost and nothing comes twice."""

from __future__ import annotations

import gc
import weakref
from random import Random
from typing import Any

import pytest

from tests.node.links import OVERS, AlwaysLongest, ByToken, answerer, cutAll, eventsOf, statesOf
from vortex import (
    AccessDenied,
    ConnectionLost,
    NotConnected,
    Payload,
    PayloadEndpoint,
    QueueOverflow,
    RequestTimeout,
    SessionExpired,
    SessionReset,
    SessionResumed,
    Vortex,
)
from vortex.access.principal import Principal
from vortex.errors import LimitExceeded
from vortex.limits import Limits
from vortex.node.vortex_connection import ConnectionState
from vortex.routing.delivery import Delivery
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over


@pytest.mark.parametrize("over", OVERS)
class TestACut:
    def test_leaves_the_peer_as_it_is(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        peer, states, events = connection.peer, statesOf(connection), eventsOf(connection)
        assert peer is not None
        changes: list[bool] = []
        client.onPeerChange(lambda _, online: changes.append(online))

        cutAll(harness)
        parked = (connection.peer, peer.isOnline, peer.isConnected, connection.state, connection.retryAt)
        again = connection.connected
        assert not again.called
        harness.advance(0.25)

        assert parked == (peer, True, False, "waiting", 0.25)
        assert harness.resultOf(again) is peer
        assert (connection.peer, peer.isConnected, connection.reconnects) == (peer, True, 1)
        assert states == ["waiting", "connecting", "open"]
        assert events == [SessionResumed(replayed=0, after=0.25)]
        assert changes == []
        assert len(server.peers) == 1

    def test_lets_a_request_wait_for_its_answer(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        waiting: list[Delivery] = []
        asked = [PayloadEndpoint({"key": "slow"}, lambda _, delivery: waiting.append(delivery), server)]
        before = connection.request(Payload({"key": "slow"}, [1]))
        harness.settle()

        cutAll(harness)
        waiting[0].reply(["while it was cut"], True)
        harness.advance(0.3)

        assert harness.resultOf(before).tuples == ["while it was cut"]
        assert len(waiting) == 1
        assert asked

    def test_lets_what_is_sent_and_asked_meanwhile_go_out_after_it(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        heard = RecordingEndpoint({"key": "in"}, server)
        echo = answerer(server)

        cutAll(harness)
        for number in range(3):
            connection.send(Payload({"key": "in"}, [number]))
        answer = connection.request(Payload({"key": "echo"}, ["asked while it was cut"]))
        harness.settle()
        assert heard.tuples == []
        harness.advance(0.3)

        assert heard.tuples == [0, 1, 2]
        assert harness.resultOf(answer).tuples == ["asked while it was cut"]
        assert len(echo.payloads) == 1

    def test_loses_nothing_that_was_on_its_way(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        here = RecordingEndpoint({"key": "out"}, client)
        there = RecordingEndpoint({"key": "in"}, server)
        for number in range(100):
            connection.send(Payload({"key": "in"}, [number]))
            server.send(Payload({"key": "out"}, [number]))

        cutAll(harness)  # before a turn of the clock has moved any of it
        harness.advance(0.3)

        assert there.tuples == list(range(100))
        assert here.tuples == list(range(100))

    def test_lets_a_request_end_by_its_timeout(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        harness.network.onConnect(lambda line: line.cut())
        cutAll(harness)
        answer = connection.request(Payload({"key": "echo"}), timeout=20)

        harness.advance(19.9)
        assert not answer.called
        harness.advance(0.2)

        with pytest.raises(RequestTimeout, match="20 s"):
            harness.resultOf(answer)

    def test_queues_as_much_as_the_limit_says(
        self, harness: VortexHarness, server: Vortex, over: Over
    ) -> None:
        client = harness.node("client", limits=Limits(maxOutboxItems=5))
        connection = harness.connect(client, server, over=over, wire="native")
        there = RecordingEndpoint({"key": "in"}, server)
        cutAll(harness)

        sent = [connection.send(Payload({"key": "in"}, [number])) for number in range(6)]

        for each in sent[:5]:
            assert harness.resultOf(each) == 1
        with pytest.raises(QueueOverflow, match="maxOutboxItems"):
            harness.resultOf(sent[5])
        harness.advance(0.3)
        assert there.tuples == [0, 1, 2, 3, 4]
        assert connection.state is ConnectionState.OPEN


@pytest.mark.parametrize("over", OVERS)
class TestAReset:
    def test_asks_again_what_was_not_answered(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        events, peer = eventsOf(connection), connection.peer
        waiting: list[Delivery] = []
        asked = [PayloadEndpoint({"key": "slow"}, lambda _, delivery: waiting.append(delivery), server)]
        answer = connection.request(Payload({"key": "slow"}, [1]), timeout=None)
        harness.settle()

        expire(harness, server)
        connection.send(Payload({"key": "x"}))
        harness.advance(9)
        for each in waiting:
            each.reply(["late"], True)

        assert events == [SessionExpired(), SessionReset("expired")]
        assert harness.resultOf(answer).tuples == ["late"]
        assert len(waiting) == 1, "it was asked again, and ran once"
        assert connection.peer is peer
        assert asked

    def test_is_told_at_the_node_too(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        harness.connect(client, server, over=over, wire="native")
        told: list[Any] = []
        client.onSessionEvent(lambda event, peer: told.append((event, peer.name)))

        expire(harness, server)
        harness.advance(9)

        assert told == [(SessionExpired(), "server"), (SessionReset("expired"), "server")]
        assert client.counters["reset"] == 1


def expire(harness: VortexHarness, server: Vortex) -> None:
    """Keep all connections from coming until the server's sessions are discarded."""
    stop = harness.network.onConnect(lambda line: line.cut())
    cutAll(harness)
    harness.advance(server.limits.sessionLinger + 1)
    assert server.peers == ()
    stop()


@pytest.mark.parametrize("over", OVERS)
class TestTheEndOfASession:
    def test_fails_what_was_asked_and_the_next_connection_begins_another(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        first, events = connection.peer, eventsOf(connection)
        answer = connection.request(Payload({"key": "nobody answers"}))
        harness.settle()

        server.peers[0].close("enough")
        harness.settle()

        with pytest.raises(ConnectionLost, match="server"):
            harness.resultOf(answer)
        assert first is not None
        assert not first.isOnline
        assert connection.peer is None
        harness.advance(0.3)
        assert connection.state is ConnectionState.OPEN
        assert connection.peer not in (None, first)
        assert events == []

    def test_is_the_end_of_this_vortexs_peer(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        first = connection.peer
        assert first is not None

        first.close()
        harness.advance(0.3)

        assert connection.state is ConnectionState.OPEN
        assert connection.peer not in (None, first)
        assert len(server.peers) == 1

    def test_comes_while_it_is_cut_too(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        answer = connection.request(Payload({"key": "nobody answers"}))
        cutAll(harness)

        harness.resultOf(connection.close())

        with pytest.raises(ConnectionLost):
            harness.resultOf(answer)
        assert (client.peers, client.connections) == ((), set())

    def test_is_told_to_the_server_by_a_close(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")

        harness.resultOf(connection.close())
        harness.settle()

        assert server.peers == ()

    def test_leaves_nothing_in_memory(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native")
        peer = weakref.ref(harness.resultOf(connection.connected))
        cutAll(harness)
        harness.advance(1)
        harness.resultOf(connection.close())
        harness.advance(20)

        gone = weakref.ref(connection)
        del connection
        gc.collect()

        assert (gone(), peer()) == (None, None)


class TestWhoItIs:
    def test_is_asked_again_at_each_resume(self, harness: VortexHarness, client: Vortex) -> None:
        known = ByToken()
        server = harness.node("server", authenticator=known)
        connection = harness.connect(client, server, over="websocket", wire="native", token="good")
        peer = connection.peer
        answer = connection.request(Payload({"key": "x"}), timeout=None)

        del known.tokens["good"]
        cutAll(harness)
        harness.advance(1)
        refused = connection.error
        known.tokens["good"] = Principal("pump")
        harness.advance(9)

        assert isinstance(refused, AccessDenied)
        assert connection.state is ConnectionState.OPEN
        assert connection.peer is peer
        assert not answer.called
        answer.addErrback(lambda _: None)

    def test_may_change_only_with_the_session(self, harness: VortexHarness, client: Vortex) -> None:
        server = harness.node("server", authenticator=ByToken())
        shown = ["good"]
        connection = harness.connect(
            client, server, over="websocket", wire="native", token=lambda: shown[0], random=AlwaysLongest()
        )
        events = eventsOf(connection)

        shown[0] = "other"
        cutAll(harness)
        harness.advance(0.3)

        assert events == [SessionReset("auth")]
        assert [peer.identity for peer in server.peers if peer.isConnected] == ["somebody"]

    def test_is_shown_by_a_fresh_token_while_it_is_cut(self, harness: VortexHarness, client: Vortex) -> None:
        known = ByToken()
        server = harness.node("server", authenticator=known)
        connection = harness.connect(client, server, over="websocket", wire="native", token="good")
        known.tokens = {"fresh": Principal("pump")}
        cutAll(harness)

        harness.resultOf(connection.refresh("fresh"))
        harness.advance(0.3)

        assert connection.state is ConnectionState.OPEN

    def test_is_shown_by_a_fresh_token_on_an_open_line(self, harness: VortexHarness, client: Vortex) -> None:
        known = ByToken()
        server = harness.node("server", authenticator=known)
        connection = harness.connect(client, server, over="websocket", wire="native", token="good")
        known.tokens = {"fresh": Principal("pump")}

        harness.resultOf(connection.refresh("fresh"))
        cutAll(harness)
        harness.advance(0.3)

        assert connection.state is ConnectionState.OPEN


@pytest.mark.parametrize("over", OVERS)
class TestTheSecretOfAClient:
    """Who shows it counts its actions on: two that did would be taken for one that says everything twice."""

    def test_is_each_connections_own(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        """Though both are of one node, and number alike what they ask."""
        endpoint = answerer(server)
        connections = [harness.connect(client, server, over=over, wire="native") for _ in range(2)]

        answers = [each.request(Payload({"key": "echo"}, [n])) for n, each in enumerate(connections)]

        assert [harness.resultOf(each).tuples for each in answers] == [[0], [1]]
        assert len(endpoint.payloads) == 2
        assert len(server.once) == 2

    def test_is_of_one_session_and_those_after_it_but_not_of_the_next_connection(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        endpoint = answerer(server)
        for number in range(3):
            connection = harness.connect(client, server, over=over, wire="native")
            answer = connection.request(Payload({"key": "echo"}, [number]))
            assert harness.resultOf(answer).tuples == [number]
            harness.resultOf(connection.close())

        assert len(endpoint.payloads) == 3
        assert len(server.once) == 3


@pytest.mark.parametrize("over", OVERS)
class TestBackoff:
    def test_is_short_again_only_once_a_welcome_has_come(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        stop = harness.network.onConnect(lambda line: line.toClient.cut(afterBytes=1))
        cutAll(harness)
        waits: list[float] = []

        for _ in range(4):
            assert connection.retryAt is not None
            waits.append(connection.retryAt - harness.clock.seconds())
            harness.advance(waits[-1])
        stop()
        assert connection.retryAt is not None
        harness.advance(connection.retryAt - harness.clock.seconds())
        assert connection.state is ConnectionState.OPEN
        cutAll(harness)

        assert waits == pytest.approx([0.25, 0.5, 1, 2])
        assert connection.retryAt == pytest.approx(harness.clock.seconds() + 0.25)


@pytest.mark.parametrize("over", OVERS)
class TestSilence:
    def test_is_a_cut_and_no_end(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="native", random=AlwaysLongest())
        peer, events = connection.peer, eventsOf(connection)
        there = RecordingEndpoint({"key": "in"}, server)
        for line in harness.network.connections:
            line.halfOpen()
        connection.send(Payload({"key": "in"}, [1]))

        harness.advance(client.limits.linkIdle + 0.2)
        assert connection.state is ConnectionState.WAITING
        assert "nothing came for 15 s" in str(connection.error)
        harness.advance(1)

        assert connection.peer is peer
        assert [type(event) for event in events] == [SessionResumed]
        assert there.tuples == [1]


@pytest.mark.parametrize("over", OVERS)
class TestALongMessage:
    def test_that_the_other_end_would_not_take_is_refused_here(
        self, harness: VortexHarness, client: Vortex, over: Over
    ) -> None:
        server = harness.node("server", limits=Limits(maxFrame=100_000))
        connection = harness.connect(client, server, over=over, wire="native")
        there = RecordingEndpoint({"key": "in"}, server)
        long = [Random(1).randbytes(200_000)]

        with pytest.raises(LimitExceeded, match="the other end accepts 100000"):
            harness.resultOf(connection.send(Payload({"key": "in"}, long)))
        harness.resultOf(connection.send(Payload({"key": "in"}, [2])))
        harness.settle()

        assert there.tuples == [2]
        assert connection.reconnects == 0


class TestMoving:
    def test_is_for_a_session_of_the_native_wire(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        connection = harness.connect(client, server, wire="vortexpy")

        with pytest.raises(NotConnected, match="no session of the native wire"):
            harness.resultOf(connection.moveTo("tcp://server:2"))
