"""Answers over HTTP that have come to their end, and that nobody reads."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from tests.native_frames import hello
from tests.transports.native_wires import PREAMBLE
from tests.transports.wires import Server
from vortex.limits import Limits


class Socket(FileDescriptor):
    """The server's end of a connection whose other end reads when it is told to."""

    def __init__(self, server: Server) -> None:
        super().__init__(cast(Any, self))
        self.connected = True
        self.isAborted = False
        self.channel: Any = server.site.buildProtocol(self.getPeer())
        self.channel.makeConnection(self)

    def getPeer(self) -> Any:
        return IPv4Address("TCP", "127.0.0.1", 40000)

    getHost = getPeer

    def addWriter(self, writer: object) -> None:
        """As a reactor has it."""

    removeReader = removeWriter = addReader = addWriter

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def abortConnection(self) -> None:
        self.isAborted = True

    def writeSomeData(self, data: bytes) -> int:
        return min(self.taking, len(data))

    taking = 0

    def read(self, count: int) -> None:
        """The other end reads so much."""
        self.taking = count
        self.doWrite()

    def post(self, body: bytes, length: int | None = None) -> None:
        size = len(body) if length is None else length
        self.channel.dataReceived(
            b"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (size, body)
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock, limits=Limits(writeStall=20, maxBody=1000))


def answered(server: Server, what: str) -> Socket:
    socket = Socket(server)
    if what == "a poll":
        socket.post(PREAMBLE + hello(via="poll", wait=0))
        server.clock.advance(0.2)
    elif what == "a refusal":
        socket.post(b"x", 1001)
    else:
        socket.post(PREAMBLE + b"\x80")
    assert socket.disconnecting, "it is at its end"
    return socket


@pytest.mark.parametrize("what", ["a poll", "a refusal", "an error"])
class TestWhoReadsNothing:
    def test_holds_the_connection_no_longer_than_any(self, server: Server, clock: Clock, what: str) -> None:
        socket = answered(server, what)
        before = server.vortex.counters["slow"]

        clock.advance(19.7)
        assert not socket.isAborted
        clock.advance(0.4)

        assert socket.isAborted
        assert server.vortex.counters["slow"] == before + 1

    def test_has_its_time_as_long_as_it_reads_some(self, server: Server, clock: Clock, what: str) -> None:
        socket = answered(server, what)

        for _ in range(4):
            clock.advance(15)
            socket.read(5)

        assert not socket.isAborted
        assert server.vortex.counters["slow"] == 0

    def test_leaves_no_timer_behind(self, server: Server, clock: Clock, what: str) -> None:
        socket = answered(server, what)
        for peer in server.vortex.peers:
            server.vortex.closePeer(peer, "enough")

        socket.channel.connectionLost()
        clock.advance(0.2)

        assert clock.getDelayedCalls() == []
