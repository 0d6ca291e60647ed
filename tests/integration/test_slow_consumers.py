"""The program of the slow consumers itself, with few of them, and for the shortest time that tells much."""

from __future__ import annotations

from tests.integration import slow_consumers
from tests.integration.on_reactor import onReactor


class TestSlowConsumers:
    @onReactor
    async def test_cost_no_memory_and_come_back(self) -> None:
        assert await slow_consumers.soak(5, 9, isTimed=False) == []
