"""Jobs in line."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from tests.handlers.nodes import resultOf
from vortex.errors import Rejected
from vortex.handlers.turns import Turns


class Jobs:
    """Jobs by name, that end when they are told to."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.started: list[str] = []
        self.ends: dict[str, Deferred[Any]] = {}

    def run(self, key: str, name: str) -> Deferred[Any]:
        return self.turns.run(key, lambda: self.start(name))

    def join(self, key: str, name: str) -> Deferred[Any]:
        return self.turns.join(key, lambda: self.start(name))

    def start(self, name: str) -> Deferred[Any]:
        self.started.append(name)
        self.ends[name] = Deferred()
        return self.ends[name]


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


class TestRun:
    def test_runs_what_is_first_in_line_at_once(self, jobs: Jobs) -> None:
        assert resultOf(jobs.turns.run("a", lambda: 5)) == 5

    def test_runs_one_after_another_under_one_key(self, jobs: Jobs) -> None:
        results = [jobs.run("a", name) for name in ("one", "two", "three")]
        assert jobs.started == ["one"]
        assert jobs.turns.waiting("a") == 3

        jobs.ends["one"].callback(1)
        assert jobs.started == ["one", "two"]
        jobs.ends["two"].callback(2)
        jobs.ends["three"].callback(3)

        assert [resultOf(result) for result in results] == [1, 2, 3]
        assert jobs.turns.waiting("a") == 0

    def test_goes_on_with_what_nobody_wants_any_more_and_then_with_the_next(self, jobs: Jobs) -> None:
        unwanted, next_ = jobs.run("a", "one"), jobs.run("a", "two")
        unwanted.addErrback(lambda failure: failure.trap(CancelledError))
        unwanted.cancel()
        assert jobs.started == ["one"]
        jobs.ends["one"].callback(1)
        jobs.ends["two"].callback(2)

        assert resultOf(next_) == 2

    def test_logs_a_mistake_that_nobody_waits_for_any_more(self, jobs: Jobs) -> None:
        for error in (Rejected("a refusal"), RuntimeError("a mistake")):
            unwanted = jobs.run("a", "one")
            unwanted.addErrback(lambda failure: failure.trap(CancelledError))
            unwanted.cancel()
            with capturedLogs() as logs:
                jobs.ends["one"].errback(error)

            failures = [event["log_failure"].value for event in logs if "log_failure" in event]
            assert failures == [error] * isinstance(error, RuntimeError)

    def test_runs_at_the_same_time_under_different_keys(self, jobs: Jobs) -> None:
        jobs.run("a", "one")
        jobs.run("b", "two")

        assert jobs.started == ["one", "two"]

    def test_goes_on_after_a_job_that_failed(self, jobs: Jobs) -> None:
        first, second = jobs.run("a", "one"), jobs.run("a", "two")

        jobs.ends["one"].errback(Failure(ValueError("no")))
        with pytest.raises(ValueError, match="no"):
            resultOf(first)
        jobs.ends["two"].callback(2)

        assert resultOf(second) == 2

    def test_takes_coroutines_and_what_raises_at_once(self, jobs: Jobs) -> None:
        async def job() -> int:
            return await succeed(5)

        def fail() -> None:
            raise ValueError("no")

        assert resultOf(jobs.turns.run("a", job)) == 5
        with pytest.raises(ValueError, match="no"):
            resultOf(jobs.turns.run("a", fail))

    def test_lets_a_job_that_is_over_put_another_in_line(self, jobs: Jobs) -> None:
        jobs.run("a", "one").addCallback(lambda _: jobs.run("a", "two"))

        jobs.ends["one"].callback(None)

        assert jobs.started == ["one", "two"]
        assert jobs.turns.waiting("a") == 1

    def test_takes_ten_thousand_that_are_over_at_once(self, jobs: Jobs) -> None:
        jobs.run("a", "first")
        results = [jobs.turns.run("a", lambda n=n: n) for n in range(10_000)]  # type: ignore[misc]

        jobs.ends["first"].callback(None)

        assert [resultOf(result) for result in results] == list(range(10_000))

    def test_lets_go_of_what_was_run(self, jobs: Jobs) -> None:
        class Thing:
            pass

        thing = Thing()
        gone = weakref.ref(thing)
        jobs.turns.run("a", lambda thing=thing: thing and None)  # type: ignore[misc]
        del thing
        gc.collect()

        assert gone() is None


class TestJoin:
    def test_runs_once_for_all_that_wait(self, jobs: Jobs) -> None:
        jobs.run("a", "first")
        results = [jobs.join("a", name) for name in ("one", "two", "three")]

        jobs.ends["first"].callback(None)
        assert jobs.started == ["first", "one"]
        jobs.ends["one"].callback("done")

        assert [resultOf(result) for result in results] == ["done"] * 3
        assert jobs.turns.waiting("a") == 0

    def test_runs_again_for_who_comes_while_it_runs(self, jobs: Jobs) -> None:
        first, second, third = jobs.join("a", "one"), jobs.join("a", "two"), jobs.join("a", "three")

        jobs.ends["one"].callback(1)
        assert jobs.started == ["one", "two"]
        jobs.ends["two"].callback(2)

        assert [resultOf(each) for each in (first, second, third)] == [1, 2, 2]

    def test_fails_for_all_alike(self, jobs: Jobs) -> None:
        jobs.run("a", "first")
        results = [jobs.join("a", "one"), jobs.join("a", "two")]

        jobs.ends["first"].callback(None)
        jobs.ends["one"].errback(Failure(ValueError("no")))

        for result in results:
            with pytest.raises(ValueError, match="no"):
                resultOf(result)
