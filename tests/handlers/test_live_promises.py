"""
What observables promise, promise by promise; each test names the one it holds.

The clients here follow docs/reference/live-data.md by hand, see `tests.handlers.live_scene`: a gap, a part
out of order or a wrong check fails the test that it comes up in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.handlers.live_scene import ALL, FILT, Job, Note, Scene, jobs, scene
from vortex import EncodeError, Limits, RemoteError, TupleAccess, TupleChange, TupleSelector
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.testing.virtual_clock import describeCall


def created(*numbers: int) -> list[TupleChange]:
    return [TupleChange(op="created", key=job.id, record=job) for job in jobs(*numbers)]


def deleted(*numbers: int) -> list[TupleChange]:
    return [TupleChange(op="deleted", key=number) for number in numbers]


@pytest.fixture
def live() -> Iterator[Scene]:
    with scene() as made:
        yield made


def timers(live: Scene) -> list[tuple[str, float]]:
    """What waits for its time on behalf of live data."""
    calls = [(describeCall(call), call.getTime()) for call in live.harness.clock.getDelayedCalls()]
    return [(name, at) for name, at in calls if "vortex.live" in name or "vortex.handlers" in name]


class Eyes(TupleAccess):
    """Lets each peer see the jobs that it is told it may."""

    def __init__(self) -> None:
        self.sees: dict[str, set[int]] = {}
        self.asked: list[tuple[str, int]] = []

    def maySend(self, peer: Any, record: Any) -> bool:
        self.asked.append((peer.name, record.id))
        return record.id in self.sees.get(peer.name, set())


class TestPromise1OneGaplessSequence:
    def test_what_changes_while_the_first_state_is_made_comes_once(self, live: Scene) -> None:
        waiting: list[Deferred[Any]] = []

        def make(_selector: TupleSelector, _peer: Any) -> Deferred[Any]:
            waiting.append(Deferred())
            return waiting[-1]

        live.make = make
        client = live.client()
        asked = client.ask()
        told = live.observable.notifyOfTupleUpdate(ALL)
        waiting[0].callback(jobs(1))
        live.harness.settle()
        (view,) = client.views.values()
        assert (view.serial, view.tuples) == (1, jobs(1))
        waiting[1].callback(jobs(1, 2))

        assert live.harness.resultOf(told) == 1
        assert view.states == {1: jobs(1), 2: jobs(1, 2)}
        assert live.harness.resultOf(asked).tuples == jobs(1)
        assert [each.get("t") for each in client.pushes] == [2]

    def test_the_answer_goes_before_what_follows_it_whatever_the_priorities(self, live: Scene) -> None:
        client = live.client()
        client.link._pipe.server.pauseProducing()
        client.ask(policy={"priority": 7})
        live.jobs = jobs(1, 2, 3, 4)
        live.notify()
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        (view,) = client.views.values()
        assert view.states == {1: jobs(1, 2, 3), 2: jobs(1, 2, 3, 4)}

    def test_each_change_comes_once_and_in_order(self, live: Scene) -> None:
        early, late = live.client("early"), live.client("late")
        first = early.watch()
        for number in range(4, 11):
            live.jobs = jobs(*range(number))
            live.notify()
        second = late.watch()
        for number in range(11, 20):
            live.jobs = jobs(*range(number))
            live.notify()

        assert list(first.states) == list(range(1, 18))
        assert list(second.states) == list(range(8, 18))
        assert all(first.states[serial] == second.states[serial] for serial in second.states)
        assert first.tuples == live.jobs


class TestPromise2AtomicBatches:
    @pytest.mark.parametrize(
        "invalid",
        [
            TupleChange(op="created", key=9, record=None),
            TupleChange(op="deleted"),
            TupleChange(op="updated", key=1),
            TupleChange(op="replaced", key=1, record=Job(id=1)),  # type: ignore[arg-type]
        ],
    )
    def test_one_that_says_nothing_changes_nothing(self, live: Scene, invalid: TupleChange) -> None:
        client = live.client()
        view = client.watch()

        with pytest.raises(ValueError, match="a change is"):
            live.notify(changes=[*created(7), invalid])

        assert (view.serial, client.pushes) == (1, [])

    def test_one_that_cannot_travel_changes_nothing(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        (broken,) = jobs(8)
        broken.title = object()  # type: ignore[assignment]

        with pytest.raises(EncodeError):
            live.notify(changes=[*created(7), TupleChange(op="created", record=broken)])

        assert (view.serial, client.pushes) == (1, [])
        live.notify(changes=created(7))
        assert view.tuples == jobs(1, 2, 3, 7)

    def test_a_batch_is_one_serial_and_one_delta(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()

        assert live.notify(changes=[*created(4, 5), *deleted(1, 2)]) == 1

        assert view.states == {1: jobs(1, 2, 3), 2: jobs(3, 4, 5)}
        assert len(client.pushes) == 1


class TestPromise3NetEffect:
    @pytest.mark.parametrize(
        ("changes", "now", "changed"),
        [
            ([*created(4), TupleChange(op="updated", record=Job(id=4, title="x"))], [1, 2, 3, 4], {4}),
            ([*deleted(2), *created(2)], [1, 2, 3], None),
            ([*created(4), *deleted(4)], [1, 2, 3], None),
            ([*deleted(2), TupleChange(op="created", record=Job(id=2, title="x"))], [1, 2, 3], {2}),
            ([TupleChange(op="deleted", key=1, record=Job(id=1))], [2, 3], {1}),
            ([TupleChange(op="updated", record=jobs(1)[0])], [1, 2, 3], None),
        ],
    )
    def test_of_a_batch_is_what_is_told(
        self, live: Scene, changes: list[TupleChange], now: list[int], changed: set[int] | None
    ) -> None:
        view = live.client().watch()

        live.notify(changes=changes)

        assert [job.id for job in view.tuples] == now
        assert view.changed == ([] if changed is None else [changed])

    def test_of_several_changes_is_what_a_slow_peer_is_told(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        client.link.cut()
        live.notify(changes=created(4, 5))
        live.notify(changes=[*deleted(5), TupleChange(op="updated", record=Job(id=1, title="x"))])
        live.notify(changes=deleted(2))
        client.link.reconnect()
        live.harness.settle()

        assert view.changed == [{4, 1, 2}]
        assert view.tuples == [Job(id=1, title="x"), *jobs(3, 4)]
        (push,) = client.pushes
        assert (push["f"], push["t"], push["x"]) == (1, 4, [2])


class TestPromise4MetaIsNoFilter:
    def test_a_delta_may_be_empty_and_comes_nevertheless(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        (watch,) = live.watches

        watch.notify(force=True)
        live.harness.settle()

        assert client.pushes == [{"w": watch.number, "f": 1, "t": 2}]
        assert (view.serial, view.tuples) == (2, live.jobs)


class TestPromise5Resume:
    def test_with_its_position_one_gets_net_changes_with_what_is_gone(self, live: Scene) -> None:
        first = live.client("first")
        view = first.watch()
        first.link.cut()
        live.jobs = jobs(1, 3, 4)
        live.notify()

        client = live.client("second")
        answer = live.harness.resultOf(client.goesOn(view, 1))

        assert answer.filt["view"] == {
            "w": answer.filt["view"]["w"],
            "e": view.epoch,
            "k": {"livetest.Job": ["id"]},
            "f": 1,
            "t": 2,
            "x": [2],
        }
        assert answer.tuples == jobs(4)
        assert client.pushes == []
        live.jobs = jobs(1, 3, 4, 5)
        live.notify()
        assert [(push["f"], push["t"]) for push in client.pushes] == [(2, 3)]
        assert (view.tuples, view.wholes) == (live.jobs, 1)

    def test_after_a_while_without_anybody_it_still_is_net(self, live: Scene) -> None:
        view = live.client("first").watch()
        (number,) = (watch.number for watch in live.watches)
        live.clients[0].close()
        live.harness.advance(59)
        live.jobs = jobs(1, 2, 3, 4)

        again = live.client("again")
        answer = live.harness.resultOf(again.goesOn(view, number))

        assert (answer.filt["view"]["f"], answer.filt["view"]["t"]) == (1, 2)
        assert answer.filt["view"]["w"] == number
        assert answer.tuples == jobs(4)

    @pytest.mark.parametrize(
        "at", ["{epoch}.7", "other.1", "1", "", "{epoch}.-1", "{epoch}.x", 5, "{epoch}.9" * 9]
    )
    def test_a_position_that_is_unknown_or_of_the_future_gets_the_state(self, live: Scene, at: Any) -> None:
        view = live.client("first").watch()
        at = at.format(epoch=view.epoch) if isinstance(at, str) else at

        answer = live.harness.resultOf(live.client("second").ask(at=at))

        assert answer.filt["view"]["s"] == 1
        assert answer.tuples == live.jobs

    def test_a_watch_that_was_forgotten_has_another_epoch(self, live: Scene) -> None:
        view = live.client("first").watch()
        live.clients[0].close()
        live.harness.advance(61)
        assert live.watches == ()

        again = live.client("again").watch(at=view.at)

        assert again.epoch != view.epoch
        assert again.wholes == 1

    def test_per_record_one_gets_a_delta_only_of_what_one_was_sent(self) -> None:
        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"ada": {1, 2}}
            client = live.client("ada")
            view = client.watch()
            assert client.watch(at=view.at).wholes == 1
            client.close()

            again = live.client("ada").watch(at=view.at)

            assert again.wholes == 1
            assert again.tuples == jobs(1, 2)


SLOW = Limits(mergeBytes=2_000, watchPartBytes=1_000, maxOutboxBytes=20_000)


class TestPromise9QueuesAreBounded:
    def test_whoever_does_not_read_has_no_more_than_that_waiting_for_it(self) -> None:
        with scene(limits=SLOW) as live:
            slow, quick = live.client("slow"), live.client("quick")
            held, view = slow.watch(), quick.watch()
            slow.link._pipe.server.pauseProducing()
            waiting = []
            for number in range(200):
                live.jobs = [Job(id=1, title=f"{number}" * 20)]
                assert live.notify() == 2
                waiting.append(slow.peer.queuedBytes)

            assert view.serial == 201
            assert held.serial < 30
            assert max(waiting) < 2_000 + 200
            slow.link._pipe.server.resumeProducing()
            live.harness.settle()
            assert held.tuples == live.jobs

    def test_all_is_each_change_as_long_as_there_is_room_for_them(self) -> None:
        with scene(policy=DeliveryPolicy(maxItems=5)) as live:
            client = live.client()
            view = client.watch(policy={"mode": "all"})
            for more, states in ((5, [1, 2, 3, 4, 5, 6]), (6, [6, 12])):
                view.states = {view.serial: view.tuples}
                client.link.cut()
                for _ in range(more):
                    live.jobs = jobs(*range(len(live.jobs) + 1))
                    live.notify()
                client.link.reconnect()
                live.harness.settle()

                assert list(view.states) == states
            assert view.tuples == live.jobs


class TestPromise10LatestNeverLosesTheLast:
    @pytest.mark.parametrize("interval", [0, 5])
    def test_however_it_was_slowed_down(self, live: Scene, interval: float) -> None:
        client = live.client()
        view = client.watch(policy={"minInterval": interval})
        plain = live.client("plain", "vortexpy")
        plain.request(subscribe=True)
        for number in range(10):
            if number == 5:
                client.link.cut()
                plain.link.pause()
            live.jobs = [Job(id=1, title=f"last is {number}")]
            live.notify()
        client.link.reconnect()
        plain.link.pause(paused=False)
        live.harness.advance(6)

        assert view.tuples == [Job(id=1, title="last is 9")]
        assert plain.came[-1][1] == view.tuples

    def test_seconds_between_two_deltas_are_kept(self, live: Scene) -> None:
        client = live.client()
        view = client.watch(policy={"minInterval": 5})
        for number in range(20):
            live.jobs = [Job(id=1, title=f"{number}")]
            live.notify()
            live.harness.advance(1)

        assert [(push["f"], push["t"]) for push in client.pushes] == [
            (1, 2),
            (2, 6),
            (6, 11),
            (11, 16),
            (16, 21),
        ]
        assert view.tuples == live.jobs


class TestPromise11PriorityKeepsOneRecordsOrder:
    def test_a_record_in_two_views_of_other_priorities_is_in_order_in_each(self, live: Scene) -> None:
        client = live.client()
        other = TupleSelector(name="livetest.Job", selector={"other": True})
        views = [client.watch(policy={"priority": 200}), client.watch(other, policy={"priority": 5})]
        client.link._pipe.server.pauseProducing()
        for number in range(10):
            live.jobs = [Job(id=1, title=f"{number}")]
            live.observable.notifyOfTupleUpdate([ALL, other])
        live.harness.settle()
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        for view in views:
            assert [view.states[serial][0].title for serial in list(view.states)[1:]] == [
                str(number) for number in range(10)
            ]
        order = [push["w"] for push in client.pushes]
        assert order == sorted(order, reverse=True)

    def test_nor_does_asking_again_with_a_better_one(self, live: Scene) -> None:
        """What it is answered stands behind what waits already, and so does what follows."""
        client = live.client()
        view = client.watch(policy={"priority": 200, "mode": "all"})
        client.link._pipe.server.pauseProducing()
        for number in range(5):
            live.jobs = [Job(id=1, title=f"{number}")]
            live.observable.notifyOfTupleUpdate(ALL)
        again = client.ask(policy={"priority": 5, "mode": "all"}, at=view.at)
        for number in range(5, 10):
            live.jobs = [Job(id=1, title=f"{number}")]
            live.observable.notifyOfTupleUpdate(ALL)
        live.harness.settle()
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        assert again.called
        assert [each[0].title for each in list(view.states.values())[1:]] == [
            str(number) for number in range(10)
        ]
        serials = [push["t"] for push in client.pushes]
        assert serials == sorted(serials)

    def test_one_that_is_better_holds_once_nothing_waits(self, live: Scene) -> None:
        client = live.client()
        other = TupleSelector(name="livetest.Job", selector={"other": True})
        client.watch(policy={"priority": 200})
        client.watch(other, policy={"priority": 100})
        mine, others = client.numbers
        client.watch(policy={"priority": 5})
        client.link._pipe.server.pauseProducing()
        live.jobs = jobs(9)
        live.observable.notifyOfTupleUpdate([other, ALL])
        live.harness.settle()
        client.link._pipe.server.resumeProducing()
        live.harness.settle()

        assert [push["w"] for push in client.pushes] == [mine, others]


class TestPromise12Membership:
    def test_a_watcher_is_gone_in_the_turn_in_which_its_peer_is(self, live: Scene) -> None:
        client = live.client("plain", "vortexpy")
        client.request(subscribe=True)
        assert live.notify() == 1

        client.link.cut()
        live.jobs = jobs(1)

        assert live.harness.resultOf(live.observable.notifyOfTupleUpdate(ALL)) == 0
        assert live.made == 2

    def test_one_that_resumes_its_session_was_there_all_the_time(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        client.link.cut()
        live.jobs = jobs(1)
        assert live.notify() == 1
        client.link.reconnect()
        live.harness.settle()

        assert (view.tuples, view.wholes) == (jobs(1), 1)

    def test_how_many_are_told_is_told(self, live: Scene) -> None:
        for name in ("a", "b", "c"):
            live.client(name).watch()
        live.jobs = jobs(9)

        assert live.notify() == 3
        assert live.notify() == 0


class TestPromise14NoPolling:
    def test_idle_costs_nothing(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        assert [at for name, at in timers(live)] == [live.harness.clock.seconds() + 30]

        live.harness.advance(29)
        assert (live.made, client.pushes) == (1, [])
        live.harness.advance(300)
        assert live.made == 1
        assert {frozenset(push) for push in client.pushes} == {frozenset("wsc")}

    def test_nothing_is_made_and_no_timer_runs_when_nobody_watches(self, live: Scene) -> None:
        client = live.client()
        client.watch()
        client.send(live={"end": client.numbers[0]})
        for _ in range(5):
            assert live.notify() == 0
        live.harness.advance(61)

        assert live.made == 1
        assert live.watches == ()
        assert timers(live) == []


class TestPromise15Access:
    @pytest.mark.parametrize("says", [False, None, 1, "yes", ValueError("what?")])
    def test_only_exactly_true_lets_pass(self, says: Any) -> None:
        def access(_peer: Any, operation: str, _filt: Any) -> Any:
            assert operation == "read"
            if isinstance(says, Exception):
                raise says
            return says

        with capturedLogs(), scene(access=access) as live:
            client = live.client()

            with pytest.raises(RemoteError) as error:
                live.harness.resultOf(client.ask())

            assert error.value.code == "access-denied"
            assert (live.made, live.watches) == (0, ())

    @pytest.mark.parametrize("says", [False, None, 1, ValueError("what?")])
    def test_only_exactly_true_shows_a_record(self, says: Any) -> None:
        class Odd(TupleAccess):
            def maySend(self, peer: Any, record: Any) -> Any:
                if record.id == 2 and isinstance(says, Exception):
                    raise says
                return says if record.id == 2 else True

        with capturedLogs(), scene(access=Odd()) as live:
            assert live.client().watch().tuples == jobs(1, 3)

    def test_what_a_peer_sees_no_more_is_deleted_and_what_it_sees_now_is_created(self) -> None:
        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"ada": {1, 2}, "bob": {2, 3}}
            ada, bob = live.client("ada"), live.client("bob")
            hers, his = ada.watch(), bob.watch()
            assert (hers.tuples, his.tuples) == (jobs(1, 2), jobs(2, 3))

            eyes.sees["ada"] = {1, 3}
            live.notify()
            assert (hers.tuples, hers.changed) == (jobs(1, 3), [{2, 3}])
            assert (his.serial, bob.pushes) == (1, [])

            live.notify(changes=deleted(1))
            assert (hers.tuples, hers.changed[-1]) == (jobs(3), {1})
            assert bob.pushes == []

            eyes.sees = {"ada": {3}, "bob": {1, 2, 3}}
            live.notify(changes=created(1))
            assert (hers.tuples, his.tuples) == (jobs(3), jobs(2, 3, 1))

    def test_what_a_change_hides_or_shows_is_deleted_or_created(self) -> None:
        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"ada": {1, 2}}
            hers = live.client("ada").watch()
            eyes.sees = {"ada": {2, 3}}

            live.notify(changes=[TupleChange(op="updated", record=job) for job in jobs(1, 2, 3)])
            assert hers.tuples == jobs(1, 2)
            changed = [Job(id=number, title="new") for number in (1, 2, 3)]
            live.notify(changes=[TupleChange(op="updated", record=job) for job in changed])

            assert hers.tuples == changed[1:]
            assert hers.changed == [{1, 2, 3}]
            assert hers.deltas == 1

    def test_a_record_is_asked_for_once_for_each_of_its_states(self) -> None:
        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"ada": {1, 2}}
            live.client("ada").watch()
            assert eyes.asked == [("ada", 1), ("ada", 2), ("ada", 3)]
            eyes.asked.clear()

            live.notify(changes=[TupleChange(op="updated", record=Job(id=3, title="x")), *deleted(1)])

            assert eyes.asked == [("ada", 3)]

    def test_polls_and_peers_that_know_nothing_of_it_are_held_to_it_too(self) -> None:
        eyes = Eyes()
        with scene(access=eyes) as live:
            eyes.sees = {"plain": {3}}
            client = live.client("plain", "vortexpy")

            assert live.harness.resultOf(client.request(subscribe=False)).tuples == jobs(3)
            assert live.harness.resultOf(client.request(subscribe=True)).tuples == jobs(3)
            live.notify(changes=created(4))
            assert len(client.came) == 2
            eyes.sees = {"plain": {3, 5}}
            live.notify(changes=created(5))
            assert client.came[-1][1] == jobs(3, 5)

    def test_who_may_not_any_more_is_told_so_and_gets_nothing(self) -> None:
        may = {"ada": True, "bob": True, "plain": True}
        with scene(access=lambda peer, _operation, _filt: may[peer.name]) as live:
            ada, bob, plain = live.client("ada"), live.client("bob"), live.client("plain", "vortexpy")
            hers, his = ada.watch(), bob.watch()
            plain.request(subscribe=True)
            may.update(ada=False, plain=False)
            live.jobs = jobs(1)

            live.notify()

            assert hers.ended == "access-denied: you may not see this any more"
            assert (hers.tuples, his.tuples) == (jobs(1, 2, 3), jobs(1))
            assert len(plain.came) == 1
            assert live.notify(changes=created(8)) == 1
            assert his.tuples == jobs(1, 8)

    def test_it_is_asked_again_when_a_slow_peer_could_be_sent_what_it_missed(self) -> None:
        may = {"ada": True}
        with scene(access=lambda peer, _operation, _filt: may[peer.name]) as live:
            client = live.client("ada")
            view = client.watch()
            client.link.cut()
            live.jobs = jobs(1)
            live.notify()
            may["ada"] = False
            client.link.reconnect()
            live.harness.settle()

            assert view.tuples == jobs(1, 2, 3)
            assert view.ended is not None


class TestPromise19WhatIsCalledMayDoAnything:
    def test_a_provider_may_notify_and_end_what_it_is_asked_for(self, live: Scene) -> None:
        client = live.client()
        view = client.watch()
        made = live.made

        def make(_selector: TupleSelector, _peer: Any) -> Any:
            if live.made == made + 1:
                live.observable.notifyOfTupleUpdate(ALL)
            return jobs(live.made)

        live.make = make
        live.notify()

        assert live.made == made + 2
        assert view.tuples == jobs(made + 2)

    def test_a_failing_provider_is_nobody_elses_trouble(self, live: Scene) -> None:
        good, bad = live.client("good"), live.client("bad")
        view = good.watch()

        def fails(_selector: TupleSelector, _peer: Any) -> Any:
            raise ZeroDivisionError

        live.observable.addTupleProvider("fails", fails)

        with capturedLogs(), pytest.raises(RemoteError) as error:
            live.harness.resultOf(bad.ask(TupleSelector(name="fails")))

        assert error.value.code == "internal"
        live.jobs = jobs(1)
        assert live.notify() == 1
        assert view.tuples == jobs(1)
        assert len(live.watches) == 1

    def test_a_failing_mapper_is_logged_and_the_others_are_asked(self, live: Scene) -> None:
        other = TupleSelector(name="livetest.Job", selector={"other": True})
        view = live.client().watch(other)

        def fails(_selector: TupleSelector) -> Any:
            raise ZeroDivisionError

        live.observable.addUpdateMapper(Job, fails)
        live.observable.addUpdateMapper(Job, lambda selector: [selector, other])
        live.jobs = jobs(1)
        with capturedLogs() as logs:
            assert live.notify() == 1

        assert view.tuples == jobs(1)
        assert any("could not be found out" in event["log_format"] for event in logs)

    def test_what_the_provider_gave_is_its_own(self, live: Scene) -> None:
        view = live.client().watch()
        given = live.jobs

        live.notify(changes=created(4))
        live.jobs = [*given, *jobs(4)]
        assert given == jobs(1, 2, 3)
        given.clear()

        late = live.client("late").watch()
        assert late.tuples == view.tuples == jobs(1, 2, 3, 4)


class TestAStateWithoutKeys:
    def test_comes_whole_each_time(self, live: Scene) -> None:
        client = live.client()
        live.jobs = [Note(text="a"), Note(text="a")]
        view = client.watch()
        live.jobs = [*live.jobs, Note(text="b")]
        live.notify()

        assert (view.wholes, view.tuples, view.keyFields) == (2, live.jobs, None)
        assert live.notify() == 0
        live.harness.advance(31)
        assert view.checks == 1


def test_an_error_on_the_wire_has_the_filt_of_the_request(live: Scene) -> None:
    client = live.client()

    with capturedLogs(), pytest.raises(RemoteError) as error:
        live.harness.resultOf(client.ask(TupleSelector(name="nobody")))

    assert (error.value.code, str(error.value)) == (
        "unknown-observable",
        "nothing here provides 'nobody'",
    )
    filt, tuples = client.came[0]
    assert {key: filt[key] for key in FILT} == FILT
    assert ("view" in filt, tuples) == (False, [])
