"""Requests to a site without a socket, and answers taken apart by hand, as RFC 9112 has them."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.web.resource import Resource

from tests.transports.wires import Client
from vortex.transports.http_site import VortexSite

__all__ = ["Answer", "ask"]


class Answer:
    """
    A response.

    Attributes:
        headers: By their names in lower case; each may be there once.
        body: As it came, packed or not.
    """

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        pairs = [line.partition(": ") for line in lines[1:]]
        self.headers = {name.lower(): value for name, _, value in pairs}
        assert len(self.headers) == len(pairs), f"a header is there twice: {lines}"

    @property
    def text(self) -> str:
        return self.body.decode()

    def __getitem__(self, header: str) -> str | None:
        return self.headers.get(header.lower())


def ask(
    root: Resource,
    path: str = "/",
    *lines: str,
    method: str = "GET",
    host: str = "127.0.0.1:8080",
    address: str = "127.0.0.1",
) -> Answer:
    """
    One request for *path*, and the whole answer.

    Args:
        lines: Further lines of the request's head, as ``"If-None-Match: *"``; a byte that is no UTF-8 is a
            surrogate.
        address: Where it seems to come from.
    """
    client = Client(VortexSite(root, reactor=Clock()), address)
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines]
    client.send("\r\n".join(head).encode("utf-8", "surrogateescape") + b"\r\n\r\n")
    assert client.closed
    return Answer(client.received)
