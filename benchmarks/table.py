"""The table: a row for everything that was measured, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.rounds import Ratio, median

__all__ = ["Row", "atLeast", "atMost", "compared", "grown", "markdown"]


@dataclass(frozen=True)
class Target:
    """What a ratio is to be."""

    bound: float
    isLeast: bool

    def isMetBy(self, ratio: Ratio) -> bool:
        return ratio.middle >= self.bound if self.isLeast else ratio.middle <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.isLeast else '≤'} {self.bound:g}"


def atLeast(bound: float) -> Target:
    return Target(bound, isLeast=True)


def atMost(bound: float) -> Target:
    return Target(bound, isLeast=False)


@dataclass(frozen=True)
class Row:
    """
    One line of the table.

    Attributes:
        what: What was measured.
        peer, ours: The two numbers that are compared, with their unit; "" where there is none.
        ratio: How many times better ours is; or, of a row about ours alone, how it has grown.
        target: What the ratio is to be, if there is a target for it.
    """

    what: str
    peer: str
    ours: str
    ratio: Ratio | None
    target: Target | None = None


def compared(
    what: str,
    unit: str,
    ours: list[float],
    peer: list[float] | None,
    target: Target | None = None,
    *,
    higherIsBetter: bool = False,
) -> Row:
    """
    A row of ours beside the peer.

    Args:
        unit: "s" for a time, else what stands behind the number.
        peer: None where there is no peer.
    """
    if peer is None:
        return Row(what, "", _shown(median(ours), unit), None)
    ratio = Ratio.of(ours, peer) if higherIsBetter else Ratio.of(peer, ours)
    return Row(what, _shown(median(peer), unit), _shown(median(ours), unit), ratio, target)


def grown(what: str, unit: str, before: list[float], after: list[float], target: Target | None = None) -> Row:
    """A row about ours alone: by what *after* is more than *before*."""
    return Row(
        what,
        "",
        f"{_shown(median(before), unit)} → {_shown(median(after), unit)}",
        Ratio.of(after, before),
        target,
    )


def markdown(rows: Iterable[Row], *, ratiosOnly: bool = False) -> Iterator[str]:
    """The lines of the table; *ratiosOnly*: without the numbers that are one machine's own."""
    titles = ["what", "VortexPY 6.2.2", "ours", "ratio", "lowest..highest", "target", ""]
    columns = [column for column in range(len(titles)) if not (ratiosOnly and column in (1, 2))]
    yield _line(titles[column] for column in columns)
    yield "|" + "|".join("---" if column in (0, 6) else "---:" for column in columns) + "|"
    for row in rows:
        cells = _cells(row)
        yield _line(cells[column] for column in columns)


def _cells(row: Row) -> list[str]:
    middle = span = verdict = ""
    if row.ratio is not None:
        middle = f"**{_digits(row.ratio.middle)}**"
        span = f"{_digits(row.ratio.lowest)}..{_digits(row.ratio.highest)}"
        if row.target is not None:
            verdict = "met" if row.target.isMetBy(row.ratio) else "missed"
    target = "" if row.target is None else str(row.target)
    return [row.what, row.peer, row.ours, middle, span, target, verdict]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _shown(number: float, unit: str) -> str:
    if unit != "s":
        return f"{_digits(number)} {unit}".rstrip()
    for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if number >= size:
            return f"{_digits(number / size)} {name}"
    return f"{_digits(number * 1e9)} ns"
