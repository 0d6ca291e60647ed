"""
Dialling: what an outgoing link tells whoever asked for it, and why one could not be made, in words.

Each transport has a function that dials; all of them call the same two methods of a `LinkWatcher`.
"""

from __future__ import annotations

import errno
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet import error as errors
from twisted.python.failure import Failure

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    ConnectionRefused,
    NameNotFound,
    NotConnected,
    Unauthenticated,
    VortexError,
    parseErrorText,
)
from vortex.protocol.codes import CloseCode
from vortex.routing.ports import Peer
from vortex.transports.tls_words import isTlsError, tlsError

__all__ = [
    "Dialled",
    "HungUp",
    "LinkWatcher",
    "NotNative",
    "cannotConnect",
    "endOfSession",
    "httpError",
    "withIdentity",
]

_REFUSALS: dict[str, type[VortexError]] = {each.code: each for each in (Unauthenticated, NotConnected)}


class NotNative(NotConnected):
    """The other end does not speak the native wire; it may speak VortexPY's."""


class HungUp(NotNative):
    """It has hung up instead of an answer, as VortexPY's servers do; or the line was cut just then."""


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
    if isinstance(error, errors.ConnectionRefusedError) or _isMissing(error):
        return ConnectionRefused(f"{where}: nobody listens there")
    if isinstance(error, errors.TimeoutError):
        return NotConnected(f"{where}: no answer in time")
    if isinstance(error, errors.ConnectBindError):
        return NotConnected(f"{where}: no local address to connect from: {error}")
    if isTlsError(error):
        return tlsError(error, where)
    wasThere = failure.check(errors.ConnectionDone, errors.ConnectionLost, errors.ConnectionAborted)
    return (ConnectionLost if wasThere else NotConnected)(f"{where}: {failure.getErrorMessage()}")


def endOfSession(code: str, reason: str, where: str) -> VortexError | None:
    """
    What to tell of a link whose session is over; None: the words in which its connection ended.

    Args:
        code: A `CloseCode`'s word.
        reason: Why, in a sentence; for REFUSED what the other end has sent, its error's code included.
    """
    if code == CloseCode.LOST.value:
        return None
    if code == CloseCode.REFUSED.value:
        refusal = parseErrorText(reason)
        return _REFUSALS.get(refusal.code, AccessDenied)(f"{where}: {refusal.message}")
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


def _isMissing(error: BaseException) -> bool:
    """Whether *error* is of a Unix socket that is not there."""
    isConnectError = isinstance(error, errors.ConnectError)
    return errno.ENOENT in (getattr(error, "errno", None), isConnectError and getattr(error, "osError", None))
