"""
Two ends of native sessions and the lines between them, byte by byte, on a clock that only the test moves.

A line holds what either end has written until the test lets so many bytes of it through, or loses it. As in
`vortex.transports.session_driver`, what comes by a line that another has superseded is dropped. The server
carries its actions out once, by `vortex.protocol.once` and a store of its own, which outlives it where the
test wants that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

from vortex.limits import Limits
from vortex.protocol.client_session import ClientSession
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.events import Broken, Cancelled, Closed, Event, Opened, Received, Reset, Settled
from vortex.protocol.native import NativeDecoder
from vortex.protocol.once import ClientRecord, Dropped, Once, Run, Running, Stored
from vortex.protocol.payload import Payload
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session_table import Hello, SessionTable

__all__ = ["Framing", "Line", "Pair", "Plain", "Running", "Service", "says"]


def says(label: str, **kwargs: Any) -> Message:
    """A message whose filt is ``{"is": label}``."""
    return Message(Payload({"is": label}), **kwargs)


class Framing(Protocol):
    """One direction of a line: what frames travel in."""

    def wrap(self, frames: bytes) -> bytes:
        """*frames*, whole ones, written at once."""

    def unwrap(self, data: bytes) -> bytes:
        """What came of the frames with *data*."""


class Plain:
    """TCP and the like: frames one behind the other."""

    def wrap(self, frames: bytes) -> bytes:
        return frames

    def unwrap(self, data: bytes) -> bytes:
        return data


@dataclass(eq=False, repr=False)
class Line:
    """
    One connection.

    Attributes:
        up, down: What was written to it and has not come through yet.
        session: Whose it is, once the HELLO has come.
    """

    pair: Pair
    upFraming: Framing
    downFraming: Framing
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    session: ServerSession | None = None

    def __post_init__(self) -> None:
        self._upDecoder = NativeDecoder(self.pair.limits.maxFrame)
        self._downDecoder = NativeDecoder(self.pair.limits.maxFrame)

    def deliverUp(self, size: int | None = None) -> None:
        """Let *size* bytes through to the server; None: all."""
        data = bytes(self.up[:size])
        del self.up[: len(data)]
        self.pair.gone["up"] += len(data)
        for frame in self._upDecoder.feed(self.upFraming.unwrap(data)):
            self.pair.server.received(self, frame)
        self.pair.server.work()

    def deliverDown(self, size: int | None = None) -> None:
        """Let *size* bytes through to the client; None: all."""
        data = bytes(self.down[:size])
        del self.down[: len(data)]
        self.pair.gone["down"] += len(data)
        for frame in self._downDecoder.feed(self.downFraming.unwrap(data)):
            if self.pair.line is self:
                self.pair.client.receive(frame, self.pair.now)
        self.pair.work()

    def lose(self) -> None:
        """Both ends see it end, and what was under way is gone."""
        self.up.clear()
        self.down.clear()
        self.pair.lost(self)
        self.pair.server.lost(self)


@dataclass(eq=False)
class Under:
    """An action that runs; `session` gets the answer."""

    label: str
    client: tuple[str, int]
    number: int
    session: ServerSession


class Service:
    """
    The server: it carries actions out, and answers those that expect it.

    Attributes:
        answersAtOnce: Whether it answers when it is asked; else when `answer` is called.
        taken: Of each life, client and epoch: the labels of what it began, in order.
        broken: Why it has given lines up.
        effects: How often each label has taken effect.
        store: The answers that outlive it.
        pushed: What was pushed to each session.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.answersAtOnce = True
        self.effects: Counter[str] = Counter()
        self.store: dict[tuple[str, int, int], bytes] = {}
        self.pushed: dict[str, list[tuple[str, Hashable]]] = {}
        self.complaints: list[Any] = []
        self.cancelled: list[int] = []
        self.broken: list[str] = []
        self.start()

    def start(self) -> None:
        """Begin a life: with no session, and with no memory but the store."""
        self.table = SessionTable("S", "server", self.pair.limits)
        self.once: Once[Under] = Once(self.pair.limits, Counter())
        self.lines: dict[str, Line] = {}  # what carries each session
        self.records: dict[str, ClientRecord[Under]] = {}
        self.taken: dict[tuple[str, int], list[str]] = {}
        self.running: list[Under] = []

    @property
    def present(self) -> ServerSession | None:
        """The session that the client says is its own; None if there is none."""
        return self.table.find(self.pair.client.id)

    # ---- lines

    def received(self, line: Line, frame: bytes) -> None:
        now = self.pair.now
        if line.session is None:
            line.session = self.table.attach(Hello.read(frame, self.pair.limits), self.pair.principal, now)
            self.lines[line.session.id] = line
            line.session.attached(now)
        elif self.lines.get(line.session.id) is line:
            line.session.receive(frame, now)

    def lost(self, line: Line) -> None:
        if line.session is not None and self.lines.get(line.session.id) is line:
            del self.lines[line.session.id]
            line.session.transportLost(self.pair.now)
            self.work()

    def tick(self) -> None:
        for session in list(self.table.sessions):
            session.tick(self.pair.now)
        self.work()

    def work(self) -> None:
        """Act on what has happened, and write what may be written."""
        for session in list(self.table.sessions):
            for event in session.events():
                self._handle(session, event)
            line = self.lines.get(session.id)
            if line is not None:
                for written in session.framesToSend():
                    line.down += line.downFraming.wrap(written)

    # ---- what happens

    def _handle(self, session: ServerSession, event: Event) -> None:
        match event:
            case Opened():
                record = self.once.attached(
                    session.clientKey, session.epoch, session.nextAction, self.pair.now
                )
                assert record is not None
                self.records[session.id] = record
                self.pushed[session.id] = []
            case Received(envelope):
                self._act(session, envelope)
            case Settled(action):
                self.records[session.id].settle(action)
            case Cancelled(action):
                self.cancelled.append(action)
                self.records[session.id].dropped(action)
            case Broken(code):
                self.broken.append(code)
                line = self.lines.pop(session.id, None)
                session.transportLost(self.pair.now)
                if line is not None:
                    line.up.clear()
                    self.pair.ended(line)
            case Closed(code):
                self.table.ended(session, code)
                self.once.detached(self.records.pop(session.id), self.pair.now)
                line = self.lines.pop(session.id, None)
                if line is not None:
                    for written in session.helloToSend():
                        line.down += line.downFraming.wrap(written)
                    self.pair.ended(line)

    def _act(self, session: ServerSession, envelope: Envelope) -> None:
        label, number = envelope.filt["is"], envelope.action
        assert number is not None
        client = (session.clientKey, session.epoch)
        record = self.records[session.id]
        verdict = record.take(number, expectsAnswer=envelope.expectsAnswer)
        match verdict:
            case Run():
                begun = self.taken.setdefault(client, [])
                begun.append(label)
                under = Under(label, client, number, session)
                if not envelope.expectsAnswer:
                    self._takeEffect(under)
                    return
                record.started(number, under)
                self.running.append(under)
                if self.answersAtOnce:
                    self.answer(0)
            case Running(under):
                under.session = session
            case Stored(reply):
                self._send(session, number, reply)
            case Dropped():
                pass
            case _:
                self.complaints.append((label, verdict))

    def _takeEffect(self, under: Under) -> bytes:
        """Carry *under* out, unless it was; the answer."""
        key = (*under.client, under.number)
        if key not in self.store:
            self.effects[under.label] += 1
            self.store[key] = says(f"re {under.label}", isReply=True).encoded(Form.NATIVE)
        return self.store[key]

    def answer(self, which: int) -> None:
        """Let one of those that run come to its end."""
        under = self.running.pop(which % len(self.running))
        reply = self._takeEffect(under)
        record = self.records.get(under.session.id)
        if record is not None:
            record.finished(under.number, reply)
            self._send(under.session, under.number, reply)
            return
        record = self.once.attached(*under.client, 1, self.pair.now)  # its client is away, and asks again
        assert record is not None
        record.finished(under.number, reply)
        self.once.detached(record, self.pair.now)

    def _send(self, session: ServerSession, number: int, reply: bytes) -> None:
        message = Message.ofEncoded(Payload(), Form.NATIVE, reply)
        message.action = number
        session.send(message)

    def push(self, label: str, mergeKey: Hashable = None, size: int = 0) -> None:
        """Tell every client something."""
        message = says(label, isReply=True)
        message.payload.filt["room"] = "x" * size
        for session in list(self.table.sessions):
            self.pushed[session.id].append((label, mergeKey))
            session.send(message, mergeKey=mergeKey)
        self.work()


