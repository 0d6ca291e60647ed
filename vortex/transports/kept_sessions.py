"""
Kept sessions: those that live on while no connection carries them, and what they may hold together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from vortex.access.principal import Principal
from vortex.protocol.codes import CloseCode
from vortex.protocol.link_session import LinkSession
from vortex.transports.leaving_order import LeavingOrder, networkOf
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import FrameTransport, LinkHost

__all__ = ["KeptDriver", "KeptSession", "KeptSessions", "KeptTransport"]


class KeptSession(LinkSession, Protocol):
    """A session that may be gone on with."""

    @property
    def heldBytes(self) -> int:
        """Bytes that it keeps or queues."""

    @property
    def isHeard(self) -> bool:
        """Whether the other end was heard of since it was let in."""

    def owes(self, taken: int) -> bool:
        """Whether there is more to be written for who has taken all up to that number."""


class KeptTransport(FrameTransport, Protocol):
    """What may carry such a session."""

    def drivenBy(self, driver: SessionDriver) -> None:
        """*driver* is to be told when the other end does not take what is written."""


class KeptSessions:
    """
    The sessions of one node that no connection carries.

    Attributes:
        bytes: What they hold together.
    """

    def __init__(self, host: LinkHost) -> None:
        self.bytes = 0
        self._host = host
        self._parked: dict[KeptDriver, int] = {}  # bytes that each holds
        self._order: LeavingOrder[KeptDriver] = LeavingOrder()

    def __len__(self) -> int:
        return len(self._parked)

    def carried(self, driver: KeptDriver) -> None:
        """A connection is about to carry *driver*'s session, or it is over."""
        self.bytes -= self._parked.pop(driver, 0)
        self._order.discard(driver)

    def parked(self, driver: KeptDriver) -> None:
        """Nothing carries *driver*'s session, which may have grown since it was told last."""
        if driver.closed:
            self.carried(driver)
            return
        isNews = driver not in self._parked and driver.kind != "poll"  # of which many follow each other
        if isNews and driver.peer is not None:
            self._host.peerSuspended(driver.peer)
        held = driver.heldBytes
        self.bytes += held - self._parked.get(driver, 0)
        self._parked[driver] = held
        self._order.add(driver, driver.whose, isHeard=driver.isHeard)
        while self.bytes > self._host.limits.sessionPool:
            self.evict("the sessions without a connection hold too much (sessionPool)")

    def evict(self, reason: str, mayGo: Callable[[KeptDriver], bool] | None = None) -> None:
        """End the session that is to go first, of those that may: see `LeavingOrder`."""
        driver = self._order.first(mayGo)
        if driver is not None:
            self.carried(driver)
            self._host.counters["evicted"] += 1
            driver.close(CloseCode.OVERFLOW.value, reason)


class KeptDriver(SessionDriver):
    """
    The driver of a session that is kept.

    Args:
        kept: Those of the node.
        onClosed: Called once when the session is over, with one of `CloseCode`'s words and a sentence.
    """

    def __init__(
        self,
        kept: KeptSessions,
        session: KeptSession,
        host: LinkHost,
        *,
        kind: str,
        address: str,
        onClosed: Callable[[str, str], object],
    ) -> None:
        super().__init__(session, host, kind=kind, address=address, onClosed=onClosed)
        self._keptSession = session
        self._kept = kept
        self._roles: AbstractSet[str] = frozenset()  # of who may have been meant by what is not taken yet

    @property
    def heldBytes(self) -> int:
        """Bytes that the session keeps or queues."""
        return self._keptSession.heldBytes

    @property
    def isHeard(self) -> bool:
        """Whether the other end was heard of since it was let in."""
        return self._keptSession.isHeard

    @property
    def whose(self) -> tuple[str, str]:
        """Equal for sessions of one principal; of those who are nobody, for one place that they come from."""
        if self.principal is not None:
            return "principal", self.principal.id
        return "network", networkOf(self.address)

    def carryOn(
        self, transport: KeptTransport, frames: Sequence[bytes] = (), *, kind: str, address: str
    ) -> None:
        """Carry the session on *transport* from now on; *frames* came in by it."""
        self._kept.carried(self)
        transport.drivenBy(self)
        self.attach(transport, kind=kind, address=address)
        if self.peer is not None:
            self._host.peerMoved(self.peer)
        if frames:
            self.framesReceived(frames, transport)

    def goesOn(self, principal: Principal | None, taken: int) -> bool:
        """
        Whether the session goes on for *principal*, whose it is, and who has taken all up to that number.

        What was meant for somebody with a role that is lost since is not handed out: then the session is
        over, and whatever may be had still has to be asked for.
        """
        if principal is None:
            return True
        if not self._keptSession.owes(taken):
            self._roles = principal.roles
        elif not self._roles <= principal.roles:
            self._endForRights()
        return not self.closed

    def renew(self, principal: Principal) -> None:
        """As `SessionDriver` has it; the line goes on, but with what waits for who might do more."""
        if self.queued and not self._roles <= principal.roles:
            self._endForRights()
        else:
            self._roles |= principal.roles
            super().renew(principal)

    def _endForRights(self) -> None:
        self.close(CloseCode.RIGHTS.value, "the peer may do less than when this was sent to it")

    def _settle(self) -> None:
        super()._settle()
        if not self.isConnected:
            self._kept.parked(self)

    def _expired(self) -> None:
        """What the peer has shown is good no longer: whoever shows it anew goes on."""
        self._expiry = None
        if self._transport is not None:
            self.cut(self._transport, CloseCode.EXPIRED.value, "what the peer has shown is good no longer")
