"""Actions that are carried out with a session: in one transaction, recorded in it, once."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.internet.task import Clock

from tests.handlers.action_scene import FILT, Rename, asked
from tests.orm.rows import Job, Sessions, Worker, fill, stored
from tests.routing.peers import FakePeer, came
from tests.transports.native_client import NativeClient
from vortex import Rejected, TupleActionProcessor, createActionMarks
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery

DIG = ("actiontest.Rename", {"uuid": "u-1", "title": "dig"})


class Site:
    """A server that keeps jobs by actions, and a native client of it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self.runs = 0
        self.told: list[Any] = []
        self.refusal: Exception | None = None
        self._sessions = sessions
        self._clock = clock
        self.start()

    def start(self) -> None:
        """Start the server, as one that knows nothing of what was before."""
        self.server = Vortex("server", reactor=self._clock)
        self.acts = TupleActionProcessor("acts", self.server)
        self.acts.setDelegate(Rename, self._add, session=self._sessions, then=self._then)
        if not hasattr(self, "client"):
            self.client = NativeClient(self.server)
        self.client.server = self.server
        self.client.begin(next=2)

    def _add(self, action: Rename, session: Session, delivery: Delivery) -> Any:
        self.runs += 1
        job = Job(title=action.title or "", note=delivery.peer.name)
        session.add(job)
        if self.refusal is not None:
            session.flush()
            raise self.refusal
        return job

    def _then(self, action: Rename, tuples: list[Job]) -> None:
        with self._sessions() as session:
            rows = session.scalars(select(Job.title)).all()
        self.told.append((action.title, [job.id for job in tuples], rows))

    def send(self, action: int = 1, tuple_: Any = DIG) -> Any:
        """Send it; the results of the answers so far."""
        self.client.send(action, FILT, [tuple_])
        return self.client.replies


@pytest.fixture
def site(engine: Engine, sessions: Sessions, clock: Clock) -> Site:
    createActionMarks(engine)
    return Site(sessions, clock)


def jobs(engine: Engine) -> list[tuple[Any, ...]]:
    return stored(engine, "select title, note from job order by id")


def marks(engine: Engine) -> list[tuple[Any, ...]]:
    return stored(engine, "select epoch, action from vortex_action_marks order by action")


class TestAnActionWithASession:
    def test_is_committed_and_answered_with_the_row(self, site: Site, engine: Engine) -> None:
        assert site.send() == [(1, None)]

        (group,) = site.client.answers[0].body
        fields = dict(zip(group["f"], group["r"][0], strict=True))
        assert group["t"] == "ormtest.Job"
        assert (fields["id"], fields["title"], fields["made"]) == (1, "dig", "by the database")
        assert jobs(engine) == [("dig", "ada")]

    def test_is_told_of_when_it_is_committed(self, site: Site) -> None:
        site.send()

        assert site.told == [("dig", [1], ["dig"])]

    def test_is_recorded_in_the_same_transaction(
        self, site: Site, engine: Engine, statements: list[str]
    ) -> None:
        site.send()

        assert statements.count("COMMIT") == 1
        before = statements[: statements.index("COMMIT")]
        assert before[0] == "INSERT"  # the mark, before anything else
        assert before[-1] == "UPDATE"  # the answer in it
        assert marks(engine) == [(1, 1)]

    def test_takes_effect_once_though_the_server_was_started_anew(self, site: Site, engine: Engine) -> None:
        site.send()
        first = site.client.answers[0].body

        site.start()

        assert site.send() == [(1, None)]
        assert site.client.answers[0].body == first
        assert jobs(engine) == [("dig", "ada")]
        assert site.runs == 1

    def test_that_is_refused_leaves_nothing_and_stays_refused(self, site: Site, engine: Engine) -> None:
        site.refusal = Rejected("it is raining", code="bad-weather")
        assert site.send() == [(1, "bad-weather: it is raining")]
        assert (jobs(engine), site.told) == ([], [])
        site.refusal = None

        site.start()

        assert site.send() == [(1, "bad-weather: it is raining")]
        assert jobs(engine) == []

    def test_that_crashes_leaves_nothing_and_may_be_tried_again(self, site: Site, engine: Engine) -> None:
        site.refusal = ValueError("a mistake")
        ((_, result),) = site.send()
        assert result.startswith("internal: ")
        assert (jobs(engine), marks(engine)) == ([], [])
        site.refusal = None

        assert site.send()[1:] == [(1, None)]

        assert jobs(engine) == [("dig", "ada")]

    def test_is_refused_in_words_where_the_database_refuses_it(self, site: Site, engine: Engine) -> None:
        fill(engine, "insert into job (id, title) values (1, 'dig')")

        ((_, result),) = site.send()

        assert result.startswith("constraint-violation: ")
        assert "INSERT" not in result
        assert marks(engine) == [(1, 1)]

    def test_whose_answer_cannot_travel_leaves_nothing(
        self, site: Site, engine: Engine, sessions: Sessions
    ) -> None:
        def add(action: Rename, session: Session) -> Any:
            session.add(Job(title="dig", note=None))
            return [object()]

        site.acts.setDelegate(Rename, add, session=sessions)

        ((_, result),) = site.send()

        assert result.startswith("cannot-encode: ")
        assert jobs(engine) == []

    def test_closes_its_session(self, site: Site, engine: Engine, sessions: Sessions) -> None:
        open_: list[int] = []
        event.listen(engine, "checkout", lambda *_: open_.append(1))
        event.listen(engine, "checkin", lambda *_: open_.append(-1))
        site.acts.setDelegate(Rename, lambda action, session: [], session=sessions)

        site.send()
        site.send(2, ("actiontest.Rename", {"uuid": "u-2"}))

        assert sum(open_) == 0

    def test_of_vortexpys_is_not_recorded_and_known_by_its_uuid(self, site: Site, engine: Engine) -> None:
        peer = FakePeer("old")
        for messageId in ("m1", "m2"):
            site.server.payloadIO.route(came(*asked("u-1", messageId=messageId, title="dig")), peer)

        first, second = (message["payload"]["tuples"] for message in peer.sent)
        assert (first[0]["title"], first[0]["id"]) == ("dig", {"_ft": "int", "_fd": 1})
        assert second[0]["id"] in (1, {"_ft": "int", "_fd": 1})
        assert (jobs(engine), marks(engine)) == ([("dig", "old")], [])


