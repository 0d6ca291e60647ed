"""
ClientSession: the end of a native session that makes the connections.

It begins each of them with a HELLO, and lives through resets: where its session is
lost, what the server had not taken, and what it has not answered, is sent again in the
next one under the same action numbers, by which the server knows it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Any

from vortex.errors import DecodeError, LimitExceeded, RemoteError, VortexError, errorText
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.events import Opened, Received, Reset, Resumed
from vortex.protocol.link_session import State
from vortex.protocol.native import MAX_VARINT, Kind, readVarint, varint
from vortex.protocol.payload import Payload
from vortex.protocol.session import (
    MAX_TEXT,
    MAX_WAIT,
    Kept,
    Session,
    jsonFrame,
    numberOf,
    readJson,
    textOf,
)

__all__ = ["ClientSession"]

MAX_IDENTITY = 4096
"""Characters that a server's uuid, or name, may have."""

MIN_BEAT, MAX_BEAT = 0.1, 3600
"""Seconds between two signs of life that a server may ask for."""

MAX_HEAD = 64
"""More bytes than stand before a message in its frame."""

_EMPTY = Message(Payload(), isReply=True)
"""What is never answered, and concerns nobody."""


def _unknown(asked: Message) -> Envelope:
    """The answer to *asked*, of which nobody is told what came any more."""
    error = RemoteError("outcome-unknown", "it was sent as somebody else, and not answered as that")
    return Envelope(dict(asked.payload.filt), result=errorText(error), isReply=True, form=Form.NATIVE)


_ACTION = bytes((Kind.ACTION,))
_CANCEL = bytes((Kind.CANCEL,))


