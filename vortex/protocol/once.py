"""
Once: which action of which client was taken already, and what it was answered.

A client numbers what it sends, and sends again what it does not know to have arrived. By the number an action
is told from the same one come again: it is carried out once, and answered as often as it comes.

No sockets, no clock: callers pass the time in. What is kept is bounded in every direction, and what is
forgotten for want of room is counted. Nothing in here survives the process; what does is a mark in the
application's own database, see `vortex.routing.delivery.Delivery.recordIn`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from vortex.limits import Limits

__all__ = [
    "ClientRecord",
    "Dropped",
    "Gap",
    "Once",
    "Run",
    "Running",
    "StaleEpoch",
    "Stored",
    "Unknown",
    "Verdict",
]

GONE = 10
"""How many times `Limits.maxClients` of those forgotten are known still by their last action's number."""

A = TypeVar("A")
"""What stands for an action while it is carried out."""


@dataclass(frozen=True, slots=True)
class Run:
    """It is new, or nothing has come of it: carry it out."""


@dataclass(frozen=True, slots=True)
class Stored:
    """It was answered: so."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Running(Generic[A]):
    """It is being carried out: answer when it is done."""

    under: A


@dataclass(frozen=True, slots=True)
class Gap:
    """One before it is missing: the next has to be *expected*."""

    expected: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was taken, and what came of it is not known any more."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It was taken, and nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class StaleEpoch:
    """The client has begun to count anew since: whoever sends this is none of it."""


Verdict = Run | Stored | Running[A] | Gap | Unknown | Dropped | StaleEpoch

_RUN, _UNKNOWN, _DROPPED, _STALE = Run(), Unknown(), Dropped(), StaleEpoch()


class ClientRecord(Generic[A]):
    """
    One epoch of one client; `Once.attached` makes it.

    Attributes:
        client: What the client is known by.
        epoch: The client's.
        last: The number of the last action taken; 0 if none.
        settled: The client is done with all up to this one.
        isStale: Whether the client has begun another epoch.
    """

    __slots__ = (
        "_base",
        "_bytes",
        "_once",
        "_replies",
        "_running",
        "_sessions",
        "client",
        "epoch",
        "isStale",
        "last",
        "settled",
    )

    def __init__(self, once: Once[A], client: str, epoch: int, nextAction: int) -> None:
        self.client = client
        self.epoch = epoch
        self.last = 0
        self.settled = 0
        self.isStale = False
        self._once = once
        self._base = nextAction
        self._sessions = 0
        self._running: dict[int, A] = {}
        self._replies: dict[int, bytes | None] = {}  # None: it failed in a way that it may be tried again
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<actions of {self.client} up to {self.last}, settled to {self.settled}>"

    def mayMiss(self, nextAction: int) -> None:
        """Numbers below *nextAction* may be missing: another record took them, or another server."""
        self._base = max(self._base, nextAction)

    def passOver(self, action: int) -> None:
        """All up to *action* count as taken, here or elsewhere, and nothing is known of what came of them."""
        self.last = max(self.last, action)

    def take(self, action: int, *, expectsAnswer: bool) -> Verdict[A]:
        """
        What to do with *action*, which has come in.

        After `Run` it counts as taken. Who expects an answer to it says `started`, then `finished`.
        """
        if self.isStale:
            return _STALE
        if action > self.last and action > self.settled:
            expected = max(self.last + 1, self._base)
            if action > expected:
                return Gap(expected)
            self.last = action
            return _RUN
        if action in self._running:
            return Running(self._running[action])
        if action in self._replies:
            reply = self._replies[action]
            if reply is not None:
                return Stored(reply)
            del self._replies[action]
            return _RUN
        return _UNKNOWN if expectsAnswer else _DROPPED

    def started(self, action: int, under: A) -> None:
        """*action* is being carried out; *under* is given to whoever sends it again."""
        self._running[action] = under
        self._keepTo()

    def running(self, action: int) -> A | None:
        """What was given to `started`, as long as *action* is neither finished nor forgotten."""
        return self._running.get(action)

    def finished(self, action: int, reply: bytes | None) -> None:
        """
        *action* is done.

        Args:
            reply: Its answer as it goes over the wire; None if nothing came of it: it may be run again.
        """
        self._running.pop(action, None)
        if action <= self.settled or self.isStale:
            return
        self._forget(action)
        if reply is not None and len(reply) > self._once.limits.maxStoredReplyBytes:
            self._once.counters["repliesForgotten"] += 1
            return
        self._replies[action] = reply
        if reply is not None:
            self._bytes += len(reply)
            self._once.bytes += len(reply)
        self._keepTo()

    def dropped(self, action: int) -> None:
        """Nobody waits for *action* any more: what comes of it need not be told."""
        self._running.pop(action, None)

    def settle(self, action: int) -> None:
        """The client is done with all actions up to that one: forget their answers."""
        action = min(action, max(self.last, self._base - 1))
        if action <= self.settled:
            return
        self.settled = action
        for number in [number for number in self._running if number <= action]:
            del self._running[number]
        for number in [number for number in self._replies if number <= action]:
            self._forget(number)

    def forgetAll(self) -> None:
        """Give back all room: what comes of the actions that are running is not kept either."""
        self.isStale = True
        self._running.clear()
        self._replies.clear()
        self._once.bytes -= self._bytes
        self._bytes = 0

    def _forget(self, action: int) -> None:
        reply = self._replies.pop(action, None)
        if reply is not None:
            self._bytes -= len(reply)
            self._once.bytes -= len(reply)

    def _keepTo(self) -> None:
        """Keep to the bounds, at the cost of what was answered first, then of what began first."""
        limits, once = self._once.limits, self._once
        while self._bytes > limits.maxStoredReplyBytes:
            self._loseReply()
        while once.bytes > limits.maxReplyMemory and (once.evict() or self._loseReply()):
            pass
        while len(self._running) + len(self._replies) > limits.maxStoredReplies:
            if not self._loseReply():
                del self._running[next(iter(self._running))]
                once.counters["repliesForgotten"] += 1

    def _loseReply(self) -> bool:
        """Forget the oldest answer; False if none is kept."""
        for action in self._replies:
            self._forget(action)
            self._once.counters["repliesForgotten"] += 1
            return True
        return False


class Once(Generic[A]):
    """
    The clients of one node.

    Args:
        limits: The bounds on what is kept.
        counters: Where it is counted what was forgotten for want of room: "repliesForgotten",
            "clientsForgotten".

    Attributes:
        bytes: How large the answers are that are kept.
    """

    def __init__(self, limits: Limits, counters: Counter[str]) -> None:
        self.limits = limits
        self.counters = counters
        self.bytes = 0
        self._records: dict[str, ClientRecord[A]] = {}
        self._gone: OrderedDict[str, tuple[int, int]] = OrderedDict()  # epoch, last action
        self._away: dict[str, float] = {}  # those without a session, and until when; the next to go is first

    def __len__(self) -> int:
        return len(self._records)

    def attached(self, client: str, epoch: int, nextAction: int, now: float) -> ClientRecord[A] | None:
        """
        A session of *client* has begun.

        Args:
            client: What the client is known by; never what it calls itself.
            epoch: The client's count of its epochs.
            nextAction: The number of its next new action, as it says.
            now: The time, in seconds on the caller's clock.

        Returns:
            Where its actions are taken; the same as before, if it was here before. None if *epoch* is over.
        """
        self._expire(now)
        record = self._records.get(client)
        if record is not None and epoch < record.epoch:
            return None
        if record is None or epoch > record.epoch:
            if record is not None:
                record.forgetAll()
            record = self._records[client] = ClientRecord(self, client, epoch, nextAction)
            goneEpoch, last = self._gone.pop(client, (0, 0))
            if goneEpoch == epoch:
                record.passOver(last)
        record.mayMiss(nextAction)
        self._away.pop(client, None)
        record._sessions += 1
        return record

    def detached(self, record: ClientRecord[A], now: float) -> None:
        """A session that *record* was given for is over."""
        record._sessions -= 1
        if record._sessions or record.isStale:
            return
        if record.last == 0:  # it has done nothing that there is to remember
            self._discard(record.client)
            return
        self._away[record.client] = now + self.limits.clientMemory
        self._expire(now)
        if len(self._away) > self.limits.maxClients:
            self.evict()

    def evict(self) -> bool:
        """Forget the client that has been away for longest; False if none is away."""
        for client in self._away:
            self._discard(client)
            self.counters["clientsForgotten"] += 1
            return True
        return False

    def _expire(self, now: float) -> None:
        while self._away:
            client, until = next(iter(self._away.items()))
            if until > now:
                return
            self._discard(client)

    def _discard(self, client: str) -> None:
        self._away.pop(client, None)
        record = self._records.pop(client)
        record.forgetAll()
        if record.last:
            self._gone[client] = record.epoch, record.last
            if len(self._gone) > GONE * self.limits.maxClients:
                self._gone.popitem(last=False)
