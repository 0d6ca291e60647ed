"""
Watchers: who has asked for what, so as to tell them when it changes.

A handler remembers each request for data under the peer that made it: the request's filt, less what is
of that one message only. What a peer has asked is forgotten in the turn in which it goes, and past a
bound the oldest goes first. Peers that asked for the same are one `Watch`, so that an update is built
and encoded once for all.

Nothing is sent from here: see `vortex.handlers.pushes`.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

from vortex.errors import EncodeError
from vortex.routing.filt import normalise, watchFilt
from vortex.routing.ports import Node, Peer
from vortex.tuples.convert import toJsonable

__all__ = ["Watch", "Watchers", "keyOf"]


class Watch:
    """
    One thing that one or more peers have asked for.

    Args:
        filt: What a request asks with.
        about: What the handler files it under, if anything.

    Attributes:
        filt: The same without its messageId and ``rapui`` keys.
        key: Equal for filts that say the same; hashable.
        size: About how many bytes the filt takes, as it travels.
        about: As given.
        peers: Who has asked, the one that has waited longest first.
    """

    __slots__ = ("_conditions", "_peers", "about", "filt", "key", "size")

    def __init__(self, filt: Mapping[str, Any], about: Hashable = None) -> None:
        self.filt = watchFilt(filt)
        self.key, self.size = keyOf(self.filt)
        self.about = about
        self._conditions: frozenset[tuple[Hashable, Hashable]] | None = None
        self._peers: dict[Peer, None] = {}

    @property
    def peers(self) -> tuple[Peer, ...]:
        return tuple(self._peers)

    def contains(self, conditions: frozenset[tuple[Hashable, Hashable]]) -> bool:
        """Whether the filt has all of *conditions*, as `vortex.routing.filt.normalise` gives them."""
        if self._conditions is None:
            self._conditions = normalise(self.filt)
        return conditions <= self._conditions


class Watchers:
    """
    Who has asked one handler for what.

    It lives as long as its handler does: the node holds it weakly.

    Args:
        node: Whose peers they are. Its ``limits.maxWatchesPerPeer`` and ``maxWatchBytesPerPeer`` are how much
            is remembered of each.
    """

    def __init__(self, node: Node) -> None:
        self._maxWatches = node.limits.maxWatchesPerPeer
        self._maxBytes = node.limits.maxWatchBytesPerPeer
        self._counters = node.counters
        self._watches: dict[Hashable, Watch] = {}
        self._byPeer: dict[Peer, dict[Hashable, None]] = {}
        self._bytes: Counter[Peer] = Counter()
        self._byAbout: dict[Hashable, dict[Hashable, None]] = {}
        me = weakref.ref(self)

        def onPeerChange(peer: Peer, online: bool) -> None:
            watchers = me()
            if watchers is not None and not online:
                watchers.forget(peer)

        self._unsubscribe = weakref.finalize(self, node.onPeerChange(onPeerChange))
        self._unsubscribe.atexit = False

    def remember(self, peer: Peer, filt: Mapping[str, Any], about: Hashable = None) -> Watch:
        """
        *peer* has asked with *filt*; asking again makes it the newest of what it asked.

        Args:
            about: What `about` finds it by, for a handler that knows better than filts; one per filt.

        Returns:
            The watch. A peer that has gone already is not remembered, nor is a filt that is too long.
        """
        watch = Watch(filt, about)
        key = watch.key
        watch = self._watches.get(key, watch)
        if not (peer.isOnline and self._unsubscribe.alive):
            return watch
        if watch.size > self._maxBytes:
            self._counters["watchesForgotten"] += 1
            return watch
        if key not in self._watches:
            self._watches[key] = watch
            if about is not None:
                self._byAbout.setdefault(about, {})[key] = None
        keys = self._byPeer.setdefault(peer, {})
        if key in keys:
            del keys[key]
        else:
            self._bytes[peer] += watch.size
        keys[key] = None
        watch._peers[peer] = None
        while len(keys) > self._maxWatches or self._bytes[peer] > self._maxBytes:
            oldest = next(iter(keys))
            del keys[oldest]
            self._bytes[peer] -= self._watches[oldest].size
            self._counters["watchesForgotten"] += 1
            self._drop(peer, oldest)
        return watch

    def matching(self, filt: Mapping[str, Any] | None = None, peer: Peer | None = None) -> list[Watch]:
        """
        What was asked with a filt that contains *filt*, in the order in which it was first asked.

        Args:
            filt: None: everything.
            peer: Only what this peer has asked; None: whoever did.
        """
        conditions = normalise(filt or {})
        keys = self._watches if peer is None else self._byPeer.get(peer, {})
        return [watch for key in keys if (watch := self._watches[key]).contains(conditions)]

    def about(self, about: Hashable) -> list[Watch]:
        """What was remembered under *about*."""
        return [self._watches[key] for key in self._byAbout.get(about, ())]

    def filed(self) -> tuple[Hashable, ...]:
        """What `about` finds something under."""
        return tuple(self._byAbout)

    def forget(self, peer: Peer) -> None:
        """*peer* has asked for nothing."""
        for key in self._byPeer.pop(peer, ()):
            self._drop(peer, key)
        self._bytes.pop(peer, None)

    def close(self) -> None:
        """Forget everybody, and remember nobody from now on."""
        self._unsubscribe()
        self._watches.clear()
        self._byPeer.clear()
        self._bytes.clear()
        self._byAbout.clear()

    def _drop(self, peer: Peer, key: Hashable) -> None:
        watch = self._watches[key]
        watch._peers.pop(peer, None)
        if watch._peers:
            return
        del self._watches[key]
        if watch.about is not None:
            keys = self._byAbout[watch.about]
            del keys[key]
            if not keys:
                del self._byAbout[watch.about]


def keyOf(filt: dict[str, Any]) -> tuple[Hashable, int]:
    """
    What is the same for two filts exactly if they look the same on the wire, whatever the order of their
    keys; and how many bytes they have there.
    """
    try:
        text = json.dumps(toJsonable(filt), sort_keys=True).encode()
    except (EncodeError, TypeError, ValueError, RecursionError):
        return normalise(filt), 0  # one that never was on a wire: its dict values do not count
    return hashlib.blake2b(text, digest_size=32).digest(), len(text)
