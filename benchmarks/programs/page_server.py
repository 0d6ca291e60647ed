"""
The demo's page and jobs for it in memory, of which one is changed, and that is told, as often as is asked.

usage: page_server.py ROWS
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common import serveInReactor
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

import vortex
from vortex import (
    Delivery,
    Limits,
    ModelHandler,
    Tuple,
    TupleChange,
    TupleDataObservableHandler,
    TupleField,
    TupleSelector,
    Vortex,
    VortexAssets,
    VortexResource,
    VortexSite,
    addTupleType,
)

COUNT = int(sys.argv[1])
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHECK_SECONDS = 3
"""Ten times as often as by default, the page checks what it has: so some are among what is measured."""


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int = TupleField(key=True)
    title: str = ""
    status: str = "open"
    assignee: str | None = None
    due: datetime | None = None


rows = [
    Job(
        id=number,
        title=f"Job {number}: oil the door of workshop {number % 17}",
        status=("open", "doing", "done")[number % 3],
        assignee=("Amir", None, "Zoë", None)[number % 4],
        due=START + timedelta(days=number % 90) if number % 3 else None,
    )
    for number in range(1, COUNT + 1)
]
"""Of a few dozen letters each, half of them somebody's, two thirds with a day."""


ALL = TupleSelector(name="demo.Job")


class People(ModelHandler):
    """Nobody: it is the rows that are measured."""

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Tuple]:
        return []


class Pushing:
    """Changes one row and tells that, again and again; it is another one each time."""

    def __init__(self) -> None:
        self.count = 0
        self.left = 0
        self._loop = LoopingCall(self._push)

    def start(self, count: int, perSecond: float) -> None:
        self.left = count
        self._loop.start(1 / perSecond, now=False)

    def _push(self) -> None:
        job = rows[self.count * 7 % COUNT]
        self.count += 1
        job.title = f"Job {job.id}: pushed as number {self.count}"
        job.status = {"open": "doing", "doing": "done", "done": "open"}[job.status]
        jobs.notifyOfTupleUpdate(ALL, [TupleChange(op="updated", key=job.id, record=job)])
        self.left -= 1
        if self.left == 0:
            self._loop.stop()


node = Vortex("bench", limits=Limits(checkInterval=CHECK_SECONDS))
jobs = TupleDataObservableHandler("demo.board", node)
jobs.addTupleProvider(Job, lambda selector, peer: list(rows))
people = People({"key": "demo.people"}, node)
pushing = Pushing()

root = VortexAssets(Path(vortex.__file__).parent / "cli" / "board")
root.putChild(b"static", VortexAssets())
root.putChild(b"vortex", VortexResource(node))
port = reactor.listenTCP(0, VortexSite(root, node.limits), interface="127.0.0.1")  # type: ignore[attr-defined]

if __name__ == "__main__":
    serveInReactor(
        {
            "port": lambda: port.getHost().port,
            "push": pushing.start,
            "left": lambda: pushing.left,
        }
    )
