"""
NativeDriver: the driver of a session of the native wire at the end that has minted it.

Mostly what comes in is taken at once. What a client sends again to a server that was started anew is taken as
fast as it is carried out: it may have been done before, so it is not to be told that it is too much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from vortex.clocks import DelayedCall
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import Kind, frame, readVarint, varint
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session import jsonFrame
from vortex.transports.intake import Intake
from vortex.transports.kept_sessions import KeptDriver
from vortex.transports.read_hold import LOOK
from vortex.transports.transport import FrameTransport, LinkHost

__all__ = ["NativeDriver"]


_UNHEARD = (CloseCode.LOST.value, CloseCode.SILENT.value, CloseCode.SLOW.value)
"""Why connections are given up whose other end would not read why."""


class NativeDriver(KeptDriver):
    """
    The driver of a session that the door has made.

    Attributes:
        session: What is driven.
        intake: How fast what it brings is taken.
    """

    def __init__(
        self,
        session: ServerSession,
        host: LinkHost,
        *,
        kind: str,
        address: str,
        onClosed: Callable[[str, str], object],
    ) -> None:
        super().__init__(host.door.kept, session, host, kind=kind, address=address, onClosed=onClosed)
        self.session = session
        self.intake = Intake(host.limits, host.clock.seconds())
        self._untaken: deque[bytes] = deque()  # frames that came, in their order
        self._taking: DelayedCall | None = None

    @property
    def isFull(self) -> bool:
        return bool(self._untaken) or super().isFull

    def mayBring(self, frames: Sequence[bytes]) -> bool:
        """Whether there is room for all of *frames* at once, even if they have to wait; for one there is."""
        if self.isFull:
            return not frames
        mayWait = self._room is not None and len(frames) > 1
        return not mayWait or sum(map(len, frames)) <= self._host.limits.maxWaitingBytes

    @property
    def hasTakenAll(self) -> bool:
        """Whether nothing of what came waits to be taken."""
        return not self._untaken

    def waitAfter(self, count: int) -> float:
        """Seconds to wait before more is read, after so many frames."""
        running = 0 if self._actions is None else self._actions.running
        wait = self.intake.take(count, running, self._now())
        if self.isFull:
            wait = max(wait, LOOK)
        if wait:
            self._host.counters["held"] += 1
        return wait

    def _giveUp(self, code: str, reason: str) -> None:
        if self._transport is not None and code not in _UNHEARD:
            farewell = {"code": code, "reason": reason, "again": True}
            self._transport.writeFrame(jsonFrame(Kind.CLOSE, farewell))
        super()._giveUp(code, reason)

    # ---- what comes in

    def framesReceived(self, frames: Iterable[bytes], transport: FrameTransport | None = None) -> None:
        if transport is not None and transport is not self._transport:
            return
        room = self._room
        if room is None and not self._untaken:
            super().framesReceived(frames)
            return
        self._untaken += (each for each in frames if each)
        super().framesReceived((b"",))  # a sign of life
        self._takeOn()

    @property
    def _room(self) -> int | None:
        """How many frames may be taken now; None: any number."""
        return None if self._actions is None else self._actions.room

    def _takeOn(self) -> None:
        """Take of what waits what there is room for, and the rest later."""
        while self._untaken and not self.closed and self._room != 0:
            super().framesReceived((self._untaken.popleft(),))
        if self.closed:
            self._untaken.clear()
        elif self._untaken and self._taking is None:
            self._taking = self._host.wheel.callLater(LOOK, self._again)

    def _again(self) -> None:
        self._taking = None
        self._takeOn()

    def framesSent(self, frames: Iterable[bytes]) -> None:
        """
        Take *frames*, which came in beside what carries the session, up to one before which another is
        missing: that is on its way still, or the client says all of it again.

        Raises:
            DecodeError: If one is none; nothing was taken.
        """
        good: list[bytes] = []
        expected = self.session.taken + 1
        for data in frames:
            if data[0] in (Kind.ACTION, Kind.CANCEL):
                number, _ = readVarint(data, 1)
                if number > expected:
                    break
                expected = max(expected, number + 1)
            good.append(data)
        self.framesReceived(good)

    @property
    def taken(self) -> bytes:
        """How far the session has got, as a frame."""
        return frame(Kind.ACK, varint(self.session.taken), varint(0))
