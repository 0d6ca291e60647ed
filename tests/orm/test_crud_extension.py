"""Hooks: when each is called, with what, what it may change, and what comes of its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.logger import LogLevel, capturedLogs

from tests.orm.rows import Job, Person, Worker, fill, offTheWire, stored
from vortex.errors import ConstraintViolation, Rejected
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.crud_work import CrudWork

Sessions = Callable[[], Session]
FILT = {"key": "jobs"}
HOOKS = [name for name in vars(OrmCrudExtension) if not name.startswith("_")]


class Recorder(OrmCrudExtension):
    """Takes down every call: the hook and the title."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []


def _recording(hook: str) -> Callable[..., None]:
    def record(self: Recorder, tuple_: Any, tuples: Any, session: Session, filt: dict[str, Any]) -> None:
        assert tuple_ in tuples
        assert filt == FILT
        self.calls.append((hook, tuple_.title))

    return record


for _name in HOOKS:
    setattr(Recorder, _name, _recording(_name))


@pytest.fixture
def jobs(sessions: Sessions, engine: Engine) -> CrudWork:
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
    return CrudWork(sessions, [Job, Worker])


@pytest.fixture
def recorder(jobs: CrudWork) -> Recorder:
    recorder = Recorder()
    jobs.addExtension(Job, recorder)
    return recorder


class TestTheOrder:
    def test_of_a_save(self, jobs: CrudWork, recorder: Recorder) -> None:
        jobs.save([offTheWire(Job, id=1, title="new"), offTheWire(Job, title="more")], FILT)

        hooks = ["beforeUpdate", "middleUpdate", "afterUpdate", "afterUpdateCommit", "uiData"]
        assert recorder.calls == [(hook, title) for hook in hooks for title in ("new", "more")]

    def test_of_a_delete(self, jobs: CrudWork, recorder: Recorder) -> None:
        jobs.delete([], (1,), FILT)

        assert recorder.calls == [("beforeDelete", "dig"), ("afterDeleteCommit", "dig")]

    def test_of_a_delete_that_is_answered_with_the_rest(
        self, sessions: Sessions, jobs: CrudWork, recorder: Recorder
    ) -> None:
        everything = CrudWork(sessions, [Job], retrieveAll=True)
        everything.addExtension(Job, recorder)

        everything.delete([], (1,), FILT)

        assert recorder.calls == [
            ("beforeDelete", "dig"),
            ("afterDeleteCommit", "dig"),
            ("afterRetrieve", "sow"),
            ("uiData", "sow"),
        ]

    def test_of_a_load(self, jobs: CrudWork, recorder: Recorder) -> None:
        jobs.load(None, FILT)

        assert recorder.calls == [
            (hook, title) for hook in ("afterRetrieve", "uiData") for title in ("dig", "sow")
        ]

    def test_of_a_new_one(self, jobs: CrudWork, recorder: Recorder) -> None:
        jobs.blank(FILT)

        assert recorder.calls == [("afterCreate", None), ("uiData", None)]

    def test_of_two_extensions_is_that_in_which_they_were_added(
        self, jobs: CrudWork, recorder: Recorder
    ) -> None:
        class Second(OrmCrudExtension):
            def afterRetrieve(self, tuple_: Any, *others: Any) -> None:
                recorder.calls.append(("second", tuple_.title))

        jobs.addExtension(Job, Second())

        jobs.load((1,), FILT)

        assert recorder.calls == [("afterRetrieve", "dig"), ("second", "dig"), ("uiData", "dig")]


class TestAnExtension:
    def test_is_called_for_its_class_only(self, jobs: CrudWork, recorder: Recorder) -> None:
        jobs.save([offTheWire(Worker, name="Ada")], FILT)

        assert recorder.calls == []

    def test_is_for_a_class_that_is_served(self, jobs: CrudWork) -> None:
        with pytest.raises(ValueError, match="Person is not served here, only Job, Worker"):
            jobs.addExtension(Person, OrmCrudExtension())
        with pytest.raises(TypeError, match="instance"):
            jobs.addExtension(Job, OrmCrudExtension)  # type: ignore[arg-type]

    def test_has_hooks_that_do_nothing(self, jobs: CrudWork, engine: Engine) -> None:
        jobs.addExtension(Job, OrmCrudExtension())

        jobs.blank(FILT)
        jobs.save([offTheWire(Job, id=1, title="new")], FILT)
        jobs.delete([], (2,), FILT)

        assert stored(engine, "select id, title from job") == [(1, "new")]


class TestBeforeUpdate:
    def test_may_change_what_came_in_also_what_a_client_may_not(
        self, sessions: Sessions, engine: Engine
    ) -> None:
        class Stamp(OrmCrudExtension):
            def beforeUpdate(self, tuple_: Any, *others: Any) -> None:
                tuple_.title = tuple_.title.upper()
                tuple_.secret = "stamped"

        work = CrudWork(sessions, [Job], writable=["title"])
        work.addExtension(Job, Stamp())

        work.save([offTheWire(Job, title="dig")], FILT)

        assert stored(engine, "select title, secret from job") == [("DIG", "stamped")]

    def test_comes_before_the_row_is_touched(self, jobs: CrudWork) -> None:
        seen: list[Any] = []

        class Look(OrmCrudExtension):
            def beforeUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                seen.append(session.get_one(Job, tuple_.id).title)

        jobs.addExtension(Job, Look())

        jobs.save([offTheWire(Job, id=1, title="new")], FILT)

        assert seen == ["dig"]


