"""
Clients that ask for payments all the time, on each kind of line, while their lines are cut, or fall silent,
their sessions are moved, and the server is killed: once there is peace, each payment was made once, and each
request has its answer.

usage: python -m tests.integration.chaos [SECONDS [SEED]]

A round is five clients, a dozen kills, and then at most `PEACE` seconds. It draws from its seed; the first
round's is SEED, each next one's one more. Ends with status 1 when something does not hold.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from tests.integration.children import OurChild
from tests.integration.cutting_proxy import CuttingProxy
from vortex import Payload, Vortex, VortexConnection
from vortex.node.session_events import SessionEvent
from vortex.transports.post_ways import Via

__all__ = ["Chaos"]

SECONDS = 300.0
KILLS = 12
EVERY = 0.1
"""Seconds between two requests of one client."""
BETWEEN = 1.5
"""Seconds between two kills, on average; to be started takes the server about one more."""
SILENCE = 0.1
"""The part of the lines that fall silent where others are cut."""
MEAN = 8_000
"""Bytes that a connection carries before it is cut, on average."""
PEACE = 150.0
"""Seconds in which all has to be answered once nothing is done to it any more: it takes a few, and 40 where a
line has fallen silent."""

WAYS: tuple[tuple[str, Via | None], ...] = (
    ("tcp", None),
    ("ws", None),
    ("http", "stream"),
    ("http", "sse"),
    ("http", "poll"),
)

reactor: Any = installed


class Soon(Random):
    """Draws waits that are short."""

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.random() / 10


class Chaos:
    """
    One round.

    Args:
        folder: Where its database may be.
        seed: What happens is drawn from it.
        silence: As `SILENCE`.

    Attributes:
        answers: By the number of the payment: the answer, or why there is none.
        events: How often sessions were resumed, or reset.
    """

    def __init__(self, folder: Path, seed: int, *, silence: float = 0.0) -> None:
        self.database = folder / f"till-{seed}.sqlite"
        self.sent = 0
        self.answers: dict[int, Any] = {}
        self.events: Counter[str] = Counter()
        self.client = Vortex("client")
        self.connections: list[VortexConnection] = []
        self._random = Random(seed)
        self._silence = silence
        self._server: OurChild | None = None
        self._proxies = {name: CuttingProxy(0, self._draw, self._isSilent) for name in ("web", "raw")}
        self._ports: dict[str, int] = {}
        self._whose: dict[int, VortexConnection] = {}

    # ---- what happens

    async def rage(self, kills: int) -> None:
        """All at once, until the server was killed so often, and is there again."""
        await self._start()
        for name, proxy in self._proxies.items():
            self._ports[name] = await proxy.listen()
        for way in WAYS:
            url, via = self._where(way)
            connection = self.client.connect(url, wire="native", via=via, random=Soon(self._random.random()))
            connection.onSessionEvent(self._note)
            self.connections.append(connection)
        for connection in self.connections:
            await connection.connected
        asking, moving = LoopingCall(self._askAll), LoopingCall(self._moveOne)
        ends = [asking.start(EVERY), moving.start(7 * EVERY)]
        for _ in range(kills):
            await deferLater(reactor, self._random.uniform(0.5, 1.5) * BETWEEN)
            await self._kill()
            await self._start()
        for loop, end in zip((asking, moving), ends, strict=True):
            loop.stop()
            await end

    async def rest(self) -> None:
        """Until all is answered, or ought to be."""
        for proxy in self._proxies.values():
            proxy.spare()
        until = reactor.seconds() + PEACE
        while len(self.answers) < self.sent and reactor.seconds() < until:
            await deferLater(reactor, 0.05)

    async def close(self) -> None:
        await self.client.shutdown()
        for proxy in self._proxies.values():
            await proxy.close()
        await self._kill()

    # ---- what came of it

    @property
    def payments(self) -> Counter[int]:
        """How often each was made, as it stands in the file."""
        connection = sqlite3.connect(self.database)
        found = Counter(number for (number,) in connection.execute("select number from payment"))
        connection.close()
        return found

    @property
    def cuts(self) -> int:
        return sum(proxy.cuts for proxy in self._proxies.values())

    def found(self) -> list[str]:
        """What did not hold, a sentence each."""
        made, every = self.payments, range(1, self.sent + 1)
        waiting = Counter(self._whose[number].url for number in every if number not in self.answers)
        wrong = {number: answer for number, answer in self.answers.items() if answer != [number]}
        twice = [number for number, count in made.items() if count > 1]
        missing = [number for number in every if number not in made]
        found = []
        if waiting:
            found.append(f"{waiting.total()} requests have no answer {PEACE:.0f} s later: {dict(waiting)}")
        if wrong:
            found.append(f"{len(wrong)} have another answer than theirs: {list(wrong.items())[:3]}")
        if twice:
            found.append(f"{len(twice)} payments were made more than once: {twice[:10]}")
        if missing:
            found.append(f"{len(missing)} payments were not made: {missing[:10]}")
        return found

    # ---- between them

    async def _start(self) -> None:
        server = self._server = OurChild("tests.integration.till_server", self.database)
        self._proxies["web"].server = await deferToThread(server.readyPort)
        self._proxies["raw"].server = int(server.lines[-1].split()[2])

    async def _kill(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await deferToThread(server.kill)

    def _where(self, way: tuple[str, Via | None]) -> tuple[str, Via | None]:
        scheme, via = way
        return f"{scheme}://127.0.0.1:{self._ports['raw' if scheme == 'tcp' else 'web']}", via

    def _draw(self) -> int:
        return int(self._random.expovariate(1 / MEAN)) + 1

    def _isSilent(self) -> bool:
        return self._random.random() < self._silence

    def _note(self, event: SessionEvent, _: VortexConnection) -> None:
        self.events[type(event).__name__] += 1

    def _askAll(self) -> None:
        for connection in self.connections:
            self._ask(connection)

    def _ask(self, connection: VortexConnection) -> None:
        self.sent += 1
        number = self.sent
        self._whose[number] = connection
        answer = connection.request(Payload({"key": "till"}, [number]), timeout=None)
        answer.addCallbacks(lambda payload: payload.tuples, lambda failure: failure.getErrorMessage())
        answer.addCallback(lambda outcome: self.answers.__setitem__(number, outcome))

    def _moveOne(self) -> None:
        connection = self._random.choice(self.connections)
        url, via = self._where(self._random.choice(WAYS))
        connection.moveTo(url, via=via).addErrback(_mayFail)


def _mayFail(failure: Failure) -> None:
    """A move that comes to nothing leaves the session where it is."""


async def oneRound(folder: Path, seed: int) -> list[str]:
    """What did not hold in it, a sentence each."""
    chaos = Chaos(folder, seed, silence=SILENCE)
    try:
        await chaos.rage(KILLS)
        began = reactor.seconds()
        await chaos.rest()
        took = reactor.seconds() - began
    finally:
        await chaos.close()
    print(
        f"seed {seed}: {chaos.sent} requests, {KILLS} kills, {chaos.cuts} cuts, {dict(chaos.events)}; "
        f"then {took:.1f} s until all was answered",
        flush=True,
    )
    return [f"seed {seed}: {each}" for each in chaos.found()]


async def rounds(seconds: float, seed: int) -> list[str]:
    """As many as begin in *seconds*; what did not hold."""
    until = time.monotonic() + seconds
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        while not found and time.monotonic() < until:
            found += await oneRound(Path(folder), seed)
            seed += 1
    return found


def main(seconds: float = SECONDS, seed: float = 1) -> int:
    found = ["it did not come to its end"]

    async def whole() -> None:
        try:
            found[:] = await rounds(seconds, int(seed))
        finally:
            reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(whole()).addErrback(lambda failure: failure.printTraceback(sys.stderr))

    reactor.callWhenRunning(begin)
    reactor.run()
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(float(each) for each in sys.argv[1:3])))
