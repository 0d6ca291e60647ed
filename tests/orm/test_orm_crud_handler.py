"""Rows over a wire: what is answered, in which order, and who is told of what has changed."""

from __future__ import annotations

import base64
import gc
import json
import random
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import create_engine, event, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, ThreadedVortex, encodings, resultOf, settle
from tests.orm.rows import Job, Page, Person, Seat, Worker, fill, inMemory, offTheWire, sessionsOf, stored
from vortex.errors import DecodeError, Rejected, RemoteError
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.protocol.envelope import Form
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID

Sessions = Callable[[], Session]
FILT = {"key": "jobs"}
ROW_1, ROW_2 = {**FILT, "id": 1}, {**FILT, "id": 2}
EVERYTHING = {"key": "jobs.all"}


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


def shown(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(row.id, row.title) for row in rows]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Vortex:
    return Vortex("server", reactor=clock)


@pytest.fixture
def twoJobs(engine: Engine) -> None:
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")


@pytest.fixture
def jobs(server: Vortex, sessions: Sessions, twoJobs: None) -> OrmCrudHandler:
    return OrmCrudHandler(sessions, Job, FILT, vortex=server)


@pytest.fixture
def everything(server: Vortex, sessions: Sessions, twoJobs: None) -> OrmCrudHandler:
    return OrmCrudHandler(sessions, Job, "jobs.all", True, server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob", form=Form.ERA1)


@pytest.fixture
def statements(engine: Engine) -> list[str]:
    """What the database is told from here on: the first word of each statement, and commits."""
    told: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: told.append(arguments[2].split()[0]))
    event.listen(engine, "commit", lambda _: told.append("COMMIT"))
    event.listen(engine, "rollback", lambda _: told.append("ROLLBACK"))
    return told


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

        _sendBody(ada, FILT, [{"_ct": "rt", "_c": "ormtest.Job", "id": 1, "secret": None}])

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
        _sendBody(ada, FILT, [{"_ct": "rt", "_c": "no.Such"}])

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


class TestSendModelUpdate:
    def test_tells_of_what_was_changed_elsewhere(
        self, jobs: OrmCrudHandler, ada: Client, bob: Client, engine: Engine
    ) -> None:
        ada.ask(ROW_1)
        bob.ask(ROW_2)
        with Session(engine) as session:
            session.execute(update(Job).values(note="elsewhere"))
            session.commit()

        count = jobs.sendModelUpdate(1)
        _settle(ada)

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

        assert [each["filt"] for each in logged if "filt" in each] == [ROW_1]


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
            _settle(ada)

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
        _settle(ada)
        (pushing,) = server.waiting
        pushing()
        _settle(ada)
        assert bob.came == []

        loading()
        _settle(ada)

        resultOf(load)
        assert [MESSAGE_ID in each.filt for each in bob.came] == [True, False]
        assert shown(bob.came[-1].tuples) == [(1, "new")]

    def test_changes_that_come_while_others_are_read_are_told_together(
        self, server: ThreadedVortex, jobs: OrmCrudHandler, ada: Client
    ) -> None:
        ada.request(ROW_1)
        server.waiting.pop(0)()
        _settle(ada)
        counts = [jobs.sendModelUpdate(1) for _ in range(100)]
        assert len(server.waiting) == 1
        server.waiting.pop(0)()
        assert len(server.waiting) == 1
        server.waiting.pop(0)()
        _settle(ada)

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
        _settle(ada)

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
            _settle(bob)

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


class TestAccess:
    @pytest.fixture
    def asked(self) -> list[tuple[str, str, dict[str, Any]]]:
        return []

    @pytest.fixture
    def guarded(
        self, server: Vortex, sessions: Sessions, twoJobs: None, asked: list[tuple[str, str, dict[str, Any]]]
    ) -> OrmCrudHandler:
        def access(peer: Any, operation: str, filt: Mapping[str, Any]) -> Any:
            asked.append((peer.name, operation, {k: v for k, v in filt.items() if k != MESSAGE_ID}))
            return {"ada": True, "bob": operation == "read", "cyd": "yes"}[peer.name]

        return OrmCrudHandler(sessions, Job, FILT, vortex=server, access=access)

    @pytest.mark.parametrize(
        ("filt", "tuples", "operation"),
        [
            (FILT, None, "read"),
            (FILT, [], "read"),
            (ROW_1, None, "read"),
            (FILT, [job(id=1, title="dig", note="x")], "write"),
            ({**ROW_1, "delete": True}, None, "write"),
        ],
    )
    @pytest.mark.usefixtures("guarded")
    def test_is_asked_for_what_is_to_be_done(
        self,
        ada: Client,
        bob: Client,
        asked: list[tuple[str, str, dict[str, Any]]],
        filt: Any,
        tuples: Any,
        operation: str,
    ) -> None:
        if operation == "write":
            with pytest.raises(RemoteError, match="you may not change these records") as caught:
                bob.ask(filt, tuples)
            assert caught.value.code == "access-denied"
        else:
            bob.ask(filt, tuples)
        ada.ask(filt, tuples)

        assert asked == [(name, operation, filt) for name in ("bob", "ada")]

    @pytest.mark.usefixtures("guarded")
    def test_passes_on_exactly_true(self, server: Vortex, clock: Clock) -> None:
        cyd, eve = Client(server, clock, "cyd"), Client(server, clock, "eve")

        with pytest.raises(RemoteError, match="you may not see these records"):
            cyd.ask(ROW_1)
        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            eve.ask(ROW_1)

        assert caught.value.code == "access-denied"
        assert any("log_failure" in each and each["log_failure"].type is KeyError for each in logged)

    @pytest.mark.usefixtures("guarded")
    def test_is_asked_before_a_tuple_is_read(self, bob: Client) -> None:
        _sendBody(bob, FILT, [{"_ct": "rt", "_c": "no.Such"}])

        assert [each.result for each in bob.came] == ["access-denied: you may not change these records"]

    def test_may_be_a_set_of_roles(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client, bob: Client
    ) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access={"foreman"})
        ada.peer.roles = frozenset({"foreman", "other"})  # type: ignore[misc]

        assert shown(ada.ask(ROW_1).tuples) == [(1, "dig")]
        with pytest.raises(RemoteError):
            bob.ask(ROW_1)
        jobs.shutdown()

    def test_is_asked_again_before_a_push(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client
    ) -> None:
        answers: dict[str, Any] = {"ada": True}
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access=lambda peer, *_: answers[peer.name])
        ada.ask(ROW_1)
        answers["ada"] = False

        assert resultOf(jobs.sendModelUpdate(1)) == 0
        answers["ada"] = True
        assert resultOf(jobs.sendModelUpdate(1)) == 1
        jobs.shutdown()


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


def _settle(client: Client) -> None:
    clock = client.vortex.clock
    assert isinstance(clock, Clock)
    settle(clock)


def _sendBody(client: Client, filt: dict[str, Any], tuples: list[dict[str, Any]]) -> None:
    """Send a request with tuples that are JSON already, in a body that is put together by hand."""
    payload = {"_ct": "rp", "filt": filt, "tuples": tuples, "date": None}
    data = base64.b64encode(zlib.compress(json.dumps(payload).encode())).decode()
    envelope = {"_ct": "rpe", "filt": {**filt, MESSAGE_ID: "m"}, "data": data, "result": None, "date": None}
    driver = client.link._ends[0].driver
    driver.frameReceived(json.dumps(envelope).encode())
    _settle(client)
