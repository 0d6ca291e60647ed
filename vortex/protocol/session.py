"""
Session: one end of a session on the native wire; what both ends have in common.

    CONNECTING --welcome--> OPEN --connection lost--> PARKED --resumed--> OPEN
        |                    |                          |
        +------- close ------+------- expired ----------+--> CLOSED

In each direction it is one sequence of numbered messages. What was written is
kept until the other end has acknowledged it, and written again on the next
connection from where the other end says that it stands: so a message is taken
once, in its order, through any cut. The wire is docs/reference/wire-format.md.

No sockets, no clock, no reactor: callers pass frames and the time in, and take
events, bytes and the next deadline out.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Hashable
from typing import Any

from vortex.errors import DecodeError, VortexError
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.events import Broken, Closed, Event, Malformed, Received
from vortex.protocol.json_codec import loads
from vortex.protocol.link_session import TAKE_BYTES, State
from vortex.protocol.malformed_count import MalformedCount
from vortex.protocol.native import MAX_VARINT, Kind, frame, readVarint, varint
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.outbox import Outbox

__all__ = ["BEAT", "MAX_TEXT", "MAX_WAIT", "Kept", "Session", "jsonFrame", "numberOf", "readJson", "textOf"]

BEAT = 10.0
"""Seconds between two signs of life."""

ACK_FRAMES = 64
ACK_BYTES = 128 << 10
ACK_DELAY = 1.0
"""Messages, bytes and seconds after which what was taken is acknowledged."""

ACK_PATIENCE = 30.0
"""Seconds for which an end that is not heard otherwise may leave a message unacknowledged."""

SLOWEST = 16 << 10
"""Bytes per second that it may have received since: what is long takes longer."""

MAX_WAIT = 25
"""Seconds that the answer to a poll may take."""

MAX_CONTROL = 16 << 10
"""Bytes that a frame with JSON in it may have."""

MAX_REASON = 200
"""Characters of the other end's reason for a CLOSE that are kept."""

MAX_TEXT = 128
"""Characters that an id, a token or a secret may have."""


class Kept:
    """A message that was written, until it is acknowledged: its frame, in two parts, one of them shared."""

    __slots__ = ("action", "encoded", "head", "message", "number")

    def __init__(
        self, number: int, head: bytes, encoded: bytes, message: Message | None = None, action: int = 0
    ) -> None:
        self.number = number
        self.head = head
        self.encoded = encoded
        self.message = message
        self.action = action

    @property
    def size(self) -> int:
        return len(self.head) + len(self.encoded)


