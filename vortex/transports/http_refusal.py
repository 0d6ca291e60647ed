"""
Refusals over HTTP: an answer that is a line of text, after which nothing of the request is kept.
"""

from __future__ import annotations

from twisted.web.http import HTTPChannel
from twisted.web.server import Request

__all__ = ["HttpRefused", "plainAnswer"]

RETRY_SECONDS = b"10"


class HttpRefused(Exception):
    """This request is answered with an HTTP error, and nothing of it is kept."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def answer(self, request: Request) -> bytes:
        """What to return from `render`."""
        if self.status == 503:
            request.setHeader(b"Retry-After", RETRY_SECONDS)
        elif self.status == 401:
            request.setHeader(b"WWW-Authenticate", b"Bearer")
        channel: object = request.channel
        if isinstance(channel, HTTPChannel):
            request.setHeader(b"Connection", b"close")
            channel.persistent = 0
        return plainAnswer(request, self.status, str(self))


def plainAnswer(request: Request, status: int, text: str) -> bytes:
    """What to return from `render` for an answer that is a line of text: an error, and not to be kept."""
    body = f"{text}\n".encode("utf-8", "replace")
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return b"" if request.method == b"HEAD" else body
