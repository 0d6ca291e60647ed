"""
Pushes: an update on its way to everybody who asked for it.

One message is shared by all its receivers, and so encoded once. To each it goes in that peer's turn:
never before the answer to a request that was read earlier. While it waits there, a newer update of the
same takes its place, so what waits for one peer is bounded by what it asked for; and so it does while much
waits for a peer that reads slowly.

What the update holds, and who gets it, is the handler's business.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from twisted.logger import Logger

from vortex.errors import NotConnected
from vortex.handlers.turns import Turns
from vortex.handlers.watchers import Watch
from vortex.protocol.envelope import Message
from vortex.routing.ports import Peer

__all__ = ["Pushes"]

log = Logger()

IsOld = Callable[[Peer], bool]


def _never(_peer: Peer) -> bool:
    return False


class Pushes:
    """
    Args:
        turns: Where the handler's answers wait for their turn.
        lineOf: The key under which the handler answers a peer's request for a `Watch` of that key: one line
            for all of a peer's, or one for each.
    """

    def __init__(self, turns: Turns, lineOf: Callable[[Peer, Hashable], Hashable]) -> None:
        self._turns = turns
        self._lineOf = lineOf
        self._latest: dict[Hashable, dict[Hashable, tuple[Message, IsOld]]] = {}

    @property
    def areWaiting(self) -> bool:
        """Whether there are any whose turn has not come."""
        return bool(self._latest)

    def send(self, watch: Watch, message: Message, peers: Iterable[Peer], isOld: IsOld = _never) -> int:
        """
        Send *message*, the update of *watch*, to each of *peers*.

        Args:
            isOld: Asked with a peer when its turn has come: True if it knows better by then.

        Returns:
            How many get it: it was queued for them, or waits for an answer of theirs to go first.
        """
        return sum(self._sendTo(watch, message, peer, isOld) for peer in peers)

    def _sendTo(self, watch: Watch, message: Message, peer: Peer, isOld: IsOld) -> bool:
        line = self._lineOf(peer, watch.key)
        waiting = self._latest.setdefault(line, {})
        waiting.pop(watch.key, None)
        waiting[watch.key] = message, isOld
        sent: list[bool] = []

        def sendAll() -> None:
            for key, (latest, isOld) in self._latest.pop(line).items():
                isQueued = not isOld(peer) and _queue(peer, latest, (id(self), key))
                if key == watch.key:
                    sent.append(isQueued)

        self._turns.join(line, sendAll)
        return sent[0] if sent else peer.isOnline


def _queue(peer: Peer, message: Message, mergeKey: Hashable) -> bool:
    """Whether *peer* takes *message*. One peer's trouble is not another's, so nothing is raised."""
    if not peer.isOnline:
        return False
    try:
        peer.sendMessage(message, mergeKey=mergeKey)
    except NotConnected:
        return False
    except Exception:
        log.failure("an update for {peer} could not be sent", peer=peer)
        return False
    return True
