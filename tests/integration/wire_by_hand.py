"""
The VortexPY wire written and read by hand, with base64, zlib and json alone.

Tests hold our server against it. Nothing in here uses the library, so that a mistake in the library cannot
agree with itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Sequence
from typing import Any, Self

__all__ = [
    "DATE",
    "HeldPost",
    "HeldPostClient",
    "WebSocketClient",
    "dechunk",
    "decode",
    "envelope",
    "era0",
    "person",
    "rawEnvelope",
    "splitFrames",
]

DATE = {"_ft": "datetime", "_fd": "2026-01-02 03:04:05.000006+0000"}
PATIENCE = 10.0


def _connected(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")


def person(**fields: Any) -> dict[str, Any]:
    return {"_ct": "rt", "_c": "acme.PersonTuple", **fields}


def _packed(message: dict[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(message).encode(), 9)).decode()


def envelope(era: int, filt: dict[str, Any], tuples: list[Any] | None = None, result: Any = None) -> bytes:
    """One message of era 1 or 2 as VortexPY frames it on HTTP: base64 and a dot."""
    body = None if tuples is None else _packed({"_ct": "rp", "filt": filt, "tuples": tuples, "date": DATE})
    key = {1: "encodedPayload", 2: "data"}[era]
    message = {"_ct": "rpe", "filt": filt, key: body, "result": result, "date": DATE}
    return base64.b64encode(json.dumps(message).encode()) + b"."


def rawEnvelope(filt: dict[str, Any], tuples: list[Any] | None = None) -> bytes:
    """One message of era 2 as bare JSON, for a WebSocket."""
    return base64.b64decode(envelope(2, filt, tuples).removesuffix(b"."))


def era0(
    filt: dict[str, Any], tuples: list[Any] | None = None, replyFilt: dict[str, Any] | None = None
) -> bytes:
    """One message of era 0 with its dot."""
    date = {"_ft": "datetime", "_fd": "2026-01-02 03:04:05.000006"}
    message = {
        "_ct": "rp",
        "filt": filt,
        "replyFilt": replyFilt or {},
        "tuples": tuples or [],
        "result": None,
    }
    return _packed({**message, "date": date}).encode() + b"."


def splitFrames(body: bytes) -> list[bytes]:
    """The messages of a response body; beats, which are empty frames, are left out."""
    return [frame for frame in body.split(b".") if frame]


def decode(frame: bytes) -> dict[str, Any]:
    """
    One message of any era, base64 or raw JSON, as a dict.

    It has ``filt``, ``result``, ``tuples`` (None without a body) and ``era`` (0, or None for an envelope). An
    envelope's ``inner`` is its payload as it stands; ``keys`` are the names under which it was there.
    """
    text = frame if frame[:1] == b"{" else base64.b64decode(frame, validate=True)
    if text[:1] == b"x":
        message = json.loads(zlib.decompress(text))
        assert message["_ct"] == "rp"
        return {**message, "era": 0}
    message = json.loads(text)
    assert message["_ct"] == "rpe"
    keys = [key for key in ("data", "encodedPayload") if message.get(key) is not None]
    inner = None
    if keys:
        assert len({message[key] for key in keys}) == 1, "the two bodies of the universal form differ"
        inner = json.loads(zlib.decompress(base64.b64decode(message[keys[0]], validate=True)))
        assert inner["_ct"] == "rp"
    return {**message, "keys": keys, "inner": inner, "tuples": inner and inner["tuples"], "era": None}


def isBeat(message: dict[str, Any]) -> bool:
    """Whether this is the empty message that an old client gets instead of a dot."""
    return message["era"] == 0 and not (message["filt"] or message["tuples"] or message["result"])


def dechunk(raw: bytes) -> tuple[bytes, bool]:
    """The body of a chunked response as far as it is there, and whether its end is."""
    body = b""
    while True:
        size, found, rest = raw.partition(b"\r\n")
        length = int(size, 16) if found and size else -1
        if length == 0:
            return body, rest.startswith(b"\r\n")
        if length < 0 or len(rest) < length + 2:
            return body, False
        body += rest[:length]
        raw = rest[length + 2 :]


class WebSocketClient:
    """
    A client of one WebSocket over a plain socket.

    Args:
        port: The server's, on 127.0.0.1.
        uuid: The peer's uuid.
        name: The peer's name.
        path: Where the server has its vortex for WebSockets.
        tls: By what to trust a server that speaks TLS; None: it does not.
        headers: Further lines of the request's head.

    Attributes:
        head: The server's answer to the upgrade.
    """

    def __init__(
        self,
        port: int,
        *,
        uuid: str,
        name: str = "by-hand",
        path: str = "/vortexws",
        tls: ssl.SSLContext | None = None,
        headers: Sequence[str] = (),
    ) -> None:
        self._socket = _connected(port, tls)
        self._raw = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path}?vortexUuid={uuid}&vortexName={name} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        while b"\r\n\r\n" not in self._raw:
            self._read()
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        self.head = head.decode()
        accepted = base64.b64encode(
            hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        )
        assert self.head.split()[1] == "101", self.head
        assert accepted.decode() in self.head

    def send(self, text: bytes, *, opcode: int = 1) -> None:
        """Send one frame, masked as a client's frames are."""
        mask = os.urandom(4)
        size = len(text)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = b"\xfe" + size.to_bytes(2, "big")
        else:
            length = b"\xff" + size.to_bytes(8, "big")
        body = bytes(byte ^ mask[at & 3] for at, byte in enumerate(text))
        self._socket.sendall(bytes([0x80 | opcode]) + length + mask + body)

    def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and what it holds."""
        opcode, size = self._take(2)
        assert opcode & 0x80, "a fragment"
        assert size < 0x80, "a masked frame from a server"
        if size >= 126:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return opcode & 0x0F, self._take(size)

    def message(self) -> dict[str, Any]:
        """The next message, decoded; beats are passed over."""
        while True:
            opcode, text = self.frame()
            assert opcode == 1, f"opcode {opcode}: {text!r}"
            if text != b".":
                return decode(text)

    def _take(self, count: int) -> bytes:
        while len(self._raw) < count:
            self._read()
        taken, self._raw = self._raw[:count], self._raw[count:]
        return taken

    def _read(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the connection was closed"
        self._raw += data

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class HeldPostClient:
    """
    A client of held-open POSTs over plain sockets, one per POST, with the cookies that it was given.

    Args:
        port: The server's, on 127.0.0.1.
        uuid: The peer's uuid.
        name: The peer's name.
        path: Where the server has its vortex.
        tls: By what to trust a server that speaks TLS; None: it does not.
    """

    def __init__(
        self,
        port: int,
        *,
        uuid: str,
        name: str = "by-hand",
        path: str = "/vortex",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port, self.uuid, self.name, self.path, self.tls = port, uuid, name, path, tls
        self.cookies: dict[str, str] = {}
        self.posts: list[HeldPost] = []

    def post(self, body: bytes, *headers: str) -> HeldPost:
        """Send one more POST; earlier ones stay open until the server ends them."""
        post = HeldPost(self, body, headers)
        self.posts.append(post)
        return post

    def close(self) -> None:
        for post in self.posts:
            post.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class HeldPost:
    """One POST and its response, which is read as far as it has come."""

    def __init__(self, client: HeldPostClient, body: bytes, headers: tuple[str, ...]) -> None:
        self._client = client
        self._raw = b""
        self._taken = 0
        self._socket = _connected(client.port, client.tls)
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        lines = [
            f"POST {client.path}?vortexUuid={client.uuid}&vortexName={client.name} HTTP/1.1",
            f"Host: 127.0.0.1:{client.port}",
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
            *([f"Cookie: {cookies}"] if cookies else []),
            *headers,
        ]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    @property
    def head(self) -> str:
        while b"\r\n\r\n" not in self._raw:
            self._read(PATIENCE)
        head = self._raw.split(b"\r\n\r\n")[0].decode()
        for name, value in re.findall(r"(?mi)^set-cookie: *([^=;]+)=([^;\r\n]*)", head):
            self._client.cookies[name] = value
        return head

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def body(self) -> bytes:
        """The response's body as far as it was read."""
        assert "chunked" in self.head.lower()
        return dechunk(self._raw.split(b"\r\n\r\n", 1)[1])[0]

    @property
    def ended(self) -> bool:
        """Whether the server has ended this response, as far as it was read."""
        assert "chunked" in self.head.lower()
        return dechunk(self._raw.split(b"\r\n\r\n", 1)[1])[1]

    def message(self, within: float = PATIENCE, *, beat: bool = False) -> dict[str, Any]:
        """The next message on this response, decoded; or the next beat of an old client."""
        deadline = time.monotonic() + within
        while True:
            frames = splitFrames(self.body[: self.body.rfind(b".") + 1])
            if len(frames) > self._taken:
                self._taken += 1
                message = decode(frames[self._taken - 1])
                if beat == isBeat(message):
                    return message
                continue
            assert not self.ended, "the response ended"
            self._read(deadline - time.monotonic())

    def nextBytes(self, within: float) -> bytes:
        """What comes next, be it a beat."""
        deadline = time.monotonic() + within
        before = len(self.body)
        while len(self.body) == before:
            self._read(deadline - time.monotonic())
        return self.body[before:]

    def waitUntilEnded(self, within: float = PATIENCE) -> None:
        deadline = time.monotonic() + within
        while not self.ended:
            self._read(deadline - time.monotonic())

    def _read(self, within: float) -> None:
        assert within > 0, f"nothing more came; so far {self._raw[-300:]!r}"
        self._socket.settimeout(within)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing more came; so far {self._raw[-300:]!r}") from None
        assert data, f"the connection was closed; so far {self._raw[-300:]!r}"
        self._raw += data

    def close(self) -> None:
        self._socket.close()
