"""
Action: what a client has asked for, from when it is taken until it is answered.

Only the native wire counts actions; a message of VortexPY's has none. Which action is to be carried out at
all is `vortex.protocol.once`'s, what it does is the endpoints'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from vortex.errors import VortexError
from vortex.protocol.envelope import Form, Message

if TYPE_CHECKING:
    from vortex.clocks import Clock, DelayedCall

__all__ = ["Action", "AnswerWay"]

log = Logger()

T = TypeVar("T")

_CRASH = f"{VortexError.code}:"


class AnswerWay(Protocol):
    """Who has brought an action, and takes its answer back: the session of its client."""

    def finished(self, action: Action, reply: bytes | None) -> None:
        """It is answered by *reply*, or, for None, by an error after which it may be run again."""

    def sendAnswer(self, message: Message, priority: int) -> None:
        """Send *message* to the client; nothing happens if its session is over."""


class Action:
    """
    Args:
        number: Which it is of the client's.
        client, epoch: Whose it is, as `vortex.protocol.once` has it.
        expectsAnswer: Whether the client waits for an answer. It gets one in any case.
        deadline: Until when, in seconds on *clock*; None: as long as it takes.
        clock: The node's.
        settled: The client is done with all its actions up to that one.
        maxReply: Bytes of an answer that is worth keeping.
        way: Who has brought it.
        runInThread: The node's.

    Attributes:
        way: Who has brought it last: the client may have sent it again, in another session.
        isAnswered: Whether it was answered.
        isCancelled: Whether nobody waits for the answer any more.
        alarm: What cancels it when its deadline is over.
    """

    __slots__ = (
        "_clock",
        "_outcomes",
        "alarm",
        "client",
        "deadline",
        "epoch",
        "expectsAnswer",
        "isAnswered",
        "isCancelled",
        "maxReply",
        "number",
        "runInThread",
        "settled",
        "way",
    )

    def __init__(
        self,
        number: int,
        client: str,
        epoch: int,
        *,
        expectsAnswer: bool,
        deadline: float | None,
        clock: Clock,
        settled: int,
        maxReply: int,
        way: AnswerWay,
        runInThread: Callable[..., Deferred[Any]],
    ) -> None:
        self.number = number
        self.client = client
        self.epoch = epoch
        self.expectsAnswer = expectsAnswer
        self.deadline = deadline
        self.settled = settled
        self.maxReply = maxReply
        self.way = way
        self.runInThread = runInThread
        self.isAnswered = False
        self.isCancelled = False
        self.alarm: DelayedCall | None = None
        self._clock = clock
        self._outcomes: list[Deferred[Any]] = []

    def __repr__(self) -> str:
        state = "answered" if self.isAnswered else "cancelled" if self.isCancelled else "under way"
        return f"<action {self.number} of {self.client}, {state}>"

    @property
    def secondsLeft(self) -> float | None:
        """How long the client still waits, 0 if it does not; None: as long as it takes."""
        if self.isCancelled:
            return 0.0
        return None if self.deadline is None else max(0.0, self.deadline - self._clock.seconds())

    def runs(self, outcome: Deferred[Any]) -> None:
        """Something is done for it until *outcome* fires."""
        self._outcomes.append(outcome)
        if self.isCancelled:  # by what was called before
            _cancel(outcome)

    def notTaken(self) -> None:
        """It has waited for its turn, and is nobody's: it may be run when it comes again."""
        if self.expectsAnswer and not self.isAnswered:
            self.stopAlarm()
            self.way.finished(self, None)

    def answer(self, message: Message, priority: int, *, isKept: bool = True) -> None:
        """
        Send *message* to the client. The first is the action's answer, which is kept for as long as the
        client may ask again; unless it says that the action has failed here, for which it may be run again.

        Args:
            isKept: False where nothing was done, so that it may be run again as well.

        Raises:
            EncodeError: If *message* cannot travel; nothing was sent.
        """
        encoded = message.encoded(Form.NATIVE)
        message.action = None
        if self.expectsAnswer and not self.isAnswered:
            message.action = self.number
            self.isAnswered = True
            self.stopAlarm()
            result = message.payload.result
            isCrash = isinstance(result, str) and result.startswith(_CRASH)
            self.way.finished(self, encoded if isKept and not isCrash else None)
        if not self.isCancelled:
            self.way.sendAnswer(message, priority)

    def cancel(self) -> None:
        """Nobody waits for the answer any more: stop what is done for it, as far as it can be stopped."""
        if self.isCancelled:
            return
        self.isCancelled = True
        self.stopAlarm()
        for outcome in tuple(self._outcomes):
            _cancel(outcome)

    def stopAlarm(self) -> None:
        """The deadline does not matter any more."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None


def _cancel(outcome: Deferred[Any]) -> None:
    try:
        outcome.cancel()
    except Exception:
        log.failure("what is done for an action could not be cancelled")
