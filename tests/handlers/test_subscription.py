"""Subscriptions as async iterators: whoever is slow is told of what there is by then."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.handlers.nodes import resultOf
from tests.handlers.observed import JOBS, Job, Jobs
from vortex.errors import QueueOverflow
from vortex.handlers.live_rows import LiveRows
from vortex.testing import VortexHarness
from vortex.tuples.change import TupleChange


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with VortexHarness() as harness:
        made = Jobs(harness)
        yield made
        made.handler.shutdown()


def taking(iterator: AsyncIterator[Any]) -> tuple[list[Any], list[Any]]:
    """What *iterator* gives from now on, as fast as it does; and how it has ended."""
    got: list[Any] = []
    ended: list[Any] = []

    async def take() -> str:
        async for item in iterator:
            got.append([job.title for job in item] if not isinstance(item, TupleChange) else shown(item))  # noqa: PERF401
        return "over"

    Deferred.fromCoroutine(take()).addBoth(ended.append)
    return got, ended


def next_(iterator: AsyncIterator[Any]) -> Deferred[Any]:
    return Deferred.fromCoroutine(iterator.__anext__())  # type: ignore[arg-type]


def shown(change: TupleChange) -> tuple[str, Any, str]:
    return change.op, change.key, change.record.title


class TestWhoWaits:
    def test_is_not_forgotten_though_nothing_else_holds_it(self, jobs: Jobs) -> None:
        got, ended = taking(jobs.observer.subscribe(JOBS).changes())
        gc.collect()
        jobs.harness.settle()
        gc.collect()
        jobs.observer.shutdown()

        assert len(got) == 2
        assert ended == ["over"]


class TestRows:
    def test_come_as_they_change_until_it_is_closed(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        got, ended = taking(aiter(subscription))
        jobs.harness.settle()
        jobs.put(k3="jam")
        assert ended == []
        subscription.close()
        jobs.put(k4="salt")

        assert got == [["tea", "milk"], ["tea", "milk", "jam"]]
        assert ended == ["over"]

    def test_come_at_once_where_they_are_there(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        jobs.harness.settle()
        got, _ = taking(aiter(subscription))

        assert got == [["tea", "milk"]]

    def test_come_once_for_all_that_has_changed_meanwhile(self, jobs: Jobs) -> None:
        rows = aiter(jobs.observer.subscribe(JOBS))
        jobs.harness.settle()
        assert [job.title for job in resultOf(next_(rows))] == ["tea", "milk"]
        jobs.put(k3="jam")
        jobs.put(k4="salt")
        assert [job.title for job in resultOf(next_(rows))] == ["tea", "milk", "jam", "salt"]
        waiting = next_(rows)

        assert not waiting.called

    def test_may_be_waited_for_and_given_up(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        rows = aiter(subscription)
        waiting = next_(rows).addErrback(lambda _: None)
        waiting.cancel()
        jobs.harness.settle()

        assert [job.title for job in resultOf(next_(rows))] == ["tea", "milk"]

    def test_are_not_kept_for_who_has_left(self, jobs: Jobs) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        rows = aiter(subscription)
        assert len(subscription._iterators) == 1
        del rows

        assert len(subscription._iterators) == 0

    def test_of_a_closed_subscription_are_over(self, jobs: Jobs) -> None:
        with jobs.observer.subscribe(JOBS) as subscription:
            pass
        got, ended = taking(aiter(subscription))

        assert (got, ended) == ([], ["over"])


class TestChanges:
    def test_come_one_by_one(self, jobs: Jobs) -> None:
        got, _ = taking(jobs.observer.subscribe(JOBS).changes())
        jobs.harness.settle()
        jobs.put(k1="coffee", k3="jam")
        del jobs.rows[2]
        jobs.put()

        assert got == [
            ("created", 1, "tea"),
            ("created", 2, "milk"),
            ("updated", 1, "coffee"),
            ("created", 3, "jam"),
            ("deleted", 2, "milk"),
        ]

    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([{"k1": "a"}, {"k1": "b"}], [("updated", 1, "b")]),
            ([{"k9": "a"}, {"k9": "b"}], [("created", 9, "b")]),
            ([{"k9": "a"}, {"k9": None}], []),
            ([{"k1": "a"}, {"k1": None}], [("deleted", 1, "a")]),
            ([{"k1": None}, {"k1": "b"}], [("updated", 1, "b")]),
            ([{"k1": None}, {"k1": "b"}, {"k1": None}], [("deleted", 1, "b")]),
            ([{"k1": "a"}, {"k2": "b"}, {"k1": "c"}], [("updated", 1, "c"), ("updated", 2, "b")]),
        ],
        ids=str,
    )
    def test_of_one_row_are_one_for_who_is_slow(
        self, jobs: Jobs, steps: list[dict[str, str | None]], expected: list[Any]
    ) -> None:
        subscription = jobs.observer.subscribe(JOBS)
        changes = subscription.changes()
        jobs.harness.settle()
        resultOf(next_(changes))
        resultOf(next_(changes))
        for step in steps:
            for name, title in step.items():
                jobs.rows.pop(int(name[1:]), None) if title is None else jobs.rows.update(
                    {int(name[1:]): title}
                )
            jobs.put()
        subscription.close()
        got, ended = taking(changes)

        assert got == expected
        assert ended == ["over"]

    def test_name_all_fields_that_have_changed(self, jobs: Jobs) -> None:
        changes = jobs.observer.subscribe(JOBS).changes()
        jobs.harness.settle()
        resultOf(next_(changes))
        resultOf(next_(changes))
        jobs.put(k1="coffee")
        jobs.put(k1="cocoa")

        assert resultOf(next_(changes)).fields == ["title"]

    def test_of_rows_without_keys_are_too_many_at_some_point(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vortex.handlers.subscription.MAX_UNREAD", 10)
        subscription = jobs.observer.subscribe(JOBS)
        changes = subscription.changes()
        for number in range(12):
            subscription.tell([TupleChange(op="created", record=Job(id=number))])

        with pytest.raises(QueueOverflow, match="more than 10 changes"):
            resultOf(next_(changes))


def test_a_view_without_rows_has_nothing_to_tell() -> None:
    assert list(LiveRows().items()) == []
