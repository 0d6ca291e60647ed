"""
ActionMemory: what became of the actions that were carried out, by their uuids, so that one that is sent again
is not carried out again.

On the native wire a session sees to that for what it sends again by itself. This is for all else: programs
that speak VortexPY, whose clients send again what was not answered in time, and whoever asks a second time
because it has given up the first. An action is known by its uuid and by who sends it: nobody is told what
became of another's.

What is kept is bounded for each sender, and for all together; it does not survive the process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from vortex.errors import DatabaseUnavailable, RemoteError, VortexError, errorText
from vortex.protocol.envelope import Envelope
from vortex.protocol.native_body import NativeBody, encodeNativeBody
from vortex.protocol.payload import Payload
from vortex.routing.ports import Node

__all__ = ["ActionMemory"]

_TOO_LARGE = "outcome-unknown: it was done, and the answer was too large to be kept"

Key = tuple[Hashable, Hashable]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one action: a body, or else the text of an error; and when, on the node's clock."""

    body: NativeBody | None
    error: str
    size: int
    at: float


class ActionMemory:
    """
    Args:
        node: Whose clock and limits count: maxStoredReplies and maxStoredReplyBytes for each sender,
            maxReplyMemory and maxClients for all, clientMemory for how long.
    """

    def __init__(self, node: Node) -> None:
        self._limits = node.limits
        self._clock = node.clock
        self._senders: OrderedDict[Hashable, _Sender] = OrderedDict()
        self._running: dict[Key, list[Deferred[None]]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many outcomes are kept."""
        return sum(len(sender.outcomes) for sender in self._senders.values())

    @property
    def size(self) -> int:
        """About how many bytes they take."""
        return self._bytes

    async def once(
        self, sender: Hashable, uuid: Hashable, carryOut: Callable[[], Deferred[list[Any]]]
    ) -> Payload:
        """
        Carry an action out, unless it was before; if it is being carried out just now, wait for that.

        Args:
            sender: Who wants it done.
            uuid: The action's; None: it has none, so it is always carried out.
            carryOut: Does it, and fires with the tuples of the answer.

        Returns:
            The answer, without a filt.

        Raises:
            VortexError: What it was refused with, now or before. Any other exception is not kept, nor is
                `DatabaseUnavailable`: the action may be tried again.
        """
        if uuid is None:
            return Payload(None, await carryOut())
        key = sender, uuid
        while (waiting := self._running.get(key)) is not None:
            mine: Deferred[None] = Deferred()
            waiting.append(mine)
            await mine
        outcome = self._outcome(sender, uuid)
        if outcome is not None:
            return self._again(outcome)
        self._running[key] = []
        try:
            tuples = await carryOut()
            self._keep(sender, uuid, self._done(tuples))
            return Payload(None, tuples)
        except VortexError as error:
            if not isinstance(error, DatabaseUnavailable) and error.code != VortexError.code:
                self._keep(sender, uuid, self._refused(error))
            raise
        finally:
            for mine in self._running.pop(key):
                if not mine.called:  # who has waited may have given up
                    mine.callback(None)

    def forget(self, sender: Hashable) -> None:
        """*sender* will send nothing again."""
        gone = self._senders.pop(sender, None)
        if gone is not None:
            self._bytes -= gone.size

    # ---- outcomes

    def _done(self, tuples: list[Any]) -> _Outcome:
        body = encodeNativeBody(tuples)
        if body.size > self._limits.maxStoredReplyBytes:
            return _Outcome(None, _TOO_LARGE, len(_TOO_LARGE), self._clock.seconds())
        return _Outcome(body, "", body.size, self._clock.seconds())

    def _refused(self, error: VortexError) -> _Outcome:
        text = errorText(error)
        return _Outcome(None, text, len(text), self._clock.seconds())

    def _again(self, outcome: _Outcome) -> Payload:
        if outcome.body is None:
            code, _, text = outcome.error.partition(": ")
            raise RemoteError(code, text)
        return Payload.fromEnvelope(Envelope({}, body=outcome.body), self._limits)

    def _outcome(self, sender: Hashable, uuid: Hashable) -> _Outcome | None:
        known = self._senders.get(sender)
        return None if known is None else known.outcomes.get(uuid)

    def _keep(self, sender: Hashable, uuid: Hashable, outcome: _Outcome) -> None:
        limits = self._limits
        known = self._senders.setdefault(sender, _Sender())
        self._senders.move_to_end(sender)
        before = known.size
        known.add(uuid, outcome)
        while len(known.outcomes) > limits.maxStoredReplies or known.size > limits.maxStoredReplyBytes:
            known.dropOldest()
        self._bytes += known.size - before
        tooOld = self._clock.seconds() - limits.clientMemory
        while self._senders:
            longest = next(iter(self._senders))
            isOver = self._bytes > limits.maxReplyMemory or len(self._senders) > limits.maxClients
            if not isOver and self._senders[longest].newest >= tooOld:
                return
            self.forget(longest)


class _Sender:
    """What one sender's actions came to, the oldest first."""

    def __init__(self) -> None:
        self.outcomes: OrderedDict[Hashable, _Outcome] = OrderedDict()
        self.size = 0

    @property
    def newest(self) -> float:
        """When the last of them came to an end; long ago, if nothing is kept."""
        return next(reversed(self.outcomes.values())).at if self.outcomes else float("-inf")

    def add(self, uuid: Hashable, outcome: _Outcome) -> None:
        self.outcomes[uuid] = outcome
        self.size += outcome.size + len(str(uuid))

    def dropOldest(self) -> None:
        uuid, outcome = self.outcomes.popitem(last=False)
        self.size -= outcome.size + len(str(uuid))
