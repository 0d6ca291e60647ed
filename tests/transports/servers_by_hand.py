"""
Servers by hand, for links that we make: bytes in, bytes out, over a network in memory.

What they say is spelled out, as RFC 9112 and RFC 6455 have it; messages are `tests.wire_messages`'s.
"""

from __future__ import annotations

import base64
import gc
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from tests.testing.protocols import Wanting
from tests.wire_messages import decode
from vortex import Limits, Payload, Vortex, VortexError
from vortex.routing.ports import Peer
from vortex.testing import MemoryConnection, MemoryNetwork, VirtualClock
from vortex.transports.dial import Dialled, LinkWatcher

__all__ = [
    "Line",
    "Scene",
    "Watcher",
    "bringAbout",
    "chunk",
    "nothingLogged",
    "response",
    "serverFrame",
    "unhandled",
]


class Line(Protocol):
    """
    One connection that was made to us.

    Attributes:
        received: All that came.
        lost: How it ended; None while it has not.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.lost: type[BaseException] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.lost = type(reason.value)

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    def hangUp(self) -> None:
        self.transport.loseConnection()

    # ---- HTTP

    @property
    def requestLine(self) -> str:
        return self.received.split(b"\r\n", 1)[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        """Of the request, by lower-case name."""
        lines = self.received.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.requestLine.split()[1]).query)

    @property
    def body(self) -> bytes:
        return self.received.split(b"\r\n\r\n", 1)[1]

    # ---- POST

    def hold(self, *frames: bytes, headers: str = "") -> None:
        """Begin a response that stays open; *frames* come as one chunk."""
        self.say(response(200, headers="Content-Type: text/text\r\nTransfer-Encoding: chunked\r\n" + headers))
        if frames:
            self.push(*frames)

    def push(self, *frames: bytes) -> None:
        """One more chunk."""
        self.say(chunk(b"".join(frame + b"." for frame in frames)))

    def finish(self) -> None:
        """End the response."""
        self.say(chunk(b""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What stands in the request's body."""
        return [decode(frame) for frame in self.body.split(b".") if frame]

    # ---- WebSocket

    def upgrade(self, headers: str = "") -> None:
        """Say yes."""
        key = self.headers["sec-websocket-key"].encode()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.say(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n"
            + headers.encode("latin-1")
            + b"\r\n"
        )

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """The frames that came, as opcode and payload; all of them have to be masked."""
        rest, frames = self.body, []
        while rest:
            opcode, length, start = rest[0] & 15, rest[1] & 127, 2
            assert rest[0] & 0x80
            assert rest[1] & 0x80, "a client's frame is masked"
            if length == 126:
                length, start = int.from_bytes(rest[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(rest[2:10], "big"), 10
            mask, data = rest[start : start + 4], rest[start + 4 : start + 4 + length]
            frames.append((opcode, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))))
            rest = rest[start + 4 + length :]
        return frames

    @property
    def closeFrame(self) -> tuple[int, str] | None:
        """The code and the text of the close frame that came; None if none did."""
        closes = [data for opcode, data in self.frames if opcode == 8]
        return (int.from_bytes(closes[0][:2], "big"), closes[0][2:].decode()) if closes else None


class Watcher:
    """
    Who asked for a link.

    Attributes:
        opened, errors: What it was told, in order.
    """

    def __init__(self) -> None:
        self.opened: list[Peer] = []
        self.errors: list[VortexError] = []
        self.whenEnded: Callable[[], object] = lambda: None

    def linkOpened(self, peer: Peer) -> None:
        self.opened.append(peer)

    def linkEnded(self, error: VortexError) -> None:
        self.errors.append(error)
        self.whenEnded()

    @property
    def ended(self) -> tuple[type[VortexError], str]:
        """How the link ended: it has to have, and once."""
        (error,) = self.errors
        return type(error), str(error)


