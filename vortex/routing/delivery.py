"""
Delivery: one message that came in, and the way back to who sent it.

An endpoint's callable gets it beside the payload. It may answer at once, later
from a Deferred, or not at all. Replies are never answered: a delivery of one
takes an answer, says so in the log, and sends nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import NotConnected, VortexError, errorText
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.ports import Peer

__all__ = ["Delivery"]

log = Logger()


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
        """The message's filt, whole."""
        return self._envelope.filt

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
        if isinstance(failure.value, VortexError):
            text = errorText(failure.value)
            log.info("{delivery} is refused: {text}", delivery=self, text=text)
        else:
            errorId = secrets.token_hex(4)
            text = f"internal: {errorId}"
            log.failure("{delivery} failed [{errorId}]", failure, delivery=self, errorId=errorId)
        if not (self.isReply or self.answered):
            self._send(Payload(self._envelope.replyFiltOrFilt, result=text))

    def _send(self, payload: Payload) -> None:
        if self.isReply:
            log.warn("{delivery} is a reply and cannot be answered", delivery=self)
            return
        try:
            self.peer.sendMessage(Message(payload, isReply=True))
        except NotConnected:
            log.debug("{peer} is gone, its answer with it", peer=self.peer)
        self.answered = True
