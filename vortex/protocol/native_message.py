"""
Native message: what a frame of our own wire carries, written and read.

Where its parts begin and end is `vortex.protocol.native_layout`'s, what is in the body
`vortex.protocol.native_body`'s, and how frames are numbered and kept `vortex.protocol.session`'s.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.body import countUnknown
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.json_codec import loads
from vortex.protocol.native_body import NativeBody
from vortex.protocol.native_layout import COMPRESSED, EXPECTS_ANSWER, HAS_BODY, REPLY, parted
from vortex.tuples.convert import Reading, fromJsonable

__all__ = ["decodeNativeMessage", "encodeNativeMessage"]

_HEAD_KEYS = frozenset("frd")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encodeNativeMessage(message: Message) -> bytes:
    """
    *message* as it goes into a frame. It is encoded once, however often it is asked for.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
        DecodeError: If its payload came from a VortexPY peer, and cannot be opened.
        LimitExceeded: If its payload came from a VortexPY peer, and is too large or too deep.
    """
    return message.encoded(Form.NATIVE)


def decodeNativeMessage(data: bytes, limits: Limits) -> Envelope:
    """
    Read one message, but not what is in its body.

    Args:
        data: The whole message: what is in its frame behind the numbers.
        limits: They hold for the head; those for the body hold when it is opened.

    Raises:
        DecodeError: If it is no message.
        UnknownTupleType: If a tuple in its filt or result is of a type that is not registered here.
        LimitExceeded: If it breaches *limits*.
    """
    flags, text, body = parted(data)
    head = loads(text, limits, isHead=True)
    if type(head) is not dict:
        raise DecodeError(f"expected a message's head, a JSON object, got a {type(head).__name__}")
    reading = Reading(limits)
    if not head.keys() <= _HEAD_KEYS:
        reading.unknownFields += countUnknown(head, _HEAD_KEYS)
    return Envelope(
        _readFilt(head, reading),
        result=None if head.get("r") is None else _readPart(head["r"], ".result", reading),
        date=_readDate(head.get("d")),
        body=NativeBody(body, isCompressed=bool(flags & COMPRESSED)) if flags & HAS_BODY else None,
        isReply=bool(flags & REPLY),
        form=Form.NATIVE,
        expectsAnswer=bool(flags & EXPECTS_ANSWER),
        unknownFields=reading.unknownFields,
    )


def _readFilt(head: dict[str, Any], reading: Reading) -> dict[Any, Any]:
    filt = head.get("f")
    if filt is None:
        return {}
    filt = _readPart(filt, ".filt", reading)
    if not isinstance(filt, dict):
        raise DecodeError(f"expected an object, got a {type(filt).__name__}", ".filt")
    if len(filt) > reading.limits.maxFiltItems:
        raise LimitExceeded(
            "maxFiltItems", f"a filt of {len(filt)} keys came, {reading.limits.maxFiltItems} are accepted"
        )
    return filt


def _readPart(value: Any, path: str, reading: Reading) -> Any:
    try:
        return fromJsonable(value, reading)
    except DecodeError as error:
        raise error.at(path) from None


def _readDate(microseconds: Any) -> datetime | None:
    if microseconds is None:
        return None
    if type(microseconds) is int:
        try:
            return _EPOCH + timedelta(microseconds=microseconds)
        except OverflowError:
            pass
    raise DecodeError("expected microseconds since 1970, of the years 1 to 9999", ".date")
