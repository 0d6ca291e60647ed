"""
Held requests: POSTs of ours whose responses a session is read from, each in its turn.

`vortex.transports.native_post_client` makes them, and knows when there has to be another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from vortex.errors import NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.protocol.event_decoder import EventDecoder
from vortex.protocol.native import NativeDecoder
from vortex.routing.ports import Peer
from vortex.transports.http_answer import noAnswer
from vortex.transports.post_request import PostRequest
from vortex.transports.post_sends import NATIVE_TYPE
from vortex.transports.post_ways import Via
from vortex.transports.session_driver import SessionDriver

if TYPE_CHECKING:
    from vortex.transports.native_post_client import PostLink

__all__ = ["TYPES", "HeldRequest"]

TYPES: dict[Via, str] = {"stream": NATIVE_TYPE, "sse": "text/event-stream", "poll": NATIVE_TYPE}
"""What each is answered with."""

KINDS: dict[Via, str] = {"stream": "post", "sse": "sse", "poll": "poll"}
"""What a peer's `transport` says."""


class HeldRequest:
    """
    One POST whose response is read as it comes: a `Carrier`, and the `PostWatcher` of its POST.

    Attributes:
        mayReset: As `Carrier` has it.
        hasEnded: Whether its response has come to its end.
    """

    def __init__(self, link: PostLink, via: Via, mayReset: bool) -> None:
        self.mayReset = mayReset
        self.hasEnded = False
        self.openedAt = 0.0
        self.bytes = 0
        self._link = link
        self._via = via
        maxFrame = link.host.limits.maxFrame
        self.post = PostRequest(self, EventDecoder(maxFrame) if via == "sse" else NativeDecoder(maxFrame))

    # ---- Carrier

    @property
    def via(self) -> Via:
        return self._via

    @property
    def kind(self) -> str:
        return KINDS[self._via]

    @property
    def address(self) -> str | None:
        return self.post.address

    @property
    def paused(self) -> bool:
        return self._link.sends.isFull

    def drivenBy(self, driver: SessionDriver) -> None:
        self._link.hasTakenOver(self, driver)

    def opened(self, peer: Peer) -> None:
        self._link.opened(peer)

    def sessionClosed(self, code: str, reason: str) -> None:
        self._link.end.sessionClosed(code, reason)

    def notWelcome(self, problem: str) -> None:
        self._link.cameToNothing(self, NotConnected(f"{self._link.end.where}: {problem}"))

    def displaced(self) -> None:
        self._link.displaced(self)

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        self._link.sends.write(frame)

    def close(self, code: str, reason: str) -> None:
        if self._link.current is self:
            self._link.close(CloseCode(code), reason)
        else:
            self.post.abort()  # the next of the same link has taken over

    def abort(self) -> None:
        self._link.host.clock.callLater(0, self._link.finish)  # when the driver has told why

    # ---- PostWatcher

    def answered(self, post: PostRequest, response: IResponse) -> None:
        self._link.answered(self, response)

    def frames(self, frames: list[bytes]) -> None:
        self.bytes += sum(map(len, frames))
        self._link.line.received(self, frames or (b"",))
        self._link.mayRotate(self)

    def broken(self, error: VortexError) -> None:
        self._link.line.cut(self, error)

    def ended(self, post: PostRequest, failure: Failure | None) -> None:
        self.hasEnded = True
        self._link.hasEnded(self, failure)

    def refused(self, post: PostRequest) -> None:
        error = post.refusal(self._link.end.where)
        assert error is not None
        self._link.cameToNothing(self, error)

    def notAnswered(self, post: PostRequest, failure: Failure) -> None:
        self._link.cameToNothing(self, noAnswer(failure, self._link.end.where))

    def gone(self, post: PostRequest) -> None:
        self._link.gone(post)
