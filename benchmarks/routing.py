"""
Routing: finding the one endpoint of many that a message is for.

Timed is from an envelope to the return of the endpoint's method, which does nothing. VortexPY calls it in the
reactor's next turn; here it calls it at once, so that it does not wait.
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
TARGETS = {1_000: atLeast(500)}
FLAT = atMost(1.5)


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    for scenario in SCENARIO_NAMES:
        with OURS.startWorker() as ours:
            for count in settings.endpoints:
                yield _compared(settings, ours, peer, scenario, count)
            yield _growth(settings, ours, scenario)


def _compared(settings: Settings, ours: Process, peer: Contender | None, scenario: str, count: int) -> Row:
    with ExitStack() as stack:
        # A process of its own for each size: VortexPY's endpoints are the whole process's.
        workers = [ours] if peer is None else [ours, stack.enter_context(peer.startWorker())]
        cases = {}
        for number, worker in enumerate(workers):
            prepared = worker.call("routing", scenario=scenario, count=count)
            if prepared["reached"] != 1:
                raise RuntimeError(
                    f"a message reached {prepared['reached']} of {count} endpoints: {scenario}"
                )
            case = prepared["case"]
            loops = loopsFor(worker, case, settings, "timeRouting")
            cases[number] = partial(worker.call, "timeRouting", case=case, loops=loops)
        samples = inTurn(cases, settings.rounds)
    what = f"route to 1 of {count:,}: {scenario}"
    return compared(what, "s", samples[0], samples.get(1), TARGETS.get(count))


def _growth(settings: Settings, ours: Process, scenario: str) -> Row:
    """Ours among the most endpoints, and among the fewest, in turn."""
    few, many = settings.endpoints[0], settings.endpoints[-1]
    cases = {}
    for count in (few, many):
        case = f"{scenario} {count}"
        loops = loopsFor(ours, case, settings, "timeRouting")
        cases[count] = partial(ours.call, "timeRouting", case=case, loops=loops)
    samples = inTurn(cases, settings.rounds)
    what = f"from {few:,} to {many:,} endpoints: {scenario}"
    return grown(what, "s", samples[few], samples[many], FLAT)