class Session:
    """
    Args:
        limits: Bounds on what comes in, waits, and is kept.
        now: The time, in seconds on the caller's clock.

    Attributes:
        via: How HTTP requests carry it: "stream", "sse" or "poll"; None where a connection goes both ways.
        state: Where it is on its way, see the module's diagram.
        written: The number of the last message written, 0 if none.
        taken: The number of the last one taken.
    """

    form = Form.NATIVE

    _closeWords = frozenset(code.value for code in CloseCode)  # why the other end may say that it is over

    def __init__(self, *, limits: Limits, now: float) -> None:
        self.via: str | None = None
        self.state = State.CONNECTING
        self.written = 0
        self.taken = 0
        self._limits = limits
        self._outbox: Outbox[Message] = Outbox(
            limits.maxOutboxBytes, limits.maxOutboxItems, limits.mergeBytes
        )
        self._kept: deque[Kept] = deque()
        self._keptBytes = 0
        self._toRewrite: deque[Kept] = deque()
        self._control: list[bytes] = []
        self._events: list[Event] = []
        self._ack = b""  # the last frame that says so
        self._acked = 0  # of what was taken, the last that the other end was told of
        self._bytesTaken = 0  # since then
        self._ackDue = math.inf
        self._isReady = False  # whether anything but control frames may be written
        self._isAttached = False
        self._isBroken = False
        self._lastHeard = now
        self._oldestKept = math.inf  # since when something waits to be acknowledged, where that is known
        self._beat = BEAT  # what both ends hold to; a server says it in its WELCOME
        self._nextBeat = math.inf
        self.lostAt = now
        self._malformed = MalformedCount(limits.maxMalformed)

    @property
    def isAttached(self) -> bool:
        """Whether a connection carries it."""
        return self._isAttached

    @property
    def _sendsBeats(self) -> bool:
        """Whether this end gives signs of life."""
        return self.via is None

    @property
    def _hearsBeats(self) -> bool:
        """Whether the other end does."""
        return self.via is None

    @property
    def _idle(self) -> float:
        """Seconds of silence after which the other end is taken for dead: linkIdle is for a beat of 10."""
        return self._limits.linkIdle * self._beat / BEAT

    @property
    def queued(self) -> int:
        """How many messages wait to be written."""
        return len(self._outbox) + len(self._toRewrite)

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait in the outbox."""
        return self._outbox.bytes

    @property
    def merged(self) -> int:
        """How many messages were replaced by a newer one of their merge key, for want of room."""
        return self._outbox.merged

    @property
    def heldBytes(self) -> int:
        """Bytes that it keeps or queues."""
        return self._keptBytes + self._outbox.bytes

    # ---- the connection

    def attached(self, now: float, form: Form | None = None) -> None:
        """
        A connection carries this session from now on.

        Args:
            form: Not used: there is one.
        """
        if self.state is State.CLOSED:
            return
        self._isAttached = True
        self._isReady = False
        self._isBroken = False
        self._lastHeard = now
        self._nextBeat = now + self._beat if self._sendsBeats else math.inf
        self._control.clear()
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Say what comes first on a connection."""
        raise NotImplementedError

    def transportLost(self, now: float, reason: str = "the connection was lost") -> None:
        """The connection is gone; what it had taken and the other end has not is written again later."""
        if self.state is State.CLOSED or not self._isAttached:
            return
        self._isAttached = False
        self._isReady = False
        self._control.clear()
        self._toRewrite.clear()
        self._ackDue = math.inf
        if self.state is State.OPEN:  # else it was lost before, and this connection has not got that far
            self.lostAt = now
            self.state = State.PARKED

    def _goOn(self, number: int, now: float) -> int:
        """The other end has taken all up to *number*; the rest is written again. Returns how many that is."""
        self._drop(number, now)
        self._toRewrite = deque(self._kept)
        self._isReady = True
        self._oldestKept = now if self._kept else math.inf
        self.state = State.OPEN
        return len(self._toRewrite)

    def _break(self, code: CloseCode, reason: str) -> None:
        """Have the connection given up."""
        if not self._isBroken:
            self._isBroken = True
            self._isReady = False
            self._events.append(Broken(code.value, reason))

    # ---- in

    def receive(self, data: bytes, now: float) -> None:
        """One whole frame came in, without its length; an empty one is only a sign of life."""
        if self.state is State.CLOSED or self._isBroken:
            return
        self._lastHeard = now
        if not data:
            return
        try:
            self._take(data[0], data, now)
        except VortexError as error:
            self._break(CloseCode.PROTOCOL, str(error))

    def _take(self, kind: int, data: bytes, now: float) -> None:
        if kind == Kind.ACK:
            number, at = readVarint(data, 1)
            settled, _ = readVarint(data, at)
            if number > self.written:
                raise DecodeError(f"expected at most message {self.written} to be acknowledged, got {number}")
            self._drop(number, now)
            self._settled(settled)
        elif kind == Kind.BEAT:
            number, _ = readVarint(data, 1)
            if number > self.taken:
                self._break(
                    CloseCode.LOST, f"message {number} was written, and {self.taken} is the last that came"
                )
        elif kind == Kind.CLOSE:
            said = readJson(data, self._limits)
            code, reason = f"{said.get('code')}", f"{said.get('reason')}"[:MAX_REASON]
            reason = reason.encode("utf-8", "replace").decode()  # half a surrogate pair goes nowhere
            if said.get("again") is True:
                self._break(CloseCode.LOST, f"{code!r:.40}: {reason}")
            else:
                self._ended(code if code in self._closeWords else CloseCode.NORMAL.value, reason)
        elif kind == Kind.PAD or kind >= 0x80:
            return
        else:
            raise DecodeError(f"expected a frame of a kind that there is here, got {kind:#x}")

    def _numbered(self, data: bytes, now: float) -> int | None:
        """
        Where a counted frame goes on behind its number; None if it was taken before.

        Raises:
            DecodeError: If one before it is missing.
        """
        number, at = readVarint(data, 1)
        if number <= self.taken:
            return None
        if number != self.taken + 1:
            raise DecodeError(f"expected message {self.taken + 1}, got {number}")
        self.taken = number
        self._bytesTaken += len(data)
        if self.via == "poll":
            return at  # the next HELLO says it
        if self._ackDue == math.inf:
            self._ackDue = now + ACK_DELAY
        if number - self._acked >= ACK_FRAMES or self._bytesTaken >= ACK_BYTES:
            self._ackDue = now
            self._ackNow()
        return at

    def _message(
        self, data: bytes, at: int, action: int | None = None, asked: Message | None = None
    ) -> Envelope | None:
        """The message that begins there; None if it is none, which is told, and costs nothing else."""
        try:
            return decodeNativeMessage(data[at:], self._limits)
        except VortexError as error:
            self._events.append(Malformed(error, action, asked))
            if self._malformed.oneMore(self._lastHeard):
                most = self._limits.maxMalformed
                self.close(CloseCode.LIMIT, f"more than {most} messages were none (maxMalformed)")
            return None

    def _received(self, envelope: Envelope) -> None:
        self._events.append(Received(envelope))

    def _drop(self, number: int, now: float) -> None:
        """What is kept up to *number* was taken."""
        kept = self._kept
        if kept and kept[0].number <= number:
            self._oldestKept = now
        while kept and kept[0].number <= number:
            entry = kept.popleft()
            self._keptBytes -= entry.size
        if not kept:
            self._oldestKept = math.inf
        while self._toRewrite and self._toRewrite[0].number <= number:
            self._toRewrite.popleft()

    def _settled(self, action: int) -> None:
        """The other end is done with all actions up to that one."""

    # ---- out

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        """
        Queue *message*; lower priority numbers leave first.

        Args:
            mergeKey: When much waits, *message* replaces a waiting one of the same key and priority.

        Raises:
            EncodeError: If it cannot travel.
            QueueOverflow: If too much waits; a server's session is closed instead.
        """
        if self.state is not State.CLOSED:
            self._outbox.push(message, priority, len(message.encoded(Form.NATIVE)), mergeKey)

    def frameToSendNow(self, message: Message) -> bytes | None:
        """*message*, framed and kept, if nothing is to be written before it. None: send it."""
        if not self._isReady or self._control or self._toRewrite or self._outbox.items or not self._hasRoom:
            return None
        return self._write(message)

    def helloToSend(self) -> list[bytes]:
        """Take what opens a connection, without anything that waits behind it."""
        control, self._control = self._control, []
        return control

    def framesToSend(self) -> list[bytes]:
        """Take what is to be written next, in one piece: about 64 KiB, or one message; empty if none."""
        frames = self.helloToSend()
        if self._isReady:
            size = 0
            while size < TAKE_BYTES:
                if self._toRewrite:
                    entry = self._toRewrite.popleft()
                    written = b"".join((varint(entry.size), entry.head, entry.encoded))
                else:
                    next_ = self._writeNext() if self._hasRoom else None
                    if next_ is None:
                        break
                    written = next_
                size += len(written)
                frames.append(written)
            if frames and self.taken > self._acked:
                self._ackNow()
                frames += self.helloToSend()
        return [b"".join(frames)] if frames else []

    @property
    def _hasRoom(self) -> bool:
        if not self._kept:
            return True
        limits = self._limits
        return len(self._kept) < limits.replayFrames and self._keptBytes < limits.replayBytes

    def _writeNext(self) -> bytes | None:
        """What leaves next, as a frame; None if nothing waits."""
        message = self._outbox.pop()
        return None if message is None else self._write(message)

    def _write(self, message: Message) -> bytes:
        """*message* as this end frames one, with the next number, kept until it is acknowledged."""
        raise NotImplementedError

    def _keep(self, entry: Kept) -> bytes:
        """*entry* as a frame that is written now."""
        self.written = entry.number
        self._kept.append(entry)
        self._keptBytes += entry.size
        return b"".join((varint(entry.size), entry.head, entry.encoded))

    @property
    def writtenHere(self) -> int:
        """The number of the last message that is on this connection, or was taken before it."""
        return self._toRewrite[0].number - 1 if self._toRewrite else self.written

    def _ackNow(self) -> None:
        self._acked = self.taken
        self._bytesTaken = 0
        self._ackDue = math.inf
        if self._control and self._control[-1] is self._ack:  # not written yet, and needless now
            self._control.pop()
        self._ack = frame(Kind.ACK, varint(self.taken), varint(self._settledHere()))
        self._control.append(self._ack)

    def _settledHere(self) -> int:
        return 0

    # ---- time

    def tick(self, now: float) -> None:
        """Do what is due at *now*; ask `nextDeadline` when to come again."""
        if not self._isAttached or self._isBroken or self.state is State.CLOSED:
            return
        if self._kept and self._oldestKept == math.inf:
            self._oldestKept = now
        idle = self._idle
        if self._hearsBeats and now - self._lastHeard >= idle:
            self._break(CloseCode.SILENT, f"nothing came for {idle:g} s")
        elif not self._hearsBeats and self._kept and now - self._oldestKept >= self._ackPatience:
            self._break(CloseCode.SILENT, f"nothing was acknowledged for {self._ackPatience:.0f} s")
        if now >= self._nextBeat:
            self._nextBeat = now + self._beat
            if self._isReady:
                self._control.append(frame(Kind.BEAT, varint(self.writtenHere)))
        if now >= self._ackDue and self._isReady:
            self._ackNow()

    @property
    def _ackPatience(self) -> float:
        return ACK_PATIENCE + self._keptBytes / SLOWEST

    def nextDeadline(self) -> float | None:
        """When to call `tick` next, on the clock that *now* comes from; None: never."""
        if not self._isAttached or self._isBroken or self.state is State.CLOSED:
            return None
        deadline = min(self._nextBeat, self._ackDue) if self._isReady else self._nextBeat
        if self._hearsBeats:
            deadline = min(deadline, self._lastHeard + self._idle)
        elif self._kept:
            deadline = min(deadline, self._oldestKept + self._ackPatience)
        return None if deadline == math.inf else deadline

    # ---- the end

    def cancel(self, message: Message) -> None:
        """Nobody waits for the answer to *message* any more: of a client's end."""

    def slow(self, reason: str) -> None:
        """The other end does not read: the connection is given up, not the session."""
        if self.state is not State.CLOSED:
            self._break(CloseCode.SLOW, reason)

    def close(self, code: CloseCode, reason: str) -> None:
        """End this session, on both ends if a connection carries it. Closing twice does nothing."""
        if self.state is State.CLOSED:
            return
        farewell = jsonFrame(Kind.CLOSE, {"code": code.value, "reason": reason, "again": code.retry})
        self._ended(code.value, reason)
        self._control = [farewell] if self._isAttached else []

    def _ended(self, code: str, reason: str) -> None:
        self.state = State.CLOSED
        self._isReady = False
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


