"""
Delivery: one message that came in, and the way back to who sent it.

An endpoint's callable gets it beside the payload. It may answer at once, later
from a Deferred, or not at all. Replies are never answered: a delivery of one
takes an answer, says so in the log, and sends nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import ConnectionLost, NotConnected, VortexError, errorText
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID, shown
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

    __slots__ = ("_filt", "_replyFilt", "answered", "isReply", "peer")

    def __init__(self, peer: Peer, envelope: Envelope, *, isReply: bool) -> None:
        self.peer = peer
        self.isReply = isReply
        self.answered = False
        self._filt = envelope.filt
        self._replyFilt = envelope.replyFilt

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

    def reply(
        self,
        tuplesOrPayload: Iterable[Any] | Payload | None = None,
        result: Any = None,
        *,
        priority: int = 100,
    ) -> None:
        """
        Answer, on the filt of the message.

        Args:
            tuplesOrPayload: The tuples, or a Payload with them and a result; its filt
                is not used. None sends no body.
            result: None, True for "done", or an error's text.
            priority: Lower leaves first, where messages wait for that peer. Those of one
                priority keep their order.

        A peer that is gone meanwhile is no error. Answering more than once sends more
        than one message.

        Raises:
            EncodeError: If a tuple cannot travel; nothing was sent.
        """
        if self.isReply:
            log.warn("{delivery} cannot be answered: it is an answer itself, or a push", delivery=str(self))
            return
        tuples: Iterable[Any] | None
        if isinstance(tuplesOrPayload, Payload):
            tuples = tuplesOrPayload.tuples if tuplesOrPayload.hasBody else None
            result = tuplesOrPayload.result if result is None else result
        else:
            tuples = tuplesOrPayload
        self._send(tuples, result, priority)

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

    def failedIn(self, endpoint: object, failure: Failure, priority: int = 100) -> None:
        """For who calls endpoints: as `fail`, and the log says which endpoint's failure it was."""
        where = "" if endpoint is None else f" in {endpoint!r}"
        if isinstance(failure.value, VortexError):
            text = errorText(failure.value)
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
        if not (self.isReply or self.answered):
            self._send(None, text, priority)

    def _send(self, tuples: Iterable[Any] | None, result: Any, priority: int) -> None:
        payload = Payload(self._replyFilt or self._filt, tuples, result)
        try:
            self.peer.sendMessage(Message(payload, isReply=True), priority)
        except (NotConnected, ConnectionLost):
            log.debug("{peer} is gone, its answer with it", peer=str(self.peer))
        self.answered = True


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
