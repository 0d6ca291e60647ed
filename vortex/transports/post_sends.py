"""
PostSends: what a session of ours has to say over HTTP, in short POSTs, one after the other.

None replaces what the session is read from. One that fails is made again, with the same frames: the server
drops what it has taken already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from vortex.clocks import DelayedCall
from vortex.errors import ConnectionLost, VortexError
from vortex.protocol.backoff import Backoff
from vortex.protocol.native import PREAMBLE, NativeDecoder, readVarint
from vortex.transports.post_request import PostRequest
from vortex.transports.transport import LinkHost

__all__ = ["NATIVE_TYPE", "PostSends", "SendWatcher"]

NATIVE_TYPE = "application/vnd.vortex"
"""What frames are called over HTTP."""

MAX_WAITING = 256 << 10
"""Bytes that may wait for the next POST before the session is held back."""

MAX_BATCH = 1 << 20
"""Bytes in one POST, unless a single frame has more: servers accept more, and have patience."""

MIN_BATCH = 4 << 10
"""Bytes in one POST of several frames, which is not made shorter where none comes through."""

GONE = 410

TOO_LONG = 413

TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Answers, a proxy's for one, after which the same POST may well be taken."""


class SendWatcher(Protocol):
    """Whose session it is."""

    def sendFrame(self) -> bytes:
        """What a body begins with, behind the preamble."""

    def sendAnswered(self, frames: list[bytes]) -> None:
        """The server says how far it has got."""

    def sendFailed(self, error: VortexError) -> None:
        """The server takes nothing more; the session has to be resumed."""

    def sendTooLong(self, frame: bytes, size: int) -> bytes | None:
        """
        A request of *size* bytes, with that *frame* alone, was refused for its length.

        Returns:
            What to send in its place; None if there is nothing.
        """

    def sendPost(self, post: PostRequest, body: bytes) -> None:
        """Have *post* made."""

    def sendGone(self, post: PostRequest) -> None:
        """Nothing is left of *post*."""

    def sendsFull(self, isFull: bool) -> None:
        """Whether more waits than should."""


