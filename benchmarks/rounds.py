"""Rounds: measuring in turn, and what is made of the numbers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

__all__ = ["Columns", "Ratio", "inTurn", "median"]

K = TypeVar("K")
V = TypeVar("V")
C = TypeVar("C")


def inTurn(cases: Mapping[K, Callable[[], V]], rounds: int) -> dict[K, list[V]]:
    """
    Measure each case once in every round; who is first moves on from round to round.

    Returns:
        What was measured, by case, in the order of the rounds.
    """
    names = list(cases)
    samples: dict[K, list[V]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(cases[name]())
    return samples


class Columns:
    """
    Several numbers of ours and of the peer's, which were measured together.

    Args:
        contenders: Ours, and the peer if there is one.
        measure: Measures one of them once.
    """

    def __init__(
        self, contenders: Sequence[C], measure: Callable[[C], dict[str, float]], rounds: int
    ) -> None:
        cases = {number: partial(measure, contender) for number, contender in enumerate(contenders)}
        self._samples = inTurn(cases, rounds)

    def ours(self, name: str) -> list[float]:
        return [sample[name] for sample in self._samples[0]]

    def peer(self, name: str) -> list[float] | None:
        """None if there is no peer."""
        samples = self._samples.get(1)
        return None if samples is None else [sample[name] for sample in samples]


def median(values: list[float]) -> float:
    return statistics.median(values)


@dataclass(frozen=True)
class Ratio:
    """How two compare: the ratio in the middle round, in the lowest and in the highest."""

    middle: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, above: list[float], below: list[float]) -> Ratio:
        """*above* / *below*, round by round."""
        ratios = [a / b for a, b in zip(above, below, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))
