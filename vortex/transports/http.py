"""
VortexResource: every HTTP transport of a node, at one URL.

    POST            held open; the body's frames come in, the response's go out
    GET, upgrade    a WebSocket
    GET             for an event stream: somebody listens

Here it is decided whether a request may come in at all. What is carried, and in
which order, is the session's business.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.origin import originAllowed
from vortex.access.principal import Principal
from vortex.errors import LimitExceeded, RequestTimeout, Unauthenticated, VortexError, errorText
from vortex.limits import Limits
from vortex.protocol.framing import DotDecoder
from vortex.protocol.native import PREAMBLE, SUBPROTOCOL
from vortex.routing.ports import Node, theNode
from vortex.transports.arrivals import Arrivals, CarryOn, Outcome
from vortex.transports.credentials import credentialsOf, ipOf
from vortex.transports.event_source import EVENT_STREAM, EventSources
from vortex.transports.header_texts import headerText, headerTexts
from vortex.transports.held_post import HeldPost, PostPeers
from vortex.transports.http_refusal import HttpRefused, plainAnswer
from vortex.transports.native_post import NativePosts
from vortex.transports.transport import LinkHost
from vortex.transports.websocket import WebSocketUpgrader
from vortex.tuples.hints import short

__all__ = ["VortexResource", "plainAnswer", "whyNotServed"]

log = Logger()


class VortexResource(Resource):
    """
    A `twisted.web` resource that peers of *vortex* connect to.

    Mount it wherever you like, also more than once::

        root.putChild(b"vortex", VortexResource(vortex))

    Args:
        vortex: The node; None for the process's only one.
        allowedOrigins: Origins of pages that may connect although they were not
            served from this host and port, as "https://board.example".

    Every request is asked who has sent it, before anything else of it is read. One that
    may not come in is answered at once: 401 where an authenticator knows nobody by what it
    has shown, 403 for credentials that are wrong, for a foreign origin, or for a peer that
    is not on this machine where the node is not open to others, 400 without a `vortexUuid`
    and `vortexName` in the query, 413 for a body over `Limits.maxBody`, 503 where the node
    is full or shutting down, or could not find out in time who it is.
    """

    isLeaf = True

    def __init__(self, vortex: Node | None = None, *, allowedOrigins: Collection[str] = ()) -> None:
        super().__init__()
        if isinstance(allowedOrigins, str):
            raise TypeError(f"allowedOrigins is a collection of texts, got the text {allowedOrigins!r}")
        self._host = cast(LinkHost, theNode(vortex))
        self._allowedOrigins = frozenset(allowedOrigins)
        self._arrivals = Arrivals(self._host)
        self._posts = PostPeers(self._host)
        self._natives = NativePosts(self._host)
        self._events = EventSources(self._host)
        self._upgrader = WebSocketUpgrader(self._host)

    def render(self, request: Request) -> bytes | int:
        carryOn = self._wayOf(request)
        if carryOn is None:
            request.setHeader(b"Allow", b"POST, GET")
            return plainAnswer(
                request,
                405,
                "a vortex is reached by a POST that is held open, a WebSocket upgrade, or an EventSource",
            )
        try:
            self._checkOrigin(request)
            if len(headerTexts(request.requestHeaders, "Authorization")) > 1:
                raise HttpRefused(400, "expected one Authorization header, got more")
            most = self._host.limits.maxPeers
            if len(self._arrivals) >= most:
                raise HttpRefused(
                    503, f"{most} requests wait already for it to be known who they are (maxPeers)"
                )
        except HttpRefused as refusal:
            return self._refuse(request, refusal)
        admission = self._host.admit(credentialsOf(request))
        return self._arrivals.receive(
            request, admission, carryOn, _senderOf if request.method == b"POST" else None
        )

    def _wayOf(self, request: Request) -> CarryOn | None:
        """What to do with *request* when it is known who has sent it; None: it is none for a vortex."""
        if request.method == b"POST":
            return self._post
        if _isUpgrade(request):
            return self._upgrade
        return self._listen if _wantsEvents(request) else None

    def _refuse(self, request: Request, refusal: HttpRefused) -> bytes:
        if refusal.status == 503:  # what is no good is counted where it is found
            self._host.counters["refused"] += 1
        return refusal.answer(request)

    def _listen(self, request: Request, outcome: Outcome) -> bytes | int:
        try:
            return self._events.receive(request, _address(request), _admitted(outcome))
        except HttpRefused as refusal:
            return self._refuse(request, refusal)

    def _upgrade(self, request: Request, outcome: Outcome) -> bytes | int:
        try:
            principal = _admitted(outcome)
            identity = None
            if _offers(request, SUBPROTOCOL):
                self._checkWaiting(_address(request))
            else:
                identity = _identity(request)
                self._checkRoom(_address(request))
        except HttpRefused as refusal:
            return self._refuse(request, refusal)
        upgraded: bytes | int = self._upgrader.upgrade(request, identity, _address(request), principal)
        return upgraded

    def _post(self, request: Request, outcome: Outcome) -> bytes | int:
        try:
            principal = _admitted(outcome)
            body = self._bodyOf(request)
            address = _address(request)
            if body.startswith(PREAMBLE):
                return self._natives.receive(request, body, address, principal)
            uuid, name = _identity(request)
            frames = self._framesIn(body)
            driver = self._posts.find(request, uuid, address, principal)
            if driver is None:
                self._checkRoom(address)
                driver = self._posts.add(request, uuid, name, address, principal)
            elif frames and driver.isFull:
                raise HttpRefused(503, "what this peer has sent waits still (maxWaitingBytes)")
        except HttpRefused as refusal:
            return self._refuse(request, refusal)
        HeldPost(request).hold(driver, frames)
        return NOT_DONE_YET

    def _bodyOf(self, request: Request) -> bytes:
        limits = self._host.limits
        content = request.content
        assert content is not None, "twisted.web renders a request when its body is there"
        body: bytes = content.read(limits.maxBody + 1)
        content.close()  # a large body is in a temporary file, and this request may be held for hours
        if len(body) > limits.maxBody:
            self._host.counters["refused"] += 1
            raise HttpRefused(413, f"a body may have {limits.maxBody} bytes (maxBody)")
        return body

    def _framesIn(self, body: bytes) -> list[bytes]:
        try:
            return _frames(body, self._host.limits)
        except VortexError as error:
            self._host.counters["malformed"] += 1
            raise HttpRefused(413, errorText(error)) from error

    def _checkRoom(self, address: str) -> None:
        full = self._host.refusal(address)
        if full is not None:
            raise HttpRefused(503, full)

    def _checkWaiting(self, address: str) -> None:
        """As `_checkRoom`, for who has still to say whether it needs any."""
        full = self._host.door.refusal(address)
        if full is not None:
            raise HttpRefused(503, full)

    def _checkOrigin(self, request: Request) -> None:
        origin = _header(request, "Origin")
        host = _header(request, "Host")
        if not originAllowed(origin, host, self._allowedOrigins):
            raise HttpRefused(
                403,
                f"pages of {short(origin)} may not connect to {short(host)}: a proxy in between has to "
                "pass on the Host, and other sites are named in allowedOrigins of VortexResource",
            )
        if origin is None and _header(request, "Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise HttpRefused(
                403, "pages of other sites may not connect, and this one does not say which it is"
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
    return node.whyNotServed(credentialsOf(request))


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
    return headerText(request.requestHeaders, name)


def _argument(request: Request, name: str) -> str | None:
    values = (request.args or {}).get(name.encode())
    return values[0].decode("utf-8", "replace") if values else None


def _address(request: Request) -> str:
    return ipOf(request.getClientAddress()) or "local"


def _senderOf(request: Request) -> tuple[str | None, ...]:
    """Equal for POSTs of one peer; whoever only says its uuid is another sender."""
    shown = (_header(request, name) for name in ("Authorization", "Cookie"))
    return _argument(request, "vortexUuid"), _address(request), *shown


def _isUpgrade(request: Request) -> bool:
    return request.method == b"GET" and "websocket" in (_header(request, "Upgrade") or "").lower()


def _offers(request: Request, subprotocol: str) -> bool:
    lines = headerTexts(request.requestHeaders, "Sec-WebSocket-Protocol")
    return subprotocol in (each.strip() for line in lines for each in line.split(","))


def _wantsEvents(request: Request) -> bool:
    return request.method in (b"GET", b"HEAD") and EVENT_STREAM.decode() in (_header(request, "Accept") or "")


def _admitted(outcome: Outcome) -> Principal | None:
    """
    Who it is that was let in.

    Raises:
        HttpRefused: If nobody was.
    """
    if not isinstance(outcome, Failure):
        return outcome
    error = outcome.value
    if isinstance(error, Unauthenticated):
        raise HttpRefused(401, str(error))
    if isinstance(error, RequestTimeout):
        raise HttpRefused(503, str(error))
    if isinstance(error, VortexError):
        raise HttpRefused(403, str(error))
    log.failure("whether somebody may come in could not be found out, so nobody does", outcome)
    raise HttpRefused(403, "this is not for you")


def _identity(request: Request) -> tuple[str, str]:
    """
    The uuid and name that the peer gives itself.

    Raises:
        HttpRefused: If it does not.
    """
    uuid, name = (_argument(request, key) for key in ("vortexUuid", "vortexName"))
    if not uuid or name is None:
        raise HttpRefused(400, "expected ?vortexUuid=...&vortexName=... in the URL")
    if len(uuid) + len(name) > MAX_IDENTITY:
        raise HttpRefused(400, f"vortexUuid and vortexName may have {MAX_IDENTITY} characters together")
    return uuid, name
