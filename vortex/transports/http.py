"""
VortexResource: every HTTP transport of a node, at one URL.

    POST            held open; the body's frames come in, the response's go out
    GET, upgrade    a WebSocket

Here it is decided whether a request may come in at all. What is carried, and in
which order, is the session's business.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.local import whyNotLocal
from vortex.access.origin import originAllowed
from vortex.errors import LimitExceeded, VortexError, errorText
from vortex.limits import Limits
from vortex.protocol.framing import DotDecoder
from vortex.routing.ports import Node, theNode
from vortex.transports.held_post import HeldPost, PostPeers
from vortex.transports.transport import LinkHost
from vortex.transports.websocket import WebSocketUpgrader
from vortex.tuples.hints import short

__all__ = ["VortexResource", "plainAnswer", "whyNotServed"]

RETRY_SECONDS = b"10"


class _Refused(Exception):
    """This request is answered with an HTTP error, and nothing of it is kept."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class VortexResource(Resource):
    """
    A `twisted.web` resource that peers of *vortex* connect to.

    Mount it wherever you like, also more than once::

        root.putChild(b"vortex", VortexResource(vortex))

    Args:
        vortex: The node; None for the process's only one.
        allowedOrigins: Origins of pages that may connect although they were not
            served from this host and port, as "https://board.example".

    A request that may not come in is answered at once: 400 without a `vortexUuid`
    and `vortexName` in the query, 403 for a foreign origin, or for a peer that is
    not on this machine where the node is not open to others, 413 for a body over
    `Limits.maxBody`, 503 where the node is full or shutting down.
    """

    isLeaf = True

    def __init__(self, vortex: Node | None = None, *, allowedOrigins: Collection[str] = ()) -> None:
        super().__init__()
        if isinstance(allowedOrigins, str):
            raise TypeError(f"allowedOrigins is a collection of texts, got the text {allowedOrigins!r}")
        self._host = cast(LinkHost, theNode(vortex))
        self._allowedOrigins = frozenset(allowedOrigins)
        self._posts = PostPeers(self._host)
        self._upgrader = WebSocketUpgrader(self._host)

    def render(self, request: Request) -> bytes | int:
        try:
            if request.method == b"POST":
                return self._post(request)
            if request.method == b"GET" and "websocket" in (_header(request, "Upgrade") or "").lower():
                identity = self._admit(request)
                self._checkRoom(_address(request))
                upgraded: bytes | int = self._upgrader.upgrade(request, identity, _address(request))
                return upgraded
            request.setHeader(b"Allow", b"POST, GET")
            raise _Refused(405, "a vortex is reached by a POST that is held open, or a WebSocket upgrade")
        except _Refused as refusal:
            if refusal.status == 503:
                request.setHeader(b"Retry-After", RETRY_SECONDS)
            return plainAnswer(request, refusal.status, str(refusal))

    def _post(self, request: Request) -> int:
        uuid, name = self._admit(request)
        limits = self._host.limits
        content = request.content
        assert content is not None, "twisted.web renders a request when its body is there"
        body = content.read(limits.maxBody + 1)
        content.close()  # a large body is in a temporary file, and this request may be held for hours
        if len(body) > limits.maxBody:
            raise _Refused(413, f"a body may have {limits.maxBody} bytes (maxBody)")
        try:
            frames = _frames(body, limits)
        except VortexError as error:
            self._host.counters["malformed"] += 1
            raise _Refused(413, errorText(error)) from error
        address = _address(request)
        driver = self._posts.find(request, uuid, address)
        if driver is None:
            self._checkRoom(address)
            driver = self._posts.add(request, uuid, name, address)
        HeldPost(request).hold(driver, frames)
        return NOT_DONE_YET

    def _admit(self, request: Request) -> tuple[str, str]:
        """
        Returns:
            The uuid and name that the peer gives itself.

        Raises:
            _Refused: If this request may not come in.
        """
        self._checkOrigin(request)
        why = whyNotServed(self._host, request)
        if why is not None:
            raise _Refused(
                403,
                f"this vortex serves programs on its own machine only, and {why}; "
                "to open it to others its owner passes anonymous=True to Vortex()",
            )
        uuid, name = (_argument(request, key) for key in ("vortexUuid", "vortexName"))
        if not uuid or name is None:
            raise _Refused(400, "expected ?vortexUuid=...&vortexName=... in the URL")
        if len(uuid) + len(name) > MAX_IDENTITY:
            raise _Refused(400, f"vortexUuid and vortexName may have {MAX_IDENTITY} characters together")
        return uuid, name

    def _checkRoom(self, address: str) -> None:
        full = self._host.refusal(address)
        if full is not None:
            raise _Refused(503, full)

    def _checkOrigin(self, request: Request) -> None:
        origin = _header(request, "Origin")
        host = _header(request, "Host")
        if not originAllowed(origin, host, self._allowedOrigins):
            raise _Refused(
                403,
                f"pages of {short(origin)} may not connect to {short(host)}: a proxy in between has to "
                "pass on the Host, and other sites are named in allowedOrigins of VortexResource",
            )
        if origin is not None and origin in self._allowedOrigins:
            request.setHeader(b"Access-Control-Allow-Origin", origin.encode("latin-1"))
            request.setHeader(b"Access-Control-Allow-Credentials", b"true")
            request.setHeader(b"Vary", b"Origin")


PIECE = 64 << 10
"""Bytes of a body that are taken apart at once."""

MAX_IDENTITY = 512
"""Characters that a peer's uuid and name may have together."""


def whyNotServed(node: LinkHost, request: Request) -> str | None:
    """
    Why *node* does not serve whoever has sent *request*, to follow on "... and"; None if it does.

    For resources beside a `VortexResource` that are for the same people.
    """
    if node.anonymous:
        return None
    return whyNotLocal(
        _ip(request.getClientAddress()),
        (name.decode("latin-1") for name, _ in request.requestHeaders.getAllRawHeaders()),
        _header(request, "Host"),
    )


def plainAnswer(request: Request, status: int, text: str) -> bytes:
    """What to return from `render` for an answer that is a line of text: an error, and not to be kept."""
    body = f"{text}\n".encode("utf-8", "replace")
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return b"" if request.method == b"HEAD" else body


def _frames(body: bytes, limits: Limits) -> list[bytes]:
    """The frames in *body*, taken apart in pieces, so that millions of tiny ones are never held at once."""
    decoder = DotDecoder(limits.maxFrame)
    frames: list[bytes] = []
    for start in range(0, len(body), PIECE):
        frames += decoder.feed(body[start : start + PIECE])
        if len(frames) > limits.maxBodyFrames:
            raise LimitExceeded(
                "maxBodyFrames", f"a body holds more than the {limits.maxBodyFrames} messages accepted"
            )
    return frames + decoder.finish()


def _header(request: Request, name: str) -> str | None:
    value = request.requestHeaders.getRawHeaders(name)
    return value[0] if value else None


def _argument(request: Request, name: str) -> str | None:
    values = (request.args or {}).get(name.encode())
    return values[0].decode("utf-8", "replace") if values else None


def _ip(address: IAddress) -> str | None:
    """The IP address as text; None for a transport without one (a Unix socket)."""
    return address.host if isinstance(address, IPv4Address | IPv6Address) else None


def _address(request: Request) -> str:
    return _ip(request.getClientAddress()) or "local"
