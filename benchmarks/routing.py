"""
Routing: finding the one endpoint of many that a message is for, and calling it.

"Find" ends before the call: of VortexPY it is ``PayloadIO.process``, which leaves the call to a later turn
of the reactor; of ours it is the index that `PayloadIO` asks. "Route" is the whole way from an envelope to
the return of the endpoint's method, which does nothing; VortexPY's call is made at once, so that it does
not wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.codec import loopsFor
from benchmarks.processes import OURS, Contender, Process
from benchmarks.rounds import inTurn
from benchmarks.settings import Settings
from benchmarks.table import Row, atLeast, atMost, compared, grown

__all__ = ["SCENARIO_NAMES", "run"]

SCENARIO_NAMES = ("a key each", "one key, an id each", "50 keys, 8 shapes", "a field each")
TARGETS = {("find", 1_000): atLeast(500)}
FLAT = atMost(1.5)


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    for scenario in SCENARIO_NAMES:
        with OURS.startWorker() as ours:
            for count in settings.endpoints:
                yield from _compared(settings, ours, peer, scenario, count)
            yield _growth(settings, ours, scenario)


def _compared(
    settings: Settings, ours: Process, peer: Contender | None, scenario: str, count: int
) -> Iterator[Row]:
    with ExitStack() as stack:
        # A process of its own for each size: VortexPY's endpoints are the whole process's.
        workers = [ours] if peer is None else [ours, stack.enter_context(peer.startWorker())]
        for worker in workers:
            reached = worker.call("routing", scenario=scenario, count=count)
            if reached != {"found": 1, "called": 1}:
                raise RuntimeError(f"a message for one of {count} endpoints reached {reached}: {scenario}")
        for verb in ("find", "route to") if count == settings.endpoints[1] else ("find",):
            case = f"{verb.split()[0]} {scenario} {count}"
            samples = inTurn(
                {number: _timed(settings, worker, case) for number, worker in enumerate(workers)},
                settings.rounds,
            )
            what = f"{verb} 1 of {count:,}: {scenario}"
            yield compared(what, "s", samples[0], samples.get(1), TARGETS.get((verb, count)))


def _timed(settings: Settings, worker: Process, case: str) -> partial[float]:
    loops = loopsFor(worker, case, settings, "timeRouting")
    return partial(worker.call, "timeRouting", case=case, loops=loops)


def _growth(settings: Settings, ours: Process, scenario: str) -> Row:
    """Ours among the most endpoints, and among the fewest, in turn."""
    few, many = settings.endpoints[0], settings.endpoints[-1]
    samples = inTurn(
        {count: _timed(settings, ours, f"route {scenario} {count}") for count in (few, many)},
        settings.rounds,
    )
    what = f"route, from {few:,} to {many:,} endpoints: {scenario}"
    return grown(what, "s", samples[few], samples[many], FLAT)
