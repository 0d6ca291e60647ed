"""
VortexPeer: one vortex at the other end of one link.

A uuid or a name is what a peer calls itself, nothing more. Each connection is a
peer of its own, compared by identity: what is sent to a peer goes over its link
and over no other.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from vortex.errors import NotConnected
from vortex.node.reactor_thread import checkThread
from vortex.protocol.envelope import Message
from vortex.routing.payload_response import PayloadResponse

if TYPE_CHECKING:
    from vortex.node.vortex import Vortex
    from vortex.protocol.payload import Payload
    from vortex.transports.session_driver import SessionDriver

__all__ = ["VortexPeer"]


class VortexPeer:
    """
    Attributes:
        uuid: What the peer calls itself; a label, not proven by anything.
        name: Its free name; several peers may bear one.
        isOnline: False once its link is gone. It does not come back: the same
            program gets a new peer when it connects again.
    """

    __slots__ = ("__weakref__", "_link", "_vortex", "isOnline", "name", "uuid")

    def __init__(self, vortex: Vortex, link: SessionDriver, uuid: str, name: str) -> None:
        self.uuid = uuid
        self.name = name
        self.isOnline = True
        self._vortex = vortex
        self._link = link

    def __repr__(self) -> str:
        state = "" if self.isOnline else ", gone"
        return f"<peer {self.name!r} {self.uuid} on {self.transport} from {self.address}{state}>"

    @property
    def identity(self) -> str | None:
        """Who it was found to be, whatever it calls itself; None for a peer that was not asked."""
        principal = self._link.principal
        return None if principal is None else principal.id

    @property
    def roles(self) -> AbstractSet[str]:
        """What it may do; empty for a peer that was not asked."""
        principal = self._link.principal
        return frozenset() if principal is None else principal.roles

    @property
    def transport(self) -> str:
        """
        What carries it: "websocket", "post", "sse", "poll", "tcp", "tls", "unix", "memory" or "eventsource".
        On the native wire it changes with the connection.
        """
        return self._link.kind

    @property
    def address(self) -> str:
        """Where it comes from: an IP address, or "memory"."""
        return self._link.address

    @property
    def isConnected(self) -> bool:
        """
        False while nothing carries its session. On the native wire it is online all the same: what is sent to
        it waits until it is back.
        """
        return self._link.isConnected

    def send(self, payload: Payload, priority: int = 100, *, mergeKey: Hashable = None) -> Deferred[int]:
        """
        Queue *payload* for this peer alone.

        Args:
            payload: What to send; it gets a messageId where its filt has none.
            priority: Lower leaves first.
            mergeKey: As `Vortex.send` has it.

        Returns:
            A Deferred with 1 once it is queued; it fails with `NotConnected` if the
            peer is gone, and with `EncodeError` if the payload cannot be encoded.
        """
        checkThread(self._vortex, "VortexPeer.send")
        return self._vortex.sendTo((self,), payload, priority, mergeKey=mergeKey)

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        """
        Send *payload* to this peer alone and wait for its answer, which nobody else can give.

        Args:
            payload: What to ask.
            timeout: Seconds to wait; None: for ever.

        Returns:
            A Deferred with the answer. It fails as `Vortex.request` does.
        """
        checkThread(self._vortex, "VortexPeer.request")
        return PayloadResponse(payload, self._vortex, peer=self, timeout=timeout)

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: Hashable = None) -> None:
        """
        Queue a message that may be shared with other peers.

        Raises:
            NotConnected: If the peer is gone.
            EncodeError: If the message cannot be encoded; nothing was queued.
        """
        if not self.isOnline:
            raise NotConnected(f"the peer {self.name!r} is not connected any more")
        self._link.send(message, priority=priority, mergeKey=mergeKey)

    def cancelRequest(self, message: Message) -> None:
        """Tell the peer, where its wire has a word for it, that nobody waits for the answer to *message*."""
        self._link.cancel(message)

    def whenDrained(self) -> Deferred[None]:
        """Fires when nothing is queued for this peer any more, or when it is gone."""
        return self._link.whenDrained()

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait to be written to it; not those that a transport has taken already."""
        return self._link.queuedBytes

    def whenReady(self) -> Deferred[None]:
        """
        Fires when this peer is connected and nothing is queued for it, or when it is gone: the time to send
        what it did not need to have at once.
        """
        return self._link.whenReady()

    def close(self, reason: str = "closed by this end") -> None:
        """End the peer's link, after what was already written."""
        self._vortex.closePeer(self, reason)
