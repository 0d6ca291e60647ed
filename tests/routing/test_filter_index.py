"""The index finds what a scan of all endpoints would find, and looks at few of them."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.routing import filter_index
from vortex.routing.filt import conditions, isSubset, normalise
from vortex.routing.filter_index import FilterIndex
from vortex.tuples.selector import TupleSelector

Filt = dict[Any, Any]
Index = FilterIndex[Any]


def looksAt(index: Index, filt: Filt) -> int:
    """How many endpoints a match of *filt* looks at."""
    return sum(len(index._buckets.get(item, ())) for item in conditions(filt).items())


def filed(filts: Iterable[tuple[Any, Filt]]) -> Index:
    index: Index = FilterIndex()
    for endpoint, filt in filts:
        index.add(endpoint, filt)
    return index


@contextmanager
def withoutCollections() -> Iterator[None]:
    """No garbage collection meanwhile: with this many objects at once most of the time would go there."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class TestMatching:
    def test_finds_each_whose_filt_is_contained(self) -> None:
        index = filed(
            [
                ("all jobs", {"key": "jobs"}),
                ("job 5", {"key": "jobs", "id": 5}),
                ("job 6", {"key": "jobs", "id": 6}),
                ("all people", {"key": "people"}),
            ]
        )

        assert index.match({"key": "jobs"}) == ["all jobs"]
        assert index.match({"key": "jobs", "id": 5, "sort": "title"}) == ["all jobs", "job 5"]
        assert index.match({"id": 5}) == []
        assert index.match({}) == []

    def test_keeps_the_order_of_adding(self) -> None:
        filts: list[Filt] = [
            {"key": "a"},
            {"id": 1},
            {"key": "a", "id": 1},
            {"key": "a", "kind": "b"},
            {"kind": "b"},
        ] * 20
        index = filed(enumerate(filts))

        assert index.match({"kind": "b", "id": 1, "key": "a"}) == list(range(100))

    def test_finds_what_has_no_condition(self) -> None:
        index = filed([("dict only", {"of": {"a": 1}}), ("nothing", {})])

        assert index.match({"key": "jobs"}) == ["dict only", "nothing"]
        assert index.match({}) == ["dict only", "nothing"]

    def test_finds_lists_and_selectors_by_what_is_in_them(self) -> None:
        index = filed(
            [
                ("list", {"key": "a", "of": [1, "x"]}),
                ("selector", {"key": "a", "of": TupleSelector(name="jobs", selector={"id": 1})}),
            ]
        )

        assert index.match({"key": "a", "of": ["x", 1]}) == ["list"]
        assert index.match({"key": "a", "of": TupleSelector(name="jobs", selector={"id": 1})}) == ["selector"]
        assert index.match({"key": "a", "of": [1]}) == []

    def test_does_not_look_into_lists_that_no_endpoint_asks_for(self) -> None:
        class Seen(list[Any]):
            looks = 0

            def __iter__(self) -> Iterator[Any]:
                Seen.looks += 1
                return super().__iter__()

        index = filed([("jobs", {"key": "jobs"}), ("listed", {"key": "jobs", "ids": [1]})])

        assert index.match({"key": "jobs", "other": Seen([1])}) == ["jobs"]
        assert Seen.looks == 0
        assert index.match({"key": "jobs", "ids": Seen([1])}) == ["jobs", "listed"]
        assert Seen.looks == 1
        index.remove("listed")
        assert index.match({"key": "jobs", "ids": Seen([1])}) == ["jobs"]
        assert Seen.looks == 1


class TestRemoving:
    def test_takes_it_out(self) -> None:
        index = filed([(1, {"key": "a"}), (2, {"key": "a"}), (3, {"key": "a"})])

        index.remove(2)

        assert index.match({"key": "a"}) == [1, 3]
        assert list(index) == [1, 3]
        assert len(index) == 2
        assert 2 not in index
        assert 3 in index

    def test_what_is_not_there_is_no_error(self) -> None:
        index = filed([(1, {"key": "a"})])

        index.remove(2)
        index.remove(2)

        assert index.match({"key": "a"}) == [1]

    def test_leaves_nothing_behind(self) -> None:
        index = filed((i, {"key": "a", "id": i % 7, "of": [i]}) for i in range(100))

        for i in range(100):
            index.remove(i)

        assert len(index) == 0
        assert not index._buckets
        assert not index._heavyKeys

    def test_and_adding_again_puts_it_last(self) -> None:
        index = filed([(1, {"key": "a"}), (2, {"key": "a"})])

        index.add(1, {"key": "a", "id": 5})

        assert index.match({"key": "a", "id": 5}) == [2, 1]
        assert index.match({"key": "a"}) == [2]


