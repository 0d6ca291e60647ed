"""Frames that go straight to the kernel never overtake what is queued before them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.internet import tcp
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactor, StringTransport

from vortex.transports.direct_write import writeNow


class Counting(MemoryReactor):
    """A reactor that only notes who wants to write."""

    def addReader(self, reader: object) -> None: ...
    def removeReader(self, reader: object) -> None: ...
    def addWriter(self, writer: object) -> None:
        self.wanted = True

    def removeWriter(self, writer: object) -> None: ...


class TestWriteNow:
    @pytest.fixture
    def pair(self) -> Iterator[tuple[tcp.Server, socket.socket]]:
        """Twisted's own server connection on one end of a socket pair, the client's socket on the other."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        server = tcp.Server(ours, Protocol(), ("127.0.0.1", 1), None, 1, Counting())  # type: ignore[arg-type]
        yield server, theirs
        ours.close()
        theirs.close()

    def test_is_with_the_kernel_at_once(self, pair: tuple[tcp.Server, socket.socket]) -> None:
        server, client = pair

        writeNow(server, b"frame")

        assert client.recv(100) == b"frame"
        assert not server._tempDataBuffer

    def test_a_control_frame_that_waits_keeps_its_place(self, pair: tuple[tcp.Server, socket.socket]) -> None:
        server, client = pair
        server.write(b"pong ")
        writeNow(server, b"data ")
        server.write(b"close")
        with pytest.raises(BlockingIOError):
            client.recv(100)

        server.doWrite()

        assert client.recv(100) == b"pong data close"

    def test_what_the_kernel_does_not_take_waits_in_order(
        self, pair: tuple[tcp.Server, socket.socket]
    ) -> None:
        server, client = pair
        sent = [b"%07d." % number * 4096 for number in range(100)]
        for frame in sent:
            writeNow(server, frame)
        assert server._tempDataBuffer  # the socket was full long before

        received = b""
        while len(received) < sum(map(len, sent)):
            server.doWrite()
            try:
                received += client.recv(1 << 20)
            except BlockingIOError:
                continue

        assert received == b"".join(sent)

    def test_a_closed_connection_is_left_to_the_reactor(self, pair: tuple[tcp.Server, socket.socket]) -> None:
        server, client = pair
        client.close()

        writeNow(server, b"one")
        writeNow(server, b"two")

        assert isinstance(server.doWrite(), Exception)

    def test_writes_as_usual_to_anything_else(self) -> None:
        transport = StringTransport()

        writeNow(transport, b"frame")

        assert transport.value() == b"frame"
