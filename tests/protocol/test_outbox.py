"""The outbox keeps order, and its bound."""

from __future__ import annotations

import tracemalloc

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


class TestMerging:
    """What bears a merge key, once *mergeBytes* wait."""

    def test_keeps_the_newest_of_a_key_in_the_newests_place(self) -> None:
        box: Outbox[str] = Outbox(1000, 100, mergeBytes=0)
        for item in ("a1", "b1", "x", "a2"):
            box.push(item, 100, 1, mergeKey=None if item == "x" else item[0])

        assert (len(box), box.bytes, box.merged) == (3, 3, 1)
        assert [box.pop() for _ in range(4)] == ["b1", "x", "a2", None]

    def test_does_nothing_while_little_waits(self) -> None:
        box: Outbox[str] = Outbox(1000, 100, mergeBytes=30)
        box.push("a1", 100, 20, mergeKey="a")
        box.push("a2", 100, 20, mergeKey="a")
        assert box.merged == 0

        box.push("a3", 100, 20, mergeKey="a")

        assert [box.pop(), box.pop()] == ["a1", "a3"]

    def test_is_within_one_priority(self) -> None:
        box: Outbox[str] = Outbox(1000, 100)
        box.push("a1", 100, 1, mergeKey="a")
        box.push("a2", 50, 1, mergeKey="a")

        assert [box.pop(), box.pop()] == ["a2", "a1"]

    def test_makes_room_for_what_is_no_larger(self) -> None:
        box: Outbox[str] = Outbox(100, 2)
        box.push("a1", 100, 90, mergeKey="a")
        box.push("b1", 100, 10, mergeKey="b")

        box.push("a2", 100, 90, mergeKey="a")

        assert [box.pop(), box.pop()] == ["b1", "a2"]

    def test_leaves_the_older_where_the_newer_finds_no_room(self) -> None:
        box: Outbox[str] = Outbox(100, 100)
        box.push("a1", 100, 50, mergeKey="a")
        box.push("b1", 100, 50, mergeKey="b")

        with pytest.raises(QueueOverflow):
            box.push("a2", 100, 51, mergeKey="a")

        assert (len(box), box.bytes, box.merged) == (2, 100, 0)
        assert [box.pop(), box.pop()] == ["a1", "b1"]

    @pytest.mark.sweep
    def test_leaves_nothing_behind_of_a_hundred_thousand(self) -> None:
        box: Outbox[bytes] = Outbox(1 << 20, 100)
        box.push(b"first", 100, 5)

        def fill(rounds: int) -> None:
            for number in range(rounds):
                box.push(b"%d" % number, 100 + number % 3, 10, mergeKey="a")

        fill(1000)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            fill(100_000)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert after - before < 20_000
        assert box.pop() == b"first"
        assert len(box) == 3

    def test_does_not_reach_what_was_taken_out(self) -> None:
        box: Outbox[str] = Outbox(1000, 100)
        box.push("a1", 100, 1, mergeKey="a")
        assert box.remove("a1")
        assert not box.remove("a1")
        box.push("a2", 100, 1, mergeKey="a")
        assert box.pop() == "a2"

        box.push("a3", 100, 1, mergeKey="a")

        assert (len(box), box.bytes, box.merged) == (1, 1, 0)
        assert box.pop() == "a3"
