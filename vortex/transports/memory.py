"""
Memory: two nodes in one process, linked without a socket.

Both ends run the real session and the real codec; only the bytes' way is short.
A frame arrives in a later turn of the sender's clock, so a test with a virtual
clock decides when. Made for tests, and for a program that holds two nodes.
"""

from __future__ import annotations

from typing import Literal, overload

from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form
from vortex.protocol.framing import Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.routing.ports import Peer
from vortex.transports.native_memory import NativeMemoryLink
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["MemoryLink", "connectInMemory"]


class _End:
    """One end's transport: what is written here comes in over there."""

    def __init__(self, link: MemoryLink, host: LinkHost) -> None:
        self.paused = False
        self.link = link
        self.host = host
        self.other: _End
        self.driver: SessionDriver

    def writeFrame(self, frame: bytes) -> None:
        self.host.clock.callLater(0, self._arrive, frame)

    def _arrive(self, frame: bytes) -> None:
        if self.link.up:
            self.other.driver.frameReceived(frame)

    def close(self, code: str, reason: str) -> None:
        self.host.clock.callLater(0, self.link.cut, reason)

    def abort(self) -> None:
        self.link.cut("the other end broke off")


class MemoryLink:
    """
    A link between two nodes in this process.

    Attributes:
        up: False once either end has closed it, or `cut` was called.
    """

    def __init__(self, a: LinkHost, b: LinkHost, form: Form | None) -> None:
        self.up = True
        self._ends = (_End(self, a), _End(self, b))
        for end, other in (self._ends, self._ends[::-1]):
            end.other = other
            session = VortexPySession(
                uuid=end.host.uuid,
                name=end.host.name,
                limits=end.host.limits,
                framing=Framing.PLAIN,
                now=end.host.clock.seconds(),
            )
            end.driver = SessionDriver(session, end.host, kind="memory", address="memory")
        for end in self._ends:
            end.driver.attach(end, form=form)

    @property
    def peers(self) -> tuple[Peer | None, Peer | None]:
        """The second node as the first sees it, and the other way round; None until the hello is there."""
        return self._ends[0].driver.peer, self._ends[1].driver.peer

    def cut(self, reason: str = "the link was cut") -> None:
        """Break the link now: what is under way is lost, both ends are told."""
        if self.up:
            self.up = False
            for end in self._ends:
                end.driver.transportLost(end, reason)

    def close(self) -> None:
        """End it in order, as the first node's end would."""
        self._ends[0].driver.close(CloseCode.NORMAL.value, "the link was closed")

    def pause(self, paused: bool = True) -> None:
        """Let the second node stop reading, or read again."""
        end = self._ends[0]
        end.paused = paused
        (end.driver.pauseProducing if paused else end.driver.resumeProducing)(end)


@overload
def connectInMemory(
    a: LinkHost, b: LinkHost, *, form: Form | None = ..., wire: Literal["vortexpy"] = ...
) -> MemoryLink: ...


@overload
def connectInMemory(a: LinkHost, b: LinkHost, *, wire: Literal["native"]) -> NativeMemoryLink: ...


def connectInMemory(
    a: LinkHost,
    b: LinkHost,
    *,
    form: Form | None = Form.RAW,
    wire: Literal["vortexpy", "native"] = "vortexpy",
) -> MemoryLink | NativeMemoryLink:
    """
    Link two nodes; both see the other as a peer once the clock has turned.

    Args:
        form: The form of VortexPY's wire that both begin with; None: the universal one.
        wire: "native": ours, on which the session outlives a cut; *a* connects.

    Raises:
        ValueError: If there is no such wire.
    """
    if wire not in ("vortexpy", "native"):
        raise ValueError(f"expected the wire 'vortexpy' or 'native', got {wire!r}")
    return MemoryLink(a, b, form) if wire == "vortexpy" else NativeMemoryLink(a, b)
