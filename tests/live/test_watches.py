"""Who watches what: what happens between asking and being answered, and what is left of those who went."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.handlers.live_scene import ALL, FILT, Client, Job, Scene, View, jobs, scene
from tests.handlers.test_live_promises import created, deleted, timers
from vortex import Limits, Payload, Rejected, RemoteError, TupleSelector
from vortex.live.positions import positionsOf
from vortex.live.watch import ADOPTED, LiveWatch, Subject
from vortex.live.watches import LiveWatches
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

OTHER = TupleSelector(name="livetest.Job", selector={"other": True})


@pytest.fixture
def live() -> Iterator[Scene]:
    with scene() as made:
        yield made


class Slowly:
    """A provider whose every call waits until the test says what it gives."""

    def __init__(self, live: Scene) -> None:
        self.calls: list[Deferred[Any]] = []
        self._harness = live.harness
        live.make = self._make

    def _make(self, _selector: TupleSelector, _peer: Any) -> Deferred[Any]:
        self.calls.append(Deferred())
        return self.calls[-1]

    def gives(self, records: list[Any]) -> None:
        self._next().callback(records)
        self._harness.settle()

    def fails(self, error: Exception) -> None:
        with capturedLogs():
            self._next().errback(error)
            self._harness.settle()

    @property
    def waiting(self) -> int:
        return sum(not call.called for call in self.calls)

    def _next(self) -> Deferred[Any]:
        return next(call for call in self.calls if not call.called)


def viewOf(client: Client) -> View:
    (view,) = client.views.values()
    return view


def nothingIsLeft(live: Scene) -> None:
    watches = live.observable._watches
    assert watches.watches == ()
    roster = watches._roster
    assert (watches._byAbout, roster._watchers, roster._lines, roster._bytes) == ({}, {}, {}, {})
    assert (len(watches._waiting), len(watches._lingering)) == (0, 0)
    assert watches._lingering._bytes == 0
    assert timers(live) == []


class TestWhileAStateIsMade:
    def test_all_who_ask_share_the_making(self, live: Scene) -> None:
        slowly = Slowly(live)
        clients = [live.client(f"client {number}") for number in range(5)]
        for client in clients:
            client.ask()
        assert len(slowly.calls) == 1

        slowly.gives(jobs(1))

        assert [viewOf(client).tuples for client in clients] == [jobs(1)] * 5
        assert len(slowly.calls) == 1

    def test_who_asks_after_a_change_is_not_answered_with_what_was_before(self, live: Scene) -> None:
        first, second = live.client("first"), live.client("second")
        first.watch()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)

        second.ask()
        assert second.views == {}
        slowly.gives(jobs(7))

        assert viewOf(second).states == {2: jobs(7)}
        assert len(slowly.calls) == 1

    def test_who_asks_after_a_change_waits_for_the_making_that_knows_of_it(self, live: Scene) -> None:
        first, second = live.client("first"), live.client("second")
        slowly = Slowly(live)
        first.ask()
        live.observable.notifyOfTupleUpdate(ALL)
        second.ask()
        slowly.gives(jobs(1))
        assert (viewOf(first).tuples, second.views) == (jobs(1), {})

        slowly.gives(jobs(2))

        assert viewOf(second).states == {2: jobs(2)}
        assert len(slowly.calls) == 2

    def test_many_notifications_are_one_more_making(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        slowly = Slowly(live)
        told = [live.observable.notifyOfTupleUpdate(ALL) for _ in range(10)]
        assert slowly.waiting == 1
        slowly.gives(jobs(1))
        assert slowly.waiting == 1
        slowly.gives(jobs(1, 2))

        assert len(slowly.calls) == 2
        assert [live.harness.resultOf(each) for each in told] == [1] * 10
        assert viewOf(client).states == {1: jobs(1, 2, 3), 2: jobs(1), 3: jobs(1, 2)}

    def test_what_is_told_of_it_is_not_undone_by_what_was_made_before(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)
        live.observable.notifyOfTupleUpdate(ALL, created(4))
        slowly.gives(jobs(1, 2, 3))
        slowly.gives(jobs(1, 2, 3, 4))

        assert viewOf(client).tuples == jobs(1, 2, 3, 4)
        assert len(slowly.calls) == 2

    def test_a_peer_that_goes_leaves_nothing(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client()
        client.ask()
        client.close()
        slowly.gives(jobs(1))

        assert client.views == {}
        live.harness.advance(61)
        nothingIsLeft(live)

    def test_a_peer_that_goes_takes_nothing_from_another(self, live: Scene) -> None:
        slowly = Slowly(live)
        goes, stays = live.client("goes"), live.client("stays")
        goes.ask()
        stays.ask()
        goes.close()
        slowly.gives(jobs(1))

        assert viewOf(stays).tuples == jobs(1)

    def test_who_unsubscribes_is_answered_and_told_nothing_more(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client("plain", "vortexpy")
        asked = client.request(subscribe=True)
        client.send(tupleSelector=ALL, unsubscribe=True)
        slowly.gives(jobs(1))

        assert live.harness.resultOf(asked).tuples == jobs(1)
        live.make = lambda _selector, _peer: jobs(2)
        assert live.notify() == 0
        assert len(client.came) == 1
        live.harness.advance(60)
        nothingIsLeft(live)

    def test_who_ends_and_asks_again_watches_once(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client()
        first = client.ask()
        client.send(live={"end": live.watches[0].number})
        second = client.ask()
        slowly.gives(jobs(1))

        with pytest.raises(RemoteError, match="is over"):
            live.harness.resultOf(first)
        assert live.harness.resultOf(second).tuples == jobs(1)
        told = live.observable.notifyOfTupleUpdate(ALL)
        slowly.gives(jobs(2))
        assert live.harness.resultOf(told) == 1
        assert viewOf(client).tuples == jobs(2)

    def test_who_cancels_its_request_is_not_remembered(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client()
        asked = client.ask()
        asked.addErrback(lambda _: None)
        asked.cancel()
        live.harness.settle()
        slowly.gives(jobs(1))
        live.make = lambda _selector, _peer: jobs(2)

        assert live.notify() == 0
        live.harness.advance(60)
        nothingIsLeft(live)

    def test_who_waits_for_the_next_making_is_told_when_there_is_none(self, live: Scene) -> None:
        slowly = Slowly(live)
        first, second = live.client("first"), live.client("second")
        asked = [first.ask()]
        told = live.observable.notifyOfTupleUpdate(ALL)
        asked.append(second.ask())
        live.observable.shutdown()
        slowly.gives(jobs(1))

        assert live.harness.resultOf(told) == 0
        for each in asked:
            with pytest.raises(RemoteError, match=r"is over|not offered any more"):
                live.harness.resultOf(each)
        assert len(slowly.calls) == 1
        nothingIsLeft(live)

    def test_who_may_not_any_more_is_not_answered_with_it(self) -> None:
        may = [True, True]
        with scene(access=lambda _peer, _operation, _filt: all(may)) as live:
            slowly = Slowly(live)
            client, plain = live.client(), live.client("plain", "vortexpy")
            asked = [client.ask(), plain.request(subscribe=True), plain.request(subscribe=False)]
            may[0] = False
            slowly.gives(jobs(1))
            slowly.gives(jobs(1))

            for each in asked:
                with pytest.raises(RemoteError) as error:
                    live.harness.resultOf(each)
                assert error.value.code == "access-denied"
            live.harness.advance(60)
            nothingIsLeft(live)

    def test_one_handler_that_is_shut_down_answers_that_it_is(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client()
        asked = [client.ask(), client.request(subscribe=False), client.request(OTHER, subscribe=False)]
        live.observable.shutdown()

        for each in asked:
            with pytest.raises(RemoteError, match="this is not offered any more"):
                live.harness.resultOf(each)
        nothingIsLeft(live)
        slowly.gives(jobs(1))
        assert client.views == {}


class TestAStateThatCannotBeMade:
    def test_at_first_is_answered_and_nothing_is_left(self, live: Scene) -> None:
        slowly = Slowly(live)
        client = live.client()
        asked = client.ask()
        slowly.fails(Rejected("no such list", code="no-list"))

        with pytest.raises(RemoteError) as error:
            live.harness.resultOf(asked)
        assert (error.value.code, str(error.value)) == ("no-list", "no such list")
        nothingIsLeft(live)

    def test_of_what_cannot_travel_is_none(self, live: Scene) -> None:
        live.jobs = [object()]
        with capturedLogs(), pytest.raises(RemoteError) as error:
            live.harness.resultOf(live.client().ask())

        assert error.value.code == "cannot-encode"
        nothingIsLeft(live)

    @pytest.mark.parametrize("given", ["text", {"a": 1}, 5, jobs(1)[0]])
    def test_of_what_is_no_list_is_none(self, live: Scene, given: Any) -> None:
        live.make = lambda _selector, _peer: given
        with capturedLogs() as logs, pytest.raises(RemoteError) as error:
            live.harness.resultOf(live.client().ask())

        assert error.value.code == "internal"
        assert any("should return a list" in str(event.get("log_failure")) for event in logs)

    def test_nothing_is_an_empty_list(self, live: Scene) -> None:
        live.make = lambda _selector, _peer: None

        assert live.client().watch().tuples == []

    def test_later_leaves_everybody_what_they_have_and_is_made_at_the_next_change(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        slowly = Slowly(live)
        told = live.observable.notifyOfTupleUpdate(ALL)
        with capturedLogs() as logs:
            slowly._next().errback(ZeroDivisionError())

        assert live.harness.resultOf(told) == 0
        assert any("keeps what they have" in event["log_format"] for event in logs)
        assert (view.tuples, client.pushes) == (jobs(1, 2, 3), [])
        again = live.observable.notifyOfTupleUpdate(ALL)
        slowly.gives(jobs(4))
        assert live.harness.resultOf(again) == 1
        assert view.tuples == jobs(4)

    def test_later_is_an_error_for_who_asks_for_it_and_nobody_else(self, live: Scene) -> None:
        first, second = live.client("first"), live.client("second")
        view = first.watch()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)
        slowly.fails(Rejected("not now"))
        asked = second.ask()
        slowly.fails(Rejected("still not"))

        with pytest.raises(RemoteError, match="still not"):
            live.harness.resultOf(asked)
        live.observable.notifyOfTupleUpdate(ALL)
        slowly.gives(jobs(5))
        assert view.tuples == jobs(5)
        assert second.pushes == []

    def test_later_is_made_again_after_a_while_for_those_who_watch(self, live: Scene) -> None:
        client, plain = live.client(), live.client("plain", wire="vortexpy")
        view = client.watch()
        plain.request(subscribe=True)
        plain.came.clear()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)
        slowly.fails(Rejected("not now"))
        live.harness.advance(1)
        slowly.fails(Rejected("still not"))
        live.harness.advance(2)
        slowly.gives(jobs(4))

        assert view.tuples == jobs(4)
        assert [tuples for _, tuples in plain.came] == [jobs(4)]
        live.harness.advance(200)
        assert len(slowly.calls) == 3

    def test_later_is_not_made_again_when_nobody_watches(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)
        slowly.fails(Rejected("not now"))
        client.close()
        live.harness.advance(200)

        assert len(slowly.calls) == 1
        nothingIsLeft(live)

    def test_of_what_is_told_is_made_instead(self, live: Scene) -> None:
        view = live.client().watch()
        slowly = Slowly(live)
        live.observable.notifyOfTupleUpdate(ALL)
        slowly.fails(Rejected("not now"))

        told = live.observable.notifyOfTupleUpdate(ALL, created(9))
        slowly.gives(jobs(1, 2, 3, 8, 9))

        assert live.harness.resultOf(told) == 1
        assert view.tuples == jobs(1, 2, 3, 8, 9)


class TestAskingAgain:
    def test_with_a_better_priority_overtakes_nothing_that_waits(self, live: Scene) -> None:
        client = live.client()
        client.link._pipe.server.pauseProducing()
        client.ask()
        for number in range(4, 8):
            live.notify(changes=created(number))
            if number == 5:
                client.ask(policy={"priority": 5})
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        view = viewOf(client)
        assert list(view.states) == [1, 2, 3, 4, 5]
        assert view.tuples == jobs(1, 2, 3, 4, 5, 6, 7)

    def test_after_the_end_overtakes_nothing_either(self, live: Scene) -> None:
        client, other = live.client(), live.client("other")
        other.watch()
        client.link._pipe.server.pauseProducing()
        client.ask()
        live.notify(changes=created(4))
        client.send(live={"end": live.watches[0].number})
        live.notify(changes=created(5))
        client.ask(policy={"priority": 5})
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        assert list(viewOf(client).states) == [1, 2, 3]
        client.close()
        assert len(live.observable._watches._roster._lines) == 1

    def test_with_a_position_that_messages_on_their_way_have_passed_does_no_harm(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        client.link._pipe.server.pauseProducing()
        at = view.at
        live.notify(changes=created(4))
        live.notify(changes=deleted(4))
        client.ask(at=at)
        live.notify(changes=created(5))
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        assert view.tuples == jobs(1, 2, 3, 5)
        live.harness.advance(30)
        assert view.checks == 1

    def test_is_the_same_watch_with_the_later_policy(self, live: Scene) -> None:
        client = live.client()
        view = client.watch(policy={"minInterval": 100})
        assert client.watch(policy={}) is view
        live.jobs = jobs(1)

        assert live.notify() == 1
        live.jobs = jobs(2)
        assert live.notify() == 1

        assert len(client.pushes) == 2
        assert len(live.watches[0].watchers) == 1

    @pytest.mark.parametrize(
        "policy",
        [
            *(5, "latest", {"mode": "some"}, {"mode": []}),
            *(
                {"minInterval": -1},
                {"minInterval": "1"},
                {"minInterval": True},
                {"minInterval": float("inf")},
            ),
            *({"priority": 0}, {"priority": 1001}, {"priority": 5.5}, {"priority": True}),
        ],
    )
    def test_for_what_is_no_policy_is_an_error(self, live: Scene, policy: Any) -> None:
        with pytest.raises(RemoteError) as error:
            live.harness.resultOf(live.client().ask(policy=policy))

        assert error.value.code == "bad-payload"
        nothingIsLeft(live)

    def test_with_what_is_no_object_is_an_error(self, live: Scene) -> None:
        client = live.client()

        with pytest.raises(RemoteError, match="expected an object, got 5"):
            live.harness.resultOf(client.request(live=5))

    def test_in_the_midst_of_parts_begins_anew(self) -> None:
        with scene(limits=Limits(watchPartBytes=400, mergeBytes=500)) as live:
            live.jobs = jobs(*range(100))
            client = live.client()
            client.link._pipe.server.pauseProducing()
            first = client.ask()
            live.jobs = jobs(*range(50, 150))
            live.observable.notifyOfTupleUpdate(ALL)
            second = client.ask()
            client.link._pipe.server.resumeProducing()
            live.harness.settle()

            assert viewOf(client).states == {2: jobs(*range(50, 150))}
            assert [live.harness.resultOf(each).result for each in (first, second)] == [None, None]

    def test_for_two_things_is_two_watches(self, live: Scene) -> None:
        client = live.client()
        one, two = client.watch(), client.watch(OTHER)
        live.jobs = jobs(1)
        live.notify(OTHER)

        assert (one.tuples, two.tuples) == (jobs(1, 2, 3), jobs(1))
        client.send(live={"end": client.numbers[0]})
        live.jobs = jobs(5)
        assert live.observable.notifyOfTupleUpdate([ALL, OTHER]) is not None
        live.harness.settle()
        assert (one.tuples, two.tuples) == (jobs(1, 2, 3), jobs(5))

    @pytest.mark.parametrize("number", [99, "1", None, {}, []])
    def test_to_end_what_is_not_watched_is_nothing(self, live: Scene, number: Any) -> None:
        client = live.client()
        client.watch()

        client.send(live={"end": number})

        live.jobs = jobs(1)
        assert live.notify() == 1


class TestAStateInParts:
    def test_comes_part_by_part_as_it_is_read_and_then_what_has_changed_since(self) -> None:
        with scene(limits=Limits(watchPartBytes=400, mergeBytes=500)) as live:
            live.jobs = jobs(*range(100))
            client = live.client()
            client.link._pipe.server.pauseProducing()
            asked = client.ask()
            waiting = []
            for number in range(100, 120):
                live.jobs = jobs(*range(number))
                live.observable.notifyOfTupleUpdate(ALL)
                waiting.append(client.peer.queuedBytes)
            client.link._pipe.server.resumeProducing()
            live.harness.settle()

            view = viewOf(client)
            assert list(view.states) == [1, 20]
            assert view.tuples == jobs(*range(119))
            assert max(waiting) < 1_500
            assert live.harness.resultOf(asked).filt["view"]["p"][0] == 0

    def test_is_written_one_part_at_a_time(self) -> None:
        random = Random(1)
        with scene(limits=Limits(watchPartBytes=2_000)) as live:
            live.jobs = [Job(id=number, title=random.randbytes(90).hex()) for number in range(200)]
            client = live.client()
            end = client.link._pipe.server
            write = end.writeFrame

            def writeAndBeFull(data: bytes) -> None:
                write(data)
                end.pauseProducing()

            end.writeFrame = writeAndBeFull
            client.ask()
            waiting = []
            for _ in range(30):
                waiting.append(client.peer.queuedBytes)
                end.resumeProducing()
                live.harness.settle()

            assert viewOf(client).tuples == live.jobs
            assert 0 < max(waiting) < 3_000

    def test_is_answered_shortly_to_a_peer_for_whom_much_waits(self) -> None:
        random = Random(1)
        with scene(limits=Limits(mergeBytes=10_000, maxOutboxBytes=200_000)) as live:
            live.jobs = [Job(id=number, title=random.randbytes(90).hex()) for number in range(200)]
            client = live.client()
            client.link._pipe.server.pauseProducing()
            for number in range(20):
                client.ask(TupleSelector(name="livetest.Job", selector={"n": number}))
            live.harness.settle()
            assert 10_000 < client.peer.queuedBytes < 70_000
            client.link._pipe.server.resumeProducing()
            live.harness.settle()

            assert len(client.views) == 20
            assert all(view.tuples == live.jobs for view in client.views.values())

    def test_is_forgotten_with_the_peer(self) -> None:
        with scene(limits=Limits(watchPartBytes=400)) as live:
            live.jobs = jobs(*range(100))
            client = live.client()
            client.link._pipe.server.pauseProducing()
            client.ask()
            client.close()
            live.harness.advance(500)

            nothingIsLeft(live)


class TestWhatIsLeft:
    def test_of_a_watch_is_there_for_a_minute(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        client.close()
        live.harness.advance(59)
        assert len(live.watches) == 1

        live.harness.advance(1)

        nothingIsLeft(live)

    def test_is_there_for_as_long_as_somebody_asks_for_it(self, live: Scene) -> None:
        client, once = live.client(), live.client("once")
        client.watch()
        client.close()
        live.harness.advance(55)
        slowly = Slowly(live)
        first = once.request(subscribe=False)
        second = once.request(subscribe=False)
        live.harness.advance(10)

        slowly.gives(jobs(7))
        assert live.harness.resultOf(first).tuples == jobs(7)
        slowly.gives(jobs(8))
        assert live.harness.resultOf(second).tuples == jobs(8)
        live.harness.advance(60)
        nothingIsLeft(live)

    def test_is_there_for_good_when_somebody_has_come_back(self, live: Scene) -> None:
        first = live.client("first")
        view = first.watch()
        first.close()
        live.harness.advance(30)
        live.harness.resultOf(live.client("again").goesOn(view, live.watches[0].number))

        live.harness.advance(300)
        live.jobs = jobs(7)
        assert live.notify() == 1
        assert view.tuples == jobs(7)
        assert (view.wholes, view.checks) == (1, 10)

    def test_takes_no_more_room_than_it_may(self) -> None:
        with scene(limits=Limits(maxLingerBytes=3 * (8_192 + 10_000))) as live:
            live.jobs = [Job(id=1, title="x" * 9_000)]
            client = live.client()
            for number in range(6):
                client.watch(TupleSelector(name="livetest.Job", selector={"n": number}))
            for number in client.numbers:
                client.send(live={"end": number})

            left = [watch.subject.what[0].selector["n"] for watch in live.watches]
            assert left == [3, 4, 5]
            live.harness.advance(60)
            nothingIsLeft(live)

    @pytest.mark.parametrize(("text", "most"), [("", 10), ("x" * 20_000, 2)])
    def test_takes_room_though_there_is_nothing_in_it(self, text: str, most: int) -> None:
        with scene(limits=Limits(maxLingerBytes=100_000)) as live:
            live.jobs = []
            client = live.client()
            for number in range(50):
                client.watch(TupleSelector(name="livetest.Job", selector={"n": number, "text": text}))
                client.send(live={"end": client.numbers[-1]})

            assert 0 < len(live.watches) <= most + 2

    def test_goes_with_the_handler(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        gone = weakref.ref(live.observable)
        live.observable.shutdown()
        live.harness.settle()

        assert viewOf(client).ended == "unknown-observable: this is not offered any more"
        nothingIsLeft(live)
        live.observable = None  # type: ignore[assignment]
        gc.collect()
        assert gone() is None
        assert live.server._shutdownCallbacks == []

    def test_goes_with_the_handler_though_something_waits_for_a_peer(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        client.link._pipe.server.pauseProducing()
        live.observable.shutdown()
        assert client.peer.queuedBytes > 0

        nothingIsLeft(live)

    def test_goes_with_a_handler_that_nobody_keeps(self, live: Scene) -> None:
        live.client().watch()
        gone = weakref.ref(live.observable)
        live.observable = None  # type: ignore[assignment]
        gc.collect()

        assert gone() is None
        live.harness.advance(100)


class Adopting:
    """A handler whose states are another node's."""

    def __init__(self, live: Scene, records: list[Any]) -> None:
        self.records = records
        self.ready: Deferred[Any] = Deferred()
        self.forgotten: list[LiveWatch] = []
        self.watches = LiveWatches(
            live.server,
            self._make,
            filt=FILT,
            maySee=lambda _peer, _filt: True,
            keepsCurrent=True,
            onForgotten=self.forgotten.append,
        )
        live.observable.shutdown()
        self._endpoint = PayloadEndpoint(FILT, self._asked, live.server)

    def _make(self, watch: LiveWatch) -> Any:
        watch.adopt("theirs", 41, self.records, {"livetest.Job": ["id"]})
        return self.ready.addCallback(lambda _: ADOPTED)

    def _asked(self, _payload: Payload, delivery: Delivery) -> Any:
        return self.watches.subscribe(delivery, Subject("key", "about", {}, "what"))


