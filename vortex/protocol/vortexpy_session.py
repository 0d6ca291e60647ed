"""
VortexPySession: one peer on the wire of VortexPY, over one transport after another.

    CONNECTING --attached--> OPEN --transport lost--> PARKED --attached--> OPEN
        |                      |                        |
        +------- close --------+--- linger time over ---+--> CLOSED

That wire has no acknowledgements: what was written to a transport that broke is
gone, what still waited in the outbox is not. A WebSocket peer is not parked at
all (linger 0); a held-open POST peer is, between one request and the next.

No sockets, no clock, no reactor: callers pass frames and the time in, and take
events, bytes and the next deadline out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from vortex.errors import QueueOverflow, VortexError
from vortex.limits import Limits
from vortex.protocol import vortexpy
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Closed, Event, Malformed, Opened, Received
from vortex.protocol.framing import Framing
from vortex.protocol.link_session import TAKE_BYTES, State
from vortex.protocol.malformed_count import MalformedCount
from vortex.protocol.outbox import Outbox

__all__ = ["VortexPySession"]

BEAT_INTERVALS = {Form.ERA0: 1.0, Form.ERA1: 5.0, Form.UNIVERSAL: 5.0, Form.ERA2: 10.0, Form.RAW: 10.0}
"""Seconds between beats: what each era's own server keeps, as its clients expect it."""


