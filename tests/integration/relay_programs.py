"""
A server with an observable of jobs, or a middle node that shows it: a process of its own each.

usage: python -m tests.integration.relay_programs server SOCKET
       python -m tests.integration.relay_programs relay SOCKET SERVERS-SOCKET

It listens at the Unix socket SOCKET, prints ``READY 0``, and runs until it is killed. `PutJob` puts a job
there, or changes the one that is. What it logs goes to its standard error.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import globalLogBeginner, textFileLogObserver

from vortex import (
    Tuple,
    TupleAction,
    TupleActionProcessor,
    TupleActionProxy,
    TupleDataObservableHandler,
    TupleDataObservableProxy,
    TupleField,
    TupleSelector,
    Vortex,
    addTupleType,
)
from vortex.errors import Rejected

__all__ = ["JOBS", "Job", "PutJob"]

JOBS = TupleSelector(name="relayed.Job")


@addTupleType
class Job(Tuple):
    __tupleType__ = "relayed.Job"
    id: int = TupleField(key=True, default=0)
    title: str = ""
    times: int = 0


@addTupleType
class PutJob(TupleAction):
    __tupleType__ = "relayed.PutJob"
    id: int = 0
    title: str = ""


class Server:
    """Jobs, and how often each was put there."""

    def __init__(self, vortex: Vortex) -> None:
        self.jobs = {number: Job(id=number, title=f"job {number}") for number in (1, 2, 3)}
        self.handler = TupleDataObservableHandler("jobs", vortex)
        self.handler.addTupleProvider(Job, lambda selector, peer: list(self.jobs.values()))
        self.processor = TupleActionProcessor("jobs", vortex)
        self.processor.setDelegate(PutJob, self.put)

    def put(self, action: PutJob) -> list[Any]:
        if not action.title:
            raise Rejected("a job needs a title", code="no-title")
        before = self.jobs.get(action.id, Job(id=action.id))
        job = self.jobs[action.id] = Job(id=action.id, title=action.title, times=before.times + 1)
        self.handler.notifyOfTupleUpdate(JOBS)
        return [job]


async def run(_reactor: object, kind: str, socket: str, servers: str = "") -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    vortex = Vortex(kind)
    kept: list[object] = []
    if kind == "server":
        kept.append(Server(vortex))
    else:
        await vortex.connect(f"unix:{servers}").connected
        kept += [
            TupleDataObservableProxy("jobs", "server", vortex),
            TupleActionProxy("jobs", "server", vortex),
        ]
    await vortex.listen(f"unix:{socket}")
    print("READY 0", flush=True)
    await Deferred()


if __name__ == "__main__":
    from tests.integration.relay_programs import run as runIt  # its tuple types have that module's name

    react(lambda reactor: Deferred.fromCoroutine(runIt(reactor, *sys.argv[1:])))