class TestAnActionThatAnotherClientBringsAgain:
    """As a middle node does that was killed: another client, another number, the same uuid."""

    uuid = "5e0d4a6e-6f2f-4a0c-9b6e-1d2b8f1f7c11"
    dig = ("actiontest.Rename", {"uuid": uuid, "title": "dig"})

    def again(self, site: Site) -> NativeClient:
        other = NativeClient(site.server, "another's secret")
        other.begin()
        other.send(1, FILT, [self.dig])
        return other

    @pytest.mark.parametrize("isStartedAnew", [False, True])
    def test_takes_effect_once_and_is_answered_as_it_was(
        self, site: Site, engine: Engine, isStartedAnew: bool
    ) -> None:
        site.send(1, self.dig)
        first = site.client.answers[0].body
        if isStartedAnew:
            site.start()

        other = self.again(site)

        assert other.replies == [(1, None)]
        assert other.answers[0].body == first
        assert (jobs(engine), site.runs) == ([("dig", "ada")], 1)

    def test_is_told_if_its_answer_was_too_long_to_be_kept(
        self, site: Site, engine: Engine, sessions: Sessions
    ) -> None:
        def add(action: Rename, session: Session) -> Any:
            session.add(Job(title="dig", note=None))
            return [Random(1).randbytes(100_000).hex()]

        site.acts.setDelegate(Rename, add, session=sessions)
        site.send(1, self.dig)

        ((_, result),) = self.again(site).replies

        assert result == "outcome-unknown: it was done, and the answer was too large to be kept"
        assert jobs(engine) == [("dig", None)]

    def test_that_was_refused_may_be_tried_again(self, site: Site, engine: Engine) -> None:
        site.refusal = Rejected("it is raining", code="bad-weather")
        site.send(1, self.dig)
        site.refusal = None

        assert self.again(site).replies == [(1, None)]
        assert jobs(engine) == [("dig", "ada")]

    def test_is_anothers_where_the_server_knows_who_they_are(self, site: Site, engine: Engine) -> None:
        for identity in ("ada", "bob"):
            peer = FakePeer(identity, identity=identity)
            site.server.payloadIO.route(came(*asked(self.uuid, messageId="m", title=identity)), peer)

        assert jobs(engine) == [("ada", "ada"), ("bob", "bob")]

    def test_is_known_for_an_hour(self, site: Site, engine: Engine) -> None:
        site.send(1, self.dig)
        fill(engine, "update vortex_action_marks set made = datetime('now', '-50 minutes')")
        createActionMarks(engine)
        assert marks(engine) == [(0, 0), (1, 1)]

        fill(engine, "update vortex_action_marks set made = datetime('now', '-70 minutes')")
        createActionMarks(engine)

        assert marks(engine) == [(1, 1)]


class TestWithoutATableForMarks:
    def test_is_carried_out_all_the_same(self, engine: Engine, sessions: Sessions, clock: Clock) -> None:
        site = Site(sessions, clock)

        assert site.send() == [(1, None)]

        (group,) = site.client.answers[0].body
        fields = dict(zip(group["f"], group["r"][0], strict=True))
        assert (fields["id"], fields["made"]) == (1, "by the database")
        assert jobs(engine) == [("dig", "ada")]

    def test_rows_that_were_not_loaded_whole_are(
        self, engine: Engine, sessions: Sessions, clock: Clock
    ) -> None:
        fill(engine, "insert into worker (id, name, cv) values (1, 'ada', 'long')")
        site = Site(sessions, clock)
        site.acts.setDelegate(
            Rename, lambda action, session: session.scalars(select(Worker)).unique().all(), session=sessions
        )

        assert site.send() == [(1, None)]

        (group,) = site.client.answers[0].body
        assert dict(zip(group["f"], group["r"][0], strict=True))["cv"] == "long"
