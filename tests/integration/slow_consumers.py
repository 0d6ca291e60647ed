"""
Clients that stop reading while a server publishes, and what that costs the server, and a client that reads.

usage: python -m tests.integration.slow_consumers [SECONDS]

A hundred clients are a program of their own, which is stopped (SIGSTOP) while 10 MB/s go to all peers, first
under a few merge keys, then without. They have to be merged, cut, and back by themselves when they run again:
resumed in the first case, reset with the reason in the second. Meanwhile the server may grow by 200 MiB, and
a client that reads may wait twice as long for a message as it does alone. Ends with status 1 when one of
these does not hold.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall, deferLater

from tests.integration.children import ROOT, Child
from vortex import Limits, Payload, PayloadEndpoint, SessionReset, SessionResumed, Vortex, VortexConnection
from vortex.routing.delivery import Delivery

CLIENTS = 100
SECONDS = 30.0
MAY_GROW = 200.0
"""MiB."""
KEYS = 8
"""As many pages wait for who is stopped, which is less than would cost it its session."""
SIZE = 100_000
EVERY = 0.01
"""Seconds between two messages of that many bytes: 10 MB/s."""
PATIENCE = 300.0

reactor: Any = installed


def program(*arguments: object) -> Child:
    return Child(sys.executable, "-m", "tests.integration.slow_consumers", *map(str, arguments), folder=ROOT)


# ---- the server


class Server:
    """Publishes what it is told to: "keyed", "free" or nothing."""

    def __init__(self) -> None:
        self.vortex = Vortex("server", limits=Limits(slowBytes=SIZE * KEYS // 2))
        self.how = "nothing"
        self.number = 0
        self._endpoint = PayloadEndpoint({"key": "do"}, self._take, self.vortex)
        self._pages = [base64.b85encode(os.urandom(SIZE * 4 // 5)).decode() for _ in range(KEYS)]

    async def run(self) -> None:
        port: Any = await self.vortex.listen("tcp:0:interface=127.0.0.1")
        print("READY", port.getHost().port, flush=True)
        LoopingCall(self._publish).start(EVERY)

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.how = payload.filt["how"]
        last = {self.number - back: (self.number - back) % KEYS for back in range(min(KEYS, self.number))}
        delivery.reply([dict(self.vortex.counters), self.number, sorted(last), len(self.vortex.peers)])

    def _publish(self) -> None:
        if self.how == "nothing":
            return
        self.number += 1
        key = self.number % KEYS
        filt = {"key": "page", "number": self.number, "of": key, "at": time.time()}
        page = Payload(filt, [self._pages[key]])
        self.vortex.send(page, mergeKey=key if self.how == "keyed" else None)


# ---- the clients that are stopped


class Client:
    """One that notes what comes, and what becomes of its session."""

    def __init__(self, port: int) -> None:
        self.vortex = Vortex("client")
        self.events: list[str] = []
        self.came = self.last = 0
        self.waits: list[float] = []
        self._endpoint = PayloadEndpoint({"key": "page"}, self._take, self.vortex)
        self._endpoint.opensBodies = False  # they share a processor, and the server is tried
        self.connection: VortexConnection = self.vortex.connect(f"tcp://127.0.0.1:{port}", wire="native")
        self.connection.onSessionEvent(self._note)

    def _note(self, event: object, _: VortexConnection) -> None:
        if isinstance(event, SessionResumed):
            self.events.append("resumed")
        elif isinstance(event, SessionReset):
            self.events.append(event.reason)

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        number = payload.filt["number"]
        assert number > self.last, f"{number} came behind {self.last}"
        self.came += 1
        self.last = number
        self.waits.append(time.time() - payload.filt["at"])


class Clients:
    """All of them; what is asked for on standard input is printed."""

    def __init__(self, port: int, count: int) -> None:
        self.clients = [Client(port) for _ in range(count)]

    async def run(self) -> None:
        for client in self.clients:
            await client.connection.connected
        print("READY", 0, flush=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for _ in sys.stdin:
            reactor.callFromThread(self._report)

    def _report(self) -> None:
        states = [[client.last, client.came, client.events] for client in self.clients]
        print(json.dumps(states), flush=True)


# ---- what is watched


class Watch:
    """The whole of it, seen by a client that reads."""

    def __init__(self, clients: int, seconds: float, *, isTimed: bool) -> None:
        self.count = clients
        self.seconds = seconds
        self.isTimed = isTimed
        self.server = program("server")
        self.port = self.server.readyPort()
        self.reader = Client(self.port)
        self.found: list[str] = []
        self.most = 0.0
        self._slow: Child | None = None

    def memory(self) -> float:
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    async def do(self, how: str) -> Any:
        """Tell the server how to publish; its counters, how much it has, the newest, and its peers."""
        peer = await self.reader.connection.connected
        return (await peer.request(Payload({"key": "do", "how": how}))).tuples

    async def publish(self, how: str, seconds: float) -> float:
        """Have it published for so long; the wait, in seconds, that one message in a hundred exceeded."""
        await self.do(how)
        await deferLater(reactor, 1.0)
        self.reader.waits.clear()
        until = reactor.seconds() + seconds
        while reactor.seconds() < until:
            await deferLater(reactor, 0.25)
            self.most = max(self.most, self.memory())
        waits = sorted(self.reader.waits)
        await self.do("nothing")
        return waits[len(waits) * 99 // 100]

    async def watch(self) -> None:
        alone = await self.publish("keyed", self.seconds / 3)
        self._slow = program("clients", self.port, self.count)
        self._slow.line(lambda line: line.startswith("READY"))
        before = self.most = self.memory()
        for how, expected in (("keyed", "resumed"), ("free", "overflow")):
            counted = (await self.do("nothing"))[0]
            async with self.stopped():
                among = await self.publish(how, self.seconds)
            counters, number, _, peers = await self.back()
            gone = {
                name: counters.get(name, 0) - counted.get(name, 0) for name in ("merged", "slow", "overflow")
            }
            states = self.report()
            print(
                f"{how}: {self.count} clients stopped for {self.seconds:.0f} s, {gone}, then "
                f"{tally(events[-1:] for _, _, events in states)}; one message in a hundred took a reader "
                f"{among * 1000:.0f} ms, alone {alone * 1000:.0f} ms; "
                f"memory {before:.0f} → {self.most:.0f} MiB"
            )
            self.expect(all(last == number for last, _, _ in states), f"not all have the last page, {how}")
            self.expect(all(events[-1:] == [expected] for _, _, events in states), f"not all were {expected}")
            self.expect(peers == self.count + 1, f"{peers} peers are there")
            if self.isTimed:
                self.expect(
                    among < max(2 * alone, alone + 0.05), f"a reader waited {among:.3f} s, not {alone:.3f}"
                )
            if how == "keyed":
                self.expect(gone["merged"] >= self.count, f"only {gone['merged']} pages were merged")
                self.expect(gone["slow"] >= self.count, f"only {gone['slow']} were cut")
            else:
                self.expect(gone["overflow"] >= self.count, f"only {gone['overflow']} were over")
        self.expect(self.most - before < MAY_GROW, f"the server grew by {self.most - before:.0f} MiB")
        self.expect(self.reader.events == [], f"the reader's session had {self.reader.events}")

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.found.append(otherwise)

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The slow clients do nothing meanwhile."""
        assert self._slow is not None
        os.killpg(self._slow.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._slow.pid, signal.SIGCONT)

    def report(self) -> list[Any]:
        """Of each slow client: the number of its last page, how many came, and what became of its session."""
        assert self._slow is not None
        self._slow.tell("report")
        return list(json.loads(self._slow.line(lambda line: line.startswith("["))))

    async def back(self) -> Any:
        """Until all are connected and up to date, or for as long as that may take; what the server says."""
        await self.do("keyed")
        await deferLater(reactor, 0.2)
        said = await self.do("nothing")
        until = reactor.seconds() + PATIENCE
        while reactor.seconds() < until and any(last < said[1] for last, _, _ in self.report()):
            await deferLater(reactor, 0.5)
            if any(last < said[1] for last, _, _ in self.report()):  # a reset has cost it the last
                await self.do("keyed")
                await deferLater(reactor, 0.2)
                said = await self.do("nothing")
        return said

    async def close(self) -> None:
        await self.reader.vortex.shutdown()
        if self._slow is not None:
            self._slow.kill()
        self.server.stop()


