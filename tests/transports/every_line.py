"""
Clients of the native wire by hand, over every transport that there is: those of `native_wires`, and a memory
link, a Unix socket and TLS besides. A virtual clock, no socket.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.address import UNIXAddress

from tests.integration.certificates import Issued
from tests.native_frames import Frame, framesIn, hello
from tests.transports.native_wires import PREAMBLE, NativePost, NativeStream, NativeWebSocket, _Got, knock
from tests.transports.wires import Client, Server, Wire
from vortex import TlsOptions
from vortex.transports.native_memory import _ServerEnd
from vortex.transports.stream_server import StreamFactory
from vortex.transports.tls import tlsFactory

__all__ = ["BOTH_WAYS", "EVERY", "POSTS", "SOCKETS", "mute", "reach", "tell"]

BOTH_WAYS = ("memory", "websocket", "tcp", "tls", "unix")
SOCKETS = ("websocket", "tcp", "tls", "unix")
POSTS = ("stream", "sse", "poll")
EVERY = (*BOTH_WAYS, *POSTS)


class NativeMemory(_Got):
    """The other end of a memory link's server, and the pipe in between."""

    def __init__(self, server: Server, first: bytes = b"") -> None:
        self.received_ = b""
        self.isUp = True
        self.end = _ServerEnd(cast(Any, self), server.vortex)
        self.end.other = cast(Any, self)
        if first:
            self.send(first)

    def send(self, data: bytes) -> None:
        if self.isUp:
            self.end.received(data)

    def received(self, data: bytes) -> None:
        """For the server's end."""
        self.received_ += data

    def cut(self, reason: str) -> None:
        """For the server's end: the pipe is broken."""
        if self.isUp:
            self.isUp = False
            self.end.lost(reason)

    def lose(self) -> None:
        self.cut("the connection is lost")

    def stall(self) -> None:
        self.end.pauseProducing()

    @property
    def got(self) -> list[Frame]:
        return list(framesIn(self.received_))

    @property
    def isOver(self) -> bool:
        return not self.isUp


class _UnixWire(Wire):
    def __init__(self) -> None:
        super().__init__("")
        self.peerAddr = UNIXAddress(None)


class NativeUnix(NativeStream):
    """A raw connection by a socket that has no address."""

    def __init__(self, server: Server, first: bytes = b"") -> None:
        self.wire = _UnixWire()
        self.wire.protocol = StreamFactory(server.vortex).buildProtocol(None)
        self.wire.protocol.makeConnection(self.wire)
        self.send(PREAMBLE + first)


@cache
def _options() -> TlsOptions:
    folder = TemporaryDirectory()
    issued = Issued(Path(folder.name), "localhost")
    options = TlsOptions(issued.file, issued.keyFile)
    _KEPT.append(folder)
    return options


_KEPT: list[Any] = []  # a folder is removed once nobody has it


class NativeTls(_Got, Client):
    """A raw connection within TLS."""

    def __init__(self, server: Server, first: bytes = b"", *, address: str = "127.0.0.1") -> None:
        self._clock = server.clock
        self._plain = b""
        self._tls = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        self._tls.set_connect_state()
        super().__init__(tlsFactory(_options(), StreamFactory(server.vortex), server.clock), address)
        for _ in range(3):
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                self._exchange()
        self.send(PREAMBLE + first)

    def _exchange(self) -> None:
        """What either end has written comes in at the other."""
        with suppress(SSL.WantReadError):
            super().send(self._tls.bio_read(1 << 20))
        self._clock.advance(0)
        came = self.take()
        if came:
            self._tls.bio_write(came)

    def send(self, data: bytes) -> None:
        self._tls.sendall(data)
        self._exchange()

    @property
    def got(self) -> list[Frame]:
        self._exchange()
        while True:
            try:
                self._plain += self._tls.recv(1 << 20)
            except SSL.Error:  # there is no more, or nothing follows
                return list(framesIn(self._plain))

    @property
    def isOver(self) -> bool:
        assert self.got is not None
        return self.closed or bool(self._tls.get_shutdown() & SSL.RECEIVED_SHUTDOWN)


def reach(kind: str, server: Server, *, address: str = "127.0.0.1", **said: Any) -> Any:
    """Say HELLO to *server* over a transport of that *kind*; *said* is in it besides."""
    if kind == "memory":
        line: Any = NativeMemory(server, hello(**said))
    elif kind == "unix":
        line = NativeUnix(server, hello(**said))
    elif kind == "tls":
        line = NativeTls(server, hello(**said), address=address)
    else:
        line = knock(kind, server, address=address, **said)
    server.clock.advance(0)
    return line


def mute(kind: str, server: Server) -> Any:
    """Connect, and say nothing."""
    made = {
        "memory": NativeMemory,
        "websocket": NativeWebSocket,
        "tcp": NativeStream,
        "tls": NativeTls,
        "unix": NativeUnix,
    }
    return made[kind](server)


def tell(kind: str, server: Server, line: Any, frames: bytes, head: bytes) -> NativePost | None:
    """Send *frames* by *line*; where that goes one way only, behind *head* in a request of their own."""
    answer = None
    if kind == "websocket":
        line.frame(frames, opcode=2)
    elif kind in POSTS:
        answer = NativePost(server, head + frames)
    else:
        line.send(frames)
    server.clock.advance(0)
    return answer
