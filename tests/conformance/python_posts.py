"""The cases of posts.json, carried out by a node of ours behind a site: a virtual clock, and no socket."""

from __future__ import annotations

import base64
from typing import Any, cast

from twisted.internet.task import Clock

from tests.conformance.notation import Case, Frames, matches
from tests.conformance.python_client import nameOfFilt
from tests.transports.wires import PostClient, Server
from vortex.protocol.envelope import Envelope
from vortex.routing.payload_io import PayloadIO

__all__ = ["Posts"]


class Posts:
    """One case. Whatever does not come out as it says is an AssertionError."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._frames = Frames()
        self._server = Server(Clock())
        self._server.vortex.payloadIO = cast("PayloadIO", self)
        self._bound: dict[str, str] = {}
        self._told: list[str] = []

    def isFull(self, peer: object) -> bool:
        """As `PayloadIO.isFull`: nothing that comes in waits."""
        return False

    def route(self, envelope: Envelope, *_: Any) -> int:
        """As `PayloadIO.route`."""
        self._told.append(nameOfFilt(envelope.filt))
        return 1

    def run(self) -> None:
        made = [self._post(post) for post in self._case["posts"]]
        self._server.clock.advance(0)
        for client, post in zip(made, self._case["posts"], strict=True):
            if "isOpenAtTheEnd" in post:
                assert _isOpen(client) == post["isOpenAtTheEnd"]

    def _post(self, post: dict[str, Any]) -> PostClient:
        body = b"".join(self._frames.encoded(part, self._bound) for part in post["body"])
        client = PostClient(self._server.site)
        head = f"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body)
        self._server.clock.advance(post.get("after", 0))
        assert client.status == post["status"], client.received
        if post["status"] == 200:
            assert f"content-type: {post.get('type', '')}" in client.head.decode().lower()
            frames = list(self._frames.decoded(_content(client)))
            assert matches(frames, post["frames"], self._bound), frames
        if "isOpen" in post:
            assert _isOpen(client) == post["isOpen"]
        told, self._told = self._told, []
        assert told == post.get("told", [])
        return client


def _isOpen(client: PostClient) -> bool:
    return b"chunked" in client.head and not client.ended


def _content(client: PostClient) -> bytes:
    """The frames in an answer, whatever they are wrapped in."""
    body = client.body if b"chunked" in client.head else client.received.partition(b"\r\n\r\n")[2]
    if b"text/event-stream" not in client.head:
        return body
    lines = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
    return b"".join(base64.b64decode(line.removeprefix(b"data: "), validate=True) for line in lines)
