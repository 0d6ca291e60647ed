"""
Dialling: what an outgoing link tells whoever asked for it, and why one could not be made, in words.

Each transport has a function that dials; all of them call the same two methods of a `LinkWatcher`.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet import error as errors
from twisted.python.failure import Failure

from vortex.errors import (
    AccessDenied,
    CertificateRefused,
    ConnectionLost,
    ConnectionRefused,
    NameNotFound,
    NotConnected,
    Unauthenticated,
    VortexError,
)
from vortex.protocol.codes import CloseCode
from vortex.routing.ports import Peer

__all__ = ["Dialled", "LinkWatcher", "cannotConnect", "endOfSession", "httpError", "withIdentity"]


class LinkWatcher(Protocol):
    """Who asked for a link."""

    def linkOpened(self, peer: Peer) -> None:
        """The other end has said who it is. Called at most once."""

    def linkEnded(self, error: VortexError) -> None:
        """
        The link is over, or was never made, and nothing of it is left. Called exactly once.

        Args:
            error: `NotConnected` or one of its kind, `AccessDenied`, or `ConnectionLost`.
        """


class Dialled(Protocol):
    """A link that is being made, or is there."""

    def close(self, reason: str) -> None:
        """End it, after what was written. `LinkWatcher.linkEnded` follows. Closing twice does nothing."""


def cannotConnect(failure: Failure, where: str) -> VortexError:
    """
    What to tell of a connection that was not made, or broke.

    Args:
        failure: What Twisted says.
        where: The URL that was dialled, for people to read.
    """
    error = failure.value
    assert error is not None
    if isinstance(error, VortexError):
        return error
    if isinstance(error, (errors.DNSLookupError, errors.UnknownHostError)):
        return NameNotFound(f"{where}: the host's name does not resolve")
    if isinstance(error, (errors.ConnectionRefusedError, FileNotFoundError)):
        return ConnectionRefused(f"{where}: nobody listens there")
    if isinstance(error, errors.TimeoutError):
        return NotConnected(f"{where}: no answer in time")
    if isinstance(error, errors.ConnectBindError):
        return NotConnected(f"{where}: no local address to connect from: {error}")
    if f"{type(error).__module__}.{type(error).__name__}" == "OpenSSL.SSL.Error":  # not everyone has it
        return _tlsError(error, where)
    if type(error).__name__ == "VerificationError":
        return CertificateRefused(f"{where}: the server's certificate is for another name")
    return ConnectionLost(f"{where}: {failure.getErrorMessage()}")


def endOfSession(code: str, reason: str, where: str) -> VortexError | None:
    """What to tell of a link whose session ended so; None: the words in which its connection ended."""
    if code == CloseCode.LOST.value:
        return None
    if code == CloseCode.REFUSED.value:
        return AccessDenied(f"{where}: {reason}")
    return ConnectionLost(f"{where}: {reason}")


def httpError(status: int, text: str, where: str) -> VortexError:
    """What to tell of an HTTP answer that is no vortex; *text* is the server's, or about it."""
    if status == 401:
        return Unauthenticated(f"{where}: {text}")
    if status == 403:
        return AccessDenied(f"{where}: {text}")
    return NotConnected(f"{where}: expected a vortex, got HTTP status {status}: {text}")


def withIdentity(url: str, uuid: str, name: str) -> str:
    """*url* with who we are in its query."""
    parts = urlsplit(url)
    query = urlencode({"vortexUuid": uuid, "vortexName": name})
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))


def _tlsError(error: BaseException, where: str) -> VortexError:
    """What OpenSSL has to say, as (library, function, reason) each."""
    found = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = ", ".join(str(each[-1]) for each in found) or "no reason given"
    if "alert" in reasons:
        return CertificateRefused(f"{where}: the other end does not accept our certificate: {reasons}")
    if "certificate" in reasons:
        return CertificateRefused(f"{where}: the server's certificate is not accepted: {reasons}")
    return NotConnected(f"{where}: no TLS with the other end: {reasons}")
