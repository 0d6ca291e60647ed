"""
Body: the payload inside a message, still as it came, and how one is made.

    base64( zlib( {"_ct": "rp", "_c": ..., "filt": {...}, "tuples": [...], "date": ...} ) )

An envelope is routed with its body closed. Whoever wants the tuples opens it, and only
then is it inflated, parsed and converted. The filt and the date in there repeat those
of the envelope, for VortexJS, which looks nowhere else; we do not read them.
"""

from __future__ import annotations

import binascii
from typing import Any, Protocol

from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.protocol.compression import deflate, inflate, inflateShort
from vortex.protocol.json_codec import dumps, loads
from vortex.tuples.convert import Reading, fromJsonable

__all__ = ["PAYLOAD_CLASS", "SHORT", "Body", "ClosedBody", "countUnknown", "encodeBody", "payloadObject"]

PAYLOAD_CLASS = "vortex.Payload.Payload"
"""What Python peers call a payload; VortexJS sends none, and nobody asks for it."""

SHORT = 16 << 10
"""Bytes of JSON that may be read at once, at a time when somebody else waits: a few milliseconds at worst."""

_KEYS = frozenset(("filt", "tuples", "date"))


class ClosedBody(Protocol):
    """What a message of any wire has for its tuples until somebody opens it."""

    @property
    def text(self) -> str | None:
        """The encoded payload of VortexPY's wire, if that is how it came."""

    @property
    def size(self) -> int:
        """Bytes, as it came."""

    @property
    def inflatedSize(self) -> int:
        """Bytes of JSON in it, as far as that is known: of a compressed one only once it was opened."""

    def isShort(self, most: int) -> bool:
        """Whether it has no more than *most* bytes of JSON. That costs no more than they do."""

    def decodeTuples(self, reading: Reading) -> list[Any]:
        """The tuples."""

    def jsonTuples(self, limits: Limits) -> list[Any]:
        """The tuples as VortexPY's wire has them."""

    def holdsTuples(self, limits: Limits) -> bool:
        """Whether there is any tuple."""


class Body:
    """
    The payload of one message, not yet decoded.

    Args:
        data: What stood in the envelope: the encoded payload's text; or, as era 2 allows, a list, whose items
            are the tuples; or any other jsonable value, then the only tuple. Of an era-0 message, its tuples.
        jsonSize: Of one that is no text: bytes of JSON that it came in.

    Attributes:
        text: The encoded payload, ASCII, or None if it came in another form. It can be sent on as it is.
        inflatedSize: Bytes of JSON in it, as far as that is known: of a text only once it was opened.
    """

    __slots__ = ("_json", "_tuples", "_unknown", "inflatedSize", "text")

    def __init__(self, data: Any, *, jsonSize: int = 0) -> None:
        self.text: str | None = data if isinstance(data, str) else None
        self.inflatedSize = 0 if isinstance(data, str) else jsonSize
        self._json: bytes | None = None  # of a short one, from when that was found out until it is opened
        # The tuples as JSON; of an encoded payload, only from when it is opened until they are decoded.
        self._tuples: list[Any] | None = None
        self._unknown = 0
        if self.text is None:
            self._tuples = data if isinstance(data, list) else [data]

    @property
    def size(self) -> int:
        """Bytes, as it came; 0 for one that came in another form than a text."""
        return len(self.text or "")

    def isShort(self, most: int) -> bool:
        """Whether it has no more than *most* bytes of JSON. That costs no more than they do."""
        if self.text is None or self._json is not None or self._tuples is not None:
            return self.inflatedSize <= most
        if len(self.text) > 2 * most:  # it is no shorter inflated than compressed, but for what is no use
            return False
        try:
            self._json = inflateShort(binascii.a2b_base64(self.text, strict_mode=True), most)
        except ValueError:
            return True  # nothing will come of it
        self.inflatedSize = len(self._json or b"")
        return self._json is not None

    def decodeTuples(self, reading: Reading) -> list[Any]:
        """
        Open the body.

        Args:
            reading: Whose limits hold, and which counts the fields that nobody knows.

        Raises:
            DecodeError: If it is not base64, zlib, JSON or a payload, or a tuple is not as its class says.
            UnknownTupleType: If a tuple is of a type that is not registered here.
            LimitExceeded: If it is too large or too deep.
        """
        tuples = self._opened(reading.limits)
        if self.text is not None:
            self._tuples = None
        reading.unknownFields += self._unknown
        try:
            decoded: list[Any] = fromJsonable(tuples, reading)
        except DecodeError as error:
            raise error.at(".tuples") from None
        return decoded

    def jsonTuples(self, limits: Limits) -> list[Any]:
        """The tuples as they came, none converted. Raises as `decodeTuples`, but for the tuples."""
        return self._opened(limits)

    def holdsTuples(self, limits: Limits) -> bool:
        """Whether any tuple is in it; none is converted. Raises as `decodeTuples`, but for the tuples."""
        return bool(self._opened(limits))

    def _opened(self, limits: Limits) -> list[Any]:
        if self._tuples is None:
            text, self._json = self._json or _inflated(self.text or "", limits), None
            self.inflatedSize = len(text)
            payload = _payloadIn(text, limits)
            self._unknown = countUnknown(payload, _KEYS)
            self._tuples = payload["tuples"]
        return self._tuples


def payloadObject(filt: Any, tuples: Any, date: Any) -> dict[str, Any]:
    """The ``rp`` object of a payload, from parts that are jsonable already."""
    return {"_ct": "rp", "_c": PAYLOAD_CLASS, "filt": filt, "tuples": tuples, "date": date}


def encodeBody(payload: dict[str, Any]) -> str:
    """
    Encode an ``rp`` object as the text that stands in an envelope.

    Raises:
        EncodeError: If something in it is no JSON.
    """
    return binascii.b2a_base64(deflate(dumps(payload)), newline=False).decode("ascii")


def countUnknown(obj: dict[str, Any], known: frozenset[str]) -> int:
    """How many keys of *obj* mean nothing to us. Those that begin with ``_`` never do, and do not count."""
    return sum(not key.startswith("_") for key in obj.keys() - known)


def _inflated(text: str, limits: Limits) -> bytes:
    try:
        compressed = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as exc:
        raise DecodeError(f"expected a payload in base64, and it is none: {exc}") from exc
    return inflate(compressed, limit=limits.maxInflated)


def _payloadIn(text: bytes, limits: Limits) -> dict[str, Any]:
    """The ``rp`` object in *text*; its tuples are a list, if not yet of what they should be."""
    payload = loads(text, limits)
    if not isinstance(payload, dict) or payload.get("_ct") != "rp":
        raise DecodeError("expected a payload, a JSON object with _ct = 'rp'")
    if payload.get("tuples") is None:
        payload["tuples"] = []
    elif not isinstance(payload["tuples"], list):
        raise DecodeError(f"expected a list, got a {type(payload['tuples']).__name__}", ".tuples")
    return payload
