"""
Streams that we make to others.
"""

from __future__ import annotations

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.native_stream_client import NativeStream
from vortex.transports.session_driver import SessionDriver
from vortex.transports.strangers import BEGINNING, notRaw
from vortex.transports.stream import Stream
from vortex.transports.stream_dialling import StreamDialling
from vortex.transports.transport import LinkHost

__all__ = ["dialStream"]


class _VortexPyStream(Stream):
    """One connection, with a session of its own."""

    def __init__(self, host: LinkHost, dialling: StreamDialling) -> None:
        super().__init__(host)
        self._dialling = dialling
        self._beginning: bytes | None = b""  # until it is known not to be a stranger's

    def connectionMade(self) -> None:
        self._dialling.isMade(self)
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


def dialStream(
    host: LinkHost,
    endpoint: IStreamClientEndpoint,
    watcher: LinkWatcher,
    *,
    where: str,
    line: ClientLine | None = None,
    mayReset: bool = True,
) -> Dialled:
    """
    Connect *host* by *endpoint*, and tell *watcher* what comes of it.

    Args:
        endpoint: Does TLS where there is to be any.
        where: The URL, for people to read.
        line: Whose session it is to carry, on the native wire; None: VortexPY's.
        mayReset: As `vortex.transports.client_line.Carrier` has it.
    """

    def newStream(dialling: StreamDialling) -> Stream:
        if line is None:
            return _VortexPyStream(host, dialling)
        return NativeStream(host, dialling, line, mayReset)

    dialling = StreamDialling(host, watcher, where, newStream)
    dialling.connect(endpoint)
    return dialling
