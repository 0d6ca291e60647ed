"""
Events: what a session tells its owner, as frozen dataclasses.

A session never calls anybody. It collects these, and whoever drives it takes
them once, in order, and matches on their class.
"""

from __future__ import annotations

from dataclasses import dataclass

from vortex.errors import VortexError
from vortex.protocol.envelope import Envelope, Message

__all__ = [
    "Broken",
    "Cancelled",
    "Closed",
    "Event",
    "Malformed",
    "Opened",
    "Received",
    "Reset",
    "Resumed",
    "Settled",
]


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
    """
    A frame came in that is no message. The line stays up, nothing else is lost.

    Attributes:
        action: The number of the action that it would have been; None where those are not counted.
        asked: What it would have answered; None if it is no answer, or it is not known of what.
    """

    error: VortexError
    action: int | None = None
    asked: Message | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """
    The session goes on, on another connection, and nothing of it was lost.

    Attributes:
        replayed: How many messages this end writes again.
        after: Seconds for which nothing carried it; 0 where it has moved from one connection to another.
    """

    replayed: int
    after: float


@dataclass(frozen=True, slots=True)
class Reset:
    """
    At a client: its session could not be resumed, and another has begun in its place. What had not been
    acknowledged or answered is sent again; what the server has sent meanwhile is lost.

    Attributes:
        reason: `expired`, `unknown`, `overflow`, `epoch`, `auth`, `schema` or `superseded`.
        uuid, name: Of the server, which may be another one now.
    """

    reason: str
    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """At a server: whoever asked with this action waits for no answer any more."""

    action: int


@dataclass(frozen=True, slots=True)
class Settled:
    """At a server: all actions up to this one have their answers, or need none."""

    action: int


@dataclass(frozen=True, slots=True)
class Broken:
    """
    The connection is of no use any more, and is to be given up; the session lives on.

    Attributes: as `Closed` has them.
    """

    code: str
    reason: str


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


Event = Opened | Received | Malformed | Resumed | Reset | Cancelled | Settled | Broken | Closed
