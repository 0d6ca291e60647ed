"""
Streams that we make to others.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from vortex.clocks import DelayedCall
from vortex.errors import NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.routing.ports import Peer
from vortex.transports.dial import LinkWatcher, cannotConnect, endOfSession
from vortex.transports.session_driver import SessionDriver
from vortex.transports.strangers import BEGINNING, notRaw
from vortex.transports.stream import Stream
from vortex.transports.transport import LinkHost

__all__ = ["dialStream"]


class _Dialled(Stream):
    """One connection."""

    def __init__(self, host: LinkHost, dialling: _Dialling) -> None:
        super().__init__(host)
        self._dialling = dialling
        self._beginning: bytes | None = b""  # until it is known not to be a stranger's

    def connectionMade(self) -> None:
        self._dialling.stream = self
        if self._dialling.isGivenUp:
            self.abort()
        super().connectionMade()

    def begin(self) -> None:
        self._dialling.isThere()
        driver = SessionDriver(
            self.session(),
            self._host,
            kind=self.kind,
            address=self.address or "local",
            onOpened=self._dialling.opened,
            onClosed=self._dialling.sessionEnded,
        )
        self.carry(driver)

    def dataReceived(self, data: bytes) -> None:
        if self._beginning is not None:
            self._beginning += data[:BEGINNING]
            problem = notRaw(self._beginning)
            if problem is not None:
                self._dialling.failed(problem)
                self.abort()
                return
            if len(self._beginning) >= BEGINNING:
                self._beginning = None
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._dialling.connectionLost(reason)


class _Dialling:
    """From the wish for a link to its end."""

    def __init__(self, host: LinkHost, watcher: LinkWatcher, where: str) -> None:
        self.stream: _Dialled | None = None
        self.isGivenUp = False
        self._host = host
        self._watcher = watcher
        self._where = where
        self._isOpened = False
        self._hasEnded = False
        self._error: VortexError | None = None
        self._connecting: Deferred[Any] | None = None
        seconds = host.limits.connectTimeout
        self._timer: DelayedCall | None = host.wheel.callLater(seconds, self._tooLate, seconds)

    def connect(self, endpoint: IStreamClientEndpoint) -> None:
        self._connecting = endpoint.connect(_Factory(self._host, self))
        self._connecting.addErrback(self._notConnected)

    def close(self, reason: str) -> None:
        if self.stream is not None:
            self.stream.end(CloseCode.NORMAL, reason)
        else:
            self._giveUp()

    def failed(self, problem: str) -> None:
        """The reason, if there is none yet, why it is about to end."""
        self._error = self._error or NotConnected(f"{self._where}: {problem}")

    # ---- what the stream tells

    def isThere(self) -> None:
        """It is connected, in TLS too if it is encrypted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def opened(self, peer: Peer) -> None:
        self._isOpened = True
        self._watcher.linkOpened(peer)

    def sessionEnded(self, code: str, reason: str) -> None:
        self._error = self._error or endOfSession(code, reason, self._where)

    def connectionLost(self, reason: Failure) -> None:
        if not self._isOpened and reason.check(ConnectionDone, ConnectionLost):
            instead = "" if self.stream is not None and self.stream.isTls else ", or does it want tls://"
            self.failed(
                f"the other end hung up before it said who it is: is it a vortex's raw connection{instead}?"
            )
        self._end(reason)

    # ---- between them

    def _notConnected(self, failure: Failure) -> None:
        if self.stream is None:  # its end is told by the stream
            self._end(failure)

    def _tooLate(self, seconds: float) -> None:
        self._timer = None
        self.failed(f"it was not there within {seconds:g} s (connectTimeout)")
        self._giveUp()

    def _giveUp(self) -> None:
        self.isGivenUp = True
        if self.stream is not None:
            self.stream.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def _end(self, failure: Failure) -> None:
        if not self._hasEnded:
            self._hasEnded = True
            self.isThere()
            self._watcher.linkEnded(self._error or cannotConnect(failure, self._where))


class _Factory(Factory):
    noisy = False

    def __init__(self, host: LinkHost, dialling: _Dialling) -> None:
        self._host = host
        self._dialling = dialling

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Dialled(self._host, self._dialling)


def dialStream(
    host: LinkHost, endpoint: IStreamClientEndpoint, watcher: LinkWatcher, *, where: str
) -> _Dialling:
    """
    Connect *host* by *endpoint*, and tell *watcher* what comes of it.

    Args:
        endpoint: Does TLS where there is to be any.
        where: The URL, for people to read.
    """
    dialling = _Dialling(host, watcher, where)
    dialling.connect(endpoint)
    return dialling
