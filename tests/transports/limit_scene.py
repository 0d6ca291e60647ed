"""
A server, somebody who is about to breach one of its limits, and a neighbour who is to notice nothing.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

from twisted.internet.testing import MemoryReactorClock

from tests.native_frames import BEAT, CLOSE, REPLY, Frame, ack, action, leb, message
from tests.transports.every_line import BOTH_WAYS, EVERY, POSTS, reach, tell
from tests.transports.native_talk import Echo
from tests.transports.native_wires import NativePost, frame, numbers, resumeOf, send
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.routing.ports import Peer

__all__ = ["WORDS", "Party", "Row", "Scene", "incompressible", "ofNoPeer", "row"]

WORDS = {
    "waits": "what is past it is written when there is room again",
    "later": "what is past it is looked at later, and what comes after it",
    "slower": "the connection is not read for a while",
    "merged": "the newest of what bears one key takes the place of the others",
    "forgotten": "it is remembered no more",
    "cut": "the connection is given up without a word, as nobody would read one; the session may be resumed",
    "again": "what we have tried is tried again later",
}
"""What becomes of a breach that is not told in a code."""


def incompressible(size: int) -> str:
    """A text of so many characters that takes three quarters of that, however it is compressed."""
    return b64encode(Random(size).randbytes(size * 3 // 4)).decode()


class Party:
    """
    A client by hand with a session, over any transport.

    Attributes:
        line: What carries its session now.
        welcome: The last that it had.
        lines: All that have carried its present session.
    """

    def __init__(self, server: Server, kind: str, **said: Any) -> None:
        self.server = server
        self.kind = kind
        self.lines: list[Any] = []
        self._number = 0
        self._action = 0
        self._open(**said)
        self.client = self.welcome["client"]

    def _open(self, **said: Any) -> None:
        self.line = reach(self.kind, self.server, **said)
        self.welcome = self.line.welcome
        if self.welcome["outcome"] != "resumed":
            self._number = 0
            self.lines = []
        self.lines.append(self.line)

    @property
    def heard(self) -> list[Frame]:
        """All that came in its present session."""
        return [each for line in self.lines for each in line.got]

    @property
    def farewell(self) -> dict[str, Any]:
        """What a CLOSE has said."""
        return next(each.json for each in self.heard if each.kind == CLOSE)

    def comeBack(self) -> None:
        """Resume the session, whether it is carried or not; or get another."""
        taken = max(numbers(self.heard), default=0)
        self._open(client=self.client, next=self._action + 1, resume=resumeOf(self.welcome, taken))

    def begin(self) -> None:
        """Have another session, as somebody does who has lost the one before."""
        self._open(client=self.client, next=self._action + 1)

    # ---- what it says

    def say(self, frames: bytes) -> NativePost | None:
        """Send *frames*; returns the request by which they went, if it was one of its own."""
        head = send(self.welcome["session"], self.welcome["token"])
        return tell(self.kind, self.server, self.line, frames, head)

    def sends(self, message: bytes, *, again: int | None = None) -> bytes:
        """*message* as the next action; or as that which was sent before."""
        self._number += 1
        if again is None:
            self._action += 1
        return action(self._number, again or self._action, message)

    def ask(self, message: bytes, *, again: int | None = None) -> Any:
        """Send it, and get the result of the answer."""
        before = len(self.answers())
        self.say(self.sends(message, again=again))
        return self.answers()[before]

    def answers(self) -> list[Any]:
        """The results of the answers that came; for those that poll it is asked for them."""
        self.keepUp()
        return [each.json.get("r") for each in self.heard if each.kind == REPLY]

    def acknowledge(self) -> None:
        """Say that all that came was taken, and have what comes then."""
        if self.kind == "poll":
            self.comeBack()
        else:
            self.say(ack(max(numbers(self.heard), default=0)))

    def keepUp(self) -> None:
        """Give a sign of life, where one is asked for."""
        if self.kind in BOTH_WAYS:
            self.say(frame(BEAT, leb(self._number)))
        elif self.kind == "poll" and self.line.isOver:
            self.comeBack()

    def leave(self) -> None:
        """End the session, and the connection."""
        self.say(frame(CLOSE, json.dumps({"code": "normal", "reason": "", "again": False}).encode()))
        self.line.lose()


class Scene:
    """
    Args:
        kind: Of the transport by which both are connected.
        limits: The server's.

    Attributes:
        party: Who is to breach them.
        peer: The same, as the server sees it.
        neighbour: Who is to notice nothing.
    """

    def __init__(self, kind: str, limits: Limits) -> None:
        self.kind = kind
        self.clock = MemoryReactorClock()  # it may connect as well, to where nobody is
        self.server = Server(self.clock, limits=limits)
        self.echo = Echo(self.server)
        self.neighbour = Party(self.server, kind)
        self.party = Party(self.server, kind)
        self.peer: Peer = self.server.vortex.peers[1]

    def pass_(self, seconds: int, *, isHeard: bool = True) -> None:
        """Time goes by, in which the neighbour gives signs of life; the party too, if it *isHeard*."""
        for second in range(seconds):
            self.clock.advance(1)
            if second % 4 == 3:
                self.neighbour.keepUp()
                if isHeard:
                    self.party.keepUp()

    def isNeighbourServed(self) -> bool:
        """Whether its session is what it was, and it gets an answer in it."""
        session = self.neighbour.welcome["session"]
        result = self.neighbour.ask(message({"key": "echo"}, ["are you there"]))
        return result is True and self.neighbour.welcome["session"] == session


@dataclass(frozen=True)
class Row:
    """
    One limit, and how it is breached over each transport.

    Attributes:
        limit: Its name.
        breach: Breaches it, and returns what the party was told: an error's code or a CLOSE's, a status of
            HTTP, the reason of a reset; or what else becomes of it, in one of `WORDS`.
        limits: The server's, low enough for that.
        told: What *breach* has to return; by kind, where they differ.
        counter: Which one of the server's moves; None: it is no event.
        reasons: Of the kinds over which it cannot be breached: why.
        isLast: Whether nobody is served afterwards.
    """

    limit: str
    breach: Callable[[Scene], str]
    limits: Limits
    told: str | dict[str, str]
    counter: str | None
    reasons: dict[str, str] = field(default_factory=dict)
    isLast: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Over which it is breached."""
        return tuple(kind for kind in EVERY if kind not in self.reasons)

    def toldBy(self, kind: str) -> str:
        """What the party is told."""
        return self.told if isinstance(self.told, str) else self.told[kind]