SCENARIOS: dict[str, tuple[Callable[[int], Filt], Callable[[int], Filt]]] = {
    "keys": (
        lambda i: {"key": f"svc.{i}"},
        lambda i: {"key": f"svc.{i}", "id": 5, "sel": "abc"},
    ),
    "one key, ids": (
        lambda i: {"key": "svc", "id": i},
        lambda i: {"key": "svc", "id": i, "sel": "abc"},
    ),
    "50 keys, ids, 8 shapes": (
        lambda i: {"key": f"k{i % 50}", f"f{i % 8}": i, "g": i % 3},
        lambda i: {"key": f"k{i % 50}", f"f{i % 8}": i, "g": i % 3, "x": 1},
    ),
    "a field of its own each": (
        lambda i: {"key": "svc", f"f{i}": 1},
        lambda i: {"key": "svc", f"f{i}": 1},
    ),
}
ORDERS: dict[str, Callable[[list[int]], object]] = {
    "as they come": lambda numbers: None,
    "backwards": list.reverse,
    "shuffled": random.Random(7).shuffle,
}


class TestTheCost:
    """Told in endpoints looked at, which is what a match's time goes by."""

    @pytest.mark.parametrize("scenario", SCENARIOS)
    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("commonFirst", [True, False])
    def test_is_the_same_for_ten_and_for_a_thousand(
        self, scenario: str, order: str, commonFirst: bool
    ) -> None:
        endpointFilt, messageFilt = SCENARIOS[scenario]
        numbers = list(range(1_000))
        ORDERS[order](numbers)
        filts = [(i, endpointFilt(i)) for i in numbers]
        if not commonFirst:
            filts = [(i, dict(reversed(filt.items()))) for i, filt in filts]

        index = filed(filts)

        for i in (0, 1, 500, 999):
            assert index.match(messageFilt(i)) == [i]
            assert looksAt(index, messageFilt(i)) <= 4

    @pytest.mark.sweep
    @pytest.mark.parametrize("scenario", SCENARIOS)
    def test_is_flat_to_a_hundred_thousand(self, scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
        endpointFilt, messageFilt = SCENARIOS[scenario]
        looked = 0

        def look(bucket: list[Any]) -> Iterator[Any]:
            nonlocal looked
            looked += len(bucket)
            return list.__iter__(bucket)

        monkeypatch.setattr(filter_index._Bucket, "__iter__", look)
        with withoutCollections():
            index: Index = FilterIndex()
            costs = []
            for i in range(100_000):
                index.add(i, endpointFilt(i))
                if i + 1 in (10, 1_000, 10_000, 100_000):
                    looked = 0
                    assert index.match(messageFilt(i // 2)) == [i // 2]
                    costs.append(looked)

            assert looksAt(index, messageFilt(99_999)) <= 2
            assert max(costs) <= 2
            assert len(costs) == 4
            del index

    def test_stays_small_where_a_rare_value_grew_common(self) -> None:
        """Each comes when its own id is more common than the kind that all of them share."""
        index: Index = FilterIndex()
        others = 0
        for i in range(300):
            for _ in range(i):
                index.add(("other", others), {"id": i})
                others += 1
            index.add(("shared", i), {"kind": "shared", "id": i})
        assert len(index) > 45_000

        message = {"kind": "shared"}

        assert index.match(message) == []
        assert looksAt(index, message) < 250  # of 300; those of the rarest ids have moved
        for bucket in index._buckets.values():
            for entry in bucket:
                assert len(bucket) < 32 or len(bucket) <= 4 * min(len(index._buckets[i]) for i in entry.items)

    def test_sinks_again_when_what_was_common_has_gone(self) -> None:
        index: Index = FilterIndex()
        for i in range(20):
            for n in range(200):
                index.add(("other", i, n), {"id": i})
        for i in range(20):
            for n in range(10):
                index.add(("shared", i, n), {"kind": "shared", "id": i})
        message = {"kind": "shared", "id": 3}
        assert looksAt(index, message) == 400
        for i in range(20):
            for n in range(200):
                index.remove(("other", i, n))

        expected = [("shared", 3, n) for n in range(10)]
        assert index.match(message) == expected

        assert looksAt(index, message) <= 2 * filter_index._SMALL
        assert index.match(message) == expected

    def test_of_what_cannot_be_told_apart_is_their_number(self) -> None:
        index = filed((i, {"key": "a", "kind": "b"}) for i in range(1000))

        assert index.match({"key": "a", "kind": "b"}) == list(range(1000))
        assert looksAt(index, {"key": "a", "kind": "b"}) == 1000
        assert looksAt(index, {"key": "a"}) == looksAt(index, {"kind": "b"}) == 500

    def test_of_reviews_is_paid_by_what_was_added(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reviewed = 0
        review = FilterIndex._review

        def countAndReview(self: Index, bucket: Any) -> None:
            nonlocal reviewed
            reviewed += len(bucket)
            review(self, bucket)

        monkeypatch.setattr(FilterIndex, "_review", countAndReview)

        index = filed((i, {"key": "a", "kind": i % 2, "level": i % 3}) for i in range(20_000))
        assert 0 < reviewed <= 2 * 20_000

        reviewed = 0
        for _ in range(10):
            assert index.match({"key": "a"}) == []
        assert reviewed == 0


VALUES = st.sampled_from(
    [0, 1, True, 1.0, 2, "1", "a", None, math.nan, Decimal(1), [1, "a"], ["a", 1], [1], [[1], "a"], {"x": 1}]
    + [TupleSelector(name="a", selector={"b": b}) for b in (1, 2)]
)
FILTS = st.dictionaries(st.sampled_from(["key", "id", "kind", 5, "5"]), VALUES, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 12), FILTS),
        st.tuples(st.just("remove"), st.integers(0, 12), st.just({})),
        st.tuples(st.just("match"), st.just(0), FILTS),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=100)
@given(steps=STEPS, small=st.sampled_from([0, 1, 16]))
def test_finds_what_a_scan_finds_whatever_comes_and_goes(steps: list[Any], small: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filter_index, "_SMALL", small)  # so that a few endpoints are enough for a review
        index: Index = FilterIndex()
        scanned: dict[int, Any] = {}
        for step, endpoint, filt in steps:
            if step == "add":
                index.add(endpoint, filt)
                scanned.pop(endpoint, None)
                scanned[endpoint] = normalise(filt)
            elif step == "remove":
                index.remove(endpoint)
                scanned.pop(endpoint, None)
            else:
                message = normalise(filt)
                assert index.match(filt) == [each for each, wanted in scanned.items() if wanted <= message]
        assert list(index) == list(scanned)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_finds_what_a_scan_finds_among_hundreds(seed: int) -> None:
    chance = random.Random(seed)

    def someFilt() -> Filt:
        keys = chance.sample(["key", "id", "kind", "level"], chance.randint(1, 4))
        return {key: chance.choice([0, 1, "a", [1, 2]]) if chance.random() < 0.5 else 0 for key in keys}

    index: Index = FilterIndex()
    scanned: dict[int, Any] = {}
    for number in range(400):
        filt = someFilt()
        index.add(number, filt)
        scanned[number] = normalise(filt)
        if scanned and chance.random() < 0.4:
            gone = chance.choice(list(scanned))
            index.remove(gone)
            del scanned[gone]
        if number % 10 == 0:
            filt = someFilt()
            message = normalise(filt)
            assert index.match(filt) == [each for each, wanted in scanned.items() if wanted <= message]


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(width=16),
    st.sampled_from(["", "a", "1", "\ud800", 10**30, Decimal("0.5"), math.nan, b"a", bytearray(b"a")]),
    st.sampled_from([UUID(int=1), str(UUID(int=1)), date(2024, 2, 29), Unhashable(), len, object()]),
    st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 2)).map(  # noqa: DTZ001
        lambda at: at.replace(minute=0, second=0, microsecond=0)
    ),
    st.sampled_from(
        [
            datetime(2024, 1, 1, hour, tzinfo=zone)
            for hour in (0, 10)
            for zone in (UTC, timezone(timedelta(hours=10)))
        ]
    ),
)
RICH = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", 1, "1"]), inner, max_size=2),
        st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2).map(
            lambda arguments: TupleSelector(name="jobs", selector=arguments)
        ),
    ),
    max_leaves=6,
)
RICH_FILTS = st.dictionaries(st.sampled_from(["key", "id", "kind", 5]), RICH, max_size=4)


