"""
SessionTable: which session of a server a HELLO gets.

A session goes on only for who shows its token and is the same principal. Everybody else gets a session of
their own and learns why; of the one that was asked for nothing changes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.link_session import State
from vortex.protocol.native import Kind
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session import BEAT, MAX_TEXT, MAX_WAIT, numberOf, readJson, textOf
from vortex.protocol.session_tokens import newSecret

__all__ = ["Hello", "SessionTable", "readSend"]

MAX_ENDED = 10_000
"""Sessions that are over and of which it is known why."""

MAX_IDENTITY = 512
"""Characters that a peer's uuid and name may have together."""

MAX_SEND = 512
"""More bytes than stand before the frames in a body: the preamble, and a SEND."""

Via = Literal["stream", "sse", "poll"]


@dataclass(frozen=True, slots=True)
class Hello:
    """
    What a client has said first, as docs/reference/wire-format.md has it.

    Attributes:
        resume: The session, the token, the server's epoch, and the last number taken; None for a new one.
    """

    uuid: str
    name: str
    client: str | None
    epoch: int
    next: int
    resume: tuple[str, str, str, int] | None
    via: Via | None
    wait: float

    @classmethod
    def read(cls, data: bytes, limits: Limits) -> Self:
        """
        Args:
            data: The frame, without its length.

        Raises:
            DecodeError: If it is none.
        """
        if data[:1] != bytes((Kind.HELLO,)):
            raise DecodeError(f"expected a HELLO first, got a frame of kind {data[:1].hex()!r}")
        said = readJson(data, limits)
        if said.get("wire") != 1:
            raise DecodeError(f"expected the wire 1, got {said.get('wire')!r:.40}")
        resume = said.get("resume")
        via, wait = said.get("via"), said.get("wait", MAX_WAIT)
        if via not in (None, "stream", "sse", "poll"):
            raise DecodeError(f"expected via 'stream', 'sse' or 'poll', got {via!r:.40}")
        if type(wait) not in (int, float) or not 0 <= wait <= MAX_WAIT:
            raise DecodeError(f"expected to wait for 0 to {MAX_WAIT} seconds, got {wait!r:.40}")
        hello = cls(
            uuid=textOf(said, "uuid", MAX_IDENTITY),
            name=textOf(said, "name", MAX_IDENTITY),
            client=None if said.get("client") is None else textOf(said, "client", MAX_TEXT),
            epoch=numberOf(said, "epoch", 1),
            next=numberOf(said, "next", 1),
            resume=None if resume is None else _resume(resume),
            via=via,
            wait=wait,
        )
        if not hello.uuid or len(hello.uuid) + len(hello.name) > MAX_IDENTITY:
            raise DecodeError(f"expected a uuid, and a name, of {MAX_IDENTITY} characters together")
        return hello


