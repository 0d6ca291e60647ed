"""TupleDataObserver: what a program sees of a peer's observable, on a virtual clock and in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from twisted.logger import LogEvent, capturedLogs

from tests.handlers.nodes import resultOf
from tests.handlers.observed import JOBS, Job, Jobs
from tests.node.links import cutAll
from vortex import TupleSelector
from vortex.errors import EncodeError, NotConnected, Rejected, RemoteError, RequestTimeout
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.handlers.observer import TupleDataObserver
from vortex.handlers.view_rows import RowsView
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.testing import VortexHarness
from vortex.tuples.change import TupleChange


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def logged() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as events:
        yield events


@pytest.fixture
def jobs(harness: VortexHarness) -> Iterator[Jobs]:
    made = Jobs(harness)
    yield made
    made.handler.shutdown()


class TestTwoObserversOfOneNode:
    """To the server they are one peer, which watches once."""

    def test_that_look_at_the_same_are_told_though_one_goes(self, jobs: Jobs) -> None:
        other = TupleDataObserver("jobs", "server", jobs.client)
        first = other.subscribe(JOBS)
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()

        first.close()
        jobs.harness.settle()
        jobs.put(k1="coffee")

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"], ["coffee", "milk"]]

    def test_are_told_though_one_goes_before_it_was_answered(self, jobs: Jobs) -> None:
        other = TupleDataObserver("jobs", "server", jobs.client)
        first = other.subscribe(JOBS)
        first.close()
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()

        jobs.put(k1="coffee")

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"], ["coffee", "milk"]]

    def test_end_the_watch_with_the_last(self, jobs: Jobs) -> None:
        other = TupleDataObserver("jobs", "server", jobs.client)
        first, second = other.subscribe(JOBS), jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        first.close()
        second.close()
        jobs.harness.settle()
        made = jobs.made

        jobs.put(k1="coffee")

        assert jobs.made == made

    def test_of_two_servers_are_not_taken_for_one(self, jobs: Jobs) -> None:
        server = jobs.harness.node("another server")
        handler = jobs.handlerOf(server)
        jobs.harness.connect(jobs.client, server, over="tcp", wire="native")
        there = TupleDataObserver("jobs", "another server", jobs.client).subscribe(JOBS)
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        there.close()
        jobs.harness.settle()
        made = jobs.made

        handler.notifyOfTupleUpdate(JOBS)
        jobs.harness.settle()

        assert jobs.made == made
        handler.shutdown()


class TestASubscription:
    def test_shows_what_there_is_and_each_change(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        assert (subscription.state, subscription.position, jobs.told) == ("loading", None, [])
        jobs.harness.settle()
        jobs.put(k3="jam")
        jobs.put(k1="coffee")
        del jobs.rows[2]
        jobs.put()

        assert jobs.told == [
            (["tea", "milk"], [("created", 1), ("created", 2)]),
            (["tea", "milk", "jam"], [("created", 3)]),
            (["coffee", "milk", "jam"], [("updated", 1)]),
            (["coffee", "jam"], [("deleted", 2)]),
        ]
        assert subscription.state == "current"
        assert subscription.position is not None
        assert subscription.position.endswith(".4")

    def test_tells_of_an_empty_state_once(self, jobs: Jobs) -> None:
        jobs.rows.clear()
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.put()

        assert jobs.told == [([], [])]

    def test_says_which_fields_have_changed(self, jobs: Jobs) -> None:
        changes: list[TupleChange] = []
        jobs.observer.subscribe(JOBS, lambda _, more: changes.extend(more))
        jobs.harness.settle()
        jobs.put(k1="coffee")

        assert [(each.op, each.fields, each.record.title) for each in changes[2:]] == [
            ("updated", ["title"], "coffee")
        ]

    def test_shares_what_comes_with_others_to_the_same_selector(self, jobs: Jobs) -> None:
        came = jobs.requests()
        first = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.observer.subscribe(TupleSelector(name="observed.Job", selector={}), jobs.told)
        jobs.harness.settle()
        first.close()
        jobs.put(k1="coffee")

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"], ["tea", "milk"], ["coffee", "milk"]]
        assert len(came) == 1

    def test_that_comes_later_is_told_of_all_there_is(self, jobs: Jobs) -> None:
        jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        jobs.observer.subscribe(JOBS, jobs.told)
        assert jobs.told == []
        jobs.harness.settle()

        assert jobs.told == [(["tea", "milk"], [("created", 1), ("created", 2)])]

    def test_that_is_made_while_another_is_told_misses_nothing(self, jobs: Jobs) -> None:
        def again(_tuples: object, _changes: object) -> None:
            if not others:
                others.append(jobs.observer.subscribe(JOBS, jobs.told))

        others: list[object] = []
        jobs.observer.subscribe(JOBS, again)
        jobs.harness.settle()
        jobs.put(k3="jam")

        assert jobs.told == [
            (["tea", "milk"], [("created", 1), ("created", 2)]),
            (["tea", "milk", "jam"], [("created", 3)]),
        ]

    def test_that_is_closed_while_it_is_told_is_told_nothing_more(self, jobs: Jobs) -> None:
        def once(tuples: RowsView, changes: list[TupleChange]) -> None:
            jobs.told(tuples, changes)
            first.close()
            second.close()

        first = jobs.observer.subscribe(JOBS, once)
        second = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.put(k3="jam")

        assert len(jobs.told) == 1
        assert first.state == second.state == "closed"

    def test_goes_on_when_a_callback_raises(self, jobs: Jobs, logged: Sequence[LogEvent]) -> None:
        def bad(_tuples: object, _changes: object) -> None:
            raise ValueError("mine")

        jobs.observer.subscribe(JOBS, bad)
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()

        assert len(jobs.told) == 1
        assert len([event for event in logged if "log_failure" in event]) == 1

    def test_gives_rows_to_be_read_only(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        rows: Any = subscription.tuples

        assert (len(rows), rows[0].title, [job.id for job in rows[1:]], rows == list(rows)) == (
            2,
            "tea",
            [2],
            True,
        )
        with pytest.raises(TypeError):
            rows[0] = None
        assert not hasattr(rows, "append")

    def test_ends_at_the_server_with_the_last_that_is_closed(self, jobs: Jobs) -> None:
        first, second = jobs.observer.subscribe(JOBS), jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        first.close()
        jobs.harness.settle()
        [watch] = jobs.handler._watches.watches
        assert len(watch.watchers) == 1
        second.close()
        second.close()
        jobs.harness.settle()

        assert len(watch.watchers) == 0

    def test_that_is_closed_before_it_is_answered_ends_at_the_server(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        subscription.close()
        jobs.harness.settle()

        assert jobs.told == []
        assert [len(watch.watchers) for watch in jobs.handler._watches.watches] == [0]

    def test_that_is_opened_again_at_once_is_not_ended(self, jobs: Jobs) -> None:
        jobs.observer.subscribe(JOBS).close()
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.put(k3="jam")

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"], ["tea", "milk", "jam"]]

    def test_lives_though_nobody_refers_to_it(self, jobs: Jobs) -> None:
        jobs.observer.subscribe(JOBS, jobs.told)
        del jobs.observer
        jobs.harness.settle()
        jobs.put(k3="jam")

        assert len(jobs.told) == 2

    def test_takes_a_selector_only(self, jobs: Jobs) -> None:
        with pytest.raises(TypeError, match="takes a TupleSelector, got 'jobs'"):
            jobs.observer.subscribe("jobs")  # type: ignore[arg-type]
        with pytest.raises(EncodeError):
            jobs.observer.subscribe(TupleSelector(name="x", selector={"a": object()}))
        with pytest.raises(ValueError, match="expected a position"):
            jobs.observer.subscribe(JOBS, position="7")

    def test_asks_with_its_policy_and_again_with_a_later_one(self, jobs: Jobs) -> None:
        came = jobs.requests()
        jobs.observer.subscribe(JOBS, policy=DeliveryPolicy(minInterval=5))
        jobs.harness.settle()
        jobs.observer.subscribe(JOBS, jobs.told, policy=DeliveryPolicy(mode="all", priority=20))
        jobs.harness.settle()

        assert [filt["live"]["policy"] for filt in came] == [
            {"minInterval": 5},
            {"mode": "all", "priority": 20},
        ]
        assert [titles for titles, _ in jobs.told] == [["tea", "milk"]]


class TestSynced:
    def test_fires_with_the_rows(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        synced = subscription.synced

        assert not synced.called
        assert [job.title for job in jobs.harness.resultOf(synced)] == ["tea", "milk"]
        assert resultOf(subscription.synced) is subscription.tuples

    def test_fails_with_what_the_server_says(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(TupleSelector(name="observed.Nothing"))

        with pytest.raises(RemoteError, match="nothing here provides") as caught:
            jobs.harness.resultOf(subscription.synced)
        assert caught.value.code == "unknown-observable"
        assert (subscription.state, subscription.error) == ("loading", caught.value)

    def test_fails_when_it_is_closed_before(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        synced = subscription.synced
        subscription.close()

        with pytest.raises(NotConnected, match="was closed"):
            resultOf(synced)

    def test_can_be_given_up(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        given = subscription.synced
        given.addErrback(lambda _: None)
        given.cancel()
        jobs.harness.settle()

        assert subscription.state == "current"


class TestAnError:
    def test_is_asked_about_again_after_waits_that_grow(self, jobs: Jobs, logged: Sequence[LogEvent]) -> None:
        jobs.failure = Rejected("not now")
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        assert str(subscription.error) == "not now"
        jobs.harness.advance(300)
        asked = jobs.made
        jobs.failure = None
        jobs.harness.advance(60)

        assert 5 <= asked <= 60
        assert [titles for titles, _ in jobs.told] == [["tea", "milk"]]
        assert (subscription.state, subscription.error) == ("current", None)

    def test_keeps_the_rows_where_the_server_ends_the_watch(self, jobs: Jobs) -> None:
        may = [True]
        jobs.handler.shutdown()
        jobs.handler = TupleDataObservableHandler("jobs", jobs.server, access=lambda *_: may[0])
        jobs.handler.addTupleProvider(Job, jobs.make)
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        may[0] = False
        jobs.put(k3="jam")

        assert subscription.error is not None
        assert (subscription.state, subscription.error.code) == ("stale", "access-denied")
        assert [job.title for job in subscription.tuples] == ["tea", "milk"]
        may[0] = True
        jobs.harness.advance(60)
        assert subscription.state == "current"
        assert jobs.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]

    def test_in_what_comes_is_asked_about_again_after_a_while(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        came = jobs.requests()
        filt = {"key": "tupleDataObservable", "name": "jobs"}
        wrong = {"w": subscription.view.number, "f": 1, "t": 2}
        for _ in range(5):
            message = Message(Payload({**filt, "view": wrong}, [Job(id=7), Job(id=7)]), isReply=True)
            jobs.server.peers[0].sendMessage(message)
            jobs.harness.settle()
        assert (subscription.state, came) == ("stale", [])
        assert subscription.error is not None
        assert "a key of their own" in str(subscription.error)
        jobs.harness.advance(60)

        assert [filt["live"] for filt in came] == [{}]
        assert (subscription.state, subscription.error) == ("current", None)

    def test_of_a_server_that_does_not_answer_is_a_timeout(self, jobs: Jobs) -> None:
        jobs.handler.shutdown()
        assert jobs.requests() == []  # and who notes them says nothing
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.advance(31)
        assert isinstance(subscription.error, RequestTimeout)
        jobs.handler = jobs.handlerOf(jobs.server)
        jobs.harness.advance(60)

        assert subscription.state == "current"


class TestAnObservableThatIsNotThere:
    def test_is_said_to_who_waits_for_its_rows(self, jobs: Jobs) -> None:
        jobs.handler.shutdown()
        synced = jobs.observer.subscribe(JOBS, jobs.told).synced

        with pytest.raises(
            RemoteError, match="nothing at 'server' offers an observable named 'jobs'"
        ) as caught:
            jobs.harness.resultOf(synced)
        assert caught.value.code == "unknown-observable"

    def test_is_said_to_who_polls(self, jobs: Jobs) -> None:
        misspelt = TupleDataObserver("jbos", "server", jobs.client)

        with pytest.raises(
            RemoteError, match="nothing at 'server' offers an observable named 'jbos'"
        ) as caught:
            jobs.harness.resultOf(misspelt.poll(JOBS))
        assert caught.value.code == "unknown-observable"

    def test_is_shown_once_it_is(self, jobs: Jobs) -> None:
        jobs.handler.shutdown()
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.advance(5)
        assert subscription.error is not None
        assert (subscription.state, subscription.error.code) == ("loading", "unknown-observable")
        jobs.handler = jobs.handlerOf(jobs.server)
        jobs.harness.advance(60)

        assert (subscription.state, subscription.error) == ("current", None)
        assert [titles for titles, _ in jobs.told] == [["tea", "milk"]]

    def test_is_shown_within_seconds_where_it_is_made_a_moment_later(self, jobs: Jobs) -> None:
        jobs.handler.shutdown()
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.handler = jobs.handlerOf(jobs.server)
        jobs.harness.advance(2)

        assert subscription.state == "current"


class TestAPeer:
    def test_may_come_later(self, harness: VortexHarness) -> None:
        jobs = Jobs(harness)
        jobs.connection.close()
        harness.settle()
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        harness.settle()
        assert str(subscription.error) == "there is no peer named 'server' to ask"
        jobs.connect()

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"]]
        assert subscription.error is None

    def test_whose_session_is_resumed_is_not_asked_again(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        came = jobs.requests()
        cutAll(jobs.harness)
        assert subscription.state == "stale"
        jobs.put(k3="jam")
        jobs.harness.advance(10)

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"], ["tea", "milk", "jam"]]
        assert came == []
        assert subscription.state == "current"

    def test_that_comes_back_is_asked_for_what_has_changed(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        position = subscription.position
        jobs.connection.close()
        jobs.harness.settle()
        assert subscription.state == "stale"
        came = jobs.requests()
        jobs.put(k3="jam")
        jobs.connect()

        assert [filt["live"]["at"] for filt in came] == [position]
        assert jobs.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]
        assert subscription.state == "current"

    def test_that_was_started_anew_shows_what_is_different(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.connection.close()
        jobs.handler.shutdown()
        jobs.handler = jobs.handlerOf(jobs.server)
        jobs.rows = {2: "cream", 4: "salt"}
        jobs.connect()

        assert jobs.told[1:] == [(["cream", "salt"], [("deleted", 1), ("updated", 2), ("created", 4)])]
        assert subscription.state == "current"

    def test_that_has_lost_the_session_is_asked_again(self, jobs: Jobs) -> None:
        """The peer is the same, and everything that it knew is gone."""
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        peer = jobs.observer.peer
        cutAll(jobs.harness)
        jobs.server.closePeer(jobs.server.peers[0], "forgotten")
        jobs.put(k3="jam")
        jobs.harness.advance(30)
        jobs.put(k4="salt")

        assert jobs.observer.peer is peer
        assert jobs.told[1:] == [
            (["tea", "milk", "jam"], [("created", 3)]),
            (["tea", "milk", "jam", "salt"], [("created", 4)]),
        ]
        assert subscription.state == "current"

    def test_is_the_only_one_where_none_is_named(self, harness: VortexHarness) -> None:
        jobs = Jobs(harness)
        observer = TupleDataObserver("jobs", vortex=jobs.client)
        other = harness.node("other")
        connection = harness.connect(jobs.client, other, wire="native")
        subscription = observer.subscribe(JOBS, jobs.told)
        harness.settle()
        assert str(subscription.error) == "there are 2 peers: say with toName which one to ask"
        connection.close()
        harness.settle()

        assert [titles for titles, _ in jobs.told] == [["tea", "milk"]]

    def test_that_is_somebody_else_tells_nothing(self, jobs: Jobs) -> None:
        other = jobs.harness.node("other")
        jobs.harness.connect(other, jobs.client, wire="native")
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        number = subscription.view.number
        filt = {"key": "tupleDataObservable", "name": "jobs", "view": {"w": number, "e": "x", "s": 9}}
        forged = Message(Payload(filt, [Job(id=9, title="forged")]), isReply=True)
        other.peers[0].sendMessage(forged)
        jobs.harness.settle()
        assert len(jobs.told) == 1
        jobs.server.peers[0].sendMessage(forged)
        jobs.harness.settle()

        assert [titles for titles, _ in jobs.told[1:]] == [["forged"]]


class TestWhatWasKept:
    def test_is_brought_up_to_date(self, jobs: Jobs) -> None:
        first = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        position, kept = first.position, list(first.tuples)
        first.close()
        jobs.put(k3="jam")
        jobs.observer.subscribe(JOBS, jobs.told, position=position, tuples=kept)
        jobs.harness.settle()

        assert jobs.told == [(["tea", "milk", "jam"], [("created", 3)])]

    def test_that_has_not_changed_is_told_once(self, jobs: Jobs) -> None:
        first = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        position, kept = first.position, list(first.tuples)
        first.close()
        jobs.observer.subscribe(JOBS, jobs.told, position=position, tuples=kept)
        jobs.harness.settle()

        assert jobs.told == [(["tea", "milk"], [])]


class TestPoll:
    def test_gives_the_tuples_once(self, jobs: Jobs) -> None:
        tuples = jobs.harness.resultOf(jobs.observer.poll(JOBS))

        assert [job.title for job in tuples] == ["tea", "milk"]
        assert [len(watch.watchers) for watch in jobs.handler._watches.watches] == []

    def test_shows_what_was_written_past_the_server_and_tells_who_watches(self, jobs: Jobs) -> None:
        jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        jobs.rows[1] = "coffee"
        late = TupleDataObserver("jobs", "server", jobs.connectedNode("late"))
        subscription = late.subscribe(JOBS)
        jobs.harness.settle()
        assert [job.title for job in subscription.tuples] == ["tea", "milk"]
        polled = jobs.harness.resultOf(jobs.observer.poll(JOBS))
        jobs.harness.settle()

        assert [job.title for job in polled] == ["coffee", "milk"]
        assert jobs.told[1:] == [(["coffee", "milk"], [("updated", 1)])]
        assert [job.title for job in subscription.tuples] == ["coffee", "milk"]

    def test_fails_as_the_server_says(self, jobs: Jobs) -> None:
        with pytest.raises(RemoteError, match="nothing here provides"):
            jobs.harness.resultOf(jobs.observer.poll(TupleSelector(name="observed.Nothing")))

    def test_fails_where_there_is_nobody(self, jobs: Jobs) -> None:
        with pytest.raises(NotConnected, match="named 'nobody'"):
            jobs.harness.resultOf(TupleDataObserver("jobs", "nobody", jobs.client).poll(JOBS))


class TestPassed:
    def test_fires_when_the_rows_have_come_so_far(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        number = str(subscription.view.number)
        passed = subscription.passed({number: 2, "99": 5})
        both = jobs.observer.passed({number: 2})
        assert not passed.called
        jobs.put(k3="jam")

        assert resultOf(passed) is None
        assert both.called
        assert subscription.passed({number: 2}).called
        assert subscription.passed({"99": 5}).called

    def test_fires_when_the_rows_are_of_another_epoch(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        passed = subscription.passed({str(subscription.view.number): 1000})
        jobs.connection.close()
        jobs.handler.shutdown()
        jobs.handler = jobs.handlerOf(jobs.server)
        jobs.connect()

        assert passed.called

    def test_fires_when_rows_that_are_asked_for_are_as_after_the_action(self, jobs: Jobs) -> None:
        """The server did not know yet that they are watched, so it names no serial of them."""
        came = jobs.requests()
        subscription = jobs.observer.subscribe(JOBS)
        passed = subscription.passed({})
        assert not passed.called
        jobs.harness.settle()

        assert resultOf(passed) is None
        assert len(came) == 2  # what the first was answered with may be older
        assert subscription.passed({}).called

    def test_fires_at_once_where_the_rows_are_refused(self, jobs: Jobs) -> None:
        jobs.failure = Rejected("not today")
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()

        assert subscription.passed({}).called

    def test_fires_when_the_rows_are_asked_for_at_another_session(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        passed = subscription.passed({})
        jobs.connection.close()
        jobs.harness.settle()
        assert not passed.called
        jobs.connect()

        assert passed.called

    def test_fails_when_it_is_closed_while_it_is_asked_for(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        passed = subscription.passed({})
        subscription.close()

        with pytest.raises(NotConnected):
            resultOf(passed)

    def test_fails_when_it_is_closed_before(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        passed = subscription.passed({str(subscription.view.number): 2})
        jobs.observer.shutdown()

        with pytest.raises(NotConnected):
            resultOf(passed)


class TestAView:
    def test_that_is_spoilt_is_mended_within_one_interval(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS, jobs.told)
        jobs.harness.settle()
        subscription.tuples[0].title = "spoilt"
        jobs.harness.advance(jobs.server.limits.checkInterval + 1)

        assert [job.title for job in subscription.tuples] == ["tea", "milk"]
        assert jobs.told[1:] == [(["tea", "milk"], [("updated", 1)])]
        assert subscription.state == "current"

    def test_that_is_read_differently_is_said_once(self, jobs: Jobs, logged: Sequence[LogEvent]) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        view = subscription.view
        position = subscription.position
        number = view.number
        for _ in range(3):
            view.take({"w": number, "s": 1, "c": [2, 1]}, Payload({}))
            jobs.harness.settle()

        assert subscription.state == "current"
        assert subscription.position == position
        assert len([event for event in logged if "read the same" in str(event.get("log_format"))]) == 1
