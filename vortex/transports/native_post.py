"""
Native POSTs: requests whose body is frames of the native wire.

One with a HELLO is answered by a response that carries the session. One with a SEND brings what a client has
to say, while another request's response stays open; it is answered at once, by how far the server has got.
"""

from __future__ import annotations

from twisted.web.server import NOT_DONE_YET, Request

from vortex.access.principal import Principal
from vortex.errors import AccessDenied, DecodeError, LimitExceeded, NotConnected, errorText
from vortex.limits import Limits
from vortex.protocol.native import PREAMBLE, Kind, NativeDecoder
from vortex.protocol.session_table import Hello, readSend
from vortex.transports.http_refusal import HttpRefused
from vortex.transports.http_site import bodySince
from vortex.transports.native_driver import NativeDriver
from vortex.transports.native_response import NATIVE_TYPE, nativeResponse
from vortex.transports.read_hold import LOOK
from vortex.transports.timer_wheel import TimerWheel
from vortex.transports.transport import LinkHost

__all__ = ["NativePosts"]

PIECE = 64 << 10
"""Bytes of a body that are taken apart at once."""


class NativePosts:
    """
    Args:
        host: The node.
    """

    def __init__(self, host: LinkHost) -> None:
        self._host = host

    def receive(
        self, request: Request, body: bytes, address: str, principal: Principal | None
    ) -> bytes | int:
        """
        Answer *request*; returns what a resource's `render` has to return.

        Args:
            body: All of it, the preamble included.
            address: Where it comes from.
            principal: Who it was found to be; None if it was not asked.

        Raises:
            HttpRefused: If it is no good, or no longer.
        """
        limits = self._host.limits
        try:
            first, *frames = _frames(body, limits)
            if first[0] == Kind.SEND:
                session, token = readSend(first, limits)
                return self._send(request, session, token, frames, principal)
            hello = Hello.read(first, limits)
            if hello.via is None:
                raise DecodeError("expected via, how the answer is to carry the session")
        except (DecodeError, LimitExceeded) as error:
            self._host.counters["malformed"] += 1
            tooLarge = isinstance(error, LimitExceeded)
            raise HttpRefused(413 if tooLarge else 400, errorText(error)) from error
        door = self._host.door
        if door.isExhausted(hello, principal, frames):
            raise HttpRefused(503, "this session brings more than is taken")
        response = nativeResponse(request, self._host, hello)
        try:
            driver = door.enter(
                hello, response, kind=response.kind, address=address, principal=principal, frames=frames
            )
            driver.waitAfter(1 + len(frames))
        except AccessDenied as error:
            raise HttpRefused(403, str(error)) from error
        except NotConnected as error:
            raise HttpRefused(503, str(error)) from error
        return NOT_DONE_YET

    def _send(
        self, request: Request, session: str, token: str, frames: list[bytes], principal: Principal | None
    ) -> bytes | int:
        driver = self._host.door.sender(session, token, principal, self._began(request))
        if driver is None:
            raise HttpRefused(410, "there is no such session, or this token is not good for it")
        if driver.intake.isExhausted(self._host.clock.seconds()):
            raise HttpRefused(503, "this session brings more than is taken (maxMessagesPerSecond)")
        if driver.isFull or not driver.mayBring(frames):
            raise HttpRefused(503, "what this session has brought waits still")
        driver.framesSent(frames)
        request.setHeader(b"Content-Type", NATIVE_TYPE)
        request.setHeader(b"Cache-Control", b"no-store, no-transform")
        wait = driver.waitAfter(len(frames))
        if not wait:
            request.setHeader(b"Content-Length", b"%d" % len(driver.taken))
            return driver.taken
        # The client sends the next when this is answered.
        _Answering(request, driver, self._host.wheel, wait)
        return NOT_DONE_YET

    def _began(self, request: Request) -> float:
        """When *request* has begun to come in, as far as that is known."""
        now = self._host.clock.seconds()
        return min(now, bodySince(request, now))


class _Answering:
    """Answers *request* after *seconds*, and not before all that it has brought is taken."""

    def __init__(self, request: Request, driver: NativeDriver, wheel: TimerWheel, seconds: float) -> None:
        self._request = request
        self._driver = driver
        self._wheel = wheel
        self._waiting = wheel.callLater(seconds, self._answer)
        request.notifyFinish().addErrback(lambda _: self._waiting.cancel())

    def _answer(self) -> None:
        if not self._driver.hasTakenAll:
            self._waiting = self._wheel.callLater(LOOK, self._answer)
            return
        taken = self._driver.taken
        self._request.setHeader(b"Content-Length", b"%d" % len(taken))
        self._request.write(taken)
        self._request.finish()


def _frames(body: bytes, limits: Limits) -> list[bytes]:
    """
    The frames in *body*, of which there is one at least.

    Raises:
        DecodeError: If it is anything else.
        LimitExceeded: If one is too large, or they are too many.
    """
    decoder = NativeDecoder(limits.maxFrame)
    frames: list[bytes] = []
    for start in range(len(PREAMBLE), len(body), PIECE):
        frames += decoder.feed(body[start : start + PIECE])
        if len(frames) > limits.maxBodyFrames:
            raise LimitExceeded(
                "maxBodyFrames", f"a body holds more than the {limits.maxBodyFrames} frames accepted"
            )
    if not frames or not decoder.isEmpty:
        raise DecodeError("expected whole frames in a body, the first a HELLO or a SEND")
    return frames
