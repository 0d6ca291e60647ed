"""
IncomingActions: what becomes of the actions that come in on one session of a client.

One that is new goes to the node's endpoints. One that was taken before is answered as it was, or, while it
still runs, gets its answer on the session that it came by last. What was taken before is
`vortex.protocol.once`'s to say; of what that has forgotten there may be a mark in a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import DatabaseUnavailable, LimitExceeded, RemoteError, VortexError, errorText
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.once import (
    ClientRecord,
    Dropped,
    Gap,
    Run,
    Running,
    StaleEpoch,
    Stored,
    Unknown,
    Verdict,
)
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.marks import Marks, marksToFind
from vortex.routing.ports import Peer

if TYPE_CHECKING:
    from vortex.transports.session_driver import SessionDriver
    from vortex.transports.transport import LinkHost

__all__ = ["IncomingActions"]

PATIENCE = 30.0
"""Seconds for which what a client sends again waits for what it has sent before that."""

MOST_RUNNING = 10
"""How many times `Limits.maxWaitingRequests`, past which it is read slower, a session may have running."""

log = Logger()


class IncomingActions:
    """
    Args:
        driver: Of the session.
        host: The node.
        record: Where the client's actions are taken; see `Once.attached`.
        sentBefore: The number of the last action that the client has sent before this session.
    """

    def __init__(
        self, driver: SessionDriver, host: LinkHost, record: ClientRecord[Action], sentBefore: int
    ) -> None:
        self._driver = driver
        self._host = host
        self._record = record
        self._sentBefore = sentBefore
        self._running: dict[int, Action] = {}
        self._progressAt = 0.0  # when there was room last for one that is running

    @property
    def running(self) -> int:
        """How many of them are being carried out."""
        return len(self._running)

    @property
    def room(self) -> int | None:
        """
        How many may be taken now; None: any number.

        What was sent before to another life of this server may have been done there, and must not be refused
        as one too many here. So of that no more is taken than is carried out at once anywhere; unless nothing
        of it comes to its end, so that who is to be cancelled has to be heard.
        """
        if self._record.last >= self._sentBefore:
            return None
        if self._running and self._host.clock.seconds() - self._progressAt > PATIENCE:
            return None
        return max(0, self._host.limits.maxWaitingRequests - len(self._running))

    # ---- what comes in

    def received(self, envelope: Envelope, peer: Peer) -> None:
        """An action came in from *peer*."""
        number = envelope.action
        assert number is not None  # who has none is not given to us
        verdict = self._record.take(number, expectsAnswer=envelope.expectsAnswer)
        if isinstance(verdict, Run):
            most = MOST_RUNNING * self._host.limits.maxWaitingRequests
            if envelope.expectsAnswer and len(self._running) >= most:
                text = f"{most} requests of this session are being carried out already"
                self._refuseForGood(
                    number, LimitExceeded("maxWaitingRequests", text), envelope.replyFiltOrFilt
                )
            else:
                self._run(number, envelope, peer)
        elif isinstance(verdict, Running):
            self._watch(verdict.under, envelope.deadline)
        elif isinstance(verdict, Unknown) and (marks := self._marksOf(number, envelope)) is not None:
            self._lookUp(number, envelope, peer, marks)
        else:
            self._answer(number, verdict, envelope.replyFiltOrFilt)

    def malformed(self, number: int, error: VortexError) -> None:
        """An action came in that cannot be read: it counts as well, and is refused for good."""
        verdict = self._record.take(number, expectsAnswer=True)
        if isinstance(verdict, Run):
            self._refuseForGood(number, error, {})
        elif not isinstance(verdict, Running):
            self._answer(number, verdict, {})

    def cancelled(self, number: int) -> None:
        """The client waits for the answer no more."""
        action = self._record.running(number)
        if action is not None:
            self._cancel(action)

    def settled(self, number: int) -> None:
        """The client is done with all actions up to that one."""
        self._record.settle(number)

    def closed(self, now: float) -> None:
        """The session is over. What runs goes on: the client may ask for its answer in another one."""
        for action in self._running.values():
            if action.way is self:
                action.stopAlarm()
        self._running.clear()
        self._host.once.detached(self._record, now)

    # ---- one action

    def _run(self, number: int, envelope: Envelope, peer: Peer) -> None:
        host, record = self._host, self._record
        action = self._actionOf(number, envelope)
        if action.expectsAnswer:
            record.started(number, action)
        taken = host.payloadIO.route(envelope, peer, action)
        if action.expectsAnswer and not action.isAnswered:
            if taken:
                self._watch(action, envelope.deadline)
            else:
                record.finished(number, None)  # nothing was done, so it may be tried again

    def _actionOf(self, number: int, envelope: Envelope) -> Action:
        host, record = self._host, self._record
        return Action(
            number,
            record.client,
            record.epoch,
            expectsAnswer=envelope.expectsAnswer,
            deadline=envelope.deadline,
            clock=host.clock,
            settled=record.settled,
            maxReply=host.limits.maxStoredReplyBytes,
            way=self,
            runInThread=host.runInThread,
        )

    # ---- one that was taken, and forgotten

    def _marksOf(self, number: int, envelope: Envelope) -> Marks | None:
        """
        Where it may stand what came of an action; None if that is not worth a look.

        Of several endpoints one may have recorded what it did, and the others would do it again.
        """
        busy = len(self._running) >= self._host.limits.maxWaitingRequests
        if busy or number <= self._record.settled or len(self._host.payloadIO.matching(envelope.filt)) != 1:
            return None
        return marksToFind()

    def _lookUp(self, number: int, envelope: Envelope, peer: Peer, marks: Marks) -> None:
        """Have the action carried out again if it is recorded: then it takes no effect, and is answered."""
        record = self._record
        action = self._actionOf(number, envelope)
        record.started(number, action)
        self._watch(action, envelope.deadline)
        filt = envelope.replyFiltOrFilt

        def found(isThere: bool) -> None:
            if action.isCancelled:
                return
            taken = self._host.payloadIO.route(envelope, peer, action) if isThere else 0
            if not taken and not action.isAnswered:
                _wayOf(action)._giveUp(action, _unknown(number), filt)

        def failed(failure: Failure) -> None:
            log.failure("what came of {action} could not be looked up", failure, action=str(action))
            if not action.isCancelled and not action.isAnswered:
                error = DatabaseUnavailable(f"what came of action {number} cannot be found out now")
                _wayOf(action)._giveUp(action, error, filt)

        looking = self._host.runInThread(marks.isThere, record.client, record.epoch, number)
        looking.addCallback(found).addErrback(failed)

    def _giveUp(self, action: Action, error: VortexError, filt: dict[object, object]) -> None:
        """Answer with *error*, and keep nothing of that: it may be known the next time."""
        action.stopAlarm()
        action.isAnswered = True
        self._isOver(action.number)
        self._record.dropped(action.number)
        self._refuse(action.number, error, filt)

    def _watch(self, action: Action, deadline: float | None) -> None:
        """*action* runs: it is answered here, and cancelled when its deadline is over."""
        action.stopAlarm()
        action.way = self
        action.deadline = deadline
        if self._driver.closed:
            return
        if not self._running:
            self._progressAt = self._host.clock.seconds()
        self._running[action.number] = action
        if deadline is not None:
            wait = max(0.0, deadline - self._host.clock.seconds())
            action.alarm = self._host.wheel.callLater(wait, self._tooLate, action)

    def _tooLate(self, action: Action) -> None:
        action.alarm = None
        self._cancel(action)

    def _cancel(self, action: Action) -> None:
        self._isOver(action.number)
        self._record.dropped(action.number)
        self._host.counters["cancelled"] += 1
        action.cancel()

    def _answer(self, number: int, verdict: Verdict[Action], filt: dict[object, object]) -> None:
        """Say what became of an action that is not to be run."""
        match verdict:
            case Stored(reply):
                message = Message.ofEncoded(Payload(filt), Form.NATIVE, reply)
                message.action = number
                self.sendAnswer(message, 100)
            case Gap(expected):
                text = f"expected action {expected}, got {number}: begin another epoch"
                self._refuse(number, RemoteError("gap", text), filt)
            case Unknown():
                self._refuse(number, _unknown(number), filt)
            case StaleEpoch():
                self._driver.close(CloseCode.STALE_EPOCH.value, "the client has begun another epoch")
            case Dropped() | Run() | Running():
                pass

    def _refuseForGood(self, number: int, error: VortexError, filt: dict[object, object]) -> None:
        """Answer with *error*, now and whenever it comes again."""
        message = Message(Payload(filt, result=errorText(error)), isReply=True, action=number)
        self._record.finished(number, message.encoded(Form.NATIVE))
        self.sendAnswer(message, 100)

    def _refuse(self, number: int, error: VortexError, filt: dict[object, object]) -> None:
        log.info("{peer}: {error}", peer=str(self._driver.peer), error=str(error))
        message = Message(Payload(filt, result=errorText(error)), isReply=True, action=number)
        self.sendAnswer(message, 100)

    # ---- for Action

    def finished(self, action: Action, reply: bytes | None) -> None:
        self._isOver(action.number)
        self._record.finished(action.number, reply)

    def _isOver(self, number: int) -> None:
        self._running.pop(number, None)
        self._progressAt = self._host.clock.seconds()

    def sendAnswer(self, message: Message, priority: int) -> None:
        if not self._driver.closed:
            self._driver.send(message, priority=priority)


def _unknown(number: int) -> RemoteError:
    return RemoteError(
        "outcome-unknown", f"action {number} was taken, and what came of it is not known any more"
    )


def _wayOf(action: Action) -> IncomingActions:
    """By what session *action* has come last."""
    way = action.way
    assert isinstance(way, IncomingActions)  # nobody else takes actions
    return way
