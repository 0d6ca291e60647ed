"""
Two programs with very many connections between them: a server, and its clients in one process.

usage: python -m tests.integration.many_programs server FOLDER RAW TLS HTTP HTTPS
       python -m tests.integration.many_programs clients FOLDER RAW TLS HTTP HTTPS COUNT FEW

FOLDER has jobs.pem and jobs.key, and gets the Unix socket; the rest are ports. The server prints ``READY
port``; for each line that it is told, who its peers are, and what it has of them; and ``EMPTY`` when the last
of them is gone. The clients are COUNT nodes with a connection of each kind but wss and https, and FEW with
these. When all are open, each asks, and ``ANSWERED number`` is printed when all were answered; ``DOWN`` when
none is open. Told anything, they close each, and print what is left of them in this process.
"""

from __future__ import annotations

import gc
import json
import resource
import signal
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, globalLogBeginner
from twisted.protocols.basic import LineOnlyReceiver
from twisted.web.resource import Resource
from zope.interface import implementer

from vortex import (
    Delivery,
    Limits,
    Payload,
    PayloadEndpoint,
    TlsOptions,
    Vortex,
    VortexConnection,
    VortexPeer,
    VortexResource,
    VortexSite,
)
from vortex.transports.tls import tlsFactory

reactor: Any = installed


class _Told(LineOnlyReceiver):
    """What comes on standard input."""

    delimiter = b"\n"

    def __init__(self, onLine: Any) -> None:
        self._onLine = onLine

    def lineReceived(self, line: bytes) -> None:
        self._onLine()


def say(*words: object) -> None:
    print(*words, flush=True)


@implementer(ILogObserver)
def complain(event: LogEvent) -> None:
    """Failures go to standard error, where the test finds them; that a server is away is none."""
    if event["log_level"] >= LogLevel.error:
        sys.stderr.write(f"{eventAsText(event)}\n")


# ---- the server


async def serve(folder: Path, raw: int, tls: int, http: int, https: int) -> None:
    jobs = Vortex("jobs", limits=Limits(postLinger=5))
    root = Resource()
    for name in (b"vortex", b"vortexws"):
        root.putChild(name, VortexResource(jobs))
    here = "interface=127.0.0.1:backlog=1000"
    shown = TlsOptions(folder / "jobs.pem", folder / "jobs.key")
    await jobs.listen(f"tcp:{raw}:{here}")
    await jobs.listen(f"tcp:{tls}:{here}", tls=shown)
    await jobs.listen(f"unix:{folder / 'jobs.sock'}:backlog=1000")
    site = VortexSite(root, jobs.limits)
    await serverFromString(reactor, f"tcp:{http}:{here}").listen(site)
    await serverFromString(reactor, f"tcp:{https}:{here}").listen(tlsFactory(shown, site, reactor))

    def answer(payload: Payload, delivery: Delivery) -> None:
        delivery.reply([*payload.tuples, delivery.peer.uuid])

    def count() -> None:
        each = Counter((peer.uuid, peer.transport) for peer in jobs.peers)
        say(
            json.dumps(
                {
                    "peers": Counter(kind for _, kind in each),
                    "twice": sum(n > 1 for n in each.values()),
                    "left": leftSince(before),
                    "memory": memory(),
                }
            )
        )

    def changed(peer: VortexPeer, isOnline: bool) -> None:
        if not jobs.peers:
            say("EMPTY")

    kept = PayloadEndpoint({"key": "echo"}, answer, jobs)
    jobs.onPeerChange(changed)
    StandardIO(_Told(count))
    await deferLater(reactor, 0)  # until the reactor has what it needs itself
    before = whatThereIs()
    say("READY", raw)
    await Deferred()
    kept.shutdown()


# ---- the clients


