"""What an answer to a POST means, as it may come: whole, cut off anywhere, or from something else."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest

from tests.native_frames import ack
from vortex import AccessDenied, ConnectionLost, LimitExceeded, NotConnected, Unauthenticated, VortexError
from vortex.limits import Limits
from vortex.node.blocking_posts import PostWay
from vortex.node.blocking_way import Lost
from vortex.node.link_url import LinkUrl

FRAMES = ack(3) + ack(4)
WHOLE = (
    b"HTTP/1.1 200 OK\r\nServer: any\r\nContent-Type: application/vnd.vortex\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(FRAMES), FRAMES)
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.vortex\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%s\r\n0\r\n\r\n" % (len(FRAMES), FRAMES)
)


class Line:
    """What answers with *data*, in place of a connection, and notes the request."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.sock = None
        self.timeout: float | None = None
        self.asked: tuple[Any, ...] = ()

    def request(self, *asked: Any) -> None:
        self.asked = asked

    def getresponse(self) -> http.client.HTTPResponse:
        socket: Any = self
        response = http.client.HTTPResponse(socket)
        response.begin()
        return response

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)

    def close(self) -> None: ...


def post(data: bytes, url: str = "http://localhost/vortex", token: str | None = None) -> tuple[Any, Line]:
    """The frames in the answer *data* to a POST, and what was asked."""
    way: Any = PostWay(LinkUrl.parse(url), Limits(), lambda: 0.0, token, None)
    line = way._http = Line(data)
    return way._post(b"frames", 5, 5), line


class TestAnAnswer:
    @pytest.mark.parametrize("answer", [WHOLE, CHUNKED])
    def test_has_frames(self, answer: bytes) -> None:
        frames, _ = post(answer)

        assert frames == [b"\x11\x03\x00", b"\x11\x04\x00"]

    @pytest.mark.parametrize("cut", range(len(WHOLE)))
    def test_that_is_cut_off_is_no_answer(self, cut: int) -> None:
        with pytest.raises(Lost):
            post(WHOLE[:cut])

    @pytest.mark.parametrize("cut", range(CHUNKED.index(b"\r\n\r\n") + 4, len(CHUNKED) - 7))
    def test_that_is_cut_off_within_its_chunks_is_none_either(self, cut: int) -> None:
        with pytest.raises(Lost):
            post(CHUNKED[:cut])

    def test_without_a_frame_is_none(self) -> None:
        with pytest.raises(Lost):
            post(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.vortex\r\nContent-Length: 0\r\n\r\n")

    @pytest.mark.parametrize(
        ("status", "type_", "error", "text"),
        [
            (401, "text/plain", Unauthenticated, "answered 401: said"),
            (403, "text/plain", AccessDenied, "answered 403: said"),
            (413, "text/plain", LimitExceeded, "answered 413: said"),
            (404, "text/html", NotConnected, "answered 404: said"),
            (200, "text/html", NotConnected, "expected application/vnd.vortex, got text/html"),
        ],
    )
    def test_of_something_else_is_told(
        self, status: int, type_: str, error: type[VortexError], text: str
    ) -> None:
        head = f"HTTP/1.1 {status} Any\r\nContent-Type: {type_}\r\nContent-Length: 4\r\n\r\n"

        with pytest.raises(error, match=text):
            post(head.encode() + b"said")

    @pytest.mark.parametrize("status", [408, 410, 429, 500, 502, 503, 504])
    def test_of_who_may_answer_the_next_time_is_tried_again(self, status: int) -> None:
        with pytest.raises(Lost) as caught:
            post(f"HTTP/1.1 {status} Any\r\nContent-Length: 4\r\n\r\nsaid".encode())

        assert isinstance(caught.value.why, ConnectionLost)


class TestARequest:
    def test_has_the_path_the_preamble_and_the_token(self) -> None:
        _, line = post(WHOLE, "http://localhost:81/a%20b/ü?c=d", "t")

        method, path, body, headers = line.asked
        assert (method, path, body) == ("POST", "/a%20b/%C3%BC?c=d", b"\0VX1frames")
        assert headers == {
            "Content-Type": "application/vnd.vortex",
            "Accept": "application/vnd.vortex",
            "Authorization": "Bearer t",
        }
