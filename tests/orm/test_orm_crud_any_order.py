"""One row that several save and load in any order: who was answered sees nothing that is older."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, settle
from tests.orm.rows import EVERYTHING, FILT, ROW_1, Job, fill, inMemory, offTheWire, sessionsOf, stored
from tests.orm.slow_threads import SlowVortex
from vortex.limits import Limits
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.payload_endpoint import PayloadEndpoint

LIMITS = Limits(mergeBytes=300, watchTimeout=20, watchLinger=5)
LIVE: dict[str, Any] = {"live": {}}


class Machine:
    """
    Two handlers of one row, and clients of both: some read live data.

    Args:
        seed: What happens, and when.
    """

    def __init__(self, seed: int, engine: Engine) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.engine = engine
        self.server = SlowVortex("server", reactor=self.clock, limits=LIMITS)
        sessions = sessionsOf(engine)
        self.handlers = [
            OrmCrudHandler(sessions, Job, FILT, vortex=self.server),
            OrmCrudHandler(sessions, Job, "jobs.all", True, self.server),
        ]
        self.titles = ["dig"]  # that the row had, in order
        self.saved = 0
        self.clients = {name: Client(self.server, self.clock, name) for name in ("ada", "bob", "eve")}
        self._endpoints = [
            PayloadEndpoint(EVERYTHING, client._take, client.vortex) for client in self.clients.values()
        ]

    def run(self, steps: int) -> None:
        rules = {
            self.aThreadWorks: 10,
            self.aThreadIsDone: 10,
            self.somebodySaves: 4,
            self.somebodyLoads: 5,
            self.theProgramSaysSo: 1,
            self.somebodyReadsSlowly: 2,
            self.timePasses: 1,
        }
        for _ in range(steps):
            self.random.choices(list(rules), list(rules.values()))[0]()
            settle(self.clock, 3)
            self.nobodySeesWhatWasBeforeAnAnswer()
        self.end()
        for handler in self.handlers:
            handler.shutdown()
        self.server.shutdown()

    # ---- what may happen

    def aThreadWorks(self) -> None:
        waiting = [call for call in self.server.calls if not call.hasWorked]
        if waiting:
            call = self.random.choice(waiting)
            call.fails() if self.random.random() < 0.05 else call.works()
            ((title,),) = stored(self.engine, "select title from job where id = 1")
            if title != self.titles[-1]:
                self.titles.append(title)

    def aThreadIsDone(self) -> None:
        done = [call for call in self.server.calls if call.hasWorked]
        if done:
            call = self.random.choice(done)
            self.server.calls.remove(call)
            if not call.done.called:
                call.isOver()

    def somebodySaves(self) -> None:
        self.saved += 1
        filt = self.random.choice([FILT, EVERYTHING])
        saving = self.anyClient().request(filt, [offTheWire(Job, id=1, title=f"save {self.saved}")])
        saving.addErrback(lambda _: None)

    def somebodyLoads(self) -> None:
        client = self.anyClient()
        filt: dict[str, Any] = self.random.choice([ROW_1, EVERYTHING])
        client.request({**filt, **(LIVE if self.random.random() < 0.5 else {})}).addErrback(lambda _: None)

    def theProgramSaysSo(self) -> None:
        self.random.choice(self.handlers).sendModelUpdate()

    def somebodyReadsSlowly(self) -> None:
        link = self.anyClient().link
        link.pause(not link._ends[0].paused)

    def timePasses(self) -> None:
        self.clock.advance(self.random.choice([1, 7]))

    def anyClient(self) -> Client:
        return self.random.choice(list(self.clients.values()))

    # ---- what holds

    def nobodySeesWhatWasBeforeAnAnswer(self) -> None:
        """
        What comes by one way is never older than what came by that before, and nothing is older than a save
        that was answered.
        """
        for name, client in self.clients.items():
            known = 0
            shown: dict[Any, int] = {}
            for each in client.came:
                numbers = [self.titles.index(row.title) for row in each.tuples if row.id == 1]
                for number in numbers:
                    way = each.filt["key"], "view" in each.filt
                    if each.result is True:  # two that were saved at the same time are answered in any order
                        known = max(known, number)
                        continue
                    assert number >= known, name
                    if MESSAGE_ID not in each.filt or "view" not in each.filt:
                        assert number >= shown.get(way, 0), name
                        shown[way] = number

    def end(self) -> None:
        """The threads have done all that there is to do, and everybody has what is so now."""
        for client in self.clients.values():
            client.link.pause(False)
        self.finish()
        fill(self.engine, "update job set title = 'the last' where id = 1")
        self.titles.append("the last")
        for handler in self.handlers:
            handler.sendModelUpdate()
        self.finish()
        self.nobodySeesWhatWasBeforeAnAnswer()
        for client in self.clients.values():
            for handler in self.handlers:
                for watcher in handler._live._roster.of(client.peer):
                    key, isLive = handler._filt["key"], type(watcher).__name__ == "LiveWatcher"
                    shown = [
                        row.title
                        for each in client.came
                        if each.filt["key"] == key and ("view" in each.filt) == isLive
                        for row in each.tuples
                        if row.id == 1
                    ]
                    assert shown[-1] == "the last"

    def finish(self) -> None:
        settle(self.clock)
        while self.server.calls:
            call = self.server.calls.pop(0)
            if not call.hasWorked:
                call.works()
                ((title,),) = stored(self.engine, "select title from job where id = 1")
                if title != self.titles[-1]:
                    self.titles.append(title)
            if not call.done.called:
                call.isOver()
            settle(self.clock)


class TestWhatComes:
    @pytest.mark.parametrize("seed", range(30))
    def test_is_never_what_was_before_an_answer_and_at_last_what_is(self, seed: int) -> None:
        engine = inMemory()
        fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
        with capturedLogs():
            Machine(seed, engine).run(120)
        engine.dispose()
