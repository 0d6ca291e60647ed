"""Marks of actions in a database: what was done is known, whatever became of the server that did it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import MetaData, inspect
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

import vortex.routing.marks
from tests.orm.rows import Sessions, Worker, fill, stored
from tests.transports.native_client import NativeClient
from vortex import createActionMarks
from vortex.errors import DatabaseUnavailable, Rejected
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.orm import action_marks
from vortex.orm.action_marks import actionMarksTable, recordsActions
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

DIG = {"key": "dig"}
Work = Callable[[Session, Delivery], object]


class Site:
    """
    A server whose endpoint does some work in one transaction, and a client of it.

    Attributes:
        work: What it does; by default it records the action and adds a row.
        runs: How often it has begun.
    """

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self.work: Work = digs
        self.runs = 0
        self._sessions = sessions
        self._clock = clock
        self.limits = Limits()
        self.client: NativeClient
        self.start()

    def start(self) -> None:
        """Start the server, as one that knows nothing of what was before."""
        self.server = Vortex("server", reactor=self._clock, limits=self.limits)
        self._endpoint = PayloadEndpoint(DIG, self._dig, self.server)
        if not hasattr(self, "client"):
            self.client = NativeClient(self.server)
        self.client.server = self.server
        self.client.begin(next=2)

    def _dig(self, payload: Payload, delivery: Delivery) -> None:
        self.runs += 1
        session = self._sessions()
        with session:
            self.work(session, delivery)
            session.commit()
        delivery.reply()

    def send(self, action: int = 1, **more: Any) -> list[tuple[int, Any]]:
        """Send it; the answers to actions so far."""
        self.client.send(action, DIG, **more)
        return self.client.replies


def digs(session: Session, delivery: Delivery) -> None:
    delivery.recordIn(session)
    worker = Worker(name="dig")
    session.add(worker)
    session.flush()
    delivery.recordIn(session, Payload(None, [f"worker {worker.id}"], True))


@pytest.fixture
def made(engine: Engine) -> None:
    createActionMarks(engine)


@pytest.fixture
def site(made: None, sessions: Sessions, clock: Clock) -> Site:
    return Site(sessions, clock)


def workers(engine: Engine) -> int:
    ((count,),) = stored(engine, "select count(*) from worker")
    return cast("int", count)


def marks(engine: Engine) -> list[tuple[Any, ...]]:
    return stored(engine, "select epoch, action from vortex_action_marks order by epoch, action")


class TestAnActionThatIsRecorded:
    def test_takes_effect_once_though_the_server_was_started_anew(self, site: Site, engine: Engine) -> None:
        assert site.send() == [(1, True)]
        first = site.client.messages
        assert workers(engine) == 1

        site.start()
        assert site.send() == [(1, True)]

        assert site.client.messages == first
        assert site.runs == 2
        assert workers(engine) == 1
        assert marks(engine) == [(1, 1)]

    def test_is_answered_from_memory_from_then_on(self, site: Site, engine: Engine) -> None:
        site.send()
        site.start()
        site.send()
        site.client.begin(next=2)
        assert site.send() == [(1, True)]

        assert site.runs == 2

    def test_without_a_reply_was_done(self, site: Site, engine: Engine) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            delivery.recordIn(session)
            session.add(Worker(name="dig"))

        site.work = work
        assert site.send() == [(1, None)]
        site.start()

        assert site.send() == [(1, True)]
        assert workers(engine) == 1

    def test_and_then_fails_in_a_mistake_is_run_again(self, site: Site, engine: Engine) -> None:
        def fails(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            raise RuntimeError("a mistake")

        site.work = fails
        with capturedLogs():
            site.send()
        assert marks(engine) == []
        site.start()
        site.work = digs

        assert site.send() == [(1, True)]
        assert workers(engine) == 1

    def test_is_that_of_its_client_and_epoch(self, site: Site, engine: Engine) -> None:
        site.send()
        site.client.begin(epoch=2)
        site.send()
        bob = NativeClient(site.server, "the secret of bob")
        bob.begin()
        bob.send(1, DIG)

        assert workers(engine) == 3
        assert marks(engine) == [(1, 1), (1, 1), (2, 1)]

    def test_that_expects_no_answer_takes_effect_once_too(self, site: Site, engine: Engine) -> None:
        site.send(expectsAnswer=False)
        site.start()
        site.send(expectsAnswer=False)

        assert workers(engine) == 1
        assert site.client.others == [True]

    def test_whose_reply_is_too_large_is_done_and_its_answer_unknown(
        self, site: Site, engine: Engine
    ) -> None:
        site.limits = Limits(maxStoredReplyBytes=50)
        site.start()
        assert site.send() == [(1, True)]
        site.start()

        ((_, result),) = site.send()

        assert result.startswith("outcome-unknown: ")
        assert workers(engine) == 1

    def test_by_a_transaction_that_was_rolled_back_may_be_so_by_the_next(
        self, site: Site, engine: Engine
    ) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            session.rollback()
            digs(session, delivery)
            session.commit()

        site.work = work
        site.send()

        assert workers(engine) == 1
        assert marks(engine) == [(1, 1)]

    def test_within_a_savepoint_that_was_rolled_back_may_be_so_again(
        self, site: Site, engine: Engine
    ) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            savepoint = session.begin_nested()
            delivery.recordIn(session)
            savepoint.rollback()
            digs(session, delivery)

        site.work = work

        assert site.send() == [(1, True)]
        assert marks(engine) == [(1, 1)]

    def test_is_one_transaction_and_what_a_second_does_is_not_kept(self, site: Site, engine: Engine) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            session.commit()
            session.begin()
            session.add(Worker(name="sow"))
            delivery.recordIn(session)

        site.work = work

        assert site.send() == [(1, True)]
        assert stored(engine, "select name from worker") == [("dig",)]

    def test_may_be_so_in_a_scoped_session(self, made: None, engine: Engine, clock: Clock) -> None:
        scoped = scoped_session(sessionmaker(engine))
        site = Site(scoped, clock)
        site.work = lambda session, delivery: delivery.recordIn(scoped)

        site.send()

        assert marks(engine) == [(1, 1)]


class TestARefusal:
    @pytest.fixture(autouse=True)
    def _refuses(self, site: Site) -> None:
        site.work = self.refuses

    def refuses(self, session: Session, delivery: Delivery) -> None:
        digs(session, delivery)
        raise Rejected("it is too wet", code="too-wet")

    def test_is_recorded_and_stays_though_it_would_work_now(self, site: Site, engine: Engine) -> None:
        assert site.send() == [(1, "too-wet: it is too wet")]
        first = site.client.messages
        assert workers(engine) == 0
        site.start()
        site.work = digs

        assert site.send() == [(1, "too-wet: it is too wet")]
        assert site.client.messages == first
        assert workers(engine) == 0

    def test_before_anything_was_recorded_is_not(self, site: Site, engine: Engine) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            raise Rejected("it is too wet", code="too-wet")

        site.work = work
        site.send()
        site.start()
        site.work = digs

        assert site.send() == [(1, True)]

    def test_that_may_not_be_one_later_is_not_recorded(self, site: Site, engine: Engine) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            raise DatabaseUnavailable("try again")

        site.work = work
        assert site.send() == [(1, "database-unavailable: try again")]
        assert marks(engine) == []
        site.start()
        site.work = digs

        assert site.send() == [(1, True)]

    def test_that_comes_after_the_commit_is_answered_and_what_was_done_stands(
        self, site: Site, engine: Engine
    ) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            session.commit()
            raise Rejected("too late")

        site.work = work
        assert site.send() == [(1, "rejected: too late")]
        site.start()
        site.work = digs

        assert site.send() == [(1, True)]
        assert workers(engine) == 1

    def test_that_cannot_be_recorded_is_answered_all_the_same(self, site: Site, engine: Engine) -> None:
        def work(session: Session, delivery: Delivery) -> None:
            digs(session, delivery)
            session.rollback()
            fill(engine, "drop table vortex_action_marks")
            raise Rejected("it is too wet", code="too-wet")

        site.work = work
        with capturedLogs() as logs:
            assert site.send() == [(1, "too-wet: it is too wet")]

        assert any("could not be recorded" in event.get("log_format", "") for event in logs)


class TestWhatCannotBeRecorded:
    def test_is_told_to_who_has_made_no_table(self, sessions: Sessions, clock: Clock, engine: Engine) -> None:
        site = Site(sessions, clock)
        with capturedLogs() as logs:
            ((_, result),) = site.send()

        assert result.startswith("internal: ")
        assert any("vortex_action_marks" in str(event.get("log_failure")) for event in logs)
        assert workers(engine) == 0

    def test_is_told_to_who_has_no_database(
        self, site: Site, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vortex.routing.marks, "_used", [])
        with capturedLogs() as logs:
            site.send()

        assert any("call vortex.createActionMarks" in str(event.get("log_failure")) for event in logs)
        assert workers(engine) == 0

    def test_is_in_no_session(self, site: Site) -> None:
        site.work = lambda session, delivery: delivery.recordIn(session.connection())
        with capturedLogs() as logs:
            site.send()

        assert any("recordIn takes a sqlalchemy.orm.Session" in str(e.get("log_failure")) for e in logs)

    def test_is_another_kind_of_database(self) -> None:
        with pytest.raises(ValueError, match="SQLite or PostgreSQL, this database is mysql"):
            createActionMarks(cast("Engine", SimpleNamespace(dialect=mysql.dialect())))


class TestTheTable:
    def test_is_made_once(self, engine: Engine) -> None:
        assert recordsActions(engine) is False
        createActionMarks(engine)
        createActionMarks(engine)

        assert recordsActions(engine) is True
        assert recordsActions(engine.execution_options(logging_token="a token")) is True
        with engine.connect() as connection:
            assert recordsActions(connection) is True

    def test_may_be_one_of_the_applications_own(
        self, engine: Engine, sessions: Sessions, clock: Clock
    ) -> None:
        metadata = MetaData()
        table = actionMarksTable(metadata)
        assert actionMarksTable(metadata) is table
        metadata.create_all(engine)

        site = Site(sessions, clock)
        assert site.send() == [(1, True)]
        site.start()
        site.send()

        assert workers(engine) == 1

    def test_has_a_column_for_each_part_of_a_mark(self, engine: Engine) -> None:
        createActionMarks(engine)
        columns = inspect(engine).get_columns("vortex_action_marks")

        assert [column["name"] for column in columns] == ["client", "epoch", "action", "reply", "made"]


class TestOldMarks:
    def test_go_when_the_program_begins(self, site: Site, engine: Engine) -> None:
        site.send()
        site.send(2)
        old = datetime.now(UTC) - timedelta(days=7, seconds=1)
        fill(engine, f"update vortex_action_marks set made = '{old:%Y-%m-%d %H:%M:%S.%f}' where action = 1")

        createActionMarks(engine)

        assert marks(engine) == [(1, 2)]

    def test_are_as_old_as_the_program_says(self, site: Site, engine: Engine) -> None:
        site.send()
        old = datetime.now(UTC) - timedelta(seconds=100)
        fill(engine, f"update vortex_action_marks set made = '{old:%Y-%m-%d %H:%M:%S.%f}'")

        createActionMarks(engine, keep=110)
        assert marks(engine) == [(1, 1)]
        createActionMarks(engine, keep=90)
        assert marks(engine) == []

    @pytest.fixture
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(action_marks, "TIDY_EVERY", 0.0)

    @pytest.fixture
    def work(self, site: Site) -> None:
        site.work = lambda session, delivery: delivery.recordIn(session, ["done"])

    def test_that_their_client_is_done_with_go_with_a_later_one(
        self, soon: None, work: None, engine: Engine, sessions: Sessions, clock: Clock
    ) -> None:
        createActionMarks(engine)
        site = Site(sessions, clock)
        site.work = lambda session, delivery: delivery.recordIn(session, ["done"])
        for action in (1, 2, 3):
            site.send(action)
        assert marks(engine) == [(1, 1), (1, 2), (1, 3)]

        site.client.settle(2)
        site.send(4)

        assert marks(engine) == [(1, 3), (1, 4)]

    def test_stay_until_it_is_worth_it(self, site: Site, work: None, engine: Engine) -> None:
        site.send(1)
        site.client.settle(1)
        site.send(2)

        assert marks(engine) == [(1, 1), (1, 2)]

    def test_of_many_clients_go_at_once(
        self, site: Site, work: None, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(action_marks, "MAX_SETTLED", 1)
        for name in ("ada", "bob"):
            client = NativeClient(site.server, name)
            client.begin()
            client.send(1, DIG)
            client.settle(1)
            client.send(2, DIG)

        assert marks(engine) == [(1, 2), (1, 2)]

    def test_that_cannot_be_taken_out_are_no_trouble_to_anybody(
        self, soon: None, engine: Engine, sessions: Sessions, clock: Clock
    ) -> None:
        createActionMarks(engine)
        site = Site(sessions, clock)

        def work(session: Session, delivery: Delivery) -> None:
            delivery.recordIn(session, ["done"])
            session.commit()
            fill(engine, "drop table vortex_action_marks")

        site.work = work
        with capturedLogs() as logs:
            assert site.send() == [(1, None)]

        assert any("old marks" in event.get("log_format", "") for event in logs)
