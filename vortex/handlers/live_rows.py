"""
LiveRows: the view of one watch - what has come of it, and what to ask for next.

    LOADING --whole state--> CURRENT --gap, bad check, peer gone, end--> STALE --answer--> CURRENT

It takes the messages of docs/reference/live-data.md as they come, and says what they changed and whether to
ask the server again: from its own position, or for everything. While it is stale it keeps its rows.

No peers, no clock and no callbacks in here: `vortex.handlers.observer` has those, and the rows themselves are
kept by `vortex.handlers.view_rows`.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from vortex.errors import DecodeError, EncodeError, VortexError
from vortex.handlers.view_message import Check, Delta, End, Whole, readView
from vortex.handlers.view_rows import Changed, RowsView, ViewRows
from vortex.tuples.change import TupleChange
from vortex.tuples.keys import keysOf
from vortex.tuples.row_sum import sumOf

__all__ = ["Ask", "LiveRows", "Taken", "ViewState"]

MAX_MISMATCHES = 3
"""Checks in a row that do not fit, after which the two ends are taken to read the tuples differently."""


class ViewState(enum.StrEnum):
    """How what is shown stands to what the server has."""

    LOADING = "loading"
    """Nothing has come yet."""
    CURRENT = "current"
    """As far as is known, this is what the server has."""
    STALE = "stale"
    """This is what was; more is on its way, or there is nobody to ask."""


class Ask(enum.Enum):
    """What to ask the server for."""

    SINCE = "since"
    """What has changed since the view's position."""
    ANEW = "anew"
    """Everything."""


@dataclass(slots=True)
class Taken:
    """
    What came of a message.

    Attributes:
        changes: What has become of the rows; None: nothing has, and whoever shows them need not look.
        isMoved: Whether the view has another position than before, or is current again.
        ask: What to ask the server for now; None: nothing.
        error: Why the watch is over, or what was wrong with the message.
        differs: True once, when it is found that the two ends read the same tuples differently.
        delta: What was applied, if that is all that was; None if the rows are another whole state.
        rows: The tuples that *delta* came with.
        before: The serial that *delta* was applied to.
    """

    changes: list[TupleChange] | None = None
    isMoved: bool = False
    ask: Ask | None = None
    error: VortexError | None = None
    differs: bool = False
    delta: Delta | None = None
    rows: Sequence[Any] = ()
    before: int = 0


@dataclass(slots=True)
class _Parts:
    """The parts of a whole state of which some are still to come."""

    whole: Whole
    rows: list[Any] = field(default_factory=list)
    count: int = 0


