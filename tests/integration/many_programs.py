"""
Two programs with very many connections between them: a server, and its clients in one process.

usage: python -m tests.integration.many_programs server FOLDER RAW TLS HTTP
       python -m tests.integration.many_programs clients FOLDER RAW TLS HTTP COUNT

FOLDER has jobs.pem and jobs.key, and gets the Unix socket; the rest are ports. The server prints ``READY
port`` and, for each line that it is told, how many peers there are by each transport. The clients, COUNT
nodes with a connection of each kind, print ``OPEN`` when all of these are open, and ``DOWN`` when none is.
Told anything, they close all, and print what is left of them in this process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
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

from vortex import TlsOptions, Vortex, VortexConnection, VortexResource, VortexSite

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


async def serve(folder: Path, raw: int, tls: int, http: int) -> None:
    jobs = Vortex("jobs")
    root = Resource()
    for name in (b"vortex", b"vortexws"):
        root.putChild(name, VortexResource(jobs))
    here = "interface=127.0.0.1:backlog=1000"
    await jobs.listen(f"tcp:{raw}:{here}")
    await jobs.listen(f"tcp:{tls}:{here}", tls=TlsOptions(folder / "jobs.pem", folder / "jobs.key"))
    await jobs.listen(f"unix:{folder / 'jobs.sock'}:backlog=1000")
    await serverFromString(reactor, f"tcp:{http}:{here}").listen(VortexSite(root, jobs.limits))

    def count() -> None:
        each = Counter((peer.uuid, peer.transport) for peer in jobs.peers)
        say(
            json.dumps(
                {"peers": Counter(kind for _, kind in each), "twice": sum(n > 1 for n in each.values())}
            )
        )

    StandardIO(_Told(count))
    say("READY", raw)
    await Deferred()


# ---- the clients


class Clients:
    """
    Attributes:
        connections: A connection of each kind for each node.
    """

    def __init__(self, folder: Path, raw: int, tls: int, http: int, count: int) -> None:
        believes = TlsOptions(trust=folder / "jobs.pem")
        urls: dict[str, dict[str, Any]] = {
            f"tcp://127.0.0.1:{raw}": {},
            f"tls://127.0.0.1:{tls}": {"tls": believes},
            f"unix://{folder / 'jobs.sock'}": {},
            f"ws://127.0.0.1:{http}": {},
            f"http://127.0.0.1:{http}": {},
        }
        self.nodes = [Vortex(f"pump {number}") for number in range(count)]
        self.connections: list[VortexConnection] = []
        self._isUp = False
        for url, options in urls.items():
            for node in self.nodes:
                connection = node.connect(url, **options)
                connection.onStateChange(self._changed)
                self.connections.append(connection)

    def _changed(self, *_: object) -> None:
        states = {connection.state.value for connection in self.connections}
        if states == {"open"} and not self._isUp:
            self._isUp = True
            say("OPEN")
        elif "open" not in states and self._isUp:
            self._isUp = False
            say("DOWN")


def whatThereIs() -> dict[str, list[str]]:
    """All that a connection could leave behind in a process."""
    return {
        "calls": sorted(str(call) for call in reactor.getDelayedCalls()),
        "descriptors": sorted(_openFiles()),
        "readers": sorted(type(each).__name__ for each in (*reactor.getReaders(), *reactor.getWriters())),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def _openFiles() -> Iterator[str]:
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            yield str(each.readlink())


async def connect(folder: Path, raw: int, tls: int, http: int, count: int) -> None:
    done: Deferred[None] = Deferred()
    StandardIO(_Told(lambda: done.callback(None)))
    await deferLater(reactor, 0)  # until the reactor has what it needs itself
    before = whatThereIs()
    clients = Clients(folder, raw, tls, http, count)
    await done
    reconnects = Counter(connection.reconnects for connection in clients.connections)
    await gatherResults([node.shutdown() for node in clients.nodes])
    await deferLater(reactor, 0)
    after = whatThereIs()
    left = {
        kind: sorted((Counter(there) - Counter(before[kind])).elements()) for kind, there in after.items()
    }
    say(json.dumps({"left": left, "reconnects": reconnects}))


def main(role: str, folder: str, *numbers: str) -> None:
    globalLogBeginner.beginLoggingTo([complain], redirectStandardIO=False)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program: Any = {"server": serve, "clients": connect}[role]
    react(lambda _: ensureDeferred(program(Path(folder), *map(int, numbers))))


if __name__ == "__main__":
    main(*sys.argv[1:])
