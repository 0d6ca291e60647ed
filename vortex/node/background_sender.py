"""
BackgroundSender: a bounded queue, and a thread that sends what is in it, in batches.

    with BackgroundSender(upload, maxBatch=50) as sender:
        for reading in readings():
            sender.send(reading)                # returns at once

For threads, and programs without a reactor. How a batch is sent, and where to, is the function's business.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from twisted.logger import Logger

from vortex.errors import (
    ConnectionLost,
    EncodeError,
    LimitExceeded,
    NotConnected,
    QueueOverflow,
    RequestTimeout,
)
from vortex.node.forked import toldInEachChild
from vortex.protocol.backoff import Backoff

__all__ = ["BackgroundSender"]

log = Logger()

X = TypeVar("X")

_MAY_WORK_LATER = (OSError, NotConnected, ConnectionLost, RequestTimeout, QueueOverflow)

_OF_SOME = (EncodeError, LimitExceeded)
"""What a batch fails with for what is in it: a part of it may pass."""

MAX_WAIT = 3600.0
"""Seconds that are waited for at once: a lock takes no number of any size."""


class BackgroundSender(Generic[X]):
    """
    Args:
        sendBatch: Called with a list of what was given to `send`, in that order, in a thread of its own. It
            blocks until they are sent.
        maxBatch: How many go at once.
        maxDelay: Seconds that the first of a batch waits for more.
        maxPending: How many may wait.
        retry: Whether a batch is tried again, after a while, if *sendBatch* raises what may pass: an OSError,
            `NotConnected`, `ConnectionLost`, `RequestTimeout` or `QueueOverflow`. Anything else that it
            raises ends the batch, is logged, and is raised by the next `flush` or `close`. Of a batch that
            ends with an `EncodeError` or `LimitExceeded` the halves are tried, and so on: only what cannot
            be sent by itself is given up.

    Its methods may be called in any thread. The thread begins with the first `send`, and keeps no program
    from ending: `close` it, or use it in a ``with`` block, to have everything sent before. In a process that
    was forked it is empty, and has a thread of its own: what waited is sent by the process that it was given
    to.

    Raises:
        ValueError: If a number is not above 0.
    """

    def __init__(
        self,
        sendBatch: Callable[[list[X]], object],
        *,
        maxBatch: int = 10,
        maxDelay: float = 0.1,
        maxPending: int = 10_000,
        retry: bool = True,
    ) -> None:
        for name, number in (("maxBatch", maxBatch), ("maxDelay", maxDelay), ("maxPending", maxPending)):
            if not number > 0:
                raise ValueError(f"{name} is above 0, got {number!r}")
        self._sendBatch = sendBatch
        self._maxBatch = maxBatch
        self._maxDelay = maxDelay
        self._maxPending = maxPending
        self._retry = retry
        self._isClosed = False
        self._isStopped = False
        self._beginAnew()
        toldInEachChild(self)

    def _beginAnew(self) -> None:
        self._backoff = Backoff()
        self._changed = threading.Condition()
        self._waiting: deque[X] = deque()
        self._given = 0  # how many were ever given to it
        self._over = 0  # how many of them are sent, or given up
        self._flushTo = 0  # up to that one nothing waits for more
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<BackgroundSender, {self.pending} pending{', closed' if self._isClosed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """How many are not sent yet."""
        with self._changed:
            return self._given - self._over

    def send(self, x: X) -> None:
        """
        Have *x* sent soon.

        Raises:
            QueueOverflow: If maxPending wait already.
            NotConnected: If it is closed.
            RuntimeError: If it is the first, and no thread can be begun: the program is about to end.
        """
        with self._changed:
            if self._isClosed:
                raise NotConnected("this sender is closed")
            if self._given - self._over >= self._maxPending:
                raise QueueOverflow(f"{self._maxPending} wait to be sent already (maxPending)")
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="vortex sender", daemon=True)
                thread.start()
                self._thread = thread
            self._waiting.append(x)
            self._given += 1
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> None:
        """
        Wait until all that was given to it so far is sent, without waiting for more to go with it.

        Args:
            timeout: Seconds; None: as long as it takes.

        Raises:
            RequestTimeout: If it took longer; it is sent all the same.
            NotConnected: If it was closed meanwhile, and what waited was given up.
            RuntimeError: If *sendBatch* calls this, which would wait for itself.
            Exception: What a batch came to that was given up since the last call.
        """
        self._checkThread()
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            mine = self._given
            self._flushTo = max(self._flushTo, mine)
            self._changed.notify_all()
            while self._over < mine and not self._isStopped:
                wait = MAX_WAIT if until is None else min(until - time.monotonic(), MAX_WAIT)
                if wait <= 0:
                    break
                self._changed.wait(wait)
            error, self._error = self._error, None
            left, isStopped = mine - self._over, self._isStopped
        if error is not None:
            raise error
        if left > 0 and isStopped:
            raise NotConnected(f"{left} of {mine} were given up, as this sender was closed")
        if left > 0:
            raise RequestTimeout(f"{left} of {mine} were not sent in {timeout:g} s")

    def close(self, timeout: float | None = None) -> None:
        """
        Take no more, send what waits, and stop. Calling it when that is done does nothing.

        Args:
            timeout: Seconds; past it what waits still is given up. None: as long as it takes.

        Raises:
            RequestTimeout: If something was given up for want of time.
            Exception: As `flush`.
        """
        self._checkThread()
        with self._changed:
            if self._isStopped:
                return
            self._isClosed = True
        try:
            self.flush(timeout)
        finally:
            with self._changed:
                self._isStopped = True
                self._changed.notify_all()

    def _checkThread(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("what sends in the background cannot wait until all is sent: that is itself")

    def afterFork(self) -> None:
        """Nothing waits, and nobody works: what there was of that is another process's."""
        self._beginAnew()

    # ---- the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
            if batch is None or not self._sendAtLast(batch):
                return

    def _next(self) -> list[X] | None:
        """The next batch, when it is time; None: there is none any more."""
        self._changed.wait_for(lambda: self._waiting or self._isStopped)
        until = time.monotonic() + self._maxDelay
        while not self._isStopped and not self._isFull and (left := until - time.monotonic()) > 0:
            self._changed.wait(min(left, MAX_WAIT))
        if self._isStopped:
            return None
        return [self._waiting.popleft() for _ in range(self._most)]

    @property
    def _most(self) -> int:
        """How many go now."""
        return max(1, int(min(self._maxBatch, len(self._waiting))))

    @property
    def _isFull(self) -> bool:
        """Whether the next batch waits for no more."""
        return len(self._waiting) >= self._maxBatch or self._over < self._flushTo

    def _sendAtLast(self, batch: list[X]) -> bool:
        """Send them, and give up those that cannot be sent; False if this was stopped before."""
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                self._sendBatch(list(part))
            except BaseException as error:  # whatever it is, the thread is there for what comes after
                if isinstance(error, _OF_SOME) and len(part) > 1:
                    half = len(part) // 2
                    parts += part[half:], part[:half]
                elif self._retry and isinstance(error, _MAY_WORK_LATER):
                    parts.append(part)
                    with self._changed:
                        if self._changed.wait_for(lambda: self._isStopped, self._backoff.next()):
                            return False
                else:
                    log.failure("{count} could not be sent in the background", count=len(part))
                    self._isOver(part, error)
            else:
                self._backoff.reset()
                self._isOver(part)
        return True

    def _isOver(self, part: list[X], error: BaseException | None = None) -> None:
        """*part* is sent; or, with *error*, given up."""
        problem = error if error is None or isinstance(error, Exception) else _asError(error)
        with self._changed:
            self._error = problem or self._error
            self._over += len(part)
            self._changed.notify_all()


def _asError(stranger: BaseException) -> Exception:
    """What can be raised in another thread without ending it."""
    error = RuntimeError(f"what sends in the background has raised {stranger!r}")
    error.__cause__ = stranger
    return error
