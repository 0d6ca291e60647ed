"""Peers that have asked with many filts: how many loads there are at a time, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.handlers.nodes import Client, ThreadedVortex, resultOf
from tests.orm.rows import FILT, Job, Sessions, fill, inMemory, offTheWire, sessionsOf, shown
from vortex.orm.orm_crud_handler import OrmCrudHandler

MANY = 10


@pytest.fixture
def sessions() -> Any:
    engine = inMemory()
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
    yield sessionsOf(engine)
    engine.dispose()


@pytest.fixture
def server(clock: Clock) -> ThreadedVortex:
    return ThreadedVortex("server", reactor=clock)


@pytest.fixture
def jobs(server: ThreadedVortex, sessions: Sessions) -> Any:
    handler = OrmCrudHandler(sessions, Job, FILT, True, server)
    yield handler
    handler.shutdown()


@pytest.fixture
def ada(server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler) -> Client:
    """Has asked with many filts."""
    ada = Client(server, clock, "ada")
    for number in range(MANY):
        ada.request({**FILT, "number": number})
        finish(server, ada)
    ada.came.clear()
    return ada


def work(server: ThreadedVortex, ada: Client, number: int = 0) -> None:
    server.waiting.pop(number)()
    ada.settle()


def finish(server: ThreadedVortex, ada: Client) -> None:
    while server.waiting:
        work(server, ada)


class TestTheLoads:
    def test_are_a_few_at_a_time(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        others = [Client(server, clock, f"client {number}") for number in range(MANY)]
        asked = [other.request({**FILT, "mine": other.vortex.name}) for other in others]
        most = []
        while server.waiting:
            most.append(len(server.waiting))
            work(server, ada)

        assert most == [4] * (MANY - 3) + [3, 2, 1]
        assert [len(resultOf(each).tuples) for each in asked] == [2] * MANY

    def test_that_somebody_waits_for_are_next(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        bob = Client(server, clock, "bob")
        told = jobs.sendModelUpdate()
        asked = bob.request({**FILT, "id": 2})
        while not asked.called:
            work(server, ada)

        assert shown(resultOf(asked).tuples) == [(2, "sow")]
        assert len(ada.pushed) < MANY
        finish(server, ada)
        assert len(ada.pushed) == MANY
        assert resultOf(told) == MANY

    def test_have_their_time_from_when_they_begin(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        told = jobs.sendModelUpdate()
        ada.settle()
        while server.waiting:
            clock.advance(server.limits.watchTimeout / 4 - 1)
            work(server, ada)

        assert resultOf(told) == MANY

    def test_that_come_to_no_end_are_given_up_for_the_next(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        jobs.sendModelUpdate()
        ada.settle()
        server.waiting.clear()
        clock.advance(server.limits.watchTimeout)
        finish(server, ada)

        assert [filt["number"] for filt, _ in ada.pushed] == list(range(4, MANY))

    def test_of_who_is_gone_make_room(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        bob = Client(server, clock, "bob")
        jobs.sendModelUpdate()
        ada.settle()
        server.waiting.clear()
        ada.link.cut()
        asked = bob.request({**FILT, "id": 2})
        finish(server, bob)
        clock.advance(server.limits.watchTimeout)
        bob.settle()
        for number in range(5):
            bob.request({**FILT, "number": number})
            finish(server, bob)

        assert [len(each.tuples) for each in bob.answers[-5:]] == [2] * 5
        assert asked.called


class TestTheRows:
    def test_are_kept_no_longer_than_until_all_have_them(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        assert kept(jobs) == [0] * MANY

        jobs.sendModelUpdate()
        finish(server, ada)

        assert len(ada.pushed) == MANY
        assert kept(jobs) == [0] * MANY

    def test_are_kept_for_who_is_not_sent_them_yet(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        saving = ada.request(FILT, [offTheWire(Job, id=2, title="reap")])
        jobs.sendModelUpdate(1)
        jobs.sendModelUpdate()
        while len(server.waiting) > 1:
            work(server, ada, 1)
        assert kept(jobs) == [2] * MANY
        work(server, ada)

        assert resultOf(saving).result is True
        finish(server, ada)
        assert kept(jobs) == [0] * MANY
        assert {shown(tuples)[1] for _, tuples in ada.pushed[-MANY:]} == {(2, "reap")}

    def test_are_not_kept_for_who_goes_without_them(
        self, server: ThreadedVortex, clock: Clock, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        bob = Client(server, clock, "bob")
        for number in range(MANY):
            bob.request({**FILT, "number": number})
            finish(server, bob)
        ada.request(FILT, [offTheWire(Job, id=2, title="reap")])
        jobs.sendModelUpdate()
        while len(server.waiting) > 1:
            work(server, bob, 1)
        assert kept(jobs) == [2] * MANY

        ada.link.cut()

        assert kept(jobs) == [0] * MANY


def kept(jobs: OrmCrudHandler) -> list[int]:
    """How many rows are kept of each of what was asked for; messages count."""
    return [
        max(len(watch.state), *(len(made.payload.tuples) for made in watch.feed._made.values()), 0)
        if watch.feed._made
        else len(watch.state)
        for watch in jobs._live.watches
    ]
