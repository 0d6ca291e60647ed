"""
The two sides of a link, as Protocols: what carries frames, and whose link it is.

A `FrameTransport` moves framed bytes and knows nothing of sessions. A `LinkHost`
is a node as its links see it: who tells them that a peer has come or gone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from vortex.clocks import Clock
from vortex.limits import Limits
from vortex.routing.payload_io import PayloadIO
from vortex.routing.ports import Peer
from vortex.transports.timer_wheel import TimerWheel

if TYPE_CHECKING:
    from vortex.transports.session_driver import SessionDriver

__all__ = ["FrameTransport", "LinkHost"]


class FrameTransport(Protocol):
    """What a driver writes to; one WebSocket, one held request, one end of a memory link."""

    @property
    def paused(self) -> bool:
        """True while the other end does not take what is written."""

    def writeFrame(self, frame: bytes) -> None:
        """Write bytes that are already framed."""

    def close(self, code: str, reason: str) -> None:
        """End it in the way its kind ends, after what was written."""

    def abort(self) -> None:
        """End it now; what was written may be lost."""


class LinkHost(Protocol):
    """A node, as its links see it."""

    @property
    def uuid(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def wheel(self) -> TimerWheel: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def payloadIO(self) -> PayloadIO: ...
    @property
    def counters(self) -> Counter[str]: ...
    @property
    def anonymous(self) -> bool: ...

    def refusal(self, address: str) -> str | None:
        """Why no further peer from *address* is taken now; None when it is."""

    def peerOpened(self, link: SessionDriver, uuid: str, name: str) -> Any:
        """A link has learnt who is at its other end."""

    def peerClosed(self, peer: Any, code: str, reason: str) -> None:
        """That peer will not be heard of again."""
