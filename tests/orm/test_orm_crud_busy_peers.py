"""A peer that goes on asking and saving, faster than rows can be read: it sees what others do."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.handlers.nodes import Client, ThreadedVortex, resultOf
from tests.orm.rows import EVERYTHING, FILT, Job, Sessions, fill, inMemory, offTheWire, sessionsOf
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID

PLAIN_OR_LIVE = pytest.mark.parametrize("live", [{}, {"live": {}}], ids=["plain", "live"])


@pytest.fixture
def sessions() -> Any:
    engine = inMemory()
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
    yield sessionsOf(engine)
    engine.dispose()


@pytest.fixture
def server(clock: Clock) -> ThreadedVortex:
    return ThreadedVortex("server", reactor=clock)


@pytest.fixture
def everything(server: ThreadedVortex, sessions: Sessions) -> Any:
    """With a hook, so that all rows are read again whichever has changed."""
    handler = OrmCrudHandler(sessions, Job, EVERYTHING, True, server)
    handler.addExtension(Job, OrmCrudExtension())
    yield handler
    handler.shutdown()


def client(server: ThreadedVortex, clock: Clock, name: str) -> Client:
    return Client(server, clock, name, key="jobs.all")


def finish(server: ThreadedVortex, ada: Client) -> None:
    """Let the threads do all that there is to do."""
    while server.waiting:
        server.waiting.pop(0)()
        ada.settle()


def save(ada: Client, key: int, title: str, filt: dict[str, Any] = EVERYTHING) -> Any:
    return ada.request(filt, [offTheWire(Job, id=key, title=title)])


def titles(ada: Client, key: int) -> list[str]:
    """What the row was called in all that came unasked, in order, and in what its saves were answered."""
    return [
        row.title
        for each in ada.came
        if MESSAGE_ID not in each.filt or each.result is True
        for row in each.tuples
        if row.id == key
    ]


class TestAPeerThatGoesOnSaving:
    @PLAIN_OR_LIVE
    def test_sees_what_others_save(
        self, server: ThreadedVortex, clock: Clock, everything: OrmCrudHandler, live: dict[str, Any]
    ) -> None:
        ada, bob = client(server, clock, "ada"), client(server, clock, "bob")
        ada.request({**EVERYTHING, **live})
        finish(server, ada)
        save(bob, 2, "of bob")
        server.waiting.pop()()
        ada.settle()
        for number in range(10):
            save(ada, 1, f"of ada {number}")
            server.waiting.pop()()  # the save, if it is under way, and then the rows are read
            ada.settle()
            if server.waiting:
                server.waiting.pop(0)()
                ada.settle()
            clock.advance(1)

        assert "of bob" in titles(ada, 2)
        seen = [int(title.rpartition(" ")[2]) for title in titles(ada, 1) if "of ada" in title]
        assert seen == sorted(seen)
        assert len(set(seen)) > 4
        finish(server, ada)
        assert titles(ada, 1)[-1] == "of ada 9"

    def test_is_not_kept_waiting_for_long_by_rows_that_cannot_be_read(
        self, server: ThreadedVortex, clock: Clock, everything: OrmCrudHandler
    ) -> None:
        ada = client(server, clock, "ada")
        ada.request({**EVERYTHING, "live": {}})
        finish(server, ada)
        for number in range(2):
            save(ada, 1, f"of ada {number}")
            server.waiting.pop()()
            ada.settle()
            if not number:
                server.waiting.pop(0)()  # which rows may have changed; all are read then
                ada.settle()
        server.waiting.pop(0)()  # what was read before the second save: now ada is late
        ada.settle()
        saved = save(ada, 1, "of ada 2")
        server.waiting.clear()  # what is read comes to no end
        clock.advance(20)
        finish(server, ada)

        assert resultOf(saved).result is True


class TestALoad:
    @PLAIN_OR_LIVE
    def test_is_answered_though_its_peer_goes_on_saving_elsewhere(
        self,
        server: ThreadedVortex,
        clock: Clock,
        sessions: Sessions,
        everything: OrmCrudHandler,
        live: dict[str, Any],
    ) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server)
        ada = client(server, clock, "ada")
        asked = ada.request({**EVERYTHING, **live})
        save(ada, 1, "of ada 0", FILT)
        server.waiting.pop()()
        ada.settle()
        server.waiting.pop(0)()  # what was read before that
        ada.settle()
        assert not asked.called
        reading = server.waiting[:]
        saved = save(ada, 1, "of ada 1", FILT)
        assert server.waiting == reading  # it is not begun
        for _ in reading:
            server.waiting.pop(0)()
            ada.settle()

        assert [row.title for row in resultOf(asked).tuples] == ["of ada 0", "sow"]
        assert not saved.called
        finish(server, ada)
        assert resultOf(saved).result is True
        jobs.shutdown()


class TestAPeerThatAlwaysWaitsForSomething:
    @pytest.mark.parametrize("isSave", [False, True], ids=["loads", "saves"])
    def test_is_told_what_others_save(
        self, server: ThreadedVortex, clock: Clock, everything: OrmCrudHandler, isSave: bool
    ) -> None:
        ada, bob = client(server, clock, "ada"), client(server, clock, "bob")
        ada.request(EVERYTHING)
        finish(server, ada)

        def ask(number: int) -> None:
            if isSave:
                save(ada, 2, f"of ada {number}")
            else:
                ada.request({**EVERYTHING, "id": 2})

        ask(0)
        for number in range(1, 11):
            ask(number)  # the next comes before the one before is answered
            save(bob, 1, f"of bob {number}")
            for work in [server.waiting.pop(0) for _ in range(len(server.waiting))]:
                work()
                ada.settle()
            clock.advance(1)

        told = titles(ada, 1)
        assert len(told) > 2
        finish(server, ada)
        assert titles(ada, 1)[-1] == "of bob 10"
