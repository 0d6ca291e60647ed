"""Conversion under input that nobody has thought of: found by Hypothesis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuples.any_thing import Level, Thing
from vortex.errors import VortexError
from vortex.limits import Limits
from vortex.tuples import (
    TAGGED_ERA0,
    Reading,
    fromJsonable,
    presentFields,
    toJsonable,
)

NAMES = [*Thing.__tupleFields__, "_ft", "_fd", "_ct", "_c", "zzz", "__class__", "__dict__", ""]
WORDS = [
    "rt",
    "rp",
    "gen",
    "test_any.Thing",
    "int",
    "float",
    "str",
    "bool",
    "bytes",
    "datetime",
    "list",
    "dict",
    "wkb",
]
WORDS += ["null", "2024-02-29", "2024-02-29 13:14:15.1+0000", "YQ==", "1", "9", "nan", "-1e5", "x"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(WORDS)
    | st.sampled_from(["9" * 5000, 10**400])
)
fromAnyone = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=5)
        | st.builds(lambda tag, data: {"_ft": tag, "_fd": data}, st.sampled_from(WORDS), inner)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8).map(
            lambda fields: fields | {"_ct": "rt", "_c": "test_any.Thing"}
        )
    ),
    max_leaves=15,
)


def things(value: Any) -> list[Thing]:
    match value:
        case Thing():
            return [value, *(one for field in vars(value).values() for one in things(field))]
        case list() | tuple() | set():
            return [one for item in value for one in things(item)]
        case dict():
            return [one for item in value.values() for one in things(item)]
    return []


class TestWhateverComes:
    @settings(max_examples=60, deadline=None)
    @given(fromAnyone)
    def test_is_read_or_refused_and_sets_nothing_but_fields(self, wire: Any) -> None:
        try:
            value = fromJsonable(wire, Reading(Limits()))
        except VortexError as exc:
            problem = str(exc)
        else:
            problem = ""
            for thing in things(value):
                assert type(thing) is Thing
                assert vars(thing).keys() == presentFields(thing)
        assert len(problem) < 1000

    @settings(max_examples=60, deadline=None)
    @given(fromAnyone)
    def test_can_be_sent_again_if_it_was_read(self, wire: Any) -> None:
        try:
            value = fromJsonable(wire, Reading(Limits()))
        except VortexError:
            return
        for thing in things(value):
            thing.f = None  # a Decimal travels as a float, and may lose digits
        again = fromJsonable(json.loads(json.dumps(toJsonable(value))), Reading(Limits()))

        assert repr(again) == repr(value)


zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=10)), timezone(-timedelta(hours=4, minutes=56, seconds=2))]
)
# A key that looks like a number becomes one where no annotation says better.
names = st.text("abc_ é", max_size=3)
whole = st.builds(
    Thing,
    a=st.integers(),
    b=st.text(max_size=5),
    c=st.floats(allow_nan=False),
    d=st.none() | st.datetimes(timezones=zones),
    e=st.none() | st.dates(),
    f=st.none() | st.decimals(-1000, 1000, places=2),
    g=st.none() | st.uuids(),
    h=st.none() | st.sampled_from(Level),
    i=st.none() | st.binary(max_size=5),
    j=st.booleans(),
    m=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
    n=st.sets(st.integers(), max_size=3),
    o=st.none() | st.tuples(st.integers(), st.text(max_size=5)),
    p=st.recursive(
        st.none() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=5,
    ),
)


class TestWhateverIsSent:
    @settings(max_examples=60, deadline=None)
    @given(whole, st.lists(whole, max_size=2))
    def test_comes_back_as_it_was(self, thing: Thing, inner: list[Thing]) -> None:
        thing.k = inner
        sent = json.dumps(toJsonable([thing, {"k": thing}]))

        assert fromJsonable(json.loads(sent), Reading(Limits())) == [thing, {"k": thing}]

    @settings(max_examples=60, deadline=None)
    @given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=zones))  # noqa: DTZ001
    def test_in_era_zero_is_the_same_moment(self, moment: datetime) -> None:
        sent = json.dumps(toJsonable([moment], TAGGED_ERA0))

        assert fromJsonable(json.loads(sent), Reading(Limits())) == [moment]