class VortexPySession:
    """
    Args:
        uuid, name: Who we are; goes out in the hello.
        limits: Bounds on what comes in and on the outbox.
        framing: How a message becomes bytes on this kind of transport.
        linger: Seconds the session outlives its transport; 0: not at all.
        idle: Seconds without a frame after which the peer counts as gone;
            None where silence is normal (a held POST).
        hello: Seconds from `attached` within which the other end has to say who it
            is; None where it may take its time.
        quiet: Whether to say neither hello nor "still here": a client whose every
            frame would be a request of its own, and whose query string says who it is.
        identity: The peer's uuid and name where the transport brought them (a
            query string); None where its hello will tell.
        now: The time, in seconds on the caller's clock.
    """

    def __init__(
        self,
        *,
        uuid: str,
        name: str,
        limits: Limits,
        framing: Framing,
        now: float,
        linger: float = 0.0,
        idle: float | None = None,
        hello: float | None = None,
        quiet: bool = False,
        identity: tuple[str, str] | None = None,
    ) -> None:
        self.state = State.CONNECTING
        self.form = Form.UNIVERSAL
        self._heard = False
        self._malformed = MalformedCount(limits.maxMalformed)
        self._uuid = uuid
        self._name = name
        self._limits = limits
        self._framing = framing
        self._linger = linger
        self._idle = idle
        self._hello = hello
        self._quiet = quiet
        self._identity = identity
        self._opened = False
        self._outbox: Outbox[Message] = Outbox(
            limits.maxOutboxBytes, limits.maxOutboxItems, limits.mergeBytes
        )
        self._control: list[bytes] = []
        self._events: list[Event] = []
        self._lastHeard = now
        self._nextBeat = now
        self._lingerUntil = now + linger
        self._helloUntil = math.inf if hello is None else now + hello

    # ---- the transport

    def attached(self, now: float, form: Form | None = None) -> None:
        """
        A transport carries this session from now on; the hello goes out first.

        Args:
            form: The era that the request itself has shown, if it has.
        """
        if self.state is State.CLOSED:
            return
        self.state = State.OPEN
        self._lastHeard = now
        if form is not None:
            self._setForm(form, now)
        self._control.clear()
        if self._framing is Framing.DOTS and self._heard and not self._quiet and self.form is not Form.ERA0:
            self._control.append(self._framing.beat(self.form))
        if self._quiet:
            self._nextBeat = math.inf
        else:
            self._control.append(self._framing.frame(vortexpy.hello(self._uuid, self._name), self.form))
            self._nextBeat = now + BEAT_INTERVALS[self.form]
        if self._hello is not None and not self._opened:
            self._helloUntil = now + self._hello
        if self._identity is not None:
            self._open(*self._identity)

    def transportLost(self, now: float, reason: str = "the connection was lost") -> None:
        """The transport is gone; what it had already taken is lost with it."""
        if self.state is State.CLOSED:
            return
        if self._linger <= 0:
            self.close(CloseCode.LOST, reason)
            return
        self.state = State.PARKED
        self._control.clear()
        self._lingerUntil = now + self._linger

    # ---- in

    def receive(self, frame: bytes, now: float) -> None:
        """One whole frame came in, without what framed it."""
        if self.state is State.CLOSED:
            return
        self._lastHeard = now
        if self._identity is not None:
            self._open(*self._identity)
        if self._framing in (Framing.WEBSOCKET, Framing.TEXT) and not frame.startswith(b"{"):
            for part in frame.split(b"."):  # JavaScript ends a frame's text with a dot, old servers glue two
                self._receiveOne(part, now)
        else:
            self._receiveOne(frame, now)

    def _receiveOne(self, frame: bytes, now: float) -> None:
        if not frame:
            return
        try:
            envelope = vortexpy.readMessage(frame, self._limits)
        except VortexError as error:
            self._events.append(Malformed(error))
            if self._malformed.oneMore(now):
                most = self._limits.maxMalformed
                self.close(CloseCode.LIMIT, f"more than {most} frames were no messages (maxMalformed)")
            return
        self._setForm(envelope.form, now)
        if envelope.isEmpty:
            if self._identity is None and envelope.identity is not None:
                self._open(*envelope.identity)
            return
        if not self._opened and not envelope.filt and envelope.result not in (None, True):
            self.close(CloseCode.REFUSED, str(envelope.result))
            return
        self._events.append(Received(envelope))

    def _setForm(self, form: Form, now: float) -> None:
        """Answer in the era that the peer speaks; raw JSON only where a frame is whole by itself."""
        if form is Form.RAW and self._framing.hasDots:
            form = Form.ERA2
        elif form is Form.ERA2 and self._framing is Framing.TEXT:
            form = Form.RAW  # a server that speaks era 2 reads that on a WebSocket too
        if form is not self.form or not self._heard:
            self.form = form
            self._heard = True
            if not self._quiet:
                self._nextBeat = min(self._nextBeat, now + BEAT_INTERVALS[form])

    def _open(self, uuid: str, name: str) -> None:
        if not self._opened:
            self._opened = True
            self._helloUntil = math.inf
            self._identity = (uuid, name)
            self._events.append(Opened(uuid, name))

    # ---- out

    def send(self, message: Message, *, priority: int = 100, mergeKey: Hashable = None) -> None:
        """
        Queue *message*; lower priority numbers leave first.

        Args:
            mergeKey: When much waits, *message* replaces a waiting one of the same key and priority.

        Past the outbox's bound this session closes: the peer does not read.
        """
        if self.state is State.CLOSED:
            return
        try:
            self._outbox.push(message, priority, len(message.encoded(self.form)), mergeKey)
        except QueueOverflow as error:
            self.close(CloseCode.SLOW, str(error))

    def frameToSendNow(self, message: Message) -> bytes | None:
        """*message*, framed, if nothing is to be written before it; it is not queued. None: send it."""
        if self.state is not State.OPEN or self._control or self._outbox.items:
            return None
        return self._framing.frame(message, self.form)

    def helloToSend(self) -> list[bytes]:
        """Take what opens a transport, without anything that waits behind it."""
        frames, self._control = self._control, []
        return frames

    def framesToSend(self) -> list[bytes]:
        """Take what is to be written next, framed: about 64 KiB, or one message; empty when nothing waits."""
        if self.state is not State.OPEN:
            return []
        frames = self.helloToSend()
        size = 0
        while size < TAKE_BYTES:
            message = self._outbox.pop()
            if message is None:
                break
            frame = self._framing.frame(message, self.form)
            size += len(frame)
            frames.append(frame)
        return frames

    @property
    def queued(self) -> int:
        """How many messages wait in the outbox."""
        return len(self._outbox)

    @property
    def queuedBytes(self) -> int:
        """How many bytes wait in the outbox."""
        return self._outbox.bytes

    @property
    def merged(self) -> int:
        """How many messages were replaced by a newer one of their merge key, for want of room."""
        return self._outbox.merged

    # ---- time

    def tick(self, now: float) -> None:
        """Do what is due at *now*; ask `nextDeadline` when to come again."""
        if self.state is State.OPEN:
            if self._idle is not None and now - self._lastHeard >= self._idle:
                self.close(CloseCode.SILENT, f"nothing came for {self._idle:g} s")
            elif now >= self._helloUntil:
                self.close(CloseCode.SILENT, f"the other end did not say who it is within {self._hello:g} s")
            elif now >= self._nextBeat:
                self._nextBeat = now + BEAT_INTERVALS[self.form]
                self._control.append(self._framing.beat(self.form))
        elif self.state is State.PARKED and now >= self._lingerUntil:
            self.close(CloseCode.LOST, f"no request was held for {self._linger:g} s")

    def nextDeadline(self) -> float | None:
        """When to call `tick` next, on the clock that *now* comes from; None: never."""
        if self.state is State.OPEN:
            silent = math.inf if self._idle is None else self._lastHeard + self._idle
            deadline = min(self._nextBeat, self._helloUntil, silent)
            return None if deadline == math.inf else deadline
        return self._lingerUntil if self.state is State.PARKED else None

    def cancel(self, message: Message) -> None:
        """This wire has no word for it."""

    def slow(self, reason: str) -> None:
        """The other end does not read: there is nothing to be gained by waiting."""
        self.close(CloseCode.SLOW, reason)

    def close(self, code: CloseCode, reason: str) -> None:
        """End this session; whatever waited is dropped. Closing twice does nothing."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._outbox.clear()
        self._control.clear()
        self._events.append(Closed(code.value, reason))

    def events(self) -> list[Event]:
        """Take what has happened since the last call, in order."""
        events, self._events = self._events, []
        return events
