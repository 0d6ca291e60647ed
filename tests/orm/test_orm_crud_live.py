"""Rows as live data: who reads that is told what has changed, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client
from tests.orm.rows import EVERYTHING, FILT, ROW_1, Job, Seat, Sessions, Tool, fill, offTheWire, shown
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.ports import Peer

LIVE = {**EVERYTHING, "live": {}}


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada", key="jobs.all")


@pytest.fixture
def selects(engine: Engine) -> list[str]:
    """What is asked of the database from here on."""
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        if arguments[2].startswith("SELECT"):
            asked.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    return asked


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


def views(client: Client) -> list[tuple[dict[str, Any], list[tuple[Any, ...]]]]:
    """What was pushed: `view` without the watch's number, and the rows."""
    told = []
    for filt, tuples in client.pushed:
        assert filt.keys() == {"key", "view"}
        told.append(({key: value for key, value in filt["view"].items() if key != "w"}, shown(tuples)))
    return told


class TestAllRows:
    def test_come_whole_and_keyed_by_their_primary_key(self, everything: OrmCrudHandler, ada: Client) -> None:
        answer = ada.ask(LIVE)

        assert shown(answer.tuples) == [(1, "dig"), (2, "sow")]
        view = answer.filt["view"]
        assert (view["s"], view["k"]) == (1, {"ormtest.Job": ["id"]})

    def test_change_by_the_row_that_was_saved(
        self, everything: OrmCrudHandler, ada: Client, bob: Client, selects: list[str]
    ) -> None:
        ada.ask(LIVE)

        bob.ask(EVERYTHING, [job(id=2, title="reap")])

        assert views(ada) == [({"f": 1, "t": 2}, [(2, "reap")])]
        assert sum("ORDER BY" in statement for statement in selects) == 1  # her own load

    def test_get_a_new_row_at_their_end(
        self, everything: OrmCrudHandler, ada: Client, bob: Client, selects: list[str]
    ) -> None:
        ada.ask(LIVE)

        bob.ask(EVERYTHING, [job(title="mow"), job(title="rest")])

        assert views(ada) == [({"f": 1, "t": 2}, [(3, "mow"), (4, "rest")])]
        assert sum("ORDER BY" in statement for statement in selects) == 1

    def test_lose_a_row_that_was_deleted(self, everything: OrmCrudHandler, ada: Client, bob: Client) -> None:
        ada.ask(LIVE)

        bob.ask({**EVERYTHING, "delete": True}, [job(id=1)])

        assert views(ada) == [({"f": 1, "t": 2, "x": [1]}, [])]

    def test_get_a_new_row_where_it_belongs(
        self, server: Vortex, sessions: Sessions, twoJobs: None, engine: Engine, ada: Client, bob: Client
    ) -> None:
        everything = OrmCrudHandler(sessions, Job, "jobs.all", True, server, writable=["id", "title"])
        fill(engine, "insert into job (id, title) values (9, 'rest')")
        ada.ask(LIVE)

        bob.ask(EVERYTHING, [job(id=5, title="mow")])

        assert views(ada) == [({"f": 1, "t": 2, "i": [[0, 2]]}, [(5, "mow")])]
        everything.shutdown()

    def test_are_never_what_was_before_what_is_shown_already(
        self,
        server: Vortex,
        clock: Clock,
        everything: OrmCrudHandler,
        ada: Client,
        bob: Client,
        engine: Engine,
    ) -> None:
        ada.ask(LIVE)
        eve = Client(server, clock, "eve", key="jobs.all")
        read = everything._work.rowsAsTheyAre

        def readSlowly(keys: Any) -> Any:
            """By the time that these rows are there, somebody has loaded what came after them."""
            rows = read(keys)
            fill(engine, "update job set title = 'dug twice' where id = 1")
            eve.ask(LIVE)
            return rows

        everything._work.rowsAsTheyAre = readSlowly  # type: ignore[method-assign]
        bob.ask(EVERYTHING, [job(id=1, title="dug")])

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug twice")])]

    def test_of_which_one_cannot_travel_are_read_again_until_they_can(
        self,
        everything: OrmCrudHandler,
        ada: Client,
        bob: Client,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ada.ask(LIVE)
        read, load = everything._work.rowsAsTheyAre, everything._work.load

        def spoilt(*arguments: Any) -> Any:
            rows = read(*arguments)
            assert rows is not None
            rows[1,].note = object()
            return rows

        def spoiltToo(*arguments: Any) -> Any:
            outcome = load(*arguments)
            outcome.tuples[0].note = object()
            return outcome

        monkeypatch.setattr(everything._work, "rowsAsTheyAre", spoilt)
        monkeypatch.setattr(everything._work, "load", spoiltToo)
        with capturedLogs() as logged:
            bob.ask(EVERYTHING, [job(id=1, title="dug")])
        assert views(ada) == []
        (failed,) = [each for each in logged if "watch" in each]
        assert failed["text"].startswith("cannot-encode: ")
        monkeypatch.undo()
        clock.advance(1)
        ada.settle()

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]

    def test_are_not_read_again_while_nobody_sees_them(
        self, everything: OrmCrudHandler, ada: Client, bob: Client, selects: list[str]
    ) -> None:
        bob.ask(EVERYTHING, [job(id=2, title="reap")])
        number = ada.ask(LIVE).filt["view"]["w"]
        ada.send({**EVERYTHING, "live": {"end": number}})
        atFirst, all_ = selects[:-1], selects[-1]

        bob.ask(EVERYTHING, [job(id=2, title="sow")])

        assert selects == [*atFirst, all_, *atFirst]

    def test_are_told_to_the_writer_after_its_own_answer(
        self, everything: OrmCrudHandler, ada: Client
    ) -> None:
        ada.ask(LIVE)

        ada.ask(EVERYTHING, [job(id=1, title="dug")])

        assert [each.result for each in ada.came] == [None, True, None]
        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]

    def test_are_told_as_another_handler_of_the_same_sessions_changes_them(
        self, everything: OrmCrudHandler, jobs: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        ada.ask(LIVE)

        bob.ask(FILT, [job(id=1, title="dug")])

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]

    def test_are_read_again_where_hooks_show_them(
        self, everything: OrmCrudHandler, ada: Client, bob: Client
    ) -> None:
        class Shout(OrmCrudExtension):
            def afterRetrieve(self, tuple_: Any, tuples: Any, session: Any, filt: Mapping[str, Any]) -> None:
                tuple_.title = f"{tuple_.title} of {len(tuples)}"

        everything.addExtension(Job, Shout())
        assert shown(ada.ask(LIVE).tuples) == [(1, "dig of 2"), (2, "sow of 2")]

        bob.ask(EVERYTHING, [job(title="mow")])

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dig of 3"), (2, "sow of 3"), (3, "mow of 3")])]

    def test_of_a_composite_key_are_told_too(
        self, server: Vortex, sessions: Sessions, engine: Engine, clock: Clock
    ) -> None:
        seats = OrmCrudHandler(sessions, Seat, "jobs.all", True, server, writable=["taken"])
        fill(engine, "insert into seat (letter, number, taken) values ('A', 1, 0), ('B', 2, 0)")
        ada, bob = (Client(server, clock, name, key="jobs.all") for name in ("ada", "bob"))
        ada.ask(LIVE)

        bob.ask(EVERYTHING, [offTheWire(Seat, letter="B", number=2, taken=True)])
        bob.ask({**EVERYTHING, "delete": True}, [offTheWire(Seat, letter="A", number=1)])

        assert [{**filt["view"], "w": 0} for filt, _ in ada.pushed] == [
            {"w": 0, "f": 1, "t": 2},
            {"w": 0, "f": 2, "t": 3, "x": [["A", 1]]},
        ]
        assert [(row.letter, row.taken) for row in ada.pushed[0][1]] == [("B", True)]
        seats.shutdown()

    def test_that_have_a_key_beside_the_tables_are_told_by_both(
        self, server: Vortex, sessions: Sessions, engine: Engine, clock: Clock
    ) -> None:
        tools = OrmCrudHandler(sessions, Tool, "jobs.all", True, server)
        fill(engine, "insert into tool (id, label) values (1, 'axe'), (2, 'saw')")
        ada, bob = (Client(server, clock, name, key="jobs.all") for name in ("ada", "bob"))
        ada.ask(LIVE)

        bob.ask({**EVERYTHING, "delete": True}, [offTheWire(Tool, id=1)])

        assert [{**filt["view"], "w": 0} for filt, _ in ada.pushed] == [
            {"w": 0, "f": 1, "t": 2, "x": [[1, "axe"]]}
        ]
        tools.shutdown()

    def test_are_read_once_for_all_who_watch(
        self, everything: OrmCrudHandler, server: Vortex, clock: Clock, bob: Client, selects: list[str]
    ) -> None:
        many = [Client(server, clock, f"client {number}", key="jobs.all") for number in range(20)]
        for client in many:
            client.ask(LIVE)
        del selects[:]

        bob.ask(EVERYTHING, [job(id=1, title="dug")])

        assert [views(client) for client in many] == [[({"f": 1, "t": 2}, [(1, "dug")])]] * 20
        assert sum(" IN " in statement for statement in selects) == 2  # by the save, and for all of them


