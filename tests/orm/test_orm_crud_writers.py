"""Who has saved a row, and was told so, is shown nothing of that row afterwards that was before."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, resultOf
from tests.orm.rows import EVERYTHING, FILT, ROW_1, Job, Sessions, fill, inMemory, offTheWire, sessionsOf
from tests.orm.slow_threads import Call, SlowVortex
from vortex.errors import RemoteError
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID

LIVE: dict[str, Any] = {"live": {}}


class Scene:
    """
    A server with two handlers of the same rows, and peers.

    Attributes:
        ada, bob: Peers that save a row.
    """

    def __init__(self, sessions: Sessions, clock: Clock, **limits: Any) -> None:
        self.clock = clock
        self.server = SlowVortex("server", reactor=clock, limits=Limits(**limits))
        self.jobs = OrmCrudHandler(sessions, Job, FILT, vortex=self.server)
        self.everything = OrmCrudHandler(sessions, Job, "jobs.all", True, self.server)
        self.ada, self.bob = (_Both(self.server, clock, name) for name in ("ada", "bob"))

    def call(self) -> Call:
        """The next thing that a thread is asked to do."""
        self.ada.settle()
        return self.server.calls.pop(0)

    def work(self) -> None:
        """Let a thread do the next thing that it is asked to do."""
        call = self.call()
        call.works()
        call.isOver()

    def finish(self) -> None:
        """Let the threads do all that there is to do."""
        self.ada.settle()
        while self.server.calls:
            self.work()
            self.ada.settle()

    def load(self, client: Client, filt: dict[str, Any]) -> None:
        client.request(filt)
        self.finish()

    def save(self, client: Client, title: str, key: str = "jobs") -> Deferred[Payload]:
        return client.request({"key": key}, [offTheWire(Job, id=1, title=title)])

    def shutdown(self) -> None:
        self.jobs.shutdown()
        self.everything.shutdown()


class _Both(Client):
    """A client of both handlers."""

    def __init__(self, server: Vortex, clock: Clock, name: str) -> None:
        super().__init__(server, clock, name)
        self._other = type(self._endpoint)({"key": "jobs.all"}, self._take, self.vortex)


@pytest.fixture
def sessions() -> Any:
    engine = inMemory()
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")
    yield sessionsOf(engine)
    engine.dispose()


def titles(client: Client) -> list[str]:
    """What the row was called in all that came, in order; an answer to a save in capitals."""
    rows = [(row, each.result) for each in client.came for row in each.tuples if row.id == 1]
    return [row.title.upper() if result is True else row.title for row, result in rows]


PLAIN_OR_LIVE = pytest.mark.parametrize("live", [{}, LIVE], ids=["plain", "live"])
ONE_OR_ALL = pytest.mark.parametrize("filt", [ROW_1, EVERYTHING], ids=["one row", "all rows"])


class TestAWriter:
    @PLAIN_OR_LIVE
    @ONE_OR_ALL
    def test_is_not_told_what_was_read_before_its_own_save(
        self, sessions: Sessions, clock: Clock, filt: dict[str, Any], live: dict[str, Any]
    ) -> None:
        scene = Scene(sessions, clock)
        ada, bob = scene.ada, scene.bob
        for client in (ada, bob):
            scene.load(client, {**filt, **live})
            client.came.clear()
        scene.save(bob, "of bob")
        scene.work()
        reading = scene.call()
        reading.works()
        scene.save(ada, "of ada")
        scene.work()
        ada.settle()
        assert titles(ada) == ["OF ADA"]
        reading.isOver()
        ada.settle()
        assert titles(ada) == ["OF ADA"]
        assert titles(bob) == ["OF BOB", "of bob"]
        scene.finish()

        assert titles(ada) == ["OF ADA", "of ada"]
        assert titles(bob) == ["OF BOB", "of bob", "of ada"]
        scene.shutdown()

    @PLAIN_OR_LIVE
    @ONE_OR_ALL
    def test_is_not_told_it_either_if_what_is_now_cannot_be_read(
        self, sessions: Sessions, clock: Clock, filt: dict[str, Any], live: dict[str, Any]
    ) -> None:
        scene = Scene(sessions, clock)
        ada, bob = scene.ada, scene.bob
        for client in (ada, bob):
            scene.load(client, {**filt, **live})
            client.came.clear()
        scene.save(bob, "of bob")
        scene.work()
        reading = scene.call()
        reading.works()
        scene.save(ada, "of ada")
        scene.work()
        ada.settle()
        reading.isOver()
        ada.settle()
        with capturedLogs() as logged:
            while scene.server.calls:
                failing = scene.call()
                failing.fails()
                failing.isOver()
                ada.settle()

        assert any("could not be made again" in each["log_format"] for each in logged)
        assert titles(ada) == ["OF ADA"]
        clock.advance(1)
        scene.finish()
        assert titles(ada) == ["OF ADA", "of ada"]
        scene.shutdown()

    @PLAIN_OR_LIVE
    def test_that_has_asked_another_handler_for_it_is_answered_with_what_is_now(
        self, sessions: Sessions, clock: Clock, live: dict[str, Any]
    ) -> None:
        scene = Scene(sessions, clock)
        ada = scene.ada
        asked = ada.request({**EVERYTHING, **live})
        loading = scene.call()
        loading.works()
        scene.save(ada, "of ada")
        scene.work()
        ada.settle()
        loading.isOver()
        ada.settle()
        assert titles(ada) == ["OF ADA"]
        scene.finish()

        assert titles(ada)[:2] == ["OF ADA", "of ada"]
        assert set(titles(ada)) == {"OF ADA", "of ada"}
        assert [row.title for row in resultOf(asked).tuples] == ["of ada", "sow"]
        scene.shutdown()

    @pytest.mark.parametrize(
        ("limits", "live"),
        [({}, {"live": {"once": True}}), ({"maxWatchesPerPeer": 1}, {})],
        ids=["once", "as much as it may"],
    )
    def test_that_watches_nothing_of_it_is_answered_with_what_is_now_too(
        self, sessions: Sessions, clock: Clock, limits: dict[str, int], live: dict[str, Any]
    ) -> None:
        scene = Scene(sessions, clock, **limits)
        ada = scene.ada
        if limits:
            scene.load(ada, {**EVERYTHING, "x": 1, **LIVE})
        asked = ada.request({**EVERYTHING, **live})
        loading = scene.call()
        loading.works()
        scene.save(ada, "of ada")
        scene.work()
        ada.settle()
        loading.isOver()
        scene.finish()

        assert [row.title for row in resultOf(asked).tuples] == ["of ada", "sow"]
        scene.shutdown()

    def test_is_not_told_it_where_it_begins_to_watch_after_its_save(
        self, sessions: Sessions, clock: Clock
    ) -> None:
        """Though what it asks for cannot be read, and all that comes is what others are told."""
        scene = Scene(sessions, clock)
        ada, bob = scene.ada, scene.bob
        scene.load(bob, ROW_1)
        scene.jobs.sendModelUpdate()
        reading = scene.call()
        reading.works()
        scene.save(ada, "of ada")
        scene.work()
        ada.settle()
        refused = ada.request(ROW_1)
        reading.isOver()
        call = scene.call()
        call.fails()
        with capturedLogs():
            call.isOver()
            ada.settle()
            with pytest.raises(RemoteError):
                resultOf(refused)
        assert titles(ada) == ["OF ADA"]
        clock.advance(1)
        scene.finish()

        assert titles(ada) == ["OF ADA", "of ada"]
        scene.shutdown()

    def test_is_sent_a_state_in_parts_anew(self, sessions: Sessions, clock: Clock) -> None:
        scene = Scene(sessions, clock, watchPartBytes=200, mergeBytes=300)
        ada = scene.ada
        rows = [offTheWire(Job, title=f"job {number} " + "x" * 50) for number in range(3, 30)]
        scene.bob.request(EVERYTHING, rows)
        scene.finish()
        ada.link.pause()
        ada.request({**EVERYTHING, **LIVE})
        scene.finish()
        scene.save(ada, "of ada")
        scene.finish()
        ada.link.pause(False)
        scene.finish()

        place = next(number for number, each in enumerate(ada.came) if each.result is True)
        assert ada.came[0].filt["view"]["p"][0] == 0
        parts = [each.filt["view"]["p"] for each in ada.came[place + 1 :]]
        assert len(parts) > 5
        assert [part for part, _ in parts] == list(range(parts[0][1]))
        assert titles(ada)[-2:] == ["OF ADA", "of ada"]
        scene.shutdown()

    def test_gets_its_answer_after_what_it_was_told_before(self, sessions: Sessions, clock: Clock) -> None:
        """Though that is of less importance to it, and waits."""
        scene = Scene(sessions, clock)
        ada, bob = scene.ada, scene.bob
        scene.load(ada, {**ROW_1, "live": {"policy": {"priority": 500}}})
        ada.came.clear()
        ada.link.pause()
        scene.save(bob, "of bob")
        scene.finish()
        scene.save(ada, "of ada")
        scene.finish()
        ada.link.pause(False)
        ada.settle()

        assert titles(ada) == ["of bob", "OF ADA", "of ada"]
        scene.shutdown()

    def test_that_wants_each_state_is_not_told_those_that_were_before_its_save(
        self, sessions: Sessions, clock: Clock
    ) -> None:
        scene = Scene(sessions, clock, mergeBytes=1)
        ada, bob = scene.ada, scene.bob
        scene.load(ada, {**EVERYTHING, "live": {"policy": {"mode": "all"}}})
        ada.came.clear()
        ada.link.pause()
        scene.load(ada, FILT)  # something that waits for her
        for number in range(2):
            scene.save(bob, f"of bob {number}")
            scene.finish()
        scene.save(ada, "of ada")
        scene.finish()
        ada.link.pause(False)
        scene.finish()
        assert titles(ada) == ["OF ADA", "of ada"]

        ada.link.pause()
        scene.load(ada, FILT)
        for number in range(2, 4):
            scene.save(bob, f"of bob {number}")
            scene.finish()
        ada.link.pause(False)
        scene.finish()
        assert titles(ada)[2:] == ["of bob 2", "of bob 3"]
        scene.shutdown()

    def test_is_told_of_other_rows_meanwhile(self, sessions: Sessions, clock: Clock) -> None:
        scene = Scene(sessions, clock)
        ada, bob = scene.ada, scene.bob
        scene.load(ada, {**FILT, "id": 2, **LIVE})
        ada.came.clear()
        bob.request(FILT, [offTheWire(Job, id=2, title="reap")])
        scene.work()
        reading = scene.call()
        reading.works()
        scene.save(ada, "of ada")
        scene.work()
        reading.isOver()
        ada.settle()

        pushed = [row.title for each in ada.came if MESSAGE_ID not in each.filt for row in each.tuples]
        assert pushed == ["reap"]
        scene.finish()
        scene.shutdown()

    def test_that_has_gone_leaves_nothing(self, sessions: Sessions, clock: Clock) -> None:
        scene = Scene(sessions, clock)
        scene.load(scene.bob, ROW_1)
        scene.save(scene.ada, "of ada")
        scene.finish()
        assert scene.jobs._live._holds._knownFrom
        scene.ada.link.cut()

        assert scene.jobs._live._holds._knownFrom == {}
        scene.shutdown()


class TestASaveThatIsNoNews:
    def test_lets_the_writer_have_what_was_held_back(self, sessions: Sessions, clock: Clock) -> None:
        """Somebody's load has found the row before the writer was answered, who was busy reading then."""
        scene = Scene(sessions, clock, mergeBytes=1)
        ada, bob = scene.ada, scene.bob
        scene.load(ada, {**EVERYTHING, **LIVE})
        ada.came.clear()
        ada.link.pause()
        scene.load(ada, FILT)
        scene.save(ada, "of ada")
        saving = scene.call()
        saving.works()
        scene.load(bob, {**EVERYTHING, **LIVE})
        saving.isOver()
        ada.settle()
        reading = scene.call()
        ada.link.pause(False)
        ada.settle()
        assert titles(ada) == ["OF ADA"]
        reading.works()
        reading.isOver()
        ada.settle()

        assert titles(ada) == ["OF ADA", "of ada"]
        scene.shutdown()
