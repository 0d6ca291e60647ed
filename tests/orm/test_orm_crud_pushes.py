"""Rows over a wire: who is told of what has changed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, ThreadedVortex, encodings, resultOf, settle
from tests.orm.rows import (
    EVERYTHING,
    FILT,
    ROW_1,
    ROW_2,
    Job,
    Sessions,
    Worker,
    fill,
    inMemory,
    offTheWire,
    sessionsOf,
    shown,
    stored,
)
from vortex.errors import DatabaseUnavailable, DecodeError, RemoteError
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.protocol.envelope import Form
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


class TestAPush:
    def test_goes_to_who_has_loaded_the_row_with_what_it_asked(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        bob.ask({**ROW_1, "mine": {"a": 1}})
        bob.ask(ROW_2)

        ada.ask(FILT, [job(id=1, title="new")])

        ((filt, tuples),) = bob.pushed
        assert filt == {"key": "jobs", "id": 1, "mine": {"a": 1}}
        assert shown(tuples) == [(1, "new")]
        assert bob.came[-1].result is None
        assert ada.pushed == []

    def test_comes_to_the_writer_after_its_own_answer(self, jobs: OrmCrudHandler, ada: Client) -> None:
        ada.ask(ROW_1)

        ada.ask(ROW_1, [job(id=1, title="new")])

        assert [(MESSAGE_ID in each.filt, each.result) for each in ada.came] == [
            (True, None),
            (True, True),
            (False, None),
        ]
        assert [(filt, shown(tuples)) for filt, tuples in ada.pushed] == [(ROW_1, [(1, "new")])]

    def test_of_a_deleted_row_is_no_row(self, jobs: OrmCrudHandler, ada: Client, bob: Client) -> None:
        bob.ask(ROW_1)

        ada.ask({**ROW_1, "delete": True})

        assert bob.pushed == [(ROW_1, [])]

    def test_of_a_row_that_is_there_again_is_the_row(
        self, server: Vortex, sessions: Sessions, ada: Client, bob: Client
    ) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, writable=["id", "title"])
        assert bob.ask({**FILT, "id": 9}).tuples == []

        ada.ask(FILT, [job(id=9, title="nine")])

        assert [(filt["id"], shown(tuples)) for filt, tuples in bob.pushed] == [(9, [(9, "nine")])]
        jobs.shutdown()

    def test_of_all_rows_goes_to_who_has_asked_for_all(
        self, everything: OrmCrudHandler, ada: Client, server: Vortex, clock: Clock
    ) -> None:
        bob = Client(server, clock, "bob", key="jobs.all")
        bob.ask(EVERYTHING)

        ada.ask(EVERYTHING, [job(title="new")])
        ada.ask({**EVERYTHING, "id": 1, "delete": True})

        assert [(filt, shown(tuples)) for filt, tuples in bob.pushed] == [
            (EVERYTHING, [(1, "dig"), (2, "sow"), (3, "new")]),
            (EVERYTHING, [(2, "sow"), (3, "new")]),
        ]

    @pytest.mark.usefixtures("jobs", "everything")
    def test_tells_of_what_another_handler_of_the_same_database_did(
        self, ada: Client, server: Vortex, clock: Clock
    ) -> None:
        bob = Client(server, clock, "bob", key="jobs.all")
        bob.ask(EVERYTHING)
        ada.ask(ROW_1)

        ada.ask(FILT, [job(id=2, title="new")])
        bob.ask(EVERYTHING, [job(id=1, title="too")])

        assert [shown(tuples) for _, tuples in bob.pushed] == [
            [(1, "dig"), (2, "new")],
            [(1, "too"), (2, "new")],
        ]
        assert [shown(tuples) for _, tuples in ada.pushed] == [[(1, "too")]]

    def test_tells_nothing_of_another_database(
        self, jobs: OrmCrudHandler, server: Vortex, ada: Client, clock: Clock
    ) -> None:
        engine = inMemory()
        other = OrmCrudHandler(sessionsOf(engine), Job, "other", vortex=server)
        ada.ask(ROW_1)

        ada.ask({"key": "other"}, [job(title="first")])

        assert stored(engine, "select id from job") == [(1,)]
        assert ada.pushed == []
        other.shutdown()
        engine.dispose()

    def test_tells_of_what_a_hook_has_changed(self, jobs: OrmCrudHandler, ada: Client) -> None:
        class AlsoTheOther(OrmCrudExtension):
            def middleUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                session.get_one(Job, 2).title = "by a hook"

        jobs.addExtension(Job, AlsoTheOther())
        ada.ask(ROW_2)

        ada.ask(FILT, [job(id=1, title="new")])

        assert [shown(tuples) for _, tuples in ada.pushed] == [[(2, "by a hook")]]

    def test_tells_nothing_of_a_class_that_was_not_loaded(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client
    ) -> None:
        both = OrmCrudHandler(sessions, [Job, Worker], FILT, vortex=server)
        ada.ask(ROW_1)

        ada.ask(FILT, [offTheWire(Worker, name="Ada")])

        assert ada.pushed == []
        both.shutdown()

    @pytest.mark.usefixtures("jobs")
    @pytest.mark.parametrize(
        ("filt", "tuples"),
        [
            (FILT, None),
            (ROW_1, [job(id=1, title="dig", note="x")]),
            ({**FILT, "id": "nine"}, None),
            ({**ROW_2, "delete": True}, None),
        ],
    )
    def test_comes_of_loads_only(self, ada: Client, bob: Client, filt: Any, tuples: Any) -> None:
        """A blank row, a save, an error and a delete make nobody a watcher."""
        ada.request(filt, tuples).addErrback(lambda _: None)
        ada.came.clear()

        bob.ask(FILT, [job(id=1, title="new")])

        assert ada.pushed == []

    def test_of_nothing_that_was_committed_is_not_sent(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        bob.ask(ROW_1)

        with pytest.raises(RemoteError):
            ada.ask(FILT, [job(id=1, title="sow")])

        assert bob.pushed == []

    def test_goes_to_nobody_who_is_gone(self, jobs: OrmCrudHandler, ada: Client, bob: Client) -> None:
        bob.ask(ROW_1)
        bob.link.cut()

        ada.ask(FILT, [job(id=1, title="new")])

        assert bob.pushed == []

    def test_is_read_once_and_encoded_once_for_all_of_a_filt(
        self,
        jobs: OrmCrudHandler,
        server: Vortex,
        ada: Client,
        clock: Clock,
        statements: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        clients = [Client(server, clock, f"client {number}") for number in range(5)]
        for client in clients:
            client.ask(ROW_1)
        encoded = encodings(monkeypatch)
        statements.clear()

        count = resultOf(jobs.sendModelUpdate(1))
        settle(clock)

        assert count == 5
        assert statements == ["SELECT", "ROLLBACK"]
        assert encoded == [Form.RAW]
        assert [client.pushed[0][0] for client in clients] == [ROW_1] * 5

    def test_that_one_filts_hook_spoils_leaves_the_others(self, jobs: OrmCrudHandler, ada: Client) -> None:
        class Refuse(OrmCrudExtension):
            def afterRetrieve(self, tuple_: Any, *others: Any) -> None:
                if tuple_.id == 1:
                    raise ValueError("not this one")

        ada.ask(ROW_1)
        ada.ask(ROW_2)
        jobs.addExtension(Job, Refuse())

        with capturedLogs():
            ada.ask(FILT, [job(id=1, title="dig", note="x"), job(id=2, title="sow", note="x")])

        assert [filt for filt, _ in ada.pushed] == [ROW_2]

    def test_shows_the_rows_by_the_hooks_of_a_load_for_each_filt(
        self, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        called: list[tuple[str, str]] = []

        class Append(OrmCrudExtension):
            def afterRetrieve(self, tuple_: Any, _tuples: Any, _session: Session, filt: Any) -> None:
                called.append(("afterRetrieve", filt["for"]))

            def uiData(self, tuple_: Any, _tuples: Any, _session: Session, filt: Any) -> None:
                called.append(("uiData", filt["for"]))
                tuple_.note = (tuple_.note or "") + filt["for"]

        jobs.addExtension(Job, Append())
        for letter in "ab":
            ada.ask({**ROW_1, "for": letter})
        called.clear()

        jobs.sendModelUpdate(1)
        ada.settle()

        assert called == [(hook, letter) for letter in "ab" for hook in ("afterRetrieve", "uiData")]
        assert [(filt["for"], [row.note for row in tuples]) for filt, tuples in ada.pushed] == [
            ("a", ["a"]),
            ("b", ["b"]),
        ]

    def test_that_cannot_be_read_at_all_is_tried_again(
        self, jobs: OrmCrudHandler, ada: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for row in (ROW_1, ROW_2):
            ada.ask(row)

        def fail(*_arguments: Any) -> None:
            raise DatabaseUnavailable("not now")

        with monkeypatch.context() as patch, capturedLogs() as logged:
            patch.setattr(jobs._work, "load", fail)
            assert resultOf(jobs.sendModelUpdate()) == 0
        assert [each["text"] for each in logged if "watch" in each] == ["database-unavailable: not now"] * 2
        clock.advance(1)
        ada.settle()

        told = [shown(tuples) for _, tuples in ada.pushed]  # the one or the other first
        assert sorted(told) == [[(1, "dig")], [(2, "sow")]]


class TestAnAnswer:
    def test_does_not_overtake_an_update_though_that_is_of_less_importance(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client, engine: Engine
    ) -> None:
        """The peer reads the same in both ways, and what it is told waits behind other things."""
        ada.ask({**ROW_1, "live": {"policy": {"priority": 500}}})
        ada.ask(ROW_1)
        ada.came.clear()
        ada.link.pause()
        bob.ask(FILT, [job(id=1, title="older")])
        fill(engine, "update job set title = 'newer' where id = 1")
        ada.request(ROW_1)
        ada.link.pause(False)
        ada.settle()

        assert [row.title for each in ada.came if "view" not in each.filt for row in each.tuples] == [
            "older",
            "newer",
        ]


class TestSendModelUpdate:
    def test_is_not_held_up_by_a_load_that_comes_to_no_end(
        self, clock: Clock, sessions: Sessions, twoJobs: None
    ) -> None:
        server = ThreadedVortex("server", reactor=clock)
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        clients = [Client(server, clock, name) for name in ("ada", "bob")]
        for client, filt in zip(clients, (ROW_1, ROW_2), strict=True):
            client.request(filt)
            server.waiting.pop()()
            client.settle()
        ada, bob = clients
        first: list[int] = []
        jobs.sendModelUpdate(1).addCallback(first.append)
        ada.settle()
        server.waiting.clear()
        second = jobs.sendModelUpdate(2)
        bob.settle()
        server.waiting.pop()()
        bob.settle()

        assert resultOf(second) == 1
        assert [filt for filt, _ in bob.pushed] == [ROW_2]
        assert first == []
        jobs.shutdown()

    def test_tells_of_what_was_changed_elsewhere(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client, engine: Engine
    ) -> None:
        ada.ask(ROW_1)
        bob.ask(ROW_2)
        with Session(engine) as session:
            session.execute(update(Job).values(note="elsewhere"))
            session.commit()

        count = jobs.sendModelUpdate(1)
        ada.settle()

        assert resultOf(count) == 1
        assert [[row.note for row in tuples] for _, tuples in ada.pushed] == [["elsewhere"]]
        assert bob.pushed == []

    def test_of_nothing_in_particular_tells_everybody(
        self, jobs: OrmCrudHandler, everything: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        ada.ask(ROW_1)
        bob.ask(ROW_2)
        bob.ask({**EVERYTHING, "id": 2})
        ada.ask(EVERYTHING)

        assert resultOf(jobs.sendModelUpdate()) == 2
        assert resultOf(everything.sendModelUpdate()) == 2
        assert resultOf(everything.sendModelUpdate(1)) == 1

    def test_wants_a_key(self, jobs: OrmCrudHandler) -> None:
        with pytest.raises(DecodeError, match="expected int, got 'one' - at objId"):
            jobs.sendModelUpdate("one")

    def test_that_cannot_read_is_logged(self, jobs: OrmCrudHandler, ada: Client, engine: Engine) -> None:
        ada.ask(ROW_1)
        fill(engine, "alter table job rename to away")

        with capturedLogs() as logged:
            assert resultOf(jobs.sendModelUpdate(1)) == 0

        (failed,) = [each for each in logged if "watch" in each]
        assert "could not be made again" in failed["log_format"]
        assert "{'id': 1, 'key': 'jobs'}" in failed["watch"]


class TestTwoNodesWithTheSameHandler:
    """Each has a database of its own, with the same rows; each is the other's client."""

    def test_come_to_an_end_and_write_only_what_they_are_asked_to(
        self, jobs: OrmCrudHandler, server: Vortex, ada: Client, engine: Engine, clock: Clock
    ) -> None:
        theirs = inMemory()
        fill(theirs, "insert into job (id, title) values (1, 'theirs'), (3, 'also theirs')")
        other = OrmCrudHandler(sessionsOf(theirs), Job, FILT, vortex=ada.vortex)
        before = stored(theirs, "select * from job order by id")

        ada.ask(ROW_1)
        ada.send(ROW_1)
        ada.ask(FILT)
        ada.ask(ROW_1, [job(id=1, title="new")])
        ada.ask({**ROW_2, "delete": True})
        assert resultOf(jobs.sendModelUpdate()) == 1
        assert resultOf(other.sendModelUpdate()) == 0
        settle(clock, 200)

        assert stored(theirs, "select * from job order by id") == before
        assert stored(engine, "select id, title from job") == [(1, "new")]
        assert len(ada.came) == 7  # five answers, and the row after the save and after the update
        came = len(ada.came)
        settle(clock, 200)
        assert len(ada.came) == came

        server.send(Payload(ROW_1))
        settle(clock, 200)
        assert len(ada.came) == came + 1
        assert stored(theirs, "select * from job order by id") == before
        other.shutdown()
        theirs.dispose()

    @pytest.mark.parametrize("form", [Form.RAW, Form.ERA1, Form.ERA2, Form.ERA0])
    def test_take_no_push_for_a_save(
        self, jobs: OrmCrudHandler, server: Vortex, clock: Clock, form: Form
    ) -> None:
        theirs = inMemory()
        client = Client(server, clock, form=form)
        other = OrmCrudHandler(sessionsOf(theirs), Job, FILT, vortex=client.vortex, writable=["id", "title"])
        client.ask(ROW_1)

        assert resultOf(jobs.sendModelUpdate(1)) == 1
        settle(clock)

        assert [shown(tuples) for _, tuples in client.pushed] == [[(1, "dig")]]
        assert stored(theirs, "select * from job") == []
        other.shutdown()
        theirs.dispose()
