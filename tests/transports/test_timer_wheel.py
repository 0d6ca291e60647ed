"""The wheel is a clock; one timer of the reactor serves all its calls."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from vortex.transports.timer_wheel import TimerWheel


class TestTimerWheel:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def wheel(self, clock: Clock) -> TimerWheel:
        return TimerWheel(clock, resolution=0.1)

    def test_calls_no_earlier_and_at_most_a_slot_later(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[tuple[float, float]] = []
        for delay in (0.0, 0.05, 0.1, 1.0, 7.33):
            wheel.callLater(delay, lambda d=delay: called.append((d, clock.seconds())))

        for _ in range(1000):
            clock.advance(0.01)

        assert [delay for delay, _ in called] == [0.0, 0.05, 0.1, 1.0, 7.33]
        for delay, at in called:
            assert delay - 1e-6 <= at <= delay + 0.1 + 0.011

    def test_passes_arguments_on(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[object] = []
        wheel.callLater(1, lambda *args, **kwargs: called.append((args, kwargs)), 1, two=2)

        clock.advance(1.1)

        assert called == [((1,), {"two": 2})]

    def test_needs_one_reactor_timer_for_ten_thousand_calls(self, clock: Clock, wheel: TimerWheel) -> None:
        for number in range(10_000):
            wheel.callLater(number / 100, lambda: None)

        assert len(clock.getDelayedCalls()) == 1
        assert len(wheel) == 10_000

    def test_leaves_nothing_ticking_when_all_is_done_or_cancelled(
        self, clock: Clock, wheel: TimerWheel
    ) -> None:
        calls = [wheel.callLater(number, lambda: None) for number in range(3)]
        clock.advance(0.1)
        for call in calls[1:]:
            call.cancel()

        assert clock.getDelayedCalls() == []
        assert len(wheel) == 0

    def test_forgets_what_is_cancelled_long_before_its_time(self, wheel: TimerWheel) -> None:
        wheel.callLater(10, lambda: None)
        for number in range(10_000):
            wheel.callLater(1e6 + number, lambda: None).cancel()

        assert len(wheel._order) < 100

    def test_a_call_cancelled_by_another_of_its_slot_does_not_run(
        self, clock: Clock, wheel: TimerWheel
    ) -> None:
        called: list[str] = []
        wheel.callLater(1, lambda: second.cancel())
        second = wheel.callLater(1, called.append, "second")

        clock.advance(2)

        assert called == []

    def test_an_earlier_call_added_later_is_not_kept_waiting(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[str] = []
        wheel.callLater(100, called.append, "late")
        wheel.callLater(1, called.append, "early")

        clock.advance(1.2)

        assert called == ["early"]

    def test_reset_moves_a_call(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[str] = []
        call = wheel.callLater(1, called.append, "it")
        call.reset(5)

        clock.advance(4.9)
        assert called == []
        assert call.active()
        clock.advance(0.3)
        assert called == ["it"]
        assert not call.active()

    def test_a_failing_call_does_not_keep_others_from_theirs(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[str] = []
        wheel.callLater(1, lambda: 1 / 0)
        wheel.callLater(1, called.append, "other")
        wheel.callLater(2, called.append, "later")

        clock.advance(3)

        assert called == ["other", "later"]

    def test_a_call_may_add_calls(self, clock: Clock, wheel: TimerWheel) -> None:
        called: list[float] = []

        def again() -> None:
            called.append(clock.seconds())
            if len(called) < 3:
                wheel.callLater(1, again)

        wheel.callLater(1, again)
        for _ in range(40):
            clock.advance(0.1)

        assert len(called) == 3
        assert clock.getDelayedCalls() == []
