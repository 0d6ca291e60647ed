"""
Envelope and Message: what comes in from a VortexPY peer, and what goes out to one.

An `Envelope` has all that routing asks for (filt, result) and the payload still closed.
A `Message` is encoded once in each form that a peer asks for, however many peers get it;
the body, which is most of the work, is made once for all forms but era 0's.

What the keys on the wire are called is here and in `vortex.protocol.vortexpy`, which
reads them; where a message ends is `vortex.protocol.framing`'s.
"""

from __future__ import annotations

import binascii
import enum
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from vortex.errors import EncodeError
from vortex.protocol.body import ClosedBody, encodeBody, payloadObject
from vortex.protocol.compression import deflate
from vortex.protocol.event_text import eventText
from vortex.protocol.framing import webSocketHeader
from vortex.protocol.json_codec import dumps, dumpsAscii
from vortex.protocol.native_body import NativeBody, encodeNativeBody, nativeBodyOfJson
from vortex.protocol.native_layout import COMPRESSED, EXPECTS_ANSWER, HAS_BODY, REPLY, joined
from vortex.tuples.convert import NATIVE, TAGGED, TAGGED_ERA0, Dialect, toJsonable

if TYPE_CHECKING:
    from vortex.protocol.payload import Payload

__all__ = ["MESSAGE_ID", "NAME_KEY", "UUID_KEY", "Envelope", "Form", "Message", "Unread", "envelopeObject"]

UUID_KEY = "__vortexUuid__"
NAME_KEY = "__vortexName__"
MESSAGE_ID = "PayloadResponse.messageId"

_HELLO_KEYS = {UUID_KEY, NAME_KEY}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENVELOPE_CLASS = "vortex.PayloadEnvelope.PayloadEnvelope"


class Form(enum.Enum):
    """
    How a message looks on this wire: which era of VortexPY reads it.

    All but RAW are base64 text. UNIVERSAL is read by eras 1 and 2, and is for a peer that has not spoken yet.
    """

    UNIVERSAL = "universal"
    ERA0 = "era0"
    """VortexPY 0.1 to 0.10: one zlib-compressed payload, no envelope."""
    ERA1 = "era1"
    """VortexPY 0.11 to 2.4, VortexJS 2: the body is called ``encodedPayload``."""
    ERA2 = "era2"
    """VortexPY 3 to 6: the body is called ``data``."""
    RAW = "raw"
    """As ERA2, in plain JSON; only where a frame is whole by itself."""
    NATIVE = "native"
    """Not VortexPY's: a message of the native wire, bytes that go into one of its frames."""

    @property
    def beat(self) -> bytes:
        """The frame that says "still here": empty, but to era 0 an empty payload, as a bare dot stalls it."""
        return _era0Beat() if self is Form.ERA0 else b""


class Envelope:
    """
    A message as it came in: addressed, and not opened.

    Attributes:
        filt: What it is routed by.
        result: None, True, or what went wrong at the other end.
        date: When it was made, with its offset; None if the peer does not say, as VortexJS does not.
        body: The payload, still encoded; None if there is none.
        isReply: Whether the peer says that this answers something, or is pushed: then it is never answered.
        replyFilt: Era 0: the filt that an answer shall have; ``{}`` otherwise.
        form: The form it came in.
        expectsAnswer: Whether the peer waits for an answer. Only the native wire says so: elsewhere False.
        action: The number of the action that it is, or that it answers; None where there are none.
        deadline: When the peer stops to wait for the answer, on the clock of its session; None: it does not.
        unknownFields: How many keys or fields were dropped so far because nobody knows them.
    """

    __slots__ = (
        "action",
        "body",
        "date",
        "deadline",
        "expectsAnswer",
        "filt",
        "form",
        "isReply",
        "replyFilt",
        "result",
        "unknownFields",
    )

    def __init__(
        self,
        filt: dict[Any, Any],
        *,
        result: Any = None,
        date: datetime | None = None,
        body: ClosedBody | None = None,
        isReply: bool = False,
        replyFilt: dict[Any, Any] | None = None,
        form: Form = Form.UNIVERSAL,
        expectsAnswer: bool = False,
        action: int | None = None,
        deadline: float | None = None,
        unknownFields: int = 0,
    ) -> None:
        self.filt = filt
        self.result = result
        self.date = date
        self.body = body
        self.isReply = isReply
        self.replyFilt = {} if replyFilt is None else replyFilt
        self.form = form
        self.expectsAnswer = expectsAnswer
        self.action = action
        self.deadline = deadline
        self.unknownFields = unknownFields

    def __repr__(self) -> str:
        closed = "" if self.body is None else ", with a body"
        return f"<Envelope {self.filt!r} result={self.result!r}{closed}>"

    @property
    def isEmpty(self) -> bool:
        """Whether it is a hello or a sign of life only: such a message is never routed."""
        if self.body is not None or self.result is not None or self.replyFilt:
            return False
        return not self.filt or self.filt.keys() == _HELLO_KEYS

    @property
    def identity(self) -> tuple[str, str] | None:
        """The peer's uuid and name if this is its hello: labels that it gives itself, proof of nothing."""
        if self.filt.keys() != _HELLO_KEYS:
            return None
        uuid, name = self.filt[UUID_KEY], self.filt[NAME_KEY]
        return (uuid, name) if isinstance(uuid, str) and isinstance(name, str) else None

    @property
    def messageId(self) -> str | None:
        """What the peer tells its requests apart by."""
        messageId = self.filt.get(MESSAGE_ID)
        return messageId if isinstance(messageId, str) else None

    @property
    def replyFiltOrFilt(self) -> dict[Any, Any]:
        """The filt that an answer shall have."""
        return self.replyFilt or self.filt


