"""Encoding: values as they stand on the wire, held to texts as the peers write them."""

from __future__ import annotations

import enum
import json
import linecache
import math
import traceback
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from vortex.errors import EncodeError, Rejected
from vortex.tuples import (
    TAGGED_ERA0,
    NonFinite,
    Tuple,
    TupleField,
    WellKnownBinary,
    addTupleType,
    compiledSource,
    registerComposite,
    registerFieldType,
    toJsonable,
)
from vortex.tuples.field import UnresolvedHint
from vortex.tuples.hints import fieldTypes


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 9


class Plain(enum.Enum):
    A = "a"
    WHEN = datetime(2024, 2, 29, tzinfo=UTC)


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Count(int):
    def __repr__(self) -> str:
        return "something else"


@addTupleType
class Job(Tuple):
    __tupleType__ = "test_encode.Job"
    title: str = ""
    id: int | None = None
    done: bool = False
    cost: float = 0.0
    due: datetime | None = None
    data: Any = None
    secret: str = TupleField(default="s3cret", transport=False)


def text(value: Any, *dialect: Any) -> str:
    """What is sent of *value*, as compact JSON."""
    return json.dumps(toJsonable(value, *dialect), separators=(",", ":"))


AWARE = datetime(2024, 2, 29, 13, 14, 15, 123456, tzinfo=UTC)
BRISBANE = timezone(timedelta(hours=10))

# Each as VortexPY 6.2.2 writes it.
VALUES = [
    (None, "null"),
    (True, "true"),
    (False, "false"),
    ("", '""'),
    ("Zoë 漢字", '"Zo\\u00eb \\u6f22\\u5b57"'),
    ("\ud800x", '"\\ud800x"'),
    (0, '{"_ft":"int","_fd":0}'),
    (-1, '{"_ft":"int","_fd":-1}'),
    (2**63, '{"_ft":"int","_fd":9223372036854775808}'),
    (10**60, '{"_ft":"int","_fd":1' + "0" * 60 + "}"),
    (2.0, "2.0"),
    (-0.0, "-0.0"),
    (5e-324, "5e-324"),
    (float("nan"), "NaN"),
    (float("-inf"), "-Infinity"),
    (Decimal("1.50"), "1.5"),
    (Decimal(3), "3.0"),
    (Decimal("NaN"), "NaN"),
    (AWARE, '{"_ft":"datetime","_fd":"2024-02-29 13:14:15.123456+0000"}'),
    (datetime(2024, 1, 1, tzinfo=UTC), '{"_ft":"datetime","_fd":"2024-01-01 00:00:00.000000+0000"}'),
    (
        datetime(2017, 6, 6, 9, 40, 37, 97000, tzinfo=BRISBANE),
        '{"_ft":"datetime","_fd":"2017-06-06 09:40:37.097000+1000"}',
    ),
    (
        datetime(2017, 6, 6, 9, 40, 37, tzinfo=timezone(-timedelta(hours=4, minutes=56, seconds=2))),
        '{"_ft":"datetime","_fd":"2017-06-06 09:40:37.000000-045602"}',
    ),
    (date(2024, 2, 29), '{"_ft":"datetime","_fd":"2024-02-29"}'),
    (b"", '{"_ft":"bytes","_fd":""}'),
    (b"\x00\xff", '{"_ft":"bytes","_fd":"AP8="}'),
    (WellKnownBinary(b"\x00\x00\x00"), '{"_ft":"wkb","_fd":"AAAA"}'),
    (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    ([], "[]"),
    ([[[]], [1, "x"]], '[[[]],[{"_ft":"int","_fd":1},"x"]]'),
    ((1, None), '[{"_ft":"int","_fd":1},null]'),
    ({7}, '[{"_ft":"int","_fd":7}]'),
    ({"a": 1, "b": {"c": None}}, '{"a":{"_ft":"int","_fd":1},"b":{"c":null}}'),
    (Colour.RED, '"red"'),
    (Level.HIGH, '{"_ft":"int","_fd":9}'),
]


class TestValues:
    @pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: str(value)[:40])
    def test_stand_on_the_wire_as_vortexpy_has_them(self, value: Any, expected: str) -> None:
        assert text(value) == expected

    @pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: str(value)[:40])
    def test_are_the_same_in_a_field_a_list_and_a_dict(self, value: Any, expected: str) -> None:
        assert f'"data":{expected},' in text(Job(data=value))
        assert text([value]) == f"[{expected}]"
        assert text({"k": value}) == f'{{"k":{expected}}}'

    def test_without_an_offset_are_utc(self) -> None:
        naive = AWARE.replace(tzinfo=None)

        assert text(naive) == '{"_ft":"datetime","_fd":"2024-02-29 13:14:15.123456+0000"}'
        assert '"due":{"_ft":"datetime","_fd":"2024-02-29 13:14:15.123456+0000"}' in text(Job(due=naive))

    def test_of_early_years_are_padded_so_that_they_can_be_read(self) -> None:
        assert toJsonable(date(1, 1, 1))["_fd"] == "0001-01-01"
        assert toJsonable(datetime(1, 1, 1, tzinfo=UTC))["_fd"] == "0001-01-01 00:00:00.000000+0000"

    def test_that_are_no_numbers_are_refused_by_a_strict_writer(self) -> None:
        for number in (math.nan, math.inf, -math.inf, Decimal("Infinity")):
            encoded = toJsonable([number, {"a": number}])
            assert [type(encoded[0]), type(encoded[1]["a"])] == [NonFinite, NonFinite]
            with pytest.raises(TypeError):
                orjson.dumps(encoded)

    def test_of_plain_enumerations_are_what_their_values_are(self) -> None:
        assert text(Plain.A) == '"a"'
        assert text(Plain.WHEN) == '{"_ft":"datetime","_fd":"2024-02-29 00:00:00.000000+0000"}'

    def test_of_subclasses_are_those_of_the_type_they_derive_from(self) -> None:
        values = [
            Name("x"),
            Count(5),
            defaultdict(list, {"a": [1]}),
            OrderedDict(b=2),
            type("Rows", (list,), {})([1]),
            type("Half", (float,), {})(0.5),
            frozenset([1]),
        ]

        assert text(values) == (
            '["x",{"_ft":"int","_fd":5},{"a":[{"_ft":"int","_fd":1}]},{"b":{"_ft":"int","_fd":2}},'
            '[{"_ft":"int","_fd":1}],0.5,[{"_ft":"int","_fd":1}]]'
        )
        assert type(toJsonable(Name("x"))) is str

    def test_in_a_set_have_an_order_if_they_can(self) -> None:
        assert toJsonable({"b", "a", "c"}) == ["a", "b", "c"]
        assert sorted(toJsonable({"b", None}), key=str) == [None, "b"]

    def test_are_copies(self) -> None:
        inner = [1]
        encoded = toJsonable({"a": inner})
        inner.append(2)

        assert encoded == {"a": [{"_ft": "int", "_fd": 1}]}


