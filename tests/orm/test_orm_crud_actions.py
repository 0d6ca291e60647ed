"""Rows that clients on the native wire save and delete: once each, even by a server that was started anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, ThreadedVortex
from tests.orm.rows import FILT, Job, Page, Seat, Sessions, Worker, fill, stored
from tests.transports.native_client import NativeClient
from vortex import createActionMarks
from vortex.errors import Rejected
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler

NEW = ("ormtest.Worker", {"name": "eve"})


class Office:
    """A server of one or more classes, and a native client of it."""

    def __init__(
        self, sessions: Sessions, clock: Clock, *classes: type[Any], retrieveAll: bool = False
    ) -> None:
        self.extensions: list[tuple[type[Any], OrmCrudExtension]] = []
        self._sessions = sessions
        self._clock = clock
        self.classes = classes
        self._retrieveAll = retrieveAll
        self.client: NativeClient | None = None
        self.start()

    def start(self) -> None:
        """Start the server, as one that knows nothing of what was before."""
        self.server = Vortex("server", reactor=self._clock)
        self.handler = OrmCrudHandler(
            self._sessions, self.classes, FILT, self._retrieveAll, self.server, writable=None
        )
        for cls, extension in self.extensions:
            self.handler.addExtension(cls, extension)
        self.client = self.client or NativeClient(self.server)
        self.client.server = self.server
        self.client.begin(next=2)

    def extend(self, cls: type[Any], extension: OrmCrudExtension) -> None:
        self.extensions.append((cls, extension))
        self.handler.addExtension(cls, extension)

    def send(self, filt: dict[str, Any], *tuples: Any, action: int = 1) -> Any:
        """Send it; the result of the answer, and the rows in it as they are on the wire."""
        assert self.client is not None
        self.client.send(action, {**FILT, **filt}, list(tuples) or None)
        (answer,) = self.client.answers[-1:]
        return answer.json.get("r"), rowsOf(answer.body)


def rowsOf(body: Any) -> list[dict[str, Any]]:
    return [dict(zip(group["f"], row, strict=True)) for group in body or () for row in group["r"]]


@pytest.fixture
def made(engine: Engine) -> None:
    createActionMarks(engine)


@pytest.fixture
def office(made: None, sessions: Sessions, clock: Clock) -> Office:
    return Office(sessions, clock, Worker, Job, Seat, Page)


def workers(engine: Engine) -> list[tuple[Any, ...]]:
    return stored(engine, "select id, name from worker order by id")


class TestASave:
    def test_makes_one_row_however_often_it_comes(self, office: Office, engine: Engine) -> None:
        result, rows = office.send({}, NEW)
        assert result is True
        assert [(row["id"], row["name"]) for row in rows] == [(1, "eve")]
        for _ in range(3):
            office.start()
            result, rows = office.send({}, NEW)

            assert result is True
            assert [(row["id"], row["name"]) for row in rows] == [(1, "eve")]
        assert workers(engine) == [(1, "eve")]

    def test_makes_as_many_as_come_where_nothing_is_recorded(
        self, sessions: Sessions, clock: Clock, engine: Engine
    ) -> None:
        office = Office(sessions, clock, Worker)
        office.send({}, NEW)
        office.start()
        office.send({}, NEW)

        assert workers(engine) == [(1, "eve"), (2, "eve")]

    def test_of_a_peer_on_the_other_wire_is_not_recorded(
        self, office: Office, engine: Engine, clock: Clock
    ) -> None:
        peer = Client(office.server, clock)
        peer.ask(FILT, [Worker(name="eve")])

        assert workers(engine) == [(1, "eve")]
        assert stored(engine, "select * from vortex_action_marks") == []

    def test_is_answered_with_the_rows_as_they_are_now(self, office: Office, engine: Engine) -> None:
        office.send({}, NEW, ("ormtest.Worker", {"name": "ada"}))
        fill(engine, "update worker set name = 'Eve' where id = 1", "delete from worker where id = 2")
        office.start()

        result, rows = office.send({}, NEW, ("ormtest.Worker", {"name": "ada"}))

        assert result is True
        assert [(row["id"], row["name"]) for row in rows] == [(1, "Eve")]

    def test_is_answered_as_the_hooks_want_it(self, office: Office, engine: Engine) -> None:
        class Hides(OrmCrudExtension):
            def uiData(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                tuple_.secret = None

        office.extend(Job, Hides())
        new = ("ormtest.Job", {"title": "dig", "secret": "a secret of theirs"})
        assert office.send({}, new)[1][0]["secret"] is None
        office.start()

        assert office.send({}, new)[1][0]["secret"] is None
        ((reply,),) = stored(engine, "select reply from vortex_action_marks")
        assert b"theirs" not in reply

    def test_has_keys_of_all_kinds(self, office: Office, engine: Engine) -> None:
        fill(engine, "insert into seat values ('A', 1, 0)")
        change = ("ormtest.Seat", {"letter": "A", "number": 1, "taken": True})
        office.send({}, change)
        office.start()

        result, rows = office.send({}, change)

        assert (result, rows) == (True, [{"letter": "A", "number": 1, "taken": True}])

    def test_that_was_of_a_version_is_not_stale_by_itself(self, office: Office, engine: Engine) -> None:
        fill(engine, "insert into page (id, body, version) values (1, 'old', 1)")
        change = ("ormtest.Page", {"id": 1, "body": "new", "version": 1})
        assert office.send({}, change)[0] is True
        office.start()

        assert office.send({}, change)[0] is True
        assert stored(engine, "select body, version from page") == [("new", 2)]

    def test_that_was_refused_is_refused_again(self, office: Office, engine: Engine) -> None:
        fill(engine, "insert into job (id, title) values (1, 'dig')")
        new = ("ormtest.Job", {"title": "dig"})
        result, _ = office.send({}, new)
        assert result == "constraint-violation: another record has the same title"
        fill(engine, "delete from job")
        office.start()

        assert office.send({}, new)[0] == result
        assert stored(engine, "select * from job") == []

    def test_that_was_refused_by_a_hook_is_not_asked_of_it_again(
        self, office: Office, engine: Engine
    ) -> None:
        asked: list[str] = []

        class Refuses(OrmCrudExtension):
            def beforeUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                asked.append(tuple_.name)
                raise Rejected("nobody is hired", code="no-vacancy")

        office.extend(Worker, Refuses())
        assert office.send({}, NEW)[0] == "no-vacancy: nobody is hired"
        office.start()

        assert office.send({}, NEW)[0] == "no-vacancy: nobody is hired"
        assert asked == ["eve"]

    def test_that_stands_though_its_rows_could_not_be_shown_is_answered_when_they_can(
        self, office: Office, engine: Engine
    ) -> None:
        class Fails(OrmCrudExtension):
            isBroken = True

            def uiData(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                if self.isBroken:
                    raise Rejected("not to be shown", code="hidden")

        fails = Fails()
        office.extend(Worker, fails)
        assert office.send({}, NEW)[0] == "hidden: not to be shown"
        office.start()
        fails.isBroken = False

        result, rows = office.send({}, NEW)

        assert (result, rows[0]["name"]) == (True, "eve")
        assert workers(engine) == [(1, "eve")]

    def test_of_a_class_that_is_not_served_any_more_says_so(self, office: Office, engine: Engine) -> None:
        office.send({}, NEW)
        office.classes = (Job,)
        office.start()

        result, _ = office.send({}, NEW)
        assert result == "bad-payload: the rows of ormtest.Worker are not served here any more"


class TestADelete:
    def test_is_done_once(self, office: Office, engine: Engine) -> None:
        fill(engine, "insert into worker (id, name) values (1, 'eve'), (2, 'ada')")
        delete = {"id": 1, "delete": True}
        assert office.send(delete) == (True, [])
        office.start()

        assert office.send(delete) == (True, [])
        assert workers(engine) == [(2, "ada")]

    def test_is_answered_with_what_is_left_where_all_is_retrieved(
        self, made: None, sessions: Sessions, clock: Clock, engine: Engine
    ) -> None:
        fill(engine, "insert into worker (id, name) values (1, 'eve'), (2, 'ada')")
        office = Office(sessions, clock, Worker, retrieveAll=True)
        delete = {"id": 1, "delete": True}
        assert [row["name"] for row in office.send(delete)[1]] == ["ada"]
        office.start()

        result, rows = office.send(delete)

        assert (result, [row["name"] for row in rows]) == (True, ["ada"])


class TestALoad:
    def test_is_not_recorded(self, office: Office, engine: Engine) -> None:
        fill(engine, "insert into worker (id, name) values (1, 'eve')")

        assert office.send({"id": 1})[1][0]["name"] == "eve"
        assert stored(engine, "select * from vortex_action_marks") == []


class TestACancel:
    @pytest.fixture
    def server(self, clock: Clock) -> ThreadedVortex:
        return ThreadedVortex("server", reactor=clock)

    @pytest.fixture
    def handler(self, made: None, server: ThreadedVortex, sessions: Sessions) -> Iterator[OrmCrudHandler]:
        handler = OrmCrudHandler(sessions, Worker, FILT, vortex=server)
        yield handler
        handler.shutdown()

    @pytest.fixture
    def client(self, server: ThreadedVortex, handler: OrmCrudHandler) -> NativeClient:
        client = NativeClient(server)
        client.begin()
        return client

    def work(self, server: ThreadedVortex) -> None:
        while server.waiting:
            server.waiting.pop(0)()

    def test_of_what_waits_for_its_turn_leaves_it_undone(
        self, client: NativeClient, server: ThreadedVortex, engine: Engine
    ) -> None:
        client.send(1, FILT, [NEW])
        client.send(2, FILT, [("ormtest.Worker", {"name": "unwanted"})])
        client.send(3, FILT, [("ormtest.Worker", {"name": "ada"})])
        with capturedLogs() as logs:
            client.cancel(2)
            self.work(server)

        assert [name for _, name in workers(engine)] == ["eve", "ada"]
        assert [action for action, _ in client.replies] == [1, 3]
        assert [event for event in logs if "log_failure" in event] == []

    def test_of_what_is_being_done_lets_it_end_and_its_outcome_be_known(
        self, client: NativeClient, server: ThreadedVortex, engine: Engine
    ) -> None:
        client.send(1, FILT, [NEW])
        client.cancel(1)
        self.work(server)

        assert workers(engine) == [(1, "eve")]
        assert client.replies == []
        client.begin(next=2)
        client.send(1, FILT, [NEW])
        assert client.replies == [(1, True)]
