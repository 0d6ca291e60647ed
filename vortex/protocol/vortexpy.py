"""
The wire of VortexPY: every message of every era, read; and what is said in each.

    era 0   base64(zlib(rp))            first byte within the base64: x
    era 1   base64(rpe), encodedPayload                                {
    era 2   base64(rpe), data                                          {
    raw     rpe, data                   first byte of the frame:       {

``rp`` is a payload and ``rpe`` an envelope around an encoded one, both JSON objects
(`vortex.protocol.body`, `vortex.protocol.envelope`). Values are `vortex.tuples.convert`'s,
frames `vortex.protocol.framing`'s, and who is to answer what is decided far above.
"""

from __future__ import annotations

import binascii
from datetime import datetime
from functools import partial
from typing import Any

from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.body import SHORT, Body, countUnknown
from vortex.protocol.compression import inflate, inflateShort
from vortex.protocol.envelope import NAME_KEY, UUID_KEY, Envelope, Form, Message, Unread, envelopeObject
from vortex.protocol.json_codec import loads
from vortex.protocol.payload import Payload
from vortex.tuples.convert import Dialect, Reading, fromJsonable, registerComposite, toJsonable

__all__ = ["beat", "decodeMessage", "encodeMessage", "hello", "readMessage"]

_BODY_KEYS = ("data", "encodedPayload")
_ENVELOPE_KEYS = frozenset(("filt", "result", "date", *_BODY_KEYS))
_ERA0_KEYS = frozenset(("filt", "replyFilt", "tuples", "result", "date"))


def decodeMessage(frame: bytes, limits: Limits) -> Envelope:
    """
    Read one message of any era, but not what is in its body.

    Of an era-0 message, which has no envelope, everything is parsed, and the tuples are left as JSON.

    Args:
        frame: A whole message; one dot behind it does not matter. Not an empty frame: that is a beat.
        limits: maxFrame holds for the frame, the others for what is in it.

    Raises:
        DecodeError: If it is no message.
        UnknownTupleType: If a tuple in its filt or result is of a type that is not registered here.
        LimitExceeded: If it breaches *limits*.
    """
    if len(frame) > limits.maxFrame:
        raise LimitExceeded(
            "maxFrame", f"a message of {len(frame)} bytes came, {limits.maxFrame} are accepted"
        )
    frame = frame.removesuffix(b".")
    if frame.startswith(b"{"):
        return _readEnvelopeText(frame, limits, isRaw=True)
    try:
        content = binascii.a2b_base64(frame, strict_mode=True)
    except ValueError as exc:
        raise DecodeError(f"expected a message, base64 or a JSON object, got {_shown(frame)}: {exc}") from exc
    if content.startswith(b"x"):
        return _readEra0(inflate(content, limit=limits.maxInflated), limits)
    if content.startswith(b"{"):
        return _readEnvelopeText(content, limits, isRaw=False)
    raise DecodeError(f"expected JSON or zlib within the base64, got {_shown(content)}")


def readMessage(frame: bytes, limits: Limits) -> Envelope:
    """
    As `decodeMessage`, but what would take long is left `Unread`: era 0, whose messages are compressed as a
    whole, and tuples that stand in an envelope bare. All else in a message is as long as it came.
    """
    form = _formOfLong(frame) if len(frame) <= limits.maxFrame else None
    if form is None:
        return decodeMessage(frame, limits)
    return Unread(form, len(frame), partial(decodeMessage, frame, limits))


def _formOfLong(frame: bytes) -> Form | None:
    """The form of a message that takes long to be read; None for any other."""
    if frame.startswith(b"{"):
        return Form.RAW if _hasMany(frame) else None
    if not frame.startswith(b"e"):
        return None
    try:
        content = binascii.a2b_base64(frame.removesuffix(b"."), strict_mode=True)
    except ValueError:
        return None
    if content.startswith(b"x"):
        return Form.ERA0 if inflateShort(content, SHORT) is None else None
    return Form.ERA2 if _hasMany(content) else None


def _hasMany(text: bytes) -> bool:
    """Whether there may be many values in *text*, JSON."""
    return len(text) > SHORT and sum(map(text.count, (b",", b":", b"[", b"{"))) > SHORT // 2


def encodeMessage(payload: Payload, form: Form, isReply: bool = False) -> bytes:
    """
    *payload* as one message in *form*, unframed. To send it to many, make one `Message`.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
    """
    return Message(payload, isReply=isReply).encoded(form)


def hello(uuid: str, name: str) -> Message:
    """The message that says who we are: each end's first on a new line."""
    return Message(Payload({UUID_KEY: uuid, NAME_KEY: name}))


def beat(form: Form) -> bytes:
    """The frame that says "still here" to a peer that speaks *form*, unframed."""
    return form.beat


# ---- eras 1 and 2


def _readEnvelopeText(text: bytes, limits: Limits, *, isRaw: bool) -> Envelope:
    obj = loads(text, limits, bodyKeys=_BODY_KEYS)
    if not isinstance(obj, dict):
        raise DecodeError(f"expected an envelope, a JSON object, got a {type(obj).__name__}")
    if isRaw:
        form = Form.RAW
    elif "data" in obj:
        form = Form.ERA2
    else:
        form = Form.ERA1 if "encodedPayload" in obj else Form.UNIVERSAL
    return _readEnvelope(obj, Reading(limits), form, len(text))


