"""
The load client: many connections of VortexPY clients, or of ours, in one process.

usage: load_client.py PORT     it is told what to do on its standard input, as a contender is

It speaks as VortexPY 6.2.2 does: an upgrade or a POST with its uuid and name, then its hello in raw JSON;
on a WebSocket a beat every so often. Or it speaks the native wire on a WebSocket, acknowledges what comes,
and resumes. What comes back is taken apart into messages, which are counted and
timed and not decoded, so that it takes a fraction of what the server takes. It imports no library of either
contender.
"""

from __future__ import annotations

import base64
import gc
import json
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from common import ECHO_FILT, ROW_ECHO_FILT

OPENING = 64
"""How many connections are being opened at the same time."""

MASK = bytes.fromhex("37fa213d")
READ_BYTES = 1 << 16


def envelope(filt: dict[str, Any], body: str | None = None) -> bytes:
    """An envelope as VortexPY 6.2.2 writes it."""
    date = {"_ft": "datetime", "_fd": "2024-01-01 00:00:00.000000+0000"}
    content = {
        "_ct": "rpe",
        "_c": "vortex.PayloadEnvelope.PayloadEnvelope",
        "filt": filt,
        "data": body,
        "result": None,
        "date": date,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def frame(text: bytes, opcode: int = 1) -> bytes:
    """A WebSocket frame from a client; of itself a text."""
    size = len(text)
    first = 0x80 | opcode
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2, "big")
    mask = (MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(text, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
    return head + MASK + masked


BEAT = frame(b".")


class Connection:
    """
    One connection: what was read and is no whole message yet. `messages` takes what was read apart.

    Attributes:
        beat: What says that it is still there.
    """

    beat = BEAT

    def __init__(self, number: int, port: int) -> None:
        self.uuid = f"bench-{number:06}"
        self.rest = b""
        self.isAccepted = False
        self.isReady = False
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def query(self) -> str:
        return f"vortexUuid={self.uuid}&vortexName=client"

    def opening(self) -> bytes:
        """What is sent first."""
        raise NotImplementedError

    def accepted(self) -> bytes | None:
        """What is sent when the head of the answer has come; None when it has not."""
        head, separator, self.rest = self.rest.partition(b"\r\n\r\n")
        if not separator:
            self.rest = head
            return None
        self.checkHead(head)
        return self.hello()

    def checkHead(self, head: bytes) -> None:
        raise NotImplementedError

    def hello(self) -> bytes:
        raise NotImplementedError

    def messages(self, data: bytes) -> list[bytes]:
        """The messages that *data* ends; beats are none."""
        raise NotImplementedError


class WebSocketConnection(Connection):
    def opening(self) -> bytes:
        return (
            f"GET /vortexws?{self.query()} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def checkHead(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no upgrade: {head!r}")

    def hello(self) -> bytes:
        return frame(envelope({"__vortexUuid__": self.uuid, "__vortexName__": "client"}))

    def messages(self, data: bytes) -> list[bytes]:
        data = self.rest + data if self.rest else data
        found = []
        position, end = 0, len(data)
        while end - position >= 2:
            size = data[position + 1]
            start = position + 2
            if size == 126:
                start += 2
                size = int.from_bytes(data[position + 2 : start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(data[position + 2 : start], "big")
            if end < start + size:
                break
            if data[position] & 15 == 8:
                raise RuntimeError(f"the server closed a WebSocket: {data[start : start + size]!r}")
            if size > 1:
                found.append(data[start : start + size])
            position = start + size
        self.rest = data[position:]
        return found


WELCOME, DATA = 0x02, 0x10
ACK_EVERY = 16
"""Messages; a client of ours acknowledges about as many at once when they come as fast as here."""


def nativeFrame(kind: int, content: bytes) -> bytes:
    return varint(1 + len(content)) + bytes((kind,)) + content


def varint(number: int) -> bytes:
    more = number >> 7
    return bytes((number & 0x7F | (0x80 if more else 0),)) + (varint(more) if more else b"")


def readVarint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at


class NativeConnection(WebSocketConnection):
    """A client of ours: its messages are the WELCOME, and what is pushed."""

    beat = frame(nativeFrame(0x12, b"\0"), 2)

    def __init__(self, number: int, port: int) -> None:
        super().__init__(number, port)
        self.resume: dict[str, Any] | None = None
        self._taken = 0

    def opening(self) -> bytes:
        return super().opening()[:-2] + b"Sec-WebSocket-Protocol: vortex.1\r\n\r\n"

    def hello(self) -> bytes:
        said = {"wire": 1, "uuid": self.uuid, "name": "client", "epoch": 1, "next": 1, "resume": self.resume}
        text = json.dumps({key: value for key, value in said.items() if value is not None})
        return frame(nativeFrame(0x01, text.encode()), 2)

    def messages(self, data: bytes) -> list[bytes]:
        found = []
        for wires in super().messages(data):
            at = 0
            while at < len(wires):
                length, at = readVarint(wires, at)
                if wires[at] == DATA:
                    self._take(readVarint(wires, at + 1)[0])
                    found.append(wires)
                elif wires[at] == WELCOME:
                    welcome = json.loads(wires[at + 1 : at + length])
                    self.resume = {key: welcome[key] for key in ("session", "token", "epoch")}
                    self.resume["n"] = self._taken
                    found.append(wires)
                at += length
        return found

    def _take(self, number: int) -> None:
        if number <= self._taken:
            raise RuntimeError(f"message {number} came behind {self._taken}")
        self._taken = number
        if self.resume is not None:
            self.resume["n"] = number
        if number % ACK_EVERY == 0:
            self.socket.sendall(frame(nativeFrame(0x11, varint(number) + b"\0"), 2))

    def again(self, port: int) -> NativeConnection:
        """Another connection for the same session."""
        other = NativeConnection(int(self.uuid[-6:]), port)
        other.resume, other._taken = self.resume, self._taken
        return other


class PostConnection(Connection):
    body = base64.b64encode(envelope({})) + b"."
    _text = b""

    def opening(self) -> bytes:
        body = self.body
        return (
            f"POST /vortex?{self.query()} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
            f"User-Agent: Synerty VortexServer Client\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def checkHead(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"not held: {head!r}")

    def hello(self) -> bytes:
        return b""

    def messages(self, data: bytes) -> list[bytes]:
        data = self.rest + data if self.rest else data
        position = 0
        while (line := data.find(b"\r\n", position)) > 0:
            size = int(data[position:line], 16)
            if len(data) < line + size + 4:
                break
            if not size:
                raise RuntimeError("the server ended a held response")
            self._text += data[line + 2 : line + 2 + size]
            position = line + size + 4
        self.rest = data[position:]
        text = self._text
        if text.startswith((b"{", b".{")):  # VortexPY's hello, which is not base64 and is full of dots
            end = text.find(b"}}", 2) + 2
            if end < 2:
                return []
            self._text = text[end:]
            return [text[:end], *self.messages(b"")]
        *found, self._text = text.split(b".")
        return [message for message in found if message]


class EmptyPostConnection(PostConnection):
    body = b""


KINDS: dict[str, type[Connection]] = {
    "websocket": WebSocketConnection,
    "native": NativeConnection,
    "post": PostConnection,
    "post-empty": EmptyPostConnection,
}


class LoadClient:
    def __init__(self, port: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._onMessage: Callable[[Connection, bytes], None] = self._collected
        self._received: list[int] = []
        self._sample = b""
        self._beatEvery = 0.0
        self._now = 0

    def run(self) -> None:
        """Do what standard input says until it ends."""
        commands = {
            "connect": self.connect,
            "collect": self.collect,
            "echo": self.echo,
            "beat": self.beat,
            "cut": self.cut,
            "resume": self.resume,
        }
        while line := sys.stdin.readline():
            arguments = json.loads(line)
            outcome = commands[arguments.pop("do")](**arguments)
            print(json.dumps(outcome), flush=True)
            self._idle()

    # ---- commands

    def connect(self, kind: str, count: int) -> dict[str, Any]:
        """Open *count* connections, each until the server's hello has come."""
        ready = 0
        start = time.monotonic()

        def opened(connection: Connection, _message: bytes) -> None:
            nonlocal ready
            if not connection.isReady:
                connection.isReady = True
                ready += 1

        self._onMessage = opened
        while ready < count:
            while len(self._connections) < count and len(self._connections) - ready < OPENING:
                connection = KINDS[kind](len(self._connections), self._port)
                self._connections[connection.socket.fileno()] = connection
                self._poll.register(connection.socket.fileno(), select.EPOLLIN)
                connection.socket.sendall(connection.opening())
            self._busyTurn()
        self._onMessage = self._collected
        gc.collect()
        gc.freeze()
        gc.disable()
        return {"seconds": time.monotonic() - start}

    def collect(self, messages: int, start: int) -> dict[str, Any]:
        """Wait until so many messages have come since the last time; *start*: when they were sent, in ns."""
        while len(self._received) < messages:
            self._busyTurn()
        received, self._received = self._received, []
        if len(received) > messages:
            raise RuntimeError(f"{len(received)} messages came, expected {messages}")
        return {**_statistics([at - start for at in received]), "sample": self._sample.decode("latin-1")}

    def cut(self) -> None:
        """Break all connections."""
        for fileno, connection in self._connections.items():
            self._poll.unregister(fileno)
            connection.socket.close()

    def resume(self, messages: int) -> dict[str, float]:
        """Resume all that `cut` has broken, one after the other, each until so many messages have come."""
        broken, self._connections = self._connections, {}
        took = []
        for old in broken.values():
            assert isinstance(old, NativeConnection)
            start = time.monotonic_ns()
            connection = old.again(self._port)
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)
            connection.socket.sendall(connection.opening())
            self._received.clear()
            while len(self._received) < 1 + messages:  # the WELCOME is one as well
                self._busyTurn()
            took.append(self._now - start)
        self._received.clear()
        return _statistics(took)

    def echo(self, requests: int, concurrent: int, body: str | None) -> dict[str, Any]:
        """Send so many requests from *concurrent* connections, each when the last one's answer has come."""
        filt = ECHO_FILT if body is None else ROW_ECHO_FILT
        waiting = [
            frame(envelope({**filt, "PayloadResponse.messageId": f"bench-{number}"}, body))
            for number in range(requests)
        ]
        sentAt: dict[Connection, int] = {}
        took: list[int] = []

        def send(connection: Connection) -> None:
            sentAt[connection] = time.monotonic_ns()
            connection.socket.sendall(waiting.pop())

        def answered(connection: Connection, message: bytes) -> None:
            took.append(self._now - sentAt[connection])
            self._sample = message
            if waiting:
                send(connection)

        self._onMessage = answered
        start = time.monotonic()
        for connection in list(self._connections.values())[:concurrent]:
            send(connection)
        while len(took) < requests:
            self._busyTurn()
        seconds = time.monotonic() - start
        self._onMessage = self._collected
        return {**_statistics(took), "seconds": seconds, "sample": self._sample.decode("latin-1")}

    def beat(self, seconds: float) -> None:
        """From now on each connection beats every *seconds* seconds, one after the other; 0: none does."""
        self._beatEvery = seconds

    # ---- the loop

    def _idle(self) -> None:
        """Read what comes, and beat, until there is a command."""
        step = 0.1
        nextStep = time.monotonic() + step
        due = 0.0
        while True:
            timeout = max(0.0, nextStep - time.monotonic()) if self._beatEvery else -1
            if self._turn(timeout):
                return
            if self._beatEvery and time.monotonic() >= nextStep:
                nextStep += step
                due += len(self._connections) * step / self._beatEvery
                while due >= 1:
                    due -= 1
                    fileno, connection = next(iter(self._connections.items()))
                    self._connections[fileno] = self._connections.pop(fileno)
                    connection.socket.sendall(connection.beat)

    def _busyTurn(self) -> None:
        if self._turn():
            raise SystemExit("told to stop in the middle of a command")

    def _turn(self, timeout: float = -1) -> bool:
        """Handle what is there, or comes within *timeout* seconds; True if that is a command, or the end."""
        isCommand = False
        connections = self._connections
        for fileno, _ in self._poll.poll(timeout, 1024):
            connection = connections.get(fileno)
            if connection is None:
                isCommand = True
                continue
            data = connection.socket.recv(READ_BYTES)
            self._now = time.monotonic_ns()
            if not data:
                raise RuntimeError(f"the server closed the connection of {connection.uuid}")
            self._read(connection, data)
        return isCommand

    def _read(self, connection: Connection, data: bytes) -> None:
        if not connection.isAccepted:
            connection.rest += data
            hello = connection.accepted()
            if hello is None:
                return
            connection.isAccepted = True
            if hello:
                connection.socket.sendall(hello)
            data = b""
        for message in connection.messages(data):
            self._onMessage(connection, message)

    def _collected(self, _connection: Connection, message: bytes) -> None:
        self._received.append(self._now)
        self._sample = message


def _statistics(nanoseconds: list[int]) -> dict[str, float]:
    """Seconds: the middle one, all but a hundredth, the longest."""
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    return {
        "p50": ordered[last // 2] / 1e9,
        "p99": ordered[int(last * 0.99)] / 1e9,
        "longest": ordered[last] / 1e9,
    }


if __name__ == "__main__":
    LoadClient(int(sys.argv[1])).run()
