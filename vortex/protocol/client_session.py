"""
ClientSession: the end of a native session that makes the connections.

It begins each of them with a HELLO, and lives through resets: where its session is
lost, what the server had not taken, and what it has not answered, is sent again in the
next one under the same action numbers, by which the server knows it.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Opened, Reset, Resumed
from vortex.protocol.link_session import State
from vortex.protocol.native import MAX_VARINT, Kind, readVarint, varint
from vortex.protocol.session import MAX_TEXT, Kept, Session, jsonFrame, numberOf, readJson, textOf

__all__ = ["ClientSession"]

MAX_IDENTITY = 4096
"""Characters that a server's uuid, or name, may have."""

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

    @property
    def _hearsBeats(self) -> bool:
        return self.via != "poll"

    # ---- the beginning

    def _begin(self, now: float) -> None:
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
        if self.via is not None:
            hello["via"] = self.via
        self._control.append(jsonFrame(Kind.HELLO, hello))
        self._helloUntil = now + self._limits.helloTimeout

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
        after = 0.0 if self.state is not State.PARKED else max(0.0, now - self.lostAt)
        isResumed = outcome == "resumed"
        if isResumed and (session != self.id or taken > self.written or written < self.taken):
            raise DecodeError(
                f"expected the session {self.id!r} with at most {self.written} messages taken and at "
                f"least {self.taken} written, got {session!r} with {taken} and {written}"
            )
        if said.get("client") is not None:
            self._secret = textOf(said, "client", MAX_TEXT)
        self.id, self.token, self.gen, self._serverEpoch = session, token, gen, serverEpoch
        if isResumed:
            replayed = self._goOn(taken, now)
            self._events.append(Resumed(replayed, after))
        else:
            self._startAnew()
            self._goOn(0, now)
            if self._wasOpen:
                self._events.append(Reset(str(reason or "unknown"), uuid, name))
            else:
                self._wasOpen = True
                self._events.append(Opened(uuid, name))
        if self.via != "poll":
            self._ackNow()  # at once: the token that this connection has shown is worth nothing from then on

    def _startAnew(self) -> None:
        """Have all that was not acknowledged or not answered sent again, in its order."""
        again = dict(self._unanswered)
        again.update({entry.action: entry.message for entry in self._kept if entry.message is not None})
        again.update(dict(self._again))
        self._again = deque(sorted(again.items()))
        self._cancelled.clear()  # who asked for those is not asked again
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
        elif kind in (Kind.CLOSE, Kind.PAD):
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
            envelope = self._message(data, at)
            if envelope is not None:
                if asked is not None and not envelope.filt:  # it could not read who asked
                    envelope.filt = dict(asked.payload.filt)
                self._received(envelope)
        else:
            super()._take(kind, data, now)

    # ---- out

    def cancel(self, message: Message) -> None:
        """Nobody waits for the answer to *message* any more, which was sent before."""
        if self._outbox.remove(message):
            return
        for action, asked in self._unanswered.items():
            if asked is message:
                del self._unanswered[action]
                if any(again[0] == action for again in self._again):
                    self._again = deque(again for again in self._again if again[0] != action)
                else:
                    self._cancelled.append(action)
                return

    @property
    def queued(self) -> int:
        """How many messages wait to be written."""
        return super().queued + len(self._again) + len(self._cancelled)

    def frameToSendNow(self, message: Message) -> bytes | None:
        if self._again or self._cancelled:
            return None
        return super().frameToSendNow(message)

    def _writeNext(self) -> bytes | None:
        if self._again:
            action, message = self._again.popleft()
            return self._writeAction(action, message)
        if self._cancelled:
            number = self.written + 1
            head = _CANCEL + varint(number) + varint(self._cancelled.popleft())
            return self._keep(Kept(number, head, b""))
        return super()._writeNext()

    def _write(self, message: Message) -> bytes:
        self._lastAction += 1
        return self._writeAction(self._lastAction, message)

    def _writeAction(self, action: int, message: Message) -> bytes:
        number = self.written + 1
        if message.expectsAnswer:
            self._unanswered[action] = message
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
        pending += [entry.action for entry in islice((e for e in self._kept if e.action), 1)]
        return min(pending) - 1

    # ---- time

    def tick(self, now: float) -> None:
        if self._isWaiting and now >= self._helloUntil:
            seconds = self._limits.helloTimeout
            self._break(CloseCode.SILENT, f"the other end did not say who it is within {seconds:g} s")
        super().tick(now)

    def nextDeadline(self) -> float | None:
        deadline = super().nextDeadline()
        return min(deadline or self._helloUntil, self._helloUntil) if self._isWaiting else deadline

    @property
    def _isWaiting(self) -> bool:
        """Whether the WELCOME has still to come."""
        return self._isAttached and not self._isReady and not self._isBroken
