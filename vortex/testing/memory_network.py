"""
MemoryNetwork: connections between Twisted protocols in one process, byte by byte, without a socket.

Its endpoints go wherever Twisted's do: `listen` and `connect` of a server and a client, an `Agent`, a `Site`.
Protocols on it see what they see on TCP, the same transport, producers and order of events. Only a turn of
the reactor is a turn of the clock: with a test's clock, nothing happens until the test lets it.

It has no TLS and no half-closed connections.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from vortex.clocks import Clock
from vortex.testing.memory_connection import MemoryConnection

__all__ = ["MemoryNetwork"]

LOCALHOST = "127.0.0.1"
FIRST_CLIENT_PORT = 40_000

log = Logger()


class MemoryNetwork:
    """
    Args:
        clock: Its turns are the network's: a test's clock, or a reactor.
        window: Bytes that are held between a writer and a reader, each way, before the writer has to wait.

    Attributes:
        connectDelay: Seconds that a connection takes to be there, or to be refused.
        errors: What protocols have raised, which a reactor would only log. Each has cost its connection.
    """

    def __init__(self, clock: Clock, *, window: int = 64 * 1024) -> None:
        self.clock = clock
        self.window = window
        self.connectDelay = 0.0
        self.errors: list[Failure] = []
        self._ports: dict[str, _Port] = {}
        self._addresses: dict[str, IPv4Address] = {}
        self._connections: list[MemoryConnection] = []
        self._onConnect: list[Callable[[MemoryConnection], object]] = []

    @property
    def connections(self) -> tuple[MemoryConnection, ...]:
        """All that were ever made, in that order; `isOpen` tells which are there now."""
        return tuple(self._connections)

    def onConnect(self, callback: Callable[[MemoryConnection], object]) -> Callable[[], None]:
        """
        Call ``callback(connection)`` for each new connection, before its first byte: the place for faults.

        Returns:
            A function that ends it.
        """
        self._onConnect.append(callback)

        def stop() -> None:
            if callback in self._onConnect:
                self._onConnect.remove(callback)

        return stop

    def serverEndpoint(self, name: str) -> IStreamServerEndpoint:
        """Where to listen under *name*. A name that is listened at fails with `CannotListenError`."""
        return _ServerEndpoint(self, name)

    def clientEndpoint(self, name: str, *, address: str = LOCALHOST) -> IStreamClientEndpoint:
        """
        Where to connect to who listens at *name*; `ConnectionRefusedError` where nobody does.

        Args:
            name: As it was given to `serverEndpoint`.
            address: The IPv4 address that the client seems to come from.
        """
        return _ClientEndpoint(self, name, address)

    def addressOf(self, name: str) -> IPv4Address:
        """The address that stands for *name*: 127.0.0.1, and a port of its own."""
        return self._addresses.setdefault(name, IPv4Address("TCP", LOCALHOST, len(self._addresses) + 1))

    def _connect(self, name: str, address: str, factory: IProtocolFactory) -> IProtocol:
        """A new connection; returns the client's protocol. Raises what a client's endpoint fails with."""
        port = self._ports.get(name)
        if port is None:
            raise error.ConnectionRefusedError(f"nobody listens at {name!r} in this network")
        number = len(self._connections)
        here = IPv4Address("TCP", address, FIRST_CLIENT_PORT + number)
        client = factory.buildProtocol(self.addressOf(name))
        if client is None:
            raise error.NoProtocol()
        connection = MemoryConnection(self, number, name, here)
        self._connections.append(connection)
        for callback in tuple(self._onConnect):
            callback(connection)
        connection.open(client, self._protocolOf(port, here), factory.doStop)
        return client

    def _protocolOf(self, port: _Port, client: IPv4Address) -> IProtocol:
        """The server's protocol; one that hangs up where its factory has none."""
        try:
            protocol = port.factory.buildProtocol(client)
        except Exception:
            failure = Failure()
            log.failure("{factory} failed", failure, factory=port.factory)
            self.errors.append(failure)
            protocol = None
        return protocol or _HangsUp()


class _HangsUp(Protocol):
    """What a server without a protocol for a connection does with it."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


@implementer(IListeningPort)
class _Port:
    """Somebody listens."""

    def __init__(self, network: MemoryNetwork, name: str, factory: IProtocolFactory) -> None:
        self.factory = factory
        self._network = network
        self._name = name

    def startListening(self) -> None:
        if self._name in self._network._ports:
            host = self.getHost()
            raise error.CannotListenError(
                host.host, host.port, OSError(f"somebody listens at {self._name!r}")
            )
        self._network._ports[self._name] = self
        self.factory.doStart()

    def stopListening(self) -> Deferred[None]:
        if self._network._ports.get(self._name) is self:
            del self._network._ports[self._name]
            self.factory.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address:
        return self._network.addressOf(self._name)


@implementer(IStreamServerEndpoint)
class _ServerEndpoint:
    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self._name = name

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        port = _Port(self._network, self._name, protocolFactory)
        try:
            port.startListening()
        except error.CannotListenError:
            return fail()
        return succeed(port)


@implementer(IStreamClientEndpoint)
class _ClientEndpoint:
    def __init__(self, network: MemoryNetwork, name: str, address: str) -> None:
        self._network = network
        self._name = name
        self._address = address

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        network = self._network

        def cancelled(deferred: Deferred[IProtocol]) -> None:
            call.cancel()
            protocolFactory.doStop()
            deferred.errback(error.ConnectingCancelledError(network.addressOf(self._name)))

        def connect() -> None:
            try:
                protocol = network._connect(self._name, self._address, protocolFactory)
            except Exception:
                protocolFactory.doStop()
                connected.errback()
            else:
                connected.callback(protocol)

        connected: Deferred[IProtocol] = Deferred(cancelled)
        protocolFactory.doStart()
        call = network.clock.callLater(network.connectDelay, connect)
        return connected
