"""
Endpoints: those of one node, and which of them a message is for.

They are held weakly; those of methods are kept here for the object that the method belongs to. What they
are called with is `vortex.routing.payload_io`'s.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vortex.errors import AccessDenied, Rejected, VortexError
from vortex.protocol.envelope import Envelope
from vortex.routing.delivery import Delivery
from vortex.routing.filter_index import FilterIndex
from vortex.routing.payload_endpoint import mayAccess

if TYPE_CHECKING:
    from vortex.routing.payload_endpoint import PayloadEndpoint

__all__ = ["Endpoints"]


class Endpoints:
    """The endpoints of one node."""

    def __init__(self) -> None:
        self._index: FilterIndex[weakref.ref[PayloadEndpoint]] = FilterIndex()
        self._refs: dict[int, weakref.ref[PayloadEndpoint]] = {}
        self._dead: list[tuple[int, weakref.ref[PayloadEndpoint]]] = []
        self._kept: dict[int, tuple[weakref.ref[Any], set[PayloadEndpoint]]] = {}

    def __len__(self) -> int:
        return len(self._index)

    @property
    def endpoints(self) -> tuple[PayloadEndpoint, ...]:
        """Those that live, in the order in which they were made."""
        return tuple(e for ref in self._index if (e := ref()) is not None and e.isLive)

    def matching(self, filt: Mapping[Any, Any]) -> list[PayloadEndpoint]:
        """Those that live and that a message of *filt* is taken to, in that order."""
        return [e for ref in self._index.match(filt) if (e := ref()) is not None and e.isLive]

    def add(self, endpoint: PayloadEndpoint) -> None:
        """For endpoints: take part in routing. Held weakly."""
        key = id(endpoint)
        # A collection may come in the middle of a match, so what dies is only noted then.
        ref = weakref.ref(endpoint, lambda ref: self._dead.append((key, ref)))
        self._forgetDead()
        self._refs[key] = ref
        self._index.add(ref, endpoint.filt)

    def remove(self, endpoint: PayloadEndpoint) -> None:
        """For endpoints: take no more part."""
        ref = self._refs.pop(id(endpoint), None)
        if ref is not None:
            self._index.remove(ref)

    @property
    def keepsakes(self) -> list[object]:
        """The endpoints and the objects whose methods they call: they live while somebody has this list."""
        owners = [ref() for ref, _ in self._kept.values()]
        return [*self.endpoints, *(owner for owner in owners if owner is not None)]

    def keep(self, endpoint: PayloadEndpoint, owner: object) -> None:
        """For endpoints: live as long as *owner*, which is held weakly, and by id: it may be unhashable."""
        key = id(owner)
        if key not in self._kept:
            self._kept[key] = weakref.ref(owner, lambda _: self._kept.pop(key, None)), set()
        self._kept[key][1].add(endpoint)

    def letGo(self, endpoint: PayloadEndpoint, owner: object) -> None:
        """For endpoints: the opposite of `keep`."""
        kept = self._kept.get(id(owner))
        if kept is not None:
            kept[1].discard(endpoint)

    def _forgetDead(self) -> None:
        while self._dead:
            key, ref = self._dead.pop()
            self._index.remove(ref)
            if self._refs.get(key) is ref:
                del self._refs[key]

    def called(
        self, delivery: Delivery, envelope: Envelope, *, isRead: bool = False
    ) -> Iterator[tuple[PayloadEndpoint, VortexError | None]]:
        """
        Each endpoint that the message is for, as far as it is one when it is its turn, and why the peer may
        not call it.
        """
        if self._dead:
            self._forgetDead()
        for ref in self._index.match(envelope.filt):
            endpoint = ref()
            if endpoint is None or not endpoint.isLive or (delivery.isReply and not endpoint.handlesReplies):
                continue
            if not endpoint.takesFrom(delivery.peer):
                continue
            if isRead and not endpoint.isRead(envelope.filt):
                yield endpoint, AccessDenied("who only listens may not ask for this")
            else:
                yield endpoint, None if endpoint.access is None else _refusal(endpoint, delivery)


def _refusal(endpoint: PayloadEndpoint, delivery: Delivery) -> VortexError | None:
    """Why the peer may not call *endpoint*; None if it may."""
    try:
        passes = mayAccess(endpoint.access, delivery.peer, "call", delivery.filt)
    except (AccessDenied, Rejected) as refusal:
        return refusal
    return None if passes else AccessDenied("this is not for you")
