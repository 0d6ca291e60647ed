"""
LiveLine: what one peer is told of all that it watches, when it can take it.

While much waits for the peer, or nothing carries it, nothing more is queued: what is behind is noted, and
when all that waited is written, each gets what is new since - one delta, or a part of a whole state. So a
peer that reads slowly costs no more than one that does not, and nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from vortex.clocks import Clock, DelayedCall
from vortex.errors import NotConnected
from vortex.live.watch import LiveWatch
from vortex.live.watcher import Watcher
from vortex.protocol.envelope import Message
from vortex.routing.ports import Peer

__all__ = ["LiveLine"]

log = Logger()


class LiveLine:
    """
    Args:
        peer: Whose.
        clock: The node's.
        mergeBytes: How much may wait for the peer.
        maySend: Asked with a watcher before each message; False: it gets none.
        isHeld: Asked with a watcher before that; True: it gets none yet, and `tell` is called again.
    """

    def __init__(
        self,
        peer: Peer,
        clock: Clock,
        mergeBytes: int,
        maySend: Callable[[Watcher], bool],
        isHeld: Callable[[Watcher], bool],
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._mergeBytes = mergeBytes
        self._maySend = maySend
        self._isHeld = isHeld
        self._behind: dict[Watcher, None] = {}
        self._paced: dict[Watcher, DelayedCall] = {}
        self._isWaiting = False
        self._used: dict[LiveWatch, int] = {}  # the last lane of each, as long as anything waits

    def tell(self, watcher: Watcher) -> bool:
        """
        There is news for *watcher*: send it, now or as soon as that can be.

        Returns:
            False if it is not to be sent, because it may not be, or cannot, or the peer knows better.
        """
        if self._isHeld(watcher):
            return not watcher.isAhead
        if watcher in self._behind or watcher in self._paced:
            return True
        wait = watcher.sentAt + watcher.policy.minInterval - self._clock.seconds()
        if watcher.policy.minInterval and wait > 0:
            self._paced[watcher] = self._clock.callLater(wait, self._goOn, watcher)
        elif self.isFull:
            self._waitFor(watcher)
        else:
            return self._send(watcher)
        return True

    @property
    def isFull(self) -> bool:
        """Whether nothing more is to be queued: much waits for the peer, or nothing carries it."""
        return not self._peer.isConnected or self._peer.queuedBytes >= self._mergeBytes

    def isUpToDate(self, watcher: Watcher) -> bool:
        """Whether *watcher* has been sent all that there is, and could be sent more."""
        return watcher.isAnswered and not (watcher.hasNews or self.isFull or self._isHeld(watcher))

    def queue(self, watcher: Watcher, message: Message) -> bool:
        """
        Send *message*, for *watcher*, whatever else waits; whether that could be done. One peer's trouble is
        not another's.
        """
        try:
            self._peer.sendMessage(message, self.priorityOf(watcher))
        except NotConnected:
            return False
        except Exception:
            log.failure("an update for {peer} could not be sent", peer=self._peer)
            return False
        return True

    def priorityOf(self, watcher: Watcher) -> int:
        """
        The priority of a message for *watcher*: no better than what may be waiting for it has, so that
        nothing is overtaken when the peer asks for another one.
        """
        if not self._peer.queuedBytes:
            self._used.clear()
        priority = max(watcher.policy.priority, self._used.get(watcher.watch, 0))
        self._used[watcher.watch] = priority
        return priority

    def waitingPriority(self, watch: LiveWatch) -> int:
        """The priority of the last message of *watch* that may be waiting for the peer; 0 if none is."""
        return self._used.get(watch, 0) if self._peer.queuedBytes else 0

    def forget(self, watcher: Watcher) -> None:
        """*watcher* is to get nothing more."""
        self._behind.pop(watcher, None)
        paced = self._paced.pop(watcher, None)
        if paced is not None:
            paced.cancel()

    def _goOn(self, watcher: Watcher) -> None:
        del self._paced[watcher]
        self.tell(watcher)

    def _send(self, watcher: Watcher) -> bool:
        """Send one message, if it may be, and note whether there is more."""
        if self._isHeld(watcher) or not self._maySend(watcher):
            return False
        try:
            message = watcher.next()
        except Exception:
            log.failure("an update for {peer} could not be made", peer=self._peer)
            return False
        if message is None:
            return False
        watcher.sentAt = self._clock.seconds()
        isQueued = self.queue(watcher, message)
        if watcher.hasNews and self._peer.isOnline:
            self._waitFor(watcher)
        return isQueued

    def _waitFor(self, watcher: Watcher) -> None:
        self._behind[watcher] = None
        self._wait()

    def _wait(self) -> None:
        if self._behind and not self._isWaiting:
            self._isWaiting = True
            self._peer.whenReady().addCallback(self._ready)

    def _ready(self, _: None) -> None:
        """All that waited for the peer is written, or it is gone."""
        while self._behind and self._peer.isConnected and not self._peer.queuedBytes:
            watcher = next(iter(self._behind))
            del self._behind[watcher]
            self._send(watcher)
        self._isWaiting = False
        if self._peer.isOnline:
            self._wait()