class ClientSession(Session):
    """
    Args:
        uuid, name: What we call ourselves.
        limits: Bounds on what comes in, waits, and is kept.
        now: The time, in seconds on the caller's clock.

    Attributes:
        id: The session's public id; "" before the first.
        gen: How many connections have carried it.
        token: What it is resumed with, and what a SEND shows; "" before the first.
    """

    def __init__(self, *, uuid: str, name: str, limits: Limits, now: float) -> None:
        super().__init__(limits=limits, now=now)
        self.id = ""
        self.gen = 0
        self.token = ""
        self._uuid = uuid
        self._name = name
        self._secret: str | None = None
        self._serverEpoch = ""
        self._lastAction = 0
        self._unanswered: dict[int, Message] = {}  # in the order of their numbers
        self._again: deque[tuple[int, Message]] = deque()
        self._cancelled: deque[int] = deque()
        self._wasOpen = False
        self._helloUntil = 0.0
        self._promised: int | None = None  # what a HELLO that is under way says was taken
        self._hasSaidHello = False
        self._wasVia: str | None = None  # at the last WELCOME
        self._maxFrame: int | None = None  # of the server
        self._who: str | None = None  # whom it takes us for

    @property
    def _hearsBeats(self) -> bool:
        return True  # or the end of a poll

    @property
    def _idle(self) -> float:
        return super()._idle + (MAX_WAIT if self.via == "poll" else 0)

    def __reduce__(self) -> str:
        raise TypeError("each session is a client of its own: two that count alike would be taken for one")

    # ---- the beginning

    def _begin(self, now: float) -> None:
        if self._hasSaidHello:
            self._hasSaidHello = False
        else:
            self._control.append(self._hello(self.via, None))
        self._helloUntil = now + self._limits.helloTimeout

    def helloFrame(self, via: str | None = None, wait: float | None = None) -> bytes:
        """
        The HELLO for a further connection: what carries the session now does so until the server has answered
        it. Until `takeOver` or `giveUp` nothing above what it says was taken is acknowledged.

        Args:
            via: How an HTTP request is to carry it; None: a connection that goes both ways.
            wait: Seconds that the answer to a poll may take.
        """
        if self._promised is None:
            self._promised = self.taken
        return self._hello(via, wait)

    def takeOver(self, via: str | None) -> None:
        """The next `attached` is for the connection on which the last `helloFrame` is being answered."""
        self._promised = None
        self._hasSaidHello = True
        self.via = via

    def giveUp(self) -> None:
        """That connection came to nothing."""
        self._promised = None
        if self.taken > self._acked:
            self._ackDue = 0.0

    def _hello(self, via: str | None, wait: float | None) -> bytes:
        hello: dict[str, Any] = {
            "wire": 1,
            "uuid": self._uuid,
            "name": self._name,
            "epoch": 1,
            "next": self._lastAction + 1,
        }
        if self._secret is not None:
            hello["client"] = self._secret
        if self.id:
            hello["resume"] = {
                "session": self.id,
                "token": self.token,
                "epoch": self._serverEpoch,
                "n": self.taken,
            }
        if via is not None:
            hello["via"] = via
        if wait is not None:
            hello["wait"] = wait
        return jsonFrame(Kind.HELLO, hello)

    def sendFrame(self) -> bytes:
        """What the body of a POST that only sends begins with."""
        return jsonFrame(Kind.SEND, {"session": self.id, "token": self.token})

    def _welcomed(self, data: bytes, now: float) -> None:
        said = readJson(data, self._limits)
        outcome, reason = said.get("outcome"), said.get("reason")
        if outcome not in ("new", "resumed", "reset"):
            raise DecodeError(f"expected new, resumed or reset, got {outcome!r:.40}", ".outcome")
        uuid, name = textOf(said, "uuid", MAX_IDENTITY), textOf(said, "name", MAX_IDENTITY)
        session, token = textOf(said, "session", MAX_TEXT), textOf(said, "token", MAX_TEXT)
        gen, written, taken = (numberOf(said, key, 0) for key in ("gen", "n", "taken"))
        serverEpoch = textOf(said, "epoch", MAX_TEXT)
        wasParked = self.state is State.PARKED
        after = max(0.0, now - self.lostAt) if wasParked else 0.0
        isResumed = outcome == "resumed"
        if isResumed and (session != self.id or taken > self.written or written < self.taken):
            self.id = ""  # it would be as wrong the next time
            raise DecodeError(
                f"expected the session {self.id!r} with at most {self.written} messages taken and at "
                f"least {self.taken} written, got {session!r} with {taken} and {written}"
            )
        who = None if said.get("who") is None else textOf(said, "who", MAX_TEXT)
        isAnother = reason == "auth" or (who is not None and self._who not in (None, who))
        self._who = who or self._who
        if said.get("client") is not None:
            self._secret = textOf(said, "client", MAX_TEXT)
        if said.get("maxFrame") is not None:
            self._maxFrame = numberOf(said, "maxFrame", 1)
        if said.get("beat") is not None:
            self._holdTo(said["beat"], now)
        self.id, self.token, self.gen, self._serverEpoch = session, token, gen, serverEpoch
        if isResumed:
            replayed = self._goOn(taken, now)
            if wasParked or self._wasVia != self.via or self.via is None:  # else it is one of many requests
                self._events.append(Resumed(replayed, after))
        else:
            lost = self._letGo() if isAnother else []
            self._startAnew()
            self._goOn(0, now)
            if self._wasOpen:
                why = "auth" if isAnother else str(reason or "unknown")
                self._events.append(Reset(why, uuid, name))
                self._events += [Received(_unknown(asked)) for asked in lost]
            else:
                self._wasOpen = True
                self._events.append(Opened(uuid, name))
        self._wasVia = self.via
        if self.via != "poll":
            self._ackNow()  # at once: the token that this connection has shown is worth nothing from then on

    def _holdTo(self, beat: Any, now: float) -> None:
        """The server gives a sign of life every *beat* seconds, and wants one as often."""
        if type(beat) not in (int, float) or not MIN_BEAT <= beat <= MAX_BEAT:
            raise DecodeError(f"expected {MIN_BEAT:g} to {MAX_BEAT:g} seconds, got {beat!r:.40}", ".beat")
        self._beat = beat
        if self._sendsBeats:
            self._nextBeat = now + beat

    def _letGo(self) -> list[Message]:
        """
        Send nothing again: it was asked for as somebody else than we are taken for now.

        Returns:
            What waited for an answer.
        """
        lost = list(self._unanswered.values())
        for each in (self._unanswered, self._again, self._cancelled, self._kept):
            each.clear()
        return lost

    def _startAnew(self) -> None:
        """Have all that was not acknowledged or not answered sent again, in its order."""
        again = dict(self._unanswered)
        again.update({entry.action: entry.message for entry in self._kept if entry.message is not None})
        again.update(dict(self._again))
        self._again = deque(sorted(again.items()))
        cancelled = [entry.action for entry in self._kept if entry.message is None] + list(self._cancelled)
        self._cancelled = deque(action for action in cancelled if action in again)
        self._kept.clear()
        self._keptBytes = 0
        self.written = self.taken = self._acked = 0
        self._bytesTaken = 0

    # ---- in

    def _take(self, kind: int, data: bytes, now: float) -> None:
        if kind == Kind.WELCOME:
            if self._isReady:
                raise DecodeError("expected one WELCOME, got another")
            self._welcomed(data, now)
        elif kind in (Kind.CLOSE, Kind.PAD) or kind >= 0x80:
            super()._take(kind, data, now)
        elif not self._isReady:
            raise DecodeError(f"expected a WELCOME, got a frame of kind {kind:#x}")
        elif kind == Kind.DATA:
            at = self._numbered(data, now)
            envelope = None if at is None else self._message(data, at)
            if envelope is not None:
                self._received(envelope)
        elif kind == Kind.REPLY:
            at = self._numbered(data, now)
            if at is None:
                return
            action, at = readVarint(data, at)
            asked = self._unanswered.pop(action, None)
            self._drop(self._numberOf(action), now)  # what is answered was taken
            envelope = self._message(data, at, asked=asked)
            if envelope is not None:
                if asked is not None and not envelope.filt:  # it could not read who asked
                    envelope.filt = dict(asked.payload.filt)
                self._received(envelope)
        else:
            super()._take(kind, data, now)

    def _numberOf(self, action: int) -> int:
        """The number of the last message that was kept of those with *action* or one before it; 0: none."""
        number = 0
        for entry in self._kept:
            if entry.message is None:  # it cancels one
                continue
            if entry.action > action:
                break
            number = entry.number
        return number

    # ---- out

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        self._checkSize(message)
        super().send(message, priority=priority, mergeKey=mergeKey)

    def _checkSize(self, message: Message) -> None:
        """
        Raises:
            LimitExceeded: If the server takes no frame of that length: it would cut us at each attempt.
        """
        size = len(message.encoded(Form.NATIVE))
        if self._maxFrame is not None and size + MAX_HEAD > self._maxFrame:
            raise LimitExceeded(
                "maxFrame", f"a message is {size} bytes long, the other end accepts {self._maxFrame}"
            )

    def cancel(self, message: Message) -> None:
        """Nobody waits for the answer to *message* any more, which was sent before."""
        if self._outbox.remove(message):
            return
        for action, asked in self._unanswered.items():
            if asked is message:
                del self._unanswered[action]
                self._cancelled.append(action)  # and is sent again, if it was to be: its number may be missed
                return

    def cannotPass(self, number: int, error: VortexError) -> bytes | None:
        """
        The message of that number does not get through to the server, as often as it is written.

        An empty one takes its place from now on, as numbers leave none out, and whoever waits for an answer
        gets *error*.

        Returns:
            The empty one, as a frame; None if that is what is there already, or no action is.
        """
        entry = next((each for each in self._kept if each.number == number), None)
        if entry is None or entry.message in (None, _EMPTY):
            return None
        asked = self._unanswered.pop(entry.action, None)
        self._keptBytes -= entry.size
        entry.message = _EMPTY
        entry.encoded = _EMPTY.encoded(Form.NATIVE)
        self._keptBytes += entry.size
        if asked is not None:
            filt = dict(asked.payload.filt)
            self._events.append(
                Received(Envelope(filt, result=errorText(error), isReply=True, form=Form.NATIVE))
            )
        return b"".join((varint(entry.size), entry.head, entry.encoded))

    @property
    def queued(self) -> int:
        """How many messages wait to be written, for the first time or again."""
        kept = 0 if self._isReady else len(self._kept)
        return super().queued + kept + len(self._again) + len(self._cancelled)

    def frameToSendNow(self, message: Message) -> bytes | None:
        if self._again or self._cancelled:
            return None
        self._checkSize(message)
        return super().frameToSendNow(message)

    def _writeNext(self) -> bytes | None:
        if self._again:
            action, message = self._again.popleft()
            return self._writeAction(action, message)
        if self._cancelled:
            number = self.written + 1
            action = self._cancelled.popleft()
            head = _CANCEL + varint(number) + varint(action)
            return self._keep(Kept(number, head, b"", None, action))
        return super()._writeNext()

    def _write(self, message: Message) -> bytes:
        self._lastAction += 1
        if message.expectsAnswer:
            self._unanswered[self._lastAction] = message
        return self._writeAction(self._lastAction, message)

    def _writeAction(self, action: int, message: Message) -> bytes:
        number = self.written + 1
        milliseconds = 0 if message.timeout is None else max(1, min(int(message.timeout * 1000), MAX_VARINT))
        head = b"".join((_ACTION, varint(number), varint(action), varint(milliseconds)))
        return self._keep(Kept(number, head, message.encoded(Form.NATIVE), message, action))

    def _settledHere(self) -> int:
        """No action up to this one waits for an answer, or to be acknowledged."""
        pending = [self._lastAction + 1]
        if self._unanswered:
            pending.append(next(iter(self._unanswered)))
        if self._again:
            pending.append(self._again[0][0])
        unacknowledged = next((entry.action for entry in self._kept if entry.message is not None), None)
        if unacknowledged is not None:
            pending.append(unacknowledged)
        return min(pending) - 1

    def _ackNow(self) -> None:
        if self._promised is None:
            super()._ackNow()
        else:  # the server goes on from that number, and may not have dropped what follows it
            self._bytesTaken = 0
            self._ackDue = math.inf

    # ---- time

    def tick(self, now: float) -> None:
        if self._isWaiting and now >= self._helloUntil:
            seconds = self._limits.helloTimeout
            self._break(CloseCode.SILENT, f"the other end did not say who it is within {seconds:g} s")
        if self._isUnheard and now - self._oldestKept >= self._ackPatience:
            self._break(CloseCode.SILENT, f"nothing was acknowledged for {self._ackPatience:.0f} s")
        super().tick(now)

    def nextDeadline(self) -> float | None:
        deadline = super().nextDeadline()
        if self._isWaiting:
            return min(deadline or self._helloUntil, self._helloUntil)
        if self.via is not None and self._isReady and self._kept and self._oldestKept == math.inf:
            return self._lastHeard  # at once: from then on it is known
        if self._isUnheard:
            patience = self._oldestKept + self._ackPatience
            return min(deadline or patience, patience)
        return deadline

    @property
    def _isUnheard(self) -> bool:
        """Whether something is not acknowledged that went another way than the signs of life come."""
        return self.via is not None and self._isReady and bool(self._kept)

    @property
    def _isWaiting(self) -> bool:
        """Whether the WELCOME has still to come."""
        isOver = self._isBroken or self.state is State.CLOSED
        return self._isAttached and not self._isReady and not isOver
