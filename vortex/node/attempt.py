"""
Attempt: one link of an outgoing connection, from the wish for it to its end.

It stands between the transport, which may tell of the end before it has even returned what it dialled, and
the connection, which may close it before anything was dialled.
"""

from __future__ import annotations

from typing import Protocol

from vortex.errors import CertificateRefused, ConnectionLost, NotConnected, VortexError
from vortex.node.dialler import Dialler
from vortex.routing.ports import Peer
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled

__all__ = ["Attempt", "AttemptWatcher"]

CLOSED = "the connection was closed"


class AttemptWatcher(Protocol):
    """Who makes attempts."""

    def attemptOpened(self, attempt: Attempt, peer: Peer) -> None:
        """The other end has said who it is. Called at most once."""

    def attemptEnded(self, attempt: Attempt, error: VortexError) -> None:
        """It is over, or came to nothing, and nothing of it is left. Called exactly once."""


class Attempt:
    """
    Args:
        watcher: Is told what comes of it.
        where: The URL, for people to read.
    """

    def __init__(self, watcher: AttemptWatcher, where: str) -> None:
        self._watcher: AttemptWatcher | None = watcher
        self._where = where
        self._dialler: Dialler | None = None
        self._dialled: Dialled | None = None
        self._wasOpen = False
        self._isClosed = False

    def begin(self, dialler: Dialler, line: ClientLine | None, *, mayReset: bool = True) -> None:
        """
        Args:
            line, mayReset: As `Dialler.dial` has them.
        """
        self._dialler = dialler
        try:
            dialled = dialler.dial(self, line, mayReset=mayReset)
        except VortexError as error:
            self._end(error)
            return
        except Exception as error:  # of the application's token, a certificate's file, an endpoint
            failed = NotConnected(f"{self._where}: {type(error).__name__}: {error}")
            failed.__cause__ = error
            self._end(failed)
            return
        if self._watcher is not None:
            self._dialled = dialled
            if self._isClosed:
                dialled.close(CLOSED)

    def close(self) -> None:
        self._isClosed = True
        if self._dialled is not None:
            self._dialled.close(CLOSED)
        elif self._dialler is None:  # it has not begun
            self._end(NotConnected(CLOSED))

    def linkOpened(self, peer: Peer) -> None:
        self._wasOpen = True
        if self._watcher is not None:
            self._watcher.attemptOpened(self, peer)

    def linkEnded(self, error: VortexError) -> None:
        problem = None if self._dialler is None else self._dialler.certificateProblem
        if isinstance(error, CertificateRefused) and problem is not None:
            error = CertificateRefused(f"{self._where}: the server's certificate is not accepted: {problem}")
        elif type(error) is ConnectionLost and not self._wasOpen:
            error = NotConnected(str(error))
        self._end(error)

    def _end(self, error: VortexError) -> None:
        watcher, self._watcher, self._dialled = self._watcher, None, None
        if watcher is not None:
            watcher.attemptEnded(self, error)
