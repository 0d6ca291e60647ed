"""Sessions that change what carries them: by wish, in their time, or as a proxy makes them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.testing.protocols import Wanting
from tests.transports.servers_by_hand import Line, serverFrame
from vortex import NotConnected, Payload, SessionResumed, Vortex
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.testing import MemoryConnection, RecordingEndpoint, VortexHarness
from vortex.testing.harness import SCHEMES, Over
from vortex.transports.post_ways import Via

WAYS: list[tuple[Over, Via | None, str]] = [
    ("tcp", None, "tcp"),
    ("websocket", None, "websocket"),
    ("post", "stream", "post"),
    ("post", "sse", "sse"),
    ("post", "poll", "poll"),
]
"""What carries a session, and what a peer's `transport` says then."""

NAMES = [kind for _, _, kind in WAYS]


class Middle(Random):
    """Draws what is in the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Scene:
    """Two nodes, linked on the native wire; each notes what it gets of the other."""

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server = harness.node("server")
        self.client = harness.node("client")
        self.there = RecordingEndpoint({"key": "in"}, self.server)
        self.here = RecordingEndpoint({"key": "out"}, self.client)
        self.events: list[Any] = []
        self.states: list[str] = []
        self._sent = 0

    def connect(self, over: Over, via: Via | None = None, **options: Any) -> VortexConnection:
        options.setdefault("random", Middle())
        connection = self.harness.connect(
            self.client, self.server, over=over, wire="native", via=via, **options
        )
        self.connection = connection
        connection.onSessionEvent(lambda event, _: self.events.append(event))
        connection.onStateChange(lambda state, _: self.states.append(state.value))
        return connection

    def move(self, over: Over, via: Via | None, server: Vortex | None = None) -> Any:
        name = self.harness.listen(server or self.server, over)
        address = self.harness.network.addressOf(name)
        url = f"{SCHEMES[over]}://{address.host}:{address.port}" + ("" if over == "tcp" else "/vortex")
        return self.connection.moveTo(url, via=via, endpoint=self.harness.network.clientEndpoint(name))

    def burst(self, count: int = 20) -> None:
        """One message each way, and so on; none of them leaves before the clock has turned."""
        for _ in range(count):
            self._sent += 1
            self.connection.send(Payload({"key": "in"}, [self._sent]))
            self.server.send(Payload({"key": "out"}, [self._sent]))

    def allIsThere(self) -> bool:
        """Whether all bursts came, both ways, once, in order."""
        all_ = list(range(1, self._sent + 1))
        return (self.there.tuples, self.here.tuples) == (all_, all_)

    def linesOpen(self) -> list[MemoryConnection]:
        return [line for line in self.harness.network.connections if line.isOpen]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with VortexHarness() as harness:
        yield Scene(harness)


class TestMoving:
    @pytest.mark.parametrize("after", WAYS, ids=NAMES)
    @pytest.mark.parametrize("before", WAYS, ids=NAMES)
    def test_from_each_to_each_in_the_midst_of_a_burst_loses_nothing(
        self, scene: Scene, before: tuple[Over, Via | None, str], after: tuple[Over, Via | None, str]
    ) -> None:
        connection = scene.connect(*before[:2])
        peer = connection.peer
        assert connection.transport == before[2]

        scene.burst()
        moved = scene.move(*after[:2])
        scene.burst()
        scene.harness.settle()
        scene.burst()
        assert scene.harness.resultOf(moved) is None
        scene.burst()
        scene.harness.advance(1)

        assert scene.allIsThere()
        assert connection.transport == after[2]
        assert (connection.peer, connection.state, scene.states) == (peer, ConnectionState.OPEN, [])
        assert connection.url.startswith(SCHEMES[after[0]])
        assert scene.server.peers[0].transport == after[2]
        assert len(scene.server.peers) == 1

    @pytest.mark.sweep
    def test_a_hundred_times_round_loses_nothing(self, scene: Scene) -> None:
        scene.connect("websocket")
        scene.harness.network.connectDelay = 0.01

        for number in range(100):
            moved = scene.move(*WAYS[number % len(WAYS)][:2])
            scene.burst(3)
            scene.harness.advance(0.005)
            scene.burst(3)
            scene.harness.advance(0.2)
            assert scene.harness.resultOf(moved) is None
        scene.harness.advance(1)

        assert scene.allIsThere()
        assert scene.states == []
        assert len(scene.server.peers) == 1

    def test_is_told_as_a_session_that_goes_on(self, scene: Scene) -> None:
        scene.connect("websocket")

        scene.harness.resultOf(scene.move("post", "sse"))

        assert scene.events == [SessionResumed(replayed=0, after=0.0)]

    def test_lets_go_of_what_carried_it(self, scene: Scene) -> None:
        scene.connect("websocket")
        (before,) = scene.linesOpen()

        scene.harness.resultOf(scene.move("tcp", None))
        scene.harness.advance(3)

        assert not before.isOpen
        assert len(scene.linesOpen()) == 1

    def test_goes_on_there_after_a_cut(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        scene.harness.resultOf(scene.move("tcp", None))

        for line in scene.linesOpen():
            line.cut()
        scene.harness.advance(1)

        assert (connection.transport, connection.state) == ("tcp", ConnectionState.OPEN)

    def test_may_be_what_ends_a_wait(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        scene.linesOpen()[0].cut()
        scene.harness.settle()
        assert connection.state is ConnectionState.WAITING
        scene.burst()

        moved = scene.move("post", "poll")
        assert connection.state is ConnectionState.CONNECTING
        assert scene.harness.resultOf(moved) is None

        assert (connection.transport, connection.state) == ("poll", ConnectionState.OPEN)
        assert scene.states == ["waiting", "connecting", "open"]
        scene.harness.advance(1)
        assert scene.allIsThere()


class TestAMoveThatFails:
    def test_for_want_of_a_server_leaves_it_where_it_is(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        url = connection.url
        endpoint = scene.harness.network.clientEndpoint("nobody")

        moved = connection.moveTo("tcp://nobody:1", endpoint=endpoint)
        scene.burst()

        with pytest.raises(NotConnected, match="nobody listens there"):
            scene.harness.resultOf(moved)
        scene.harness.advance(1)
        assert (connection.transport, connection.url, scene.states) == ("websocket", url, [])
        assert scene.allIsThere()
        assert connection.error is None

    @pytest.mark.parametrize(("over", "via"), [each[:2] for each in WAYS], ids=NAMES)
    def test_as_another_vortex_does_not_know_it_leaves_it_where_it_is(
        self, scene: Scene, over: Over, via: Via | None
    ) -> None:
        other = scene.harness.node("other")
        connection = scene.connect("websocket")

        moved = scene.move(over, via, other)
        scene.burst()

        with pytest.raises(NotConnected, match="the session does not go on there"):
            scene.harness.resultOf(moved)
        scene.harness.advance(1)
        assert (connection.transport, scene.states) == ("websocket", [])
        assert scene.allIsThere()

    def test_as_nobody_answers_leaves_it_where_it_is(self, scene: Scene) -> None:
        connection = scene.connect("tcp")
        stop = scene.harness.network.onConnect(lambda line: line.halfOpen())
        moved = scene.move("websocket", None)

        for _ in range(12):
            scene.burst(2)
            scene.harness.advance(1)
        stop()

        with pytest.raises(NotConnected, match="within 10 s"):
            scene.harness.resultOf(moved)
        assert (connection.transport, scene.states) == ("tcp", [])
        scene.harness.advance(2)
        assert scene.allIsThere()

    @pytest.mark.parametrize(
        "said", [b"\xff\xff\xff\x7f\x02", b"\x02\x02x", b"\x03\x10\x01\x00", b"\xff" * 9]
    )
    def test_as_what_answers_is_no_vortex_leaves_it_where_it_is(self, scene: Scene, said: bytes) -> None:
        connection = scene.connect("tcp")
        answering = Wanting(kind=Line)
        scene.harness.resultOf(scene.harness.network.serverEndpoint("other").listen(answering))
        endpoint = scene.harness.network.clientEndpoint("other")
        moved = connection.moveTo("ws://other/vortex", endpoint=endpoint)
        scene.harness.settle()

        (line,) = answering.made
        line.upgrade("Sec-WebSocket-Protocol: vortex.1\r\n")
        line.say(serverFrame(said, opcode=2))
        scene.burst()

        with pytest.raises(NotConnected):
            scene.harness.resultOf(moved)
        scene.harness.advance(1)
        assert (connection.transport, scene.states) == ("tcp", [])
        assert scene.allIsThere()

    def test_while_it_is_cut_lets_it_be_made_again_as_ever(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        scene.linesOpen()[0].cut()
        scene.harness.settle()

        moved = connection.moveTo("tcp://x:1", endpoint=scene.harness.network.clientEndpoint("nobody"))
        with pytest.raises(NotConnected):
            scene.harness.resultOf(moved)
        scene.harness.advance(1)

        assert (connection.transport, connection.state) == ("websocket", ConnectionState.OPEN)

    def test_after_the_cut_of_what_carried_it_lets_it_be_made_again_as_ever(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        scene.harness.network.connectDelay = 1
        moved = connection.moveTo("tcp://x:1", endpoint=scene.harness.network.clientEndpoint("nobody"))
        scene.linesOpen()[0].cut()
        scene.harness.settle()
        assert connection.state is ConnectionState.CONNECTING

        scene.harness.advance(1)
        with pytest.raises(NotConnected):
            scene.harness.resultOf(moved)
        scene.harness.advance(2)

        assert (connection.transport, connection.state) == ("websocket", ConnectionState.OPEN)

    def test_as_the_connection_is_closed_is_told(self, scene: Scene) -> None:
        connection = scene.connect("websocket")
        scene.harness.network.connectDelay = 1
        moved = scene.move("tcp", None)

        closed = connection.close()

        with pytest.raises(NotConnected, match="closed"):
            scene.harness.resultOf(moved)
        scene.harness.advance(2)
        assert scene.harness.resultOf(closed) is None
        assert scene.client.connections == set()

    def test_as_another_is_under_way_is_told_at_once(self, scene: Scene) -> None:
        scene.connect("websocket")
        first, second = scene.move("tcp", None), scene.move("post", None)

        with pytest.raises(NotConnected, match="being moved already"):
            scene.harness.resultOf(second)
        assert scene.harness.resultOf(first) is None

    def test_for_want_of_a_session_is_told_at_once(self, scene: Scene) -> None:
        connection = scene.harness.connect(scene.client, scene.server, wire="vortexpy")

        with pytest.raises(NotConnected, match="no session of the native wire"):
            scene.harness.resultOf(connection.moveTo("tcp://server:2"))

    @pytest.mark.parametrize(
        ("url", "via", "problem"),
        [("tcp://a:1", "poll", "via= is for http"), ("gopher://a", None, "one of http:")],
    )
    def test_as_it_makes_no_sense_is_told_at_once(
        self, scene: Scene, url: str, via: Via | None, problem: str
    ) -> None:
        connection = scene.connect("websocket")

        with pytest.raises(ValueError, match=problem):
            connection.moveTo(url, via=via)


class TestAHeldPost:
    @pytest.mark.parametrize("via", ["stream", "sse"])
    def test_is_replaced_by_the_next_after_five_minutes(self, scene: Scene, via: Via) -> None:
        connection = scene.connect("post", via)
        held = scene.linesOpen()

        scene.harness.advance(299)
        assert scene.linesOpen() == held
        scene.burst()
        scene.harness.advance(2)
        scene.burst()
        scene.harness.advance(2)

        assert len(scene.linesOpen()) == 1
        assert scene.linesOpen() != held
        assert scene.allIsThere()
        assert (connection.reconnects, scene.states, scene.events) == (0, [], [])

    @pytest.mark.parametrize(("drawn", "seconds"), [(0, 240), (1, 360)])
    def test_is_replaced_a_fifth_earlier_or_later(self, scene: Scene, drawn: int, seconds: float) -> None:
        class Drawing(Random):
            def uniform(self, a: float, b: float) -> float:
                return a + drawn * (b - a)

        scene.connect("post", "stream", random=Drawing())
        held = scene.linesOpen()

        scene.harness.advance(seconds - 1)
        assert scene.linesOpen() == held
        scene.harness.advance(3)

        assert scene.linesOpen() != held

    def test_is_replaced_after_so_many_bytes(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vortex.transports.native_post_client.ROTATION_BYTES", 50_000)
        scene.connect("post", "stream")
        held = scene.linesOpen()

        for number in range(8):
            scene.server.send(Payload({"key": "out"}, [Random(number).randbytes(10_000).hex()]))
            scene.harness.advance(0.1)

        assert held[0] not in scene.linesOpen()
        assert len(scene.here.tuples) == 8
        assert scene.states == []

    def test_stays_if_nothing_comes_of_the_next(self, scene: Scene) -> None:
        connection = scene.connect("post", "stream")
        held = scene.linesOpen()
        scene.harness.advance(295)
        stop = scene.harness.network.onConnect(lambda line: line.toClient.cut(afterBytes=0))
        scene.harness.advance(10)
        assert scene.linesOpen() == held
        stop()

        scene.burst()
        scene.harness.advance(20)

        assert held[0] not in scene.linesOpen()
        assert scene.allIsThere()
        assert (connection.reconnects, scene.states) == (0, [])

    def test_that_ends_makes_the_connection_come_back(self, scene: Scene) -> None:
        connection = scene.connect("post", "stream")
        (held,) = scene.linesOpen()

        held.cut()
        scene.harness.settle()
        assert connection.state is ConnectionState.WAITING
        scene.burst()
        scene.harness.advance(1)

        assert connection.reconnects == 1
        assert scene.allIsThere()


class TestAProxyThatHoldsStreamsBack:
    def test_makes_it_poll_and_try_a_stream_again_later(self, scene: Scene) -> None:
        isBuffering = True

        def hold(line: MemoryConnection) -> None:
            if isBuffering and line.number < 1:
                line.toClient.stop()

        scene.harness.network.onConnect(hold)
        connection = scene.connect("post")
        assert connection.state is ConnectionState.CONNECTING
        scene.harness.advance(3.2)

        assert (connection.state, connection.transport) == (ConnectionState.OPEN, "poll")
        scene.burst()
        scene.harness.advance(290)
        assert connection.transport == "poll"
        scene.harness.advance(40)
        scene.burst()
        scene.harness.advance(1)

        assert connection.transport == "post"
        assert scene.allIsThere()
        assert "waiting" not in scene.states

    def test_is_one_that_cuts_three_of_them_at_once(self, scene: Scene) -> None:
        connection = scene.connect("post")
        for _ in range(3):
            assert connection.transport == "post"
            scene.harness.advance(0.5)
            for line in scene.linesOpen():
                line.cut()
            scene.burst(2)
            scene.harness.advance(1)

        assert (connection.state, connection.transport) == (ConnectionState.OPEN, "poll")
        assert scene.allIsThere()

    def test_is_not_one_that_cuts_them_after_a_while(self, scene: Scene) -> None:
        connection = scene.connect("post")
        for _ in range(5):
            scene.harness.advance(3)
            for line in scene.linesOpen():
                line.cut()
            scene.harness.advance(1)

        assert connection.transport == "post"

    def test_is_not_looked_for_where_a_stream_is_asked_for(self, scene: Scene) -> None:
        connection = scene.connect("post", "stream")
        for _ in range(5):
            for line in scene.linesOpen():
                line.cut()
            scene.harness.advance(1)

        assert connection.transport == "post"


class TestAPoll:
    def test_brings_a_message_when_it_comes(self, scene: Scene) -> None:
        scene.connect("post", "poll")
        scene.harness.advance(10)

        scene.server.send(Payload({"key": "out"}, ["now"]))
        scene.harness.settle()

        assert scene.here.tuples == ["now"]

    def test_is_asked_again_every_25_seconds(self, scene: Scene) -> None:
        connection = scene.connect("post", "poll")
        before = len(scene.harness.network.connections)

        scene.harness.advance(100)

        assert 3 <= len(scene.harness.network.connections) - before <= 5
        assert (connection.reconnects, scene.states, scene.events) == (0, [], [])
