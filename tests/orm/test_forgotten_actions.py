"""Actions that the server has forgotten: where a mark of one is in the database, its outcome is known."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.orm.rows import FILT, Sessions, Worker, fill, stored
from tests.orm.test_action_marks import DIG, Site, workers
from tests.orm.test_orm_crud_actions import NEW, rowsOf
from tests.transports.native_client import NativeClient
from vortex import createActionMarks
from vortex.errors import Rejected
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

OTHER = {"key": "other"}


@pytest.fixture
def site(engine: Engine, sessions: Sessions, clock: Clock) -> Site:
    createActionMarks(engine)
    site = Site(sessions, clock)
    site.limits = Limits(maxStoredReplies=1, clientMemory=10)
    site.start()
    return site


def forget(site: Site, upTo: int = 3) -> None:
    """Have more answers kept than are remembered."""
    for number in range(2, upTo + 1):
        site.client.send(number, OTHER, expectsAnswer=True)


class Threads:
    """What *server* would do in threads waits in `waiting`."""

    def __init__(self, server: Vortex) -> None:
        self.waiting: list[Any] = []
        server.runInThread = self.run  # type: ignore[method-assign]

    def run(self, function: Any, *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append(lambda: maybeDeferred(function, *arguments).chainDeferred(done))
        return done

    def work(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def other(site: Site) -> PayloadEndpoint:
    """What answers, and records nothing."""
    return PayloadEndpoint(OTHER, lambda _, delivery: delivery.reply(result=True), site.server)


class TestAnActionThatIsForgotten:
    def test_for_want_of_room_is_answered_as_it_was(
        self, site: Site, engine: Engine, other: PayloadEndpoint
    ) -> None:
        site.send(1)
        first = site.client.messages
        forget(site)
        assert site.server.counters["repliesForgotten"] == 2
        site.client.begin(next=4)

        assert site.send(1) == [(1, True)]

        assert site.client.messages == first
        assert workers(engine) == 1

    def test_with_its_client_is_answered_as_it_was(self, site: Site, engine: Engine, clock: Clock) -> None:
        site.send(1)
        first = site.client.messages
        site.client.leave()
        clock.advance(11)
        site.client.begin(next=2)

        assert site.send(1) == [(1, True)]

        assert site.client.messages == first
        assert workers(engine) == 1

    def test_and_was_refused_is_refused(self, site: Site, engine: Engine, other: PayloadEndpoint) -> None:
        def refuses(session: Session, delivery: Delivery) -> None:
            delivery.recordIn(session)
            raise Rejected("it is too wet")

        def digs(session: Session, delivery: Delivery) -> None:
            delivery.recordIn(session)
            session.add(Worker(name="dig"))

        site.work = refuses
        site.send(1)
        site.work = digs  # today it would work
        forget(site)
        site.client.begin(next=4)

        assert site.send(1) == [(1, "rejected: it is too wet")]
        assert workers(engine) == 0

    def test_is_remembered_from_then_on(self, site: Site, other: PayloadEndpoint) -> None:
        site.send(1)
        forget(site)
        site.send(1)
        runs = site.runs
        site.client.begin(next=4)

        assert site.send(1) == [(1, True)]
        assert site.runs == runs == 2

    def test_and_recorded_nothing_has_an_unknown_outcome(self, site: Site, other: PayloadEndpoint) -> None:
        def sells(session: Session, delivery: Delivery) -> None:
            session.add(Worker(name="eve"))

        site.work = sells
        site.send(1)
        forget(site)
        site.client.begin(next=4)

        (answer,) = site.send(1)

        assert answer[1].startswith("outcome-unknown: action 1 ")
        assert site.runs == 1

    def test_and_is_for_several_has_an_unknown_outcome(self, site: Site, other: PayloadEndpoint) -> None:
        effects: list[str] = []
        tally = PayloadEndpoint(DIG, lambda *_: effects.append("once"), site.server)
        site.send(1)
        forget(site)
        site.client.begin(next=4)

        (answer,) = site.send(1)

        assert answer[1].startswith("outcome-unknown: ")
        assert effects == ["once"]
        assert tally.isLive

    def test_that_the_client_is_done_with_is_not_looked_for(
        self, site: Site, engine: Engine, other: PayloadEndpoint
    ) -> None:
        site.send(1)
        site.client.settle(1)
        asked: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))

        assert site.send(1)[-1][1].startswith("outcome-unknown: ")
        assert asked == []

    def test_by_another_client_is_not_ones_own(self, site: Site, engine: Engine, clock: Clock) -> None:
        site.send(1)
        bob = NativeClient(site.server, "the secret of bob")
        bob.begin(next=1)
        bob.send(1, DIG)
        bob.leave()
        clock.advance(11)
        fill(
            engine,
            "delete from vortex_action_marks where client = (select max(client) from vortex_action_marks)",
        )
        ((owner,),) = stored(engine, "select client from vortex_action_marks")

        results = []
        for client in (site.client, bob):
            client.begin(next=2)
            client.send(1, DIG)
            results.append(client.replies[0][1])

        assert sorted(str(result).split(":")[0] for result in results) == ["True", "outcome-unknown"]
        assert owner
        assert workers(engine) == 2


class TestTheDatabase:
    def test_is_asked_in_a_thread(self, site: Site, other: PayloadEndpoint) -> None:
        site.send(1)
        forget(site)
        threads = Threads(site.server)
        site.client.begin(next=4)

        assert site.send(1) == []
        assert len(threads.waiting) == 1
        threads.work()

        assert site.client.replies == [(1, True)]

    def test_is_asked_once_though_the_action_comes_again_meanwhile(
        self, site: Site, other: PayloadEndpoint
    ) -> None:
        site.send(1)
        forget(site)
        threads = Threads(site.server)
        site.client.begin(next=4)
        site.send(1)
        site.client.begin(next=4)
        site.send(1)
        assert len(threads.waiting) == 1

        threads.work()

        assert site.client.replies == [(1, True)]  # where it was asked last
        assert site.runs == 2

    def test_is_not_waited_for_by_who_has_cancelled(self, site: Site, other: PayloadEndpoint) -> None:
        site.send(1)
        forget(site)
        threads = Threads(site.server)
        site.client.begin(next=4)
        site.send(1)
        site.client.cancel(1)

        threads.work()

        assert site.client.replies == []
        assert site.runs == 1

    def test_that_cannot_be_asked_leaves_it_open(
        self, site: Site, engine: Engine, other: PayloadEndpoint
    ) -> None:
        site.send(1)
        forget(site)
        site.client.begin(next=4)
        fill(engine, "alter table vortex_action_marks rename to elsewhere")
        with capturedLogs() as logged:
            (answer,) = site.send(1)
        assert answer[1].startswith("database-unavailable: ")
        assert [entry["log_failure"].value for entry in logged if "log_failure" in entry]
        assert site.runs == 1

        fill(engine, "alter table elsewhere rename to vortex_action_marks")

        assert site.send(1)[1:] == [(1, True)]

    def test_is_none_that_is_not_in_use_any_more(
        self, site: Site, engine: Engine, other: PayloadEndpoint
    ) -> None:
        site.send(1)
        forget(site)
        site.client.begin(next=4)
        engine.dispose()

        assert site.send(1)[0][1].startswith("outcome-unknown: ")


class TestASave:
    def test_that_is_forgotten_is_answered_with_the_rows_as_they_are_now(
        self, engine: Engine, sessions: Sessions, clock: Clock
    ) -> None:
        createActionMarks(engine)
        server = Vortex("server", reactor=clock, limits=Limits(clientMemory=10))
        handler = OrmCrudHandler(sessions, Worker, FILT, vortex=server)
        client = NativeClient(server)
        client.begin()
        client.send(1, FILT, [NEW])
        fill(engine, "update worker set name = 'eva'")
        client.leave()
        clock.advance(11)
        client.begin(next=2)

        client.send(1, FILT, [NEW])

        (answer,) = client.answers
        assert answer.json["r"] is True
        assert [(row["id"], row["name"]) for row in rowsOf(answer.body)] == [(1, "eva")]
        assert stored(engine, "select id, name from worker") == [(1, "eva")]
        handler.shutdown()