def jsonFrame(kind: Kind, value: dict[str, Any]) -> bytes:
    """A frame of *kind* that holds *value* as JSON."""
    return frame(kind, json.dumps(value, separators=(",", ":")).encode())


def readJson(data: bytes, limits: Limits) -> dict[str, Any]:
    """
    The JSON object in a frame that came in.

    Raises:
        DecodeError: If there is none.
    """
    if len(data) > MAX_CONTROL:
        raise DecodeError(f"expected at most {MAX_CONTROL} bytes of JSON, got {len(data)}")
    value = loads(data[1:], limits)
    if not isinstance(value, dict):
        raise DecodeError(f"expected a JSON object, got a {type(value).__name__}")
    return value


def textOf(said: dict[str, Any], key: str, most: int) -> str:
    """
    The text at *key* of JSON that came in.

    Raises:
        DecodeError: If there is none, or it has over *most* characters.
    """
    value = said.get(key)
    if not isinstance(value, str) or len(value) > most:
        raise DecodeError(f"expected a text of at most {most} characters, got {value!r:.40}", f".{key}")
    return value


def numberOf(said: dict[str, Any], key: str, least: int) -> int:
    """
    The integer at *key* of JSON that came in.

    Raises:
        DecodeError: If there is none, or it is below *least*.
    """
    value = said.get(key)
    if type(value) is not int or not least <= value <= MAX_VARINT:
        raise DecodeError(f"expected an integer from {least} on, got {value!r:.40}", f".{key}")
    return value
