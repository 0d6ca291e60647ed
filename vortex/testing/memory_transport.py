"""
MemoryTransport: one end of a connection in memory, as a protocol sees it.

Buffering, producers and the order of a close are Twisted's own `FileDescriptor`, which TCP's transports are
too. What stands in for the socket and for the reactor's waiting on it is a `MemoryWay` in each direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IProtocol, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from vortex.clocks import Clock, DelayedCall

if TYPE_CHECKING:
    from vortex.testing.memory_way import MemoryWay

__all__ = ["MemoryTransport"]

log = Logger()


@implementer(ITCPTransport)
class MemoryTransport(FileDescriptor):
    """
    Args:
        clock: Turns of it are turns of a reactor.
        host, peer: The addresses of this end and of the other.
        errors: Gets what a protocol raises.

    Attributes:
        reading: False while the protocol takes nothing: it has paused the transport, or is closing it.
    """

    def __init__(self, clock: Clock, host: IPv4Address, peer: IPv4Address, errors: list[Failure]) -> None:
        reactor: Any = clock  # whose descriptors this one does without: see startReading and its like
        super().__init__(reactor)
        self.reading = False
        self.protocol: IProtocol | None = None
        self._clock = clock
        self._host = host
        self._peer = peer
        self._errors = errors
        self._incoming: MemoryWay
        self._outgoing: MemoryWay
        self._writing = False
        self._turn: DelayedCall | None = None
        self._aborting = False
        self._noDelay = self._keepAlive = False

    def __repr__(self) -> str:
        return f"<MemoryTransport {self._host.port} to {self._peer.port}>"

    # ---- for the connection

    def open(
        self,
        incoming: MemoryWay,
        outgoing: MemoryWay,
        protocol: IProtocol,
        whenLost: Callable[[], object] = lambda: None,
    ) -> None:
        """Connect *protocol* by this transport; *whenLost* is called when both have been parted."""
        self._incoming, self._outgoing, self._whenLost = incoming, outgoing, whenLost
        self.protocol = protocol
        self.connected = 1
        self.startReading()
        self.guarded(protocol.makeConnection, self)

    def guarded(self, function: Any, *args: object) -> None:
        """Call into the protocol. As in a reactor, what it raises is logged, and ends its connection."""
        try:
            function(*args)
        except Exception as error:
            failure = Failure()
            log.failure("{protocol} failed", failure, protocol=self.protocol)
            self._errors.append(failure)
            self.end(error)

    def give(self, data: bytes) -> None:
        """Bytes for the protocol."""
        if self.protocol is not None:
            self.guarded(self.protocol.dataReceived, data)

    def end(self, why: Exception) -> None:
        """The connection is over; the protocol is told so, once."""
        self.connectionLost(Failure(why))

    def roomAgain(self) -> None:
        """The way out takes bytes again."""
        if self._writing:
            self.startWriting()

    # ---- for FileDescriptor: what a reactor does for a socket

    def startReading(self) -> None:
        """The protocol takes bytes from now on."""
        self.reading = True
        self._incoming.wake()

    def stopReading(self) -> None:
        """The protocol takes no bytes until further notice."""
        self.reading = False

    def startWriting(self) -> None:
        """There is something to write, or to close: do it in a later turn, when there is room."""
        self._writing = True
        if self._turn is None and not self._aborting and (self._outgoing.room or self._incoming.wasReset):
            self._turn = self._clock.callLater(0, self._write)

    def stopWriting(self) -> None:
        """Nothing is left to write."""
        self._writing = False
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _write(self) -> None:
        self._turn = None
        self.guarded(self._doWrite)
        self.roomAgain()

    def _doWrite(self) -> None:
        why: Any = self.doWrite()
        if isinstance(why, Exception):
            self.end(why)

    def writeSomeData(self, data: bytes) -> int | BaseException:
        """
        Put as much of *data* on its way as there is room for.

        Returns:
            How many bytes that were; `ConnectionLost` if the other end is gone, where reading does not tell.
        """
        if data and self._incoming.wasReset and not self.reading:
            return ConnectionLost()
        return self._outgoing.take(data)

    def connectionLost(self, reason: Failure) -> None:
        """The connection is over, for *reason*."""
        if self.disconnected:
            return
        super().connectionLost(reason)
        self._outgoing.end(isReset=bool(reason.check(ConnectionAborted)))
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            whenLost = self._whenLost
            del self._whenLost  # which may know of the protocol, and the network keeps this transport
            self.guarded(protocol.connectionLost, reason)
            whenLost()
        self._incoming.wake()

    # ---- ITCPTransport

    def abortConnection(self) -> None:
        """End it now, without what waits to be written."""
        if not self.disconnected and not self._aborting:
            self._aborting = True
            self.stopReading()
            self.stopWriting()
            self._clock.callLater(0, self.end, ConnectionAborted())

    def loseWriteConnection(self) -> None:
        """Not there: a connection in memory is open both ways, or in none."""
        raise NotImplementedError("a connection in memory cannot be half closed: use loseConnection")

    def getHost(self) -> IPv4Address:
        """The address of this end."""
        return self._host

    def getPeer(self) -> IPv4Address:
        """The address of the other end."""
        return self._peer

    def getTcpNoDelay(self) -> bool:
        """What was set; it changes nothing here."""
        return self._noDelay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Kept, and without effect."""
        self._noDelay = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """What was set; it changes nothing here."""
        return self._keepAlive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Kept, and without effect."""
        self._keepAlive = bool(enabled)
