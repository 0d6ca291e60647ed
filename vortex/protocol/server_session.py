"""
ServerSession: the end of a native session that has minted it.

Its id is public; the token that resumes it is not, changes at each connection, and is kept as a hash only.
Which HELLO gets which session is `vortex.protocol.session_table`'s.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Hashable
from typing import Any

from vortex.errors import DecodeError, QueueOverflow
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Cancelled, Opened, Resumed, Settled
from vortex.protocol.link_session import State
from vortex.protocol.native import Kind, readVarint, varint
from vortex.protocol.session import Kept, Session, jsonFrame
from vortex.protocol.session_tokens import SessionTokens

__all__ = ["ServerSession"]

SLOW_PATIENCE = 5.0
"""Seconds without an acknowledgement that make a peer slow for whom more than `Limits.slowBytes` wait."""

_DATA = bytes((Kind.DATA,))
_REPLY = bytes((Kind.REPLY,))


class ServerSession(Session):
    """
    Args:
        peer: What the client calls itself: its uuid and name.
        principal: The id of who it was found to be; None if it was not asked.
        clientKey: What the client is known by; of one client always the same.
        epoch: The client's.
        nextAction: The number of its next new action.
        isAnothers: Whether the session before, that it has shown the token of, was another principal's.
        limits: Bounds on what comes in, waits, and is kept.
        now: The time, in seconds on the caller's clock.

    Attributes:
        id: The public id.
        gen: How many connections have carried it.
        isHeard: Whether the client has said or shown anything since the first WELCOME.
    """

    # Of these it is known here whether they are true.
    _closeWords = Session._closeWords - {
        CloseCode.SESSION_EXPIRED.value,
        CloseCode.OVERFLOW.value,
        CloseCode.SLOW.value,
    }

    def __init__(
        self,
        *,
        peer: tuple[str, str],
        principal: str | None,
        clientKey: str,
        epoch: int,
        nextAction: int,
        isAnothers: bool = False,
        limits: Limits,
        now: float,
    ) -> None:
        super().__init__(limits=limits, now=now)
        self.id = secrets.token_hex(16)
        self.gen = 0
        self.isHeard = False
        self.principal = principal
        self.clientKey = clientKey
        self.epoch = epoch
        self.nextAction = nextAction
        self.isAnothers = isAnothers
        self._peer = peer
        self._tokens = SessionTokens(limits.sessionLinger)
        self._backlog = 0
        self._behindSince = math.inf
        self._progressAt = now
        self._welcome: dict[str, Any] = {}
        self._isWelcoming = False  # whether the WELCOME is still to be written
        self._resumeFrom: int | None = None
        self._settledTo = 0

    @property
    def _sendsBeats(self) -> bool:
        return self.via != "poll"

    # ---- who may have it

    def accepts(self, token: str, now: float) -> bool:
        """Whether *token* resumes it."""
        return self._tokens.isGood(token, now, self.lostAt)

    def acceptsSend(self, token: str, now: float, began: float = math.inf) -> bool:
        """
        Whether a SEND that shows *token* is this session's client's.

        Args:
            began: When it began to come in, where that is known: a newer token may be there since.
        """
        self.shown(token, now)
        return self.accepts(token, now) or self._tokens.wasGood(token, began)

    def shown(self, token: str, now: float) -> None:
        """The client has shown *token*: if that is the present one, it needs no older one any more."""
        if self._tokens.shown(token, now):
            self.isHeard = True

    def canResumeFrom(self, number: int) -> bool:
        """Whether all that was written after *number* is here still."""
        first = self._kept[0].number if self._kept else self.written + 1
        return first - 1 <= number <= self.written

    def owes(self, taken: int) -> bool:
        """Whether there is more to be written for who has taken all up to that number."""
        return self.written > taken or self._outbox.items > 0

    def prepare(
        self, welcome: dict[str, Any], *, resumeFrom: int | None, via: str | None, now: float
    ) -> None:
        """
        Say what the next `attached` answers to the HELLO.

        Args:
            welcome: The WELCOME but for what this session knows itself.
            resumeFrom: The number of the last message that the client has taken; None for a new session.
            via: How an HTTP request will carry it; None where a connection does both ways.
        """
        self._welcome = welcome
        self._resumeFrom = resumeFrom
        self.via = via
        self._welcome["token"] = self._tokens.renew(now)
        self.gen += 1

    # ---- the connection

    def _begin(self, now: float) -> None:
        welcome = self._welcome | {
            "session": self.id,
            "gen": self.gen,
            "n": self.written,
            "taken": self.taken,
        }
        self._welcome = {}
        self._backlog = self._outbox.bytes
        self._behindSince = math.inf
        self._control.append(jsonFrame(Kind.WELCOME, welcome))
        self._isWelcoming = True
        if self._resumeFrom is None:
            self._goOn(0, now)
            self._events.append(Opened(*self._peer))
        else:
            after = max(0.0, now - self.lostAt) if self.state is State.PARKED else 0.0
            replayed = self._goOn(self._resumeFrom, now)
            if self.via != "poll":  # else it is the next of many requests, which is no news
                self._events.append(Resumed(replayed, after))

    # ---- in

    def receive(self, data: bytes, now: float) -> None:
        self.isHeard = True
        if self.via is None:
            self._tokens.arrived(now)
        super().receive(data, now)

    def _take(self, kind: int, data: bytes, now: float) -> None:
        if kind == Kind.ACTION:
            at = self._numbered(data, now)
            if at is None:
                return
            action, at = readVarint(data, at)
            milliseconds, at = readVarint(data, at)
            if action == 0:
                raise DecodeError("expected an action's number, from 1 on, got 0")
            envelope = self._message(data, at, action)
            if envelope is not None:
                envelope.action = action
                envelope.deadline = now + milliseconds / 1000 if milliseconds else None
                self._received(envelope)
        elif kind == Kind.CANCEL:
            at = self._numbered(data, now)
            if at is not None:
                self._events.append(Cancelled(readVarint(data, at)[0]))
        elif kind == Kind.PAD:
            raise DecodeError("expected a frame that is a client's, got a PAD")
        else:
            super()._take(kind, data, now)

    def _settled(self, action: int) -> None:
        if action > self._settledTo:
            self._settledTo = action
            self._events.append(Settled(action))

    # ---- out

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        try:
            super().send(message, priority=priority, mergeKey=mergeKey)
        except QueueOverflow as error:
            self.close(CloseCode.OVERFLOW, str(error))

    def _drop(self, number: int, now: float) -> None:
        if self._kept and self._kept[0].number <= number:
            self._progressAt = now
        super()._drop(number, now)

    @property
    def _isBehind(self) -> bool:
        """Whether much waits that did not when the connection began."""
        return self._isReady and self._outbox.bytes - self._backlog > self._limits.slowBytes

    def framesToSend(self) -> list[bytes]:
        if self._isWelcoming:  # alone: if what follows is long, and cut, the token is there
            self._isWelcoming = False
            welcome = self.helloToSend()
            if welcome:
                return [b"".join(welcome)]
        return super().framesToSend()

    def _write(self, message: Message) -> bytes:
        number = self.written + 1
        if message.action is None:
            head = _DATA + varint(number)
        else:
            head = b"".join((_REPLY, varint(number), varint(message.action)))
        return self._keep(Kept(number, head, message.encoded(Form.NATIVE)))

    # ---- time

    def tick(self, now: float) -> None:
        if self.state is State.PARKED and now >= self.lostAt + self._limits.sessionLinger:
            self._ended(
                CloseCode.SESSION_EXPIRED.value, f"no connection came for {self._limits.sessionLinger:g} s"
            )
        super().tick(now)
        # An answer of megabytes, or a burst, is not slow as long as it is being taken.
        if not self._isBehind:
            self._behindSince = math.inf
        elif self._behindSince == math.inf:
            self._behindSince = now
        elif now >= self._slowAt:
            self.slow(f"{self._outbox.bytes} bytes wait for a peer that reads too slowly (slowBytes)")

    @property
    def _slowAt(self) -> float:
        return max(self._behindSince, self._progressAt) + SLOW_PATIENCE

    def nextDeadline(self) -> float | None:
        if self.state is State.PARKED:
            return self.lostAt + self._limits.sessionLinger
        deadline = super().nextDeadline()
        if deadline is None or not self._isBehind:
            return deadline
        return 0.0 if self._behindSince == math.inf else min(deadline, self._slowAt)
