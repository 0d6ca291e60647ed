"""
A request by POST while one of its connections is cut, at each byte in turn.

As `tests.transports.test_exchange_cuts`, on a virtual clock too; POSTs have more bytes.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from tests.transports.cut_exchanges import (
    ANSWERED,
    LOST_AFTER,
    LOST_BEFORE,
    Way,
    nothingFails,
    oneDate,
    outcomes,
)

__all__ = ["nothingFails", "oneDate"]

pytestmark = [pytest.mark.usefixtures("oneDate", "nothingFails"), pytest.mark.sweep]


class TestEveryByte:
    @pytest.mark.parametrize(
        ("number", "way", "phases"),
        [
            # The first POST brings the server's hello. Whoever waits for that asks on the next one.
            (0, "toServer", [ANSWERED]),
            (0, "toClient", [ANSWERED, LOST_AFTER, ANSWERED]),
            # The second one has the request, and its answer.
            (1, "toServer", [LOST_BEFORE, LOST_AFTER]),
            (1, "toClient", [LOST_BEFORE, LOST_AFTER, ANSWERED]),
        ],
    )
    def test_of_a_post(self, number: int, way: Way, phases: list[Any]) -> None:
        assert [end for end, _ in groupby(outcomes("post", number, way))] == phases
