"""Headers that are no text: whoever sends one gets an answer, and no trace of it is in the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.web.http_headers import Headers

from tests.native_frames import hello
from tests.transports.native_wires import PREAMBLE
from tests.transports.wires import PostClient, Server
from vortex.transports.header_texts import headerText, headerTexts

UPGRADE = (
    "GET /vortexws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
LISTEN = "GET /vortex HTTP/1.1\r\nAccept: text/event-stream\r\n"
BODY = PREAMBLE + hello(via="poll", wait=0)
POST = f"POST /vortex?vortexUuid=u&vortexName=n HTTP/1.1\r\nContent-Length: {len(BODY)}\r\n"

REQUESTS = {"upgrade": (UPGRADE, b""), "listen": (LISTEN, b""), "post": (POST, BODY)}
HEADERS = (
    "Origin",
    "Host",
    "Authorization",
    "Cookie",
    "Accept",
    "Upgrade",
    "Connection",
    "Last-Event-ID",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-Fetch-Site",
    "X-Forwarded-For",
    "User-Agent",
)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The errors in the log."""
    errors: list[str] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            errors.append(str(event.get("log_failure") or formatEvent(event)))

    publisher: Any = globalLogPublisher
    publisher.addObserver(note)
    yield errors
    publisher.removeObserver(note)


class TestARequest:
    @pytest.mark.parametrize("name", HEADERS)
    @pytest.mark.parametrize("kind", REQUESTS)
    def test_with_bytes_that_are_no_text_is_answered(self, logged: list[str], kind: str, name: str) -> None:
        head, body = REQUESTS[kind]
        server = Server(Clock())
        client = PostClient(server.site)

        host = b"" if name == "Host" else b"Host: 127.0.0.1\r\n"
        client.send(head.encode() + host + name.encode() + b": \xff\x91x\r\n\r\n" + body)
        server.clock.advance(0)

        assert client.status in (101, 200, 400, 403, 405, 426)
        assert logged == []


class TestTexts:
    def test_are_what_the_headers_say(self) -> None:
        headers = Headers({"Set-Cookie": ["a=é", "b=2"]})

        assert headerTexts(headers, "set-cookie") == ["a=é", "b=2"]
        assert headerText(headers, "Set-Cookie") == "a=é"
        assert (headerTexts(headers, "Cookie"), headerText(headers, "Cookie")) == ([], None)

    def test_have_a_place_for_what_is_none(self) -> None:
        headers: Any = Headers({b"A": [b"x\xff\x91y"]})

        assert headerText(headers, "A") == "x��y"
