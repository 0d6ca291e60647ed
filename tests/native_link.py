"""Two nodes in one process, linked by a session of the native wire, whose connections a test cuts."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.client_session import ClientSession
from vortex.protocol.native import NativeDecoder
from vortex.protocol.session_table import Hello, SessionTable
from vortex.transports.session_driver import SessionDriver

__all__ = ["NativeLink"]


class NativeLink:
    """
    Args:
        client, server: Two nodes on *clock*.

    Attributes:
        client, server: The two ends' drivers; the server's is another one after a reset.
    """

    server: SessionDriver

    def __init__(self, client: Vortex, server: Vortex, clock: Clock) -> None:
        session = ClientSession(uuid=client.uuid, name=client.name, limits=Limits(), now=clock.seconds())
        self.client = SessionDriver(
            session,
            client,
            kind="memory",
            address="memory",
            onOpened=lambda peer: None,
            onClosed=lambda code, reason: None,
        )
        self._host = server
        self._table = SessionTable(server.uuid, server.name, Limits())
        self._clock = clock
        self._ends: tuple[_End, _End] | None = None
        self.connect()

    def connect(self) -> None:
        """Make a connection; the session begins, or goes on, by itself."""
        ends = _End(self._clock), _End(self._clock)
        ends[0].other, ends[1].other = ends[1], ends[0]
        self._ends = ends
        ends[0].take = lambda frame: self.client.frameReceived(frame, ends[0])
        ends[1].take = lambda frame: self._first(frame, ends[1])
        self.client.attach(ends[0])

    def cut(self) -> None:
        """Break the connection; what is on its way is lost."""
        assert self._ends is not None
        (here, there), self._ends = self._ends, None
        here.isCut = there.isCut = True
        self.client.transportLost(here, "cut")
        self.server.transportLost(there, "cut")

    def restart(self) -> None:
        """Have the server forget the session, as one that was started anew has; cut it before."""
        self.server.close("normal", "it is over")
        self._table = SessionTable(self._host.uuid, self._host.name, Limits())

    def _first(self, frame: bytes, end: _End) -> None:
        session = self._table.attach(Hello.read(frame, Limits()), None, self._clock.seconds())
        if session.gen == 1:
            self.server = SessionDriver(session, self._host, kind="memory", address="memory")
        end.take = lambda frame: self.server.frameReceived(frame, end)
        self.server.attach(end)


class _End:
    paused = False
    other: _End

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._decoder = NativeDecoder(1 << 25)
        self.isCut = False
        self.take: Callable[[bytes], object] = bytes

    def writeFrame(self, frame: bytes) -> None:
        self._clock.callLater(0, self.other._came, frame)

    def _came(self, data: bytes) -> None:
        for frame in () if self.isCut else self._decoder.feed(data):
            self.take(frame)

    def close(self, code: str, reason: str) -> None: ...

    def abort(self) -> None: ...
