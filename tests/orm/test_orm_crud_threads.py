"""Rows over a wire, from worker threads that work when they are told to: what comes in which order."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, ThreadedVortex, resultOf, settle
from tests.orm.rows import (
    EVERYTHING,
    FILT,
    ROW_1,
    ROW_2,
    Job,
    Sessions,
    fill,
    offTheWire,
    shown,
    stored,
)
from vortex.errors import RemoteError
from vortex.limits import Limits
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


class TestInThreads:
    """A server whose worker threads work only when they are told to."""

    @pytest.fixture
    def server(self, clock: Clock) -> ThreadedVortex:
        return ThreadedVortex("server", reactor=clock)

    def test_one_peers_requests_are_carried_out_in_order(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        answers = [ada.request(FILT, [job(id=1, title="dig", note=note)]) for note in ("one", "two")]
        answers.append(ada.request(ROW_1))
        assert len(server.waiting) == 1
        bob.request(ROW_2)
        assert len(server.waiting) == 2

        while server.waiting:
            server.waiting.pop()()
            ada.settle()

        notes = [resultOf(answer).tuples[0].note for answer in answers]
        assert notes == ["one", "two", "two"]

    def test_a_push_waits_for_the_answer_to_an_earlier_load(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, bob: Client, engine: Engine
    ) -> None:
        load = bob.request(ROW_1)
        (loading,) = server.waiting
        server.waiting.clear()
        ada.request(FILT, [job(id=1, title="new")])
        server.waiting.pop(0)()
        ada.settle()
        assert server.waiting == []

        loading()
        ada.settle()
        (pushing,) = server.waiting
        pushing()
        ada.settle()

        resultOf(load)
        assert [MESSAGE_ID in each.filt for each in bob.came] == [True, False]
        assert shown(bob.came[-1].tuples) == [(1, "new")]

    def test_a_push_that_was_read_before_a_peers_own_save_does_not_come_after_its_answer(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        for client, filt, tuples in (
            (ada, ROW_1, None),
            (bob, ROW_1, None),
            (bob, FILT, [job(id=1, title="of bob")]),
        ):
            client.request(filt, tuples)
            server.waiting.pop(0)()
            client.settle()
        ada.came.clear()
        bob.came.clear()
        ada.request(FILT, [job(id=1, title="of ada")])
        reading, saving = server.waiting
        server.waiting.clear()

        reading()
        saving()
        ada.settle()
        assert [shown(each.tuples) for each in ada.came] == [[(1, "of ada")]]
        server.waiting.pop(0)()
        ada.settle()

        assert server.waiting == []
        assert [(MESSAGE_ID in each.filt, shown(each.tuples)) for each in ada.came] == [
            (True, [(1, "of ada")]),
            (False, [(1, "of ada")]),
        ]
        assert [shown(each.tuples) for each in bob.came] == [[(1, "of bob")], [(1, "of ada")]]

    def test_changes_that_come_while_others_are_read_are_told_together(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        ada.request(ROW_1)
        server.waiting.pop(0)()
        ada.settle()
        counts = [jobs.sendModelUpdate(1) for _ in range(100)]
        assert len(server.waiting) == 1
        server.waiting.pop(0)()
        ada.settle()
        assert len(server.waiting) == 1
        server.waiting.pop(0)()
        ada.settle()

        assert server.waiting == []
        assert len(ada.pushed) == 2
        assert [resultOf(count) for count in counts] == [1] * 100

    def test_a_large_body_is_opened_there(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, engine: Engine
    ) -> None:
        text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=200_000))

        answer = ada.request(FILT, [job(id=1, title="dig", note=text)])
        server.waiting.pop(0)()
        assert stored(engine, "select note from job where id = 1") == [(None,)]
        server.waiting.pop(0)()
        ada.settle()

        assert resultOf(answer).result is True
        assert stored(engine, "select note from job where id = 1") == [(text,)]

    def test_a_peer_that_is_gone_is_still_heard_but_not_remembered(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, bob: Client, engine: Engine
    ) -> None:
        ada.request(FILT, [job(id=1, title="new")]).addErrback(lambda _: None)
        ada.request(ROW_1).addErrback(lambda _: None)

        ada.link.cut()
        while server.waiting:
            server.waiting.pop(0)()
            bob.settle()

        assert stored(engine, "select title from job where id = 1") == [("new",)]
        count = jobs.sendModelUpdate(1)
        assert resultOf(count) == 0

    def test_too_many_requests_of_a_peer_are_refused_and_nobody_elses(
        self, sessions: Sessions, twoJobs: None, clock: Clock
    ) -> None:
        limits = replace(Limits(), maxWaitingRequests=3)
        server = ThreadedVortex("server", reactor=clock, limits=limits)
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")

        answers = [ada.request(ROW_1) for _ in range(4)]
        other = bob.request(ROW_1)

        with pytest.raises(RemoteError, match=r"3 requests of this peer wait .*maxWaitingRequests") as caught:
            resultOf(answers.pop())
        assert caught.value.code == "limit-exceeded"
        while server.waiting:
            server.waiting.pop(0)()
            settle(clock)
        assert [shown(resultOf(answer).tuples) for answer in (*answers, other)] == [[(1, "dig")]] * 4
        jobs.shutdown()


class TestALongRequest:
    """One of many rows, or of many values: how long it is is not seen from its bytes."""

    @pytest.fixture
    def server(self, clock: Clock) -> ThreadedVortex:
        return ThreadedVortex("server", reactor=clock)

    def test_is_opened_in_a_thread_in_its_turn(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, engine: Engine
    ) -> None:
        answers = [
            ada.request(FILT, [job(id=1, title="dig", note="x" * 20_000)]),
            ada.request(FILT, [job(id=1, title="dig", note="short")]),
        ]
        assert [len(server.waiting), stored(engine, "select note from job where id = 1")] == [1, [(None,)]]
        server.waiting.pop(0)()  # it is opened
        assert len(server.waiting) == 1
        while server.waiting:
            server.waiting.pop(0)()
            ada.settle()

        assert [len(resultOf(answer).tuples[0].note) for answer in answers] == [20_000, 5]
        assert stored(engine, "select note from job where id = 1") == [("short",)]

    def test_is_looked_into_in_a_thread_before_it_is_known_whether_it_may_be(
        self, server: ThreadedVortex, sessions: Sessions, twoJobs: None, ada: Client
    ) -> None:
        asked: list[str] = []

        def access(_peer: object, operation: str, _filt: object) -> bool:
            asked.append(operation)
            return False

        handler = OrmCrudHandler(sessions, Job, FILT, vortex=server, access=access)
        answer = ada.request(FILT, [job(id=1, title="dig", note="x" * 20_000)])
        assert (len(server.waiting), asked) == (1, [])
        server.waiting.pop(0)()
        ada.settle()

        with pytest.raises(RemoteError, match="you may not change"):
            resultOf(answer)
        assert asked == ["write"]
        assert server.waiting == []  # and none of its rows was made
        handler.shutdown()


class TestAReadThatNeverEnds:
    """The database hangs, say."""

    @pytest.fixture
    def server(self, clock: Clock) -> ThreadedVortex:
        return ThreadedVortex("server", reactor=clock, limits=Limits(watchTimeout=10))

    def test_is_an_error_for_who_asks_and_then_the_next_are_told(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, clock: Clock, ada: Client, bob: Client
    ) -> None:
        ada.request(ROW_1).addErrback(lambda _: None)
        hangs = server.waiting.pop()
        with capturedLogs():
            clock.advance(10)
            settle(clock)
        assert [each.result for each in ada.came] == [
            "timeout: nothing was made within the 10 seconds of watchTimeout"
        ]

        bob.request(FILT, [job(id=1, title="dug")])
        while server.waiting:
            server.waiting.pop()()
            settle(clock)
        hangs()
        settle(clock)

        assert [shown(tuples) for _, tuples in ada.pushed] == [[(1, "dug")]]

    def test_of_some_rows_has_all_of_them_read(
        self, server: ThreadedVortex, everything: OrmCrudHandler, clock: Clock, engine: Engine
    ) -> None:
        ada = Client(server, clock, "ada", key="jobs.all")
        ada.request({**EVERYTHING, "live": {}})
        server.waiting.pop()()
        settle(clock)
        fill(engine, "update job set title = 'dug' where id = 1")
        told = everything.sendModelUpdate(1)
        server.waiting.pop()
        with capturedLogs():
            clock.advance(10)
        server.waiting.pop()()
        settle(clock)

        assert resultOf(told) == 1
        assert [shown(tuples) for _, tuples in ada.pushed] == [[(1, "dug")]]


class TestARequestThatIsRefused:
    @pytest.fixture
    def server(self, clock: Clock) -> ThreadedVortex:
        return ThreadedVortex("server", reactor=clock)

    def test_is_answered_before_what_is_pushed(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        ada.request(ROW_1)
        server.waiting.pop()()
        ada.settle()
        ada.came.clear()
        bob.request(FILT, [job(id=1, title="of bob")])
        saving = server.waiting.pop()
        ada.request(FILT, [job(id=99, title="of ada")]).addErrback(lambda _: None)
        refusing = server.waiting.pop()
        saving()
        server.waiting.pop()()
        ada.settle()
        assert ada.came == []
        refusing()
        ada.settle()

        assert [(each.result or "")[:14] for each in ada.came] == ["unknown-record", ""]
        assert [shown(tuples) for _, tuples in ada.pushed] == [[(1, "of bob")]]
