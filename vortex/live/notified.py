"""
Notified: who is to be told of what was made again, be it what they have already.
"""

from __future__ import annotations

from vortex.routing.ports import Peer

__all__ = ["Notified"]


class Notified:
    """
    Args:
        areAll: Whether it is everybody.
    """

    __slots__ = ("_areAll", "_peers")

    def __init__(self, areAll: bool = False) -> None:
        self._areAll = areAll
        self._peers: set[Peer] = set()

    def __bool__(self) -> bool:
        return self._areAll or bool(self._peers)

    def __contains__(self, peer: Peer) -> bool:
        return self._areAll or peer in self._peers

    def add(self, peer: Peer | None) -> None:
        """*peer* is; None: everybody."""
        if peer is None:
            self._areAll = True
        else:
            self._peers.add(peer)

    def update(self, other: Notified) -> None:
        """They all are."""
        self._areAll |= other._areAll
        self._peers |= other._peers