class TestARow:
    def test_is_told_as_it_changes_and_that_it_is_gone(
        self, server: Vortex, clock: Clock, jobs: OrmCrudHandler, bob: Client
    ) -> None:
        ada = Client(server, clock, "ada")
        assert shown(ada.ask({**ROW_1, "live": {}}).tuples) == [(1, "dig")]

        bob.ask(FILT, [job(id=1, title="dug")])
        bob.ask(FILT, [job(id=2, title="reap")])
        bob.ask({**FILT, "delete": True}, [job(id=1)])

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")]), ({"f": 2, "t": 3, "x": [1]}, [])]


class TestWhatChangesElsewhere:
    def test_is_told_at_a_word_of_the_program(
        self, everything: OrmCrudHandler, engine: Engine, ada: Client
    ) -> None:
        ada.ask(LIVE)

        fill(engine, "update job set title = 'dug' where id = 1")
        everything.sendModelUpdate(1)
        ada.settle()
        fill(engine, "update job set title = 'reap' where id = 2")
        everything.sendModelUpdate()
        ada.settle()

        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")]), ({"f": 2, "t": 3}, [(2, "reap")])]

    def test_is_seen_by_who_asks_and_then_by_all_who_watch(
        self, everything: OrmCrudHandler, server: Vortex, clock: Clock, engine: Engine, ada: Client
    ) -> None:
        ada.ask(LIVE)
        fill(engine, "update job set title = 'dug' where id = 1")

        eve = Client(server, clock, "eve", key="jobs.all")

        assert shown(eve.ask(LIVE).tuples) == [(1, "dug"), (2, "sow")]
        assert views(ada) == [({"f": 1, "t": 2}, [(1, "dug")])]


