"""When two values in a filt are the same, for whatever a peer or a program may put there."""

from __future__ import annotations

import copy
import enum
import math
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.routing.filt import MESSAGE_ID, identity, isSubset, normalise, watchFilt, whyNot
from vortex.tuples.selector import TupleSelector

NAN = math.nan
EAST = timezone(timedelta(hours=10))
WEST = timezone(timedelta(hours=-10))


class Colour(enum.Enum):
    RED = "red"
    LIST = [1, 2]  # noqa: RUF012 - the value of a member


class Word(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Mixed(int, enum.Enum):
    """Prints as its name; travels as its number."""

    LOW = 1


class Plain(enum.Enum):
    ONE = 1


def selector(**arguments: Any) -> TupleSelector:
    return TupleSelector(name="jobs", selector=arguments)


def itself() -> list[Any]:
    """A list that holds itself, twice."""
    value: list[Any] = []
    value.extend((value, value))
    return value


SAME = [
    pytest.param("a", "a", id="texts"),
    pytest.param(1, 1.0, id="an int and a float"),
    pytest.param(1, True, id="an int and a boolean"),
    pytest.param(NAN, float("-nan"), id="not-a-numbers"),
    pytest.param(Decimal("sNaN"), NAN, id="a signalling NaN"),
    pytest.param(Decimal("0.1"), 0.1, id="a Decimal is the float that travels"),
    pytest.param(Decimal("1e999"), math.inf, id="a Decimal beyond floats"),
    pytest.param(10**5000, 10**5000, id="integers too long to print"),
    pytest.param("\ud800", "\ud800", id="lone surrogates"),
    pytest.param(None, None, id="nothing"),
    pytest.param([2, 1], [1, 2], id="lists in another order"),
    pytest.param([1, "a", None, 2.5], [None, 2.5, "a", 1], id="lists that Python cannot sort"),
    pytest.param([[2, 1], ["a"]], [["a"], [1, 2]], id="lists in lists"),
    pytest.param([NAN, 1], [1, NAN], id="lists with a NaN"),
    pytest.param((1, 2), [2, 1], id="a tuple and a list"),
    pytest.param({1, 2}, [2, 1], id="a set and a list"),
    pytest.param([{"a": 1, "b": [1, 2]}], [{"b": [2, 1], "a": 1.0}], id="dicts in lists"),
    pytest.param([{1: "a", "b": 2}], [{"1": "a", "b": 2}], id="number keys are the texts that travel"),
    pytest.param(b"ab", bytearray(b"ab"), id="bytes"),
    pytest.param(
        UUID("12345678-1234-5678-1234-567812345678"), "12345678-1234-5678-1234-567812345678", id="a UUID"
    ),
    pytest.param(Colour.RED, "red", id="an enum member"),
    pytest.param(Word.RED, "red", id="a text's enum member"),
    pytest.param(Level.HIGH, 3, id="an integer's enum member"),
    pytest.param(Colour.LIST, [2, 1], id="an enum member that is a list"),
    pytest.param(
        datetime(2024, 1, 1, 12, 0, 0, 5, UTC), datetime(2024, 1, 1, 22, 0, 0, 5, EAST), id="instants"
    ),
    pytest.param(
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        datetime(2024, 1, 1, 12, tzinfo=UTC).replace(tzinfo=None),
        id="a datetime without a zone",
    ),
    pytest.param(date(2024, 2, 29), date(2024, 2, 29), id="days"),
    pytest.param(selector(a=1, b=2), selector(b=2, a=1), id="selectors"),
    pytest.param(selector(at=[1, "a"]), selector(at=[1, "a"]), id="selectors with mixed lists"),
    pytest.param([selector(a=1), 1], [1, selector(a=1)], id="selectors in lists"),
]

DIFFERENT = [
    pytest.param(1, 2, id="numbers"),
    pytest.param(1, "1", id="a number and its text"),
    pytest.param(None, False, id="nothing and no"),
    pytest.param(None, "", id="nothing and an empty text"),
    pytest.param(None, [], id="nothing and an empty list"),
    pytest.param(NAN, None, id="a NaN and nothing"),
    pytest.param(NAN, 0, id="a NaN and a number"),
    pytest.param(NAN, "nan", id="a NaN and its text"),
    pytest.param([1], 1, id="a list and its item"),
    pytest.param([1, 2], [1, 2, 2], id="an item twice"),
    pytest.param([[1], 2], [1, [2]], id="what is in which list"),
    pytest.param([["a", "b"]], ["a", "b"], id="a list in a list"),
    pytest.param([{"a": 1}], [{"a": 2}], id="dicts in lists"),
    pytest.param([{"a": 1}], [["a", 1]], id="a dict and a list of its items"),
    pytest.param(b"a", "a", id="bytes and text"),
    pytest.param(2**53, 2.0**53 + 2, id="numbers that floats tell apart"),
    pytest.param(2**53 + 1, 2.0**53, id="numbers that floats do not tell apart"),
    pytest.param(
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=EAST), id="the same hour elsewhere"
    ),
    pytest.param(date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), id="a day and its midnight"),
    pytest.param(selector(a=1), selector(a=2), id="selectors"),
    pytest.param(selector(at=[1, 2]), selector(at=[2, 1]), id="the order in a selector's list"),
    pytest.param(selector(), TupleSelector(name="people"), id="selectors of other things"),
    pytest.param(object(), object(), id="what does not travel"),
    pytest.param(len, print, id="functions"),
]


