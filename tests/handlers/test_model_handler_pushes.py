"""Models: what a peer that reads no live data is sent beside the answers to its requests."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.handlers.nodes import Client, resultOf, settle
from vortex.errors import Rejected
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery

FILT = {"key": "jobs"}


class Jobs(ModelHandler):
    """
    What is built waits in `answers` or `updates` until the test says what it is; or is `model`, if there is
    one.
    """

    def __init__(self, vortex: Vortex) -> None:
        super().__init__("jobs", vortex)
        self.model: list[str] | None = ["first"]
        self.answers: list[Deferred[list[str]]] = []
        self.updates: list[Deferred[list[str]]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        if self.model is not None:
            return self.model
        building: Deferred[list[str]] = Deferred()
        (self.updates if delivery is None else self.answers).append(building)
        return building


@pytest.fixture
def jobs(server: Vortex) -> Jobs:
    return Jobs(server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob")


def begin(jobs: Jobs, *clients: Client) -> None:
    """All have asked once; from now on the test says what is built."""
    for client in clients:
        client.ask(FILT)
        client.came.clear()
    jobs.model = None


def came(client: Client) -> list[str]:
    return [each.tuples[0] for each in client.came]


class TestAnUpdate:
    def test_that_was_begun_before_an_answer_does_not_come_after_it(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada, bob)
        sent = jobs.sendModelUpdate()
        ada.request(FILT)
        jobs.answers[0].callback(["newer"])
        ada.settle()
        jobs.updates[0].callback(["older"])
        ada.settle()

        assert (came(ada), came(bob)) == (["newer"], ["older"])
        assert resultOf(sent) == 1
        assert len(jobs.updates) == 1

    def test_that_is_there_before_the_answer_does_not_come_after_it_either(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada, bob)
        jobs.sendModelUpdate()
        ada.request(FILT)
        jobs.updates[0].callback(["older"])
        ada.settle()
        assert (came(ada), came(bob)) == ([], ["older"])
        jobs.answers[0].callback(["newer"])
        ada.settle()

        assert (came(ada), len(jobs.updates)) == (["newer"], 1)
        jobs.model = ["found out by another"]
        bob.ask({**FILT, "live": {}})
        assert came(ada) == ["newer"]

    def test_of_what_changes_during_an_answer_is_built_anew_after_it(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada, bob)
        ada.request(FILT)
        jobs.sendModelUpdate()
        jobs.updates[0].callback(["perhaps older"])
        ada.settle()
        jobs.answers[0].callback(["perhaps newer"])
        ada.settle()
        assert (came(ada), came(bob)) == (["perhaps newer"], ["perhaps older"])
        jobs.updates[1].callback(["newest"])
        ada.settle()

        assert (came(ada), came(bob)) == (["perhaps newer", "newest"], ["perhaps older"])

    def test_comes_after_all_answers_that_wait(self, jobs: Jobs, ada: Client) -> None:
        begin(jobs, ada)
        for _ in range(2):
            ada.request(FILT)
        jobs.sendModelUpdate()
        jobs.updates[0].callback(["update"])
        jobs.answers[0].callback(["one"])
        ada.settle()
        assert came(ada) == ["one"]
        for update in jobs.updates[1:]:
            update.callback(["update"])
        jobs.answers[1].callback(["two"])
        ada.settle()
        assert came(ada) == ["one", "two"]
        jobs.model = ["last"]
        jobs.sendModelUpdate()
        ada.settle()

        assert came(ada) == ["one", "two", "last"]

    def test_comes_though_the_answer_has_failed(self, jobs: Jobs, ada: Client) -> None:
        begin(jobs, ada)
        asked = ada.request(FILT)
        asked.addErrback(lambda _: None)
        jobs.sendModelUpdate()
        jobs.updates[0].callback(["update"])
        jobs.answers[0].errback(Rejected("no"))
        ada.settle()

        assert [each.result or each.tuples[0] for each in ada.came] == ["rejected: no", "update"]

    def test_comes_though_nobody_waits_for_the_answer_any_more(
        self, jobs: Jobs, server: Vortex, clock: Clock, ada: Client
    ) -> None:
        begin(jobs, ada)
        asked = ada.request(FILT)
        asked.addErrback(lambda _: None)
        asked.cancel()
        jobs.sendModelUpdate()
        jobs.updates[0].callback(["update"])
        jobs.answers[0].callback(["answer"])
        ada.settle()
        jobs.updates[1].callback(["newest"])
        ada.settle()

        assert came(ada) == ["answer", "newest"]

    def test_after_one_answer_causes_none_after_anothers(self, jobs: Jobs, ada: Client, bob: Client) -> None:
        begin(jobs, ada, bob)
        ada.request(FILT)
        jobs.sendModelUpdate()
        jobs.updates[0].callback(["update"])
        bob.request(FILT)
        for answer in jobs.answers:
            answer.callback(["answer"])
        ada.settle()
        jobs.model = ["once more"]
        jobs.updates[1].callback(["once more"])
        ada.settle()

        assert (came(ada), came(bob)) == (["answer", "once more"], ["update", "answer"])

    def test_to_one_peer_does_not_come_to_another_that_has_asked_for_the_same(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada, bob)
        jobs.model = ["to her"]

        assert resultOf(jobs.sendModelUpdate(peer=ada.peer)) == 1
        ada.settle()

        assert (came(ada), came(bob)) == (["to her"], [])

    def test_to_one_peer_comes_to_it_though_the_first_attempt_has_failed(
        self, jobs: Jobs, clock: Clock, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada, bob)
        sent = jobs.sendModelUpdate(peer=ada.peer)
        jobs.updates[0].errback(Rejected("not now"))
        assert resultOf(sent) == 0
        jobs.model = ["to her"]
        clock.advance(1)
        settle(clock)

        assert (came(ada), came(bob)) == (["to her"], [])

    def test_to_one_that_has_asked_for_nothing_is_never_before_its_answer(self, clock: Clock) -> None:
        """Not even where what it asks with is too long to be remembered."""
        server = Vortex("server", reactor=clock, limits=Limits(maxWatchBytesPerPeer=10))
        jobs, ada = Jobs(server), Client(server, clock, "ada")
        jobs.model = None
        ada.request(FILT)
        sent = jobs.sendModelUpdate(peer=ada.peer)
        settle(clock)
        assert jobs.updates == []
        jobs.answers[0].callback(["answer"])
        jobs.updates[0].callback(["update"])
        settle(clock)

        assert (came(ada), resultOf(sent)) == (["answer", "update"], 1)

    def test_to_one_that_asks_while_it_is_built_is_not_sent(self, jobs: Jobs, ada: Client) -> None:
        """It is answered with what is newer, and read as live data that is told by positions."""
        jobs.model = None
        sent = jobs.sendModelUpdate(peer=ada.peer)
        ada.request({**FILT, "live": {}})
        older, newer = jobs.updates
        newer.callback(["newer"])
        ada.settle()
        older.callback(["older"])
        ada.settle()

        assert (came(ada), resultOf(sent)) == (["newer"], 0)


class TestASlowReader:
    def test_is_sent_the_newest_when_it_has_read(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(mergeBytes=10))
        jobs, ada = Jobs(server), Client(server, clock, "ada")
        begin(jobs, ada)
        ada.link.pause()
        for number in range(100):
            jobs.model = [f"update {number}"]
            assert resultOf(jobs.sendModelUpdate()) == 1
            settle(clock, 2)
        ada.link.pause(False)
        settle(clock)

        assert came(ada) == ["update 0", "update 99"]


class TestARequest:
    def test_is_answered_with_what_is_built_for_it_and_nothing_else_is_built(
        self, jobs: Jobs, ada: Client
    ) -> None:
        begin(jobs, ada)
        asked = ada.request(FILT)

        assert (len(jobs.answers), jobs.updates) == (1, [])
        jobs.answers[0].callback(["for her"])
        ada.settle()
        assert resultOf(asked).tuples == ["for her"]
        assert jobs.updates == []

    def test_of_one_who_reads_live_data_is_no_update_for_another(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        begin(jobs, ada)
        jobs.model = ["else"]

        assert bob.ask({**FILT, "live": {}}).tuples == ["else"]

        assert came(ada) == []
