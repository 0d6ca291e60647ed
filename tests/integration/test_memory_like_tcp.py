"""
The network in memory against TCP: the same protocols do the same on both, and note the same.

How bytes are grouped into calls is left open, as it is on TCP.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.integration.children import PATIENCE
from tests.integration.on_reactor import onReactor
from vortex.testing import MemoryNetwork

reactor: Any = installed

SCRIPTS = (
    "says goodbye",
    "answers and closes",
    "aborts",
    "fails at the first byte",
    "closes at once",
    "both close",
    "aborts on one that is paused",
    "closes on one that is paused",
    "closes behind a producer",
)
MUCH = b"x" * 1_000_000


class Scripted(Protocol):
    """
    One end. What it does is written down in `connectionMade` and `dataReceived`, by the script's name.

    Attributes:
        notes: What happened, in order; bytes that came one after the other as one.
        over: Fires with the notes when the connection is lost.
    """

    transport: Any

    def __init__(self, script: str, isServer: bool) -> None:
        self.script = script
        self.isServer = isServer
        self.notes: list[str | bytes] = []
        self.over: Deferred[list[str | bytes]] = Deferred()

    def connectionMade(self) -> None:
        self.notes.append("made")
        match self.script, self.isServer:
            case "says goodbye", False:
                self.transport.writeSequence([b"good", b"bye"])
                self.transport.loseConnection()
                self.transport.write(b", and a word after it")
            case "answers and closes", False:
                self.transport.write(MUCH)
            case (("aborts" | "fails at the first byte"), False):
                self.transport.write(b"!")
            case "closes at once", True:
                self.transport.loseConnection()
            case "both close", _:
                self.transport.loseConnection()
            case (("aborts on one that is paused" | "closes on one that is paused"), True):
                self.transport.pauseProducing()
                self._knock()
            case "closes behind a producer", False:
                self.transport.registerProducer(self, True)
                self.transport.write(MUCH)
                self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        last = self.notes[-1]
        if isinstance(last, bytes):
            self.notes[-1] = data = last + data
        else:
            self.notes.append(data)
        match self.script, self.isServer:
            case "answers and closes", True if len(data) == len(MUCH):
                self.transport.write(MUCH)
                self.transport.loseConnection()
            case "aborts", True:
                self.transport.write(b"never seen")
                self.transport.abortConnection()
            case "fails at the first byte", True:
                raise ZeroDivisionError
            case "aborts on one that is paused", False:
                self.transport.abortConnection()
            case "closes on one that is paused", False:
                self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.notes.append(type(reason.value).__name__)
        assert self.transport.connected == 0
        self.over.callback(self.notes)

    def _knock(self) -> None:
        """Write until that does not go any more."""
        if self.transport.connected:
            self.transport.write(b"knock")
            reactor.callLater(0.05, self._knock)

    # ---- as a producer

    def pauseProducing(self) -> None:
        self.notes.append("pause")

    def resumeProducing(self) -> None:
        self.notes.append("resume")
        self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.notes.append("stop")


class _One(Factory):
    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self.only = protocol

    def buildProtocol(self, addr: Any) -> Protocol:
        return self.only


async def played(script: str, network: MemoryNetwork | None) -> list[list[str | bytes]]:
    """What the client and the server have noted at the end, on *network* or else on TCP."""
    client, server = Scripted(script, False), Scripted(script, True)
    if network is None:
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_One(server))
        there: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    else:
        port = await network.serverEndpoint("there").listen(_One(server))
        there = network.clientEndpoint("there")
    await there.connect(_One(client))
    over = gatherResults([client.over, server.over]).addTimeout(PATIENCE, reactor)
    notes: list[list[str | bytes]] = await over
    await port.stopListening()
    return notes


class TestTheSameScript:
    @pytest.mark.parametrize("script", SCRIPTS)
    @onReactor
    async def test_is_noted_as_on_tcp(self, script: str) -> None:
        inMemory = await played(script, MemoryNetwork(reactor))
        onTcp = await played(script, None)

        assert inMemory == onTcp
        assert len(onTcp[0]) > 1
