"""
EventSource: a way to listen that every browser has, and ``curl`` too, without any client of ours.

    GET /vortex?filt={"key":"jobs"}        Accept: text/event-stream

    GET /vortex?filt={"key":"tupleDataObservable","name":"board","tupleSelector":{"name":"demo.Job"}}

What each ``filt`` asks for is sent first, and again whenever it changes, as plain JSON. Nothing else can be
asked for: whoever comes this way changes nothing. A browser that comes back after a cut says which event it
has had last, and bears the cookie that it was given; it gets what it has missed, or all anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.principal import Principal
from vortex.errors import DecodeError, LimitExceeded, NotConnected, errorText
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.event_session import EventSession
from vortex.protocol.json_codec import loads
from vortex.protocol.session_tokens import newSecret
from vortex.routing.ports import Peer
from vortex.transports.header_texts import headerText
from vortex.transports.held_response import HeldResponse
from vortex.transports.http_refusal import HttpRefused
from vortex.transports.kept_sessions import KeptDriver
from vortex.transports.transport import LinkHost
from vortex.tuples.hints import short
from vortex.tuples.selector import TupleSelector

__all__ = ["EVENT_STREAM", "EventSources"]

EVENT_STREAM = b"text/event-stream"

COOKIE = b"vortexEvents"
SECRET = re.compile("[A-Za-z0-9_-]{43}")
EVENT_ID = re.compile(r"([0-9a-f]{32})\.([0-9]{1,15})")

MAX_NAME = 512
"""Characters that the name may have by which a page calls itself."""

LATER = b"retry: 10000\n:%b\n\n"
"""What a browser takes for a line that was cut: after an error it would never come back."""


class _Events(HeldResponse):
    """The answer."""

    def writeFrame(self, frame: bytes) -> None:
        self.write(frame)


@dataclass(frozen=True, slots=True)
class _Listener:
    """
    A session, and what it was begun for.

    Attributes:
        filts: As they stood in the URL.
    """

    session: EventSession
    driver: KeptDriver
    filts: list[bytes]


class EventSources:
    """
    Those who listen to one node.

    Args:
        host: The node.
    """

    def __init__(self, host: LinkHost) -> None:
        self._host = host
        self._drivers: dict[str, _Listener] = {}

    def __len__(self) -> int:
        """How many sessions there are, those included that nothing carries now."""
        return len(self._drivers)

    def receive(self, request: Request, address: str, principal: Principal | None) -> bytes | int:
        """
        Answer *request*; returns what a resource's `render` has to return.

        Args:
            address: Where it comes from.
            principal: Who it was found to be; None if it was not asked.

        Raises:
            HttpRefused: If it asks for nothing that there is.
        """
        filts = _filtsOf(request, self._host.limits)
        name = _argument(request, b"vortexName")
        if len(name) > MAX_NAME:
            raise HttpRefused(400, f"vortexName may have {MAX_NAME} characters")
        if request.method == b"HEAD":
            request.setHeader(b"Content-Type", EVENT_STREAM)
            request.setHeader(b"Cache-Control", b"no-store, no-transform")
            return b""
        secret, isGiven = _secretOf(request)
        whose = None if principal is None else principal.id
        driver, resetFor = self._known(request, secret, principal)
        isNew = driver is None
        if driver is None:
            try:
                self._host.door.makeRoom(address)
            except NotConnected as error:
                request.setHeader(b"Content-Type", EVENT_STREAM)
                request.setHeader(b"Cache-Control", b"no-store, no-transform")
                return LATER % str(error).encode("ascii", "replace")
            driver = self._make(request, secret, whose, name, resetFor, address)
        if principal is not None:
            driver.renew(principal)
        if not isGiven:
            attributes = b"; Path=/; HttpOnly; SameSite=Strict" + (b"; Secure" if request.isSecure() else b"")
            request.cookies.append(COOKIE + b"=" + secret.encode() + attributes)
        driver.carryOn(_Events(request, EVENT_STREAM), kind="eventsource", address=address)
        if isNew and driver.peer is not None:
            self._ask(filts, driver.peer)
        return NOT_DONE_YET

    def _known(
        self, request: Request, secret: str, principal: Principal | None
    ) -> tuple[KeptDriver | None, str | None]:
        """The session that *request* goes on with; None, and why not, if it wants to and cannot."""
        wanted = headerText(request.requestHeaders, "Last-Event-ID")
        if not wanted:
            return None, None
        match = EVENT_ID.fullmatch(wanted)
        listener = None if match is None else self._drivers.get(match[1])
        whose = None if principal is None else principal.id
        if match is None or listener is None or not listener.session.belongsTo(secret, whose):
            return None, "unknown"
        if listener.filts != _textsOf(request):
            listener.driver.close(CloseCode.SUPERSEDED.value, "it listens to something else now")
            return None, "superseded"
        taken = int(match[2])
        if not listener.session.canResumeFrom(taken):
            return None, "overflow"
        return (listener.driver, None) if listener.driver.goesOn(principal, taken) else (None, "rights")

    def _make(
        self,
        request: Request,
        secret: str,
        principal: str | None,
        name: str,
        resetFor: str | None,
        address: str,
    ) -> KeptDriver:
        host = self._host
        session = EventSession(
            name=name,
            secret=secret,
            principal=principal,
            resetFor=resetFor,
            limits=host.limits,
            room=lambda: host.limits.sessionPool // max(1, len(self._drivers)),
            now=host.clock.seconds(),
        )
        driver = KeptDriver(
            host.door.kept,
            session,
            host,
            kind="eventsource",
            address=address,
            onClosed=lambda _code, _reason: self._drivers.pop(session.id, None),
        )
        self._drivers[session.id] = _Listener(session, driver, _textsOf(request))
        return driver

    def _ask(self, filts: list[dict[str, Any]], peer: Peer) -> None:
        for filt in filts:
            self._host.payloadIO.read(filt, peer)


def _textsOf(request: Request) -> list[bytes]:
    """The filts in *request*'s URL, unread."""
    return list((request.args or {}).get(b"filt", []))


