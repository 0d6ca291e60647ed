"""
Routing: finding the one endpoint of many that a message is for.

VortexPY is timed until it has found the endpoint: it calls it in a later turn of the reactor. We call it at
once, and that is in our time.
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
    with ExitStack() as stack:
        ours = stack.enter_context(OURS.startWorker())
        theirs = None if peer is None else stack.enter_context(peer.startWorker())
        for scenario in SCENARIO_NAMES:
            for count in settings.endpoints:
                yield _compared(settings, ours, theirs, scenario, count)
            yield _growth(settings, ours, scenario)
            ours.call("forget")


def _compared(settings: Settings, ours: Process, theirs: Process | None, scenario: str, count: int) -> Row:
    workers = [ours] if theirs is None else [ours, theirs]
    cases = {}
    for number, worker in enumerate(workers):
        prepared = worker.call("routing", scenario=scenario, count=count)
        if prepared["reached"] != 1:
            raise RuntimeError(
                f"a message for one of {count} endpoints reached {prepared['reached']}: {scenario}"
            )
        case = prepared["case"]
        loops = loopsFor(worker, case, settings, "timeRouting")
        cases[number] = partial(worker.call, "timeRouting", case=case, loops=loops)
    samples = inTurn(cases, settings.rounds)
    if theirs is not None:
        theirs.call("forget")
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
