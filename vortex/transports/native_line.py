"""
NativeLine: one connection of the native wire that goes both ways, from its first byte to its last.

Until the HELLO is there it is nobody's, and may be neither long nor late; then it carries a session, which
lives on when it breaks. What the connection is made of, a socket or a WebSocket, is its transport's business.
"""

from __future__ import annotations

from typing import Protocol

from vortex.access.principal import Principal
from vortex.clocks import DelayedCall
from vortex.errors import (
    AccessDenied,
    DecodeError,
    LimitExceeded,
    NotConnected,
    RequestTimeout,
    VortexError,
    errorText,
)
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import Kind, NativeDecoder
from vortex.protocol.session import jsonFrame
from vortex.protocol.session_table import Hello
from vortex.transports.kept_sessions import KeptTransport
from vortex.transports.native_door import MAX_HELLO
from vortex.transports.native_driver import NativeDriver
from vortex.transports.read_hold import LOOK
from vortex.transports.transport import LinkHost

__all__ = ["LineTransport", "NativeLine", "refusalFrame"]


HOLD_STEP = 5.0
"""Seconds for which nothing is read at most, before the line is marked as alive all the same."""


class LineTransport(KeptTransport, Protocol):
    """What a line goes by. To close it is to read it again: its end has to be heard."""

    def holdReading(self) -> None:
        """Read nothing more, until `readOn`."""

    def readOn(self) -> None:
        """Read again."""


def refusalFrame(error: VortexError) -> bytes:
    """What a HELLO is answered with that gets no session; it may be said again where that may help."""
    mayComeAgain = isinstance(error, (NotConnected, RequestTimeout))
    said = {"code": CloseCode.REFUSED.value, "reason": errorText(error), "again": mayComeAgain}
    return jsonFrame(Kind.CLOSE, said)


class NativeLine:
    """
    Args:
        transport: What it goes by; it is there.
        kind, address: As `SessionDriver` has them.
        principal: Who is at the other end; None if it was not asked.
        waited: Seconds for which its first bytes were waited for.

    Attributes:
        driver: Of the session that it carries; None until the HELLO is there.
        isOver: Whether nothing more is read of it.
    """

    def __init__(
        self,
        host: LinkHost,
        transport: LineTransport,
        *,
        kind: str,
        address: str,
        principal: Principal | None,
        waited: float = 0.0,
    ) -> None:
        self.driver: NativeDriver | None = None
        self.isOver = False
        self.address = address
        self._host = host
        self._transport = transport
        self._kind = kind
        self._principal = principal
        self._decoder = NativeDecoder(min(MAX_HELLO, host.limits.maxFrame))
        self._hold: DelayedCall | None = None
        self._readAt = 0.0
        self._deadline: DelayedCall | None = host.wheel.callLater(
            max(0.0, host.limits.helloTimeout - waited), self._late
        )
        host.door.waits(self)

    def received(self, data: bytes) -> None:
        """The next bytes, however they were cut."""
        if self.isOver:
            return
        try:
            frames = self._decoder.feed(data)
        except (DecodeError, LimitExceeded) as error:
            self.broken(error)
            return
        if self.driver is not None:
            # A part of a long frame is a sign of life too.
            self.driver.framesReceived(frames or (b"",), self._transport)
        elif frames:
            self._hello(*frames)
        if frames and self.driver is not None and self.isCarrying:
            wait = self.driver.waitAfter(len(frames))
            if wait:
                self._holdFor(wait)

    def messageEnded(self) -> None:
        """What frames are carried in, whole ones, has come to its end."""
        if not self.isOver and not self._decoder.isEmpty:
            self.broken(DecodeError("expected whole frames in a message, and it ends within one"))

    def broken(self, error: VortexError) -> None:
        """What comes is of no use: give up the connection. The session lives."""
        if self.isOver:
            return
        code = CloseCode.LIMIT if isinstance(error, LimitExceeded) else CloseCode.PROTOCOL
        if self.driver is None:
            self._host.counters["malformed"] += 1
            self._refuse(code, errorText(error), again=False)
        else:
            self.isOver = True
            self.driver.cut(self._transport, code.value, str(error))

    def end(self, code: CloseCode, reason: str) -> None:
        """End it, and the session that it carries; it may be resumed elsewhere, where *code* says so."""
        if self.driver is None:
            self._refuse(code, reason, again=code.retry)
        elif self.isCarrying:
            self.driver.close(code.value, reason)

    def lost(self, reason: str) -> None:
        """For the transport: the connection is gone."""
        self._settled()
        self.isOver = True
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        if self.driver is not None:
            self.driver.transportLost(self._transport, reason)

    # ---- reading

    def _holdFor(self, seconds: float) -> None:
        """Read nothing for so long."""
        if self._hold is not None:
            self._hold.cancel()
        else:
            self._transport.holdReading()
        self._readAt = self._host.clock.seconds() + seconds
        self._hold = self._host.wheel.callLater(min(seconds, HOLD_STEP), self._readOn)

    def _readOn(self) -> None:
        self._hold = None
        if self.driver is None or not self.isCarrying:  # it is being closed, for which it is read again
            return
        left = self._readAt - self._host.clock.seconds()
        if self.driver.isFull:
            left = max(left, LOOK)
        if left > 0:
            self._hold = self._host.wheel.callLater(min(left, HOLD_STEP), self._readOn)
        else:
            self._transport.readOn()
        # It is not silent: it is not listened to.
        self.driver.framesReceived((b"",), self._transport)

    @property
    def isCarrying(self) -> bool:
        """Whether it carries a session now."""
        return self.driver is not None and self.driver.carries(self._transport)

    # ---- the HELLO

    def _hello(self, data: bytes, *frames: bytes) -> None:
        try:
            hello = Hello.read(data, self._host.limits)
            if hello.via is not None:
                raise DecodeError(f"expected no via on a connection that goes both ways, got {hello.via!r}")
        except (DecodeError, LimitExceeded) as error:
            self.broken(error)
            return
        self._settled()
        try:
            self.driver = self._host.door.enter(
                hello,
                self._transport,
                kind=self._kind,
                address=self.address,
                principal=self._principal,
                frames=frames,
            )
        except (AccessDenied, NotConnected) as error:
            self.isOver = True
            if isinstance(error, NotConnected):
                self._host.counters["refused"] += 1
            self._transport.writeFrame(refusalFrame(error))
            self._transport.close(CloseCode.REFUSED.value, errorText(error))
        else:
            self._decoder.allow(self._host.limits.maxFrame)

    def _late(self) -> None:
        self._deadline = None
        seconds = self._host.limits.helloTimeout
        self._host.counters["silent"] += 1
        self._refuse(CloseCode.SILENT, f"no HELLO came within {seconds:g} s (helloTimeout)", again=True)

    def _refuse(self, code: CloseCode, reason: str, *, again: bool) -> None:
        """Say why there is no session, and hang up."""
        if self.isOver:
            return
        self._settled()
        self.isOver = True
        self._transport.writeFrame(
            jsonFrame(Kind.CLOSE, {"code": code.value, "reason": reason, "again": again})
        )
        self._transport.close(code.value, reason)

    def _settled(self) -> None:
        """It waits for a HELLO no more."""
        self._host.door.waitsNoMore(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
