"""TupleDataObserver at a server that does as VortexPY's do, over the wire of VortexPY."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.handlers.observed import JOBS, Job, Plain
from vortex import TupleSelector
from vortex.testing import VortexHarness


@pytest.fixture
def plain() -> Iterator[Plain]:
    with VortexHarness() as harness:
        yield Plain(harness)


class TestAServerOfWholeStates:
    def test_is_seen_with_what_has_changed(self, plain: Plain) -> None:
        subscription = plain.observer.subscribe(JOBS, plain.told)
        plain.harness.settle()
        plain.push([Job(id=1, title="coffee"), Job(id=3, title="jam")])
        plain.push([Job(id=1, title="coffee"), Job(id=3, title="jam")])
        plain.push([])

        assert plain.told == [
            (["tea"], [("created", 1)]),
            (["coffee", "jam"], [("updated", 1), ("created", 3)]),
            ([], [("deleted", 1), ("deleted", 3)]),
        ]
        assert (subscription.state, subscription.position) == ("current", None)

    def test_is_asked_in_its_words(self, plain: Plain) -> None:
        plain.observer.subscribe(JOBS)
        plain.harness.settle()
        [filt] = plain.asked

        assert (filt["key"], filt["name"], filt["tupleSelector"], filt["subscribe"]) == (
            "tupleDataObservable",
            "jobs",
            JOBS,
            True,
        )

    def test_is_asked_again_when_it_is_back(self, plain: Plain) -> None:
        subscription = plain.observer.subscribe(JOBS, plain.told)
        plain.harness.settle()
        plain.link.close()
        plain.harness.settle()
        assert subscription.state == "stale"
        plain.harness.link(plain.server, plain.client)

        assert len(plain.asked) == 2
        assert len(plain.told) == 1
        assert subscription.state == "current"

    def test_is_told_that_nobody_watches(self, plain: Plain) -> None:
        subscription = plain.observer.subscribe(JOBS, plain.told)
        plain.harness.settle()
        subscription.close()
        plain.harness.settle()

        assert [filt.get("unsubscribe") for filt in plain.asked] == [None, True]
        assert plain.asked[1]["tupleSelector"] == JOBS

    def test_may_push_what_is_older_or_for_somebody_else(self, plain: Plain) -> None:
        plain.observer.subscribe(JOBS, plain.told)
        plain.harness.settle()
        plain.push([Job(id=9)], observerName="another")
        plain.push([Job(id=9)], tupleSelector=TupleSelector(name="x"))
        plain.push([Job(id=9)], age=60)

        assert len(plain.told) == 1

    def test_is_polled(self, plain: Plain) -> None:
        tuples = plain.harness.resultOf(plain.observer.poll(JOBS))

        assert tuples == [Job(id=1, title="tea")]
        assert plain.asked[0]["subscribe"] is False
