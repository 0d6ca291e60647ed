"""
Errors: everything that Vortex raises on purpose, and the word for each that a peer may see.

    VortexError                internal
    ├── Rejected               rejected (or a code of the application's own)
    ├── NotConnected           not-connected
    │   ├── NameNotFound       name-not-found
    │   ├── ConnectionRefused  connection-refused
    │   └── CertificateRefused certificate-refused
    ├── ConnectionLost         connection-lost
    ├── RequestTimeout         timeout
    ├── AccessDenied           access-denied
    │   └── Unauthenticated    unauthenticated
    ├── DecodeError            bad-payload
    │   └── UnknownTupleType   unknown-tuple-type
    ├── EncodeError            cannot-encode
    ├── LimitExceeded          limit-exceeded
    ├── QueueOverflow          queue-overflow
    ├── AddressInUse           address-in-use
    ├── DuplicateName          duplicate-name
    ├── NoVortex               no-vortex
    ├── UnknownRecord          unknown-record
    ├── UnknownAction          unknown-action
    ├── UnknownObservable      unknown-observable
    ├── ConstraintViolation    constraint-violation
    ├── StaleRecord            stale-record
    ├── NotWritable            not-writable
    ├── DatabaseUnavailable    database-unavailable
    └── RemoteError            remote-error (or the code that the peer gave)

A *code* is lower-case words joined by hyphens. Codes are part of the wire: documented, never reworded. The
message of a VortexError reaches the peer with its code, so it holds no secret; of any other exception a peer
learns nothing at all.

This module is not where errors are logged or answered: routing does that.
"""

from __future__ import annotations

import re
from typing import Self

__all__ = [
    "AccessDenied",
    "AddressInUse",
    "CertificateRefused",
    "ConnectionLost",
    "ConnectionRefused",
    "ConstraintViolation",
    "DatabaseUnavailable",
    "DecodeError",
    "DuplicateName",
    "EncodeError",
    "LimitExceeded",
    "NameNotFound",
    "NoVortex",
    "NotConnected",
    "NotWritable",
    "QueueOverflow",
    "Rejected",
    "RemoteError",
    "RequestTimeout",
    "StaleRecord",
    "Unauthenticated",
    "UnknownAction",
    "UnknownObservable",
    "UnknownRecord",
    "UnknownTupleType",
    "VortexError",
    "errorText",
    "parseErrorText",
]

_CODE = re.compile(r"[a-z]+(-[a-z]+)*", re.ASCII)
_ERROR_TEXT = re.compile(r"([a-z]+(?:-[a-z]+)*): ", re.ASCII)


class VortexError(Exception):
    """
    Whatever goes wrong in Vortex in a way that a caller can do something about.

    Attributes:
        code: The stable word for it, as a peer sees it.
    """

    code: str = "internal"


class Rejected(VortexError):
    """
    An application's refusal: raise it in a handler, and its code and text reach the peer that asked.

    Args:
        message: Why, for the person at the other end.
        code: The application's own word for it: lower-case words joined by hyphens.

    Raises:
        ValueError: If *code* is no such word.
    """

    code = "rejected"

    def __init__(self, message: str, *, code: str = "rejected") -> None:
        if not _CODE.fullmatch(code):
            raise ValueError(f"an error code is words joined by hyphens, as in 'out-of-stock', got {code!r}")
        super().__init__(message)
        self.code = code


class NotConnected(VortexError):
    """There is no line to the peer that something should be sent to."""

    code = "not-connected"


class NameNotFound(NotConnected):
    """The host's name does not resolve to an address."""

    code = "name-not-found"


class ConnectionRefused(NotConnected):
    """Nobody listens at that address."""

    code = "connection-refused"


class CertificateRefused(NotConnected):
    """One end's TLS certificate is not what the other accepts."""

    code = "certificate-refused"


class ConnectionLost(VortexError):
    """The line went away before the answer came: what was asked for may or may not have happened."""

    code = "connection-lost"


