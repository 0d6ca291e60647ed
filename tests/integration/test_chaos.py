"""The program of the chaos itself, with few kills."""

from __future__ import annotations

from pathlib import Path

from tests.integration.chaos import Chaos
from tests.integration.on_reactor import onReactor

KILLS = 3


class TestRequestsThroughChaos:
    @onReactor
    async def test_are_answered_each_and_take_effect_once(self, tmp_path: Path) -> None:
        chaos = Chaos(tmp_path, 1)
        try:
            await chaos.rage(KILLS)
            await chaos.rest()
        finally:
            await chaos.close()

        assert chaos.found() == []
        assert len(chaos.answers) == chaos.payments.total() == chaos.sent
        assert chaos.events["SessionReset"] >= KILLS
        assert chaos.cuts > 0
