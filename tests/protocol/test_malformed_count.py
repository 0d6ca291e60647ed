"""How many messages were none: so many at once, and as many in each hour."""

from __future__ import annotations

from vortex.protocol.malformed_count import MalformedCount


class TestMalformedCount:
    def test_takes_so_many_at_once(self) -> None:
        count = MalformedCount(3)

        assert [count.oneMore(100.0) for _ in range(5)] == [False, False, False, True, True]

    def test_forgets_as_many_within_an_hour(self) -> None:
        count = MalformedCount(3)
        for _ in range(3):
            assert not count.oneMore(100.0)

        assert not count.oneMore(100.0 + 1200)
        assert count.oneMore(100.0 + 1200)

    def test_takes_one_now_and_then_for_ever(self) -> None:
        count = MalformedCount(3)

        assert not any(count.oneMore(1201.0 * number) for number in range(1000))

    def test_owes_nothing_for_a_long_peace(self) -> None:
        count = MalformedCount(3)
        count.oneMore(0.0)

        assert [count.oneMore(1e6) for _ in range(4)] == [False, False, False, True]
