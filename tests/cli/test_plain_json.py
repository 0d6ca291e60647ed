"""Values as people write them, beside what travels."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from vortex import DecodeError, EncodeError, Payload
from vortex.cli.plain_json import AnyTuple, fromPlain, plain
from vortex.tuples.convert import TAGGED_ERA0, toJsonable

INT = {"_ft": "int", "_fd": 5}


class TestPlain:
    @pytest.mark.parametrize(
        ("travelling", "shown"),
        [
            (None, None),
            ("a", "a"),
            (True, True),
            (1.5, 1.5),
            (INT, 5),
            ({"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"}, "2024-02-29T13:14:15+00:00"),
            ({"_ft": "datetime", "_fd": "2024-02-29"}, "2024-02-29"),
            ({"_ft": "bytes", "_fd": "AP8="}, "AP8="),
            ({"_ft": "wkb", "_fd": "AP8="}, "AP8="),
            ({"_ft": "null", "_fd": None}, None),
            ({"_ft": "list", "_fd": [INT]}, [5]),
            (
                {"_ft": "dict", "_fd": {"_ft": INT, "_ct": "rt", "_c": "x"}},
                {"_ft": 5, "_ct": "rt", "_c": "x"},
            ),
            ([INT, [INT]], [5, [5]]),
            ({"a": {"b": INT}}, {"a": {"b": 5}}),
            (
                {"_ct": "rt", "_c": "x.A", "b": INT, "c": {"_ct": "rt", "_c": "x.B", "d": [INT]}},
                {"_type": "x.A", "b": 5, "c": {"_type": "x.B", "d": [5]}},
            ),
            (math.inf, "inf"),
            (math.nan, "nan"),
            ({"_ft": "float", "_fd": "-Infinity"}, "-inf"),
        ],
        ids=repr,
    )
    def test_shows_what_a_value_means(self, travelling: Any, shown: Any) -> None:
        assert plain(travelling) == shown

    @pytest.mark.parametrize(
        "strange",
        [
            {"_ft": "colour", "_fd": "red"},
            {"_ft": "datetime", "_fd": "tomorrow"},
            {"_ft": 5},
            {"_ct": "rp", "filt": {"key": "a"}},
            {"_ct": "rt", "_c": 5},
        ],
        ids=repr,
    )
    def test_leaves_what_it_does_not_know_as_it_is(self, strange: Any) -> None:
        assert plain([strange]) == [strange]


class TestFromPlain:
    def test_makes_tuples_at_any_depth(self) -> None:
        made = fromPlain({"_type": "x.A", "b": [{"_type": "x.B"}], "c": {"d": {"_ct": "rt", "_c": "x.C"}}})

        assert toJsonable(made) == {
            "_ct": "rt",
            "_c": "x.A",
            "b": [{"_ct": "rt", "_c": "x.B"}],
            "c": {"d": {"_ct": "rt", "_c": "x.C"}},
        }

    def test_reads_what_is_tagged(self) -> None:
        assert fromPlain([INT, {"_ft": "datetime", "_fd": "2024-02-29"}]) == [5, date(2024, 2, 29)]
        assert fromPlain({"_ft": "dict", "_fd": {"_ft": INT}}) == {"_ft": 5}
        with pytest.raises(DecodeError, match="expected an ISO 8601 date, got 'tomorrow'"):
            fromPlain([{"_ft": "datetime", "_fd": "tomorrow"}])

    def test_leaves_texts_alone_that_look_like_dates(self) -> None:
        assert fromPlain("2024-02-29") == "2024-02-29"

    @pytest.mark.parametrize(
        "value",
        [{"_type": "x.A", "n": 5, "l": [1.5, None, True, "a"]}, {"a": {"_type": "x.B"}}, [], "a", 0],
        ids=repr,
    )
    def test_and_back_is_the_same(self, value: Any) -> None:
        assert plain(toJsonable(fromPlain(value))) == value


class TestAnyTuple:
    def test_goes_in_a_payload_in_each_peers_dialect(self) -> None:
        made = AnyTuple("x.A", {"at": datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)})

        assert Payload({"key": "k"}, [made]).jsonTuples == [
            {"_ct": "rt", "_c": "x.A", "at": {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"}}
        ]
        assert toJsonable(made, TAGGED_ERA0)["at"]["_fd"] == "2024-02-29 13:14:15.000000"

    def test_says_where_something_cannot_travel(self) -> None:
        with pytest.raises(EncodeError, match=r"at tuples\[0\].b.c"):
            Payload({"key": "k"}, [AnyTuple("x.A", {"b": {"c": object()}})]).toVortexMsg()
