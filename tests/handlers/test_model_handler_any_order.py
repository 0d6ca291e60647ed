"""Models that are built and changed, asked for and sent in any order: nobody is sent what was before."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, settle
from vortex import Tuple, TupleField, addTupleType
from vortex.errors import Rejected
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery

LIMITS = Limits(mergeBytes=100, watchTimeout=20, watchLinger=5)


@addTupleType
class Version(Tuple):
    __tupleType__ = "anyorder.Version"
    id: int = TupleField(key=True)
    number: int = 0


class Building:
    """One model that is being built: it is looked at what is so at some time, and it is there at another."""

    def __init__(self) -> None:
        self.done: Deferred[list[Version]] = Deferred()
        self.number: int | None = None


class Machine(ModelHandler):
    """
    A server of one thing that changes, and clients: some read live data.

    Args:
        seed: What happens, and when.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.server = Vortex("server", reactor=self.clock, limits=LIMITS)
        super().__init__("jobs", self.server)
        self.number = 0
        self.buildings: list[Building] = []
        names = ("plain", "another", "live")
        self.owed: dict[Client, int] = {}  # what each has to be sent in the end
        self.clients = {name: Client(self.server, self.clock, name) for name in names}

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        self.buildings.append(Building())
        return self.buildings[-1].done

    def run(self, steps: int) -> None:
        rules = {
            self.itChanges: 6,
            self.itIsLookedAt: 8,
            self.itIsThere: 8,
            self.somebodyAsks: 8,
            self.somebodyReadsSlowly: 3,
            self.timePasses: 2,
        }
        for step in range(steps):
            self.random.choices(list(rules), list(rules.values()))[0]()
            settle(self.clock, 3)
            self.nobodyIsSentWhatWasBefore()
            if step % 20 == 19:
                self.comesToRest()
        self.nobodyIsSentWhatWasBefore()
        self.shutdown()
        self.server.shutdown()

    # ---- what may happen

    def itChanges(self) -> None:
        self.number += 1
        to = self.anyClient() if self.random.random() < 0.2 else None
        for client in self.clients.values():
            if to in (None, client) and self._live.watchesOf(client.peer):
                self.owed[client] = self.number
        self.sendModelUpdate(peer=None if to is None else to.peer)

    def itIsLookedAt(self) -> None:
        waiting = [building for building in self.buildings if building.number is None]
        if waiting:
            self.random.choice(waiting).number = self.number

    def itIsThere(self) -> None:
        seen = [building for building in self.buildings if building.number is not None]
        if not seen:
            return
        building = self.random.choice(seen)
        assert building.number is not None
        self.buildings.remove(building)
        if building.done.called:
            return
        if self.random.random() < 0.1:
            building.done.errback(Rejected("not now"))
        else:
            building.done.callback([Version(id=1, number=building.number)])

    def somebodyAsks(self) -> None:
        client = self.anyClient()
        live: dict[str, Any] = {"live": {}} if client is self.clients["live"] else {}
        client.request({"key": "jobs", **live}).addErrback(lambda _: None)

    def somebodyReadsSlowly(self) -> None:
        link = self.anyClient().link
        link.pause(not link._ends[0].paused)

    def timePasses(self) -> None:
        self.clock.advance(self.random.choice([1, 7]))

    def anyClient(self) -> Client:
        return self.random.choice(list(self.clients.values()))

    # ---- what holds

    def nobodyIsSentWhatWasBefore(self) -> None:
        for name, client in self.clients.items():
            numbers = [row.number for each in client.came for row in each.tuples]
            assert numbers == sorted(numbers), name

    def comesToRest(self) -> None:
        """All that is built is built, and everybody has what is so now."""
        for client in self.clients.values():
            client.link.pause(False)
        for _ in range(2):  # what could not be built is tried again after a while
            while self.buildings:
                building = self.buildings.pop(0)
                number = self.number if building.number is None else building.number
                if not building.done.called:
                    building.done.callback([Version(id=1, number=number)])
                settle(self.clock)
            self.clock.advance(61)
        for client, owed in self.owed.items():
            if self._live.watchesOf(client.peer):
                assert [row.number for each in client.came for row in each.tuples][-1] >= owed


class TestWhatComes:
    @pytest.mark.parametrize("seed", range(60))
    def test_is_never_what_was_before_and_at_last_what_is(self, seed: int) -> None:
        with capturedLogs():
            Machine(seed).run(120)