class SessionTable:
    """
    Args:
        uuid, name: What this server calls itself.
        limits: The bounds that its sessions are held to.
        schema: Gives a hash over the tuple types that it knows, for each WELCOME.

    Attributes:
        epoch: What tells this life of the server from others.
    """

    def __init__(self, uuid: str, name: str, limits: Limits, *, schema: Callable[[], str] = str) -> None:
        self.epoch = secrets.token_hex(8)
        self._uuid = uuid
        self._name = name
        self._limits = limits
        self._schema = schema
        self._sessions: dict[str, ServerSession] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> Iterable[ServerSession]:
        """Those that live."""
        return self._sessions.values()

    def find(self, id: str) -> ServerSession | None:
        """The session of that public id."""
        return self._sessions.get(id)

    def resumes(self, hello: Hello, principal: str | None, now: float) -> bool:
        """Whether *hello* goes on with a session that there is; nothing changes."""
        return hello.resume is not None and self._resumable(hello.resume, principal, now)[0] is not None

    def attach(self, hello: Hello, principal: str | None, now: float) -> ServerSession:
        """
        The session that *hello* gets, ready for `attached`: the one that it resumes, or a new one.

        Args:
            principal: The id of who the client was found to be; None if it was not asked.
        """
        session = reason = None
        if hello.resume is not None:
            session, reason = self._resumable(hello.resume, principal, now)
        welcome: dict[str, Any] = {
            "outcome": "resumed" if session is not None else "new" if reason is None else "reset",
            "uuid": self._uuid,
            "name": self._name,
            "epoch": self.epoch,
            "beat": BEAT,
            "maxFrame": self._maxFrame(hello.via),
            "schema": self._schema(),
        }
        if reason is not None:
            welcome["reason"] = reason
        secret = hello.client
        if secret is None:
            welcome["client"] = secret = newSecret()
        welcome["who"] = _whoTag(secret, principal)
        isNew = session is None
        if session is None:
            session = ServerSession(
                peer=(hello.uuid, hello.name),
                principal=principal,
                clientKey=_clientKey(secret, principal),
                epoch=hello.epoch,
                nextAction=hello.next,
                isAnothers=reason == "auth",
                limits=self._limits,
                now=now,
            )
            self._sessions[session.id] = session
        elif hello.resume is not None:
            session.shown(hello.resume[1], now)
        session.prepare(
            welcome,
            resumeFrom=None if isNew or hello.resume is None else hello.resume[3],
            via=hello.via,
            now=now,
        )
        return session

    def _resumable(
        self, resume: tuple[str, str, str, int], principal: str | None, now: float
    ) -> tuple[ServerSession | None, str | None]:
        """The session that *resume* gets; None, and why it gets none."""
        sessionId, token, epoch, number = resume
        session = self._sessions.get(sessionId)
        if session is None or session.state is State.CLOSED:
            return None, self._ended.get(sessionId) or ("epoch" if epoch != self.epoch else "unknown")
        if not session.accepts(token, now):
            return None, "unknown"
        if session.principal != principal:
            return None, "auth"
        if not session.canResumeFrom(number):
            return None, "unknown"
        return session, None

    def _maxFrame(self, via: Via | None) -> int:
        """Bytes that a frame may have; over HTTP it goes in a body, which is not longer than that may be."""
        limits = self._limits
        return limits.maxFrame if via is None else min(limits.maxFrame, max(1, limits.maxBody - MAX_SEND))

    def ended(self, session: ServerSession, code: str) -> None:
        """*session* is over, for one of `CloseCode`'s words."""
        if self._sessions.pop(session.id, None) is None:
            return
        reason = _REASONS.get(code)
        if reason is not None:
            self._ended[session.id] = reason
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)


_REASONS = {
    CloseCode.SESSION_EXPIRED.value: "expired",
    CloseCode.OVERFLOW.value: "overflow",
    CloseCode.RIGHTS.value: "rights",
}


def readSend(data: bytes, limits: Limits) -> tuple[str, str]:
    """
    The session and the token in a SEND.

    Raises:
        DecodeError: If it is none.
    """
    if data[:1] != bytes((Kind.SEND,)):
        raise DecodeError(f"expected a SEND, got a frame of kind {data[:1].hex()!r}")
    said = readJson(data, limits)
    return textOf(said, "session", MAX_TEXT), textOf(said, "token", MAX_TEXT)


def _clientKey(secret: str, principal: str | None) -> str:
    who = "" if principal is None else f"={principal}"
    return hashlib.sha256(f"{secret}\0{who}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _whoTag(secret: str, principal: str | None) -> str:
    """What tells a client whether it is taken for whom it was before; worth nothing to anybody else."""
    return hashlib.sha256(f"who\0{_clientKey(secret, principal)}".encode()).hexdigest()[:16]


def _resume(said: Any) -> tuple[str, str, str, int]:
    if not isinstance(said, dict):
        raise DecodeError(f"expected an object, got a {type(said).__name__}", ".resume")
    texts = [textOf(said, key, MAX_TEXT) for key in ("session", "token", "epoch")]
    return texts[0], texts[1], texts[2], numberOf(said, "n", 0)
