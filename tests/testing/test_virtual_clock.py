"""Time that a test turns by hand."""

from __future__ import annotations

import pytest
from twisted.internet.interfaces import IReactorTime
from zope.interface.verify import verifyObject

from vortex.testing import VirtualClock


class TestAdvance:
    def test_goes_from_call_to_call(self) -> None:
        clock = VirtualClock()
        seen: list[float] = []

        def again() -> None:
            seen.append(clock.seconds())
            clock.callLater(2, again)

        clock.callLater(2, again)
        clock.advance(5)

        assert seen == [2, 4]
        assert clock.seconds() == 5
        assert [call.getTime() for call in clock.getDelayedCalls()] == [6]
        assert verifyObject(IReactorTime, clock)

    def test_makes_what_is_due_now_and_what_comes_of_it(self) -> None:
        clock = VirtualClock()
        seen: list[str] = []
        clock.callLater(0, lambda: clock.callLater(0, seen.append, "second"))
        clock.callLater(0.001, seen.append, "later")

        clock.settle()

        assert seen == ["second"]
        assert clock.seconds() == 0

    def test_keeps_to_a_call_that_was_put_off(self) -> None:
        clock = VirtualClock()
        seen: list[str] = []
        putOff = clock.callLater(1, seen.append, "put off")
        clock.callLater(2, seen.append, "at two")
        putOff.reset(3)

        clock.advance(2)
        assert seen == ["at two"]
        clock.advance(1)

        assert seen == ["at two", "put off"]

    def test_stands_still_at_a_call_that_fails(self) -> None:
        clock = VirtualClock()
        clock.callLater(1, lambda: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            clock.advance(5)

        assert clock.seconds() == 1

    def test_goes_forward_only(self) -> None:
        with pytest.raises(ValueError, match="forward only, got -1 seconds"):
            VirtualClock().advance(-1)

    def test_one_call_at_a_time(self) -> None:
        clock = VirtualClock()
        seen: list[str] = []
        clock.callLater(0, seen.append, "first")
        clock.callLater(0, seen.append, "second")
        clock.callLater(1, seen.append, "later")

        assert [clock.step(), list(seen)] == [True, ["first"]]
        assert [clock.step(), clock.step(), list(seen)] == [True, False, ["first", "second"]]
        assert clock.seconds() == 0

    def test_names_the_call_of_a_moment_without_an_end(self) -> None:
        clock = VirtualClock()

        def forever() -> None:
            clock.callLater(0, forever)

        clock.callLater(1, forever)

        with pytest.raises(AssertionError, match=r"100000 calls were made at 1 s .*forever at 1 s"):
            clock.advance(2)
