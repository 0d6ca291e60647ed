"""The scripts of client_*.json, carried out by our client's end of a session, without socket or reactor."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from tests.conformance.notation import Case, Frames, expanded, matches
from vortex.errors import VortexError
from vortex.limits import Limits
from vortex.protocol.client_session import ClientSession
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.events import Broken, Closed, Event, Malformed, Opened, Received, Reset, Resumed
from vortex.protocol.link_session import State
from vortex.protocol.native import NativeDecoder
from vortex.protocol.payload import Payload

__all__ = ["ClientScript", "messageOf", "nameOfFilt"]


class ClientScript:
    """One case, step by step. Whatever does not come out as it says is an AssertionError."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._frames = Frames()
        self._now = 0.0
        self._limits = Limits()
        self._session = ClientSession(uuid="a-client", name="a name", limits=self._limits, now=0.0)
        self._decoder = NativeDecoder(self._limits.maxFrame)
        self._isConnected = False
        self._out: list[list[Any]] = []
        self._acked: list[Any] | None = None
        self._beat: list[Any] | None = None
        self._told: list[Any] = []
        self._sent: defaultdict[str, list[Message]] = defaultdict(list)

    def run(self) -> None:
        for number, (what, *arguments) in enumerate(expanded(self._case["steps"]), 1):
            self._where = f"step {number}, {[what, *arguments]!r:.100}"
            getattr(self, f"_do_{what}")(*arguments)
        assert self._told == [], "and told besides"
        assert self._out == [], "and written besides"

    # ---- steps

    def _do_connect(self, via: str | None = None) -> None:
        self._acked = self._beat = None
        self._decoder = NativeDecoder(self._limits.maxFrame)
        self._isConnected = True
        self._session.via = via
        self._session.attached(self._now)
        self._settle()

    def _do_cut(self) -> None:
        self._isConnected = False
        self._session.transportLost(self._now)
        self._settle()

    def _do_in(self, *frames: Any) -> None:
        for frame in expanded(list(frames)):
            if not self._isConnected:
                return
            try:
                contents = self._decoder.feed(self._frames.encoded(frame))
            except VortexError:
                self._told.append("gone")
                self._do_cut()
                return
            for content in contents:
                self._session.receive(content, self._now)
                self._settle()

    def _do_out(self, *frames: Any) -> None:
        expected = list(expanded(list(frames)))
        found, self._out = self._out, []
        assert matches(found, expected, {}), f"{self._where}: written was {found!r:.1000}"

    def _do_acked(self, number: int, settled: int | None) -> None:
        assert self._acked is not None, f"{self._where}: nothing was"
        assert self._acked[1] == number, self._where
        assert settled in (None, self._acked[2]), f"{self._where}: settled was {self._acked[2]}"

    def _do_beat(self, number: int) -> None:
        assert self._beat == ["BEAT", number], self._where
        self._beat = None

    def _do_told(self, *things: Any) -> None:
        expected = list(expanded(list(things)))
        found, self._told = self._told, []
        assert found == expected, f"{self._where}: told was {found!r:.1000}"

    def _do_send(self, name: str, timeout: float | None = None) -> None:
        message = messageOf(self._frames.messages[name])
        message.payload.filt = {"k": name}
        message.timeout = timeout
        self._sent[name].append(message)
        self._session.send(message)
        self._settle()

    def _do_cancel(self, name: str) -> None:
        self._session.cancel(self._sent[name][-1])
        self._settle()

    def _do_close(self) -> None:
        self._session.close(CloseCode.NORMAL, "it is enough")
        self._settle()
        assert self._told.pop() == "over", self._where  # which who closes it is told as well

    def _do_head(self, frame: Any) -> None:
        (found,) = self._frames.decoded(self._session.sendFrame())
        assert matches(found, frame, {}), f"{self._where}: it was {found}"

    def _do_at(self, time: float) -> None:
        while (due := self._session.nextDeadline()) is not None and due <= time:
            self._now = max(self._now, due)
            self._session.tick(self._now)
            self._settle()
        self._now = time
        self._session.tick(time)
        self._settle()

    # ---- what came of it

    def _settle(self) -> None:
        while events := self._session.events():
            for event in events:
                self._happened(event)
        while self._session.state is not State.CLOSED and (wires := self._session.framesToSend()):
            self._written(wires)
        if self._session.state is State.CLOSED:
            self._written(self._session.helloToSend())

    def _written(self, wires: list[bytes]) -> None:
        for frame in self._frames.decoded(b"".join(wires)):
            if frame[0] == "ACK":
                self._acked = frame
            elif frame[0] == "BEAT":
                self._beat = frame
            else:
                self._out.append(frame)

    def _happened(self, event: Event) -> None:
        match event:
            case Received(envelope) if f"{envelope.result}".startswith("outcome-unknown: "):
                self._told.append(["failed", nameOfFilt(envelope.filt)])
            case Received(envelope):
                self._told.append(nameOfFilt(envelope.filt))
            case Malformed():
                self._told.append("bad")
            case Opened():
                self._told.append("new")
            case Resumed():
                self._told.append("resumed")
            case Reset(reason):
                self._told.append(["reset", reason])
            case Broken():
                self._told.append("gone")
                self._isConnected = False
                self._session.transportLost(self._now)
            case Closed():
                self._told.append("over")
            case _:
                raise AssertionError(f"a client is not told of {event}")


def messageOf(encoded: bytes) -> Message:
    """A message that is those bytes."""
    message = Message.ofEncoded(Payload(), Form.NATIVE, encoded)
    message.isReply = bool(encoded[0] & 1)
    message.expectsAnswer = bool(encoded[0] & 8)
    return message


def nameOfFilt(filt: dict[Any, Any]) -> str:
    """The name of the message that has *filt*."""
    assert list(filt) == ["k"], json.dumps(filt)
    return str(filt["k"])