class TestAnotherNodesState:
    def test_keeps_its_positions(self, live: Scene) -> None:
        adopting = Adopting(live, jobs(1, 2))
        client = live.client()
        client.ask()
        assert client.views == {}
        adopting.ready.callback(None)
        live.harness.settle()
        view = viewOf(client)
        assert (view.at, view.tuples) == ("theirs.41", jobs(1, 2))

        (watch,) = adopting.watches.watches
        watch.adoptDelta(43, jobs(3), [[0, 0]], [2])
        live.harness.settle()
        assert (view.at, view.tuples) == ("theirs.43", jobs(3, 1))
        watch.adopt("theirs", 50, jobs(1, 3), {"livetest.Job": ["id"]})
        live.harness.settle()
        assert (view.at, view.tuples, view.wholes) == ("theirs.50", jobs(1, 3), 1)
        watch.adopt("anew", 1, jobs(9), {"livetest.Job": ["id"]})
        live.harness.settle()
        assert (view.at, view.tuples, view.wholes) == ("anew.1", jobs(9), 2)

    def test_is_kept_up_to_date_while_nobody_watches(self, live: Scene) -> None:
        adopting = Adopting(live, jobs(1, 2))
        adopting.ready.callback(None)
        client = live.client()
        view = client.watch()
        client.close()
        (watch,) = adopting.watches.watches
        watch.adoptDelta(42, jobs(3))

        again = live.client("again")
        answer = live.harness.resultOf(again.goesOn(view, watch.number))
        assert (answer.filt["view"]["f"], answer.filt["view"]["t"]) == (41, 42)
        assert view.tuples == jobs(1, 2, 3)
        again.close()
        assert adopting.forgotten == []
        live.harness.advance(60)
        assert adopting.forgotten == [watch]


