"""
The two sides of a link, as Protocols: what carries frames, and whose link it is.

A `FrameTransport` moves framed bytes and knows nothing of sessions. A `LinkHost`
is a node as its links see it: who tells them that a peer has come or gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

from vortex.access.principal import Credentials, Principal
from vortex.protocol.events import Reset, Resumed
from vortex.protocol.once import Once
from vortex.routing.action import Action
from vortex.routing.ports import Node, Peer
from vortex.transports.timer_wheel import TimerWheel

if TYPE_CHECKING:
    from vortex.transports.native_door import NativeDoor
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


class LinkHost(Node, Protocol):
    """A node, as its links see it."""

    @property
    def wheel(self) -> TimerWheel:
        """The one timer for all its links."""

    @property
    def once(self) -> Once[Action]:
        """Which actions of its clients were taken."""

    @property
    def door(self) -> NativeDoor:
        """Where who comes in on the native wire gets a session."""

    @property
    def isShutDown(self) -> bool:
        """Whether it takes no more peers."""

    @property
    def anonymous(self) -> bool:
        """Whether peers from other machines are let in unasked."""

    def admit(self, credentials: Credentials) -> Deferred[Principal | None]:
        """
        Whether to let somebody in, by what its connection has shown; asked before anything of it is read.

        Returns:
            A Deferred with who it is; with None for somebody that nobody asks. It fails with
            `Unauthenticated` if nobody is known by that, with `AccessDenied` if it may not come in, and with
            `RequestTimeout` if that takes too long to find out.
        """

    def isRevoked(self, principal: Principal) -> bool:
        """Whether *principal*, who was let in once, is let in no more."""

    def whyNotServed(self, credentials: Credentials) -> str | None:
        """Why somebody that nobody asks is not let in, to follow on "... and"; None if it is."""

    def refusal(self, address: str) -> str | None:
        """Why no further peer from *address* is taken now; None when it is."""

    def peerOpened(self, link: SessionDriver, uuid: str, name: str) -> Peer:
        """A link has learnt who is at its other end."""

    def peerSuspended(self, peer: Any) -> None:
        """Nothing carries the session of *peer* now."""

    def peerMoved(self, peer: Any) -> None:
        """What carries *peer*, which `peerOpened` made, may come from another address than before."""

    def sessionEvent(self, peer: Any, event: Resumed | Reset) -> None:
        """The session of *peer*, which `peerOpened` made, was resumed, or begun anew."""

    def peerClosed(self, peer: Any, code: str, reason: str) -> None:
        """*peer*, which `peerOpened` made, will not be heard of again."""
