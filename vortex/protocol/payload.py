"""
Payload: what is routed. A filt, tuples and a result.

A payload from a peer keeps its body closed until somebody reads ``.tuples``: nobody pays
for what is only passed on. Other than that it knows nothing of the wire; the forms it
can have there are `vortex.protocol.envelope.Message`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.protocol.body import ClosedBody, payloadObject
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.tuples.convert import Dialect, Reading, fromJsonable, registerComposite, toJsonable

__all__ = ["Payload"]

_ERAS = {0: Form.ERA0, 1: Form.ERA1, 2: Form.UNIVERSAL}
_DEFAULTS = Limits()


class Payload:
    """
    What vortexes send each other.

    Args:
        filt: What it is routed by: anything that can travel, under keys that are texts (or numbers).
        tuples: What it carries: `Tuple`s, or anything else that can travel. None: only the filt.
        result: None, True for "done", or what went wrong.

    Attributes:
        date: When it was made, a datetime with its offset. Of one that came in, what its sender says, or, if
            it says nothing (VortexJS), when it came.

    Raises:
        TypeError: If *filt* is no dict or *tuples* no list of things.
    """

    __slots__ = (
        "__weakref__",
        "_body",
        "_error",
        "_isGiven",
        "_reading",
        "_tuples",
        "date",
        "filt",
        "result",
    )

    def __init__(
        self,
        filt: dict[Any, Any] | None = None,
        tuples: Iterable[Any] | None = None,
        result: Any = None,
    ) -> None:
        if filt is not None and not isinstance(filt, dict):
            raise TypeError(f"a payload's filt is a dict, as in {{'key': 'jobs'}}, got {filt!r}")
        self.filt: dict[Any, Any] = {} if filt is None else dict(filt)
        self.result = result
        self.date = datetime.now(UTC)
        self._tuples: list[Any] = []
        self._isGiven = False
        self._body: ClosedBody | None = None
        self._reading: Reading | None = None
        self._error: Exception | None = None
        if tuples is not None:
            self.tuples = tuples

    def __repr__(self) -> str:
        count = "not opened" if self._body is not None else f"{len(self._tuples)} tuples"
        result = "" if self.result is None else f" result={self.result!r}"
        return f"<Payload {self.filt!r} {count}{result}>"

    @property
    def tuples(self) -> list[Any]:
        """
        What it carries; of a payload that came in, decoded when this is first read.

        Raises:
            DecodeError: If the body that came in does not hold what it should; each time this is read.
            UnknownTupleType: If a tuple in it is of a type that is not registered here.
            LimitExceeded: If it is too large or too deep.
        """
        if self._body is not None:
            self._open(self._body)
        return self._tuples

    @tuples.setter
    def tuples(self, tuples: Iterable[Any]) -> None:
        if isinstance(tuples, (str, bytes, dict)) or not isinstance(tuples, Iterable):
            raise TypeError(f"a payload's tuples are a list, got {tuples!r}")
        self._tuples = tuples if isinstance(tuples, list) else list(tuples)
        self._isGiven = True
        self._body = self._error = None

    @property
    def hasBody(self) -> bool:
        """Whether it has tuples at all, were it an empty list of them: a bare filt has none."""
        return self._isGiven or self._body is not None or bool(self._tuples)

    @property
    def hasTuples(self) -> bool:
        """
        Whether it carries any tuple. Of a payload that came in this is found out without converting one.

        Raises:
            DecodeError: If the body that came in is none.
            LimitExceeded: If it is too large.
        """
        if self._body is None:
            return bool(self._tuples)
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            return self._body.holdsTuples(self.limits)
        except Exception as error:
            self._error = error
            raise

    @property
    def jsonTuples(self) -> list[Any]:
        """
        What it carries as JSON has it, for those who have no classes for it: nothing is converted.

        Of a payload that came in it is as its sender wrote it, see `vortex.tuples.convert`. It is shared:
        change nothing in it.

        Raises:
            DecodeError: If the body that came in is none.
            LimitExceeded: If it is too large or too deep.
            EncodeError: If something in a payload of ours cannot travel.
        """
        if self._body is None:
            tuples: list[Any] = toJsonable(self._tuples)
            return tuples
        return self._body.jsonTuples(self.limits)

    @property
    def closedBody(self) -> ClosedBody | None:
        """The body as it came in, while nobody has opened it: it can be sent on as it is."""
        return self._body

    @property
    def limits(self) -> Limits:
        """The bounds that hold when it is opened."""
        return _DEFAULTS if self._reading is None else self._reading.limits

    @property
    def isUnreadable(self) -> bool:
        """Whether somebody has opened its body, and it is none, or over a limit."""
        return self._error is not None

    @property
    def unknownFields(self) -> int:
        """How many keys and fields of it were dropped so far because nobody here knows them."""
        return 0 if self._reading is None else self._reading.unknownFields

    def open(self) -> int:
        """
        For a thread: have the body that came in decoded, so that to read `tuples` takes no time any more.
        What is wrong with it is raised when they are read.

        Returns:
            How many bytes of JSON that was.
        """
        body = self._body
        if body is None:
            return 0
        with suppress(Exception):
            self._open(body)
        return body.inflatedSize

    def withFilt(self, filt: dict[Any, Any]) -> Payload:
        """A payload that carries the same under another filt. A closed body is opened, as by `tuples`."""
        payload = Payload(filt, self.tuples if self.hasBody else None, self.result)
        payload.date = self.date
        return payload

    # ---- the wire of VortexPY

    def toVortexMsg(self, era: int = 2) -> bytes:
        """
        This payload as one message for a VortexPY peer, without the dot that ends it in a stream.

        Args:
            era: 2: the form that eras 1 and 2 both read. 1: VortexPY 0.11 to 2.4. 0: VortexPY 0.1 to 0.10.

        Raises:
            EncodeError: If something in it cannot travel; the error says where.
            ValueError: If there is no such era.
        """
        if era not in _ERAS:
            raise ValueError(f"VortexPY's wire has the eras 0, 1 and 2, got {era!r}")
        return Message(self).encoded(_ERAS[era])

    @classmethod
    def fromVortexMsg(cls, data: bytes, *, limits: Limits = _DEFAULTS) -> Payload:
        """
        The payload in one message from a VortexPY peer of any era, with or without a dot behind it.

        Raises:
            DecodeError: If *data* is no message. A bad body raises when `tuples` is first read.
            LimitExceeded: If it breaches *limits*.
        """
        from vortex.protocol.vortexpy import decodeMessage  # which makes payloads itself

        return cls.fromEnvelope(decodeMessage(data, limits), limits)

    @classmethod
    def fromEnvelope(cls, envelope: Envelope, limits: Limits) -> Payload:
        """
        The payload that came in *envelope*, its body still closed; *limits* hold when it is opened.

        Its filt is the envelope's own, not a copy.
        """
        payload = cls.__new__(cls)  # past what __init__ checks and makes up for others
        payload.filt = envelope.filt
        payload.result = envelope.result
        payload.date = datetime.now(UTC) if envelope.date is None else envelope.date
        payload._tuples = []
        payload._isGiven = False
        payload._body = envelope.body
        payload._reading = Reading(limits)
        payload._reading.unknownFields = envelope.unknownFields
        payload._error = None
        return payload

    def _open(self, body: ClosedBody) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            self._tuples = body.decodeTuples(self._reading or Reading(_DEFAULTS))
        except Exception as error:
            self._error = error
            raise
        self._isGiven = True
        self._body = None


# ---- payloads inside values: VortexPY lets one be the value of a field


def _toNested(payload: Payload, dialect: Dialect) -> dict[str, Any]:
    return payloadObject(
        *(toJsonable(part, dialect) for part in (payload.filt, payload.tuples, payload.date))
    )


def _fromNested(obj: dict[str, Any], reading: Reading) -> Payload:
    filt, tuples, date = (fromJsonable(obj.get(key), reading) for key in ("filt", "tuples", "date"))
    if not isinstance(filt, dict | None):
        raise DecodeError(f"expected an object, got a {type(filt).__name__}", ".filt")
    if not isinstance(tuples, list | None):
        raise DecodeError(f"expected a list, got a {type(tuples).__name__}", ".tuples")
    payload = Payload(filt, tuples)
    if isinstance(date, datetime):
        payload.date = date
    return payload


registerComposite("rp", _fromNested, pyType=Payload, encoder=_toNested)