def saidOtherwise(value: Any, chance: random.Random) -> Any:
    """The same value, as somebody else may have written it."""
    if isinstance(value, list):
        return chance.sample([saidOtherwise(item, chance) for item in value], len(value))
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return float(value)
    return value


@settings(deadline=None, max_examples=100)
@given(
    filts=st.lists(RICH_FILTS, min_size=1, max_size=10),
    removed=st.sets(st.integers(0, 9), max_size=4),
    chance=st.randoms(use_true_random=False),
    extra=RICH_FILTS,
)
def test_finds_what_a_scan_finds_for_values_of_every_kind(
    filts: list[Filt], removed: set[int], chance: random.Random, extra: Filt
) -> None:
    index = filed(enumerate(filts))
    for number in removed:
        index.remove(number)
    index.add("again", filts[0])
    left = [(number, filt) for number, filt in enumerate(filts) if number not in removed]
    left.append(("again", filts[0]))  # type: ignore[arg-type]

    messages = [extra, *filts]
    for first in filts[:3]:
        merged = {**extra, **chance.choice(filts), **first}
        messages.append({key: saidOtherwise(value, chance) for key, value in merged.items()})
    for message in messages:
        assert index.match(message) == [endpoint for endpoint, filt in left if isSubset(filt, message)]
    assert "again" in index.match(filts[0])
    assert "again" in index.match({key: saidOtherwise(value, chance) for key, value in filts[0].items()})
