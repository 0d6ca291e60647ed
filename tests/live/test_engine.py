"""The server's side of live data, in any order that things may happen in."""

from __future__ import annotations

import pytest

from tests.live.engine_machine import EngineMachine


class TestWhateverHappens:
    @pytest.mark.parametrize("seed", range(40))
    def test_each_view_is_led_from_one_state_of_the_provider_to_a_later_one_and_to_the_last(
        self, seed: int
    ) -> None:
        EngineMachine(seed).run(120)
