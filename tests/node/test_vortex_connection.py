"""Outgoing connections: what they tell, how long they wait, and that nothing of them is left."""

from __future__ import annotations

import gc
import weakref
from random import Random
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from tests.node.links import OVERS, AlwaysLongest, answerer, cutAll, statesOf
from vortex import (
    ConnectionLost,
    ConnectionRefused,
    Limits,
    NotConnected,
    Payload,
    Unauthenticated,
    Vortex,
)
from vortex.errors import VortexError
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over
from vortex.transports.dial import LinkWatcher


class Silent(Protocol):
    """A server that says nothing."""


class Accepting(Factory):
    noisy = False

    def __init__(self) -> None:
        self.accepted = 0

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.accepted += 1
        return Silent()


@pytest.mark.parametrize("over", OVERS)
class TestAConnection:
    """On whatever wire that transport takes of itself, unless a test says which."""

    def test_knows_who_is_at_the_other_end(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over)

        peer = harness.resultOf(connection.connected)

        assert (peer.name, peer.uuid, peer.isOnline) == ("server", server.uuid, True)
        assert connection.peer is peer
        assert client.peers == (peer,)
        assert [other.name for other in server.peers] == ["client"]
        assert {peer.transport, server.peers[0].transport} == {"tcp" if over == "tcp" else over}

    def test_carries_requests_both_ways(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over)
        kept = [answerer(server), answerer(client)]

        there = harness.resultOf(connection.request(Payload({"key": "echo"}, [1])))
        back = harness.resultOf(server.request(Payload({"key": "echo"}, [2]), toName="client"))

        assert (there.tuples, back.tuples) == ([1], [2])
        assert kept

    def test_comes_back_with_another_peer_when_it_was_cut(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="vortexpy", random=AlwaysLongest())
        states = statesOf(connection)
        first = connection.peer

        cutAll(harness)
        again = connection.connected
        waiting = (connection.state, connection.peer, connection.retryAt)
        harness.advance(0.25)

        assert waiting == (ConnectionState.WAITING, None, 0.25)
        assert harness.resultOf(again) is connection.peer
        assert connection.peer is not first
        assert states == ["waiting", "connecting", "open"]
        assert connection.reconnects == 1
        assert connection.error is None

    def test_fails_a_request_at_once_when_it_is_cut(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, wire="vortexpy")
        answer = connection.request(Payload({"key": "nobody answers"}))
        harness.settle()

        cutAll(harness)

        with pytest.raises(ConnectionLost, match="server"):
            harness.resultOf(answer)

    def test_is_gone_when_its_close_says_so(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over)
        states = statesOf(connection)

        harness.resultOf(connection.close())

        assert states == ["closed"]
        assert client.peers == ()
        assert client.connections == set()
        harness.advance(20)
        assert server.peers == ()
        with pytest.raises(NotConnected, match="closed"):
            harness.resultOf(connection.connected)
        with pytest.raises(NotConnected, match="closed"):
            harness.resultOf(connection.send(Payload({"key": "x"})))

    def test_finds_that_the_other_end_is_gone_without_a_word(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over, random=AlwaysLongest())
        for link in harness.network.connections:
            link.halfOpen()

        harness.advance(client.limits.linkIdle + 0.2)

        assert connection.state is not ConnectionState.OPEN
        harness.advance(1)
        assert connection.state is ConnectionState.OPEN

    def test_is_closed_by_the_end_of_its_node(
        self, harness: VortexHarness, server: Vortex, client: Vortex, over: Over
    ) -> None:
        connection = harness.connect(client, server, over=over)

        ended = client.shutdown()
        harness.advance(client.limits.drainTimeout)

        assert harness.resultOf(ended) is None
        assert connection.state is ConnectionState.CLOSED
        with pytest.raises(NotConnected, match="shut down"):
            client.connect("tcp://127.0.0.1:1")


