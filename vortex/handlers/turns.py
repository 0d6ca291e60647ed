"""
Turns: jobs that must not overtake each other.

Jobs given under one key run one after another, in the order they came; under different keys they run at
the same time. A handler answers and pushes to a peer under one key, so that nobody is left with what was
true before.

No threads and no timers in here: a job that can run at once does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import VortexError

__all__ = ["Turns"]

log = Logger()

Job = Callable[[], Any]


class Turns:
    """Lines of jobs, one line per key. A line that is empty costs nothing."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[tuple[Job, Deferred[Any]]]] = {}
        self._joinable: dict[Hashable, list[Deferred[Any]]] = {}

    def waiting(self, key: Hashable) -> int:
        """How many jobs of *key* are not over, the running one included."""
        return len(self._lines.get(key, ()))

    def run(self, key: Hashable, job: Job) -> Deferred[Any]:
        """
        Run *job* when everything before it under *key* is over.

        Args:
            job: May return anything, a Deferred or a coroutine; it is over when that is.

        Returns:
            Fires with what the job gave, or fails as it did. The jobs behind it run either way. To cancel it
            is to want no result: the job is done all the same.
        """
        result: Deferred[Any] = Deferred()
        line = self._lines.get(key)
        if line is not None:
            line.append((job, result))
            return result
        self._lines[key] = line = deque([(job, result)])
        Deferred.fromCoroutine(self._work(key, line))
        return result

    def join(self, key: Hashable, job: Job) -> Deferred[Any]:
        """
        As `run`, but if a job that was given to `join` waits under *key* already, take its result instead.

        So at most one of them runs and one waits: the way to do something again "once more, with what is true
        then", however often it is asked for.
        """
        mine: Deferred[Any] = Deferred()
        waiters = self._joinable.get(key)
        if waiters is not None:
            waiters.append(mine)
            return mine
        self._joinable[key] = waiters = [mine]

        def start() -> Any:
            del self._joinable[key]
            return job()

        def over(result: Any) -> None:
            for waiter in waiters:
                waiter.callback(result)

        self.run(key, start).addBoth(over)
        return mine

    async def _work(self, key: Hashable, line: deque[tuple[Job, Deferred[Any]]]) -> None:
        while line:
            job, result = line[0]
            outcome: Any
            try:
                outcome = await maybeDeferred(job)
            except Exception:
                outcome = Failure()
            line.popleft()
            if not line:
                del self._lines[key]
            if result.called and isinstance(outcome, Failure) and not outcome.check(VortexError):
                log.failure("a job whose result nobody wants any more has failed", outcome)
            result.callback(outcome)
            if self._lines.get(key) is not line:
                return