class TestEraZero:
    def test_has_no_offsets_and_everything_is_utc(self) -> None:
        local = datetime(2024, 2, 29, 23, 14, 15, 123456, tzinfo=BRISBANE)

        for value in (AWARE, AWARE.replace(tzinfo=None), local):
            assert toJsonable(value, TAGGED_ERA0) == {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456"}
            assert toJsonable(Job(due=value), TAGGED_ERA0)["due"]["_fd"] == "2024-02-29 13:14:15.123456"

    def test_is_the_same_otherwise(self) -> None:
        assert text([1, b"x", date(2017, 6, 6)], TAGGED_ERA0) == (
            '[{"_ft":"int","_fd":1},{"_ft":"bytes","_fd":"eA=="},{"_ft":"datetime","_fd":"2017-06-06"}]'
        )


class TestKeys:
    def test_are_texts_and_what_prints_as_a_number(self) -> None:
        assert text({"a": None, 1: None, 2.5: None, Colour.RED: None, Level.HIGH: None, Count(3): None}) == (
            '{"a":null,"1":null,"2.5":null,"red":null,"9":null,"3":null}'
        )

    def test_that_are_falsy_are_kept(self) -> None:
        assert text({"": 1.5, 0: 2.5}) == '{"":1.5,"0":2.5}'
        assert text({0.0: None}) == '{"0.0":null}'

    @pytest.mark.parametrize("key", [True, None, b"k", (1, 2), date(2024, 1, 1)])
    def test_of_other_types_are_refused(self, key: Any) -> None:
        with pytest.raises(EncodeError, match="key must be str, int or float, got"):
            toJsonable({"a": {key: 1}})

    def test_that_would_be_one_on_the_wire_are_refused(self) -> None:
        with pytest.raises(EncodeError, match="same on the wire"):
            toJsonable({1: "a", "1": "b"})

    @pytest.mark.parametrize("key", ["_ft", "_ct"])
    def test_that_would_make_it_the_value_of_a_type_are_wrapped(self, key: str) -> None:
        assert text({key: "int", "_fd": 5}) == (
            '{"_ft":"dict","_fd":{"' + key + '":"int","_fd":{"_ft":"int","_fd":5}}}'
        )


class TestTuples:
    def test_travel_with_every_field_sorted_by_name(self) -> None:
        assert text(Job(title="Water", id=7)) == (
            '{"_ct":"rt","_c":"test_encode.Job","cost":0.0,"data":null,"done":false,"due":null,'
            '"id":{"_ft":"int","_fd":7},"title":"Water"}'
        )

    def test_nested_in_anything_travel_too(self) -> None:
        inner = '{"_ct":"rt","_c":"test_encode.Wrap","it":null}'

        @addTupleType
        class Wrap(Tuple):
            __tupleType__ = "test_encode.Wrap"
            it: Any = None

        assert text(Wrap(it=[Wrap(), {"k": Wrap(it=(Wrap(),))}])) == (
            '{"_ct":"rt","_c":"test_encode.Wrap","it":['
            + inner
            + ',{"k":{"_ct":"rt","_c":"test_encode.Wrap","it":['
            + inner
            + "]}}]}"
        )

    def test_whose_values_are_not_of_their_types_travel_as_they_are(self) -> None:
        job = Job(title=5, id="x", done=None, cost=3, due="now")  # type: ignore[arg-type]

        assert text(job) == (
            '{"_ct":"rt","_c":"test_encode.Job","cost":{"_ft":"int","_fd":3},"data":null,"done":null,'
            '"due":"now","id":"x","title":{"_ft":"int","_fd":5}}'
        )

    def test_made_without_init_travel_with_their_defaults(self) -> None:
        assert text(object.__new__(Job)) == text(Job())

    def test_without_fields_travel(self) -> None:
        @addTupleType
        class Nothing(Tuple):
            __tupleType__ = "test_encode.Nothing"

        assert text(Nothing()) == '{"_ct":"rt","_c":"test_encode.Nothing"}'

    def test_keep_at_home_what_is_not_for_transport(self) -> None:
        assert "s3cret" not in text(Job())
        assert "secret" not in text(Job())

    def test_that_were_never_registered_are_refused_and_the_way_out_is_named(self) -> None:
        class Loose(Job):
            pass

        with pytest.raises(
            EncodeError, match=r"Loose cannot travel: decorate it with @addTupleType - at \[0\]"
        ):
            toJsonable([Loose()])


class TestFieldEncoder:
    def test_says_what_travels_instead(self) -> None:
        @addTupleType
        class Timed(Tuple):
            __tupleType__ = "test_encode.Timed"
            took: timedelta = TupleField(encoder=timedelta.total_seconds)

        assert text(Timed(took=timedelta(minutes=1))) == '{"_ct":"rt","_c":"test_encode.Timed","took":60.0}'

    def test_may_give_anything_that_can_travel_and_is_not_asked_about_none(self) -> None:
        @addTupleType
        class Split(Tuple):
            __tupleType__ = "test_encode.Split"
            words: str | None = TupleField(encoder=lambda value: [value, len(value)])

        assert toJsonable(Split(words="ab"))["words"] == ["ab", {"_ft": "int", "_fd": 2}]
        assert toJsonable(Split(words=None))["words"] is None

    def test_that_fails_is_named_by_field_and_its_text_stays_here(self) -> None:
        def fail(value: Any) -> Any:
            raise ValueError("password is swordfish")

        @addTupleType
        class Failing(Tuple):
            __tupleType__ = "test_encode.Failing"
            it: Any = TupleField(encoder=fail)

        with pytest.raises(EncodeError) as caught:
            toJsonable([Failing(it=1)])

        assert caught.value.path == "[0].it"
        assert "swordfish" not in str(caught.value)
        assert isinstance(caught.value.__cause__, ValueError)

    def test_may_refuse_in_its_own_words(self) -> None:
        def refuse(value: Any) -> Any:
            raise Rejected("not today", code="not-today")

        @addTupleType
        class Refusing(Tuple):
            __tupleType__ = "test_encode.Refusing"
            it: Any = TupleField(encoder=refuse)

        with pytest.raises(Rejected, match="not today"):
            toJsonable(Refusing(it=1))


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class Fine(Money):
    pass


class TestRegisteredType:
    def test_travels_as_its_encoder_says_wherever_it_stands(self) -> None:
        with pytest.raises(EncodeError, match=r"Money cannot travel: registerFieldType"):
            toJsonable(Money(5))

        registerFieldType(Money, lambda money: ["money", money.cents], lambda value: Money(value[1]))

        expected = '["money",{"_ft":"int","_fd":5}]'
        assert text({"a": [Money(5)]}) == f'{{"a":[{expected}]}}'
        assert f'"data":{expected}' in text(Job(data=Fine(5)))

    def test_may_be_a_built_in_one_that_is_to_travel_in_another_form(self) -> None:
        registerFieldType(Decimal, str, Decimal)
        try:
            assert toJsonable([Decimal("1.50"), {"a": Decimal(3)}]) == ["1.50", {"a": "3"}]
        finally:
            del fieldTypes[Decimal]
            registerFieldType(Money, lambda money: money.cents, Money)

        assert toJsonable(Decimal("1.50")) == 1.5

    def test_whose_encoder_fails_is_named_and_the_error_s_text_stays_here(self) -> None:
        class Shy:
            pass

        registerFieldType(Shy, lambda shy: shy.missing, lambda value: Shy())  # type: ignore[attr-defined]

        with pytest.raises(EncodeError, match=r"^the encoder of .*Shy failed on a .*Shy - at \[1\]$"):
            toJsonable([1, Shy()])


class TestComposites:
    def test_travel_as_their_encoder_says(self) -> None:
        class Bundle:
            items = (1, "a")

        registerComposite(
            "test-bundle",
            lambda obj, reading: Bundle(),
            pyType=Bundle,
            encoder=lambda bundle, dialect: {
                "_ct": "test-bundle",
                "items": toJsonable(bundle.items, dialect),
            },
        )

        assert (
            text(Job(data=Bundle())).count('{"_ct":"test-bundle","items":[{"_ft":"int","_fd":1},"a"]}') == 1
        )


class TestGeometry:
    @pytest.mark.parametrize("data", [b"\x00\x01", memoryview(b"\x00\x01"), "0001"])
    def test_of_geoalchemy_travels_as_its_well_known_binary(self, data: Any) -> None:
        element = type("WKBElement", (), {"__module__": "geoalchemy2.elements", "data": data})

        assert text(element()) == '{"_ft":"wkb","_fd":"AAE="}'


class TestErrors:
    @pytest.mark.parametrize("value", [len, object(), 1j, timedelta(1), int, iter([])])
    def test_name_a_type_that_cannot_travel_and_the_way_out(self, value: Any) -> None:
        with pytest.raises(EncodeError, match=r"cannot travel: registerFieldType\(type, encoder, decoder\)"):
            toJsonable(value)

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            ([1, [2, len]], "[1][1]"),
            ((1, 2, len), "[2]"),
            ({"a": {"b c": len}}, ".a['b c']"),
            ({5: [len]}, "[5][0]"),
            ([Job(), Job(data=[Job(due=len)])], "[1].data[0].due"),  # type: ignore[arg-type]
            ([Job(title=len)], "[0].title"),  # type: ignore[arg-type]
            ([Job(id=len)], "[0].id"),  # type: ignore[arg-type]
            ({"x" * 500: len}, "['" + "x" * 60 + "'…]"),
        ],
    )
    def test_say_where(self, value: Any, path: str) -> None:
        with pytest.raises(EncodeError) as caught:
            toJsonable(value)

        assert caught.value.path == path

    def test_come_of_a_decimal_that_signals(self) -> None:
        with pytest.raises(EncodeError, match=r"the Decimal sNaN has no float - at \[0\]"):
            toJsonable([Decimal("sNaN")])

    def test_of_a_registered_encoder_may_be_in_its_own_words(self) -> None:
        class Secret:
            pass

        def refuse(secret: Secret) -> Any:
            raise Rejected("not for you")

        registerFieldType(Secret, refuse, lambda value: Secret())

        with pytest.raises(Rejected, match="not for you"):
            toJsonable([Secret()])

    def test_do_not_depend_on_what_was_encoded_before(self) -> None:
        for _ in range(2):
            with pytest.raises(EncodeError):
                toJsonable([len])

    def test_come_of_what_contains_itself(self) -> None:
        circle: list[Any] = []
        circle.append({"a": circle})
        job = Job()
        job.data = job

        for value in (circle, job):
            with pytest.raises(EncodeError, match="nested too deeply, or contains itself"):
                toJsonable(value)

    def test_come_of_an_annotation_that_names_nothing(self) -> None:
        @addTupleType
        class Broken(Tuple):
            __tupleType__ = "test_encode.Broken"
            friend: Persn  # type: ignore[name-defined]  # noqa: F821

        with pytest.raises(UnresolvedHint, match=r"Broken\.friend"):
            toJsonable([Broken(friend=None)])


class TestCompiledFunction:
    def test_can_be_read(self) -> None:
        source = compiledSource(Job)

        assert "def encode(o):" in source
        assert "'title': v" in source
        compile(source, "source", "exec")

    def test_is_shown_in_tracebacks(self) -> None:
        with pytest.raises(EncodeError) as caught:
            toJsonable(Job(data=len))
        linecache.checkcache()

        assert "'data': C[type(v" in "".join(traceback.format_exception(caught.value))
        assert linecache.getline("<vortex: encode test_encode.Job>", 1) == "def encode(o):\n"
