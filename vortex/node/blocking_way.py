"""
Blocking way: what carries the frames of a native session for a program without a reactor.

Each of its calls blocks for as long as it is told to and no longer. `vortex.node.blocking_stream` and
`vortex.node.blocking_posts` are ways; when to connect again is `vortex.node.blocking_session`'s.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import Protocol

from vortex.errors import CertificateRefused, ConnectionLost, ConnectionRefused, NameNotFound, VortexError
from vortex.protocol.client_session import ClientSession

__all__ = ["FAREWELL", "PIECE", "Lost", "Way", "failed", "forsaken"]

PIECE = 64 << 10
"""Bytes that are read at once."""

FAREWELL = 2.0
"""Seconds that the end of a session may take to be said."""


class Lost(Exception):
    """
    The connection is gone, or could not be made; the next attempt may succeed.

    Attributes:
        why: As an error that may be told.
    """

    def __init__(self, why: VortexError) -> None:
        super().__init__(str(why))
        self.why = why


class Way(Protocol):
    """
    What raises `Lost` may be tried again; any other VortexError is what would come of it each time.

    Attributes:
        isAcknowledged: Whether the other end says at once that it has taken what was written.
    """

    isAcknowledged: bool

    def open(self, session: ClientSession, seconds: float) -> None:
        """Make a connection that carries *session*."""

    def exchange(self, session: ClientSession, seconds: float) -> None:
        """Write what is to be written; or, if there is nothing, read what comes within that time."""

    def farewell(self, session: ClientSession) -> None:
        """Say what the session says last, if anything carries it."""

    def interrupt(self) -> None:
        """From another thread: have what blocks just now fail."""

    def close(self) -> None:
        """Let go of the connection."""

    def forsake(self) -> None:
        """In a process that was forked: let go of the connection, to which the parent holds on."""


def forsaken(connected: socket.socket | None) -> None:
    """Close no more than this process's hold on it; nothing is said, and no lock is waited for."""
    if connected is not None and connected.fileno() >= 0:
        os.close(connected.detach())


def failed(error: Exception, where: str) -> Exception:
    """What is to be raised for *error*, which a socket or `http.client` has raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(f"{where}: the certificate is not believed: {error.verify_message}")
    if isinstance(error, socket.gaierror):
        return Lost(NameNotFound(f"{where}: {error.strerror}"))
    if isinstance(error, ConnectionRefusedError):
        return Lost(ConnectionRefused(f"{where}: nobody listens there"))
    if isinstance(error, TimeoutError):
        return Lost(ConnectionLost(f"{where}: nothing came in time"))
    return Lost(ConnectionLost(f"{where}: {str(error) or type(error).__name__}"))
