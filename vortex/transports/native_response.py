"""
Native responses: what carries a session of the native wire over HTTP, from the server to the client.

There are three: a stream of frames, the same as events, and an answer that ends when something was said.
"""

from __future__ import annotations

import binascii

from twisted.python.failure import Failure
from twisted.web.server import Request

from vortex.clocks import DelayedCall
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import Kind, frame
from vortex.protocol.session_table import Hello
from vortex.transports.held_response import HeldResponse
from vortex.transports.native_driver import NativeDriver
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["NATIVE_TYPE", "NativeResponse", "nativeResponse"]

NATIVE_TYPE = b"application/vnd.vortex"
"""What frames are called over HTTP."""

PAD_BYTES = 2 << 10
"""What some proxies, and some browsers, want to have before they pass anything on."""

_PAD = frame(Kind.PAD, bytes(PAD_BYTES))
_PAD_EVENT = b":" + b" " * PAD_BYTES + b"\n\n"


class NativeResponse(HeldResponse):
    """
    One response; of itself a stream of frames.

    Args:
        request: Whose answer it is.
        host: The node.
        hello: What was asked for by it.
    """

    contentType = NATIVE_TYPE
    kind = "post"
    """What a peer's `transport` says."""

    def __init__(self, request: Request, host: LinkHost, hello: Hello) -> None:
        super().__init__(request, self.contentType)
        self._host = host
        self._hello = hello
        self._hasBegun = False

    def writeFrame(self, frame: bytes) -> None:
        if not self._hasBegun:
            self._hasBegun = True
            frame += _PAD
        self.write(frame)


class NativeEvents(NativeResponse):
    """Frames in base64, as events that have the number of the last message for an id."""

    contentType = b"text/event-stream"
    kind = "sse"

    def writeFrame(self, frame: bytes) -> None:
        assert isinstance(self._driver, NativeDriver)
        number = self._driver.session.writtenHere
        event = b"id: %d\ndata: %b\n\n" % (number, binascii.b2a_base64(frame, newline=False))
        if not self._hasBegun:
            self._hasBegun = True
            event += _PAD_EVENT
        self.write(event)


class NativePoll(NativeResponse):
    """Ends after the first messages, or when the client wants to wait no more."""

    kind = "poll"

    def __init__(self, request: Request, host: LinkHost, hello: Hello) -> None:
        super().__init__(request, host, hello)
        self._known = 0 if hello.resume is None else hello.resume[3]
        self._end: DelayedCall | None = None
        self._isEnding = False

    def drivenBy(self, driver: SessionDriver) -> None:
        super().drivenBy(driver)
        self._end = self._host.wheel.callLater(self._hello.wait, self._over)

    def writeFrame(self, frame: bytes) -> None:
        assert isinstance(self._driver, NativeDriver)
        self.write(frame)
        session = self._driver.session
        if not self._isEnding and session.writtenHere > (self._known if session.gen > 1 else 0):
            self._isEnding = True
            self._host.clock.callLater(0, self._over)  # with all that is said in this turn

    def _lost(self, failure: Failure) -> None:
        self._stop()
        super()._lost(failure)

    def close(self, code: str, reason: str) -> None:
        self._stop()
        super().close(code, reason)

    def abort(self) -> None:
        self._stop()
        super().abort()

    def _over(self) -> None:
        if not self.isOver:
            self.close(CloseCode.NORMAL.value, "")
            if self._driver is not None:
                self._driver.transportLost(self, "the poll is over")

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None


_BY_VIA = {"stream": NativeResponse, "sse": NativeEvents, "poll": NativePoll}


def nativeResponse(request: Request, host: LinkHost, hello: Hello) -> NativeResponse:
    """What *hello*, which came with *request*, wants for an answer; it says ``via``."""
    assert hello.via is not None
    return _BY_VIA[hello.via](request, host, hello)
