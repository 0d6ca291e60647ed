"""
Clients of the native wire by hand, over every transport, as docs/reference/wire-format.md has it.

A virtual clock, no socket, nothing of the library's but the server that is talked to.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

from tests.native_frames import CLOSE, DATA, REPLY, WELCOME, Frame, framesIn, hello, leb
from tests.transports.wires import Client, PostClient, Server, WebSocketClient
from vortex.transports.stream_server import StreamFactory

__all__ = [
    "HELD",
    "KINDS",
    "PAD",
    "PREAMBLE",
    "SEND",
    "TWO_WAYS",
    "Line",
    "NativePost",
    "NativeStream",
    "NativeWebSocket",
    "frame",
    "knock",
    "numbers",
    "resumeOf",
    "send",
]

PREAMBLE = bytes.fromhex("00565831")
SEND, PAD = 0x04, 0x05

KINDS = ("websocket", "tcp", "stream", "sse", "poll")
TWO_WAYS = ("websocket", "tcp")
HELD = ("websocket", "tcp", "stream", "sse")


def frame(kind: int, rest: bytes = b"") -> bytes:
    return leb(1 + len(rest)) + bytes((kind,)) + rest


def send(session: str, token: str) -> bytes:
    return frame(SEND, json.dumps({"session": session, "token": token}).encode())


def resumeOf(welcome: dict[str, Any], taken: int = 0, **other: Any) -> dict[str, Any]:
    """What a HELLO says of the session that *welcome* was of."""
    resume = {key: welcome[key] for key in ("session", "token", "epoch")}
    return {**resume, "n": taken, **other}


def numbers(frames: list[Frame]) -> list[int]:
    """Of the messages among *frames*."""
    return [each.number for each in frames if each.kind in (DATA, REPLY)]


class Line(Protocol):
    """One connection, or one request's answer."""

    @property
    def got(self) -> list[Frame]:
        """What came back so far."""

    @property
    def welcome(self) -> dict[str, Any]: ...

    @property
    def isOver(self) -> bool:
        """Whether the server has ended it."""

    def lose(self) -> None: ...


class _Got:
    @property
    def got(self) -> list[Frame]:
        raise NotImplementedError

    @property
    def welcome(self) -> dict[str, Any]:
        first = self.got[0]
        assert first.kind == WELCOME, first
        return first.json

    @property
    def farewell(self) -> dict[str, Any] | None:
        return next((each.json for each in self.got if each.kind == CLOSE), None)

    def having(self, kind: int) -> list[Frame]:
        return [each for each in self.got if each.kind == kind]


class NativeStream(_Got, Client):
    """A raw connection that begins with the preamble."""

    def __init__(
        self,
        server: Server,
        first: bytes = b"",
        *,
        address: str = "127.0.0.1",
        factory: StreamFactory | None = None,
    ) -> None:
        super().__init__(factory or StreamFactory(server.vortex), address)
        self.send(PREAMBLE + first)

    @property
    def got(self) -> list[Frame]:
        return list(framesIn(self.received))

    @property
    def isOver(self) -> bool:
        return self.closed


class NativeWebSocket(_Got, WebSocketClient):
    """A WebSocket of the subprotocol; `send` is of binary messages."""

    def __init__(
        self, server: Server, first: bytes = b"", *, address: str = "127.0.0.1", headers: str = ""
    ) -> None:
        super().__init__(server.site, address)
        self.upgradeNatively(headers)
        if first:
            self.frame(first, opcode=2)

    def upgradeNatively(self, headers: str = "") -> None:
        self.send(
            (
                "GET /vortexws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Sec-WebSocket-Protocol: vortex.1\r\n{headers}\r\n"
            ).encode()
        )

    @property
    def got(self) -> list[Frame]:
        assert all(opcode in (2, 8, 10) for opcode, _ in self.frames)
        return [each for opcode, data in self.frames if opcode == 2 for each in framesIn(data)]

    @property
    def isOver(self) -> bool:
        return self.closed or self.closeCode is not None


class NativePost(_Got, PostClient):
    """One request; `got` are the frames in its answer, whatever they are wrapped in."""

    def __init__(self, server: Server, body: bytes, *, address: str = "127.0.0.1", headers: str = "") -> None:
        super().__init__(server.site, address)
        body = PREAMBLE + body
        head = f"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.send(head.encode() + body)

    @property
    def body(self) -> bytes:
        head, _, rest = self.received.partition(b"\r\n\r\n")
        return super().body if b"chunked" in head else rest

    @property
    def events(self) -> list[tuple[int, bytes]]:
        """Of an event stream: each event's id and data, as RFC-less as the HTML standard has them."""
        events = []
        for block in self.body.decode("ascii").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":")
            if "data" in fields:
                events.append((int(fields["id"]), base64.b64decode(fields["data"])))
        return events

    @property
    def got(self) -> list[Frame]:
        if b"text/event-stream" in self.head:
            return [each for _, data in self.events for each in framesIn(data)]
        return list(framesIn(self.body))

    @property
    def isOver(self) -> bool:
        return self.ended or self.closed


def knock(kind: str, server: Server, *, address: str = "127.0.0.1", headers: str = "", **said: Any) -> Any:
    """Say HELLO to *server* over a transport of that *kind*; *said* is in it besides."""
    if kind == "websocket":
        return NativeWebSocket(server, hello(**said), address=address, headers=headers)
    if kind == "tcp":
        return NativeStream(server, hello(**said), address=address)
    return NativePost(server, hello(via=kind, **said), address=address, headers=headers)
