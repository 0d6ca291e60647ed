"""
NativeDoor: where who comes in on the native wire gets a session, whatever it comes by.

A HELLO begins a session or goes on with one. The door knows them all, those too that nothing carries now, and
makes room at the cost of these. Which session a HELLO gets is `vortex.protocol.session_table`'s, what carries
it the transports'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from vortex.access.principal import Principal
from vortex.errors import AccessDenied, NotConnected
from vortex.protocol.codes import CloseCode
from vortex.protocol.native import Kind, frame, readVarint, varint
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session_table import Hello, SessionTable
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import FrameTransport, LinkHost
from vortex.tuples.schema import schemaHash

if TYPE_CHECKING:
    from vortex.transports.native_line import NativeLine

__all__ = ["MAX_HELLO", "NativeDoor", "NativeDriver", "NativeTransport"]

MAX_HELLO = 64 << 10
"""Bytes of a frame that are taken of somebody who has not said yet who it is."""


class NativeTransport(FrameTransport, Protocol):
    """What may carry a session."""

    def drivenBy(self, driver: SessionDriver) -> None:
        """*driver* is to be told when the other end does not take what is written."""


class NativeDriver(SessionDriver):
    """The driver of a session that the door has made."""

    def __init__(
        self, door: NativeDoor, session: ServerSession, host: LinkHost, *, kind: str, address: str
    ) -> None:
        super().__init__(session, host, kind=kind, address=address, onClosed=self._closed)
        self.session = session
        self._door = door

    def carryOn(
        self, transport: NativeTransport, frames: Sequence[bytes], *, kind: str, address: str
    ) -> None:
        """Carry the session on *transport* from now on; *frames* came in by it."""
        self._door.carried(self)
        transport.drivenBy(self)
        self.attach(transport, kind=kind, address=address)
        if self.peer is not None:
            self._host.peerMoved(self.peer)
        if frames:
            self.framesReceived(frames, transport)

    def framesSent(self, frames: Iterable[bytes]) -> bytes:
        """
        Take *frames*, which came in beside what carries the session, up to one before which another is
        missing: that is on its way still, or the client says all of it again.

        Returns:
            How far the session has got, as a frame.

        Raises:
            DecodeError: If one is none; nothing was taken.
        """
        good: list[bytes] = []
        expected = self.session.taken + 1
        for data in frames:
            if data[0] in (Kind.ACTION, Kind.CANCEL):
                number, _ = readVarint(data, 1)
                if number > expected:
                    break
                expected = max(expected, number + 1)
            good.append(data)
        self.framesReceived(good)
        return frame(Kind.ACK, varint(self.session.taken), varint(0))

    def _settle(self) -> None:
        super()._settle()
        if not self.isConnected:
            self._door.parked(self)

    def _closed(self, code: str, _reason: str) -> None:
        self._door.ended(self, code)


class NativeDoor:
    """
    Args:
        host: The node.

    Attributes:
        table: Its sessions.
        waiting: Connections that have not said HELLO yet.
    """

    def __init__(self, host: LinkHost) -> None:
        self.table = SessionTable(host.uuid, host.name, host.limits, schema=schemaHash())
        self.waiting: dict[NativeLine, None] = {}
        self._host = host
        self._waitingFrom: Counter[str] = Counter()
        self._drivers: dict[str, NativeDriver] = {}
        self._parked: dict[NativeDriver, int] = {}  # bytes that each holds; the longest parked first
        self._parkedBytes = 0

    def __repr__(self) -> str:
        return f"<the door of {self._host!r}: {len(self._drivers)} sessions, {len(self._parked)} parked>"

    @property
    def parkedBytes(self) -> int:
        """Bytes that the sessions without a connection hold."""
        return self._parkedBytes

    # ---- who comes in

    def enter(
        self,
        hello: Hello,
        transport: NativeTransport,
        *,
        kind: str,
        address: str,
        principal: Principal | None,
        frames: Sequence[bytes] = (),
    ) -> NativeDriver:
        """
        Give *hello* its session, and have *transport* carry it.

        Args:
            kind, address: As `SessionDriver` has them.
            principal: Who it was found to be; None if it was not asked.
            frames: What came in behind the HELLO.

        Raises:
            AccessDenied: If *principal* is let in no more.
            NotConnected: If there is no room for another session.
        """
        host = self._host
        if principal is not None and host.isRevoked(principal):
            raise AccessDenied("the access was revoked")
        whose = None if principal is None else principal.id
        now = host.clock.seconds()
        if not self.table.resumes(hello, whose, now):
            self._makeRoom(address)
        session = self.table.attach(hello, whose, now)
        driver = self._drivers.get(session.id)
        isNew = driver is None
        if driver is None:
            driver = NativeDriver(self, session, host, kind=kind, address=address)
            self._drivers[session.id] = driver
        if principal is not None:
            driver.renew(principal)
        if isNew and hello.resume is not None:
            frames = ()  # they are counted as those of the session that there is no more
        driver.carryOn(transport, frames, kind=kind, address=address)
        return driver

    def sender(self, session: str, token: str, principal: Principal | None) -> NativeDriver | None:
        """Whose SEND it is that shows these; None if nobody's."""
        driver = self._drivers.get(session)
        whose = None if principal is None else principal.id
        if driver is None or driver.session.principal != whose:
            return None
        return driver if driver.session.acceptsSend(token, self._host.clock.seconds()) else None

    def _makeRoom(self, address: str) -> None:
        """
        Raises:
            NotConnected: If there is none, and nobody parked to make it.
        """
        host = self._host
        if not host.isShutDown:
            if host.refusal("") is not None:
                self._evict("another peer needed the room (maxPeers)", lambda _: True)
            if host.refusal(address) is not None:
                self._evict(
                    "another peer of its address needed the room (maxPeersPerAddress)",
                    lambda driver: driver.address == address,
                )
        full = host.refusal(address)
        if full is not None:
            raise NotConnected(full)

    # ---- connections that have still to say HELLO

    def refusal(self, address: str) -> str | None:
        """Why no further connection from *address* may wait to say HELLO; None when it may."""
        host, limits = self._host, self._host.limits
        if host.isShutDown:
            return host.refusal(address)
        if len(self.waiting) >= limits.maxPeers:
            return f"{limits.maxPeers} connections have still to say who they are (maxPeers)"
        perAddress = limits.maxPeersPerAddress
        if perAddress is not None and self._waitingFrom[address] >= perAddress:
            what = f"{perAddress} connections from this address"
            return f"{what} have still to say who they are (maxPeersPerAddress)"
        return None

    def waits(self, line: NativeLine) -> None:
        """*line* is there, and has said nothing yet."""
        self.waiting[line] = None
        self._waitingFrom[line.address] += 1

    def waitsNoMore(self, line: NativeLine) -> None:
        """*line* has said HELLO, or is gone."""
        if line in self.waiting:
            del self.waiting[line]
            self._waitingFrom[line.address] -= 1
            if not self._waitingFrom[line.address]:
                del self._waitingFrom[line.address]

    def close(self, reason: str) -> None:
        """Send away all that have not said HELLO."""
        for line in tuple(self.waiting):
            line.end(CloseCode.SHUTDOWN, reason)

    # ---- for its drivers

    def carried(self, driver: NativeDriver) -> None:
        """A connection is about to carry *driver*'s session."""
        self._parkedBytes -= self._parked.pop(driver, 0)

    def parked(self, driver: NativeDriver) -> None:
        """Nothing carries *driver*'s session, which may have grown since it was told last."""
        if driver.closed:
            self.carried(driver)
            return
        held = driver.session.heldBytes
        self._parkedBytes += held - self._parked.get(driver, 0)
        self._parked[driver] = held
        while self._parkedBytes > self._host.limits.sessionPool:
            self._evict("the sessions without a connection hold too much (sessionPool)", lambda _: True)

    def ended(self, driver: NativeDriver, code: str) -> None:
        """*driver*'s session is over."""
        self.carried(driver)
        self._drivers.pop(driver.session.id, None)
        self.table.ended(driver.session, code)

    def _evict(self, reason: str, mayGo: Callable[[NativeDriver], bool]) -> None:
        """End the session that was without a connection for longest, of those that may go."""
        for driver in self._parked:
            if mayGo(driver):
                self.carried(driver)
                self._host.counters["evicted"] += 1
                driver.close(CloseCode.OVERFLOW.value, reason)
                return
