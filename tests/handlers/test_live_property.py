"""Live data against a model, see `tests.handlers.live_machine`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.handlers.live_machine import LiveMachine

pytestmark = pytest.mark.sweep


class TestEveryView:
    def test_is_what_the_provider_had_at_its_position_in_order_and_once(self) -> None:
        run_state_machine_as_test(
            LiveMachine,
            settings=settings(
                max_examples=30,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
