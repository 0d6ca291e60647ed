"""Native sessions against a model of what they promise: see `tests.protocol.session_machine`."""

from __future__ import annotations

import pytest

from tests.protocol.session_machine import checkTold, runSteps

pytestmark = pytest.mark.sweep

STEPS = 4000


class TestAgainstTheModel:
    def test_all_holds_through_any_cuts_moves_silences_resets_and_restarts(self) -> None:
        runSteps(STEPS)


class TestTheModel:
    """It sees what it is there to see."""

    PUSHED = (("a", None), ("b", "key"), ("c", None), ("d", "key"), ("e", None))

    @pytest.mark.parametrize("told", ["", "a", "abc", "abcd", "acd", "acde"])
    def test_takes_what_was_pushed_from_the_first_on_but_for_what_was_replaced(self, told: str) -> None:
        checkTold(list(told), list(self.PUSHED))

    @pytest.mark.parametrize("told", ["b", "ba", "aa", "abd", "abcdd", "cd", "ce", "abce"])
    def test_refuses_what_is_missing_doubled_or_out_of_order(self, told: str) -> None:
        with pytest.raises(AssertionError):
            checkTold(list(told), list(self.PUSHED))

    @pytest.mark.parametrize(
        ("told", "isRight"), [("abcde", True), ("acde", True), ("acd", False), ("", False)]
    )
    def test_wants_all_of_it_in_the_end(self, told: str, isRight: bool) -> None:
        try:
            checkTold(list(told), list(self.PUSHED), isAll=True)
        except AssertionError:
            assert not isRight
        else:
            assert isRight
