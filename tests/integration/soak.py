"""
A server under clients that come and go, watched for what it does not give back.

usage: python -m tests.integration.soak [SECONDS]

A round is twenty clients, one after the other, by held POST and by WebSocket, of every era: each does its
work and goes, half of them without a word. The first tenth of the time is for warming up. From then on the
server's memory may grow by 20 MiB at most, and its open sockets not at all; every answer has to come. Ends
with status 1 when one of these does not hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

from tests.integration.conftest import PeerServer
from tests.integration.wire_by_hand import HeldPostClient, WebSocketClient, envelope, era0

CLIENTS = 20
MAY_GROW = 20.0
"""MiB by which the server may be larger at the end than once it was warm."""
SETTLES = 20.0
"""Seconds that the server has to notice that everyone is gone."""
MESSAGE_ID = "PayloadResponse.messageId"


@dataclass(frozen=True)
class Held:
    """What a process holds: memory in MiB, and open sockets."""

    memory: float
    sockets: int


def heldBy(pid: int) -> Held:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line[:6] == "VmRSS:")
    # Not every file: a thread of the server's opens the database when it is first needed, which may be late.
    sockets = sum(1 for each in Path(f"/proc/{pid}/fd").iterdir() if targetOf(each).startswith("socket:"))
    return Held(int(line.split()[1]) / 1024, sockets)


def targetOf(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed since it was listed


def row(**columns: object) -> dict[str, object]:
    return {"_ct": "rt", "_c": "acme.ThingRow", **columns}


def byPost(port: int, era: int, *, abruptly: bool) -> None:
    """A client of three held POSTs: it writes a row, loads it and changes it."""
    number = count()

    def message(filt: dict[str, object], tuples: list[object] | None = None) -> bytes:
        filt = {"key": "peer.crud", MESSAGE_ID: f"m{next(number)}", **filt}
        return era0(filt, tuples) if era == 0 else envelope(era, filt, tuples)

    with HeldPostClient(port, uuid=str(uuid4())) as client:
        first = client.post(message({}, [row(name="soaked")]))
        first.message()
        (stored,) = first.message()["tuples"]
        second = client.post(message({"id": stored["id"]}))
        second.message()
        assert second.message()["tuples"] == [stored]
        third = client.post(message({"id": stored["id"]}, [{**stored, "weight": 1.5}]))
        third.message()
        assert third.message()["result"] is True
        assert third.message()["tuples"] == [{**stored, "weight": 1.5}]
        if not abruptly:
            fourth = client.post(message({"id": stored["id"], "delete": True}))
            fourth.message()
            assert fourth.message()["result"] is True


def bySocket(port: int, era: int, *, abruptly: bool) -> None:
    """A client of one WebSocket, which echoes a little and a lot and says goodbye, or does not."""
    with WebSocketClient(port, uuid=str(uuid4())) as socket:
        socket.message()
        for size in (10, 100_000):
            filt = {"key": "peer.echo", MESSAGE_ID: f"m{size}"}
            person = {"_ct": "rt", "_c": "acme.PersonTuple", "name": "x" * size}
            socket.send(envelope(era, filt, [person]))
            assert socket.message()["filt"] == filt
        if not abruptly:
            socket.send(b"\x03\xe8", opcode=8)
            assert socket.frame()[0] == 8


def oneRound(server: PeerServer) -> None:
    for number in range(CLIENTS // 2):
        byPost(server.port, number % 3, abruptly=number % 2 == 0)
        bySocket(server.port, 1 + number % 2, abruptly=number % 2 == 0)


def soak(seconds: float) -> list[str]:
    """Rounds for *seconds*; what did not hold, a sentence each."""
    with tempfile.TemporaryDirectory() as folder:
        server = PeerServer(Path(folder) / "things.sqlite")
        try:
            return _soak(server, seconds)
        finally:
            server.child.stop()


def _soak(server: PeerServer, seconds: float) -> list[str]:
    began = time.monotonic()
    rounds, spent = 0, 0.0
    warm: Held | None = None
    while warm is None or spent < seconds:
        oneRound(server)
        rounds += 1
        spent = time.monotonic() - began
        if warm is None and spent >= seconds / 10:
            warm = heldBy(server.child.pid)
    settled = time.monotonic() + SETTLES
    while heldBy(server.child.pid).sockets > warm.sockets and time.monotonic() < settled:
        time.sleep(0.1)
    end = heldBy(server.child.pid)
    print(
        f"{rounds} rounds of {CLIENTS} clients in {spent:.0f} s; "
        f"memory {warm.memory:.1f} → {end.memory:.1f} MiB, open sockets {warm.sockets} → {end.sockets}"
    )
    found = []
    if end.memory > warm.memory + MAY_GROW:
        found.append(f"the server grew by {end.memory - warm.memory:.1f} MiB, it may by {MAY_GROW:.0f}")
    if end.sockets > warm.sockets:
        found.append(f"the server kept {end.sockets - warm.sockets} sockets open that clients had left")
    return [*found, *server.mishaps()]


def main(seconds: float = 600) -> int:
    found = soak(seconds)
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(float(seconds) for seconds in sys.argv[1:2])))
