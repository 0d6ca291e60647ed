"""A handler that nothing refers to any more: what it has told stays, and nothing is made up."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, settle
from vortex import Tuple, TupleField, addTupleType
from vortex.errors import RemoteError
from vortex.handlers.model_handler import ModelHandler
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery
from vortex.tuples.selector import TupleSelector

FILT = {"key": "jobs"}
KEY = "tupleDataObservable"
SELECTOR = TupleSelector(name="droppedtest.Job")


@addTupleType
class Job(Tuple):
    __tupleType__ = "droppedtest.Job"
    id: int = TupleField(key=True)


class Jobs(ModelHandler):
    """What it builds is there when the test says so; what is answered at once is there at once."""

    def __init__(self, vortex: Vortex, building: list[Deferred[Any]]) -> None:
        super().__init__("jobs", vortex)
        self._building = building

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        if delivery is not None:
            return [Job(id=1)]
        self._building.append(Deferred())
        return self._building[-1]


class TestAHandlerThatIsGone:
    @pytest.mark.parametrize("live", [{}, {"live": {}}], ids=["plain", "live"])
    def test_tells_nobody_that_there_is_nothing(
        self, server: Vortex, clock: Clock, live: dict[str, Any]
    ) -> None:
        building: list[Deferred[Any]] = []
        jobs = Jobs(server, building)
        ada = Client(server, clock, "ada")
        ada.request({**FILT, **live})
        if live:
            building.pop().callback([Job(id=1)])
            settle(clock)
        ada.came.clear()
        for _ in range(2):  # one is being built, and one is to be built after that
            jobs.sendModelUpdate()
            settle(clock)
        gone = weakref.ref(jobs)
        del jobs
        gc.collect()
        with capturedLogs() as logged:
            building.pop().callback([Job(id=1), Job(id=2)])
            gc.collect()
            for _ in range(100):
                clock.advance(1)

        assert gone() is None
        (told,) = ada.pushed
        assert [job.id for job in told[1]] == ([2] if live else [1, 2])
        assert [each["log_format"] for each in logged] == []

    def test_answers_who_waits_that_it_is_not_there(self, server: Vortex, clock: Clock) -> None:
        building: list[Deferred[Any]] = []
        jobs = Jobs(server, building)
        clients = [Client(server, clock, name) for name in ("ada", "bob")]
        answers = [client.request({**FILT, "live": {}}) for client in clients]
        refused: list[Any] = []
        del jobs
        gc.collect()
        building.pop().callback([Job(id=1)])
        settle(clock)
        for answer in answers:
            answer.addErrback(refused.append)

        assert [failure.check(RemoteError) and failure.value.code for failure in refused] == [
            "unknown-observable"
        ]

    def test_that_was_an_observable_takes_nothing_away_either(self, server: Vortex, clock: Clock) -> None:
        making: list[Deferred[Any]] = []

        def provide(selector: TupleSelector, peer: object) -> Deferred[Any]:
            making.append(Deferred())
            return making[-1]

        observable = TupleDataObservableHandler("jobs", server)
        observable.addTupleProvider(Job, provide)
        ada = Client(server, clock, "ada", key=KEY)
        ada.request({"key": KEY, "name": "jobs", "tupleSelector": SELECTOR, "live": {}})
        making.pop().callback([Job(id=1)])
        settle(clock)
        ada.came.clear()
        observable.notifyOfTupleUpdate(SELECTOR)
        observable.notifyOfTupleUpdate(SELECTOR)
        del observable
        gc.collect()
        making.pop().callback([Job(id=1)])
        settle(clock)
        clock.advance(100)

        assert ada.pushed == []