class TestValues:
    @pytest.mark.parametrize(("one", "other"), SAME)
    def test_that_are_the_same(self, one: Any, other: Any) -> None:
        assert isSubset({"key": one}, {"key": other, "more": 1})
        assert isSubset({"key": other}, {"key": one})
        assert whyNot({"key": one}, {"key": other}) == ""

    @pytest.mark.parametrize(("one", "other"), DIFFERENT)
    def test_that_are_not(self, one: Any, other: Any) -> None:
        assert not isSubset({"key": one}, {"key": other})
        assert not isSubset({"key": other}, {"key": one})

    @pytest.mark.parametrize("value", [itself(), object(), len, selector(f=len), [len, print, len]])
    def test_that_cannot_travel_are_the_same_as_themselves(self, value: Any) -> None:
        assert isSubset({"key": value}, {"key": value})

    @pytest.mark.parametrize(
        ("early", "late"),
        [
            (datetime(1, 1, 1, tzinfo=EAST), datetime(1, 1, 1, tzinfo=UTC)),
            (datetime(9999, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=WEST)),
        ],
    )
    def test_at_the_ends_of_time_are_instants_too(self, early: datetime, late: datetime) -> None:
        for instant in (early, late):
            assert isSubset({"at": instant}, {"at": instant.replace()})
            assert isSubset({"at": [instant]}, {"at": [instant.replace()]})
        assert not isSubset({"at": early}, {"at": late})
        assert normalise({"at": [late, early]}) == normalise({"at": [early, late]})


class TestDicts:
    def test_of_an_endpoint_put_no_condition(self) -> None:
        assert isSubset({"key": "jobs", "more": {"a": 1}}, {"key": "jobs"})
        assert isSubset({"key": "jobs", "more": {"a": 1}}, {"key": "jobs", "more": 5})

    def test_of_a_message_meet_none(self) -> None:
        assert isSubset({"key": "jobs"}, {"key": "jobs", "more": {"a": 1}})
        assert not isSubset({"more": 5}, {"more": {"a": 1}})

    def test_are_left_out_of_the_normal_form(self) -> None:
        assert normalise({"key": "jobs", "more": {"a": 1}}) == {("key", "jobs")}


class TestKeys:
    def test_that_are_numbers_are_the_texts_that_travel(self) -> None:
        assert isSubset({"key": "a", 5: 1}, {"key": "a", "5": 1})
        assert isSubset({"key": "a", "5": 1}, {"key": "a", 5: 1})
        assert not isSubset({"key": "a", 5: 1}, {"key": "a", "05": 1})

    @pytest.mark.parametrize(
        ("key", "name"),
        [
            (Word.RED, "red"),
            (Colour.RED, "red"),
            (Level.HIGH, "3"),
            (Mixed.LOW, "1"),
            (Plain.ONE, "1"),
            (1.5, "1.5"),
            (1.0, "1.0"),
            (NAN, "nan"),
        ],
    )
    def test_are_what_travels(self, key: Any, name: str) -> None:
        assert isSubset({key: 1}, {name: 1})
        assert isSubset({name: 1}, {key: 1})

    @pytest.mark.parametrize("key", [10**5000, None, True, b"a", (1, (2,)), object()], ids=type)
    def test_of_any_kind_are_the_same_as_themselves(self, key: Any) -> None:
        assert isSubset({key: 1}, {key: 1})
        assert not isSubset({key: 1}, {"other": 1})


