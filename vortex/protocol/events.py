"""
Events: what a session tells its owner, as frozen dataclasses.

A session never calls anybody. It collects these, and whoever drives it takes
them once, in order, and matches on their class.
"""

from __future__ import annotations

from dataclasses import dataclass

from vortex.errors import VortexError
from vortex.protocol.envelope import Envelope

__all__ = ["Closed", "Event", "Malformed", "Opened", "Received"]


@dataclass(frozen=True, slots=True)
class Opened:
    """
    The other end said who it is; from here on payloads may come and go.

    Attributes:
        uuid: What the peer calls itself; a label, never proof of anything.
        name: Its free name, shared by as many peers as like to.
    """

    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    """One payload came in, its body still encoded."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame came in that is no message. The line stays up, nothing else is lost."""

    error: VortexError


@dataclass(frozen=True, slots=True)
class Closed:
    """
    The session is over; nothing more comes out of it.

    Attributes:
        code: One of `vortex.protocol.codes.CloseCode`'s words.
        reason: A sentence for a log or the peer.
    """

    code: str
    reason: str


Event = Opened | Received | Malformed | Closed
