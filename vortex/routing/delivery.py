"""
Delivery: one message that came in, and the way back to who sent it.

An endpoint's callable gets it beside the payload. It may answer at once, later
from a Deferred, or not at all. Replies are never answered: a delivery of one
takes an answer, says so in the log, and sends nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import ConnectionLost, DatabaseUnavailable, NotConnected, VortexError, errorText
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.native_body import NativeBody
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.filt import MESSAGE_ID, shown
from vortex.routing.marks import AlreadyRecorded, Mark, theMarks
from vortex.routing.ports import Peer

__all__ = ["Delivery"]

log = Logger()

_UNCHANGING = frozenset((str, int, float, bool, type(None), bytes, datetime, date))


class Delivery:
    """
    All endpoints that a message matches get the same delivery.

    Attributes:
        peer: Who sent the message.
        isReply: Whether it answers something, or is a push: then it is never answered.
        answered: Whether an answer was sent, an error included.
    """

    __slots__ = ("_action", "_filt", "_mark", "_recorded", "_replyFilt", "answered", "isReply", "peer")

    def __init__(
        self, peer: Peer, envelope: Envelope, *, isReply: bool, action: Action | None = None
    ) -> None:
        self.peer = peer
        self.isReply = isReply
        self.answered = False
        self._filt = envelope.filt
        self._replyFilt = envelope.replyFilt
        self._action = action
        self._mark: Mark | None = None
        self._recorded: Message | None = None

    def __repr__(self) -> str:
        kind = "reply" if self.isReply else "message"
        return f"<delivery of the {kind} {shown(self._filt)} from {self.peer!r}>"

    @property
    def filt(self) -> dict[Any, Any]:
        """The message's filt, whole; a copy each time, so that what is answered on stays as it came."""
        return copyOf(self._filt)

    @property
    def messageId(self) -> str | None:
        """What the peer tells its requests apart by; None if it does not expect an answer."""
        messageId = self._filt.get(MESSAGE_ID)
        return messageId if isinstance(messageId, str) else None

    @property
    def deadline(self) -> float | None:
        """
        Seconds for which the peer still waits for the answer: 0 once it does not, None if it has not said.
        Only a peer on the native wire says so.
        """
        return None if self._action is None else self._action.secondsLeft

    @property
    def isCancelled(self) -> bool:
        """
        Whether the peer has said that it waits no more, or its deadline is over. What is done for the message
        was cancelled then; an answer is not sent any more.
        """
        return self._action is not None and self._action.isCancelled

    def reply(
        self,
        tuplesOrPayload: Iterable[Any] | Payload | None = None,
        result: Any = None,
        *,
        priority: int = 100,
        filt: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Answer, on the filt of the message.

        Args:
            tuplesOrPayload: The tuples, or a Payload with them and a result; its filt
                is not used. None sends no body.
            result: None, True for "done", or an error's text.
            priority: Lower leaves first, where messages wait for that peer. Those of one
                priority keep their order.
            filt: Keys that the answer's filt has besides.

        With neither, after a `recordIn` that was given the reply, that is the answer.

        A peer that is gone meanwhile is no error. Answering more than once sends more
        than one message.

        Raises:
            EncodeError: If a tuple cannot travel; nothing was sent.
        """
        if self.isReply:
            log.warn("{delivery} cannot be answered: it is an answer itself, or a push", delivery=str(self))
            return
        if tuplesOrPayload is None and result is None and self._recorded is not None:
            self._send(self._recorded, priority)
        else:
            self._send(self._message(tuplesOrPayload, result, filt), priority)

    def recordIn(self, session: Any, reply: Iterable[Any] | Payload | None = None) -> None:
        """
        Let what is done in *session*'s transaction take effect once, whatever becomes of this process: a mark
        of the action is written in the same transaction, and committed with it.

            with sessions.begin() as session:
                delivery.recordIn(session)          # before anything else
                account.balance -= amount
                delivery.recordIn(session, [account])
            delivery.reply()

        Args:
            session: A SQLAlchemy session. All that the action does has to happen in its one transaction.
            reply: The answer, as `reply` takes it: who sends the action again gets it. It may be given by a
                later call before the commit. None: as long as none was given, a result of True.

        A `VortexError` that the callable raises before the commit is recorded too, in a transaction of its
        own, so that the action is refused in the same way again. `DatabaseUnavailable` is not, nor is any
        other exception: then it may be tried again.

        A message of a peer on VortexPY's wire is no action: nothing is recorded.

        Raises:
            AlreadyRecorded: The action has taken effect already. Let it pass: the transaction is rolled back,
                and the peer gets the answer that was recorded.
            RuntimeError: If there is no table for it, see `createActionMarks`.
            EncodeError: If *reply* cannot travel.
        """
        message = self._message(*((None, True) if reply is None else (reply, None)))
        if self._action is not None:
            encoded = message.encoded(Form.NATIVE)
            mark = self._mark or theMarks().markOf(self._action)
            mark.record(session, encoded)
            self._mark = mark
        if reply is not None:
            self._recorded = message

    def fail(self, error: BaseException | Failure, *, priority: int = 100) -> None:
        """
        Answer with an error: a `VortexError`'s code and text; of any other only that it was internal,
        and an id that stands in our log beside the traceback. *priority* is as `reply` has it.

        If an answer was sent already the error is only logged.

        Raises:
            TypeError: If *error* is no exception.
        """
        if not isinstance(error, (BaseException, Failure)):
            raise TypeError(f"fail() takes an exception, as in Rejected('no such job'), got {error!r}")
        self.failedIn(None, error if isinstance(error, Failure) else Failure(error), priority)

    def failUntaken(self, error: VortexError) -> None:
        """For `PayloadIO`, which has found nobody to take it: as `fail`, but it may be run another time."""
        text = errorText(error)
        log.info("{delivery} is nobody's: {text}", delivery=str(self), text=text)
        self._send(self._message(None, text), 100, isKept=False)

    def failedIn(self, endpoint: object, failure: Failure, priority: int = 100) -> None:
        """For who calls endpoints: as `fail`, and the log says which endpoint's failure it was."""
        where = "" if endpoint is None else f" in {endpoint!r}"
        error = failure.value
        if isinstance(error, AlreadyRecorded):
            self._answerAsRecorded(error.reply, priority)
            return
        if self.isCancelled and isinstance(error, CancelledError):
            log.debug("{delivery} was cancelled{where}", delivery=str(self), where=where)
            return
        if isinstance(error, VortexError):
            text = errorText(error)
            log.info("{delivery} is refused{where}: {text}", delivery=str(self), where=where, text=text)
        else:
            errorId = secrets.token_hex(4)
            text = f"internal: {errorId}"
            log.failure(
                "{delivery} failed{where} [{errorId}]",
                failure,
                delivery=str(self),
                where=where,
                errorId=errorId,
            )
        if self.isReply or self.answered:
            return
        message = self._message(None, text)
        if self._mark is not None and isinstance(error, VortexError) and not _mayWorkLater(error):
            self._recordRefusal(self._mark, message, priority)
        else:
            self._send(message, priority)

    def _message(
        self,
        tuplesOrPayload: Iterable[Any] | Payload | None,
        result: Any,
        more: Mapping[str, Any] | None = None,
    ) -> Message:
        filt = self._replyFilt or self._filt
        if more:
            filt = {**filt, **more}
        if not isinstance(tuplesOrPayload, Payload):
            return Message(Payload(filt, tuplesOrPayload, result), isReply=True)
        result = tuplesOrPayload.result if result is None else result
        closed = tuplesOrPayload.closedBody
        if isinstance(closed, NativeBody):  # says nothing of a filt, so it can go on as it is
            envelope = Envelope(dict(filt), result=result, body=closed)
            return Message(Payload.fromEnvelope(envelope, tuplesOrPayload.limits), isReply=True)
        tuples = tuplesOrPayload.tuples if tuplesOrPayload.hasBody else None
        return Message(Payload(filt, tuples, result), isReply=True)

    def _send(self, message: Message, priority: int, *, isKept: bool = True) -> None:
        if self._action is not None:
            self._action.answer(message, priority, isKept=isKept)
        else:
            try:
                self.peer.sendMessage(message, priority)
            except (NotConnected, ConnectionLost):
                log.debug("{peer} is gone, its answer with it", peer=str(self.peer))
        self.answered = True
        if self._mark is not None and self._mark.isTidyDue:
            self._block(self._mark, self._mark.tidy).addErrback(
                lambda failure: log.failure("old marks of actions could not be taken out", failure)
            )

    # ---- what was recorded

    def _answerAsRecorded(self, reply: bytes | None, priority: int) -> None:
        if self.isReply or self.answered:
            return
        if reply is None:
            text = "outcome-unknown: it was done, and the answer was too large to be kept"
            self._send(self._message(None, text), priority)
        else:
            self._send(Message.ofEncoded(Payload(self._filt), Form.NATIVE, reply), priority)

    def _recordRefusal(self, mark: Mark, refusal: Message, priority: int) -> None:
        """Have the action refused for good, then say so."""
        self.answered = True
        recording = self._block(mark, mark.refuse, refusal.encoded(Form.NATIVE))
        recording.addErrback(
            lambda failure: log.failure(
                "that {delivery} is refused could not be recorded", failure, delivery=str(self)
            )
        )
        recording.addCallback(lambda _: self._send(refusal, priority))

    def _block(self, mark: Mark, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call what blocks in a thread, unless the callable has blocked this one itself."""
        action = self._action
        if action is None or mark.isMadeHere:
            return maybeDeferred(function, *arguments)
        return action.runInThread(function, *arguments)


def _mayWorkLater(error: VortexError) -> bool:
    return isinstance(error, DatabaseUnavailable) or error.code == VortexError.code


def copyOf(filt: Mapping[Any, Any]) -> dict[Any, Any]:
    """*filt* with lists, dicts and Tuples of its own, for somebody who may change them."""
    for value in filt.values():
        if type(value) not in _UNCHANGING:
            break
    else:
        return dict(filt)
    return {key: value if type(value) in _UNCHANGING else _copyOfValue(value) for key, value in filt.items()}


def _copyOfValue(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # not everything that a program puts into a filt of its own can be copied
        return value
