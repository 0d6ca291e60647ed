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

from vortex.errors import NotConnected, VortexError, errorText
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.ports import Peer

__all__ = ["Delivery", "copyOf"]

log = Logger()

_UNCHANGING = frozenset((str, int, float, bool, type(None), bytes, datetime, date))


class Delivery:
    """
    Attributes:
        peer: Who sent the message.
        isReply: Whether it answers something, or is a push: then it is never answered.
        answered: Whether an answer was sent.
    """

    __slots__ = ("_envelope", "answered", "isReply", "peer")

    def __init__(self, peer: Peer, envelope: Envelope, *, isReply: bool) -> None:
        self.peer = peer
        self.isReply = isReply
        self.answered = False
        self._envelope = envelope

    def __repr__(self) -> str:
        return f"<delivery of {self._envelope!r} from {self.peer!r}>"

    @property
    def filt(self) -> dict[Any, Any]:
        """The message's filt, whole; a copy, so that the answer keeps the one that came."""
        return copyOf(self._envelope.filt)

    @property
    def messageId(self) -> str | None:
        """What the peer tells its requests apart by; None if it does not expect an answer."""
        return self._envelope.messageId

    def reply(self, tuplesOrPayload: Iterable[Any] | Payload | None = None, result: Any = None) -> None:
        """
        Answer, on the filt of the message.

        Args:
            tuplesOrPayload: The tuples, or a Payload with them and a result; its filt
                is not used. None sends no body.
            result: None, True for "done", or an error's text.

        A peer that is gone meanwhile is no error. Answering more than once sends more
        than one message.

        Raises:
            EncodeError: If a tuple cannot travel; nothing was sent.
        """
        tuples: Iterable[Any] | None
        if isinstance(tuplesOrPayload, Payload):
            tuples = tuplesOrPayload.tuples if tuplesOrPayload.hasBody else None
            result = tuplesOrPayload.result if result is None else result
        else:
            tuples = tuplesOrPayload
        self._send(Payload(self._envelope.replyFiltOrFilt, tuples, result))

    def fail(self, error: BaseException | Failure) -> None:
        """
        Answer with an error: a `VortexError`'s code and text; of any other only that it was internal,
        and an id that stands in our log beside the traceback.
        """
        failure = error if isinstance(error, Failure) else Failure(error)
        text = _publicText(failure.value)
        if text is not None:
            log.info("{delivery} is refused: {text}", delivery=self, text=text)
        else:
            errorId = secrets.token_hex(4)
            text = f"internal: {errorId}"
            log.failure("{delivery} failed [{errorId}]", failure, delivery=self, errorId=errorId)
        if self.isReply or self.answered:
            return
        try:
            self._send(Payload(self._envelope.replyFiltOrFilt, result=text))
        except Exception:  # whoever reports a failure is not to get another one
            log.failure("{delivery} could not be answered with its error", delivery=self)

    def _send(self, payload: Payload) -> None:
        if self.isReply:
            log.warn("{delivery} is a reply and cannot be answered", delivery=self)
            return
        try:
            self.peer.sendMessage(Message(payload, isReply=True))
        except NotConnected:
            log.debug("{peer} is gone, its answer with it", peer=self.peer)
        self.answered = True


def copyOf(filt: Mapping[Any, Any]) -> dict[Any, Any]:
    """*filt* with lists, dicts and Tuples of its own, for somebody who may change them."""
    return {key: value if type(value) in _UNCHANGING else _copyOfValue(value) for key, value in filt.items()}


def _copyOfValue(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # not everything that a program puts into a filt of its own can be copied
        return value


def _publicText(error: BaseException | None) -> str | None:
    """What the peer may read; None if that is nothing."""
    if not isinstance(error, VortexError):
        return None
    try:
        return errorText(error)
    except Exception:  # an application's own class may do anything
        return None
