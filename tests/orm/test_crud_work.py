"""What peers' requests do to a database: every answer is compared with what SQL finds there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.orm.rows import Job, Page, Person, Seat, Worker, fill, offTheWire, stored
from vortex.errors import DecodeError, NotWritable, StaleRecord, UnknownRecord
from vortex.orm.crud_work import CrudWork

Sessions = Callable[[], Session]
FILT = {"key": "jobs"}
TWO_JOBS = (
    "insert into job (id, title, note, done, secret) values (1, 'dig', 'deep', 0, 'x')",
    "insert into job (id, title, note, done, secret) values (2, 'sow', null, 1, 'y')",
)


@pytest.fixture
def jobs(sessions: Sessions) -> CrudWork:
    return CrudWork(sessions, [Job])


@pytest.fixture
def twoJobs(engine: Engine) -> None:
    fill(engine, *TWO_JOBS)


class TestALoad:
    @pytest.mark.usefixtures("twoJobs")
    def test_gives_the_row_with_that_key(self, jobs: CrudWork) -> None:
        (row,) = jobs.load((1,), FILT).tuples

        assert (row.id, row.title, row.note, row.done, row.secret) == (1, "dig", "deep", False, "x")

    def test_gives_nothing_where_there_is_no_such_row(self, jobs: CrudWork) -> None:
        assert jobs.load((1,), FILT).tuples == []

    @pytest.mark.usefixtures("twoJobs")
    def test_of_everything_is_in_the_order_of_the_keys(self, jobs: CrudWork, engine: Engine) -> None:
        fill(engine, "insert into job (id, title) values (-1, 'rest')")

        assert [row.id for row in jobs.load(None, FILT).tuples] == [-1, 1, 2]

    @pytest.mark.usefixtures("twoJobs")
    def test_gives_rows_that_need_no_session(self, jobs: CrudWork) -> None:
        (row,) = jobs.load((2,), FILT).tuples

        assert all(hasattr(row, name) for name in Job.__tupleFields__)
        assert row._sa_instance_state.detached


class TestARowWithMoreThanColumns:
    """One whose class has a collection that is joined to it, and a column that is not loaded by itself."""

    @pytest.fixture
    def workers(self, sessions: Sessions, engine: Engine) -> CrudWork:
        fill(engine, "insert into worker (id, name, cv) values (1, 'Ada', 'long'), (2, 'Bob', 'short')")
        fill(engine, "insert into job (title, worker_id) values ('dig', 1), ('sow', 1), ('mow', 2)")
        return CrudWork(sessions, [Worker])

    def test_is_loaded_to_the_last_column(self, workers: CrudWork) -> None:
        assert [(row.id, row.name, row.cv) for row in workers.load(None, FILT).tuples] == [
            (1, "Ada", "long"),
            (2, "Bob", "short"),
        ]
        assert [row.cv for row in workers.load((2,), FILT).tuples] == ["short"]

    def test_is_saved(self, workers: CrudWork, engine: Engine) -> None:
        tuples = [offTheWire(Worker, id=1, name="Cyd"), offTheWire(Worker, name="Dan", cv="none")]

        saved = workers.save(tuples, FILT).tuples

        assert [(row.id, row.name, row.cv) for row in saved] == [(1, "Cyd", "long"), (3, "Dan", "none")]
        assert stored(engine, "select name, cv from worker order by id") == [
            ("Cyd", "long"),
            ("Bob", "short"),
            ("Dan", "none"),
        ]


class TestANewOne:
    def test_has_the_defaults_that_are_plain_values(self, jobs: CrudWork) -> None:
        (row,) = jobs.blank(FILT).tuples

        assert (row.id, row.title, row.done, row.secret, row.made) == (None, None, False, "s3cret", None)

    def test_is_stored_nowhere(self, jobs: CrudWork, engine: Engine) -> None:
        jobs.blank(FILT)

        assert stored(engine, "select * from job") == []


class TestASaveOfSomethingNew:
    def test_stores_it_and_gives_what_the_database_made_of_it(self, jobs: CrudWork, engine: Engine) -> None:
        (row,) = jobs.save([offTheWire(Job, id=None, title="dig", note="deep")], FILT).tuples

        assert (row.id, row.title, row.note, row.done) == (1, "dig", "deep", False)
        assert (row.secret, row.made) == ("s3cret", "by the database")
        assert stored(engine, "select id, title, note, done, secret, made from job") == [
            (1, "dig", "deep", 0, "s3cret", "by the database")
        ]

    @pytest.mark.parametrize("given", [{}, {"id": None}, {"id": ""}])
    def test_is_what_has_no_key_null_or_an_empty_text(
        self, jobs: CrudWork, engine: Engine, given: dict[str, Any]
    ) -> None:
        fill(engine, *TWO_JOBS)

        (row,) = jobs.save([offTheWire(Job, title="new", **given)], FILT).tuples

        assert row.id == 3
        assert stored(engine, "select id, title from job order by id") == [(1, "dig"), (2, "sow"), (3, "new")]

    def test_keeps_the_order_of_several(self, jobs: CrudWork) -> None:
        saved = jobs.save([offTheWire(Job, title=title) for title in ("c", "a", "b")], FILT).tuples

        assert [(row.id, row.title) for row in saved] == [(1, "c"), (2, "a"), (3, "b")]

    def test_stores_all_or_none(self, jobs: CrudWork, engine: Engine) -> None:
        with pytest.raises(UnknownRecord):
            jobs.save([offTheWire(Job, title="a"), offTheWire(Job, id=7, title="b")], FILT)

        assert stored(engine, "select * from job") == []

    def test_stores_datetimes_as_utc(self, jobs: CrudWork, engine: Engine) -> None:
        due = {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+1000"}

        (row,) = jobs.save([offTheWire(Job, title="dig", due=due)], FILT).tuples

        assert stored(engine, "select due from job") == [("2024-02-29 03:14:15.123456",)]
        assert row.due == datetime(2024, 2, 29, 3, 14, 15, 123456)  # noqa: DTZ001

    def test_refuses_a_key_that_the_client_chose(self, jobs: CrudWork, engine: Engine) -> None:
        with pytest.raises(UnknownRecord, match=r"there is no ormtest\.Job with id 7"):
            jobs.save([offTheWire(Job, id=7, title="dig")], FILT)

        assert stored(engine, "select * from job") == []

    def test_takes_a_key_that_the_client_chose_where_it_may(self, sessions: Sessions, engine: Engine) -> None:
        work = CrudWork(sessions, [Job], writable=["id", "title"])

        (row,) = work.save([offTheWire(Job, id=7, title="dig")], FILT).tuples

        assert row.id == 7
        assert stored(engine, "select id, title from job") == [(7, "dig")]

    def test_takes_a_composite_key_where_the_client_may_choose(
        self, sessions: Sessions, engine: Engine
    ) -> None:
        work = CrudWork(sessions, [Seat], writable=["letter", "number", "taken"])

        work.save([offTheWire(Seat, letter="A", number=1, taken=True)], FILT)
        work.save([offTheWire(Seat, letter="A", number=1, taken=False)], FILT)

        assert stored(engine, "select letter, number, taken from seat") == [("A", 1, 0)]


@pytest.mark.usefixtures("twoJobs")
class TestASaveOfWhatIsThere:
    def test_touches_only_what_was_on_the_wire(self, jobs: CrudWork, engine: Engine) -> None:
        (row,) = jobs.save([offTheWire(Job, id=1, title="dig more")], FILT).tuples

        assert (row.title, row.note, row.secret) == ("dig more", "deep", "x")
        assert stored(engine, "select title, note, secret from job where id = 1") == [
            ("dig more", "deep", "x")
        ]

    def test_sets_null_where_the_wire_has_null(self, jobs: CrudWork, engine: Engine) -> None:
        jobs.save([offTheWire(Job, id=1, note=None)], FILT)

        assert stored(engine, "select title, note from job where id = 1") == [("dig", None)]

    def test_leaves_other_rows_alone(self, jobs: CrudWork, engine: Engine) -> None:
        jobs.save([offTheWire(Job, id=1, done=True, note="x")], FILT)

        assert stored(engine, "select id, title, note, done from job where id = 2") == [(2, "sow", None, 1)]

    def test_keeps_a_number_finer_than_the_wire_can_tell(self, jobs: CrudWork, engine: Engine) -> None:
        fill(engine, "update job set cost = '0.12345678901234567890' where id = 1")
        finer = jobs.load((1,), FILT).tuples[0].cost
        asTheWireHasIt = float(finer)

        jobs.save([offTheWire(Job, id=1, note="new", cost=asTheWireHasIt)], FILT)

        assert jobs.load((1,), FILT).tuples[0].cost == finer
        jobs.save([offTheWire(Job, id=1, cost=0.5)], FILT)
        assert jobs.load((1,), FILT).tuples[0].cost == Decimal("0.5")

    def test_answers_with_both_of_two_tuples_for_one_row(self, jobs: CrudWork, engine: Engine) -> None:
        tuples = [offTheWire(Job, id=1, note="first"), offTheWire(Job, id=1, title="last")]

        saved = jobs.save(tuples, FILT).tuples

        assert [(row.note, row.title) for row in saved] == [("first", "last")] * 2
        assert stored(engine, "select note, title from job where id = 1") == [("first", "last")]


class TestSeveralClasses:
    def test_are_saved_in_one_request(self, sessions: Sessions, engine: Engine) -> None:
        work = CrudWork(sessions, [Job, Worker])

        saved = work.save([offTheWire(Worker, name="Ada"), offTheWire(Job, title="dig")], FILT).tuples

        assert [type(row) for row in saved] == [Worker, Job]
        assert stored(engine, "select name from worker") == [("Ada",)]
        assert stored(engine, "select title from job") == [("dig",)]

    def test_are_deleted_in_one_request(self, sessions: Sessions, engine: Engine) -> None:
        fill(engine, *TWO_JOBS, "insert into worker (id, name) values (1, 'Ada')")
        work = CrudWork(sessions, [Job, Worker])

        work.delete([offTheWire(Worker, id=1), offTheWire(Job, id=2)], None, FILT)

        assert stored(engine, "select id from worker") == []
        assert stored(engine, "select id from job") == [(1,)]

    @pytest.mark.parametrize(
        ("stranger", "got"),
        [
            (lambda: offTheWire(Person, name="x"), "ormtest.Person"),
            (lambda: offTheWire(Worker, name="x"), "ormtest.Worker"),
            (lambda: 5, "5"),
            (lambda: None, "None"),
        ],
    )
    def test_refuse_a_tuple_of_another(
        self, jobs: CrudWork, engine: Engine, stranger: Callable[[], Any], got: str
    ) -> None:
        with pytest.raises(DecodeError) as caught:
            jobs.save([offTheWire(Job, title="dig"), stranger()], FILT)

        assert caught.value.path == "tuples[1]"
        assert caught.value.problem.startswith("expected ormtest.Job, got")
        assert got in caught.value.problem
        assert stored(engine, "select * from job") == []


@pytest.mark.usefixtures("twoJobs")
class TestWritable:
    def test_refuses_a_field_that_is_not_and_changes_nothing(
        self, sessions: Sessions, engine: Engine
    ) -> None:
        work = CrudWork(sessions, [Job], writable=["title"])

        with pytest.raises(NotWritable, match=r"secret of ormtest\.Job"):
            work.save([offTheWire(Job, id=2, title="x"), offTheWire(Job, id=1, secret="mine")], FILT)

        assert stored(engine, "select title, secret from job order by id") == [("dig", "x"), ("sow", "y")]

    def test_lets_a_whole_row_come_back_as_it_was(self, sessions: Sessions, engine: Engine) -> None:
        fill(engine, "update job set cost = '0.12345678901234567890', due = '2024-02-29 03:00:00.000000'")
        work = CrudWork(sessions, [Job], writable=["title"])
        before = stored(engine, "select note, done, secret, made, due, cost from job where id = 1")

        work.save(
            [
                offTheWire(
                    Job,
                    id=1,
                    title="new",
                    note="deep",
                    done=False,
                    secret="x",
                    made="by the database",
                    due={"_ft": "datetime", "_fd": "2024-02-29 13:00:00.000000+1000"},
                    cost=0.12345678901234568,
                    workerId=None,
                )
            ],
            FILT,
        )

        assert stored(engine, "select title from job where id = 1") == [("new",)]
        assert stored(engine, "select note, done, secret, made, due, cost from job where id = 1") == before

    def test_refuses_null_for_what_is_not(self, sessions: Sessions) -> None:
        with pytest.raises(NotWritable, match="secret"):
            CrudWork(sessions, [Job], writable=["title"]).save([offTheWire(Job, id=1, secret=None)], FILT)

    def test_of_a_new_row_lets_null_and_the_default_pass(self, sessions: Sessions, engine: Engine) -> None:
        work = CrudWork(sessions, [Job], writable=["title"])

        work.save([offTheWire(Job, title="a", secret=None, note=None)], FILT)
        work.save([offTheWire(Job, title="b", secret="s3cret", done=False)], FILT)

        with pytest.raises(NotWritable, match="secret"):
            work.save([offTheWire(Job, title="c", secret="mine")], FILT)
        rows = stored(engine, "select title, secret from job where id > 2 order by id")
        assert rows == [("a", "s3cret"), ("b", "s3cret")]

    def test_may_be_nothing_at_all(self, sessions: Sessions) -> None:
        with pytest.raises(NotWritable, match="title"):
            CrudWork(sessions, [Job], writable=[]).save([offTheWire(Job, id=1, title="x")], FILT)

    def test_names_the_columns_as_the_class_does(self, sessions: Sessions, engine: Engine) -> None:
        fill(engine, "insert into worker (id) values (3)")

        CrudWork(sessions, [Job], writable=["workerId"]).save([offTheWire(Job, id=1, workerId=3)], FILT)

        assert stored(engine, "select worker_id from job where id = 1") == [(3,)]

    def test_refuses_names_that_are_no_columns(self, sessions: Sessions) -> None:
        with pytest.raises(ValueError, match=r"writable names titel, but the columns are cost, done"):
            CrudWork(sessions, [Job], writable=["titel"])
        with pytest.raises(TypeError, match="collection"):
            CrudWork(sessions, [Job], writable="title")


@pytest.mark.usefixtures("twoJobs")
class TestADelete:
    def test_of_a_key_deletes_that_row(self, jobs: CrudWork, engine: Engine) -> None:
        assert jobs.delete([], (1,), FILT).tuples == []

        assert stored(engine, "select id from job") == [(2,)]

    def test_of_tuples_deletes_the_rows_with_their_keys(self, jobs: CrudWork, engine: Engine) -> None:
        assert jobs.delete([offTheWire(Job, id=1), offTheWire(Job, id=2)], (99,), FILT).tuples == []

        assert stored(engine, "select id from job") == []

    def test_gives_what_is_left_where_everything_is_retrieved(self, sessions: Sessions) -> None:
        left = CrudWork(sessions, [Job], retrieveAll=True).delete([], (1,), FILT).tuples

        assert [(row.id, row.title) for row in left] == [(2, "sow")]

    def test_of_a_missing_row_deletes_nothing(self, jobs: CrudWork, engine: Engine) -> None:
        with pytest.raises(UnknownRecord, match="id 9"):
            jobs.delete([offTheWire(Job, id=1), offTheWire(Job, id=9)], None, FILT)
        with pytest.raises(UnknownRecord, match="id 9"):
            jobs.delete([], (9,), FILT)

        assert stored(engine, "select id from job") == [(1,), (2,)]

    def test_needs_a_key(self, jobs: CrudWork) -> None:
        with pytest.raises(DecodeError, match="a delete needs an id in its filt, or tuples"):
            jobs.delete([], None, FILT)
        with pytest.raises(DecodeError, match=r"expected id to delete by, got none - at tuples\[0\]"):
            jobs.delete([offTheWire(Job, title="dig")], None, FILT)

    def test_of_a_composite_key(self, sessions: Sessions, engine: Engine) -> None:
        fill(engine, "insert into seat values ('A', 1, 0), ('A', 2, 0), ('B', 1, 0)")

        CrudWork(sessions, [Seat]).delete([offTheWire(Seat, letter="A", number=2)], None, FILT)

        assert stored(engine, "select letter, number from seat order by 1, 2") == [("A", 1), ("B", 1)]


class TestVersions:
    @pytest.fixture
    def pages(self, sessions: Sessions, engine: Engine) -> CrudWork:
        fill(engine, "insert into page (id, body, version) values (1, 'old', 5)")
        return CrudWork(sessions, [Page])

    def test_go_up_with_every_save(self, pages: CrudWork, engine: Engine) -> None:
        (row,) = pages.save([offTheWire(Page, id=1, body="new", version=5)], FILT).tuples

        assert row.version == 6
        assert stored(engine, "select body, version from page") == [("new", 6)]

    def test_that_are_not_the_rows_are_stale(self, pages: CrudWork, engine: Engine) -> None:
        with pytest.raises(StaleRecord):
            pages.save([offTheWire(Page, id=1, body="new", version=4)], FILT)
        with pytest.raises(StaleRecord):
            pages.delete([offTheWire(Page, id=1, version=4)], None, FILT)

        assert stored(engine, "select body, version from page") == [("old", 5)]

    @pytest.mark.parametrize("version", [{}, {"version": None}])
    def test_are_not_asked_of_a_client_that_does_not_know_them(
        self, pages: CrudWork, engine: Engine, version: dict[str, Any]
    ) -> None:
        pages.save([offTheWire(Page, id=1, body="new", **version)], FILT)

        assert stored(engine, "select body, version from page") == [("new", 6)]

    def test_of_a_new_row_are_the_databases_business(self, pages: CrudWork, engine: Engine) -> None:
        pages.save([offTheWire(Page, body="another", version=77)], FILT)

        assert stored(engine, "select body, version from page where id = 2") == [("another", 1)]


class TestSessions:
    def test_are_closed_whatever_happens(self, engine: Engine) -> None:
        made: list[Session] = []

        def factory() -> Session:
            made.append(Session(engine))
            return made[-1]

        work = CrudWork(factory, [Job])
        work.load((1,), FILT)
        work.save([offTheWire(Job, title="dig")], FILT)
        with pytest.raises(UnknownRecord):
            work.delete([], (9,), FILT)

        assert len(made) == 3
        assert not any(session.in_transaction() or session.identity_map for session in made)

    def test_may_come_from_a_scoped_session_which_is_left_empty(self, engine: Engine) -> None:
        factory = scoped_session(sessionmaker(engine))

        CrudWork(factory, [Job]).save([offTheWire(Job, title="dig")], FILT)

        assert not factory.registry.has()
        assert stored(engine, "select title from job") == [("dig",)]

    def test_may_want_to_be_begun(self, engine: Engine) -> None:
        CrudWork(sessionmaker(engine, autobegin=False), [Job]).save([offTheWire(Job, title="dig")], FILT)

        assert stored(engine, "select title from job") == [("dig",)]

    def test_may_expire_what_they_commit(self, engine: Engine) -> None:
        factory = sessionmaker(engine, expire_on_commit=True)

        (row,) = CrudWork(factory, [Job]).save([offTheWire(Job, title="dig")], FILT).tuples

        assert (row.id, row.made) == (1, "by the database")

    def test_are_needed(self) -> None:
        with pytest.raises(TypeError, match=r"should give a sqlalchemy\.orm\.Session, it gave 5"):
            CrudWork(lambda: 5, [Job]).load((1,), FILT)
        with pytest.raises(TypeError, match="sessionFactory should be a sessionmaker"):
            CrudWork("sqlite://", [Job])  # type: ignore[arg-type]


class TestClasses:
    def test_are_tuples_that_are_mapped(self, sessions: Sessions) -> None:
        with pytest.raises(TypeError, match=r"@addTupleType class Job\(Tuple, Base\)"):
            CrudWork(sessions, [Person])
        with pytest.raises(ValueError, match="at least one"):
            CrudWork(sessions, [])
