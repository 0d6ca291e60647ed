"""Peers that read no live data, of a handler of models: what is remembered of them, and for how long."""

from __future__ import annotations

import gc
import weakref
from typing import Any, ClassVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, resultOf, settle
from vortex import Tuple, TupleField, addTupleType
from vortex.errors import RemoteError
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID

FILT = {"key": "jobs"}


@addTupleType
class Job(Tuple):
    __tupleType__ = "notifiedtest.Job"
    id: int = TupleField(key=True)
    title: str = ""


class Jobs(ModelHandler):
    """One job, of the title that the test gives it."""

    def __init__(self, vortex: Vortex) -> None:
        super().__init__("jobs", vortex)
        self.title = "dig"

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Job]:
        return [Job(id=1, title=self.title)]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The filts of what is watched."""
        return [watch.subject.what.filt for watch in self._live.watches if watch.watchers]


@pytest.fixture
def jobs(server: Vortex) -> Jobs:
    return Jobs(server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob")


def told(jobs: Jobs, *clients: Client) -> list[list[Any]]:
    """The ids that each was asked with, of what each is sent at an update."""
    for client in clients:
        client.came.clear()
    jobs.sendModelUpdate()
    clients[0].settle()
    return [sorted(filt.get("id", filt) for filt, _ in client.pushed) for client in clients]


class TestWhatIsRemembered:
    def test_is_once_per_filt_and_peer(self, jobs: Jobs, ada: Client, bob: Client) -> None:
        for client in (ada, ada, bob):
            client.ask({**FILT, "id": 7})

        assert jobs.asked == [{**FILT, "id": 7}]
        assert told(jobs, ada, bob) == [[7], [7]]

    def test_is_of_peers_that_are_there(self, jobs: Jobs, server: Vortex, ada: Client) -> None:
        ada.request(FILT).addErrback(lambda _: None)
        ada.link.cut()

        assert jobs.asked == []

    def test_stays_though_it_could_not_be_built_at_first(self, jobs: Jobs, ada: Client) -> None:
        build, jobs.buildModel = jobs.buildModel, lambda filt, delivery=None: filt["x"]  # type: ignore[method-assign]
        with pytest.raises(RemoteError):
            ada.ask({**FILT, "id": 1})
        jobs.buildModel = build  # type: ignore[method-assign]

        assert told(jobs, ada) == [[1]]

    def test_is_not_built_again_and_again_if_it_cannot_be(
        self, jobs: Jobs, ada: Client, clock: Clock
    ) -> None:
        ada.ask(FILT)
        ada.came.clear()
        asked: list[float] = []

        def build(filt: dict[str, Any], delivery: Delivery | None = None) -> list[Job]:
            asked.append(clock.seconds())
            raise ValueError("no")

        jobs.buildModel = build  # type: ignore[method-assign]
        with capturedLogs() as logged:
            assert resultOf(jobs.sendModelUpdate()) == 0
            for _ in range(600):
                clock.advance(1)

        assert len(asked) == len(logged) == 1 + 3
        assert ada.came == []

    def test_is_nothing_of_a_state_that_nobody_compares(self, jobs: Jobs, ada: Client) -> None:
        """Nobody comes back for a position, so nothing is kept for that."""
        ada.ask(FILT)
        jobs.sendModelUpdate()
        ada.settle()
        (watch,) = jobs._live.watches
        assert (watch.state.size, watch.state.keyFields) == (0, None)

        ada.link.cut()

        assert jobs._live.watches == ()

    def test_is_forgotten_in_the_turn_in_which_the_peer_goes(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        ada.ask({**FILT, "id": 1})
        ada.ask({**FILT, "id": 2})
        bob.ask({**FILT, "id": 2})

        ada.link.cut()

        assert jobs.asked == [{**FILT, "id": 2}]

    def test_is_not_touched_when_another_of_the_same_uuid_goes(
        self, jobs: Jobs, server: Vortex, clock: Clock
    ) -> None:
        first, second = Client(server, clock), Client(server, clock)
        second.peer.uuid = first.peer.uuid  # type: ignore[misc]
        for client in (first, second):
            client.ask({**FILT, "id": 1})

        first.link.cut()

        assert told(jobs, second) == [[1]]

    def test_ends_with_the_handler(self, server: Vortex, ada: Client) -> None:
        jobs = Jobs(server)
        ada.ask(FILT)

        jobs.shutdown()
        assert jobs.asked == []
        gone = weakref.ref(jobs._live)
        del jobs
        gc.collect()

        assert gone() is None
        assert server._peerCallbacks == []
        ada.link.cut()


class TestTheBound:
    def test_forgets_what_was_asked_longest_ago(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(maxWatchesPerPeer=3))
        jobs, ada, bob = Jobs(server), Client(server, clock, "ada"), Client(server, clock, "bob")
        bob.ask({**FILT, "id": 1})
        for number in (1, 2, 3, 1, 4):
            ada.ask({**FILT, "id": number})

        assert told(jobs, ada, bob) == [[1, 3, 4], [1]]
        assert server.counters["watchesForgotten"] == 1
        assert server.counters["watchesRefused"] == 0

    def test_is_256_unless_it_is_said_otherwise(self, jobs: Jobs, ada: Client) -> None:
        for number in range(300):
            ada.ask({**FILT, "id": number})

        assert [filt["id"] for filt in jobs.asked] == list(range(44, 300))

    def test_in_bytes_forgets_what_was_asked_longest_ago(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(maxWatchBytesPerPeer=1_000))
        jobs, ada, bob = Jobs(server), Client(server, clock, "ada"), Client(server, clock, "bob")
        bob.ask({**FILT, "id": "x" * 400})
        for letter in ("a", "b", "a", "c"):
            ada.ask({**FILT, "id": letter * 400})

        assert told(jobs, ada, bob) == [["a" * 400, "c" * 400], ["x" * 400]]

    def test_in_bytes_is_one_mebibyte_and_a_longer_filt_is_answered_and_not_remembered(
        self, jobs: Jobs, server: Vortex, ada: Client
    ) -> None:
        ada.ask({**FILT, "id": 1})

        long = {**FILT, "ids": ["x" * 1_000] * 1_100}
        assert [job.title for job in ada.ask(long).tuples] == ["dig"]

        assert told(jobs, ada) == [[1]]
        assert server.counters["watchesForgotten"] == 1

    def test_forgets_nobody_who_reads_live_data(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(maxWatchesPerPeer=3))
        jobs, ada = Jobs(server), Client(server, clock, "ada")
        ada.ask({**FILT, "id": 0, "live": {}})
        for number in (1, 2, 3, 4):
            ada.ask({**FILT, "id": number})
        assert [filt["id"] for filt in jobs.asked] == [0, 3, 4]

        for number in (5, 6):
            ada.ask({**FILT, "id": number, "live": {}})
        assert [filt["id"] for filt in jobs.asked] == [0, 5, 6]
        with pytest.raises(RemoteError, match="you watch 3 things already"):
            ada.ask({**FILT, "id": 7, "live": {}})
        assert ada.ask({**FILT, "id": 8}).tuples

        assert [filt["id"] for filt in jobs.asked] == [0, 5, 6]
        assert server.counters["watchesRefused"] == 1


class TestAnAnswer:
    def test_is_not_overtaken_by_a_push_though_its_watch_was_forgotten(self, clock: Clock) -> None:
        """It is asked for again meanwhile, and so there is another watch of it, which waits its turn."""

        class Slow(Jobs):
            building: ClassVar[list[Deferred[list[Job]]]] = []

            def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
                if filt["id"] != 1 or delivery is None:
                    return super().buildModel(filt, delivery)
                self.building.append(Deferred())
                return self.building[-1]

        server = Vortex("server", reactor=clock, limits=Limits(maxWatchesPerPeer=2))
        jobs, ada = Slow(server), Client(server, clock, "ada")
        for number in (1, 2, 3, 1):
            ada.request({**FILT, "id": number})
        jobs.title = "newer"
        ada.came.clear()
        jobs.sendModelUpdate()
        ada.settle()
        assert 1 not in [each.filt["id"] for each in ada.came]
        for title in ("older", "newest"):
            jobs.building.pop(0).callback([Job(id=1, title=title)])
            ada.settle()

        ofOne = [each for each in ada.came if each.filt["id"] == 1]
        assert [each.tuples[0].title for each in ofOne] == ["older", "newer", "newest"]
        assert [MESSAGE_ID in each.filt for each in ofOne] == [True, False, True]


class TestAPeerThatReadsBoth:
    def test_is_told_of_each_in_its_way(self, jobs: Jobs, ada: Client, clock: Clock) -> None:
        ada.ask({**FILT, "live": {}})
        ada.ask(FILT)
        ada.came.clear()
        jobs.title = "dug"

        assert resultOf(jobs.sendModelUpdate()) == 2
        settle(clock)

        assert sorted(("view" in filt, tuples[0].title) for filt, tuples in ada.pushed) == [
            (False, "dug"),
            (True, "dug"),
        ]

    def test_is_not_answered_before_what_it_was_told_earlier(self, jobs: Jobs, ada: Client) -> None:
        """Though one of the ways is of less importance to it, and waits."""
        ada.ask({**FILT, "live": {"policy": {"priority": 500}}})
        ada.ask(FILT)
        ada.came.clear()
        ada.link.pause()
        jobs.title = "older"
        jobs.sendModelUpdate()
        jobs.title = "newer"
        ada.request(FILT)
        ada.link.pause(False)
        ada.settle()

        titles = [each.tuples[0].title for each in ada.came if "view" not in each.filt]
        assert titles == ["older", "newer"]
