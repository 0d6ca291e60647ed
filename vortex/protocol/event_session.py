"""
EventSession: a session of somebody who only listens, by a browser's own `EventSource`.

    OPEN --connection lost--> PARKED --came back--> OPEN
      +-------- close --------+------- expired -----+--> CLOSED

Nothing is ever acknowledged: who comes back says which event it has had last. So what was written is kept as
long as there is room, the oldest goes first, and whoever has missed more than is kept begins anew.

No sockets, no clock, no reactor: callers pass the time in, and take events and bytes out.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections import deque
from collections.abc import Callable, Hashable

from vortex.errors import QueueOverflow
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Broken, Closed, Event, Opened, Resumed
from vortex.protocol.link_session import TAKE_BYTES, State
from vortex.protocol.outbox import Outbox
from vortex.protocol.session import BEAT

__all__ = ["EventSession"]

RETRY = 1000
"""Milliseconds after which a browser comes back."""

PAD_BYTES = 2 << 10
"""What some proxies, and some browsers, want to have before they pass anything on."""

_BEAT = b":\n\n"
_FIRST = b":%b\nretry: %d\n\n" % (b" " * PAD_BYTES, RETRY)
_NEXT = b":%b\n\n" % (b" " * PAD_BYTES)


class EventSession:
    """
    Args:
        name: What its peer is called.
        secret: What whoever goes on with it has to show; only a hash of it is kept.
        principal: The id of who it was found to be; None if it was not asked.
        resetFor: Why one before it cannot be gone on with, which is told first; None where there was none.
        limits: Bounds on what waits, and is kept.
        room: Gives the bytes that may be kept now, if that is less than `Limits.replayBytes`.
        now: The time, in seconds on the caller's clock.

    Attributes:
        id: The public id.
        state: Where it is on its way, see the module's diagram.
        written: The number of the last event.
        isHeard: Whether the listener has come back, or stayed for a while: it never says anything.
    """

    def __init__(
        self,
        *,
        name: str,
        secret: str,
        principal: str | None,
        resetFor: str | None,
        limits: Limits,
        room: Callable[[], int],
        now: float,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.state = State.CONNECTING
        self.written = 0
        self.principal = principal
        self._name = name
        self._secret = _hash(secret)
        self._limits = limits
        self._room = room
        self._outbox: Outbox[Message] = Outbox(
            limits.maxOutboxBytes, limits.maxOutboxItems, limits.mergeBytes
        )
        self._kept: deque[tuple[int, bytes]] = deque()
        self._keptBytes = 0
        self._resumeFrom = 0
        self._toRewrite: deque[bytes] = deque()
        self._control: list[bytes] = []
        self._events: list[Event] = []
        self._resetFor = resetFor
        self._isBroken = False
        self._lostAt = now
        self._since = now
        self.isHeard = False
        self._nextBeat = math.inf

    @property
    def queued(self) -> int:
        """How many events wait to be written."""
        return len(self._outbox) + len(self._toRewrite)

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait in the outbox."""
        return self._outbox.bytes

    @property
    def merged(self) -> int:
        """How many events were replaced by a newer one of their merge key, for want of room."""
        return self._outbox.merged

    @property
    def heldBytes(self) -> int:
        """Bytes that it keeps or queues."""
        return self._keptBytes + self._outbox.bytes

    # ---- who may have it

    def belongsTo(self, secret: str, principal: str | None) -> bool:
        """Whether it is the session of whoever shows *secret*, and is *principal*."""
        return secrets.compare_digest(_hash(secret), self._secret) and principal == self.principal

    def canResumeFrom(self, number: int) -> bool:
        """Whether all events after *number* are here still; then the next connection goes on from it."""
        first = self._kept[0][0] if self._kept else self.written + 1
        if not first - 1 <= number <= self.written:
            return False
        self._resumeFrom = number
        return True

    def owes(self, taken: int) -> bool:
        """Whether there is more to be written for who has had all up to that number."""
        return self.written > taken or self._outbox.items > 0

    # ---- the connection

    def attached(self, now: float, form: Form | None = None) -> None:
        """
        A connection carries this session from now on.

        Args:
            form: Not used: there is one.
        """
        if self.state is State.CLOSED:
            return
        isNew = self.state is State.CONNECTING
        after = max(0.0, now - self._lostAt) if self.state is State.PARKED else 0.0
        self.state = State.OPEN
        self._isBroken = False
        self._since = now
        self.isHeard = self.isHeard or not isNew
        self._nextBeat = now + BEAT
        self._control = [_FIRST if isNew else _NEXT]
        self._toRewrite = deque(event for number, event in self._kept if number > self._resumeFrom)
        if not isNew:
            self._events.append(Resumed(len(self._toRewrite), after))
            return
        if self._resetFor is not None:
            self._control.append(b'event: reset\ndata: {"reason":"%b"}\n\n' % self._resetFor.encode())
        self._events.append(Opened(self.id, self._name))

    def transportLost(self, now: float, reason: str = "the connection was lost") -> None:
        """The connection is gone; who comes back says what it has had."""
        if self.state is State.OPEN:
            self.state = State.PARKED
            self._lostAt = now
            self.isHeard = self.isHeard or now - self._since >= BEAT
            self._control.clear()
            self._toRewrite.clear()

    def receive(self, data: bytes, now: float) -> None:
        """Nothing comes in."""

    # ---- out

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        """
        Queue *message*; lower priority numbers leave first. Past the outbox's bound this session ends.

        Args:
            mergeKey: When much waits, *message* replaces a waiting one of the same key and priority.

        Raises:
            EncodeError: If it cannot travel.
        """
        if self.state is State.CLOSED:
            return
        try:
            self._outbox.push(message, priority, len(message.asEvent), mergeKey)
        except QueueOverflow as error:
            self.close(CloseCode.OVERFLOW, str(error))

    def cancel(self, message: Message) -> None:
        """Nobody asks anything here."""

    def frameToSendNow(self, message: Message) -> bytes | None:
        """*message* as an event, if nothing is to be written before it. None: send it."""
        isFree = self.state is State.OPEN and not self._isBroken
        if not isFree or self._control or self._toRewrite or self._outbox.items:
            return None
        return self._write(message)

    def helloToSend(self) -> list[bytes]:
        """Take what opens a connection, without anything that waits behind it."""
        control, self._control = self._control, []
        return control

    def framesToSend(self) -> list[bytes]:
        """Take what is to be written next, in one piece; empty when nothing waits."""
        frames = self.helloToSend()
        size = 0
        while self.state is State.OPEN and not self._isBroken and size < TAKE_BYTES:
            if self._toRewrite:
                event = self._toRewrite.popleft()
            else:
                message = self._outbox.pop()
                if message is None:
                    break
                event = self._write(message)
            size += len(event)
            frames.append(event)
        return [b"".join(frames)] if frames else []

    def _write(self, message: Message) -> bytes:
        text = message.asEvent
        self.written += 1
        event = b"id: %b.%d\ndata: %b\n\n" % (self.id.encode(), self.written, text)
        self._kept.append((self.written, event))
        self._keptBytes += len(event)
        mostBytes = min(self._limits.replayBytes, self._room())
        while len(self._kept) > self._limits.replayFrames or (
            len(self._kept) > 1 and self._keptBytes > mostBytes
        ):
            self._keptBytes -= len(self._kept.popleft()[1])
        return event

    # ---- time

    def tick(self, now: float) -> None:
        """Do what is due at *now*; ask `nextDeadline` when to come again."""
        if self.state is State.PARKED and now >= self._lostAt + self._limits.sessionLinger:
            self._end(
                CloseCode.SESSION_EXPIRED.value, f"no connection came for {self._limits.sessionLinger:g} s"
            )
        elif self.state is State.OPEN and now >= self._nextBeat:
            self._nextBeat = now + BEAT
            self._control.append(_BEAT)

    def nextDeadline(self) -> float | None:
        """When to call `tick` next, on the clock that *now* comes from; None: never."""
        if self.state is State.PARKED:
            return self._lostAt + self._limits.sessionLinger
        return self._nextBeat if self.state is State.OPEN and not self._isBroken else None

    # ---- the end

    def slow(self, reason: str) -> None:
        """The other end does not read: the connection is given up, not the session."""
        if self.state is State.OPEN and not self._isBroken:
            self._isBroken = True
            self._events.append(Broken(CloseCode.SLOW.value, reason))

    def close(self, code: CloseCode, reason: str) -> None:
        """End this session. Closing twice does nothing."""
        if self.state is not State.CLOSED:
            self._end(code.value, reason)

    def _end(self, code: str, reason: str) -> None:
        self.state = State.CLOSED
        self._outbox.clear()
        self._kept.clear()
        self._keptBytes = 0
        self._toRewrite.clear()
        self._control.clear()
        self._events.append(Closed(code, reason))

    def events(self) -> list[Event]:
        """Take what has happened since the last call, in order."""
        events, self._events = self._events, []
        return events


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