class Unread(Envelope):
    """
    A message that takes long to be read, so that nothing of it was yet.

    Args:
        form: The form it came in.
        size: Bytes, as it came.
        read: Reads it; raises as `vortex.protocol.vortexpy.decodeMessage`.
    """

    __slots__ = ("read", "size")

    def __init__(self, form: Form, size: int, read: Callable[[], Envelope]) -> None:
        super().__init__({}, form=form)
        self.size = size
        self.read = read

    def __repr__(self) -> str:
        return f"<message of {self.size} bytes, unread>"

    @property
    def isEmpty(self) -> bool:
        return False


class Message:
    """
    A payload on its way out, in whatever forms its receivers read.

    What is in the payload is read when the first form is encoded: change nothing in it from then on.

    Args:
        payload: What is sent.
        isReply: Marks an answer or a push, so that no peer of ours answers it.
        replyFilt: Era 0 only: the filt that an answer shall have.
        expectsAnswer: Native wire only: whether an answer is waited for.
        action: Native wire only: the number of the action that this answers.
        timeout: Native wire only: seconds for which an answer is waited for; None: for ever.
    """

    __slots__ = (
        "_body",
        "_encoded",
        "_event",
        "_frames",
        "action",
        "expectsAnswer",
        "isReply",
        "payload",
        "replyFilt",
        "timeout",
    )

    def __init__(
        self,
        payload: Payload,
        *,
        isReply: bool = False,
        replyFilt: dict[Any, Any] | None = None,
        expectsAnswer: bool = False,
        action: int | None = None,
        timeout: float | None = None,
    ) -> None:
        self.payload = payload
        self.isReply = isReply
        self.expectsAnswer = expectsAnswer
        self.action = action
        self.timeout = timeout
        self.replyFilt = {} if replyFilt is None else replyFilt
        self._body: str | None = None
        self._encoded: dict[Form, bytes] = {}
        self._event: bytes | None = None
        self._frames: dict[Form, bytes] = {}

    @classmethod
    def ofEncoded(cls, payload: Payload, form: Form, encoded: bytes) -> Message:
        """An answer that was encoded before, to go out in *form*, whatever *payload* has in it."""
        message = cls(payload, isReply=True)
        message._encoded[form] = encoded
        return message

    def __repr__(self) -> str:
        return f"<Message {self.payload!r}{', a reply' if self.isReply else ''}>"

    @property
    def size(self) -> int:
        """Bytes in the largest of the forms made so far; 0 before the first."""
        return max(map(len, self._encoded.values()), default=0)

    def encoded(self, form: Form) -> bytes:
        """
        The message in *form*: no dot behind it, no WebSocket header before it. It is encoded once.

        Raises:
            EncodeError: If something in the payload cannot travel; the error says where.
            DecodeError: If the payload came from a peer and cannot be opened, but has to be for *form*.
        """
        encoded = self._encoded.get(form)
        if encoded is None:
            match form:
                case Form.NATIVE:
                    encoded = self._encodeNative()
                case Form.ERA0:
                    encoded = self._encodeEra0()
                case _:
                    encoded = self._encode(form)
            self._encoded[form] = encoded
        return encoded

    @property
    def asEvent(self) -> bytes:
        """What an `EventSource` reads of it, see `vortex.protocol.event_text`. Made once; errors as above."""
        if self._event is None:
            self._event = eventText(self.payload, MESSAGE_ID)
        return self._event

    def webSocketFrame(self, form: Form) -> bytes:
        """The message in *form* as one WebSocket text frame from a server. Errors as in `encoded`."""
        frame = self._frames.get(form)
        if frame is None:
            encoded = self.encoded(form)
            frame = self._frames[form] = webSocketHeader(len(encoded)) + encoded
        return frame

    def _encode(self, form: Form) -> bytes:
        payload = self.payload
        obj = envelopeObject(
            filt=_part(".filt", payload.filt),
            result=_part(".result", payload.result),
            date=_part(".date", payload.date),
            body=self._encodedBody(),
            keys=_BODY_KEYS[form],
        )
        if self.isReply:
            obj["_isReply"] = True
        text = dumpsAscii(obj)
        return text if form is Form.RAW else binascii.b2a_base64(text, newline=False)

    def _encodedBody(self) -> str | None:
        """The encoded payload: one text for all forms that have one."""
        payload = self.payload
        if not payload.hasBody:
            return None
        if self._body is None:
            closed = payload.closedBody
            text = None if closed is None else closed.text
            self._body = text or encodeBody(_payloadParts(payload, TAGGED))
        return self._body

    def _encodeNative(self) -> bytes:
        payload = self.payload
        head: dict[str, Any] = {}
        if payload.filt:
            head["f"] = _part(".filt", payload.filt, NATIVE)
        if payload.result is not None:
            head["r"] = _part(".result", payload.result, NATIVE)
        if payload.date is not None:
            head["d"] = _microseconds(payload.date)
        flags = REPLY if self.isReply else EXPECTS_ANSWER if self.expectsAnswer else 0
        if not payload.hasBody:
            return joined(flags, dumps(head), b"")
        body = _nativeBody(payload)
        return joined(
            flags | (HAS_BODY | COMPRESSED if body.isCompressed else HAS_BODY), dumps(head), body.data
        )

    def _encodeEra0(self) -> bytes:
        payload = self.payload
        obj = _payloadParts(payload, TAGGED_ERA0)
        obj["replyFilt"] = _part(".replyFilt", self.replyFilt, TAGGED_ERA0)
        obj["result"] = _part(".result", payload.result, TAGGED_ERA0)
        if self.isReply:
            obj["_isReply"] = True
        return binascii.b2a_base64(deflate(dumpsAscii(obj)), newline=False)


