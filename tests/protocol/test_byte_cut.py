"""Sessions cut at every byte of both directions: what was sent is delivered, in its order, once."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.protocol.byte_cut import allDelivered, bytesOf, everyCut, run

pytestmark = pytest.mark.sweep

MESSAGES = 20


class TestByteCut:
    def test_nothing_is_lost_or_doubled_wherever_the_line_is_cut(
        self, tell: Callable[[int, str], None]
    ) -> None:
        cuts = everyCut(MESSAGES)

        tell(cuts, f"cuts of a session of {MESSAGES} messages each way, without a transport")
        assert cuts == sum(size + 1 for size in bytesOf(MESSAGES).values())
        assert cuts > 2000

    def test_nor_when_it_is_cut_again_and_again(self) -> None:
        """Five cuts in either direction at places that are another draw each time, told by their seed."""
        sizes = bytesOf(MESSAGES)
        for seed in range(300):
            draw = random.Random(seed)
            cuts = {way: sorted(draw.sample(range(2 * size), 5)) for way, size in sizes.items()}

            allDelivered(run(MESSAGES, cuts), MESSAGES)

    def test_nor_when_every_line_ends_within_its_first_bytes(self) -> None:
        """WELCOME after WELCOME is lost, and with each the token in it."""
        sizes = bytesOf(MESSAGES)

        allDelivered(run(MESSAGES, {"down": list(range(100, sizes["down"], 100))}), MESSAGES)
        allDelivered(run(MESSAGES, {"up": list(range(150, sizes["up"], 50))}), MESSAGES)