class TestMiddleAndAfterUpdate:
    def test_see_the_row_before_and_after_it_is_written(self, jobs: CrudWork) -> None:
        seen: list[Any] = []

        class Look(OrmCrudExtension):
            def middleUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                seen.append(("middle", tuple_.title, tuple_.id, inspect(tuple_).pending))

            def afterUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                seen.append(("after", tuple_.title, tuple_.id, inspect(tuple_).persistent))

            def afterUpdateCommit(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                seen.append(("commit", tuple_.made, session.in_transaction()))

        jobs.addExtension(Job, Look())

        jobs.save([offTheWire(Job, title="new")], FILT)

        assert seen == [
            ("middle", "new", None, True),
            ("after", "new", 3, True),
            ("commit", "by the database", False),
        ]

    def test_may_change_this_row_and_others(self, jobs: CrudWork, engine: Engine) -> None:
        class Chain(OrmCrudExtension):
            def middleUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                tuple_.note = "middle"

            def afterUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                tuple_.note += " and after"
                session.add(Worker(name="made by a hook"))
                for other in session.scalars(select(Job).where(Job.id != tuple_.id)):
                    other.note = "another"

        jobs.addExtension(Job, Chain())

        outcome = jobs.save([offTheWire(Job, id=1, title="new")], FILT)

        assert outcome.tuples[0].note == "middle and after"
        assert stored(engine, "select id, note from job order by id") == [
            (1, "middle and after"),
            (2, "another"),
        ]
        assert stored(engine, "select name from worker") == [("made by a hook",)]
        assert set(outcome.changes) == {(Job, (1,)), (Job, (2,)), (Worker, (1,))}


class TestUiData:
    def test_changes_what_the_peer_sees_and_nothing_else(self, jobs: CrudWork, engine: Engine) -> None:
        class Show(OrmCrudExtension):
            def uiData(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                tuple_.note = f"shown to {filt['key']}"
                session.scalars(select(Worker)).all()

        jobs.addExtension(Job, Show())

        loaded = jobs.load((1,), FILT).tuples
        saved = jobs.save([offTheWire(Job, id=2, title="new")], FILT).tuples

        assert [row.note for row in loaded + saved] == ["shown to jobs"] * 2
        assert stored(engine, "select note from job") == [(None,), (None,)]

    def test_that_fails_after_a_commit_keeps_the_changes(self, jobs: CrudWork, engine: Engine) -> None:
        class Fail(OrmCrudExtension):
            def uiData(self, *arguments: Any) -> None:
                raise Rejected("not for you")

        jobs.addExtension(Job, Fail())

        outcome = jobs.save([offTheWire(Job, id=1, title="new")], FILT)

        assert isinstance(outcome.failure, Rejected)
        assert outcome.changes == ((Job, (1,)),)
        assert stored(engine, "select title from job where id = 1") == [("new",)]


class TestAHookThatRaises:
    @pytest.mark.parametrize("hook", ["beforeUpdate", "middleUpdate", "afterUpdate"])
    def test_undoes_the_whole_save(self, jobs: CrudWork, engine: Engine, hook: str) -> None:
        def refuse(self: Any, tuple_: Any, *others: Any) -> None:
            if tuple_.title == "bad":
                raise Rejected("not that", code="no-such-job")

        jobs.addExtension(Job, type("Refuse", (OrmCrudExtension,), {hook: refuse})())

        with pytest.raises(Rejected, match="not that") as caught:
            jobs.save([offTheWire(Job, id=1, title="good"), offTheWire(Job, title="bad")], FILT)

        assert caught.value.code == "no-such-job"
        assert stored(engine, "select id, title from job") == [(1, "dig"), (2, "sow")]

    def test_undoes_the_whole_delete(self, jobs: CrudWork, engine: Engine) -> None:
        class Refuse(OrmCrudExtension):
            def beforeDelete(self, tuple_: Any, *others: Any) -> None:
                if tuple_.id == 2:
                    raise Rejected("not that")

        jobs.addExtension(Job, Refuse())

        with pytest.raises(Rejected):
            jobs.delete([offTheWire(Job, id=1), offTheWire(Job, id=2)], None, FILT)

        assert stored(engine, "select id from job") == [(1,), (2,)]

    def test_keeps_its_own_error_if_it_is_no_databases(self, jobs: CrudWork) -> None:
        class Broken(OrmCrudExtension):
            def middleUpdate(self, *arguments: Any) -> None:
                "\ud800".encode()

        jobs.addExtension(Job, Broken())

        with pytest.raises(UnicodeEncodeError):
            jobs.save([offTheWire(Job, id=1, title="new")], FILT)

    def test_by_what_the_database_says_is_answered_as_such(self, jobs: CrudWork, engine: Engine) -> None:
        class Twice(OrmCrudExtension):
            def afterUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                session.add(offTheWire(Job, title=tuple_.title))

        jobs.addExtension(Job, Twice())

        with pytest.raises(ConstraintViolation, match="another record has the same title"):
            jobs.save([offTheWire(Job, id=1, title="new")], FILT)

        assert stored(engine, "select title from job") == [("dig",), ("sow",)]

    @pytest.mark.parametrize("hook", ["afterUpdateCommit", "afterDeleteCommit"])
    def test_after_the_commit_is_logged_and_undoes_nothing(
        self, jobs: CrudWork, engine: Engine, hook: str
    ) -> None:
        def fail(self: Any, *arguments: Any) -> None:
            raise ValueError("too late")

        jobs.addExtension(Job, type("Fail", (OrmCrudExtension,), {hook: fail})())

        with capturedLogs() as logged:
            saved = jobs.save([offTheWire(Job, id=1, title="new")], FILT)
            jobs.delete([], (2,), FILT)

        assert saved.failure is None
        assert [row.title for row in saved.tuples] == ["new"]
        assert stored(engine, "select id, title from job") == [(1, "new")]
        (event,) = logged
        assert event["log_level"] is LogLevel.critical
        assert event["hook"] == hook
