"""WebSockets that we make on the native wire, to a server by hand: how messages are read, what ends them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol import native_wire as wire
from tests.transports.servers_by_hand import Line, Scene, serverFrame
from vortex.testing import RecordingEndpoint
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.websocket_wires import dialWebSocket

URL = "ws://host:81/vortex"
BINARY = 2


def data(number: int) -> bytes:
    """A message for ``{"key": "in"}``, without its length."""
    return bytes([wire.DATA]) + wire.leb(number) + wire.message("", flags=1, f={"key": "in"})


class NativeScene(Scene):
    """
    Attributes:
        closed: What was told of the session's end.
    """

    def __init__(self, **limits: Any) -> None:
        super().__init__(self._dialled, **limits)
        self.closed: list[tuple[str, str]] = []
        self._session = ClientLine(
            self.vortex,
            onSession=lambda event: None,
            onClosed=lambda code, reason: self.closed.append((code, reason)),
        )

    def _dialled(self, scene: Scene, watcher: LinkWatcher) -> Dialled:
        endpoint = self.network.clientEndpoint("server")
        return dialWebSocket(self.vortex, URL, endpoint, watcher, headers={}, line=self._session)

    def opened(self, **welcome: Any) -> Line:
        """Dial, and be a server that welcomes it."""
        self.dial()
        self.line.upgrade("Sec-WebSocket-Protocol: vortex.1\r\n")
        self.says(wire.framed(wire.welcome(**welcome)))
        return self.line

    def says(self, data: bytes, *, opcode: int = BINARY, fin: bool = True) -> None:
        self.line.say(serverFrame(data, opcode, fin=fin))
        self.settle()

    @property
    def heard(self) -> list[wire.Frame]:
        """The native frames that the server got."""
        return [
            frame for opcode, data in self.line.frames if opcode == BINARY for frame in wire.framesIn(data)
        ]

    @property
    def farewell(self) -> dict[str, Any] | None:
        """What a CLOSE has said, which comes last."""
        *_, (kind, *said) = self.heard
        return said[0] if kind == wire.CLOSE else None


class TestAMessage:
    def test_is_read_before_its_end_is_there(self) -> None:
        scene = NativeScene()
        scene.opened()
        there = RecordingEndpoint({"key": "in"}, scene.vortex)

        scene.says(wire.framed(data(1), data(2))[:-1], fin=False)

        assert len(there.payloads) == 1

    def test_may_be_longer_than_a_frame_may(self) -> None:
        scene = NativeScene(maxFrame=1000)
        scene.opened()
        there = RecordingEndpoint({"key": "in"}, scene.vortex)
        whole = wire.framed(*(data(number) for number in range(1, 501)))

        scene.says(whole[:9000], fin=False)
        scene.says(whole[9000:], opcode=0)

        assert len(there.payloads) == 500
        assert scene.closed == []

    @pytest.mark.parametrize("before", [b"", wire.framed(data(1))], ids=["first", "behind another"])
    def test_with_a_frame_over_the_limit_ends_the_session_at_once(self, before: bytes) -> None:
        """Of the frame there is nothing yet but its length: it would come again at each resume."""
        scene = NativeScene(maxFrame=1000)
        line = scene.opened()

        line.say(b"\x82\x7f" + (5 << 20).to_bytes(8, "big") + before + wire.leb(1001))
        scene.settle()

        assert scene.farewell == {
            "code": "limit-exceeded",
            "reason": "a frame is 1001 bytes long, 1000 are accepted (maxFrame)",
            "again": False,
        }
        assert line.closeFrame == (1009, "a frame is 1001 bytes long, 1000 are accepted (maxFrame)")
        assert [code for code, _ in scene.closed] == ["limit-exceeded"]
        assert scene.vortex.peers == ()

    @pytest.mark.parametrize(
        ("opcode", "message", "reason"),
        [
            (BINARY, wire.framed(data(1))[:-1], "expected whole frames in a message, and it ends within one"),
            (1, wire.framed(data(1)), "expected a binary message, got a text"),
        ],
        ids=["it ends within a frame", "it is a text"],
    )
    def test_that_is_none_ends_the_connection_and_not_the_session(
        self, opcode: int, message: bytes, reason: str
    ) -> None:
        scene = NativeScene()
        line = scene.opened()
        there = RecordingEndpoint({"key": "in"}, scene.vortex)

        scene.says(message, opcode=opcode)

        assert line.closeFrame == (1002, reason)
        assert there.payloads == []
        assert scene.closed == []
        (peer,) = scene.vortex.peers
        assert (peer.isOnline, peer.isConnected) == (True, False)

    def test_is_not_read_once_it_is_left(self) -> None:
        scene = NativeScene()
        scene.opened()
        there = RecordingEndpoint({"key": "in"}, scene.vortex)

        scene.says(b"\0")  # no frame
        scene.says(wire.framed(data(1)))

        assert there.payloads == []
        assert len([opcode for opcode, _ in scene.line.frames if opcode == 8]) == 1
