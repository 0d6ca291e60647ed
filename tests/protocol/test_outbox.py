"""The outbox keeps order, and its bound."""

from __future__ import annotations

import pytest

from vortex.errors import QueueOverflow
from vortex.protocol.outbox import Outbox


class TestOutbox:
    def test_gives_lower_priorities_first_and_keeps_the_order_within_one(self) -> None:
        box: Outbox[str] = Outbox(1000, 100)
        for item, priority in (("a", 100), ("b", 10), ("c", 100), ("d", 20), ("e", 10)):
            box.push(item, priority, 1)

        assert [box.pop() for _ in range(6)] == ["b", "e", "d", "a", "c", None]

    def test_counts_what_it_holds(self) -> None:
        box: Outbox[str] = Outbox(1000, 100)
        box.push("a", 100, 30)
        box.push("b", 1, 12)
        assert (len(box), box.bytes) == (2, 42)

        box.pop()

        assert (len(box), box.bytes) == (1, 30)

    def test_refuses_what_would_pass_its_bytes_and_stays_as_it_was(self) -> None:
        box: Outbox[str] = Outbox(100, 100)
        box.push("a", 100, 60)

        with pytest.raises(QueueOverflow, match="maxOutboxBytes"):
            box.push("b", 100, 41)

        assert (len(box), box.bytes) == (1, 60)
        box.push("c", 100, 40)
        assert [box.pop(), box.pop()] == ["a", "c"]

    def test_refuses_what_would_pass_its_count(self) -> None:
        box: Outbox[str] = Outbox(1000, 2)
        box.push("a", 100, 1)
        box.push("b", 100, 1)

        with pytest.raises(QueueOverflow, match="maxOutboxItems"):
            box.push("c", 100, 1)

    def test_lets_one_large_item_in_when_nothing_waits(self) -> None:
        box: Outbox[str] = Outbox(100, 100)
        box.push("large", 100, 5000)

        with pytest.raises(QueueOverflow):
            box.push("next", 100, 1)
        assert box.pop() == "large"

    def test_forgets_everything_when_cleared(self) -> None:
        box: Outbox[str] = Outbox(100, 100)
        box.push("a", 100, 60)

        box.clear()

        assert (len(box), box.bytes, box.pop()) == (0, 0, None)
