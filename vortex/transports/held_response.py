"""
Held response: the answer to an HTTP request, which stays open as a `FrameTransport`.

Here is what all of them have in common: nobody keeps or gathers what is written, it goes to the connection at
once, and the end is noticed. What is written, and how it is framed, is for those who inherit from it.
"""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from vortex.transports.backpressure import DrivenProducer
from vortex.transports.direct_write import unwritten, writeSoon
from vortex.transports.session_driver import SessionDriver

__all__ = ["HeldResponse"]


class HeldResponse(DrivenProducer):
    """
    Args:
        request: One whose headers have not been written yet.
        contentType: Of the answer.
    """

    def __init__(self, request: Request, contentType: bytes) -> None:
        self._request = request
        self._contentType = contentType
        self._tcp: Any = None
        self._done = False

    @property
    def isOver(self) -> bool:
        """Whether it has come to its end, or the connection has."""
        return self._done

    def drivenBy(self, driver: SessionDriver) -> None:
        """Begin to answer; *driver* has it from now on."""
        super().drivenBy(driver)
        request = self._request
        request.setHeader(b"Content-Type", self._contentType)
        request.setHeader(b"Cache-Control", b"no-store, no-transform")
        request.setHeader(b"X-Accel-Buffering", b"no")
        channel: object = request.channel
        if isinstance(channel, HTTPChannel):
            # A request pipelined behind a held one would wait for ever.
            request.setHeader(b"Connection", b"close")
            channel.persistent = 0
            self._tcp = channel.transport
        request.notifyFinish().addErrback(self._lost)
        request.registerProducer(self, True)

    def _lost(self, failure: Failure) -> None:
        self._done = True
        if self._driver is not None:
            self._driver.transportLost(self, failure.getErrorMessage())

    def unwritten(self) -> int | None:
        """As `DrivenProducer` has it."""
        return unwritten(self._tcp)

    def write(self, data: bytes) -> None:
        """Write *data*, as a chunk of its own, where there are chunks."""
        if self._done:
            return
        if self._tcp is not None and self._request.startedWriting and self._request.chunked:
            writeSoon(self._tcp, b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._request.write(data)

    # ---- FrameTransport

    def close(self, code: str, reason: str) -> None:
        if not self._done:
            self._done = True
            self._request.unregisterProducer()
            self._request.finish()

    def abort(self) -> None:
        if not self._done:
            self._done = True
            self._request.unregisterProducer()
            if self._tcp is not None:
                self._tcp.abortConnection()
            else:
                self._request.loseConnection()
