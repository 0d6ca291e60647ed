"""What a peer learns of a database's errors: a real one's, searched for what must not be in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, exc
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from tests.orm.rows import CHECK, Job, Page, Worker, fill, inFile, offTheWire, stored
from vortex.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    DecodeError,
    StaleRecord,
    VortexError,
    errorText,
)
from vortex.orm.crud_work import CrudWork
from vortex.orm.database_errors import asVortexError

Sessions = Callable[[], Session]
FILT = {"key": "jobs"}
NEVER = (
    "insert",
    "update job",
    "select",
    "sqlite",
    "sqlalche.me",
    "traceback",
    ".py",
    "constraint failed",
    CHECK,
)


REFERENCE = "constraint-violation: it refers to a record that is not there, or is still referred to itself"


@pytest.fixture
def jobs(sessions: Sessions, engine: Engine) -> CrudWork:
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
    return CrudWork(sessions, [Job, Worker])


def refused(kind: type[VortexError], work: Callable[[], Any]) -> str:
    """The text that a peer gets for what *work* raises, which holds nothing that it must not."""
    with pytest.raises(kind) as caught:
        work()
    text = errorText(caught.value)
    assert not [word for word in NEVER if word.lower() in text.lower()], text
    assert caught.value.__cause__ is not None  # what it was is for the log
    return text


class TestAConstraint:
    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"title": "dig"}, "constraint-violation: another record has the same title"),
            ({"note": "no title"}, "constraint-violation: title must not be null"),
            ({"id": 1, "title": None}, "constraint-violation: title must not be null"),
            (
                {"title": "x", "workerId": 99},
                REFERENCE,
            ),
            (
                {"title": "x", "cost": -1.0},
                "constraint-violation: the database has a rule that the record does not keep",
            ),
        ],
    )
    def test_is_told_with_the_field_and_undoes_everything(
        self, jobs: CrudWork, engine: Engine, fields: dict[str, Any], text: str
    ) -> None:
        tuples = [offTheWire(Job, title="good"), offTheWire(Job, **fields)]

        assert refused(ConstraintViolation, lambda: jobs.save(tuples, FILT)) == text

        assert stored(engine, "select id, title from job") == [(1, "dig"), (2, "sow")]

    def test_that_keeps_a_row_is_told(self, jobs: CrudWork, engine: Engine) -> None:
        fill(engine, "insert into worker (id) values (1)", "update job set worker_id = 1 where id = 1")

        text = refused(ConstraintViolation, lambda: jobs.delete([offTheWire(Worker, id=1)], None, FILT))

        assert text.endswith("is still referred to itself")
        assert stored(engine, "select id from worker") == [(1,)]

    def test_on_a_column_that_is_not_mapped_is_not_named(self, jobs: CrudWork, engine: Engine) -> None:
        fill(
            engine,
            "create table private (word text unique)",
            "create trigger t after insert on job begin insert into private values ('x'); end",
        )
        jobs.save([offTheWire(Job, title="first")], FILT)

        text = refused(ConstraintViolation, lambda: jobs.save([offTheWire(Job, title="second")], FILT))

        assert text == "constraint-violation: another record has the same value where each needs its own"


class TestAValueThatDoesNotFit:
    @pytest.mark.parametrize(
        "fields",
        [
            {"title": "\ud800"},
            {"title": "x", "workerId": 1 << 70},
            {"id": 1 << 70, "title": "x"},
        ],
    )
    def test_is_a_bad_payload(self, jobs: CrudWork, engine: Engine, fields: dict[str, Any]) -> None:
        text = refused(DecodeError, lambda: jobs.save([offTheWire(Job, **fields)], FILT))

        assert text == "bad-payload: the database cannot hold one of the values: it does not fit its column"
        assert stored(engine, "select id from job") == [(1,), (2,)]

    def test_is_told_where_the_driver_has_no_form_for_it(self) -> None:
        for word in (sqlite3.InterfaceError, sqlite3.ProgrammingError):
            orig = word("Error binding parameter 1: type 'complex' is not supported")
            orig.__class__.__module__ = "sqlite3"
            error = exc.DBAPIError.instance("select ?", (1j,), orig, sqlite3.Error)
            assert isinstance(asVortexError(error, {}), DecodeError)


class TestAStaleRow:
    def test_is_told_when_another_was_faster(self, tmp_path: Path) -> None:
        engine = inFile(tmp_path / "pages.sqlite")
        fill(engine, "insert into page (id, body, version) values (1, 'old', 1)")
        other = create_engine(engine.url)
        factory = sessionmaker(engine)
        work = CrudWork(factory, [Page])

        @event.listens_for(factory, "before_flush")
        def overtake(session: Session, *_: Any) -> None:
            session.connection().exec_driver_sql("update page set body = 'mine', version = 2")

        text = refused(StaleRecord, lambda: work.save([offTheWire(Page, id=1, body="new")], FILT))

        assert text == "stale-record: somebody else has changed the record meanwhile: load it again"
        assert stored(engine, "select body, version from page") == [("old", 1)]
        for each in (engine, other):
            each.dispose()


class TestADatabaseThatIsAway:
    def test_is_told_when_it_is_locked(self, tmp_path: Path) -> None:
        engine = inFile(tmp_path / "jobs.sqlite")
        impatient = create_engine(engine.url, connect_args={"timeout": 0})
        work = CrudWork(sessionmaker(impatient), [Job])

        with engine.begin() as holder:
            holder.exec_driver_sql("insert into job (title) values ('held')")
            text = refused(DatabaseUnavailable, lambda: work.save([offTheWire(Job, title="dig")], FILT))

        assert text == "database-unavailable: the database cannot do this at the moment: try again"
        work.save([offTheWire(Job, title="dig")], FILT)
        assert stored(engine, "select title from job order by id") == [("held",), ("dig",)]
        for each in (engine, impatient):
            each.dispose()

    def test_is_told_when_it_cannot_be_opened(self, tmp_path: Path) -> None:
        work = CrudWork(sessionmaker(create_engine(f"sqlite:///{tmp_path}/none/jobs.sqlite")), [Job])

        text = refused(DatabaseUnavailable, lambda: work.load((1,), FILT))

        assert str(tmp_path) not in text

    def test_is_told_when_all_connections_are_taken(self, tmp_path: Path) -> None:
        prepared = inFile(tmp_path / "jobs.sqlite")
        prepared.dispose()
        oneOnly: dict[str, Any] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}
        engine = create_engine(prepared.url, poolclass=QueuePool, **oneOnly)
        with engine.connect():
            refused(DatabaseUnavailable, lambda: CrudWork(sessionmaker(engine), [Job]).load((1,), FILT))
        engine.dispose()


class TestAnythingElse:
    def test_stays_what_it_is(self, jobs: CrudWork, engine: Engine) -> None:
        fill(engine, "drop table job")

        with pytest.raises(exc.OperationalError, match="no such table") as caught:
            jobs.load((1,), FILT)

        assert errorText(caught.value) == "internal: the request failed at the other end"

    @pytest.mark.parametrize("error", [ValueError("x"), OverflowError("x"), KeyError("id")])
    def test_of_our_own_is_not_taken_for_the_databases(self, error: Exception) -> None:
        with pytest.raises(type(error)) as caught:
            raise error

        assert asVortexError(caught.value, {}) is None