class TestPositions:
    def test_say_what_has_changed_since_a_moment(self, live: Scene) -> None:
        positions = positionsOf(live.server)
        client, other = live.client(), live.client("other")
        client.watch()
        client.watch(OTHER)
        other.watch()
        mark = positions.mark()
        assert positions.after(client.peer, mark) == {}

        live.jobs = jobs(1)
        live.notify()

        assert positions.after(client.peer, mark) == {client.numbers[0]: 2}
        assert positions.after(other.peer, mark) == {other.numbers[0]: 2}
        assert positions.after(client.peer, positions.mark()) == {}

    def test_promise_what_is_not_made_yet(self, live: Scene) -> None:
        positions = positionsOf(live.server)
        client = live.client()
        view = client.watch()
        slowly = Slowly(live)
        mark = positions.mark()
        live.observable.notifyOfTupleUpdate(ALL)
        assert positions.after(client.peer, mark) == {1: 2}
        live.observable.notifyOfTupleUpdate(ALL)
        assert positions.after(client.peer, mark) == {1: 3}

        slowly.gives(jobs(1, 2, 3))
        assert view.serial == 1
        slowly.gives(jobs(1, 2, 3))

        assert (view.serial, view.tuples) == (3, jobs(1, 2, 3))
        assert len(slowly.calls) == 2

    def test_hold_for_each_peers_own_part_of_a_state(self) -> None:
        from tests.handlers.test_live_promises import Eyes

        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"ada": {1}, "bob": {1, 2, 3, 4}}
            positions = positionsOf(live.server)
            ada, bob = live.client("ada"), live.client("bob")
            hers, his = ada.watch(), bob.watch()
            for number in (4, 3):
                live.jobs = jobs(1, 2, number)
                live.notify()
            assert (hers.serial, his.serial) == (1, 3)
            slowly = Slowly(live)
            mark = positions.mark()
            live.observable.notifyOfTupleUpdate(ALL)
            assert positions.after(ada.peer, mark) == {1: 2}
            assert positions.after(bob.peer, mark) == {1: 4}
            slowly.gives(jobs(1, 2, 4))

            assert (hers.serial, his.serial) == (2, 4)
            assert (hers.tuples, his.tuples) == (jobs(1), jobs(1, 2, 4))

    def test_are_no_business_of_peers_that_do_not_read_them(self, live: Scene) -> None:
        client = live.client("plain", "vortexpy")
        client.request(subscribe=True)
        mark = positionsOf(live.server).mark()
        live.notify(changes=deleted(1))

        assert positionsOf(live.server).after(client.peer, mark) == {}


class TestACheck:
    def test_comes_each_half_minute_to_those_who_are_up_to_date(self, live: Scene) -> None:
        quick, behind = live.client("quick"), live.client("behind")
        views = [quick.watch(), behind.watch()]
        live.client("plain", "vortexpy").request(subscribe=True)
        behind.link.cut()
        live.jobs = jobs(1, 2)
        live.notify()
        live.harness.advance(30)
        behind.link.reconnect()
        live.harness.advance(30)

        assert [view.checks for view in views] == [2, 1]
        assert [view.tuples for view in views] == [jobs(1, 2)] * 2

    def test_is_of_the_state_as_it_was_told(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        for number in range(10, 30):
            live.notify(changes=[*created(number), *deleted(number - 9)])
        live.harness.advance(30)

        assert view.checks == 1
        assert client.pushes[-1]["c"][0] == len(view.tuples)
