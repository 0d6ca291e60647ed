"""
Codec: from tuples to a message as it stands on the wire, and back.

Both make the same message: the envelope in plain JSON that goes to a VortexPY 6.2.2 peer on a WebSocket.
VortexPY compresses at level 9 and we at 6, as each does when nobody says otherwise. "Universal" is ours in
the form that `Payload.toVortexMsg` has, which every era reads and which holds the body twice. Both decode
the very same bytes.

"Native" is what ours say to each other, beside VortexPY's one form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.processes import Contender, Process, contendersWith
from benchmarks.rounds import inTurn
from benchmarks.settings import Settings
from benchmarks.table import Row, atLeast, compared

__all__ = ["run"]

TARGETS = {("encode", 100): atLeast(10), ("decode", 100): atLeast(8)}
NATIVE_TARGET = atLeast(1)
"""Of what ours say to each other: at least as fast as VortexPY's, and no larger, however many tuples."""
CASES = ("encode", "encode universal", "encode native", "decode", "decode native")


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    contenders = contendersWith(peer)
    with ExitStack() as stack:
        workers = [stack.enter_context(contender.startWorker()) for contender in contenders]
        for count in settings.tuples:
            sizes = _agree(workers, count)
            for case in CASES:
                yield _measured(settings, workers, case, count)
            what = f"size native {_tuples(count)}"
            yield compared(what, "bytes", sizes[:1], sizes[1:] or None, NATIVE_TARGET)


def _agree(workers: list[Process], count: int) -> list[float]:
    """
    Have *count* tuples made; each reads what each has written, and then all read the same message.

    Returns:
        The bytes in the smallest message that each makes of them: ours natively.
    """
    made = [worker.call("codec", count=count) for worker in workers]
    messages = [each["message"] for each in made]
    for message in messages[::-1]:
        read = [worker.call("read", message=message) for worker in workers]
        if any(rows != read[0] for rows in read) or len(read[0]) != count:
            raise RuntimeError(f"the contenders do not agree on {count} tuples: {json.dumps(read)[:500]}")
    for worker in workers:
        worker.call("read", message=messages[-1])
    return [each["size"] for each in made]


def _measured(settings: Settings, workers: list[Process], case: str, count: int) -> Row:
    loops = [loopsFor(worker, case, settings) for worker in workers]
    samples = inTurn(
        {
            number: partial(worker.call, "timeCodec", case=case, loops=loops[number])
            for number, worker in enumerate(workers)
        },
        settings.rounds,
    )
    target = NATIVE_TARGET if case.endswith("native") else TARGETS.get((case, count))
    return compared(f"{case} {_tuples(count)}", "s", samples[0], samples.get(1), target)


def _tuples(count: int) -> str:
    return f"{count:,} {'tuple' if count == 1 else 'tuples'}"


def loopsFor(worker: Process, case: str, settings: Settings, command: str = "timeCodec") -> int:
    """How often *case* has to be called for a sample to take long enough; a few calls tell."""
    worker.call(command, case=case, loops=1)
    seconds = worker.call(command, case=case, loops=3)
    return max(1, min(100_000, int(settings.sampleSeconds / max(seconds, 1e-7))))