class PostSends:
    """
    Args:
        where: The URL, for people to read.
        backoff: How long to wait after one that has failed.
    """

    def __init__(self, host: LinkHost, watcher: SendWatcher, where: str, backoff: Backoff) -> None:
        self.isFull = False
        self._host = host
        self._watcher = watcher
        self._where = where
        self._backoff = backoff
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._most = MAX_BATCH  # bytes in one, by what has come through
        self._batch = b""  # what the POST under way has, or the next that tries again
        self._bodySize = 0  # with what stands before that
        self._post: PostRequest | None = None
        self._isObsolete = False  # whether all of it is written again anyway
        self._isOfOther = False  # whether it was of a session that is no more
        self._isAnswered = False
        self._soon: DelayedCall | None = None
        self._patience: DelayedCall | None = None
        self._whenEmpty: Callable[[], object] | None = None
        self._isOver = False

    @property
    def isEmpty(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._frames and self._post is None and not self._batch

    def write(self, frame: bytes) -> None:
        """Send *frame* with the next."""
        if self._isOver:
            return
        self._frames.append(frame)
        self._size += len(frame)
        self._postSoon(0)
        self._tellFull()

    def whenEmpty(self, tell: Callable[[], object]) -> None:
        """Call *tell* once when nothing is left to be sent."""
        self._whenEmpty = tell
        self._tellEmpty()

    def startAgain(self) -> None:
        """The session writes again all that the server has not taken."""
        self._frames.clear()
        self._size = 0
        if self._post is not None:
            self._isObsolete = True
        else:
            self._batch = b""
            self._stop()
        self._tellFull()

    def disown(self) -> None:
        """Another session has begun: what is answered to a POST of the one before counts no more."""
        self._isOfOther = self._post is not None

    def close(self) -> None:
        """Send nothing more."""
        self._isOver = True
        self._frames.clear()
        self._batch = b""
        self._stop()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # ---- one after another

    def _postSoon(self, wait: float) -> None:
        """In the next turn, if not later: what is written in this one goes together."""
        if (self._frames or self._batch) and self._post is None and self._soon is None and not self._isOver:
            self._soon = self._host.clock.callLater(wait, self._begin)

    def _stop(self) -> None:
        if self._soon is not None:
            if self._soon.active():
                self._soon.cancel()
            self._soon = None

    def _begin(self) -> None:
        self._soon = None
        if not self._batch:
            self._batch = self._takeBatch()
        limits = self._host.limits
        self._isObsolete = self._isOfOther = self._isAnswered = False
        body = b"".join((PREAMBLE, self._watcher.sendFrame(), self._batch))
        # A server takes a body for as long as it comes at this rate; ours is given the same.
        self._bodySize = len(body)
        patience = limits.connectTimeout + len(body) / limits.bodyMinRate
        self._patience = self._host.wheel.callLater(patience, self._late)
        self._post = PostRequest(self, NativeDecoder(limits.maxFrame))
        self._watcher.sendPost(self._post, body)
        self._tellFull()

    def _takeBatch(self) -> bytes:
        batch: list[bytes] = []
        size = 0
        while self._frames and (not batch or size + len(self._frames[0]) <= self._most):
            batch.append(self._frames.popleft())
            size += len(batch[-1])
        self._size -= size
        return b"".join(batch)

    def _isShortened(self) -> bool:
        """Whether there is something shorter to send, in place of what was refused for its length."""
        if len(_apart(self._batch)) > 1:
            self._makeShorter(least=1)
            return True
        instead = self._watcher.sendTooLong(self._batch, self._bodySize)
        if instead is not None:
            self._batch = instead
        return instead is not None

    def _makeShorter(self, least: int = MIN_BATCH) -> None:
        """What has not come through at once may in parts: a line may break before it has taken so much."""
        if len(self._batch) > least:
            self._most = max(len(self._batch) // 2, least)
            self._frames.extendleft(reversed(_apart(self._batch)))
            self._size += len(self._batch)
            self._batch = b""
            self._tellFull()

    def _tellFull(self) -> None:
        isFull = self._size > MAX_WAITING
        if isFull is not self.isFull:
            self.isFull = isFull
            self._watcher.sendsFull(isFull)

    def _tellEmpty(self) -> None:
        if self._whenEmpty is not None and self.isEmpty:
            tell, self._whenEmpty = self._whenEmpty, None
            tell()

    # ---- what a POST tells

    def answered(self, post: PostRequest, response: IResponse) -> None:
        if post.contentType == NATIVE_TYPE:
            post.read()
        else:
            self._fail(ConnectionLost(f"{self._where}: expected {NATIVE_TYPE}, got {post.contentType!r:.80}"))

    def frames(self, frames: list[bytes]) -> None:
        if frames and not self._isOfOther:
            self._isAnswered = True
            self._watcher.sendAnswered(frames)

    def broken(self, error: VortexError) -> None:
        self._fail(error)

    def ended(self, post: PostRequest, failure: Failure | None) -> None:
        if post is self._post:
            self._done(isTaken=failure is None or self._isAnswered)

    def refused(self, post: PostRequest) -> None:
        if post is not self._post or self._isOver:  # it was read as far as it matters, or does not matter
            return
        if self._isObsolete or post.status in TRY_AGAIN or (post.status == TOO_LONG and self._isShortened()):
            self._done(isTaken=False)
        elif post.status == GONE:
            self._fail(ConnectionLost(f"{self._where}: the server does not know the session any more"))
        else:
            error = post.refusal(self._where)
            assert error is not None
            self._fail(error)

    def notAnswered(self, post: PostRequest, failure: Failure) -> None:
        if post is self._post:
            self._done(isTaken=False)

    def gone(self, post: PostRequest) -> None:
        self._watcher.sendGone(post)

    def _late(self) -> None:
        self._patience = None
        if self._post is not None:
            self._post.abort()

    def _done(self, *, isTaken: bool) -> None:
        """What was under way has come to an end."""
        if self._post is None or self._isOver:
            return
        self._post = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if isTaken or self._isObsolete:
            self._backoff.reset()
            self._batch = b""
            self._most = min(2 * self._most, MAX_BATCH)
            self._postSoon(0)
        else:
            self._makeShorter()
            self._postSoon(self._backoff.next())
        self._tellEmpty()

    def _fail(self, error: VortexError) -> None:
        if not self._isOver and not self._isObsolete:
            self._watcher.sendFailed(error)
            return
        post = self._post
        self._done(isTaken=False)
        if post is not None:
            post.abort()


def _apart(batch: bytes) -> list[bytes]:
    """The frames in *batch*, with their lengths."""
    frames: list[bytes] = []
    at = 0
    while at < len(batch):
        length, start = readVarint(batch, at)
        frames.append(batch[at : start + length])
        at = start + length
    return frames