class LiveRows:
    """
    Args:
        position: What is held already: the position at which *tuples* were the state. None: nothing.
        tuples: That state.

    Attributes:
        rows: The rows, to be read only; it shows what they are whenever it is looked at.
        state: See above.
        epoch, serial: The position; None and 0 while there is none.
        wasCurrent: Whether it ever was current.
    """

    def __init__(self, position: str | None = None, tuples: Sequence[Any] = ()) -> None:
        self._rows = ViewRows()
        self.rows = RowsView(self._rows)
        self.state = ViewState.LOADING
        self.epoch: str | None = None
        self.serial = 0
        self._isAsking = False
        self.wasCurrent = False
        self._parts: _Parts | None = None
        self._mismatch: Check | None = None
        self._mismatches = 0
        self._checks = True
        if position is not None:
            self.epoch, self.serial = _parted(position)
            self._replace(list(tuples))
            self.state = ViewState.STALE

    @property
    def position(self) -> str | None:
        """The position of the rows; None where there is none: of what a VortexPY server sends."""
        return None if self.epoch is None else f"{self.epoch}.{self.serial}"

    @property
    def keyFields(self) -> dict[str, list[str]] | None:
        """The names of the key fields by tuple type; None where the rows are not keyed."""
        return self._rows.keyFields

    def items(self) -> Iterator[tuple[Hashable, Any]]:
        """The rows with their keys; None is the key of each where they have none."""
        return self._rows.items()

    def like(self, row: Any) -> Any:
        """The row with the key of *row*; None if there is none."""
        return self._rows.like(row)

    # ---- asking

    def asked(self) -> None:
        """The server was asked: until the answer is there, nothing else is asked for."""
        self._isAsking = True

    def answered(self) -> None:
        """What was asked has its answer, or will have none."""
        self._isAsking = False

    def lost(self) -> None:
        """There is nobody to ask."""
        self._isAsking = False
        self._parts = None
        self._mismatch = None
        self._growStale()

    # ---- what comes

    def take(self, view: Mapping[str, Any], tuples: list[Any], *, isAnswer: bool = False) -> Taken:
        """
        Take a message of the watch.

        Args:
            view: What stands under ``view`` in its filt.
            tuples: Its tuples.
            isAnswer: Whether it answers what was asked. One that makes no sense is not asked for again at
                once: that is for the caller to do, after a while.
        """
        if isAnswer:
            self.answered()
        try:
            message = readView(view)
            match message:
                case Whole():
                    return self._takeWhole(message, tuples)
                case Delta():
                    return self._takeDelta(message, tuples)
                case Check():
                    return self._takeCheck(message)
                case End(error):
                    self.lost()
                    return Taken(error=error)
                case _:
                    assert_never(message)
        except DecodeError as error:
            self._parts = None
            taken = self._askFor(Ask.ANEW)
            return Taken(error=error, ask=None if isAnswer else taken.ask)

    def takeAll(self, tuples: list[Any]) -> Taken:
        """Take a state of a server that sends no more than that: one of VortexPY."""
        self.epoch, self.serial, self._parts = None, 0, None
        return self._isCurrent(self._replace(tuples))

    def put(self, row: Any) -> list[TupleChange]:
        """A row that is held is *row*, says its server, and not since which serial; how that changes it."""
        return self._rows.apply([row], [], []).changes

    def _takeWhole(self, whole: Whole, tuples: list[Any]) -> Taken:
        if whole.parts > 1:
            parts = self._parts
            if parts is None or whole.part == 0:
                parts = self._parts = _Parts(whole)
            isNext = (whole.epoch, whole.serial, whole.part) == (
                parts.whole.epoch,
                parts.whole.serial,
                parts.count,
            )
            if not isNext or whole.parts != parts.whole.parts:
                raise DecodeError(
                    f"expected part {parts.count} of {parts.whole.parts} of the state at "
                    f"{parts.whole.serial}, got part {whole.part} of {whole.parts} of that at {whole.serial}"
                )
            parts.rows += tuples
            parts.count += 1
            if parts.count < whole.parts:
                return Taken()
            tuples = parts.rows
        self._parts = None
        changed = self._rows.replace(tuples, whole.keyFields)
        self.epoch, self.serial = whole.epoch, whole.serial
        taken = self._isCurrent(changed)
        taken.differs = self._isMisread()
        return taken

    def _takeDelta(self, delta: Delta, tuples: list[Any]) -> Taken:
        isNet = delta.epoch is not None
        if isNet:
            if delta.epoch != self.epoch:
                raise DecodeError(f"expected what has changed since {self.position}, got epoch {delta.epoch}")
            self._parts = None  # what was on its way in parts is not sent on
        if delta.since > self.serial or self.state is ViewState.LOADING:
            return self._askFor(Ask.SINCE if self.epoch is not None else Ask.ANEW)
        changed = Changed([], False)
        before = self.serial
        isMoved = delta.to > before
        if delta.keyFields is not None and delta.keyFields != self.keyFields:
            # Rows that were held before, and of which nobody had said what their keys are.
            self._rows.replace(list(self._rows), delta.keyFields)
        if isMoved:
            changed = self._rows.apply(tuples, delta.gone, delta.places)
            self.serial = delta.to
            self._mismatch = None
        taken = self._isCurrent(changed) if isNet else Taken(changed.changes if changed else None, isMoved)
        if isMoved:
            taken.delta, taken.rows, taken.before = delta, tuples, before
        return taken

    def _takeCheck(self, check: Check) -> Taken:
        isDue = self.state is ViewState.CURRENT and not self._isAsking and self._parts is None
        if not (isDue and self._checks) or check.serial < self.serial:
            return Taken()
        if check.serial > self.serial:
            return self._askFor(Ask.SINCE)
        if self._fits(check):
            self._mismatch, self._mismatches = None, 0
            return Taken()
        self._mismatches += 1
        if self._mismatches >= MAX_MISMATCHES:
            self._checks = False
            return Taken(differs=True)
        self._mismatch = check
        return self._askFor(Ask.ANEW)

    def _fits(self, check: Check) -> bool:
        try:
            return (check.count, check.sum) == (len(self._rows), sumOf(self._rows))
        except EncodeError:  # they were read, and cannot be written: no sum is theirs
            return False

    def _isMisread(self) -> bool:
        """Whether the rows, just fetched because of a check at the same serial, do not fit it yet."""
        check, self._mismatch = self._mismatch, None
        if check is None or check.serial != self.serial or self._fits(check):
            return False
        self._checks = False
        return True

    def _replace(self, tuples: list[Any]) -> Changed:
        """The rows are *tuples*; nobody has said what their keys are."""
        keyed = keysOf(tuples)
        fields = None if keyed is None else keyed[0]
        return self._rows.replace(tuples, self.keyFields if tuples == [] else fields)

    def _isCurrent(self, changed: Changed) -> Taken:
        isFirst, self.wasCurrent = not self.wasCurrent, True
        self.state = ViewState.CURRENT
        return Taken(changed.changes if changed or isFirst else None, isMoved=True)

    def _askFor(self, what: Ask) -> Taken:
        self._growStale()
        return Taken(ask=None if self._isAsking else what)

    def _growStale(self) -> None:
        if self.state is ViewState.CURRENT:
            self.state = ViewState.STALE


def _parted(position: str) -> tuple[str, int]:
    epoch, point, serial = position.rpartition(".")
    if not (epoch and point and serial.isascii() and serial.isdigit()):
        raise ValueError(f'expected a position, as "epoch.serial", got {position!r}')
    return epoch, int(serial)
