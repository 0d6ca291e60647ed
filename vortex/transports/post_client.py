"""
Held POST, from the client's end: responses that stay open, read as they come, as one `FrameTransport`.

What is written goes out in a new POST, whose response takes over from the one before: the server then ends
the old one. One POST at a time waits for its response; what is written meanwhile goes together in the next.
Responses are read one after the other, each to its end, so that messages keep their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from vortex.clocks import DelayedCall
from vortex.errors import ConnectionLost, NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.framing import DotDecoder, Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.dial import Dialled, LinkWatcher, cannotConnect
from vortex.transports.header_texts import headerTexts
from vortex.transports.http_answer import noAnswer
from vortex.transports.outgoing import Cookies, Leaving, LinkEnd, requestHeaders, requestUrl
from vortex.transports.post_request import PostRequest
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["dialPost"]

MAX_WAITING = 256 << 10
"""Bytes that may wait for the next POST before the session is held back."""

MAX_BATCH = 1 << 20
"""Bytes in one POST, unless a single frame has more: servers accept more, and have patience."""


class _Link:
    """
    Args:
        endpointOf: Gives what to connect by, anew for each POST.

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
        cookies: dict[str, str],
    ) -> None:
        self.paused = False
        self._host = host
        self._url = requestUrl(url, host.uuid, host.name)
        self._endpointOf = endpointOf
        self._watcher = watcher
        self._headers = headers
        self._cookies = Cookies(cookies)
        self._end = LinkEnd(watcher, url)
        self._driver: SessionDriver | None = None
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._asking: PostRequest | None = None  # the one whose response has not begun
        self._answered: deque[PostRequest] = deque()  # the first is being read
        self._posts: set[PostRequest] = set()  # all that anything is left of
        self._patience: DelayedCall | None = None
        self._farewell: DelayedCall | None = None
        self._over = False
        # The first POST says who we are, and nothing else: the answer shows which era to speak.
        self._soon: DelayedCall | None = host.clock.callLater(0, self._post)

    def leave(self, reason: str) -> None:
        """End it, by the wish of who dialled."""
        if self._driver is not None:
            self._driver.close(CloseCode.NORMAL.value, reason)
        else:
            self._fail(NotConnected(f"{self._end.where}: {reason}"))

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        if self._over:
            return
        self._frames.append(frame)
        self._size += len(frame)
        self._postSoon()
        if self._size > MAX_WAITING and not self.paused:
            self.paused = True
            if self._driver is not None:
                self._driver.pauseProducing()

    def close(self, code: str, reason: str) -> None:
        self._end.sessionClosed(code, reason)
        if (self._frames or self._asking is not None) and not self._over:
            self._farewell = self._host.wheel.callLater(CloseCode.NORMAL.patience, self._finish)
        else:
            self._finish()

    def abort(self) -> None:
        self._host.clock.callLater(0, self._finish)  # when the driver has told why

    # ---- one POST after another

    def _postSoon(self) -> None:
        """In the next turn: what is written in this one goes together."""
        if self._frames and self._asking is None and self._soon is None and not self._over:
            self._soon = self._host.clock.callLater(0, self._post)

    def _post(self) -> None:
        self._soon = None
        limits = self._host.limits
        body = self._takeBatch()
        # A server takes a body for as long as it comes at this rate; ours is given the same.
        patience = limits.connectTimeout + len(body) / limits.bodyMinRate
        self._patience = self._host.wheel.callLater(patience, self._late, patience)
        headers = requestHeaders(self._headers)
        headers.setRawHeaders("Content-Type", ["text/plain"])
        self._cookies.addTo(headers)
        post = self._asking = PostRequest(self, DotDecoder(limits.maxFrame))
        self._posts.add(post)
        post.begin(self._host.clock, self._url, self._endpointOf, headers, body)
        if self.paused and self._size <= MAX_WAITING:
            self.paused = False
            if self._driver is not None:
                self._driver.resumeProducing()

    def _takeBatch(self) -> bytes:
        batch: list[bytes] = []
        size = 0
        while self._frames and (not batch or size + len(self._frames[0]) <= MAX_BATCH):
            batch.append(self._frames.popleft())
            size += len(batch[-1])
        self._size -= size
        return b"".join(batch)

    def _late(self, patience: float) -> None:
        post = self._asking
        error = None if post is None else post.refusal(self._end.where)
        self._fail(error or NotConnected(f"{self._end.where}: no answer within {patience:g} s"))

    # ---- what a POST tells

    def answered(self, post: PostRequest, response: IResponse) -> None:
        """A vortex has begun its response."""
        if self._over:
            return
        self._asking = None
        self._stopPatience()
        self._cookies.keep(headerTexts(response.headers, "Set-Cookie"))
        if self._driver is None:
            self._begin(post.address)
        self._answered.append(post)
        if len(self._answered) == 1:
            post.read()
        if self._farewell is not None and not self._frames:
            self._finish()
        self._postSoon()

    def refused(self, post: PostRequest) -> None:
        """The answer is not a vortex's, and what it says is there."""
        error = post.refusal(self._end.where)
        assert error is not None
        self._fail(error)

    def frames(self, frames: list[bytes]) -> None:
        """What came in a response; nothing, if it is part of a frame, which is a sign of life too."""
        if self._driver is not None:
            for frame in frames or (b"",):
                self._driver.frameReceived(frame)

    def broken(self, error: VortexError) -> None:
        """A response holds what is over a limit."""
        if self._driver is not None:
            self._driver.close(CloseCode.LIMIT.value, str(error))

    def ended(self, post: PostRequest, failure: Failure | None) -> None:
        """A response has come to its end, or has broken."""
        if self._over:
            return
        if failure is not None:
            self._fail(cannotConnect(failure, self._end.where))
            return
        self._answered.popleft()
        if self._answered:
            self._answered[0].read()
        elif self._asking is None and self._driver is not None and self._driver.peer is None:
            text = "the server ended its response and did not say who it is: is the path that of a vortex?"
            self._fail(NotConnected(f"{self._end.where}: {text}"))
        elif self._asking is None:
            self._fail(ConnectionLost(f"{self._end.where}: the server ended its response"))

    def notAnswered(self, post: PostRequest, failure: Failure) -> None:
        """There is no response."""
        self._fail(noAnswer(failure, self._end.where))

    def gone(self, post: PostRequest) -> None:
        """Nothing is left of *post*."""
        self._posts.discard(post)
        if self._over and not self._posts:
            self._end.tell()

    # ---- between them

    def _begin(self, address: str) -> None:
        host, limits = self._host, self._host.limits
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
            address=address,
            onOpened=self._watcher.linkOpened,
            onClosed=self._end.sessionClosed,
        )
        self._driver.attach(self)

    def _fail(self, error: VortexError) -> None:
        if self._over:
            return
        self._end.because(error)
        if self._driver is not None:
            self._driver.transportLost(self, str(error))
        self._finish()

    def _finish(self) -> None:
        """Let go of everything; the watcher is told when it is gone."""
        self._over = True
        self._frames.clear()
        self._stopPatience()
        for call in (self._soon, self._farewell):
            if call is not None and call.active():
                call.cancel()
        for post in tuple(self._posts):
            post.abort()
        if not self._posts:
            self._end.tell()

    def _stopPatience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def dialPost(
    host: LinkHost,
    url: str,
    endpointOf: Callable[[str], IStreamClientEndpoint],
    watcher: LinkWatcher,
    *,
    headers: Mapping[str, str],
    cookies: dict[str, str] | None = None,
) -> Dialled:
    """
    Connect *host* to the vortex at *url*, http: or https:, and tell *watcher* what comes of it.

    Args:
        endpointOf: Gives what to connect by, anew for each POST; it does TLS where *url* asks for it.
        headers: Sent with each of them, as they are then.
        cookies: Those that the server gave to an earlier link, by which it knows us again; what it gives to
            this one is kept in here.
    """
    cookies = {} if cookies is None else cookies
    return Leaving(_Link(host, url, endpointOf, watcher, headers, cookies).leave)
