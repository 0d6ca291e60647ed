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
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from twisted.logger import Logger

from vortex.errors import ConnectionLost, NotConnected, QueueOverflow, RequestTimeout
from vortex.protocol.backoff import Backoff

__all__ = ["BackgroundSender"]

log = Logger()

X = TypeVar("X")

_MAY_WORK_LATER = (OSError, NotConnected, ConnectionLost, RequestTimeout, QueueOverflow)


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
            raises ends the batch, is logged, and is raised by the next `flush` or `close`.

    Its methods may be called in any thread. The thread begins with the first `send`, and keeps no program
    from ending: `close` it, or use it in a ``with`` block, to have everything sent before.

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
        self._backoff = Backoff()
        self._changed = threading.Condition()
        self._waiting: deque[X] = deque()
        self._given = 0  # how many were ever given to it
        self._over = 0  # how many of them are sent, or given up
        self._flushTo = 0  # up to that one nothing waits for more
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._isClosed = False
        self._isStopped = False

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
        """
        with self._changed:
            if self._isClosed:
                raise NotConnected("this sender is closed")
            if self._given - self._over >= self._maxPending:
                raise QueueOverflow(f"{self._maxPending} wait to be sent already (maxPending)")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="vortex sender", daemon=True)
                self._thread.start()
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
            Exception: What a batch came to that was given up since the last call.
        """
        with self._changed:
            mine = self._given
            self._flushTo = max(self._flushTo, mine)
            self._changed.notify_all()
            isDone = self._changed.wait_for(lambda: self._over >= mine or self._isStopped, timeout)
            error, self._error = self._error, None
            left = mine - self._over
        if error is not None:
            raise error
        if not isDone:
            raise RequestTimeout(f"{left} of {mine} were not sent in {timeout:g} s")

    def close(self, timeout: float | None = None) -> None:
        """
        Take no more, send what waits, and stop. Calling it twice does nothing.

        Args:
            timeout: Seconds; past it what waits still is given up. None: as long as it takes.

        Raises:
            RequestTimeout: If something was given up for want of time.
            Exception: As `flush`.
        """
        with self._changed:
            self._isClosed = True
        try:
            self.flush(timeout)
        finally:
            with self._changed:
                self._isStopped = True
                self._changed.notify_all()

    # ---- the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
            if batch is None:
                return
            self._sendAtLast(batch)
            with self._changed:
                self._over += len(batch)
                self._changed.notify_all()

    def _next(self) -> list[X] | None:
        """The next batch, when it is time; None: there is none any more."""
        self._changed.wait_for(lambda: self._waiting or self._isStopped)
        until = time.monotonic() + self._maxDelay
        while not self._isStopped and not self._isFull and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)
        if self._isStopped:
            return None
        return [self._waiting.popleft() for _ in range(min(self._maxBatch, len(self._waiting)))]

    @property
    def _isFull(self) -> bool:
        """Whether the next batch waits for no more."""
        return len(self._waiting) >= self._maxBatch or self._over < self._flushTo

    def _sendAtLast(self, batch: Sequence[X]) -> None:
        while True:
            try:
                self._sendBatch(list(batch))
            except Exception as error:
                if not (self._retry and isinstance(error, _MAY_WORK_LATER)):
                    log.failure("{count} could not be sent in the background", count=len(batch))
                    with self._changed:
                        self._error = error
                    return
            else:
                self._backoff.reset()
                return
            with self._changed:
                if self._changed.wait_for(lambda: self._isStopped, self._backoff.next()):
                    return
