"""What is sent in the background: in batches, in order, all of it, by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from twisted.logger import capturedLogs

from vortex import (
    BackgroundSender,
    EncodeError,
    LimitExceeded,
    NotConnected,
    QueueOverflow,
    Rejected,
    RequestTimeout,
)
from vortex.node import background_sender

PATIENCE = 30.0
LONG = 1000.0
"""Seconds that nothing waits for in here."""


class Sink:
    """
    What a sender sends to.

    Attributes:
        batches: What came.
        gate: While it is not set, sending blocks.
        problems: What the next ones raise, one after the other.
    """

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.problems: list[Exception] = []
        self.began = threading.Semaphore(0)
        self.threads: set[str] = set()

    def __call__(self, batch: list[Any]) -> None:
        self.threads.add(threading.current_thread().name)
        self.began.release()
        assert self.gate.wait(PATIENCE)
        if self.problems:
            raise self.problems.pop(0)
        self.batches.append(batch)

    @property
    def sent(self) -> list[Any]:
        """All that came, in order."""
        return list(chain.from_iterable(self.batches))

    def hasBegun(self) -> None:
        """Wait until one more batch is being sent."""
        assert self.began.acquire(timeout=PATIENCE)


Make = Callable[..., BackgroundSender[Any]]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def make(sink: Sink) -> Iterator[Make]:
    made: list[BackgroundSender[Any]] = []

    def sender(**options: Any) -> BackgroundSender[Any]:
        made.append(BackgroundSender(sink, **options))
        made[-1]._backoff._first = 0.001
        return made[-1]

    yield sender
    sink.gate.set()
    for each in made:
        with suppress(RequestTimeout, Rejected):
            each.close(0)


class TestASender:
    def test_sends_a_full_batch_at_once(self, make: Make, sink: Sink) -> None:
        sender = make(maxBatch=3, maxDelay=LONG)
        for number in range(7):
            sender.send(number)
        for _ in range(2):
            sink.hasBegun()
        assert sender.pending >= 1

        sender.flush(PATIENCE)

        assert sink.batches == [[0, 1, 2], [3, 4, 5], [6]]
        assert sender.pending == 0

    def test_sends_what_has_waited_for_its_time(self, make: Make, sink: Sink) -> None:
        sender = make(maxBatch=100, maxDelay=0.01)

        sender.send("alone")
        sink.hasBegun()

        assert sink.threads == {"vortex sender"}

    def test_is_flushed_without_waiting_for_more(self, make: Make, sink: Sink) -> None:
        sender = make(maxBatch=100, maxDelay=LONG)
        for number in range(150):
            sender.send(number)

        sender.flush(PATIENCE)

        assert [len(batch) for batch in sink.batches] == [100, 50]
        assert sink.sent == list(range(150))

    def test_takes_no_more_than_it_may_hold(self, make: Make, sink: Sink) -> None:
        sink.gate.clear()
        sender = make(maxBatch=1, maxPending=3)
        for number in range(3):
            sender.send(number)

        with pytest.raises(QueueOverflow, match=r"3 wait to be sent already \(maxPending\)"):
            sender.send(3)
        sink.gate.set()
        sender.flush(PATIENCE)
        sender.send(4)
        sender.flush(PATIENCE)

        assert sink.sent == [0, 1, 2, 4]

    def test_sends_all_that_many_threads_give_it_each_in_its_order(self, make: Make, sink: Sink) -> None:
        sender = make(maxBatch=7, maxDelay=0.001)

        def work(name: int) -> None:
            for number in range(200):
                sender.send((name, number))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        sender.flush(PATIENCE)

        sent = sink.sent
        assert len(sent) == 1000
        for name in range(5):
            assert [number for who, number in sent if who == name] == list(range(200))
        assert max(map(len, sink.batches)) <= 7

    @pytest.mark.parametrize("option", ["maxBatch", "maxDelay", "maxPending"])
    def test_has_bounds_above_0(self, sink: Sink, option: str) -> None:
        bounds: dict[str, Any] = {option: 0}

        with pytest.raises(ValueError, match=f"{option} is above 0, got 0"):
            BackgroundSender(sink, **bounds)


class TestABatchThatFails:
    @pytest.mark.parametrize("problem", [OSError("no route"), NotConnected("gone"), RequestTimeout("late")])
    def test_is_tried_again_before_what_is_behind_it(
        self, make: Make, sink: Sink, problem: Exception
    ) -> None:
        sink.problems = [problem, problem, problem]
        sender = make(maxBatch=1)
        for number in range(3):
            sender.send(number)

        sender.flush(PATIENCE)

        assert sink.batches == [[0], [1], [2]]
        assert sink.problems == []

    def test_is_given_up_if_it_would_fail_again(self, make: Make, sink: Sink) -> None:
        sink.problems = [Rejected("never")]
        sender = make(maxBatch=1)
        with capturedLogs() as logged:
            sender.send(0)
            sender.send(1)
            with pytest.raises(Rejected, match="never"):
                sender.flush(PATIENCE)

        sender.flush(PATIENCE)

        assert sink.batches == [[1]]
        assert [event["log_level"].name for event in logged] == ["critical"]

    def test_is_given_up_at_once_if_that_is_wanted(self, make: Make, sink: Sink) -> None:
        sink.problems = [OSError("no route")]
        sender = make(retry=False)
        sender.send(0)

        with capturedLogs(), pytest.raises(OSError, match="no route"):
            sender.flush(PATIENCE)

        assert (sink.batches, sender.pending) == ([], 0)

    def test_with_what_cannot_be_encoded_is_sent_without_that(self, make: Make, sink: Sink) -> None:
        def sendBatch(batch: list[Any]) -> None:
            if "bad" in batch:
                raise EncodeError("this cannot travel")
            sink(batch)

        sender = BackgroundSender(sendBatch, maxBatch=6, maxDelay=LONG)
        with capturedLogs() as logged:
            for each in (1, 2, "bad", 4, "bad", 6):
                sender.send(each)
            with pytest.raises(EncodeError, match="this cannot travel"):
                sender.close(PATIENCE)

        assert sink.sent == [1, 2, 4, 6]
        assert sender.pending == 0
        assert len(logged) == 2

    def test_that_is_too_long_is_sent_in_parts(self, sink: Sink) -> None:
        def sendBatch(batch: list[Any]) -> None:
            if len(batch) > 2:
                raise LimitExceeded("maxBody", "that is too much")
            sink(batch)

        with BackgroundSender(sendBatch, maxBatch=5, maxDelay=LONG) as sender:
            for number in range(5):
                sender.send(number)

        assert (sink.sent, max(map(len, sink.batches))) == ([0, 1, 2, 3, 4], 2)

    def test_of_which_a_part_may_pass_later_is_sent_once(self, sink: Sink) -> None:
        def sendBatch(batch: list[Any]) -> None:
            if len(batch) > 1:
                raise LimitExceeded("maxBody", "that is too much")
            if batch == [1] and not sink.threads.issuperset({"late"}):
                sink.threads.add("late")
                raise RequestTimeout("late")
            sink(batch)

        with BackgroundSender(sendBatch, maxBatch=3, maxDelay=LONG) as sender:
            for number in range(3):
                sender.send(number)

        assert sink.batches == [[0], [1], [2]]

    def test_by_what_would_end_a_program_ends_no_more_than_itself(self, make: Make, sink: Sink) -> None:
        ends: list[Any] = [SystemExit(1)]
        sink.problems = ends
        sender = make(maxBatch=1)
        with capturedLogs():
            sender.send(0)
            sender.send(1)
            with pytest.raises(RuntimeError, match=r"has raised SystemExit\(1\)"):
                sender.flush(PATIENCE)

        assert sink.batches == [[1]]


class TestWhatWaitsForAll:
    def test_is_told_that_it_was_given_up_by_who_closes(self, make: Make, sink: Sink) -> None:
        sink.problems = [OSError("no route")] * 1_000_000
        sender = make(maxBatch=1)
        sender.send(0)
        sender.send(1)
        sink.hasBegun()
        told: list[Exception] = []

        def wait() -> None:
            try:
                sender.flush(PATIENCE)
            except Exception as error:
                told.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        with pytest.raises(RequestTimeout):
            sender.close(0.01)
        waiting.join(PATIENCE)

        assert [(type(error), str(error)) for error in told] == [
            (NotConnected, "2 of 2 were given up, as this sender was closed")
        ]

    def test_is_not_what_sends(self, sink: Sink) -> None:
        def sendBatch(batch: list[Any]) -> None:
            for wait in (sender.flush, sender.close):
                with pytest.raises(RuntimeError, match="that is itself"):
                    wait()
            sink(batch)

        sender: BackgroundSender[Any] = BackgroundSender(sendBatch, maxDelay=0.001)
        sender.send(0)
        sender.close(PATIENCE)

        assert sink.batches == [[0]]

    @pytest.mark.parametrize("forever", [float("inf"), 1e300])
    def test_may_wait_as_long_as_it_likes(
        self, sink: Sink, monkeypatch: pytest.MonkeyPatch, forever: float
    ) -> None:
        asked = threading.Event()

        class Time:
            @staticmethod
            def monotonic() -> float:
                if threading.current_thread() is not threading.main_thread():
                    asked.set()
                return 1.0

        monkeypatch.setattr(background_sender, "time", Time)
        sender = BackgroundSender(sink, maxDelay=forever, maxBatch=2)
        sender.send(0)
        assert asked.wait(PATIENCE)
        with sender._changed:  # which the thread gives away when it waits
            pass
        sender.flush(forever)
        sender.send(1)
        sender.close(forever)

        assert sink.batches == [[0], [1]]


class TestAThreadThatCannotBegin:
    def test_is_told_and_nothing_waits_for_it(
        self, make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        sender = make()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                sender.send(0)
        assert sender.pending == 0
        sender.send(1)
        sender.flush(PATIENCE)

        assert sink.sent == [1]


class TestTheEnd:
    def test_sends_what_waits(self, sink: Sink) -> None:
        with BackgroundSender(sink, maxDelay=LONG) as sender:
            sender.send("last")

        assert sink.batches == [["last"]]
        with pytest.raises(NotConnected, match="this sender is closed"):
            sender.send("later")
        sender.close()

    def test_gives_up_what_takes_too_long(self, make: Make, sink: Sink) -> None:
        sink.gate.clear()
        sender = make(maxBatch=1)
        sender.send(0)
        sender.send(1)
        sink.hasBegun()

        with pytest.raises(RequestTimeout, match=r"2 of 2 were not sent in 0\.01 s"):
            sender.close(0.01)
        sink.gate.set()

        thread = sender._thread
        assert thread is not None
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert sink.batches == [[0]]

    def test_ends_what_is_tried_again(self, make: Make, sink: Sink) -> None:
        sink.problems = [OSError("no route")] * 1_000_000
        sender = make()
        sender.send(0)
        sink.hasBegun()

        with pytest.raises(RequestTimeout):
            sender.close(0.01)

        thread = sender._thread
        assert thread is not None
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def test_of_one_that_has_sent_nothing_is_nothing(self, sink: Sink) -> None:
        sender = BackgroundSender(sink)

        sender.close()

        assert sender._thread is None