class TestWhyNot:
    def test_names_each_condition_that_is_not_met(self) -> None:
        assert whyNot({"key": "jobs", "id": 5, "kind": "open"}, {"key": "job", "kind": "open"}) == (
            "'key' should be 'jobs', the message has 'job'; 'id' should be 5, the message has none to compare"
        )

    def test_is_short_whatever_the_values(self) -> None:
        why = whyNot({"key": "a" * 10_000, "id": 10**5000, "of": Hostile()}, {"key": "b" * 10_000})

        assert why.count("the message has none to compare") == 2
        assert len(why) < 400


class TestWatchFilt:
    def test_is_without_what_belongs_to_one_message(self) -> None:
        filt = {
            "key": "jobs",
            "id": 5,
            MESSAGE_ID: "1",
            "rapuiServerEcho": True,
            "rapuiClientEcho": 1,
            7: "seven",
        }

        assert watchFilt(filt) == {"key": "jobs", "id": 5, 7: "seven"}
        assert MESSAGE_ID in filt


class Hostile:
    """Its every method fails."""

    def _fail(self, *args: Any) -> Any:
        raise RuntimeError("not with me")

    __eq__ = __hash__ = __lt__ = __bool__ = __len__ = __iter__ = __repr__ = __str__ = _fail


class Faceless:
    """Does not even say what it is."""

    __class__ = property(Hostile._fail)


class HostileList(list[Any]):
    __iter__ = __eq__ = Hostile._fail
    __hash__ = None


class HostileText(str):
    __eq__ = __hash__ = __str__ = __lt__ = Hostile._fail
    __slots__ = ()


class HostileZone(tzinfo):
    utcoffset = dst = tzname = Hostile._fail


class TestHostileValues:
    @pytest.mark.parametrize(
        "value",
        [
            Hostile(),
            HostileList([1]),
            [Hostile(), HostileList(), Hostile()],
            HostileText("a"),
            datetime(2024, 1, 1, tzinfo=HostileZone()),
            selector(a=Hostile()),
        ],
        ids=["object", "list", "in a list", "text", "zone", "in a selector"],
    )
    def test_raise_nothing(self, value: Any) -> None:
        assert isSubset({"key": value}, {"key": value})
        assert not isSubset({"key": value}, {"key": "b"})
        assert not isSubset({"key": "b"}, {"key": value})

    def test_may_not_even_say_what_they_are(self) -> None:
        value = Faceless()

        assert isSubset({"key": value}, {"key": value, "more": [value]})
        assert not isSubset({"key": value}, {"key": "b"})

    def test_may_be_deeper_than_the_stack(self) -> None:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]

        assert not isSubset({"key": "a"}, {"key": deep})
        assert isSubset({"key": deep}, {"key": deep})

    def test_may_be_many_that_share_one_hash(self) -> None:
        """A set or a dict of these would take as many comparisons as the square of their number."""
        numbers = [n * (2**61 - 1) for n in range(1, 200_000)]
        assert len({hash(number) for number in numbers[:100]}) == 1

        assert isSubset({"key": numbers}, {"key": numbers[::-1]})


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "a", "b", "1"]),
    st.binary(max_size=1),
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


def same(one: Any, other: Any) -> bool:
    """The rule for plain values and lists once more: each item of one list has its pair in the other."""
    if isinstance(one, list) and isinstance(other, list):
        left = list(other)
        for item in one:
            for place, candidate in enumerate(left):
                if same(item, candidate):
                    del left[place]
                    break
            else:
                return False
        return not left
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other):
        return True
    return bool(one == other)


class TestIdentity:
    @settings(deadline=None)
    @given(VALUES, VALUES)
    def test_is_equal_exactly_for_what_is_the_same(self, one: Any, other: Any) -> None:
        assert (identity(one) == identity(other)) is same(one, other)

    @settings(deadline=None)
    @given(VALUES, st.randoms(use_true_random=False))
    def test_does_not_depend_on_any_order(self, value: Any, random: Any) -> None:
        def shuffled(each: Any) -> Any:
            if not isinstance(each, list):
                return each
            items = [shuffled(item) for item in each]
            random.shuffle(items)
            return items

        assert identity(shuffled(copy.deepcopy(value))) == identity(value)
        assert hash(identity(shuffled(value))) == hash(identity(value))