class Pair:
    """
    A client and a server.

    Attributes:
        principal: Who the client is found to be from now on.
        line: What the client is connected by; None if it is not.
        got: What the client was told: a list for each session that it had, with the session's id.
        answers: How often each answer has come.
        unknown: How often who asked was told that no answer comes, as it has asked as somebody else.
        resets: The reasons of the resets that it had.
        broken: Why it has given lines up.
        gone: How many bytes have come through in either direction.
    """

    def __init__(self, limits: Limits, *, up: type[Framing] = Plain, down: type[Framing] = Plain) -> None:
        self.limits = limits
        self.now = 0.0
        self.principal: str | None = None
        self.line: Line | None = None
        self.got: list[tuple[str, list[str]]] = []
        self.answers: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.errors: list[Any] = []
        self.resets: list[str] = []
        self.broken: list[str] = []
        self.gone = {"up": 0, "down": 0}
        self._framings = (up, down)
        self.client = ClientSession(uuid="C", name="client", limits=limits, now=0.0)
        self.server = Service(self)

    def connect(self) -> Line:
        """Have the client connect, whether it is connected or not."""
        up, down = self._framings
        self.line = Line(self, up(), down())
        self.client.attached(self.now)
        self.work()
        return self.line

    def lost(self, line: Line) -> None:
        if line is self.line:
            self.line = None
            self.client.transportLost(self.now)
            self.work()

    def ended(self, line: Line) -> None:
        """The server has left *line*: the client reads what there is, and then its end."""
        line.deliverDown()
        line.lose()

    def send(self, message: Message) -> None:
        self.client.send(message)
        self.work()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.client.tick(self.now)
        self.work()
        self.server.tick()

    def work(self) -> None:
        """Act on what has happened at the client, and write what may be written."""
        for event in self.client.events():
            match event:
                case Opened():
                    self.got.append((self.client.id, []))
                case Reset(reason):
                    self.resets.append(reason)
                    self.got.append((self.client.id, []))
                case Received(envelope):
                    label = envelope.filt.get("is", "")
                    if f"{envelope.result}".startswith("outcome-unknown: it was sent as somebody else"):
                        self.unknown[label] += 1
                    elif envelope.result is not None:
                        self.errors.append(envelope.result)
                    elif label.startswith("re "):
                        self.answers[label] += 1
                    else:
                        self.got[-1][1].append(label)
                case Broken(code):
                    self.broken.append(code)
                    if self.line is not None:
                        line = self.line
                        line.down.clear()
                        line.lose()
                case Closed():
                    self.errors.append(event)
        if self.line is not None:
            for written in self.client.framesToSend():
                self.line.up += self.line.upFraming.wrap(written)