def _readEnvelope(obj: dict[str, Any], reading: Reading, form: Form, size: int = 0) -> Envelope:
    if obj.get("_ct") != "rpe":
        raise DecodeError(f"expected an envelope, with _ct = 'rpe', got _ct = {_shown(obj.get('_ct'))}")
    reading.unknownFields += countUnknown(obj, _ENVELOPE_KEYS)
    data = obj.get("data")
    for key in ("filt", "result"):
        _checkHead(obj.get(key), reading.limits)
    return Envelope(
        _readFilt(obj, "filt", reading),
        result=_readPart(obj, "result", reading),
        date=_readDate(obj, reading),
        body=_readBody(obj.get("encodedPayload") if data is None else data, size),
        isReply=obj.get("_isReply") is True,
        form=form,
        unknownFields=reading.unknownFields,
    )


def _readBody(data: Any, size: int) -> Body | None:
    if isinstance(data, dict) and data.get("_ft") == "bytes":
        # VortexPY 2.4 has the encoded payload as bytes, and encodes those once more.
        try:
            data = str(binascii.a2b_base64(data.get("_fd") or "", strict_mode=True), "ascii")
        except (TypeError, ValueError) as exc:
            raise DecodeError("expected a payload, base64 within base64, and it is none") from exc
    return None if data is None or data == "" else Body(data, jsonSize=size)


# ---- era 0


def _readEra0(text: bytes, limits: Limits) -> Envelope:
    obj = loads(text, limits)
    if not isinstance(obj, dict) or obj.get("_ct") != "rp":
        raise DecodeError("expected a payload, a JSON object with _ct = 'rp', within the zlib stream")
    reading = Reading(limits)
    reading.unknownFields += countUnknown(obj, _ERA0_KEYS)
    tuples = obj.get("tuples")
    if not isinstance(tuples, list | None):
        raise DecodeError(f"expected a list, got a {type(tuples).__name__}", ".tuples")
    for key in ("filt", "result", "replyFilt"):
        _checkHead(obj.get(key), limits)
    return Envelope(
        _readFilt(obj, "filt", reading),
        result=_readPart(obj, "result", reading),
        date=_readDate(obj, reading),
        body=Body(tuples, jsonSize=len(text)) if tuples else None,
        isReply=obj.get("_isReply") is True,
        replyFilt=_readFilt(obj, "replyFilt", reading),
        form=Form.ERA0,
        unknownFields=reading.unknownFields,
    )


# ---- the parts that both have


def _checkHead(value: Any, limits: Limits) -> None:
    """See that there is not too much in *value*, a filt or a result, before anything is made of it."""
    left = limits.maxHeadNodes
    inside = [value]
    while inside:
        item = inside.pop()
        if isinstance(item, (list, dict)):
            left -= len(item)
            if left < 0:
                raise LimitExceeded(
                    "maxHeadNodes",
                    f"the filt or the result has more than the {limits.maxHeadNodes} items accepted",
                )
            inside.extend(item.values() if isinstance(item, dict) else item)


def _readPart(obj: dict[str, Any], key: str, reading: Reading) -> Any:
    try:
        return fromJsonable(obj.get(key), reading)
    except DecodeError as error:
        raise error.at(f".{key}") from None


def _readFilt(obj: dict[str, Any], key: str, reading: Reading) -> dict[Any, Any]:
    filt = _readPart(obj, key, reading)
    if filt is None:
        return {}
    if not isinstance(filt, dict):
        raise DecodeError(f"expected an object, got a {type(filt).__name__}", f".{key}")
    if len(filt) > reading.limits.maxFiltItems:
        raise LimitExceeded(
            "maxFiltItems", f"a filt of {len(filt)} keys came, {reading.limits.maxFiltItems} are accepted"
        )
    return filt


def _readDate(obj: dict[str, Any], reading: Reading) -> datetime | None:
    date = _readPart(obj, "date", reading)
    if not isinstance(date, datetime | None):
        raise DecodeError(f"expected a date and a time, got {_shown(date)}", ".date")
    return date


def _shown(value: Any) -> str:
    """*value* for an error's text: not all of it, it may be long."""
    text = repr(value[:24] if isinstance(value, (bytes, str)) else value)
    return text if len(text) <= 80 else text[:77] + "..."


# ---- envelopes inside values: VortexPY lets one be the value of a field


def _toNested(envelope: Envelope, dialect: Dialect) -> dict[str, Any]:
    filt, result, date = (
        toJsonable(part, dialect) for part in (envelope.filt, envelope.result, envelope.date)
    )
    return envelopeObject(filt=filt, result=result, date=date, body=envelope.body and envelope.body.text)


registerComposite(
    "rpe",
    lambda obj, reading: _readEnvelope(obj, reading, Form.ERA2),
    pyType=Envelope,
    encoder=_toNested,
)
