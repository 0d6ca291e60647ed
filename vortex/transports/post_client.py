"""
Held POST, from the client's end: one response after another that stays open, as one `FrameTransport`.

What is to be sent is a new POST, whose response takes over from the one before; that is read to its end. One
POST waits for its response at a time: what is written meanwhile goes together in the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from vortex.clocks import DelayedCall
from vortex.errors import ConnectionLost, LimitExceeded, NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.framing import DotDecoder, Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.dial import LinkWatcher, cannotConnect, endOfSession, httpError, withIdentity
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["dialPost"]

MAX_WAITING = 256 << 10
"""Bytes that may wait for the next POST before the session is held back."""

MAX_ERROR_TEXT = 1024
"""Bytes of an HTTP error's body that are shown."""

MAX_COOKIES = 20
"""Cookies of the server that are kept."""


class _Link:
    """
    One link by held POSTs: a `FrameTransport`.

    Attributes:
        paused: True while more waits for the next POST than should.
    """

    def __init__(
        self,
        host: LinkHost,
        url: str,
        endpointOf: Callable[[str], IStreamClientEndpoint],
        watcher: LinkWatcher,
        headers: Mapping[str, str],
    ) -> None:
        self.paused = False
        self._host = host
        self._where = url
        self._url = withIdentity(url, host.uuid, host.name).encode("ascii")
        self._agent = Agent.usingEndpointFactory(host.clock, _Endpoints(endpointOf))
        self._headers = dict(headers)
        self._cookies: dict[str, str] = {}
        self._watcher = watcher
        self._watching = True
        self._error: VortexError | None = None
        self._ended = False
        self._sessionOver = False
        self._waiting: list[bytes] = []
        self._soon: DelayedCall | None = None
        self._posting: _Post | None = None  # whose response's head has not come
        self._held: _Post | None = None  # the newest whose response is open
        self._posts: set[_Post] = set()  # all of which anything is left
        limits = host.limits
        session = VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=limits,
            framing=Framing.DOTS,
            now=host.clock.seconds(),
            idle=limits.linkIdle,
            hello=limits.helloTimeout,
            quiet=True,
        )
        self._driver = SessionDriver(
            session,
            host,
            kind="post",
            address=urlsplit(url).hostname or "local",
            onOpened=watcher.linkOpened,
            onClosed=self._sessionEnded,
        )

    def start(self) -> None:
        """Make the first POST: it says who we are, and nothing else."""
        self._driver.attach(self)
        self._post()

    def hangUp(self, reason: str) -> None:
        """End it; the watcher is told when nothing of it is left."""
        self._driver.close(CloseCode.NORMAL.value, reason)

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        self._waiting.append(frame)
        if self._soon is None and self._posting is None:
            # In the next turn: what is written in this one goes together.
            self._soon = self._host.clock.callLater(0, self._post)
        if not self.paused and sum(map(len, self._waiting)) > MAX_WAITING:
            self.paused = True
            self._driver.pauseProducing()

    def close(self, code: str, reason: str) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(None)

    # ---- one POST after another

    def _post(self) -> None:
        self._soon = None
        if self._ended or self._posting is not None:
            return
        body, self._waiting = b"".join(self._waiting), []
        post = self._posting = _Post(self)
        self._posts.add(post)
        headers = Headers(
            {
                "Content-Type": ["text/plain"],
                "User-Agent": ["Vortex"],
                **{name: [value] for name, value in self._headers.items()},
            }
        )
        if self._cookies:
            headers.setRawHeaders("Cookie", ["; ".join(f"{k}={v}" for k, v in self._cookies.items())])
        post.begin(self._agent.request(b"POST", self._url, headers, FileBodyProducer(BytesIO(body))))
        if self.paused:
            self.paused = False
            self._driver.resumeProducing()

    def headCame(self, post: _Post, response: IResponse) -> None:
        self._posting = None
        self._held = post
        self._keepCookies(response)
        if self._waiting and self._soon is None:
            self._soon = self._host.clock.callLater(0, self._post)

    def framesCame(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._driver.frameReceived(frame)

    def postEnded(self, post: _Post, error: VortexError | None) -> None:
        """Nothing is left of *post*; an error is of one that did not get as far as to be held."""
        self._posts.discard(post)
        if self._posting is post:
            self._posting = None
            self._end(error or ConnectionLost(f"{self._where}: the server closed without an answer"))
        elif self._held is post:
            self._held = None
            if self._posting is None:
                self._end(error or ConnectionLost(f"{self._where}: the server ended the response"))
        self._tellIfGone()

    def refused(self, error: VortexError) -> None:
        self._end(error)

    # ---- the end

    def _sessionEnded(self, code: str, reason: str) -> None:
        if self._error is None:
            self._error = endOfSession(code, reason, self._where)
        self._sessionOver = True
        self._tellIfGone()

    def _end(self, error: VortexError | None) -> None:
        if self._ended:
            return
        self._ended = True
        if self._error is None:
            self._error = error
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._waiting = []
        self._driver.transportLost(self, str(error) if error else "the link was closed")
        for post in tuple(self._posts):
            post.abort()
        self._tellIfGone()

    def _tellIfGone(self) -> None:
        if self._sessionOver and not self._posts and self._watching:
            self._watching = False
            self._watcher.linkEnded(self._error or ConnectionLost(f"{self._where}: the link was closed"))

    def _keepCookies(self, response: IResponse) -> None:
        for header in response.headers.getRawHeaders("Set-Cookie", []):
            try:
                cookies = SimpleCookie(header)
            except CookieError:
                continue
            for name, morsel in cookies.items():
                if name in self._cookies or len(self._cookies) < MAX_COOKIES:
                    self._cookies[name] = morsel.value


class _Post(Protocol):
    """One POST, from its request to the end of its response."""

    transport: Any

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._decoder = DotDecoder(link._host.limits.maxFrame)
        self._response: IResponse | None = None
        self._errorText = bytearray()
        self._asked: Deferred[Any]

    def begin(self, asked: Deferred[IResponse]) -> None:
        self._asked = asked
        asked.addCallback(self._headCame)
        asked.addErrback(self._notAnswered)

    def abort(self) -> None:
        if self._response is None:
            self._asked.cancel()
        elif self.transport is not None:
            self.transport.loseConnection()

    def _headCame(self, response: IResponse) -> None:
        self._response = response
        if response.code == 200:
            self._link.headCame(self, response)
        response.deliverBody(self)

    def _notAnswered(self, failure: Failure) -> None:
        self._link.postEnded(self, cannotConnect(_reasonOf(failure), self._link._where))

    def dataReceived(self, data: bytes) -> None:
        if self._response is not None and self._response.code != 200:
            self._errorText += data[: MAX_ERROR_TEXT - len(self._errorText)]
            return
        try:
            frames = self._decoder.feed(data)
        except LimitExceeded as error:
            self._link.refused(NotConnected(f"{self._link._where}: {error}"))
            return
        self._link.framesCame(frames)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        response = self._response
        if response is not None and response.code != 200:
            text = bytes(self._errorText).decode("utf-8", "replace").strip().partition("\n")[0]
            phrase = response.phrase.decode("latin-1")
            self._link.postEnded(self, httpError(response.code, text or phrase, self._link._where))
        elif reason.check(ResponseDone, PotentialDataLoss):
            self._link.postEnded(self, None)
        else:
            self._link.postEnded(self, cannotConnect(_reasonOf(reason), self._link._where))


class _Dialling:
    """What whoever dialled has of it."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def close(self, reason: str) -> None:
        self._link.hangUp(reason)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    def __init__(self, endpointOf: Callable[[str], IStreamClientEndpoint]) -> None:
        self._endpointOf = endpointOf

    def endpointForURI(self, uri: Any) -> IStreamClientEndpoint:
        return self._endpointOf(uri.toBytes().decode("ascii"))


def _reasonOf(failure: Failure) -> Failure:
    """What twisted.web has wrapped: it tells of a connection that broke as a list of reasons."""
    reasons = getattr(failure.value, "reasons", None)
    return reasons[0] if reasons and isinstance(reasons[0], Failure) else failure


def dialPost(
    host: LinkHost,
    url: str,
    endpointOf: Callable[[str], IStreamClientEndpoint],
    watcher: LinkWatcher,
    *,
    headers: Mapping[str, str],
) -> _Dialling:
    """
    Connect *host* to the vortex at *url*, http: or https:, and tell *watcher* what comes of it.

    Args:
        endpointOf: Gives what to connect by, anew for each POST.
        headers: Sent with each of them.
    """
    link = _Link(host, url, endpointOf, watcher, headers)
    link.start()
    return _Dialling(link)
