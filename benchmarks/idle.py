"""
Idle: what clients cost that say nothing but that they are there.

Each client beats every 10 s and each server beats back, as both of VortexPY's ends do. The servers idle at
the same time, and each one's processor time is its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.lines import Lines
from benchmarks.processes import Contender, contendersWith
from benchmarks.settings import Settings
from benchmarks.table import Row, compared

__all__ = ["run"]

BEAT_SECONDS = 10.0


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    contenders = contendersWith(peer)
    clients = settings.idleClients
    spent: list[list[float]] = [[] for _ in contenders]
    with ExitStack() as stack:
        running = [stack.enter_context(Lines(contender, "websocket", clients)) for contender in contenders]
        for lines in running:
            lines.beat(BEAT_SECONDS)
        for _ in range(2):
            before = [lines.server.cpuSeconds() for lines in running]
            start = time.monotonic()
            time.sleep(settings.idleSeconds)
            share = BEAT_SECONDS / (time.monotonic() - start) / clients
            for number, lines in enumerate(running):
                cpu = lines.server.cpuSeconds() - before[number]
                spent[number].append(max(cpu * share, 1e-9))  # no more than can be told from nothing
    what = f"one of {clients:,} idle WebSockets, processor time in {BEAT_SECONDS:g} s"
    yield compared(what, "s", spent[0], spent[1] if peer is not None else None)