class RequestTimeout(VortexError):
    """No answer came in time."""

    code = "timeout"


class AccessDenied(VortexError):
    """The peer may not do that."""

    code = "access-denied"


class Unauthenticated(AccessDenied):
    """Nobody is known by what the peer has shown: a token, a certificate, a cookie."""

    code = "unauthenticated"


class _AtPath(VortexError):
    """
    A problem with one value inside a larger one.

    Attributes:
        problem: What is wrong, without the place.
        path: Where, from the outermost value down, as in ``tuples[3].due``; empty for that value itself.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def at(self, segment: str) -> Self:
        """
        Say that the place is inside something, and return the same error.

        Args:
            segment: The step down to it: ``".due"`` for a field, ``"[3]"`` for an item, or a name.
        """
        self.path = segment + self.path
        self.args = (self.problem, self.path)
        return self

    def __str__(self) -> str:
        path = self.path.removeprefix(".")
        return f"{self.problem} - at {path}" if path else self.problem


class DecodeError(_AtPath):
    """Bytes or JSON from outside do not hold what they should."""

    code = "bad-payload"


class UnknownTupleType(DecodeError):
    """A tuple arrived whose type nobody has registered here."""

    code = "unknown-tuple-type"


class EncodeError(_AtPath):
    """A value of ours has no form on the wire."""

    code = "cannot-encode"


class LimitExceeded(VortexError):
    """
    Something is larger, deeper or slower than `vortex.limits.Limits` allows.

    Args:
        limit: The name of the limit, as `Limits` has it.
        problem: What came, and how much would have been accepted.

    Attributes:
        limit: The name of the limit, as `Limits` has it.
    """

    code = "limit-exceeded"

    def __init__(self, limit: str, problem: str) -> None:
        super().__init__(limit, problem)
        self.limit = limit
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem} ({self.limit})"


class QueueOverflow(VortexError):
    """A bounded queue is full."""

    code = "queue-overflow"


class AddressInUse(VortexError):
    """Something else listens at that address already."""

    code = "address-in-use"


class DuplicateName(VortexError):
    """Something else goes by that name already."""

    code = "duplicate-name"


class NoVortex(VortexError):
    """No Vortex was named where one is needed, and the process has none, or more than one."""

    code = "no-vortex"


class UnknownRecord(VortexError):
    """The record that was asked for is not there."""

    code = "unknown-record"


class UnknownAction(VortexError):
    """Nobody carries out actions of that type, or there is no action processor of that name."""

    code = "unknown-action"


class UnknownObservable(VortexError):
    """Nothing provides what was asked for, or there is no observable of that name."""

    code = "unknown-observable"


class ConstraintViolation(VortexError):
    """The database refuses the record as it is."""

    code = "constraint-violation"


class StaleRecord(VortexError):
    """The record has been changed by someone else since it was read."""

    code = "stale-record"


class NotWritable(VortexError):
    """The peer may not set that field."""

    code = "not-writable"


class DatabaseUnavailable(VortexError):
    """The database cannot be reached, or has no room or time for this: it may work later."""

    code = "database-unavailable"


class RemoteError(VortexError):
    """
    The error that a peer answered with.

    Args:
        code: The peer's word for it; ``remote-error`` if it gave none.
        message: Its text.
    """

    code = "remote-error"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


def errorText(exc: BaseException) -> str:
    """
    What a peer is told of *exc*: ``"code: message"``.

    The message is that of a `VortexError`; of anything else a peer learns only that it was ``internal``.
    """
    if isinstance(exc, VortexError):
        return f"{exc.code}: {exc}"
    return "internal: the request failed at the other end"


def parseErrorText(text: str) -> RemoteError:
    """The error in a peer's *text*: its code is ``remote-error`` unless the text begins ``"code: "``."""
    match = _ERROR_TEXT.match(text)
    if match is None:
        return RemoteError("remote-error", text)
    return RemoteError(match[1], text[match.end() :])
