"""
LinkSession: what a session of either wire is to whoever drives it.

A transport never asks which wire it carries, and a driver only where they differ for good.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from typing import Protocol

from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Event

__all__ = ["TAKE_BYTES", "LinkSession", "State"]

TAKE_BYTES = 64 * 1024
"""How much `framesToSend` hands out at once, so that a transport can say stop in between."""


class State(enum.Enum):
    """Where a session is on its way: see the diagrams of those who have one."""

    CONNECTING = "connecting"
    OPEN = "open"
    PARKED = "parked"
    CLOSED = "closed"


class LinkSession(Protocol):
    """One end of a session, sans I/O: times are seconds on the caller's clock."""

    state: State

    @property
    def queued(self) -> int:
        """How many messages wait to be written."""

    @property
    def queuedBytes(self) -> int:
        """How many bytes those have that were never written."""

    @property
    def merged(self) -> int:
        """How many messages were replaced by a newer one of their merge key, for want of room."""

    def attached(self, now: float, form: Form | None = None) -> None:
        """A connection carries it from now on; what opens one goes out first."""

    def transportLost(self, now: float, reason: str = ...) -> None:
        """The connection is gone."""

    def receive(self, data: bytes, now: float, /) -> None:
        """One whole frame came in, without what framed it."""

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        """Queue *message*; lower priority numbers leave first."""

    def cancel(self, message: Message) -> None:
        """Nobody waits for the answer to *message* any more."""

    def frameToSendNow(self, message: Message) -> bytes | None:
        """*message*, framed, if nothing is to be written before it. None: send it."""

    def helloToSend(self) -> list[bytes]:
        """Take what opens or ends a connection, without anything that waits behind it."""

    def framesToSend(self) -> list[bytes]:
        """Take what is to be written next, framed; empty when nothing waits."""

    def tick(self, now: float) -> None:
        """Do what is due at *now*; ask `nextDeadline` when to come again."""

    def nextDeadline(self) -> float | None:
        """When to call `tick` next; None: never."""

    def slow(self, reason: str) -> None:
        """The other end does not read."""

    def close(self, code: CloseCode, reason: str) -> None:
        """End it; whatever waited is dropped."""

    def events(self) -> list[Event]:
        """Take what has happened since the last call, in order."""