def tally(events: Any) -> dict[str, int]:
    counted: dict[str, int] = {}
    for each in events:
        name = each[0] if each else "nothing"
        counted[name] = counted.get(name, 0) + 1
    return counted


async def soak(clients: int = CLIENTS, seconds: float = SECONDS, *, isTimed: bool = True) -> list[str]:
    """What did not hold, a sentence each. *isTimed*: how long a reader waits, too."""
    watch = Watch(clients, seconds, isTimed=isTimed)
    try:
        await watch.watch()
    finally:
        await watch.close()
    return watch.found


def run(what: Callable[[], Any]) -> None:
    """Begin *what* on the reactor, and stop it when that fails."""

    def failed(failure: Any) -> None:
        failure.printTraceback(sys.stderr)
        reactor.stop()

    reactor.callWhenRunning(lambda: ensureDeferred(what()).addErrback(failed))
    reactor.run()


def main(*arguments: str) -> int:
    match arguments:
        case ["server"]:
            run(Server().run)
        case ["clients", port, count]:
            run(Clients(int(port), int(count)).run)
        case _:
            found: list[str] = ["it did not come to its end"]

            async def whole() -> None:
                found[:] = await soak(seconds=float(arguments[0]) if arguments else SECONDS)
                reactor.stop()

            run(whole)
            for each in found:
                print(each, file=sys.stderr)
            return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
