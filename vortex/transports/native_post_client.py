"""
Native POSTs, from the client's end: a held response to read a session from, and short ones for what it has
to say.

A held response is replaced by the next before it ends: streams every few minutes, so that nobody in between
takes them for dead, polls each time. While the next has not been welcomed, the one before goes on. Where a
proxy holds streams back, or cuts them, the session is carried by polls, and a stream is tried again later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from vortex.clocks import DelayedCall
from vortex.errors import ConnectionLost, LimitExceeded, NotConnected, RemoteError, VortexError
from vortex.protocol.backoff import Backoff
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import PREAMBLE
from vortex.protocol.session import MAX_WAIT
from vortex.routing.ports import Peer
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher, NotNative, cannotConnect
from vortex.transports.header_texts import headerTexts
from vortex.transports.held_request import TYPES, HeldRequest
from vortex.transports.outgoing import Cookies, Leaving, LinkEnd, requestHeaders, requestUrl
from vortex.transports.post_request import PostRequest
from vortex.transports.post_sends import NATIVE_TYPE, PostSends
from vortex.transports.post_ways import PostWays, Via
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["PostLink", "dialNativePost"]

WELCOME_PATIENCE = 3.0
"""Seconds in which a stream has to be welcomed, or it is held back on its way."""

ROTATION = 300.0
ROTATION_SPREAD = 0.2
"""Seconds after which a stream is replaced by the next, and by which part of them that varies."""

ROTATION_BYTES = 32 << 20
"""Bytes of messages after which it is."""

ROTATION_RETRY = 10.0
"""Seconds after which that is tried again, if nothing came of it."""

TURN = 0.25
"""Seconds after which it is looked whether another connection has still to be welcomed."""


class PostLink:
    """
    What carries a session over HTTP, from the wish for it to its end; the `SendWatcher` of its short POSTs.

    Attributes:
        current: What the session is read from; None before the first WELCOME.
    """

    def __init__(
        self,
        host: LinkHost,
        url: str,
        endpointOf: Callable[[str], IStreamClientEndpoint],
        watcher: LinkWatcher,
        line: ClientLine,
        *,
        headers: Mapping[str, str],
        cookies: dict[str, str],
        ways: PostWays,
        mayReset: bool,
        random: Random,
    ) -> None:
        self.host = host
        self.line = line
        self.end = LinkEnd(watcher, url)
        self.sends = PostSends(host, self, url, Backoff(random))
        self.current: HeldRequest | None = None
        self._next: HeldRequest | None = None  # what has not been welcomed yet
        self._url = requestUrl(url, host.uuid, host.name)
        self._endpointOf = endpointOf
        self._watcher = watcher
        self._headers = headers
        self._cookies = Cookies(cookies)
        self._ways = ways
        self._random = random
        self._driver: SessionDriver | None = None
        self._posts: set[PostRequest] = set()  # all that anything is left of
        self._sessionId = ""
        self._isTold = False
        self._isOver = False
        self._patience: DelayedCall | None = None
        self._rotation: DelayedCall | None = None
        self._farewell: DelayedCall | None = None
        # In the next turn: nothing is told to who has not got this object yet.
        self._soon = host.clock.callLater(0, self._hold, ways.next(self._now()), mayReset)

    def leave(self, reason: str) -> None:
        """End it, by the wish of who dialled."""
        if self.current is not None and self.line.isCarriedBy(self.current):
            self.line.close(reason)
        elif self.current is None:
            self._fail(NotConnected(f"{self.end.where}: {reason}"))

    def close(self, code: CloseCode, reason: str) -> None:
        """End it, when what was written is through."""
        self.end.sessionClosed(code.value, reason)
        if code is CloseCode.SUPERSEDED or self.sends.isEmpty or self._isOver:
            self.finish()
        elif self._farewell is None:
            self._farewell = self.host.wheel.callLater(CloseCode.NORMAL.patience, self.finish)
            self.sends.whenEmpty(self.finish)

    # ---- what is held

    def _hold(self, via: Via, mayReset: bool) -> None:
        """Have the session carried by another held POST."""
        wait = None
        if via == "poll":
            # What comes first is known at once; from then on the answer waits for something to say.
            isNext = self.current is not None and self.current.via == "poll"
            wait = MAX_WAIT if isNext else 0
        held = self._next = HeldRequest(self, via, mayReset)
        if via == "stream" and not self._ways.isFixed:
            self._patience = self.host.wheel.callLater(WELCOME_PATIENCE, self._isHeldBack)
        self._make(held.post, PREAMBLE + self.line.hello(held, wait), accept=TYPES[via])

    def _isHeldBack(self) -> None:
        """No WELCOME has come by a stream, so it may well lie with a proxy."""
        self._patience = None
        held = self._next
        if held is None:
            return
        error = held.post.refusal(self.end.where)
        if error is not None:
            self.cameToNothing(held, error)
            return
        self._ways.heldBack(self._now())
        self._drop(held, "no WELCOME came in time")
        if self.current is None or self.current.hasEnded:
            self._hold("poll", held.mayReset)
        else:
            self._rotateLater(ROTATION_RETRY)

    def answered(self, held: HeldRequest, response: IResponse) -> None:
        """The response of *held* has begun."""
        if self._isOver:
            return
        held.openedAt = self._now()
        self._cookies.keep(headerTexts(response.headers, "Set-Cookie"))
        if held.post.contentType == TYPES[held.via]:
            held.post.read()
            return
        text = f"expected {TYPES[held.via]}, got {held.post.contentType or 'an answer without a type'!r:.80}"
        self.cameToNothing(held, NotNative(f"{self.end.where}: {text}"))

    def hasTakenOver(self, held: HeldRequest, driver: SessionDriver) -> None:
        """*held* is about to be welcomed."""
        self._stopPatience()
        self.current, self._next = held, None
        self._driver = driver
        self.sends.startAgain()

    def opened(self, peer: Peer) -> None:
        """The server has welcomed what is held now."""
        before, self._sessionId = self._sessionId, self.line.sessionId
        if before not in ("", self._sessionId):
            self.sends.disown()
        if not self._isTold:
            self._isTold = True
            self._watcher.linkOpened(peer)
        if self.current is not None and self.current.via != "poll":
            self._rotateLater(ROTATION * self._random.uniform(1 - ROTATION_SPREAD, 1 + ROTATION_SPREAD))

    def mayRotate(self, held: HeldRequest) -> None:
        """*held* has brought something."""
        if held is self.current and held.bytes >= ROTATION_BYTES and self._next is None and not self._isOver:
            self._rotate()

    def _rotateLater(self, seconds: float) -> None:
        if self._rotation is not None:
            self._rotation.cancel()
        self._rotation = self.host.wheel.callLater(seconds, self._rotate)

    def _rotate(self) -> None:
        """Hold the next; what is held now stays until that is welcome."""
        if self._rotation is not None:
            self._rotation.cancel()
            self._rotation = None
        current = self.current
        if current is None or self._next is not None or self._isOver:
            return
        if self.line.isGreeting:  # it may be about to go elsewhere
            self._rotateLater(TURN)
        else:
            self._hold(self._ways.next(self._now()), mayReset=current.hasEnded)

    def displaced(self, held: HeldRequest) -> None:
        """Another connection is to be welcomed in place of *held*."""
        if held is self._next:
            reason = "another connection is to carry the session"
            self._stopPatience()
            self._drop(held, reason)
            if self.current is None:
                self._fail(NotConnected(f"{self.end.where}: {reason}"))
            else:
                self._rotateLater(TURN)

    def hasEnded(self, held: HeldRequest, failure: Failure | None) -> None:
        """The response of *held* has come to its end, or has broken."""
        if self._isOver:
            return
        where = self.end.where
        if failure is None:
            error: VortexError = ConnectionLost(f"{where}: the server ended its response")
        else:
            error = cannotConnect(failure, where)
        if held is self._next:
            self.cameToNothing(held, error)
        elif held is self.current:
            if held.via == "poll" and failure is None:
                self._rotate()
                return
            if held.via != "poll":
                self._ways.ended(self._now() - held.openedAt, self._now())
            if self._next is None:
                self._fail(error)

    def cameToNothing(self, held: HeldRequest, error: VortexError) -> None:
        """*held* will carry nothing."""
        if self._isOver or held is not self._next:
            return
        self._stopPatience()
        self._drop(held, str(error))
        if self.current is None or self.current.hasEnded:
            self._fail(error)
        else:
            self._rotateLater(ROTATION_RETRY)

    def _drop(self, held: HeldRequest, reason: str) -> None:
        self._next = None
        self.line.lost(held, reason)
        held.post.abort()

    # ---- SendWatcher

    def sendFrame(self) -> bytes:
        return self.line.sendFrame

    def sendAnswered(self, frames: list[bytes]) -> None:
        if self.current is not None:
            self.line.received(self.current, frames)

    def sendFailed(self, error: VortexError) -> None:
        self._fail(error)

    def sendTooLong(self, frame: bytes, size: int) -> bytes | None:
        why = (
            f"{self.end.where}: a proxy refused a request of {size} bytes (HTTP status 413): raise its "
            "bound, as nginx's client_max_body_size, connect by WebSocket, or send less at once"
        )
        return self.line.cannotPass(frame, RemoteError(LimitExceeded.code, why))

    def sendPost(self, post: PostRequest, body: bytes) -> None:
        self._make(post, body, accept=NATIVE_TYPE)

    def sendGone(self, post: PostRequest) -> None:
        self.gone(post)

    def sendsFull(self, isFull: bool) -> None:
        if self._driver is None or self.current is None:
            return
        if isFull:
            # How fast they have to come through is for the POSTs to say: meanwhile it is no stall.
            self._driver.pauseProducing(self.current, lambda: -int(self.host.clock.seconds()))
        else:
            self._driver.resumeProducing(self.current)

    # ---- between them

    def _make(self, post: PostRequest, body: bytes, *, accept: str) -> None:
        headers = requestHeaders(self._headers)
        headers.setRawHeaders("Content-Type", [NATIVE_TYPE])
        headers.setRawHeaders("Accept", [accept])
        self._cookies.addTo(headers)
        self._posts.add(post)
        post.begin(self.host.clock, self._url, self._endpointOf, headers, body)

    def gone(self, post: PostRequest) -> None:
        """Nothing is left of *post*."""
        self._posts.discard(post)
        if self._isOver and not self._posts:
            self.end.tell()

    def _fail(self, error: VortexError) -> None:
        if not self._isOver:
            self.end.because(error)
            self.finish()

    def finish(self) -> None:
        """Let go of everything; the watcher is told when it is gone."""
        if self._isOver:
            return
        self._isOver = True
        self.sends.close()
        self._stopPatience()
        for timer in (self._rotation, self._farewell):
            if timer is not None:
                timer.cancel()
        if self._soon.active():
            self._soon.cancel()
        for held in (self._next, self.current):
            if held is not None:
                self.line.lost(held, "the connection is gone")
        for post in tuple(self._posts):
            post.abort()
        if not self._posts:
            self.end.tell()

    def _stopPatience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _now(self) -> float:
        return self.host.clock.seconds()


def dialNativePost(
    host: LinkHost,
    url: str,
    endpointOf: Callable[[str], IStreamClientEndpoint],
    watcher: LinkWatcher,
    *,
    line: ClientLine,
    headers: Mapping[str, str],
    cookies: dict[str, str],
    ways: PostWays,
    mayReset: bool,
    random: Random,
) -> Dialled:
    """
    Have *line*'s session carried by POSTs to the vortex at *url*, and tell *watcher* what comes of it.

    Args:
        endpointOf, headers, cookies: As `vortex.transports.post_client.dialPost` has them.
        ways: Which kinds of request get through, as far as that is known.
        mayReset: As `vortex.transports.client_line.Carrier` has it.
        random: What the time between two streams is drawn from.
    """
    link = PostLink(
        host,
        url,
        endpointOf,
        watcher,
        line,
        headers=headers,
        cookies=cookies,
        ways=ways,
        mayReset=mayReset,
        random=random,
    )
    return Leaving(link.leave)
