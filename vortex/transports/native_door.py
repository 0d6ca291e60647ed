"""
NativeDoor: where who comes in on the native wire gets a session, whatever it comes by.

A HELLO begins a session or goes on with one. The door knows them all, those too that nothing carries now, and
makes room at the cost of these. Which session a HELLO gets is `vortex.protocol.session_table`'s, what carries
it the transports'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vortex.access.principal import Principal
from vortex.errors import AccessDenied, NotConnected
from vortex.protocol.codes import CloseCode
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session_table import Hello, SessionTable
from vortex.transports.kept_sessions import KeptSessions, KeptTransport
from vortex.transports.native_driver import NativeDriver
from vortex.transports.transport import LinkHost
from vortex.tuples.schema import schemaHash

if TYPE_CHECKING:
    from vortex.transports.native_line import NativeLine

__all__ = ["MAX_HELLO", "NativeDoor"]

MAX_HELLO = 64 << 10
"""Bytes of a frame that are taken of somebody who has not said yet who it is."""


class NativeDoor:
    """
    Args:
        host: The node.

    Attributes:
        table: Its sessions.
        kept: Those that no connection carries, and the like of other wires.
        waiting: Connections that have not said HELLO yet.
    """

    def __init__(self, host: LinkHost) -> None:
        self.table = SessionTable(host.uuid, host.name, host.limits, schema=schemaHash)
        self.kept = KeptSessions(host)
        self.waiting: dict[NativeLine, None] = {}
        self._host = host
        self._waitingFrom: Counter[str] = Counter()
        self._drivers: dict[str, NativeDriver] = {}

    def __repr__(self) -> str:
        return f"<the door of {self._host!r}: {len(self._drivers)} sessions, {len(self.kept)} kept>"

    # ---- who comes in

    def enter(
        self,
        hello: Hello,
        transport: KeptTransport,
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
        known = self._known(hello, principal)
        if known is None or hello.resume is None or not known.goesOn(principal, hello.resume[3]):
            self.makeRoom(address)
        session = self.table.attach(hello, whose, now)
        driver = self._drivers.get(session.id)
        isNew = driver is None
        if driver is None:
            driver = NativeDriver(
                session,
                host,
                kind=kind,
                address=address,
                onClosed=lambda code, _reason: self._ended(session, code),
            )
            self._drivers[session.id] = driver
        if principal is not None:
            driver.renew(principal)
        if (isNew and hello.resume is not None) or driver.isFull:
            frames = ()  # they are counted as those of a session that there is no more; or come again
        driver.carryOn(transport, frames, kind=kind, address=address)
        return driver

    def isExhausted(self, hello: Hello, principal: Principal | None, frames: Sequence[bytes]) -> bool:
        """Whether the session that *hello* goes on with has to wait with that, or with *frames* behind it."""
        known = self._known(hello, principal)
        if known is None:
            return False
        return known.intake.isExhausted(self._host.clock.seconds()) or not known.mayBring(frames)

    def _known(self, hello: Hello, principal: Principal | None) -> NativeDriver | None:
        """Whose session *hello* may go on with; None if it may with none."""
        whose = None if principal is None else principal.id
        if hello.resume is None or not self.table.resumes(hello, whose, self._host.clock.seconds()):
            return None
        return self._drivers[hello.resume[0]]

    def sender(
        self, session: str, token: str, principal: Principal | None, began: float
    ) -> NativeDriver | None:
        """Whose SEND it is that shows these, and began to come in then; None if nobody's."""
        driver = self._drivers.get(session)
        whose = None if principal is None else principal.id
        if driver is None or driver.session.principal != whose:
            return None
        return driver if driver.session.acceptsSend(token, self._host.clock.seconds(), began) else None

    def makeRoom(self, address: str) -> None:
        """
        See that there is room for one more peer from *address*.

        Raises:
            NotConnected: If there is none, and nobody parked to make it.
        """
        host = self._host
        if not host.isShutDown:
            if host.refusal("") is not None:
                self.kept.evict("another peer needed the room (maxPeers)")
            if host.refusal(address) is not None:
                self.kept.evict(
                    "another peer of its address needed the room (maxPeersPerAddress)",
                    lambda driver: driver.address == address,
                )
        full = host.refusal(address)
        if full is not None:
            raise NotConnected(full)

    # ---- connections that have still to say HELLO

    def refusal(self, address: str) -> str | None:
        """Why no further connection from *address* may wait to say HELLO; None when it may."""
        limits = self._host.limits
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

    def _ended(self, session: ServerSession, code: str) -> None:
        del self._drivers[session.id]
        self.table.ended(session, code)
