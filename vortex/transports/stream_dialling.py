"""
Streams that we make to others, from the wish for one to its end, whatever wire goes over it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error as errors
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from vortex.clocks import DelayedCall
from vortex.errors import ConnectionLost, NotConnected, VortexError
from vortex.protocol.codes import CloseCode
from vortex.routing.ports import Peer
from vortex.transports.dial import LinkWatcher, cannotConnect, endOfSession
from vortex.transports.stream import Stream
from vortex.transports.transport import LinkHost

__all__ = ["StreamDialling"]


class StreamDialling:
    """
    From the wish for a link to its end.

    Args:
        where: The URL, for people to read.
        kind: Makes what the connection becomes.
    """

    def __init__(
        self,
        host: LinkHost,
        watcher: LinkWatcher,
        where: str,
        kind: Callable[[StreamDialling], Stream],
    ) -> None:
        self._stream: Stream | None = None
        self._isGivenUp = False
        self._host = host
        self._watcher = watcher
        self._where = where
        self._kind = kind
        self._isOpened = False
        self._hasEnded = False
        self._error: VortexError | None = None
        self._connecting: Deferred[Any] | None = None
        seconds = host.limits.connectTimeout
        self._timer: DelayedCall | None = host.wheel.callLater(seconds, self._tooLate, seconds)

    def connect(self, endpoint: IStreamClientEndpoint) -> None:
        self._connecting = endpoint.connect(_Factory(self))
        self._connecting.addErrback(self._notConnected)

    def close(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.end(CloseCode.NORMAL, reason)
        else:
            self.failed(reason)
            self._giveUp()

    def failed(self, problem: str) -> None:
        """The reason, if there is none yet, why it is about to end."""
        kind = ConnectionLost if self._isOpened else NotConnected
        self._error = self._error or kind(f"{self._where}: {problem}")

    def newStream(self) -> Stream:
        """For the factory."""
        return self._kind(self)

    # ---- what the stream tells

    def isMade(self, stream: Stream) -> None:
        """It is there, and TLS is not yet."""
        self._stream = stream
        if self._isGivenUp:
            stream.abort()

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
        if not self._isOpened and reason.check(errors.ConnectionDone, errors.ConnectionLost):
            instead = "" if self._stream is not None and self._stream.isTls else ", or does it want tls://"
            self.failed(
                f"the other end hung up before it said who it is: is it a vortex's raw connection{instead}?"
            )
        self._end(reason)

    # ---- between them

    def _notConnected(self, failure: Failure) -> None:
        if self._stream is None:  # its end is told by the stream
            self._end(failure)

    def _tooLate(self, seconds: float) -> None:
        self._timer = None
        self.failed(f"it was not there within {seconds:g} s (connectTimeout)")
        self._giveUp()

    def _giveUp(self) -> None:
        self._isGivenUp = True
        if self._stream is not None:
            self._stream.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def _end(self, failure: Failure) -> None:
        if not self._hasEnded:
            self._hasEnded = True
            self.isThere()
            self._watcher.linkEnded(self._error or cannotConnect(failure, self._where))


class _Factory(Factory):
    noisy = False

    def __init__(self, dialling: StreamDialling) -> None:
        self._dialling = dialling

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._dialling.newStream()
