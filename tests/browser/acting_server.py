"""
Three jobs, an observable of them, and actions whose answers wait until a test lets go: a process of its own.

usage: python -m tests.browser.acting_server --port PORT

An ``act.Rename`` changes a title, or refuses an empty one; both once ``act.Release`` has come. With `isEarly`
who watches is told before it is answered, else a while after.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.static import Data

from vortex import (
    Rejected,
    Tuple,
    TupleAction,
    TupleActionProcessor,
    TupleDataObservableHandler,
    TupleField,
    TupleSelector,
    Vortex,
    VortexAssets,
    VortexResource,
    VortexSite,
    addTupleType,
)
from vortex.routing.ports import Peer

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Acting</title>
<ul></ul>
"""

JOBS = TupleSelector(name="act.Job")


@addTupleType
class Job(Tuple):
    __tupleType__ = "act.Job"
    id: int = TupleField(key=True)
    title: str = ""


@addTupleType
class Rename(TupleAction):
    __tupleType__ = "act.Rename"
    id: int = 0
    title: str = ""
    isEarly: bool = False


@addTupleType
class Release(TupleAction):
    __tupleType__ = "act.Release"


@addTupleType
class Meddle(TupleAction):
    """What somebody else does: it is done at once."""

    __tupleType__ = "act.Meddle"
    id: int = 0
    title: str = ""


class Acting:
    """The jobs, and what is done to them."""

    def __init__(self, vortex: Vortex, reactor: Any) -> None:
        self._reactor = reactor
        self._titles = {1: "one", 2: "two", 3: "three"}
        self._held: list[Deferred[None]] = []
        self._jobs = TupleDataObservableHandler("act", vortex)
        self._jobs.addTupleProvider(Job, self._all)
        self._isSlow = False
        self._actions = TupleActionProcessor("act", vortex)
        self._actions.setDelegate(Rename, self._rename)
        # One peer's actions are done one after another: what lets one go comes by another processor.
        self._others = TupleActionProcessor("others", vortex)
        self._others.setDelegate(Release, self._release)
        self._others.setDelegate(Meddle, self._meddle)

    async def _all(self, _selector: TupleSelector, _peer: Peer | None) -> list[Job]:
        if self._isSlow:
            await deferLater(self._reactor, 0.2)
        return [Job(id=number, title=title) for number, title in self._titles.items()]

    async def _rename(self, action: Rename) -> None:
        held: Deferred[None] = Deferred()
        self._held.append(held)
        await held
        if not action.title:
            raise Rejected("a job needs a title", code="no-title")
        self._titles[action.id] = action.title
        self._isSlow = not action.isEarly
        told = self._jobs.notifyOfTupleUpdate(JOBS)
        if action.isEarly:
            await told

    def _release(self, action: Release) -> None:
        held, self._held = self._held, []
        for each in held:
            each.callback(None)

    async def _meddle(self, action: Meddle) -> None:
        self._titles[action.id] = action.title
        await self._jobs.notifyOfTupleUpdate(JOBS)


def main(port: int) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    vortex = Vortex("acting")
    kept = [Acting(vortex, reactor)]
    root = VortexAssets()
    root.putChild(b"", Data(PAGE, "text/html"))
    root.putChild(b"favicon.ico", Data(b"", "image/x-icon"))  # which Chromium asks for
    root.putChild(b"static", VortexAssets())
    root.putChild(b"vortex", VortexResource(vortex))
    listening = reactor.listenTCP(port, VortexSite(root, vortex.limits), interface="127.0.0.1")
    print(f"Acting at http://127.0.0.1:{listening.getHost().port}/", flush=True)
    reactor.run()
    assert kept


if __name__ == "__main__":
    main(int(sys.argv[2]))
