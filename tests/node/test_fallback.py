"""Which wire a connection speaks, where the other end is played by hand: when it falls back, and when not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.node.links import AlwaysLongest
from tests.testing.protocols import Wanting
from tests.transports.servers_by_hand import Line, response, serverFrame
from tests.transports.streams_by_hand import helloOf
from tests.wire_messages import base64Envelope, envelope
from vortex import AccessDenied, NotConnected, Vortex, VortexConnection, VortexError
from vortex.errors import ConnectionRefused
from vortex.node.wire_choice import WireChoice
from vortex.testing import VortexHarness
from vortex.transports.dial import HungUp, NotNative

HELLO = {"__vortexUuid__": "uuid-s", "__vortexName__": "s"}
PLAIN = response(200, b"", "Content-Type: text/text\r\nTransfer-Encoding: chunked\r\n")


class Scene:
    """A node that connects to somebody by hand."""

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.client: Vortex = harness.node("client")
        self.states: list[str] = []
        self._factory = Wanting(kind=Line)
        harness.resultOf(harness.network.serverEndpoint("s").listen(self._factory))

    def connect(self, url: str, **options: Any) -> VortexConnection:
        endpoint = self.harness.network.clientEndpoint("s")
        self.connection = VortexConnection(
            self.client, url, endpoint=endpoint, random=AlwaysLongest(), **options
        )
        self.connection.onStateChange(lambda state, _: self.states.append(state.value))
        self.connection.startService()
        self.harness.settle()
        return self.connection

    @property
    def lines(self) -> list[Line]:
        return self._factory.made

    @property
    def line(self) -> Line:
        """The newest."""
        return self.lines[-1]

    def settle(self) -> None:
        self.harness.settle()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with VortexHarness() as harness:
        yield Scene(harness)


def refuse(scene: Scene, how: str) -> None:
    """Answer the newest upgrade as a server of VortexPY, or another that takes no subprotocol."""
    line = scene.line
    if how == "hangs up":
        line.hangUp()
        if "sec-websocket-protocol" in line.headers:  # asked again: it may have been cut
            scene.settle()
            assert scene.line.headers["sec-websocket-protocol"] == "vortex.1"
            scene.line.hangUp()
    elif how == "says 400":
        line.say(response(400, b"unknown subprotocol\n"))
    elif how == "leaves it out":
        line.upgrade()
    else:
        line.upgrade()
        line.hangUp()
    scene.settle()


REFUSALS = ["hangs up", "says 400", "leaves it out", "leaves it out and hangs up"]


def opensVortexPy(scene: Scene) -> None:
    """Be a server of VortexPY that says who it is."""
    scene.line.upgrade()
    scene.line.say(serverFrame(envelope(HELLO)))
    scene.settle()


class TestAWebSocket:
    def test_asks_for_the_native_wire_first(self, scene: Scene) -> None:
        scene.connect("ws://s/vortex")

        assert scene.line.headers["sec-websocket-protocol"] == "vortex.1"

    @pytest.mark.parametrize("how", REFUSALS)
    def test_that_is_not_taken_falls_back_at_once(self, scene: Scene, how: str) -> None:
        connection = scene.connect("ws://s/vortex")

        refuse(scene, how)
        assert len(scene.lines) == (3 if how == "hangs up" else 2)
        assert "sec-websocket-protocol" not in scene.line.headers
        opensVortexPy(scene)

        assert connection.peer is not None
        assert (connection.peer.name, scene.states) == ("s", ["connecting", "open"])
        assert connection.error is None

    def test_that_fell_back_stays_there(self, scene: Scene) -> None:
        connection = scene.connect("ws://s/vortex")
        refuse(scene, "hangs up")
        opensVortexPy(scene)

        scene.harness.network.connections[-1].cut()
        scene.harness.advance(0.3)

        assert len(scene.lines) == 4
        assert "sec-websocket-protocol" not in scene.line.headers
        assert connection.peer is None

    def test_that_is_taken_on_neither_wire_waits_and_begins_with_the_native_one(self, scene: Scene) -> None:
        connection = scene.connect("ws://s/vortex")

        for _ in range(2):
            refuse(scene, "hangs up")
            assert "sec-websocket-protocol" not in scene.line.headers
            assert connection.state == "connecting"
            refuse(scene, "hangs up")
            assert connection.state == "waiting"
            scene.harness.advance(1)
            assert scene.line.headers["sec-websocket-protocol"] == "vortex.1"

    @pytest.mark.parametrize("status", [401, 403, 404, 503])
    def test_that_is_refused_for_another_reason_does_not(self, scene: Scene, status: int) -> None:
        connection = scene.connect("ws://s/vortex")

        scene.line.say(response(status, b"no\n"))
        scene.settle()

        assert len(scene.lines) == 1
        assert connection.state == "waiting"
        assert isinstance(connection.error, AccessDenied if status < 404 else NotConnected)

    def test_does_not_where_the_native_wire_is_asked_for(self, scene: Scene) -> None:
        connection = scene.connect("ws://s/vortex", wire="native")

        refuse(scene, "leaves it out")

        assert len(scene.lines) == 1
        assert "expected the subprotocol vortex.1, and the server has not taken it" in str(connection.error)

    def test_does_not_ask_where_vortexpys_wire_is_asked_for(self, scene: Scene) -> None:
        connection = scene.connect("ws://s/vortex", wire="vortexpy")
        opensVortexPy(scene)

        assert len(scene.lines) == 1
        assert connection.state == "open"


class TestAPost:
    def test_is_one_of_frames_first(self, scene: Scene) -> None:
        scene.connect("http://s/vortex")

        assert scene.line.headers["content-type"] == "application/vnd.vortex"
        assert scene.line.body.startswith(b"\0VX1")
        assert scene.line.body[4:].find(b'{"wire":1') in (2, 3)

    @pytest.mark.parametrize("isHeld", [True, False])
    def test_that_is_answered_otherwise_falls_back_at_once(self, scene: Scene, isHeld: bool) -> None:
        connection = scene.connect("http://s/vortex")
        native = scene.line

        native.say(PLAIN)
        if not isHeld:
            native.finish()
        scene.settle()
        assert scene.line is not native
        assert scene.line.headers["content-type"] == "text/plain"
        scene.line.hold(base64Envelope(HELLO))
        scene.settle()

        assert connection.peer is not None
        assert (connection.peer.name, scene.states) == ("s", ["connecting", "open"])
        assert native.lost is not None

    def test_that_is_a_page_does_not(self, scene: Scene) -> None:
        connection = scene.connect("http://s/vortex")

        scene.line.say(response(200, b"<p>log in", "Content-Type: text/html\r\nContent-Length: 9\r\n"))
        scene.settle()

        assert len(scene.lines) == 1
        assert "got a page" in str(connection.error)

    def test_does_not_where_the_native_wire_is_asked_for(self, scene: Scene) -> None:
        connection = scene.connect("http://s/vortex", wire="native")

        scene.line.say(PLAIN)
        scene.settle()

        assert len(scene.lines) == 1
        assert "expected application/vnd.vortex, got 'text/text'" in str(connection.error)


class TestARawConnection:
    def test_is_native_and_says_what_the_other_end_is(self, scene: Scene) -> None:
        connection = scene.connect("tcp://s:1")
        assert scene.line.received.startswith(b"\0VX1")

        scene.line.say(helloOf())
        scene.settle()

        assert len(scene.lines) == 1
        assert "this end speaks VortexPY's wire: connect to it with wire='vortexpy'" in str(connection.error)

    def test_is_vortexpys_where_that_is_asked_for(self, scene: Scene) -> None:
        connection = scene.connect("tcp://s:1", wire="vortexpy")

        scene.line.say(helloOf())
        scene.settle()

        assert connection.state == "open"


class TestTheChoice:
    @pytest.mark.parametrize(
        ("wire", "isHttp", "error", "again"),
        [
            ("auto", True, NotNative("x"), True),
            ("auto", True, ConnectionRefused("x"), False),
            ("auto", False, NotNative("x"), False),
            ("native", True, NotNative("x"), False),
            ("vortexpy", True, NotNative("x"), False),
        ],
    )
    def test_is_another_only_where_that_may_help(
        self, wire: Any, isHttp: bool, error: VortexError, again: bool
    ) -> None:
        choice = WireChoice(wire, isHttp)

        assert choice.failed(error) is again
        assert choice.isNative is (wire != "vortexpy" and not again)

    def test_is_not_vortexpys_for_one_line_that_was_cut(self) -> None:
        choice = WireChoice("auto", True)

        assert choice.failed(HungUp("x"))
        assert choice.isNative
        assert not choice.failed(ConnectionRefused("x"))
        assert choice.failed(HungUp("x"))
        assert choice.isNative
        assert choice.failed(HungUp("x"))
        assert not choice.isNative

    def test_is_made_once(self) -> None:
        choice = WireChoice("auto", True)
        choice.worked()

        assert not choice.failed(NotNative("x"))
        assert choice.isNative


class TestALineThatIsCut:
    def test_in_its_first_handshake_does_not_cost_the_native_wire(self) -> None:
        with VortexHarness() as harness:
            server, client = harness.node("server"), harness.node("client")
            harness.network.onConnect(
                lambda connection: None if connection.number else harness.clock.callLater(0, connection.cut)
            )

            connection = harness.connect(client, server, over="websocket", random=AlwaysLongest())

            cutAndBack: list[object] = []
            connection.onSessionEvent(lambda event, _: cutAndBack.append(event))
            harness.network.connections[-1].cut()
            harness.advance(1)
            assert len(cutAndBack) == 1  # only a session of the native wire goes on