_BODY_KEYS = {
    Form.UNIVERSAL: ("data", "encodedPayload"),
    Form.ERA1: ("encodedPayload",),
    Form.ERA2: ("data",),
    Form.RAW: ("data",),
}


def envelopeObject(
    *, filt: Any, result: Any, date: Any, body: Any, keys: tuple[str, ...] = ("data",)
) -> dict[str, Any]:
    """The ``rpe`` object of an envelope, from parts that are jsonable already, its body at each of *keys*."""
    obj: dict[str, Any] = {"_ct": "rpe", "_c": _ENVELOPE_CLASS, "filt": filt}
    for key in keys:
        obj[key] = body
    obj["result"] = result
    obj["date"] = date
    return obj


def _payloadParts(payload: Payload, dialect: Dialect) -> dict[str, Any]:
    # Nobody's classes are needed for what came by our own wire, but to take the offsets off its dates.
    isNative = isinstance(payload.closedBody, NativeBody) and dialect is TAGGED
    return payloadObject(
        _part(".filt", payload.filt, dialect),
        payload.jsonTuples if isNative else _part(".tuples", payload.tuples, dialect),
        _part(".date", payload.date, dialect),
    )


def _nativeBody(payload: Payload) -> NativeBody:
    """What *payload* carries as our own wire has it, with as little work as that takes."""
    closed = payload.closedBody
    if isinstance(closed, NativeBody):
        return closed
    if closed is not None and closed.text is not None:
        return nativeBodyOfJson(payload.jsonTuples)
    try:
        return encodeNativeBody(payload.tuples)
    except EncodeError as error:
        raise error.at(".tuples") from None


def _microseconds(date: datetime) -> int:
    """Since 1970, all of them; a date without an offset is UTC."""
    since = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _part(path: str, value: Any, dialect: Dialect = TAGGED) -> Any:
    try:
        return toJsonable(value, dialect)
    except EncodeError as error:
        raise error.at(path) from None


@cache
def _era0Beat() -> bytes:
    date = toJsonable(datetime.now(UTC), TAGGED_ERA0)
    obj = payloadObject({}, [], date) | {"replyFilt": {}, "result": None}
    return binascii.b2a_base64(deflate(dumpsAscii(obj)), newline=False)
