"""
LiveFeed: the messages by which a state is told to those who watch it, each made once and shared.

What is in their filts is docs/reference/live-data.md, section 3. Who gets which of them, and when, is
`vortex.live.watcher`'s.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from vortex.errors import errorText
from vortex.limits import Limits
from vortex.live.row import Row
from vortex.live.state import Delta, LiveState
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.native_body import encodeNativeBody
from vortex.protocol.payload import Payload
from vortex.tuples.encode import compositeEncoders
from vortex.tuples.keys import wireKey

__all__ = ["VIEW", "LiveFeed", "Whole"]

VIEW = "view"
"""The key of the filt under which all of this stands."""

LONGEST = 16
"""How many times `Limits.watchPartBytes` a delta may have, if that is much less than the whole state."""

PART_ROWS = 2_000
"""Tuples that one part has at most: of some each takes hardly any room, but time."""

SHORT = 4 << 10
"""Bytes that an answer may have for a peer for whom much waits already."""


class _Number(int):
    """An integer that stands bare in a filt: each reader takes it for one, and it is a tenth as long."""


compositeEncoders[_Number] = lambda value, _dialect: int(value)


class LiveFeed:
    """
    Args:
        state: Whose.
        number: The watch's.
        filt: That of a push, less what is said of the state.
        limits: The node's: how long a part is.
        maxSteps, maxStepBytes: How many single deltas are kept, and how many bytes they may have, for those
            who want each.

    Attributes:
        state: As given.
        number: As given.
        stepsFor: Who wants each delta by itself: while anybody does they are kept.
    """

    def __init__(
        self,
        state: LiveState,
        number: int,
        filt: Mapping[str, Any],
        limits: Limits,
        *,
        maxSteps: int,
        maxStepBytes: int,
    ) -> None:
        self.state = state
        self.number = number
        self.stepsFor: set[Any] = set()
        self._filt = filt
        self._limits = limits
        self._maxSteps = maxSteps
        self._maxStepBytes = maxStepBytes
        self._made: dict[Any, Any] = {}
        self._madeAt = ""  # the position that they are of
        self._steps: dict[int, tuple[int, Message]] = {}
        self._stepBytes = 0

    # ---- what there is to send

    def delta(self, since: int) -> Message | None:
        """What has changed since *since*; None if a whole state is better."""
        return self._once(("delta", since), self._delta, since)  # type: ignore[no-any-return]

    def net(self, since: int, *, isShort: bool = False) -> Payload | None:
        """
        The same as an answer, whose filt it has: it is right wherever the peer has come to meanwhile.
        *isShort*: None also if it is long.
        """
        delta = self._since(since, isExact=False)
        if delta is None or (isShort and delta.size > SHORT):
            return None
        return self._once(("net", since), self._net, delta)  # type: ignore[no-any-return]

    def whole(self, *, isShort: bool = False) -> Whole:
        """The state as it is now. *isShort*: so that there is hardly anything in its first part."""
        if isShort and self.state.size > SHORT:
            return self._once("later", self._whole, [[]])  # type: ignore[no-any-return]
        return self._once("whole", self._whole, [])  # type: ignore[no-any-return]

    def check(self) -> Message:
        """What it comes to, in short."""
        return self._once("check", self._check)  # type: ignore[no-any-return]

    def plain(self, filt: Mapping[str, Any]) -> Message:
        """The whole state for a peer that knows nothing of all this; *filt* is always the same."""
        return self._once("plain", self._plain, filt)  # type: ignore[no-any-return]

    def renew(self) -> None:
        """Make that anew: to such a peer, what is older than what it has is no news."""
        self._made.pop("plain", None)

    def end(self, error: Exception) -> Message:
        """That no more comes, and why."""
        return self._message({"end": errorText(error)}, None)

    # ---- each delta for itself

    def stepped(self, before: int) -> None:
        """The state has come from serial *before* to the one that it has now."""
        delta = self.delta(before) if self.stepsFor else None
        if delta is None:
            self._steps.clear()
            self._stepBytes = 0
            return
        self._stepBytes += len(delta.encoded(Form.NATIVE))  # now, as its tuples are now
        self._steps[before] = self.state.serial, delta
        while len(self._steps) > self._maxSteps or self._stepBytes > self._maxStepBytes:
            _, oldest = self._steps.pop(next(iter(self._steps)))
            self._stepBytes -= len(oldest.encoded(Form.NATIVE))

    def step(self, since: int) -> tuple[int, Message] | None:
        """The one delta that follows *since*, and where it leads; None if it was not kept."""
        return self._steps.get(since)

    # ---- how they are made

    def _once(self, key: Any, make: Any, *arguments: Any) -> Any:
        position = self.state.position
        if self._madeAt != position:
            self._made.clear()
            self._madeAt = position
        if key not in self._made:
            self._made[key] = make(*arguments)
        return self._made[key]

    def _delta(self, since: int) -> Message | None:
        delta = self._since(since)
        return None if delta is None else self._message(_viewOf(delta), delta.records)

    def _net(self, delta: Delta) -> Payload:
        view = {"e": self.state.epoch, **self._keyFields(), **_viewOf(delta)}
        return self._closed({VIEW: {"w": _Number(self.number), **view}}, delta.records)

    def _since(self, since: int, *, isExact: bool = True) -> Delta | None:
        delta = self.state.since(since, isExact=isExact)
        part = self._limits.watchPartBytes
        if delta is None or (delta.size <= part and len(delta.records) <= PART_ROWS):
            return delta
        isLong = delta.size > min(self.state.size / 2, LONGEST * part)
        return None if isLong or len(delta.records) > 2 * PART_ROWS else delta

    def _whole(self, before: list[list[Any]]) -> Whole:
        state = self.state
        view = {
            "w": _Number(self.number),
            "e": state.epoch,
            **self._keyFields(),
            "s": _Number(state.serial),
        }
        parts = [*before, *_cut(state.rows.values(), self._limits.watchPartBytes)]
        return Whole(self, state.epoch, state.serial, view, parts)

    def _check(self) -> Message:
        count, total = self.state.check()
        view = {"s": _Number(self.state.serial), "c": [_Number(count), _Number(total)]}
        return self._message(view, None)

    def _plain(self, filt: Mapping[str, Any]) -> Message:
        return Message(Payload(dict(filt), self.state.tuples), isReply=True)

    def _keyFields(self) -> dict[str, Any]:
        keyFields = self.state.keyFields
        return {} if keyFields is None else {"k": keyFields}

    def _message(self, view: dict[str, Any], records: list[Any] | None) -> Message:
        filt = {**self._filt, VIEW: {"w": _Number(self.number), **view}}
        return Message(Payload(filt, records), isReply=True)

    def _closed(self, filt: dict[str, Any], records: list[Any]) -> Payload:
        """A payload whose tuples are encoded, for many answers with a filt of their own each."""
        return Payload.fromEnvelope(Envelope(filt, body=encodeNativeBody(records)), self._limits)


class Whole:
    """
    A state as it was at one serial, in parts.

    Attributes:
        epoch, serial: Its position.
        count: How many parts.
    """

    def __init__(
        self, feed: LiveFeed, epoch: str, serial: int, view: dict[str, Any], parts: list[list[Any]]
    ) -> None:
        self.epoch = epoch
        self.serial = serial
        self.count = len(parts)
        self._feed = feed
        self._view = view
        self._parts = parts
        self._messages: dict[int, Message] = {}
        self._answer: Payload | None = None

    def answer(self) -> Payload:
        """Its first part as an answer: `view` is its filt."""
        if self._answer is None:
            self._answer = self._feed._closed({VIEW: self._viewOf(0)}, self._parts[0])
        return self._answer

    def message(self, number: int) -> Message:
        """One of its parts, from 0."""
        message = self._messages.get(number)
        if message is None:
            filt = {**self._feed._filt, VIEW: self._viewOf(number)}
            message = Message(Payload(filt, self._parts[number]), isReply=True)
            self._messages[number] = message
        return message

    def _viewOf(self, number: int) -> dict[str, Any]:
        if self.count == 1:
            return self._view
        return {**self._view, "p": [_Number(number), _Number(self.count)]}


def _viewOf(delta: Delta) -> dict[str, Any]:
    view: dict[str, Any] = {"f": _Number(delta.before), "t": _Number(delta.to)}
    if delta.gone:
        view["x"] = [_bare(wireKey(key)) for key in delta.gone]
    if delta.places:
        view["i"] = [_bare(each) for each in delta.places]
    return view


def _bare(value: Hashable | list[Any]) -> Any:
    if isinstance(value, list):
        return [_bare(each) for each in value]
    return _Number(value) if type(value) is int and abs(value) < 2**53 else value


def _cut(rows: Iterable[Row], most: int) -> Iterator[list[Any]]:
    """The tuples in lists of about *most* bytes; at least one list."""
    part: list[Any] = []
    size = 0
    for row in rows:
        if part and (size + row.size > most or len(part) == PART_ROWS):
            yield part
            part, size = [], 0
        part.append(row.record)
        size += row.size
    yield part
