"""Frames that go straight to the kernel: in one piece for each turn, and never past what is queued before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport

from vortex.transports.direct_write import writeSoon


class Counting(MemoryReactorClock):
    """A reactor that only notes who wants to write, and a clock: a turn is over when it is advanced."""

    wanted = False

    def addReader(self, reader: object) -> None: ...
    def removeReader(self, reader: object) -> None: ...
    def addWriter(self, writer: object) -> None:
        self.wanted = True

    def removeWriter(self, writer: object) -> None:
        self.wanted = False


class Producer:
    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None: ...


Pair = tuple[tcp.Server, socket.socket]


@pytest.fixture
def reactor() -> Counting:
    return Counting()


@pytest.fixture
def pair(reactor: Counting) -> Iterator[Pair]:
    """Twisted's own server connection on one end of a socket pair, the client's socket on the other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    server = tcp.Server(ours, Protocol(), ("127.0.0.1", 1), None, 1, reactor)  # type: ignore[arg-type]
    yield server, theirs
    ours.close()
    theirs.close()
    reactor.advance(0)


def sends(server: tcp.Server, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the kernel is given from now on, at each time."""
    given: list[int] = []
    real = server.writeSomeData

    def send(data: bytes) -> Any:
        given.append(len(data))
        return real(data)

    monkeypatch.setattr(server, "writeSomeData", send)
    return given


def nothingCame(client: socket.socket) -> bool:
    try:
        client.recv(100)
    except BlockingIOError:
        return True
    return False


class TestWhatIsWrittenSoon:
    def test_is_with_the_kernel_at_the_end_of_the_turn_and_nobody_waits_to_be_writable(
        self, pair: Pair, reactor: Counting
    ) -> None:
        server, client = pair

        writeSoon(server, b"frame")
        assert nothingCame(client)
        reactor.advance(0)

        assert client.recv(100) == b"frame"
        assert not reactor.wanted

    def test_goes_in_one_piece_with_all_of_its_turn(
        self, pair: Pair, reactor: Counting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, client = pair
        given = sends(server, monkeypatch)

        for turn in range(2):
            for number in range(10):
                writeSoon(server, b"%d.%d " % (turn, number))
            reactor.advance(0)

        assert given == [40, 40]
        assert client.recv(100).startswith(b"0.0 0.1 ")

    def test_does_not_wait_where_it_is_much(
        self, pair: Pair, reactor: Counting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, client = pair
        given = sends(server, monkeypatch)

        for _ in range(5):
            writeSoon(server, bytes(20_000))

        assert given == [80_000]
        reactor.advance(0)
        assert given == [80_000, 20_000]
        assert len(client.recv(1 << 20)) > 0

    def test_leaves_a_control_frame_its_place(self, pair: Pair, reactor: Counting) -> None:
        """Before it, between, and behind."""
        server, client = pair
        writeSoon(server, b"one ")
        server.write(b"pong ")
        writeSoon(server, b"two ")
        server.write(b"close")

        reactor.advance(0)
        server.doWrite()

        assert client.recv(100) == b"one pong two close"

    def test_is_behind_what_waits_already(self, pair: Pair, reactor: Counting) -> None:
        server, client = pair
        server.write(b"pong ")
        writeSoon(server, b"data ")
        reactor.advance(0)
        assert nothingCame(client)

        server.doWrite()

        assert client.recv(100) == b"pong data "

    def test_may_have_been_sent_by_the_reactor_meanwhile(self, pair: Pair, reactor: Counting) -> None:
        server, client = pair
        writeSoon(server, b"one ")
        server.write(b"pong")

        server.doWrite()
        reactor.advance(0)

        assert client.recv(100) == b"one pong"

    def test_that_the_kernel_does_not_take_waits_in_order_and_holds_back_who_writes(
        self, pair: Pair, reactor: Counting
    ) -> None:
        server, client = pair
        producer = Producer()
        server.registerProducer(producer, True)
        sent = [b"%07d." % number * 4096 for number in range(100)]
        for frame in sent:
            writeSoon(server, frame)
        reactor.advance(0)
        assert reactor.wanted  # the socket was full long before
        assert producer.paused

        received = b""
        while len(received) < sum(map(len, sent)):
            server.doWrite()
            try:
                received += client.recv(1 << 20)
            except BlockingIOError:
                continue

        assert received == b"".join(sent)

    def test_is_sent_before_the_connection_ends_in_the_same_turn(self, pair: Pair, reactor: Counting) -> None:
        """As where a process stops in the next."""
        server, client = pair
        writeSoon(server, b"farewell")
        server.loseConnection()

        reactor.advance(0)

        assert client.recv(100) == b"farewell"

    def test_to_who_is_gone_is_left_to_the_reactor(self, pair: Pair, reactor: Counting) -> None:
        server, client = pair
        client.close()

        writeSoon(server, b"one")
        reactor.advance(0)
        writeSoon(server, b"two")
        reactor.advance(0)

        assert reactor.wanted
        assert isinstance(server.doWrite(), Exception)

    def test_is_of_its_own_connection(self, pair: Pair, reactor: Counting) -> None:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
        other = tcp.Server(ours, Protocol(), ("127.0.0.1", 2), None, 2, reactor)  # type: ignore[arg-type]
        server, client = pair

        writeSoon(server, b"one")
        writeSoon(other, b"two")
        reactor.advance(0)

        assert (client.recv(100), theirs.recv(100)) == (b"one", b"two")
        ours.close()
        theirs.close()

    def test_is_written_as_usual_to_anything_else(self) -> None:
        transport = StringTransport()

        writeSoon(transport, b"frame")

        assert transport.value() == b"frame"
