"""
Clients by hand, for tests: bytes in, bytes out, a virtual clock, no socket.

HTTP and WebSocket are spelled out as RFC 9112 and RFC 6455 have them, and taken
apart here; messages are `tests.wire_messages`'s.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from tests.wire_messages import base64Envelope, decode
from vortex.node.vortex import Vortex
from vortex.transports.http import VortexResource
from vortex.transports.http_site import VortexSite
from vortex.transports.stream_server import StreamFactory

UUID = "11111111-2222-4333-8444-555555555555"


class Wire(StringTransport):
    """The server's end of a connection, as `StringTransport`, plus what a real one can do besides."""

    def __init__(self, address: str) -> None:
        super().__init__(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 80), peerAddress=IPv4Address("TCP", address, 40000)
        )
        self.aborted = False
        self.isHalfClosed = False
        self.noDelay = False
        self.protocol: Any = None  # who has it: an upgrade hands it over

    def setTcpNoDelay(self, enabled: bool) -> None:
        assert isinstance(self.peerAddr, IPv4Address)  # nothing else has it
        self.noDelay = enabled

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            super().unregisterProducer()

    def loseWriteConnection(self) -> None:
        self.isHalfClosed = True

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class Client:
    """One connection to a site; `received` is all that came back."""

    def __init__(self, site: Any, address: str = "127.0.0.1") -> None:
        self.wire = Wire(address)
        self.wire.protocol = site.buildProtocol(self.wire.getPeer())
        self.wire.protocol.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        self.wire.protocol.dataReceived(data)

    @property
    def received(self) -> bytes:
        received: bytes = self.wire.value()
        return received

    def take(self) -> bytes:
        """What came back since the last call."""
        data = self.received
        self.wire.clear()
        return data

    @property
    def closed(self) -> bool:
        return bool(self.wire.disconnecting or self.wire.disconnected or self.wire.isHalfClosed)

    def stall(self, stalled: bool = True) -> None:
        """The other end stops reading, as its transport tells the producer; or reads again."""
        producer: Any = self.wire.producer
        (producer.pauseProducing if stalled else producer.resumeProducing)()

    def lose(self) -> None:
        """The connection breaks."""
        self.wire.protocol.connectionLost(Failure(ConnectionDone()))


class PostClient(Client):
    """A held-open POST; `frames` are the dot-terminated frames of its response's body."""

    def post(self, body: bytes = b"", *, uuid: str = UUID, name: str = "raw", headers: str = "") -> None:
        head = (
            f"POST /vortex?vortexUuid={uuid}&vortexName={name} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        self.send(head.encode() + body)

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1])

    @property
    def head(self) -> bytes:
        return self.received.split(b"\r\n\r\n", 1)[0]

    @property
    def cookie(self) -> str:
        """The request header that sends back what the response asked to keep."""
        line = next(x for x in self.head.split(b"\r\n") if x.startswith(b"Set-Cookie: "))
        return "Cookie: " + line.removeprefix(b"Set-Cookie: ").split(b";")[0].decode() + "\r\n"

    @property
    def body(self) -> bytes:
        """The body so far, de-chunked by hand."""
        rest = self.received.split(b"\r\n\r\n", 1)[1]
        body = b""
        while rest:
            size, rest = rest.split(b"\r\n", 1)
            length = int(size, 16)
            body += rest[:length]
            rest = rest[length + 2 :]
        return body

    @property
    def frames(self) -> list[bytes]:
        return self.body.split(b".")[:-1]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The envelopes so far, beats left out."""
        return [decode(frame) for frame in self.frames if frame]

    @property
    def ended(self) -> bool:
        return self.received.endswith(b"0\r\n\r\n")


class WebSocketClient(Client):
    """An upgraded connection; `frames` are the (opcode, payload) pairs that came."""

    def upgrade(
        self, *, uuid: str = UUID, name: str = "raw", headers: str = "", path: str = "/vortex"
    ) -> None:
        self.send(
            (
                f"GET {path}?vortexUuid={uuid}&vortexName={name} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
            ).encode()
        )

    def frame(self, payload: bytes, opcode: int = 1, fin: bool = True) -> None:
        """Send a masked frame; the mask is zero, which is a mask too."""
        self.send(clientFrame(payload, opcode, fin))

    @property
    def head(self) -> bytes:
        return self.received.split(b"\r\n\r\n", 1)[0]

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        rest = self.received.split(b"\r\n\r\n", 1)[1]
        frames = []
        while rest:
            opcode, length, start = rest[0] & 15, rest[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(rest[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(rest[2:10], "big"), 10
            frames.append((opcode, rest[start : start + length]))
            rest = rest[start + length :]
        return frames

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The envelopes so far, beats and control frames left out."""
        return [decode(data) for opcode, data in self.frames if opcode == 1 and data != b"."]

    @property
    def closeCode(self) -> int | None:
        """The code of the close frame that came, if one did."""
        codes = [int.from_bytes(data[:2], "big") for opcode, data in self.frames if opcode == 8]
        return codes[0] if codes else None


class StreamClient(Client):
    """A raw connection; `frames` are what stands between the dots."""

    def frame(self, message: bytes) -> None:
        self.send(message + b".")

    @property
    def frames(self) -> list[bytes]:
        *frames, rest = self.received.split(b".")
        assert rest == b""
        return frames

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages so far, beats left out."""
        return [decode(frame) for frame in self.frames if frame]


def clientFrame(payload: bytes, opcode: int = 1, fin: bool = True) -> bytes:
    first = bytes(((0x80 if fin else 0) | opcode,))
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return first + length + b"\0\0\0\0" + payload


class Server:
    """A node behind a site at /vortex and /vortexws, on a virtual clock."""

    def __init__(self, clock: Clock, **kwargs: Any) -> None:
        kwargs.setdefault("uuid", "server-uuid")
        allowedOrigins = kwargs.pop("allowedOrigins", ())
        self.clock = clock
        self.vortex = Vortex("server", reactor=clock, **kwargs)
        root = Resource()
        self.resource = VortexResource(self.vortex, allowedOrigins=allowedOrigins)
        root.putChild(b"vortex", self.resource)
        root.putChild(b"vortexws", self.resource)
        self.site = VortexSite(root, self.vortex.limits, counters=self.vortex.counters, reactor=clock)

    def post(self, body: bytes = b"", *, address: str = "127.0.0.1", **kwargs: Any) -> PostClient:
        client = PostClient(self.site, address)
        client.post(body, **kwargs)
        return client

    def webSocket(self, *, address: str = "127.0.0.1", **kwargs: Any) -> WebSocketClient:
        client = WebSocketClient(self.site, address)
        client.upgrade(**kwargs)
        return client

    def stream(self, *, uuid: str = UUID, name: str = "raw", address: str = "127.0.0.1") -> StreamClient:
        client = StreamClient(StreamFactory(self.vortex), address)
        client.frame(base64Envelope({"__vortexUuid__": uuid, "__vortexName__": name}))
        return client
