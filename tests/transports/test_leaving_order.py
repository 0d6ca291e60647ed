"""Which session goes first when one has to: the order by itself."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from vortex.transports.leaving_order import LeavingOrder, networkOf


def orderOf(*ones: tuple[str, str, bool]) -> LeavingOrder[str]:
    order: LeavingOrder[str] = LeavingOrder()
    for one, whose, isHeard in ones:
        order.add(one, whose, isHeard=isHeard)
    return order


def allOf(order: LeavingOrder[str]) -> list[str]:
    """Everybody, as they go."""
    gone = []
    while (one := order.first()) is not None:
        order.discard(one)
        gone.append(one)
    return gone


class TestWhoGoesFirst:
    def test_is_who_was_never_heard_of_again(self) -> None:
        order = orderOf(("a", "x", True), ("b", "y", False), ("c", "x", True), ("d", "z", False))

        assert allOf(order)[:2] == ["b", "d"]

    def test_is_then_the_oldest_of_those_of_whom_there_are_most(self) -> None:
        order = orderOf(*((one, whose, True) for one, whose in ("ax", "by", "cx", "dy", "ey", "fz")))

        assert allOf(order) == ["b", "a", "d", "c", "e", "f"]

    def test_is_then_who_is_there_for_longest(self) -> None:
        assert allOf(orderOf(("b", "x", True), ("a", "y", True), ("c", "z", True))) == ["b", "a", "c"]

    def test_is_one_of_those_that_may(self) -> None:
        order = orderOf(("a", "x", True), ("b", "y", False), ("c", "x", True), ("d", "y", False))

        assert order.first(lambda one: one in "cd") == "d"
        assert order.first(lambda one: one in "ac") == "a"
        assert order.first(lambda one: False) is None

    def test_is_nobody_where_nobody_is(self) -> None:
        order = orderOf(("a", "x", True))
        order.discard("a")
        order.discard("a")

        assert (order.first(), len(order)) == (None, 0)

    def test_is_not_who_was_heard_meanwhile(self) -> None:
        order = orderOf(("a", "x", False), ("b", "y", True), ("a", "x", True), ("c", "z", False))

        assert allOf(order) == ["c", "a", "b"]

    @pytest.mark.parametrize("seed", range(20))
    def test_is_as_a_slow_search_says(self, seed: int) -> None:
        random = Random(seed)
        order: LeavingOrder[int] = LeavingOrder()
        there: dict[int, tuple[str, bool]] = {}
        for number in range(400):
            if there and random.random() < 0.45:
                gone = random.choice(list(there))
                order.discard(gone)
                del there[gone]
            else:
                there[number] = random.choice("uvwxyz"), random.random() < 0.9
                order.add(number, there[number][0], isHeard=there[number][1])
            sizes = Counter(whose for whose, _ in there.values())
            unheard = [one for one, (_, isHeard) in there.items() if not isHeard]
            first = order.first()
            if unheard:
                assert first == unheard[0]
            elif there:
                assert first is not None
                whose = there[first][0]
                assert sizes[whose] == max(sizes.values())
                assert first == next(one for one, (each, _) in there.items() if each == whose)
            else:
                assert first is None


class TestNetworks:
    @pytest.mark.parametrize(
        ("one", "other", "isSame"),
        [
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("fe80::1%eth0", "fe80::2%eth1", True),
            ("local", "local", True),
            ("local", "memory", False),
        ],
    )
    def test_are_what_one_household_has(self, one: str, other: str, isSame: bool) -> None:
        assert (networkOf(one) == networkOf(other)) is isSame
