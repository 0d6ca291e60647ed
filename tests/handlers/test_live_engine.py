"""The server's side of live data, in any order that things may happen in."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.handlers.live_engine_machine import EngineMachine


class TestWhateverHappens:
    def test_each_view_is_led_from_one_state_of_the_provider_to_a_later_one_and_to_the_last(self) -> None:
        run_state_machine_as_test(
            EngineMachine,
            settings=settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True),
        )
