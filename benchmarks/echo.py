"""
Echo: a request and its answer over a WebSocket.

Alone, one client asks again and again and what counts is how long an answer takes; then many ask at the
same time, and what counts is how many answers come. With a row, the server decodes it and encodes it again.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.lines import Lines
from benchmarks.processes import OURS, Contender, contendersWith
from benchmarks.rounds import Columns
from benchmarks.settings import Settings
from benchmarks.table import Row, compared

__all__ = ["run"]


def run(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    with OURS.startWorker() as worker:
        message = worker.call("codec", count=1)["message"]
    row = message.partition('"data":"')[2].partition('"')[0]
    yield from _asked(settings, peer, "a request", None)
    yield from _asked(settings, peer, "a request with a row", row)


def _asked(settings: Settings, peer: Contender | None, what: str, body: str | None) -> Iterator[Row]:
    concurrent, requests = settings.concurrent, settings.requests
    warmUp = requests // 4 + 1

    def measure(contender: Contender) -> dict[str, float]:
        with Lines(contender, "websocket", concurrent) as lines:
            lines.echo(warmUp, concurrent, body)
            alone = lines.echo(warmUp, 1, body)
            before = lines.server.cpuSeconds()
            many = lines.echo(requests, concurrent, body)
            cpu = (lines.server.cpuSeconds() - before) / requests
            if '"result":null' not in many["sample"]:
                raise RuntimeError(f"expected an answer, got {many['sample']!r}")
            return {"alone": alone["p50"], "rate": requests / many["seconds"], "cpu": cpu}

    columns = Columns(contendersWith(peer), measure, settings.serverRounds)
    yield compared(
        f"{what}: time to the answer, one client", "s", columns.ours("alone"), columns.peer("alone")
    )
    yield compared(
        f"{what}: answers a second, {concurrent} clients",
        "/s",
        columns.ours("rate"),
        columns.peer("rate"),
        higherIsBetter=True,
    )
    yield compared(f"{what}: processor time each", "s", columns.ours("cpu"), columns.peer("cpu"))
