"""Rows over a wire: what is asked for, and what is answered."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, resultOf
from tests.orm.rows import (
    EVERYTHING,
    FILT,
    ROW_1,
    Job,
    Page,
    Person,
    Seat,
    Sessions,
    fill,
    offTheWire,
    shown,
    stored,
)
from vortex.errors import Rejected, RemoteError
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


class TestTheChoice:
    """Which of delete, tuples, id and nothing counts, and what is answered."""

    @pytest.mark.usefixtures("jobs")
    def test_of_nothing_is_a_blank_row(self, ada: Client) -> None:
        answer = ada.ask(FILT)

        assert [(row.id, row.title, row.secret) for row in answer.tuples] == [(None, None, "s3cret")]
        assert answer.result is None

    @pytest.mark.usefixtures("everything")
    def test_of_nothing_is_all_rows_where_they_are_retrieved(self, ada: Client) -> None:
        answer = ada.ask(EVERYTHING)

        assert shown(answer.tuples) == [(1, "dig"), (2, "sow")]
        assert answer.result is None

    @pytest.mark.usefixtures("jobs")
    def test_of_no_tuples_in_a_body_is_that_of_nothing(self, ada: Client) -> None:
        assert shown(ada.ask(FILT, []).tuples) == [(None, None)]
        assert shown(ada.ask(ROW_1, []).tuples) == [(1, "dig")]

    @pytest.mark.usefixtures("jobs")
    @pytest.mark.parametrize("objId", [1, 1.0, "1"])
    def test_of_an_id_is_that_row(self, ada: Client, objId: Any) -> None:
        answer = ada.ask({**FILT, "id": objId})

        assert shown(answer.tuples) == [(1, "dig")]
        assert answer.result is None

    @pytest.mark.usefixtures("jobs", "everything")
    @pytest.mark.parametrize("key", ["jobs", "jobs.all"])
    def test_of_an_id_that_is_not_there_is_no_row(self, ada: Client, key: str) -> None:
        answer = ada.ask({"key": key, "id": 9})

        assert answer.tuples == []
        assert answer.result is None

    @pytest.mark.usefixtures("jobs")
    def test_of_tuples_is_a_save_whatever_the_id_says(self, ada: Client, engine: Engine) -> None:
        answer = ada.ask({**FILT, "id": 2}, [job(id=1, title="new"), job(title="more")])

        assert shown(answer.tuples) == [(1, "new"), (3, "more")]
        assert answer.result is True
        assert stored(engine, "select id, title from job order by id") == [
            (1, "new"),
            (2, "sow"),
            (3, "more"),
        ]

    @pytest.mark.usefixtures("jobs")
    def test_of_tuples_touches_only_the_fields_that_came(self, ada: Client, engine: Engine) -> None:
        fill(engine, "update job set note = 'deep', secret = 'x' where id = 1")

        ada.sendBody(FILT, [{"_ct": "rt", "_c": "ormtest.Job", "id": 1, "secret": None}])

        assert [each.result for each in ada.came] == [True]
        assert stored(engine, "select title, note, secret from job where id = 1") == [("dig", "deep", None)]

    @pytest.mark.usefixtures("jobs")
    def test_of_delete_is_a_delete_of_the_id(self, ada: Client, engine: Engine) -> None:
        answer = ada.ask({**ROW_1, "delete": True})

        assert answer.tuples == []
        assert answer.result is True
        assert stored(engine, "select id from job") == [(2,)]

    @pytest.mark.usefixtures("jobs")
    def test_of_delete_is_a_delete_of_the_tuples_before_the_id(self, ada: Client, engine: Engine) -> None:
        ada.ask({**ROW_1, "delete": True}, [job(id=2)])

        assert stored(engine, "select id from job") == [(1,)]

    @pytest.mark.usefixtures("everything")
    def test_of_delete_is_answered_with_the_rest_where_all_is_retrieved(self, ada: Client) -> None:
        answer = ada.ask({**EVERYTHING, "id": 1, "delete": True})

        assert shown(answer.tuples) == [(2, "sow")]
        assert answer.result is True

    @pytest.mark.usefixtures("jobs")
    @pytest.mark.parametrize("delete", [False, None])
    def test_of_delete_is_none_if_it_says_so(self, ada: Client, engine: Engine, delete: Any) -> None:
        assert shown(ada.ask({**ROW_1, "delete": delete}).tuples) == [(1, "dig")]

    @pytest.mark.usefixtures("server")
    def test_of_a_composite_key(
        self, server: Vortex, sessions: Sessions, engine: Engine, ada: Client
    ) -> None:
        fill(engine, "insert into seat values ('A', 1, 1), ('A', 2, 0)")
        seats = OrmCrudHandler(sessions, Seat, "jobs", vortex=server)

        (row,) = ada.ask({**FILT, "id": ["A", 2]}).tuples
        ada.ask({**FILT, "id": ["A", 1], "delete": True})

        assert (row.letter, row.number, row.taken) == ("A", 2, False)
        assert stored(engine, "select letter, number from seat") == [("A", 2)]
        seats.shutdown()


@pytest.mark.usefixtures("jobs")
class TestAnAnswer:
    @pytest.mark.parametrize(
        ("filt", "tuples"),
        [(FILT, None), (ROW_1, None), (FILT, [job(title="new")]), ({**ROW_1, "delete": True}, None)],
    )
    def test_bears_the_whole_filt_and_comes_once(self, ada: Client, filt: Any, tuples: Any) -> None:
        asked = {**filt, "mine": {"a": [1, None]}}

        answer = ada.ask(asked, tuples)

        assert {key: value for key, value in answer.filt.items() if key != MESSAGE_ID} == asked
        assert MESSAGE_ID in answer.filt
        assert len(ada.answers) == 1

    def test_comes_after_the_commit(
        self, ada: Client, statements: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send = type(ada.peer).sendMessage

        def sendMessage(peer: Any, *arguments: Any) -> None:
            if peer is ada.peer:
                statements.append("ANSWER")
            send(peer, *arguments)

        monkeypatch.setattr(type(ada.peer), "sendMessage", sendMessage)

        ada.ask(FILT, [job(title="new")])

        assert statements == ["INSERT", "SELECT", "COMMIT", "ANSWER"]

    def test_of_a_load_takes_one_statement_and_commits_nothing(
        self, ada: Client, statements: list[str]
    ) -> None:
        ada.ask(ROW_1)

        assert statements == ["SELECT", "ROLLBACK"]

    def test_needs_no_messageId(self, ada: Client) -> None:
        ada.send(ROW_1)

        assert [shown(each.tuples) for each in ada.came] == [[(1, "dig")]]


@pytest.mark.usefixtures("jobs")
class TestAnError:
    @pytest.mark.parametrize(
        ("filt", "tuples", "code", "text"),
        [
            ({**FILT, "id": 9, "delete": True}, None, "unknown-record", "there is no ormtest.Job with id 9"),
            (FILT, [job(id=9, title="x")], "unknown-record", "there is no ormtest.Job with id 9"),
            (FILT, [job(title="dig")], "constraint-violation", "another record has the same title"),
            (FILT, [job(note="x")], "constraint-violation", "title must not be null"),
            ({**FILT, "id": "nine"}, None, "bad-payload", "expected int, got 'nine' - at filt.id"),
            (
                {**FILT, "delete": "yes"},
                None,
                "bad-payload",
                "expected true or false, got 'yes' - at filt.delete",
            ),
            ({**FILT, "delete": True}, None, "bad-payload", "a delete needs an id in its filt, or tuples"),
            (
                FILT,
                [offTheWire(Person, name="x")],
                "bad-payload",
                "expected ormtest.Job, got ormtest.Person - at tuples[0]",
            ),
        ],
    )
    def test_has_its_code_comes_once_and_changes_nothing(
        self, ada: Client, engine: Engine, filt: Any, tuples: Any, code: str, text: str
    ) -> None:
        with pytest.raises(RemoteError) as caught:
            ada.ask(filt, [job(title="good"), *tuples] if tuples and "delete" not in filt else tuples)

        assert (caught.value.code, str(caught.value).replace("tuples[1]", "tuples[0]")) == (code, text)
        assert len(ada.answers) == 1
        assert stored(engine, "select id, title from job") == [(1, "dig"), (2, "sow")]

    def test_of_a_field_that_may_not_be_set(
        self, server: Vortex, sessions: Sessions, ada: Client, engine: Engine
    ) -> None:
        guarded = OrmCrudHandler(sessions, Job, {"key": "guarded"}, vortex=server, writable=["title"])

        with pytest.raises(RemoteError, match=r"a client may not set secret of ormtest\.Job") as caught:
            ada.ask({"key": "guarded"}, [job(id=1, title="new", made="by the database", secret="mine")])

        assert caught.value.code == "not-writable"
        assert stored(engine, "select title from job where id = 1") == [("dig",)]
        guarded.shutdown()

    def test_of_a_stale_row(self, server: Vortex, sessions: Sessions, ada: Client, engine: Engine) -> None:
        fill(engine, "insert into page (id, body, version) values (1, 'old', 3)")
        pages = OrmCrudHandler(sessions, Page, {"key": "pages"}, vortex=server)

        with pytest.raises(RemoteError) as caught:
            ada.ask({"key": "pages"}, [offTheWire(Page, id=1, body="new", version=2)])

        assert caught.value.code == "stale-record"
        pages.shutdown()

    def test_of_a_hook_reaches_the_peer(self, jobs: OrmCrudHandler, ada: Client, engine: Engine) -> None:
        class Refuse(OrmCrudExtension):
            def afterUpdate(self, *arguments: Any) -> None:
                raise Rejected("we dig no more", code="out-of-season")

        jobs.addExtension(Job, Refuse())

        with pytest.raises(RemoteError, match="we dig no more") as caught:
            ada.ask(FILT, [job(title="new")])

        assert caught.value.code == "out-of-season"
        assert len(ada.answers) == 1
        assert stored(engine, "select id from job") == [(1,), (2,)]

    def test_of_uiData_after_a_commit_is_answered_and_the_change_told(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        class Refuse(OrmCrudExtension):
            def uiData(self, tuple_: Any, tuples: Any, session: Any, filt: dict[str, Any]) -> None:
                if "messageId" in str(filt) and "id" not in filt:
                    raise Rejected("not for you")

        bob.ask(ROW_1)
        jobs.addExtension(Job, Refuse())

        with pytest.raises(RemoteError, match="not for you"):
            ada.ask(FILT, [job(id=1, title="new")])

        assert [shown(tuples) for _, tuples in bob.pushed] == [[(1, "new")]]

    def test_that_was_not_meant_says_nothing(self, ada: Client, engine: Engine) -> None:
        fill(engine, "alter table job rename to away")

        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            ada.ask(ROW_1)

        assert caught.value.code == "internal"
        text = f"{caught.value.code}: {caught.value}".lower()
        assert not [word for word in ("select", "job", "sql", "table", "/", "traceback") if word in text]
        assert any("no such table" in str(each.get("log_failure")) for each in logged)

    def test_of_the_database_is_logged(self, server: Vortex, ada: Client) -> None:
        away = OrmCrudHandler(
            sessionmaker(create_engine("sqlite:////none/where")), Job, {"key": "away"}, vortex=server
        )

        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            ada.ask({"key": "away", "id": 1})

        assert caught.value.code == "database-unavailable"
        assert "/none/where" not in str(caught.value)
        causes = [each["log_failure"].value.__cause__ for each in logged if "log_failure" in each]
        assert "unable to open database file" in str(causes[0])
        away.shutdown()

    def test_of_a_tuple_that_cannot_be_read(self, ada: Client, server: Vortex) -> None:
        ada.sendBody(FILT, [{"_ct": "rt", "_c": "no.Such"}])

        (answer,) = ada.came
        assert (
            answer.result == "unknown-tuple-type: tuple type 'no.Such' is not registered here - at tuples[0]"
        )

    def test_of_an_answer_that_cannot_travel_comes_once_and_the_change_is_told(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        class Spoil(OrmCrudExtension):
            def uiData(self, tuple_: Any, tuples: Any, session: Any, filt: dict[str, Any]) -> None:
                if "id" not in filt:
                    tuple_.note = object()

        bob.ask(ROW_1)
        jobs.addExtension(Job, Spoil())

        with pytest.raises(RemoteError) as caught:
            ada.ask(FILT, [job(id=1, title="new")])

        assert caught.value.code == "cannot-encode"
        assert [shown(tuples) for _, tuples in bob.pushed] == [[(1, "new")]]


class TestAHandler:
    def test_ends_with_shutdown(self, jobs: OrmCrudHandler, ada: Client, sessions: Sessions) -> None:
        ada.ask(ROW_1)
        jobs.shutdown()

        ada.send(ROW_1)

        assert len(ada.came) == 1
        assert resultOf(jobs.sendModelUpdate()) == 0

    def test_ends_when_nobody_has_it_any_more(self, server: Vortex, sessions: Sessions, ada: Client) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        ada.ask(FILT, [job(title="dig")])
        gone = weakref.ref(jobs)

        del jobs
        gc.collect()

        assert gone() is None
        ada.send(ROW_1)
        assert len(ada.came) == 1