class Scene:
    """
    A node, somebody by hand to connect to, and the time.

    Attributes:
        lines: The connections that were made, in order.
    """

    def __init__(self, dial: Callable[[Scene, LinkWatcher], Dialled], **limits: Any) -> None:
        self.clock = VirtualClock()
        self.network = MemoryNetwork(self.clock)
        self.vortex = Vortex("a b", uuid="uuid-a", limits=Limits(**limits), reactor=self.clock)
        self.watcher = Watcher()
        self._factory = Wanting(kind=Line)
        self._dial = dial
        self._port: Any = None
        self.listen()

    def listen(self) -> None:
        self.network.serverEndpoint("server").listen(self._factory).addCallback(self._listens)

    def _listens(self, port: Any) -> None:
        self._port = port

    def stopListening(self) -> None:
        self._port.stopListening()

    @property
    def lines(self) -> list[Line]:
        return self._factory.made

    @property
    def line(self) -> Line:
        """The newest."""
        return self.lines[-1]

    @property
    def connection(self) -> MemoryConnection:
        """The newest."""
        return self.network.connections[-1]

    @property
    def peer(self) -> Any:
        (peer,) = self.watcher.opened
        return peer

    def dial(self) -> Dialled:
        self.dialled = self._dial(self, self.watcher)
        self.settle()
        return self.dialled

    def settle(self) -> None:
        self.clock.settle()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def send(self, key: str, *tuples: Any) -> None:
        """Send a message to who is at the other end."""
        self.peer.send(Payload({"key": key}, list(tuples)))

    @property
    def isEmpty(self) -> bool:
        """Whether no connection is open, no call waits, and nobody is connected."""
        isOpen = any(connection.isOpen for connection in self.network.connections)
        return not isOpen and not self.clock.getDelayedCalls() and not self.vortex.peers


def bringAbout(end: str, scene: Scene) -> None:
    """Have the newest connection "hung up" by the server, "cut", or the link "closed" by us."""
    if end == "hung up":
        scene.line.hangUp()
    elif end == "cut":
        scene.connection.cut()
    else:
        scene.dialled.close("enough")


def chunk(data: bytes) -> bytes:
    """*data* as a chunk of a response's body; the last one, if it is empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def response(status: int, body: bytes = b"", headers: str = "", phrase: str = "Phrase") -> bytes:
    """The beginning of an HTTP response: its head, and what comes of its body at once."""
    return f"HTTP/1.1 {status} {phrase}\r\n{headers}\r\n".encode() + body


def serverFrame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """A WebSocket frame of a server."""
    first = bytes(((0x80 if fin else 0) | opcode,))
    if len(payload) < 126:
        return first + bytes((len(payload),)) + payload
    if len(payload) < 1 << 16:
        return first + b"\x7e" + len(payload).to_bytes(2, "big") + payload
    return first + b"\x7f" + len(payload).to_bytes(8, "big") + payload


@pytest.fixture
def nothingLogged() -> Iterator[list[LogEvent]]:
    """
    Nothing is logged that somebody would see, but what the test takes out of the list.

    An error that nobody has taken is logged when its Deferred is collected, in whatever test that happens:
    those are left out here, and looked for by `unhandled`. So is all that is logged of garbage while it is
    collected: which test has left it nobody knows.
    """
    events: list[LogEvent] = []
    isCollecting = False

    def collects(phase: str, _: dict[str, int]) -> None:
        nonlocal isCollecting
        isCollecting = phase == "start"

    def note(event: LogEvent) -> None:
        # autobahn's servers wait for the end of a connection on the reactor, which runs in a later test.
        isOfAutobahn = str(event.get("log_namespace")).startswith("autobahn.")
        isOfOthers = isCollecting or _isOfDeferred(event) or isOfAutobahn
        if event["log_level"] >= LogLevel.info and not isOfOthers:
            events.append(event)

    publisher: Any = globalLogPublisher
    publisher.addObserver(note)
    gc.callbacks.append(collects)
    yield events
    gc.callbacks.remove(collects)
    publisher.removeObserver(note)
    logged = [formatEvent(event) for event in events]
    assert not logged, logged


def unhandled(happen: Callable[[], object]) -> list[Failure]:
    """The errors that nobody has taken of what *happen* does."""
    gc.collect()
    failures: list[Failure] = []

    def note(event: LogEvent) -> None:
        if _isOfDeferred(event) and "log_failure" in event:
            failures.append(event["log_failure"])

    publisher: Any = globalLogPublisher
    publisher.addObserver(note)
    try:
        happen()
        gc.collect()
    finally:
        publisher.removeObserver(note)
    return failures


def _isOfDeferred(event: LogEvent) -> bool:
    return str(event.get("log_namespace")).startswith("twisted.internet.defer")
