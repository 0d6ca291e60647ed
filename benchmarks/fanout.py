"""
Fan-out: one payload to every client; and, as all those clients have to connect first, what taking one in
costs.

A broadcast is timed from before the payload is made until its last client has it, and the next one is sent
after that. The payload holds one row, and encoding it once is in both servers' time. Both send with the
call that they document for it: ``vortex.send(payload)``, and ``VortexFactory.sendVortexMsg(message,
destVortexName=...)``.

What a client costs is the server's processor time from before the first connects until after the last has
its hello.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator

from benchmarks.lines import Lines
from benchmarks.processes import Contender, contendersWith
from benchmarks.rounds import Columns, median
from benchmarks.settings import Settings
from benchmarks.table import Row, Target, atLeast, atMost, compared, grown

__all__ = ["broadcasts", "runPost", "runWebSocket"]

SEND_TARGETS = {1_000: atLeast(2.5)}
TAKE_TARGETS = {1_000: atLeast(3)}
NOT_DEARER = atMost(1.1)
"""1, and what two measurements of the same differ by."""


def runWebSocket(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    taking: dict[int, list[float]] = {}
    for clients in settings.clients:
        columns = _measured(settings, peer, "websocket", clients)
        one = f"one of {clients:,} WebSockets"
        yield from _sent(columns, f"one payload to {clients:,} WebSockets", SEND_TARGETS.get(clients))
        yield _row(columns, f"take in {one}, processor time", "taking", "s", TAKE_TARGETS.get(clients))
        yield _row(columns, f"memory of {one}", "memory", "KiB")
        taking[clients] = columns.ours("taking")
    if len(taking) > 1:
        few, many = settings.clients[-2:]
        what = f"take in one, from {few:,} to {many:,} WebSockets"
        yield grown(what, "s", taking[few], taking[many], NOT_DEARER)


def runPost(settings: Settings, peer: Contender | None) -> Iterator[Row]:
    """Only the fan-out: what the clients of the two connect with is not the same."""
    for clients in settings.postClients:
        columns = _measured(settings, peer, "post", clients)
        yield from _sent(columns, f"one payload to {clients:,} held POSTs")


def _sent(columns: Columns, what: str, target: Target | None = None) -> Iterator[Row]:
    yield _row(columns, f"{what}, each", "sending", "s", target)
    yield _row(columns, f"{what}, processor time each", "sendingCpu", "s")


def _row(columns: Columns, what: str, name: str, unit: str, target: Target | None = None) -> Row:
    return compared(what, unit, columns.ours(name), columns.peer(name), target)


def _measured(settings: Settings, peer: Contender | None, kind: str, clients: int) -> Columns:
    return Columns(
        contendersWith(peer),
        lambda contender: broadcasts(settings, contender, kind, clients),
        settings.serverRounds,
    )


def broadcasts(settings: Settings, contender: Contender, kind: str, clients: int) -> dict[str, float]:
    """
    Have one payload sent to so many clients of *kind*, again and again.

    Returns:
        Seconds until the last has it, "sending"; processor seconds, "sendingCpu"; both by the clients.
        Processor seconds for a client that connects, "taking", and KiB of it, "memory". Bytes of the
        WebSocket's frame in which the payload comes, "size".
    """
    with Lines(contender, kind, clients) as lines:
        size = 0
        for _ in range(2):
            size = _check(lines.broadcast()["sample"], kind)
        seconds, cpu = [], []
        for _ in range(max(5, min(60, settings.deliveries // clients))):
            before = lines.server.cpuSeconds()
            seconds.append(lines.broadcast()["longest"] / clients)
            cpu.append((lines.server.cpuSeconds() - before) / clients)
        return {
            "sending": median(seconds),
            "sendingCpu": median(cpu),
            "taking": lines.connectCpu,
            "memory": lines.memoryKib,
            "size": size + (2 if size < 126 else 4),
        }


def _check(message: str, kind: str) -> int:
    """What came is the row that was sent, whoever sent it; returns how long it is."""
    text = message.encode("latin-1")
    if not (_holdsNativeRow(text) if kind == "native" else _holdsRow(text)):
        raise RuntimeError(f"expected a row, got {message!r}")
    return len(text)


def _holdsNativeRow(frame: bytes) -> bool:
    body = frame.find(b"}\x78") + 1  # a zlib stream behind the head, which is JSON
    return b'"t":"bench.Row"' in (zlib.decompressobj().decompress(frame[body:]) if body else frame)


def _holdsRow(text: bytes) -> bool:
    if not text.startswith(b"{"):
        text = base64.b64decode(text)
    data = text.partition(b'"data":"')[2].partition(b'"')[0]
    return b'"_c":"bench.Row"' in zlib.decompress(base64.b64decode(data)).replace(b" ", b"")
