"""
Session events: what an application is told of the sessions of the native wire.
"""

from __future__ import annotations

from dataclasses import dataclass

from vortex.protocol.events import Reset, Resumed

__all__ = [
    "SessionEvent",
    "SessionExpired",
    "SessionReset",
    "SessionResumed",
    "SessionSuspended",
    "sessionEventsOf",
]


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """
    A session goes on after a cut, or on another transport, and nothing of it was lost.

    Attributes:
        replayed: How many messages this end writes again, as the other had not got them.
        after: Seconds for which nothing carried it; 0 where it has moved.
    """

    replayed: int
    after: float


@dataclass(frozen=True, slots=True)
class SessionReset:
    """
    At the end that connects: the session could not be resumed, and another has begun. What was sent and not
    answered is sent again; of what the other end has sent meanwhile nothing is known: ask for it anew.

    Attributes:
        reason: "expired", "unknown", "overflow", "epoch" (the server was started anew), "auth" (somebody else
            asked), "rights" (the same may do less than before), "schema" or "superseded".
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SessionSuspended:
    """
    At the end that was connected to: nothing carries the session now. It is kept until it goes on or expires.
    Of one that polls this is not told, as it is so between any two polls.
    """


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """
    Nobody came back for the session within `Limits.sessionLinger`. The end that was connected to is told when
    that is over; the one that connects when it has come back too late, just before its `SessionReset`.
    """


SessionEvent = SessionResumed | SessionReset | SessionSuspended | SessionExpired


def sessionEventsOf(event: Resumed | Reset) -> tuple[SessionEvent, ...]:
    """What an application is told of *event*, in order."""
    if isinstance(event, Resumed):
        return (SessionResumed(event.replayed, event.after),)
    reset = SessionReset(event.reason)
    return (SessionExpired(), reset) if event.reason == "expired" else (reset,)
