"""Sessions in several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from tests.orm.rows import Job, fill, offTheWire, stored
from vortex.orm.changes import Changes
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.crud_work import CrudWork

FILT = {"key": "jobs"}


class TestThreadsThatShareAConnection:
    def test_do_not_undo_each_others_work(self, engine: Engine, sessions: Callable[[], Session]) -> None:
        work = CrudWork(sessions, [Job])
        written, mayGoOn = threading.Event(), threading.Event()

        class Pause(OrmCrudExtension):
            def afterUpdate(self, *arguments: object) -> None:
                written.set()
                mayGoOn.wait(10)

        slow = CrudWork(sessions, [Job])
        slow.addExtension(Job, Pause())
        with ThreadPoolExecutor(2) as threads:
            saving = threads.submit(slow.save, [offTheWire(Job, title="dig")], FILT)
            assert written.wait(10)
            loading = threads.submit(work.load, (1,), FILT)
            with pytest.raises(TimeoutError):
                loading.result(0.1)
            mayGoOn.set()
            saving.result(10)

            assert [row.title for row in loading.result(10).tuples] == ["dig"]
        assert stored(engine, "select title from job") == [("dig",)]


class TestChanges:
    def test_are_what_was_committed(self, engine: Engine) -> None:
        fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow'), (3, 'mow')")
        changes = Changes()
        with Session(engine) as session, changes.watching(session):
            session.get_one(Job, 1).title = "new"
            session.commit()
            session.delete(session.get_one(Job, 2))
            session.flush()
            session.rollback()
            session.get_one(Job, 3).title = "unfinished"
            session.flush()

            assert list(changes.committed) == [(Job, (1,))]

    def test_have_both_keys_of_a_row_that_gets_another(self, engine: Engine) -> None:
        fill(engine, "insert into job (id, title) values (1, 'dig')")
        changes = Changes()
        with Session(engine) as session, changes.watching(session):
            session.get_one(Job, 1).id = 7
            session.commit()

        assert set(changes.committed) == {(Job, (1,)), (Job, (7,))}