class TestReconnecting:
    def test_waits_twice_as_long_each_time_up_to_eight_seconds(
        self, harness: VortexHarness, client: Vortex
    ) -> None:
        endpoint = harness.network.clientEndpoint("nobody")
        connection = client.connect("tcp://nobody:1", endpoint=endpoint, random=AlwaysLongest())
        waits: list[float] = []

        for _ in range(9):
            harness.settle()
            assert connection.retryAt is not None
            waits.append(connection.retryAt - harness.clock.seconds())
            harness.advance(waits[-1])

        assert waits == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 8, 8, 8])
        assert isinstance(connection.error, ConnectionRefused)

    def test_draws_each_wait_from_nothing_to_the_longest(
        self, harness: VortexHarness, client: Vortex
    ) -> None:
        endpoint = harness.network.clientEndpoint("nobody")
        connection = client.connect("tcp://nobody:1", endpoint=endpoint, random=Random(7))
        longest, drawn = [], Random(7)

        for cap in (0.25, 0.5, 1, 2, 4, 8, 8):
            harness.settle()
            assert connection.retryAt is not None
            wait = connection.retryAt - harness.clock.seconds()
            assert wait == pytest.approx(drawn.uniform(0, cap))
            longest.append(cap)
            harness.advance(wait)

    def test_begins_with_short_waits_again_only_once_it_was_open(
        self, harness: VortexHarness, client: Vortex
    ) -> None:
        silent = Accepting()
        harness.resultOf(harness.network.serverEndpoint("silent").listen(silent))
        endpoint = harness.network.clientEndpoint("silent")
        connection = client.connect("tcp://silent:1", endpoint=endpoint, random=AlwaysLongest())
        waits = []

        for _ in range(4):
            harness.advance(client.limits.helloTimeout + 0.2)
            assert connection.retryAt is not None
            waits.append(round(connection.retryAt - harness.clock.seconds() + 0.1, 1))
            harness.advance(connection.retryAt - harness.clock.seconds())
            harness.settle()

        assert silent.accepted == 5
        assert waits == pytest.approx([0.25, 0.5, 1, 2], abs=0.2)
        assert "did not say who it is" in str(connection.error)

    def test_begins_with_short_waits_again_after_it_was_open(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        connection = harness.connect(client, server, random=AlwaysLongest())

        for _ in range(5):
            cutAll(harness)
            assert connection.retryAt == pytest.approx(harness.clock.seconds() + 0.25)
            harness.advance(0.25)
            assert connection.state is ConnectionState.OPEN

        assert connection.reconnects == 5

    def test_is_told_what_the_other_end_has_against_it(self, harness: VortexHarness, client: Vortex) -> None:
        class Nobody:
            def authenticate(self, credentials: Any) -> None:
                return None

        server = harness.node("server", authenticator=Nobody())

        connection = harness.connect(client, server, random=AlwaysLongest())

        assert isinstance(connection.error, Unauthenticated)
        assert "this vortex serves whom it knows" in str(connection.error)
        assert connection.state is ConnectionState.WAITING
        assert server.peers == ()


class TellsTwice:
    """In place of a `Dialler`: the link is over before there is one, and is so twice."""

    certificateProblem = None
    isHttp = False

    def dial(self, watcher: LinkWatcher, line: object, *, mayReset: bool) -> Any:
        for _ in range(2):
            watcher.linkEnded(ConnectionLost("it broke"))
        return self

    def close(self, reason: str) -> None:
        raise AssertionError("there is nothing to close")


class TestAnAttempt:
    def test_that_is_over_at_once_is_over_once(self, harness: VortexHarness, client: Vortex) -> None:
        connection = VortexConnection(client, "tcp://server:1", random=AlwaysLongest())
        connection._dialler = TellsTwice()  # type: ignore[assignment]

        connection.startService()

        assert (connection.state, connection.retryAt) == ("waiting", 0.25)
        assert len(harness.clock.getDelayedCalls()) == 1
        assert type(connection.error) is NotConnected
        harness.resultOf(connection.close())


class TestClosing:
    def test_ends_an_attempt(self, harness: VortexHarness, client: Vortex) -> None:
        harness.resultOf(harness.network.serverEndpoint("silent").listen(Accepting()))
        connection = client.connect("tcp://silent:1", endpoint=harness.network.clientEndpoint("silent"))
        connected = connection.connected

        harness.resultOf(connection.close())

        assert connection.state is ConnectionState.CLOSED
        with pytest.raises(NotConnected, match="closed"):
            harness.resultOf(connected)

    def test_ends_a_wait(self, harness: VortexHarness, client: Vortex) -> None:
        connection = client.connect("tcp://nobody:1", endpoint=harness.network.clientEndpoint("nobody"))
        harness.settle()

        harness.resultOf(connection.close())

        assert (connection.state, connection.retryAt) == (ConnectionState.CLOSED, None)

    def test_may_be_done_twice(self, harness: VortexHarness, server: Vortex, client: Vortex) -> None:
        connection = harness.connect(client, server)

        first, second = connection.close(), connection.close()

        assert harness.resultOf(first) is None
        assert harness.resultOf(second) is None

    @pytest.mark.parametrize("state", ["connecting", "open", "waiting"])
    def test_may_be_done_by_who_is_told_of_a_state(
        self, harness: VortexHarness, server: Vortex, client: Vortex, state: str
    ) -> None:
        name = harness.listen(server)
        connection = VortexConnection(
            client, "tcp://server:1", endpoint=harness.network.clientEndpoint(name), random=AlwaysLongest()
        )
        closed: list[Deferred[None]] = []

        def close(now: ConnectionState, which: VortexConnection) -> None:
            if now.value == state:
                closed.append(which.close())

        connection.onStateChange(close)
        connection.startService()
        harness.settle()
        cutAll(harness)
        harness.advance(5)

        assert [harness.resultOf(each) for each in closed] == [None]
        assert connection.state is ConnectionState.CLOSED
        assert client.peers == ()

    def test_is_final(self, harness: VortexHarness, server: Vortex, client: Vortex) -> None:
        connection = harness.connect(client, server)
        harness.resultOf(connection.stopService())

        with pytest.raises(NotConnected, match="make another"):
            connection.startService()


class TestWaitingForIt:
    def test_may_be_given_up(self, harness: VortexHarness, server: Vortex, client: Vortex) -> None:
        connection = client.connect("tcp://nobody:1", endpoint=harness.network.clientEndpoint("nobody"))
        given, kept = connection.connected, connection.connected
        failures: list[Any] = []
        given.addErrback(failures.append)

        given.cancel()
        harness.resultOf(connection.close())

        assert len(failures) == 1
        with pytest.raises(NotConnected):
            harness.resultOf(kept)

    def test_ends_with_the_peer_for_all_even_if_one_closes_at_once(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        endpoint = harness.network.clientEndpoint(harness.listen(server))
        connection = client.connect("tcp://server:1", endpoint=endpoint)
        first, second = connection.connected, connection.connected
        first.addCallback(lambda _: connection.close())

        assert harness.resultOf(second).name == "server"
        assert connection.state == "closed"

    def test_outlasts_many_attempts(self, harness: VortexHarness, server: Vortex, client: Vortex) -> None:
        name = f"tcp of {server.uuid}"
        connection = client.connect("tcp://server:1", endpoint=harness.network.clientEndpoint(name))
        connected = connection.connected
        harness.advance(60)

        harness.listen(server)
        harness.advance(8)

        assert harness.resultOf(connected).name == "server"


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("ftp://host:1", "one of http:, https:, ws:, wss:, tcp:, tls:, unix:"),
            ("host:8080", "begins with one of"),
            ("", "begins with one of"),
            ("tcp://host", "a host and a port"),
            ("tls://:8081", "a host and a port"),
            ("tcp://host:8081/path", "nothing behind"),
            ("ws:///vortex", "a host and a port"),
            ("http://host:99999/", "no URL"),
            ("unix://host/path", "whole path"),
            ("unix:jobs.sock", "whole path"),
            ("ws://me:secret@host/vortex", "pass token="),
        ],
    )
    def test_says_what_is_wrong_with_it_at_once(self, client: Vortex, url: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            client.connect(url)

        assert client.connections == set()

    def test_never_shows_a_password(self, client: Vortex) -> None:
        with pytest.raises(ValueError, match="token=") as raised:
            client.connect("ws://me:secret@host/vortex")

        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize(
        ("url", "options", "problem"),
        [
            ("tcp://host:1", {"token": "t"}, "a token would go with HTTP"),
            ("tcp://host:1", {"wire": "any"}, "expected the wire"),
            ("tcp://host:1", {"via": "poll"}, "via= is for http"),
            ("http://host:1", {"via": "post"}, "expected via"),
            ("http://host:1", {"via": "poll", "wire": "vortexpy"}, "via= is for the native wire"),
        ],
    )
    def test_says_what_does_not_go_with_it(
        self, client: Vortex, url: str, options: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            client.connect(url, **options)


class TestToken:
    def test_is_asked_for_anew_at_each_attempt_and_may_fail(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        asked: list[int] = []

        def token() -> str:
            asked.append(1)
            if len(asked) == 1:
                raise OSError("no such file")
            return "t"

        name = harness.listen(server, "websocket")
        connection = client.connect(
            "ws://127.0.0.1/vortex",
            token=token,
            endpoint=harness.network.clientEndpoint(name),
            random=AlwaysLongest(),
        )
        error: VortexError | None = connection.error
        harness.advance(0.3)

        assert "no such file" in str(error)
        assert connection.state is ConnectionState.OPEN, connection.error
        assert len(asked) == 2


class TestManyConnections:
    def test_of_one_node_have_a_peer_each(self, harness: VortexHarness, client: Vortex) -> None:
        servers = [harness.node(f"server {number}") for number in range(3)]

        connections = [harness.connect(client, server) for server in servers]

        assert [peer.name for peer in client.peers] == ["server 0", "server 1", "server 2"]
        assert len({connection.peer for connection in connections}) == 3
        cutAll(harness)
        harness.advance(1)
        assert sorted(peer.name for peer in client.peers) == ["server 0", "server 1", "server 2"]

    def test_keep_within_what_the_other_end_takes(self, harness: VortexHarness, client: Vortex) -> None:
        server = harness.node("server", limits=Limits(maxPeers=1))
        harness.connect(client, server)
        other = harness.node("other")

        second = harness.connect(other, server)

        assert second.peer is None
        assert "maxPeers" in str(second.error)
        assert len(server.peers) == 1


class Warnings:
    """What is logged as a warning or worse, while it is entered."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.warn:
            self.texts.append(formatEvent(event))

    def __enter__(self) -> list[str]:
        publisher: Any = globalLogPublisher
        publisher.addObserver(self)
        return self.texts

    def __exit__(self, *exception: object) -> None:
        publisher: Any = globalLogPublisher
        publisher.removeObserver(self)


class TestWhatIsTold:
    def test_is_a_warning_once_for_each_reason_until_it_was_open(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        name = f"tcp of {server.uuid}"
        with Warnings() as warnings:
            connection = client.connect("tcp://server:1", endpoint=harness.network.clientEndpoint(name))
            harness.advance(20)
            refused = list(warnings)
            harness.listen(server)
            harness.advance(8)
            cutAll(harness)
            harness.advance(1)
            cutAll(harness)

        assert len(refused) == 1
        assert "nobody listens there" in refused[0]
        assert "tcp://server:1" in refused[0]
        assert len(warnings) == 3
        assert connection.reconnects == 1

    def test_is_told_to_who_listens_to_the_nodes_peers(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        changes: list[tuple[str, bool]] = []
        client.onPeerChange(lambda peer, online: changes.append((peer.name, online)))

        connection = harness.connect(client, server)
        harness.resultOf(connection.close())

        assert changes == [("server", True), ("server", False)]

    def test_comes_in_order_whatever_is_done_about_it(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        states: list[str] = []
        connection = VortexConnection(
            client, "tcp://server:1", endpoint=harness.network.clientEndpoint(harness.listen(server))
        )

        def closeWhenOpen(state: ConnectionState, which: VortexConnection) -> None:
            if state == "open":
                which.close()

        connection.onStateChange(closeWhenOpen)
        connection.onStateChange(lambda state, _: states.append(state))
        connection.startService()
        harness.settle()

        assert states == ["connecting", "open", "closed"]

    def test_may_be_answered_by_sending(self, harness: VortexHarness, server: Vortex, client: Vortex) -> None:
        heard = RecordingEndpoint({"key": "hello"}, vortex=server)
        connection = VortexConnection(
            client, "tcp://server:1", endpoint=harness.network.clientEndpoint(harness.listen(server))
        )
        connection.onStateChange(lambda state, which: which.send(Payload({"key": "hello"})).addErrback(str))

        connection.startService()
        harness.settle()

        assert len(heard.payloads) == 1

    def test_reaches_the_others_if_one_who_is_told_fails(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        connection = harness.connect(client, server)
        states: list[str] = []
        connection.onStateChange(lambda *_: 1 / 0)
        connection.onStateChange(lambda state, _: states.append(state))
        ended: list[str] = []
        stop = connection.onStateChange(lambda state, _: ended.append(state))
        stop()
        stop()

        with Warnings() as warnings:
            harness.resultOf(connection.close())

        assert (states, ended) == (["closed"], [])
        assert "the callback <function" in warnings[0]

    def test_reaches_coroutine_functions(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        connection = harness.connect(client, server)
        heard: list[str] = []

        async def hear(state: ConnectionState, which: VortexConnection) -> None:
            await which.close()
            heard.append(state)

        async def fail(state: ConnectionState, which: VortexConnection) -> None:
            raise ValueError(state)

        connection.onStateChange(hear)
        connection.onStateChange(fail)

        with Warnings() as warnings:
            harness.resultOf(connection.close())

        assert heard == ["closed"]
        assert "the callback <function" in warnings[0]

    def test_names_the_reason_to_who_sends_before_it_is_open(
        self, harness: VortexHarness, client: Vortex
    ) -> None:
        connection = client.connect("tcp://nobody:1", endpoint=harness.network.clientEndpoint("nobody"))
        harness.settle()

        sendings: list[Deferred[Any]] = [
            connection.send(Payload({"key": "x"})),
            connection.request(Payload({"key": "x"})),
        ]
        for sending in sendings:
            with pytest.raises(NotConnected, match="is waiting: tcp://nobody:1: nobody listens there"):
                harness.resultOf(sending)


class TestService:
    def test_connects_when_it_is_started_and_not_before(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        services = MultiService()
        endpoint = harness.network.clientEndpoint(harness.listen(server))
        connection = VortexConnection(client, "tcp://server:1", endpoint=endpoint)
        connection.setServiceParent(services)
        harness.settle()
        assert (connection.state, client.connections) == ("waiting", set())

        services.startService()
        harness.settle()
        assert (connection.state, bool(connection.running)) == ("open", True)
        harness.resultOf(services.stopService())

        assert (connection.state, bool(connection.running), client.peers) == ("closed", False, ())

    def test_is_started_once_however_often_it_is_asked(
        self, harness: VortexHarness, server: Vortex, client: Vortex
    ) -> None:
        connection = harness.connect(client, server)

        connection.startService()
        harness.settle()

        assert len(harness.network.connections) == 1


@pytest.mark.parametrize("over", OVERS)
def test_nothing_is_left_in_memory_of_what_was_closed(
    harness: VortexHarness, server: Vortex, client: Vortex, over: Over
) -> None:
    connection = harness.connect(client, server, over=over)
    peer = weakref.ref(harness.resultOf(connection.connected))
    cutAll(harness)
    harness.advance(1)
    harness.resultOf(connection.close())
    harness.advance(20)

    gone = weakref.ref(connection)
    del connection
    gc.collect()

    assert (gone(), peer()) == (None, None)
