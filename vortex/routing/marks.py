"""
Marks: how an effect in a database says of itself which action it is of. A port: what writes them is given by
whoever has a database, `vortex.orm.action_marks` for one.
"""

from __future__ import annotations

from typing import Any, Protocol

from vortex.routing.action import Action

__all__ = ["AlreadyRecorded", "Mark", "Marks", "marksToFind", "theMarks", "useMarks"]


class AlreadyRecorded(Exception):
    """
    The action has taken effect already: leave the transaction without committing it.

    It is no error. An endpoint's callable lets it pass, or hands it to `Delivery.fail`; either way the client
    gets the answer that was recorded.

    Attributes:
        reply: That answer, encoded; None if it was too large to be kept.
    """

    def __init__(self, action: Action, reply: bytes | None) -> None:
        super().__init__(f"{action!r} has taken effect already")
        self.reply = reply


class Mark(Protocol):
    """The mark of one action."""

    def record(self, session: Any, reply: bytes) -> None:
        """
        Write it within *session*'s transaction, or give it another *reply* there.

        Raises:
            AlreadyRecorded: If another transaction has written it.
        """

    def refuse(self, reply: bytes) -> None:
        """Write it in a transaction of its own; one that is there stays as it is. It blocks."""

    @property
    def isMadeHere(self) -> bool:
        """Whether this thread has written it: then it may block this thread again."""

    @property
    def isTidyDue(self) -> bool:
        """Whether it is time for `tidy`."""

    def tidy(self) -> None:
        """Take marks out that nobody needs any more. It blocks."""


class Marks(Protocol):
    """What makes marks, and finds them."""

    def markOf(self, action: Action) -> Mark:
        """The mark of *action*, which is not written yet."""

    @property
    def mayBeFound(self) -> bool:
        """Whether there is a database to look in."""

    def isThere(self, client: str, epoch: int, number: int) -> bool:
        """Whether that action of *client* has taken effect, as a mark of it is there. It blocks."""


_used: list[Marks] = []


def useMarks(marks: Marks) -> None:
    """Have all marks of this process made by *marks*."""
    _used[:] = [marks]


def marksToFind() -> Marks | None:
    """What finds marks in this process; None if there are none."""
    return _used[0] if _used and _used[0].mayBeFound else None


def theMarks() -> Marks:
    """
    What makes marks in this process.

    Raises:
        RuntimeError: If nothing does.
    """
    if not _used:
        raise RuntimeError(
            "there is no table to record actions in: "
            "call vortex.createActionMarks(engine) when the program begins"
        )
    return _used[0]
