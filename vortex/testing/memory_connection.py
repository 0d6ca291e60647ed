"""
MemoryConnection: one connection of a `MemoryNetwork`, to look at and to break.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocol

from vortex.testing.memory_transport import MemoryTransport
from vortex.testing.memory_way import MemoryWay

if TYPE_CHECKING:
    from vortex.testing.memory_network import MemoryNetwork

__all__ = ["MemoryConnection"]


class MemoryConnection:
    """
    Attributes:
        number: Which it is of the network's connections; the first is 0.
        name: Where its server listens.
        toServer, toClient: Its two directions: their counters, their faults.
    """

    def __init__(self, network: MemoryNetwork, number: int, name: str, client: IPv4Address) -> None:
        server = network.addressOf(name)
        self.number = number
        self.name = name
        self.toServer = MemoryWay(network.clock, network.window, self.cut)
        self.toClient = MemoryWay(network.clock, network.window, self.cut)
        self._clock = network.clock
        self._isCut = False
        self._client = MemoryTransport(network.clock, client, server, network.errors)
        self._server = MemoryTransport(network.clock, server, client, network.errors)
        self.toServer.connect(self._client, self._server, self.toClient)
        self.toClient.connect(self._server, self._client, self.toServer)

    def __repr__(self) -> str:
        state = "open" if self.isOpen else "over"
        return (
            f"<connection {self.number} to {self.name!r}, {state}, "
            f"{self.toServer.delivered} bytes to the server, {self.toClient.delivered} to the client>"
        )

    @property
    def isOpen(self) -> bool:
        """False as soon as one end has closed it, or it was cut. One that is half open is open."""
        return not (self._isCut or self._client.disconnected or self._server.disconnected)

    def cut(self) -> None:
        """
        Break it: what is under way or waits to be written is lost at once.

        Both ends get ``connectionLost(ConnectionLost)`` in the next turn of the clock.
        """
        if not self._isCut:
            self._isCut = True
            for way in (self.toServer, self.toClient):
                way.clear()
            for end in (self._client, self._server):
                self._clock.callLater(0, end.end, ConnectionLost())

    def halfOpen(self) -> None:
        """
        Let all bytes vanish from now on, both ways, and tell nobody, as when a cable is pulled.

        Each end has to find out for itself. Closing it ends it there, and there only.
        """
        for way in (self.toServer, self.toClient):
            way.stop()

    def open(self, client: IProtocol, server: IProtocol, whenClientLost: Callable[[], object]) -> None:
        """For the network: connect these two."""
        self._client.open(self.toClient, self.toServer, client, whenClientLost)
        self._server.open(self.toServer, self.toClient, server)