class Clients:
    """
    Attributes:
        connections: A connection of each kind for each node.
        peers: Whoever was at the other end of one.
    """

    def __init__(self, folder: Path, raw: int, tls: int, http: int, https: int, count: int, few: int) -> None:
        believes = TlsOptions(trust=folder / "jobs.pem")
        # Said, as a machine that is busy with a thousand of them may look like a proxy that buffers.
        streams = {"via": "stream"}
        urls: dict[str, dict[str, Any]] = {
            f"tcp://127.0.0.1:{raw}": {},
            f"tls://127.0.0.1:{tls}": {"tls": believes},
            f"unix://{folder / 'jobs.sock'}": {},
            f"ws://127.0.0.1:{http}": {},
            f"http://127.0.0.1:{http}": streams,
        }
        secure: dict[str, dict[str, Any]] = {
            f"wss://127.0.0.1:{https}": {"tls": believes},
            f"https://127.0.0.1:{https}": {"tls": believes, **streams},
        }
        self.nodes = [Vortex(f"pump {number}") for number in range(count + few)]
        self.connections: list[VortexConnection] = []
        self.peers: list[weakref.ref[VortexPeer]] = []
        self._uuids: list[str] = []
        self._isUp = False
        for nodes, these in ((self.nodes[:count], urls), (self.nodes[count:], secure)):
            for url, options in these.items():
                for node in nodes:
                    connection = node.connect(url, **options)
                    connection.onStateChange(self._changed)
                    self.connections.append(connection)
                    self._uuids.append(node.uuid)

    def _changed(self, *_: object) -> None:
        states = {connection.state.value for connection in self.connections}
        if states == {"open"} and not self._isUp:
            self._isUp = True
            self.peers += [weakref.ref(each.peer) for each in self.connections if each.peer is not None]
            Deferred.fromCoroutine(self._ask()).addErrback(lambda failure: say("FAILED", failure))
        elif "open" not in states and self._isUp:
            self._isUp = False
            say("DOWN")

    async def _ask(self) -> None:
        """A request on each, whose answer is nobody else's."""
        asked = [
            each.request(Payload({"key": "echo"}, [number])) for number, each in enumerate(self.connections)
        ]
        answers = [(await each).tuples for each in asked]
        expected = [[number, uuid] for number, uuid in enumerate(self._uuids)]
        say("ANSWERED", sum(map(eq, answers, expected)))

    async def close(self) -> None:
        """One after the other, and the second half of them all at once."""
        half = len(self.connections) // 2
        for connection in self.connections[:half]:
            await connection.close()
        await gatherResults([connection.close() for connection in self.connections[half:]])


def _nameOf(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return function.__qualname__


def whatThereIs() -> dict[str, list[str]]:
    """All that a connection could leave behind in a process."""
    return {
        "calls": sorted(_nameOf(call.func) for call in reactor.getDelayedCalls()),
        "descriptors": sorted(_openFiles()),
        "readers": sorted(type(each).__name__ for each in (*reactor.getReaders(), *reactor.getWriters())),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def _openFiles() -> Iterator[str]:
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            yield str(each.readlink())


def leftSince(before: dict[str, list[str]]) -> dict[str, list[str]]:
    """What there is, and was not."""
    return {
        kind: sorted((Counter(there) - Counter(before[kind])).elements())
        for kind, there in whatThereIs().items()
    }


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def connect(folder: Path, raw: int, tls: int, http: int, https: int, count: int, few: int) -> None:
    done: Deferred[None] = Deferred()
    StandardIO(_Told(lambda: done.callback(None)))
    await deferLater(reactor, 0)  # until the reactor has what it needs itself
    before = whatThereIs()
    clients = Clients(folder, raw, tls, http, https, count, few)
    await done
    report: dict[str, Any] = {"memory": memory()}
    report["reconnects"] = Counter(connection.reconnects for connection in clients.connections)
    await clients.close()
    report["left"] = leftSince(before)
    report["connections"] = sum(len(node.connections) for node in clients.nodes)
    await deferLater(reactor, 0)  # until what the last of them was closed in has returned
    gc.collect()
    report["peers"] = [len(clients.peers), sum(peer() is not None for peer in clients.peers)]
    await gatherResults([node.shutdown() for node in clients.nodes])
    say(json.dumps(report))


def main(role: str, folder: str, *numbers: str) -> None:
    globalLogBeginner.beginLoggingTo([complain], redirectStandardIO=False)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program: Any = {"server": serve, "clients": connect}[role]
    react(lambda _: ensureDeferred(program(Path(folder), *map(int, numbers))))


if __name__ == "__main__":
    main(*sys.argv[1:])
