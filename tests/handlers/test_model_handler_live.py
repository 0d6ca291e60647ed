"""Models as live data: who reads that is told what has changed of one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.handlers.nodes import Client, settle
from vortex import Tuple, TupleField, addTupleType
from vortex.handlers.model_handler import ModelHandler
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery

FILT = {"key": "jobs"}
LIVE = {**FILT, "live": {}}


@addTupleType
class Job(Tuple):
    __tupleType__ = "modellivetest.Job"
    id: int = TupleField(key=True)
    title: str


class Jobs(ModelHandler):
    """Jobs by plant; remembers how often it was asked, and with which delivery."""

    def __init__(self, vortex: Vortex) -> None:
        super().__init__("jobs", vortex)
        self.titles = {1: "dig", 2: "sow"}
        self.asked: list[tuple[dict[str, Any], Delivery | None]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        self.asked.append((filt, delivery))
        return [Job(id=id_, title=f"{title}{filt.get('plant', '')}") for id_, title in self.titles.items()]


@pytest.fixture
def jobs(server: Vortex) -> Jobs:
    return Jobs(server)


def views(client: Client) -> list[tuple[dict[str, Any], list[tuple[int, str]]]]:
    """What was pushed: `view` without the watch's number, and the rows."""
    told = []
    for filt, tuples in client.pushed:
        assert filt.keys() == {"key", "view"}
        view = {key: value for key, value in filt["view"].items() if key != "w"}
        told.append((view, [(job.id, job.title) for job in tuples]))
    return told


class TestAModel:
    def test_comes_whole_then_by_what_has_changed(self, jobs: Jobs, server: Vortex, clock: Clock) -> None:
        ada = Client(server, clock, "ada")
        answer = ada.ask(LIVE)
        jobs.titles[2] = "reap"

        jobs.sendModelUpdate()
        settle(clock)

        assert [(job.id, job.title) for job in answer.tuples] == [(1, "dig"), (2, "sow")]
        assert answer.filt["view"]["k"] == {"modellivetest.Job": ["id"]}
        assert views(ada) == [({"f": 1, "t": 2}, [(2, "reap")])]

    def test_is_built_once_for_all_who_watch_it(self, jobs: Jobs, server: Vortex, clock: Clock) -> None:
        many = [Client(server, clock, f"client {number}") for number in range(5)]
        for client in many:
            client.ask(LIVE)
        del jobs.asked[:]
        jobs.titles[1] = "dug"

        jobs.sendModelUpdate()
        settle(clock)

        assert jobs.asked == [(FILT, None)]
        assert [views(client) for client in many] == [[({"f": 1, "t": 2}, [(1, "dug")])]] * 5

    def test_is_built_anew_for_who_asks_and_told_to_who_watches(
        self, jobs: Jobs, server: Vortex, clock: Clock
    ) -> None:
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")
        ada.ask(LIVE)
        jobs.titles[1] = "dug"

        answer = bob.ask(LIVE)

        assert answer.tuples[0].title == "dug"
        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]

    def test_that_was_not_asked_for_with_such_a_filt_is_not_built(
        self, jobs: Jobs, server: Vortex, clock: Clock
    ) -> None:
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")
        ada.ask({**LIVE, "plant": 1})
        bob.ask({**LIVE, "plant": 2})
        del jobs.asked[:]
        jobs.titles[1] = "dug"

        jobs.sendModelUpdate({"plant": 2})
        settle(clock)

        assert jobs.asked == [({**FILT, "plant": 2}, None)]
        assert (views(ada), views(bob)) == ([], [({"f": 1, "t": 2}, [(1, "dug2")])])

    def test_is_told_to_a_peer_by_itself(self, jobs: Jobs, server: Vortex, clock: Clock) -> None:
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")
        ada.ask({**LIVE, "plant": 1})
        bob.ask({**LIVE, "plant": 2})
        jobs.titles[1] = "dug"

        jobs.sendModelUpdate(peer=ada.peer)
        settle(clock)

        assert (views(ada), views(bob)) == ([({"f": 1, "t": 2}, [(1, "dug1")])], [])

    def test_ends_when_its_watcher_says_so(self, jobs: Jobs, server: Vortex, clock: Clock) -> None:
        ada = Client(server, clock, "ada")
        number = ada.ask(LIVE).filt["view"]["w"]
        jobs.titles[1] = "dug"

        ada.send({**FILT, "live": {"end": number}})
        del jobs.asked[:]
        jobs.sendModelUpdate()
        settle(clock)

        assert (jobs.asked, ada.pushed) == ([], [])

    def test_goes_whole_to_who_reads_no_live_data(self, jobs: Jobs, server: Vortex, clock: Clock) -> None:
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")
        ada.ask(LIVE)
        bob.ask(FILT)
        jobs.titles[1] = "dug"

        jobs.sendModelUpdate()
        settle(clock)

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]
        assert [(filt, [job.title for job in tuples]) for filt, tuples in bob.pushed] == [
            (FILT, ["dug", "sow"])
        ]
