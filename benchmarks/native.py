"""
Native: the wire that ours speak to each other, beside VortexPY's own.

Fan-out is measured as `benchmarks.fanout` does, with clients that speak the native wire and acknowledge. What
a push weighs is its WebSocket frame: head, payload, and what the wire adds. A resume is a client's whole way
back: from before it connects until it has what it has missed. VortexPY has none.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.fanout import broadcasts
from benchmarks.lines import Lines
from benchmarks.processes import OURS, Contender, contendersWith
from benchmarks.rounds import Columns
from benchmarks.settings import Settings
from benchmarks.table import Row, compared

__all__ = ["run"]


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    clients = settings.clients[1]
    columns = Columns(
        contendersWith(peer),
        lambda contender: broadcasts(
            settings, contender, "native" if contender is OURS else "websocket", clients
        ),
        settings.serverRounds,
    )
    what = f"native: one payload to {clients:,} WebSockets"
    for name, title, unit in (
        ("sending", f"{what}, each", "s"),
        ("sendingCpu", f"{what}, processor time each", "s"),
        ("taking", f"native: take in one of {clients:,} WebSockets, processor time", "s"),
        ("memory", f"native: memory of one of {clients:,} WebSockets", "KiB"),
        ("size", "native: a push of one row", "bytes"),
    ):
        yield compared(title, unit, columns.ours(name), columns.peer(name))
    for missed in (0, settings.missed):
        took = []
        for _ in range(settings.serverRounds):
            with Lines(OURS, "native", settings.resumes) as lines:
                took.append(lines.resume(missed)["p50"])
        yield compared(f"native: resume a session, {missed} messages missed", "s", took, None)
