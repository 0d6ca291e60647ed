"""
Ports: what routing asks of the floors above it, and which node is meant when none is named.

`Node` is what a Vortex is to an endpoint or a handler, `Peer` is what a VortexPeer is to a
delivery. Both are protocols, so that routing imports nothing from above and its tests need
no transport.

Nothing is implemented here but `theNode`: the process's only live node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakSet

from vortex.errors import NoVortex

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from vortex.clocks import Clock
    from vortex.limits import Limits
    from vortex.protocol.envelope import Message
    from vortex.protocol.payload import Payload
    from vortex.routing.payload_io import PayloadIO

__all__ = ["Node", "Peer", "liveNodes", "theNode"]

T = TypeVar("T")


class Peer(Protocol):
    """One vortex at the other end of a link. Hashed and compared by identity: a uuid is only a label."""

    @property
    def name(self) -> str:
        """The name the peer gave itself; several peers may bear one name."""

    @property
    def uuid(self) -> str:
        """The uuid the peer gave itself; not proven by anything."""

    @property
    def identity(self) -> str | None:
        """Who the authenticator found it to be; None for an anonymous peer."""

    @property
    def roles(self) -> AbstractSet[str]:
        """What the authenticator granted; empty for an anonymous peer."""

    @property
    def isOnline(self) -> bool:
        """Whether a message sent now may still reach it."""

    @property
    def isConnected(self) -> bool:
        """Whether anything carries its session now; while nothing does, what is sent to it waits."""

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait to be written to it."""

    def whenReady(self) -> Deferred[None]:
        """Fires when it is connected and nothing waits to be written to it; or when it is gone."""

    def send(self, payload: Payload, priority: int = 100) -> object:
        """Queue *payload*, unasked; lower priorities go first."""

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        """Send *payload* to just this peer; fires with its answer."""

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: Hashable = None) -> object:
        """
        Queue a message that may be shared with other peers; it is encoded once per form.

        Raises:
            NotConnected: If the peer is gone.
            EncodeError: If the message cannot be encoded; nothing was queued.
        """

    def cancelRequest(self, message: Message) -> object:
        """Tell the peer, where its wire has a word for it, that nobody waits for the answer to *message*."""


class Node(Protocol):
    """One vortex of this process, seen from below. Hashed by identity, and weakly referable."""

    @property
    def name(self) -> str:
        """This node's name."""

    @property
    def uuid(self) -> str:
        """This node's uuid."""

    @property
    def payloadIO(self) -> PayloadIO:
        """Where this node's endpoints are."""

    @property
    def limits(self) -> Limits:
        """The bounds this node holds its peers to."""

    @property
    def clock(self) -> Clock:
        """The reactor, or a test's clock."""

    @property
    def counters(self) -> Counter[str]:
        """What happened how often, for an operator to look at."""

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Who is online, the one that has lived longest first."""

    def send(
        self, payload: Payload, *, toName: str | None = None, toUuid: str | None = None, priority: int = 100
    ) -> Deferred[int]:
        """Send to all of a name, to one uuid, or to everyone; fires with how many peers it was queued for."""

    def request(
        self,
        payload: Payload,
        *,
        toName: str | None = None,
        toUuid: str | None = None,
        timeout: float | None = 30,
    ) -> Deferred[Payload]:
        """Send to one peer; fires with its answer."""

    @property
    def asksWhoPeersAre(self) -> bool:
        """Whether it has an authenticator."""

    def issueMessageId(self) -> str:
        """A messageId that nobody else issues, remembered by `issued`."""

    def issued(self, messageId: str) -> bool:
        """Whether *messageId* is one of ours: a message that bears it is a reply."""

    def runInThread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Deferred[T]:
        """Call *function* in the thread pool; fires in the reactor's thread with what it returned."""

    def onPeerChange(self, callback: Callable[[Peer, bool], object]) -> Callable[[], object]:
        """Call ``callback(peer, online)`` at each change; returns the function that ends it."""

    def onShutdown(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Call ``callback()`` when the node shuts down; returns the function that ends it."""

    def onSessionEvent(self, callback: Callable[[Any, Peer], object]) -> Callable[[], object]:
        """
        Call ``callback(event, peer)`` when a session was resumed or reset, or has expired; returns the
        function that ends it.
        """


liveNodes: WeakSet[Node] = WeakSet()
"""The nodes of this process that were started and not shut down; a node adds and discards itself."""


def theNode(vortex: Node | None) -> Node:
    """
    The node to use: *vortex* itself, or for None the process's only live node.

    Raises:
        NoVortex: If none is given, and there is no live node, or more than one.
        TypeError: If *vortex* is something else, say a name.
    """
    if vortex is not None:
        if not hasattr(vortex, "payloadIO"):
            raise TypeError(f"vortex= takes a Vortex, got {vortex!r}")
        return vortex
    nodes = list(liveNodes)
    if len(nodes) == 1:
        return nodes[0]
    if not nodes:
        raise NoVortex("there is no live Vortex in this process: make one first, or pass vortex=")
    names = ", ".join(sorted(repr(node.name) for node in nodes))
    raise NoVortex(f"there are {len(nodes)} live Vortexes in this process ({names}): say which with vortex=")