def _filtsOf(request: Request, limits: Limits) -> list[dict[str, Any]]:
    """
    What *request* wants to hear of.

    Raises:
        HttpRefused: If it does not say so in JSON.
    """
    texts = _textsOf(request)
    if len(texts) > limits.maxWatchesPerPeer:
        raise HttpRefused(
            400, f"{len(texts)} filts, {limits.maxWatchesPerPeer} are accepted (maxWatchesPerPeer)"
        )
    filts = []
    for text in texts:
        try:
            filt = loads(text, limits)
        except (DecodeError, LimitExceeded) as error:
            raise HttpRefused(400, f"filt: {errorText(error)}") from error
        if not isinstance(filt, dict) or "key" not in filt:
            raise HttpRefused(400, 'expected a filt in JSON, as in ?filt={"key":"jobs"}')
        if len(filt) > limits.maxFiltItems:
            raise HttpRefused(
                400, f"a filt of {len(filt)} keys, {limits.maxFiltItems} are accepted (maxFiltItems)"
            )
        if "tupleSelector" in filt:
            filt["tupleSelector"] = _selectorOf(filt["tupleSelector"])
        filts.append(filt)
    return filts


def _selectorOf(said: object) -> TupleSelector:
    """
    What an observable is asked for, which elsewhere travels as a tuple.

    Raises:
        HttpRefused: If it is none.
    """
    if isinstance(said, dict) and said.keys() <= {"name", "selector", "tupleType"}:
        name, selector = said.get("name"), said.get("selector", {})
        if isinstance(name, str) and isinstance(selector, dict):
            return TupleSelector(name=name, selector=selector)
    raise HttpRefused(
        400, f'expected a tupleSelector as in {{"name":"demo.Job","selector":{{}}}}, got {short(said)}'
    )


def _secretOf(request: Request) -> tuple[str, bool]:
    """The cookie that *request* bears, or a new one; and whether it bears it. Tabs of a browser share one."""
    cookie = (request.getCookie(COOKIE) or b"").decode("ascii", "replace")
    return (cookie, True) if SECRET.fullmatch(cookie) else (newSecret(), False)


def _argument(request: Request, name: bytes) -> str:
    value: bytes = (request.args or {}).get(name, [b""])[0]
    return value.decode("utf-8", "replace")
