"""
Demo: ``vortex demo``, a job board's server.

It puts together what an application would: a database, handlers for its rows, a page and a vortex, on one
port. It prints one line when it is ready. What goes wrong before that is one line too, and exit code 1.
"""

from __future__ import annotations

import errno
import sys
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import react
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from vortex.access.local import isLocalAddress
from vortex.cli.demo_board import Board, Job, openBoard
from vortex.cli.demo_jobs import BoardJobs, TellsOfJobs
from vortex.cli.demo_people import People
from vortex.cli.demo_rules import JobRules
from vortex.cli.demo_site import DemoSite
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.transports.http_site import VortexSite

__all__ = ["demo", "handlersOf"]


Handlers = list[OrmCrudHandler | BoardJobs | People]

WRITABLE = ("id", "title", "status", "assignee", "due")
"""All, so that a deleted job can come back as it was."""


def demo(*, port: int, host: str, database: str | None, anonymous: bool = False) -> int:
    """
    Run the server until it is told to end.

    Args:
        port: Where to listen; 0: any free port.
        host: The address to listen on. Any but a loopback address opens the board to other machines.
        database: The database's URL; None: a SQLite file in this folder.
        anonymous: Whether to let in everybody who gets here, also through a proxy.

    Returns:
        0, after Ctrl-C or SIGTERM.

    Raises:
        SystemExit: With a line for the person who started it, if it cannot run.
    """
    _logWarnings()
    board = openBoard(database)
    try:
        react(_serve, (board, host, port, anonymous))
    except SystemExit as end:
        if end.code:
            raise
    finally:
        board.close()
    return 0


def handlersOf(vortex: Vortex, board: Board) -> Handlers:
    """What the demo offers; it is there for as long as these are kept."""
    jobs = OrmCrudHandler(board.sessions, Job, {"key": "demo.jobs"}, True, vortex, writable=WRITABLE)
    job = OrmCrudHandler(board.sessions, Job, {"key": "demo.job"}, vortex=vortex, writable=WRITABLE)
    board_ = BoardJobs(vortex, board, jobs, job)
    for handler in (jobs, job):
        handler.addExtension(Job, JobRules())
        handler.addExtension(Job, TellsOfJobs(board_))
    return [jobs, job, board_, People(vortex)]


async def _serve(reactor: Any, board: Board, host: str, port: int, anonymous: bool) -> None:
    vortex = Vortex("demo", anonymous=anonymous or not _isLoopback(host), reactor=reactor)
    handlers = handlersOf(vortex, board)
    listening = await _listen(reactor, vortex, host, port)
    running: Deferred[None] = Deferred()
    reactor.callWhenRunning(running.callback, None)
    await running  # from here on a signal ends it in order

    def stop() -> Deferred[None]:
        return Deferred.fromCoroutine(_stop(listening, vortex, handlers))

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    where = f"http://{_address(host, listening.getHost().port)}/"
    forWhom = "open to other machines" if vortex.anonymous else "for this machine only"
    print(f"Vortex demo at {where}, {forWhom}, its jobs in {board.place}; Ctrl-C ends it", flush=True)
    await Deferred()  # until then


async def _stop(listening: Any, vortex: Vortex, handlers: Handlers) -> None:
    await listening.stopListening()
    await vortex.shutdown()
    for handler in handlers:
        handler.shutdown()


async def _listen(reactor: Any, vortex: Vortex, host: str, port: int) -> Any:
    site = VortexSite(DemoSite(vortex), vortex.limits, counters=vortex.counters)
    makeEndpoint = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    try:
        return await makeEndpoint(reactor, port, interface=host).listen(site)
    except CannotListenError as error:
        isTaken = error.socketError.errno in (errno.EADDRINUSE, errno.EACCES)
        wayOut = "; choose another with --port, or --port 0 for any that is free" if isTaken else ""
        why = error.socketError.strerror or error.socketError
        raise SystemExit(f"vortex demo: cannot listen on {_address(host, port)}: {why}{wayOut}") from None


def _isLoopback(host: str) -> bool:
    return host == "localhost" or isLocalAddress(host)


def _address(host: str, port: int) -> str:
    """Host and port as a URL has them; where it listens on all addresses, one of them."""
    try:
        ip = ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if ip.is_unspecified:
        host = "127.0.0.1" if ip.version == 4 else "::1"
    return f"[{host}]:{port}" if ip.version == 6 else f"{host}:{port}"


def _logWarnings() -> None:
    """What is worth knowing goes to standard error; a line for every request does not."""
    warnings = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([warnings], redirectStandardIO=False)