def ofNoPeer(limit: str) -> Row:
    """A row of what no peer can breach."""

    def never(scene: Scene) -> str:
        raise AssertionError("there is nothing to breach")

    why = "a handler holds itself to it, whoever its peers are and however they come"
    return Row(limit, never, Limits(), "", None, dict.fromkeys(EVERY, why))


def row(
    limit: str,
    value: float,
    told: str | tuple[str, str],
    counter: str | None,
    *,
    but: dict[str | tuple[str, ...], str] | None = None,
    isLast: bool = False,
    **limits: Any,
) -> Callable[[Callable[[Scene], str]], Row]:
    """
    Make a row of the function below it.

    Args:
        value: What the limit is set to.
        told: As `Row` has it; two: over what goes both ways, and over POSTs.
        but: As its reasons, for one kind or several.
        limits: What else is set.
    """
    reasons = {
        kind: why
        for kinds, why in (but or {}).items()
        for kind in ((kinds,) if isinstance(kinds, str) else kinds)
    }
    words = (
        told
        if isinstance(told, str)
        else {**dict.fromkeys(BOTH_WAYS, told[0]), **dict.fromkeys(POSTS, told[1])}
    )
    bounds = replace(Limits(), **{limit: cast(Any, value)}, **limits)
    return lambda breach: Row(limit, breach, bounds, words, counter, reasons, isLast)