class TestWhoWatches:
    def test_is_beside_those_who_are_sent_all(
        self, everything: OrmCrudHandler, server: Vortex, clock: Clock, ada: Client, bob: Client
    ) -> None:
        eve = Client(server, clock, "eve", key="jobs.all")
        ada.ask(LIVE)
        eve.ask(EVERYTHING)

        bob.ask(EVERYTHING, [job(id=2, title="reap")])

        assert views(ada) == [({"f": 1, "t": 2}, [(2, "reap")])]
        assert [(filt, shown(tuples)) for filt, tuples in eve.pushed] == [
            (EVERYTHING, [(1, "dig"), (2, "reap")])
        ]

    def test_may_say_that_it_is_enough(self, everything: OrmCrudHandler, ada: Client, bob: Client) -> None:
        number = ada.ask(LIVE).filt["view"]["w"]

        ada.send({**EVERYTHING, "live": {"end": number}})
        bob.ask(EVERYTHING, [job(id=2, title="reap")])

        assert ada.pushed == []

    def test_goes_on_from_its_position(self, everything: OrmCrudHandler, ada: Client, bob: Client) -> None:
        view = ada.ask(LIVE).filt["view"]
        ada.send({**EVERYTHING, "live": {"end": view["w"]}})
        bob.ask(EVERYTHING, [job(id=2, title="reap")])

        answer = ada.ask({**EVERYTHING, "live": {"at": f"{view['e']}.1"}})

        assert (answer.filt["view"]["f"], answer.filt["view"]["t"]) == (1, 2)
        assert shown(answer.tuples) == [(2, "reap")]

    def test_is_told_when_it_may_see_no_more(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client, bob: Client
    ) -> None:
        seers = {"ada", "bob"}

        def access(peer: Peer, _operation: str, _filt: Mapping[str, Any]) -> bool:
            return peer.name in seers

        everything = OrmCrudHandler(sessions, Job, "jobs.all", True, server, access=access)
        ada.ask(LIVE)
        seers.remove("ada")

        bob.ask(EVERYTHING, [job(id=2, title="reap")])

        assert views(ada) == [({"end": "access-denied: you may not see this any more"}, [])]
        everything.shutdown()
