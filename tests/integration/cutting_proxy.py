"""A proxy that breaks each of its connections, after as many bytes as are drawn for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["CuttingProxy"]

reactor: Any = installed


class CuttingProxy(Factory):
    """
    Args:
        port: Where the server listens, on this machine.
        draw: Gives how many bytes the next connection may carry, both ways together; None: as many as come.
        isSilent: Whether the next one to be broken stays open instead, and carries nothing more.

    Attributes:
        cuts: How many connections were broken.
    """

    noisy = False

    def __init__(
        self, port: int, draw: Callable[[], int | None], isSilent: Callable[[], bool] = lambda: False
    ) -> None:
        self.cuts = 0
        self.draw = draw
        self.isSilent = isSilent
        self.server = port
        self._ends: set[_End] = set()
        self._listening: IListeningPort

    async def listen(self) -> int:
        self._listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self)
        where: Any = self._listening.getHost()
        return int(where.port)

    def spare(self) -> None:
        """Break nothing more."""
        self.draw = lambda: None
        for end in self._ends:
            end.left = None

    async def close(self) -> None:
        stopping: Any = self._listening.stopListening()
        await stopping
        for end in tuple(self._ends):
            end.transport.abortConnection()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _End(self, None, self.draw())

    def isThere(self, end: _End) -> None:
        self._ends.add(end)

    def isGone(self, end: _End) -> None:
        self._ends.discard(end)


class _End(Protocol):
    """One end of a connection; the first is the client's."""

    transport: Any

    def __init__(self, proxy: CuttingProxy, other: _End | None, left: int | None) -> None:
        self._proxy = proxy
        self._other = other
        self._early = b""
        self._isOver = False
        self._isSilent = False
        self.left = left

    def connectionMade(self) -> None:
        self._proxy.isThere(self)
        self.transport.setTcpNoDelay(True)
        if self._other is None:
            where = TCP4ClientEndpoint(reactor, "127.0.0.1", self._proxy.server)
            connecting: Any = connectProtocol(where, _End(self._proxy, self, None))
            connecting.addCallbacks(self._both, lambda _: self.transport.abortConnection())

    def _both(self, other: _End) -> None:
        if self._isOver:
            other.transport.abortConnection()
            return
        self._other = other
        early, self._early = self._early, b""
        if early:
            self.dataReceived(early)

    @property
    def _first(self) -> _End:
        return (
            self if self._other is None or self.left is not None or self._other.left is None else self._other
        )

    def dataReceived(self, data: bytes) -> None:
        if self._other is None:
            self._early += data
            return
        if self._isSilent:
            return
        first = self._first
        if first.left is not None:
            data, first.left = data[: first.left], first.left - len(data[: first.left])
        self._other.transport.write(data)
        if first.left == 0 and not self._isOver:
            self._proxy.cuts += 1
            isSilent = self._proxy.isSilent()
            for end in (self, self._other):
                end._isSilent = isSilent
                if isSilent:
                    continue
                end._isOver = True
                end.transport.loseConnection()
                reactor.callLater(0, end.transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._proxy.isGone(self)
        self._isOver = True
        if self._other is not None and not self._isSilent:
            self._other.transport.loseConnection()
