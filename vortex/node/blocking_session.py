"""
BlockingSession: a native session of a program without a reactor, driven by whoever waits for something.

Between two calls nothing is read and nothing is said. A connection that was left alone for too long is made
anew, and the session resumed: so nothing is lost, and nothing is done twice.

    call -> turn -> connect (again) -> exchange -> ... -> answer
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import assert_never
from uuid import uuid4

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    LimitExceeded,
    NotConnected,
    RequestTimeout,
    VortexError,
    parseErrorText,
)
from vortex.limits import Limits
from vortex.node.blocking_way import Lost, Way
from vortex.node.forked import toldInEachChild
from vortex.protocol.backoff import Backoff
from vortex.protocol.client_session import ClientSession
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import MESSAGE_ID, Envelope, Message
from vortex.protocol.events import (
    Broken,
    Cancelled,
    Closed,
    Event,
    Malformed,
    Opened,
    Received,
    Reset,
    Resumed,
    Settled,
)
from vortex.protocol.payload import Payload
from vortex.protocol.session import BEAT
from vortex.routing.filt import SERVER_ECHO

__all__ = ["BlockingSession"]

CLOSING = 5.0
"""Seconds that `close` waits for a call in another thread to end."""


class BlockingSession:
    """
    Args:
        way: How its frames travel.
        where: The URL, for people to read.
        name: What the client calls itself.
        clock: Seconds, from any moment on.
    """

    def __init__(
        self,
        way: Way,
        *,
        where: str,
        name: str,
        limits: Limits,
        clock: Callable[[], float],
        backoff: Backoff | None = None,
    ) -> None:
        self._way = way
        self._where = where
        self._name = name
        self._limits = limits
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._closing = threading.Event()
        self._beginAnew()
        toldInEachChild(self)

    def _beginAnew(self) -> None:
        self._turn = threading.Lock()
        self._holder: int | None = None  # the thread whose turn it is
        self._uuid = str(uuid4())
        self._session = self._new()
        self._isUp = False  # whether there is a connection
        self._isOpen = False  # whether it was welcomed
        self._usedAt = 0.0
        self._problem: VortexError | None = None
        self._wanted = ""  # the messageId of the answer that is waited for
        self._answers: list[Envelope] = []

    def afterFork(self) -> None:
        """The session and its connection are those of the process that this one was forked from."""
        wasClosed, self._closing = self._closing.is_set(), threading.Event()
        if wasClosed:
            self._closing.set()
        self._way.forsake()
        self._beginAnew()

    @property
    def isClosed(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    def ask(self, payload: Payload, timeout: float | None) -> Payload:
        """
        Send *payload*, and wait for its answer.

        Raises:
            VortexError: As `vortex.node.blocking_client.BlockingVortexClient.request` has it.
        """
        messageId = f"{uuid4()}"
        message = Message(
            payload.withFilt({**payload.filt, MESSAGE_ID: messageId}), expectsAnswer=True, timeout=timeout
        )
        with self._turnWithin(timeout) as deadline:
            self._wanted = messageId
            self._answers.clear()
            self._deliver([message], lambda: bool(self._answers), deadline, timeout)
            answer = Payload.fromEnvelope(self._answers.pop(0), self._limits)
        if answer.result is None or answer.result is True:
            return answer
        raise parseErrorText(str(answer.result))

    def tell(self, payload: Payload, timeout: float | None) -> None:
        """Send *payload*, and wait until the other end has taken it. Raises as `ask`."""
        with self._turnWithin(timeout) as deadline:
            messages = [Message(payload)]
            if not self._way.isAcknowledged:
                # Asked for an echo it writes at once, and whatever it writes acknowledges what it has taken.
                echo = Payload({SERVER_ECHO: True, MESSAGE_ID: f"{uuid4()}"})
                messages.append(Message(echo, expectsAnswer=True, timeout=timeout))
            self._deliver(messages, lambda: self._session.heldBytes == 0, deadline, timeout)

    def close(self) -> None:
        """End the session. A call that waits in another thread fails. Calling it twice does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        if not self._turn.acquire(blocking=False):
            self._way.interrupt()
            if self._holder == threading.get_ident() or not self._turn.acquire(timeout=CLOSING):
                return  # the call that is under way ends it
        try:
            self._sayGoodbye()
        finally:
            self._turn.release()

    # ---- one call

    @contextmanager
    def _turnWithin(self, timeout: float | None) -> Iterator[float]:
        """This call's turn; gives the moment at which it is too late."""
        deadline = inf if timeout is None else self._clock() + timeout
        if self._holder == threading.get_ident():
            raise RuntimeError(
                f"this thread is in a call of {self._where} already: a signal handler cannot make another, "
                "have it note what is to be done, and do that when the call is over"
            )
        if not self._turn.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise RequestTimeout(f"another thread's call of {self._where} took {timeout:g} s and more")
        self._holder = threading.get_ident()
        try:
            yield deadline
        finally:
            if self._closing.is_set():
                self._sayGoodbye()
            self._holder = None
            self._turn.release()

    def _deliver(
        self, messages: list[Message], isDone: Callable[[], bool], deadline: float, timeout: float | None
    ) -> None:
        self._checkOpen()
        if self._isUp and self._clock() - self._usedAt > BEAT:
            self._drop("it was left alone")  # the other end may have given it up
        self._problem = None
        try:
            for message in messages:
                self._session.send(message)
            while not isDone():
                self._checkOpen()
                if self._clock() >= deadline:
                    raise self._tooLate(timeout or 0)
                self._step(deadline)
        except BaseException:
            for message in messages:
                self._session.cancel(message)
            raise
        finally:
            self._usedAt = self._clock()

    def _step(self, deadline: float) -> None:
        """Get a bit further, until then at most."""
        wasOpen = self._isOpen
        left = deadline - self._clock()
        try:
            if self._isUp:
                self._way.exchange(self._session, left)
            else:
                self._way.open(self._session, left)
                self._isUp = True
            for event in self._session.events():
                self._happened(event)
        except Lost as lost:
            if not wasOpen or self._clock() < deadline:  # else it is no more than that no answer came in time
                self._problem = lost.why
            self._drop(str(lost))
            if not wasOpen:
                self._closing.wait(min(self._backoff.next(), left))
        except LimitExceeded as error:  # what is too long would come again
            self._end(CloseCode.LIMIT, str(error))
            self._session = self._new()
            raise
        except BaseException:
            self._drop("it is of no use")
            raise

    def _happened(self, event: Event) -> None:
        match event:
            case Opened() | Resumed() | Reset():
                self._isOpen = True
                self._problem = None
                self._backoff.reset()
            case Received(envelope):
                if envelope.messageId == self._wanted:
                    self._answers.append(envelope)
            case Broken(code, reason):
                raise Lost(ConnectionLost(f"{self._where}: {code}: {reason}"))
            case Closed(code, reason):
                self._session = self._new()
                text = f"{self._where} has ended the session: {code}: {reason}"
                raise AccessDenied(text) if code in _DENIED else ConnectionLost(text)
            case Malformed() | Cancelled() | Settled():
                pass
            case _:
                assert_never(event)

    def _drop(self, reason: str) -> None:
        """There is no connection any more; the session goes on with the next."""
        self._way.close()
        self._isUp = self._isOpen = False
        self._session.transportLost(self._clock(), reason)

    def _sayGoodbye(self) -> None:
        self._end(CloseCode.NORMAL, "it has said all it wanted")

    def _end(self, code: CloseCode, reason: str) -> None:
        """The session is over, at the other end as well."""
        if self._isUp:
            self._session.close(code, reason)
            self._way.farewell(self._session)
        self._way.close()
        self._isUp = self._isOpen = False

    def _tooLate(self, seconds: float) -> VortexError:
        if self._problem is None:
            return RequestTimeout(f"{self._where} did not answer in {seconds:g} s")
        if isinstance(self._problem, NotConnected):
            return self._problem
        return NotConnected(f"there was no connection within {seconds:g} s: {self._problem}")

    def _checkOpen(self) -> None:
        if self._closing.is_set():
            raise NotConnected(f"this client of {self._where} is closed")

    def _new(self) -> ClientSession:
        return ClientSession(uuid=self._uuid, name=self._name, limits=self._limits, now=self._clock())


_DENIED = frozenset((CloseCode.REFUSED.value, CloseCode.EXPIRED.value, CloseCode.REVOKED.value))
