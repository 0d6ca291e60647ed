"""Columns: groups of tuples written by hand, as on our own wire, and what they stand for."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from vortex.errors import DecodeError, EncodeError, LimitExceeded, Rejected, UnknownTupleType
from vortex.limits import Limits
from vortex.tuples import (
    Reading,
    Tuple,
    TupleField,
    TupleSelector,
    WellKnownBinary,
    addTupleType,
    presentFields,
    registerFieldType,
)
from vortex.tuples.column_readers import MAX_ROW_READERS, tableReaders
from vortex.tuples.columns import decodeGroups, encodeGroups, groupOfJson, groupsOf, jsonOfGroups
from vortex.tuples.compiled_rows import Unusual, compileWriter
from vortex.tuples.convert import forgetCompiled
from vortex.tuples.encode import NonFinite
from vortex.tuples.hints import fieldTypes

MOMENT = datetime(2024, 2, 29, 13, 14, 15, 123456, UTC)
MOMENT_TEXT = "2024-02-29 13:14:15.123456+0000"


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


@addTupleType
class Job(Tuple):
    __tupleType__ = "test_columns.Job"
    id: int = 7
    title: str = "untitled"
    cost: float = 0.0
    done: bool = False
    due: datetime | None = None
    tags: list[str] = TupleField(default=[])
    friend: Job | None = None
    secret: str = TupleField(default="s3cret", transport=False)

    def water(self) -> str:
        return self.title


JOB_FIELDS = ["cost", "done", "due", "friend", "id", "tags", "title"]
JOB_KINDS = "fpdjijp"


@addTupleType
class Any1(Tuple):
    """As VortexPY's classes are: nothing is known of its field."""

    __tupleType__ = "test_columns.Any1"
    v = TupleField()


@addTupleType
class Pair(Tuple):
    __tupleType__ = "test_columns.Pair"
    a: Any
    b: Any


@addTupleType
class Empty(Tuple):
    __tupleType__ = "test_columns.Empty"


def written(*tuples: Any) -> Any:
    """The groups as a JSON reader has them: a writer's tuples are lists."""
    groups = encodeGroups(list(tuples))
    return json.loads(json.dumps(groups, allow_nan=False))


def read(*groups: Any, **limits: Any) -> list[Any]:
    text = json.dumps(groups, allow_nan=False)
    return decodeGroups(groupsOf(json.loads(text)), Reading(Limits(**limits)))


def group(cls: type[Tuple], kinds: str, *rows: Any, f: list[str] | None = None) -> dict[str, Any]:
    fields = sorted(name for name, field in cls.__tupleFields__.items() if field.transport)
    return {"t": cls.__tupleType__, "f": fields if f is None else f, "k": kinds, "r": list(rows)}


def refused(*groups: Any, error: type[DecodeError] = DecodeError) -> DecodeError:
    with pytest.raises(error) as caught:
        read(*groups)
    return caught.value


@contextmanager
def registered(pyType: type[Any], encoder: Any, decoder: Any) -> Iterator[None]:
    registerFieldType(pyType, encoder, decoder)
    try:
        yield
    finally:
        del fieldTypes[pyType]
        forgetCompiled()


class TestWritten:
    def test_says_names_and_kinds_once(self) -> None:
        jobs = [
            Job(id=1, title="paint", cost=2.5, done=True, due=MOMENT, tags=["a"]),
            Job(id=2, title="caf\u00e9", friend=Job(id=3)),
        ]

        assert written(*jobs) == [
            {
                "t": "test_columns.Job",
                "f": JOB_FIELDS,
                "k": JOB_KINDS,
                "r": [
                    [2.5, True, MOMENT_TEXT, None, 1, ["a"], "paint"],
                    [
                        0.0,
                        False,
                        None,
                        {
                            "_ct": "rt",
                            "_c": "test_columns.Job",
                            "cost": 0.0,
                            "done": False,
                            "due": None,
                            "friend": None,
                            "id": {"_ft": "int", "_fd": 3},
                            "tags": [],
                            "title": "untitled",
                        },
                        2,
                        [],
                        "caf\u00e9",
                    ],
                ],
            }
        ]

    def test_keeps_the_order_in_which_types_follow_each_other(self) -> None:
        tuples = [Pair(a=1, b="x"), Pair(a=2, b="y"), 5, "text", Empty(), Empty(), Pair(a=None, b=None)]

        assert written(*tuples) == [
            {"t": "test_columns.Pair", "f": ["a", "b"], "k": "ip", "r": [[1, "x"], [2, "y"]]},
            {"v": [{"_ft": "int", "_fd": 5}, "text"]},
            {"t": "test_columns.Empty", "f": [], "k": "", "r": [[], []]},
            {"t": "test_columns.Pair", "f": ["a", "b"], "k": "pp", "r": [[None, None]]},
        ]

    def test_is_nothing_of_nothing(self) -> None:
        assert written() == []

    @pytest.mark.parametrize(
        ("values", "kind", "expected"),
        [
            (["x", None, ""], "p", ["x", None, ""]),
            ([True, False], "p", [True, False]),
            (["x", True, 5, 1.5], "p", ["x", True, 5, 1.5]),
            ([5, 1.5], "p", [5, 1.5]),
            ([5, None, 10**30], "i", [5, None, 10**30]),
            ([1.5, None, 2.0], "f", [1.5, None, 2.0]),
            ([math.nan, math.inf, -math.inf, 0.5], "f", ["NaN", "Infinity", "-Infinity", 0.5]),
            ([1e308, 1e308], "f", [1e308, 1e308]),
            ([Decimal("1.10"), Decimal("NaN")], "f", [1.1, "NaN"]),
            ([MOMENT, None], "d", [MOMENT_TEXT, None]),
            ([datetime(2024, 2, 29)], "d", ["2024-02-29 00:00:00.000000+0000"]),  # noqa: DTZ001
            (
                [MOMENT.astimezone(timezone(timedelta(hours=-3, minutes=-30)))],
                "d",
                ["2024-02-29 09:44:15.123456-0330"],
            ),
            ([date(2024, 2, 29), date(1, 1, 1)], "D", ["2024-02-29", "0001-01-01"]),
            ([b"\x00\xff", b""], "b", ["AP8=", ""]),
            ([UUID(int=5)], "p", ["00000000-0000-0000-0000-000000000005"]),
            ([Colour.RED, None], "p", ["red", None]),
            ([Level.HIGH, Level.LOW], "i", [9, 1]),
            ([None, None], "p", [None, None]),
            ([1, math.nan], "j", [{"_ft": "int", "_fd": 1}, {"_ft": "float", "_fd": "NaN"}]),
            (["x", MOMENT], "j", ["x", {"_ft": "datetime", "_fd": MOMENT_TEXT}]),
            ([[1], {"a": b"x"}], "j", [[{"_ft": "int", "_fd": 1}], {"a": {"_ft": "bytes", "_fd": "eA=="}}]),
            ([NonFinite(math.inf), None], "j", [{"_ft": "float", "_fd": "Infinity"}, None]),
            ([WellKnownBinary(b"x")], "j", [{"_ft": "wkb", "_fd": "eA=="}]),
            (
                [TupleSelector(name="n", selector={})],
                "j",
                [{"_ct": "rt", "_c": "vortex.TupleSelector", "name": "n", "selector": {}}],
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    def test_has_the_letter_that_fits_all_values(
        self, values: list[Any], kind: str, expected: list[Any]
    ) -> None:
        assert written(*(Any1(v=value) for value in values)) == [
            {"t": "test_columns.Any1", "f": ["v"], "k": kind, "r": [[value] for value in expected]}
        ]

    def test_has_another_letter_where_a_value_is_not_what_its_field_says(self) -> None:
        odd = Job(id="five", cost=3, due="soon", done=None, title=Colour.RED)  # type: ignore[arg-type]

        [group] = written(odd, Job(cost=1.5))

        assert dict(zip(group["f"], group["k"], strict=True)) == {
            "cost": "p",
            "done": "p",
            "due": "p",
            "friend": "p",
            "id": "p",
            "tags": "j",
            "title": "j",
        }
        assert [row[0] for row in group["r"]] == [3, 1.5]
        assert [row[6] for row in group["r"]] == ["red", "untitled"]

    def test_has_one_letter_for_all_that_a_field_of_its_type_may_be(self) -> None:
        east = datetime(2024, 2, 29, 23, 14, 15, tzinfo=timezone(timedelta(hours=10)))

        [group] = written(Job(cost=math.nan, due=east), Job(cost=-math.inf, due=MOMENT), Job(cost=1.5))

        assert group["k"][0::2] == "fdip"
        assert [row[0] for row in group["r"]] == ["NaN", "-Infinity", 1.5]
        assert [row[2] for row in group["r"]] == ["2024-02-29 23:14:15.000000+1000", MOMENT_TEXT, None]
        assert written(Job(due=east))[0]["r"][0][2] == "2024-02-29 23:14:15.000000+1000"

    def test_leaves_out_what_does_not_travel(self) -> None:
        assert "secret" not in written(Job(secret="x"))[0]["f"]

    def test_changes_nothing_in_what_it_writes(self) -> None:
        job, value = Job(due=MOMENT, tags=["a"]), Any1(v=b"x")

        written(job, value)

        assert (job.due, job.tags, value.v) == (MOMENT, ["a"], b"x")

    def test_has_what_the_fields_own_encoder_makes(self) -> None:
        @addTupleType
        class Own(Tuple):
            __tupleType__ = "test_columns.Own"
            at = TupleField(encoder=lambda value: [value, b"x"])

        assert written(Own(at=5), Own(at=None)) == [
            {
                "t": "test_columns.Own",
                "f": ["at"],
                "k": "j",
                "r": [[[{"_ft": "int", "_fd": 5}, {"_ft": "bytes", "_fd": "eA=="}]], [None]],
            }
        ]

    def test_has_registered_types_as_they_say(self) -> None:
        with (
            registered(Decimal, str, Decimal),
            registered(datetime, datetime.isoformat, datetime.fromisoformat),
        ):
            assert written(Any1(v=Decimal("1.10")), Any1(v=MOMENT)) == [
                {"t": "test_columns.Any1", "f": ["v"], "k": "j", "r": [["1.10"], [MOMENT.isoformat()]]}
            ]
            assert written(Job(due=MOMENT))[0]["r"][0][2] == MOMENT.isoformat()
        assert written(Any1(v=Decimal("1.10")))[0]["k"] == "f"
        assert written(Job(due=MOMENT))[0]["r"][0][2] == MOMENT_TEXT

    @pytest.mark.parametrize(
        ("tuples", "path"),
        [
            ([1, 2, object()], "[2]"),
            ([1, Any1(v=1), Any1(v={"x": [object()]})], "[2].v.x[0]"),
            ([Job(), Job(tags=[cast("str", object())])], "[1].tags[0]"),
            ([Any1(v=None), Any1(v=Decimal("sNaN"))], "[1].v"),
        ],
        ids=["value", "any", "list", "decimal"],
    )
    def test_says_where_something_is_that_cannot_travel(self, tuples: list[Any], path: str) -> None:
        with pytest.raises(EncodeError) as caught:
            encodeGroups(tuples)

        assert caught.value.path == path

    def test_says_which_field_cannot_be_read(self) -> None:
        def fail() -> Any:
            raise ValueError("secret words")

        @addTupleType
        class Failing(Tuple):
            __tupleType__ = "test_columns.Failing"
            a: int = 1
            b = TupleField(factory=fail)

        whole, lacking = object.__new__(Failing), object.__new__(Failing)
        whole.__dict__.update(a=1, b=2)
        with pytest.raises(EncodeError, match=r"ValueError - at \[1\]\.b") as caught:
            encodeGroups([whole, lacking])

        assert "secret" not in str(caught.value)
        assert isinstance(caught.value.__cause__, ValueError)

    def test_needs_types_that_have_a_name(self) -> None:
        class Nameless(Job):
            pass

        with pytest.raises(EncodeError, match="decorate it with @addTupleType"):
            encodeGroups([Nameless()])

    def test_asks_for_no_type_of_what_came_as_json(self) -> None:
        tuples = [{"_ct": "rt", "_c": "nobody.Knows", "a": [math.nan, -math.inf]}, 1.5, None]

        assert groupOfJson(tuples) == {
            "v": [
                {
                    "_ct": "rt",
                    "_c": "nobody.Knows",
                    "a": [{"_ft": "float", "_fd": "NaN"}, {"_ft": "float", "_fd": "-Infinity"}],
                },
                1.5,
                None,
            ]
        }


class TestRead:
    def test_gives_tuples_of_the_class(self) -> None:
        row = [2.5, True, MOMENT_TEXT, None, 1, ["a"], "paint"]

        [first, second] = read(group(Job, JOB_KINDS, row, row))

        assert first == second == Job(id=1, title="paint", cost=2.5, done=True, due=MOMENT, tags=["a"])
        assert type(first) is Job
        assert first.tags is not second.tags
        assert presentFields(first) == set(JOB_FIELDS)

    def test_gives_defaults_for_fields_that_did_not_come(self) -> None:
        [job] = read(group(Job, "p", ["paint"], f=["title"]))

        assert (job.title, job.id, job.tags, job.secret) == ("paint", 7, [], "s3cret")
        assert "id" not in presentFields(job)

    def test_takes_fields_in_any_order(self) -> None:
        assert read(group(Pair, "pi", ["x", 1], f=["b", "a"])) == [Pair(a=1, b="x")]
        assert read(group(Pair, "pp", ["x", "y"], f=["b", "a"])) == [Pair(a="y", b="x")]

    def test_takes_no_fields_at_all(self) -> None:
        assert read(group(Empty, "", [], []), group(Job, "", [], f=[])) == [Empty(), Empty(), Job()]

    @pytest.mark.parametrize("name", ["secret", "water", "zzz", "id "])
    def test_refuses_fields_that_the_class_has_not_or_keeps_to_itself(self, name: str) -> None:
        error = refused({"v": [1]}, group(Job, "ip", [1, "x"], f=["id", name]))

        assert error.path == "[1]"
        assert error.problem == f"a test_columns.Job has no field {name!r} that travels"

    def test_refuses_types_that_it_does_not_know(self) -> None:
        error = refused(
            {"v": [1, 2]}, {"t": "nobody.Knows", "f": [], "k": "", "r": [[]]}, error=UnknownTupleType
        )

        assert error.path == "[2]"

    @pytest.mark.parametrize(
        ("field", "kind", "value", "expected"),
        [
            ("cost", "i", 5, 5.0),
            ("cost", "p", 5, 5.0),
            ("cost", "f", 5, 5.0),
            ("cost", "j", {"_ft": "int", "_fd": 5}, 5.0),
            ("cost", "f", "-Infinity", -math.inf),
            ("id", "p", 5, 5),
            ("id", "f", 5.0, 5),
            ("id", "i", 1e21, 10**21),
            ("id", "j", {"_ft": "int", "_fd": 5}, 5),
            ("due", "D", "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
            ("due", "j", {"_ft": "datetime", "_fd": MOMENT_TEXT}, MOMENT),
            ("due", "d", "2024-02-29 13:14:15.123456", MOMENT),
            ("due", "d", "2024-02-29T13:14:15.123456Z", MOMENT),
            ("title", "p", "x", "x"),
            ("done", "p", True, True),
        ],
    )
    @pytest.mark.parametrize("isAlone", [True, False])
    def test_holds_what_came_to_the_type_of_the_field(
        self, field: str, kind: str, value: Any, expected: Any, isAlone: bool
    ) -> None:
        full = [None] * len(JOB_FIELDS)
        full[JOB_FIELDS.index(field)] = value
        kinds = "".join(kind if name == field else "p" for name in JOB_FIELDS)
        sent = group(Job, kind, [value], f=[field]) if isAlone else group(Job, kinds, full, full)

        for job in read(sent):
            assert repr(getattr(job, field)) == repr(expected)

    @pytest.mark.parametrize(
        ("field", "kind", "value", "problem"),
        [
            ("id", "p", "x", "expected int, got 'x'"),
            ("id", "p", True, "expected int, got True"),
            ("id", "f", 1.5, "expected int, got 1.5"),
            ("id", "i", "5", "expected an int, got '5'"),
            ("id", "i", 1.5, "expected an int, got 1.5"),
            ("id", "i", False, "expected an int, got False"),
            ("id", "d", MOMENT_TEXT, "expected int, got 2024-02-29 13:14:15.123456+00:00"),
            ("title", "i", 5, "expected str, got 5"),
            ("title", "b", "eA==", "expected str, got 1 bytes"),
            ("cost", "p", "NaN", "expected float, got 'NaN'"),
            ("cost", "f", "nan", "expected a float, got 'nan'"),
            ("cost", "f", True, "expected a float, got True"),
            ("cost", "i", 10**400, "expected float, got an int of 1329 bits"),
            ("cost", "f", 10**400, "expected a float, got an int of 1329 bits"),
            ("done", "p", 1, "expected bool, got 1"),
            ("done", "p", [], "expected a text, a bool or a number, got a list of 0"),
            ("due", "p", MOMENT_TEXT, f"expected datetime, got {MOMENT_TEXT!r}"),
            ("due", "d", "2024-02-29", "expected a date with a time, got '2024-02-29'"),
            ("due", "d", 5, "expected an ISO 8601 date, got 5"),
            ("due", "D", MOMENT_TEXT, f"expected a date without a time, got {MOMENT_TEXT!r}"),
            ("due", "D", "soon", "expected an ISO 8601 date, got 'soon'"),
            ("tags", "b", "*", "expected base64, got '*'"),
            ("tags", "j", {"_ft": "zz", "_fd": 1}, "unknown kind of value, _ft = 'zz'"),
            (
                "friend",
                "j",
                {"_ct": "rt", "_c": "test_columns.Empty"},
                "expected test_columns.Job, got a test_columns.Empty",
            ),
        ],
    )
    @pytest.mark.parametrize("isAlone", [True, False])
    def test_says_where_a_value_is_not_what_it_should_be(
        self, field: str, kind: str, value: Any, problem: str, isAlone: bool
    ) -> None:
        kinds = "".join(kind if name == field else "p" for name in JOB_FIELDS)
        full = [value if name == field else None for name in JOB_FIELDS]
        nothing = [None] * len(JOB_FIELDS)
        sent = group(Job, kind, [None], [value], f=[field]) if isAlone else group(Job, kinds, nothing, full)

        error = refused({"v": ["x"]}, sent)

        assert (error.path, error.problem) == (f"[2].{field}", problem)

    def test_says_where_inside_a_value_something_is_wrong(self) -> None:
        row = [0.0, False, None, None, 1, ["a", {"_ft": "int", "_fd": 5}], "x"]

        assert refused(group(Job, JOB_KINDS, row)).path == "[0].tags[1]"
        assert refused({"v": [[1, {"_ft": "zz"}]]}).path == "[0][1]"

    def test_takes_null_for_anything(self) -> None:
        for kind in "pifdDbj":
            assert read(group(Any1, kind, [None], [None])) == [Any1(v=None)] * 2
        [job] = read(group(Job, JOB_KINDS, [None] * 7))
        assert [getattr(job, name) for name in JOB_FIELDS] == [None] * 7

    def test_gives_nothing_that_two_tuples_share_but_what_cannot_change(self) -> None:
        [first, second] = read(group(Any1, "j", [[1.5]], [[1.5]]))

        first.v.append(2)

        assert second.v == [1.5]

    def test_asks_the_fields_own_decoder(self) -> None:
        def decode(value: Any) -> Any:
            if value == "no":
                raise Rejected("not that one")
            return {"b": 1 / value}

        @addTupleType
        class Decoding(Tuple):
            __tupleType__ = "test_columns.Decoding"
            at = TupleField(decoder=decode)

        assert [one.at for one in read(group(Decoding, "i", [2], [None]))] == [{"b": 0.5}, None]
        error = refused(group(Decoding, "i", [2], [0]))
        assert (error.path, error.problem) == ("[1].at", "the field does not take 0")
        assert isinstance(error.__cause__, ZeroDivisionError)
        with pytest.raises(Rejected):
            read(group(Decoding, "p", ["no"]))

    def test_asks_registered_types(self) -> None:
        @addTupleType
        class Priced(Tuple):
            __tupleType__ = "test_columns.Priced"
            price: Decimal

        assert read(group(Priced, "p", ["1.10"])) == [Priced(price=Decimal("1.10"))]
        with registered(Decimal, str, lambda text: Decimal(text) * 2):
            assert read(group(Priced, "p", ["1.10"])) == [Priced(price=Decimal("2.20"))]
        assert read(group(Priced, "p", ["1.10"])) == [Priced(price=Decimal("1.10"))]

    def test_knows_enums_dates_and_uuids_by_their_fields(self) -> None:
        @addTupleType
        class Typed(Tuple):
            __tupleType__ = "test_columns.Typed"
            a: Colour
            b: Level | None
            c: UUID
            d: date
            e: set[int]

        values: list[Any] = ["red", 9, "00000000-0000-0000-0000-000000000005", "2024-02-29", [5]]

        [typed] = read(group(Typed, "pipDj", values))

        assert repr(typed) == repr(
            Typed(a=Colour.RED, b=Level.HIGH, c=UUID(int=5), d=date(2024, 2, 29), e={5})
        )
        assert refused(group(Typed, "pipDj", ["pink", *values[1:]])).path == "[0].a"

    def test_counts_what_is_dropped_from_tuples_inside_values_once(self) -> None:
        inner = {"_ct": "rt", "_c": "test_columns.Any1", "v": None, "zzz": 1}
        reading = Reading(Limits())

        decodeGroups(groupsOf([group(Any1, "j", [inner]), {"v": [inner]}]), reading)
        assert reading.unknownFields == 2

        # The second row is unusual, so all is done again.
        decodeGroups(groupsOf([group(Job, "pppjfpp", [None, None, None, None, 5, None, None])]), reading)
        fresh = Reading(Limits())
        decodeGroups(groupsOf([group(Pair, "pj", [None, inner], [None, None])]), fresh)
        with pytest.raises(DecodeError):
            decodeGroups(groupsOf([group(Pair, "ij", [None, inner], ["x", None])]), Reading(Limits()))
        odd = Reading(Limits())
        decodeGroups(groupsOf([group(Pair, "ji", [inner, 1], [None, 1e21])]), odd)
        assert (reading.unknownFields, fresh.unknownFields, odd.unknownFields) == (2, 1, 1)

    def test_sets_values_past_what_a_class_does_when_it_is_set(self) -> None:
        @addTupleType
        class Guarded(Tuple):
            __tupleType__ = "test_columns.Guarded"
            a: int

            def __setattr__(self, name: str, value: Any) -> None:
                self.__dict__[name] = -value

        assert [one.a for one in read(group(Guarded, "i", [5]))] == [5]

    def test_keeps_no_function_for_every_row_of_letters(self) -> None:
        @addTupleType
        class Wide(Tuple):
            __tupleType__ = "test_columns.Wide"
            a: Any = None
            b: Any = None

        for first in "pifdDbj":
            for second in "pifdDbj":
                assert read(group(Wide, first + second, [None, None])) == [Wide()]

        assert len(tableReaders["test_columns.Wide"].rowReaders) == MAX_ROW_READERS

    def test_is_of_the_class_that_has_the_name_now(self) -> None:
        def make(default: int) -> type[Tuple]:
            class Again(Tuple):
                __tupleType__ = "test_columns.Again"
                a: Any = default

            return addTupleType(Again)

        old = make(1)
        assert written(old()) == written(*read(group(old, "i", [1])))
        new = make(2)

        [one] = read(group(new, "", [], f=[]))

        assert (type(one), one.a) == (new, 2)


class TestCompiledRows:
    """What is usual is done by functions compiled for the class, not by what is slower and right as well."""

    JOB = Job(id=1, title="paint", cost=2.5, done=True, due=MOMENT, tags=["a"])
    ROW: tuple[Any, ...] = (2.5, True, MOMENT_TEXT, None, 1, ["a"], "paint")

    def test_write_what_is_usual(self) -> None:
        writer = compileWriter(Job)

        assert writer.kinds == JOB_KINDS
        assert writer.write([self.JOB]) == [list(self.ROW)]
        assert compileWriter(Any1).kinds == " "

    def test_read_what_is_usual_in_any_order(self) -> None:
        @addTupleType
        class Usual(Tuple):
            __tupleType__ = "test_columns.Usual"
            a: int
            b: str | None
            c: float
            d: datetime
            e: list[str]

        assert read(group(Usual, "ipfdj", [1, "x", 1.5, MOMENT_TEXT, ["y"]], [None] * 5)) == read(
            group(Usual, "jpdfi", [["y"], "x", MOMENT_TEXT, 1.5, 1], [None] * 5, f=["e", "b", "d", "c", "a"])
        )
        [(kinds, usual)] = tableReaders["test_columns.Usual"].rowReaders.items()

        assert kinds == "ipfdj"
        assert usual([[1, "x", 1.5, MOMENT_TEXT, ["y"]]], Reading(Limits()), 30) == [
            Usual(a=1, b="x", c=1.5, d=MOMENT, e=["y"])
        ]

    @pytest.mark.parametrize(
        "odd",
        [{"id": "x"}, {"id": True}, {"cost": 3}, {"cost": math.nan}, {"done": 1}, {"title": b"x"}],
        ids=str,
    )
    def test_give_up_what_is_not(self, odd: dict[str, Any]) -> None:
        with pytest.raises(Unusual):
            compileWriter(Job).write([self.JOB, Job(**odd)])


class TestDepth:
    def test_is_counted_as_on_vortexpys_wire(self) -> None:
        values: list[Any] = [[[[]]]]
        inRow = group(Any1, "j", [[[[]]]])

        # The list of tuples is one level, a tuple another, and the value has three.
        assert read({"v": values}, maxDepth=4) == [[[[]]]]
        assert read(inRow, maxDepth=5) == [Any1(v=[[[]]])]
        for groups, most in (({"v": values}, 3), (inRow, 4)):
            with pytest.raises(LimitExceeded, match="maxDepth"):
                read(groups, maxDepth=most)
        with pytest.raises(LimitExceeded, match="maxDepth"):
            read(group(Any1, "p", [1]), maxDepth=1)


GOOD: dict[str, Any] = {"t": "test_columns.Pair", "f": ["a", "b"], "k": "ip", "r": [[1, "x"]]}


class TestShape:
    @pytest.mark.parametrize(
        ("groups", "path"),
        [
            ({}, ""),
            (None, ""),
            ("[]", ""),
            ([{"v": []}, 5], "groups[1]"),
            ([{"v": []}, []], "groups[1]"),
            ([{}], "groups[0]"),
            ([GOOD | {"z": 1}], "groups[0]"),
            ([GOOD | {"v": []}], "groups[0]"),
            ([{"v": [], "z": 1}], "groups[0]"),
            ([{"v": {"a": 1}}], "groups[0].v"),
            ([{"v": "ab"}], "groups[0].v"),
            ([GOOD | {"t": 5}], "groups[0].t"),
            ([GOOD | {"f": "ab"}], "groups[0].f"),
            ([GOOD | {"f": {"a": 1, "b": 2}}], "groups[0].f"),
            ([GOOD | {"f": ["a", ["b"]]}], "groups[0].f[1]"),
            ([GOOD | {"f": ["a", "_ct"]}], "groups[0].f[1]"),
            ([GOOD | {"f": ["a", "__class__"]}], "groups[0].f[1]"),
            ([GOOD | {"f": ["a", "b\n_c"]}], "groups[0].f[1]"),
            ([GOOD | {"f": ["a", "a"]}], "groups[0].f"),
            ([GOOD | {"k": "i"}], "groups[0].k"),
            ([GOOD | {"k": "ipp"}], "groups[0].k"),
            ([GOOD | {"k": "iP"}], "groups[0].k"),
            ([GOOD | {"k": ["i", "p"]}], "groups[0].k"),
            ([GOOD | {"r": "ab"}], "groups[0].r"),
            ([GOOD | {"r": [[1, "x"], "xy"]}], "groups[0].r[1]"),
            ([GOOD | {"r": [[1, "x"], {"a": 1, "b": 2}]}], "groups[0].r[1]"),
            ([GOOD | {"r": [[1, "x"], [1]]}], "groups[0].r[1]"),
            ([GOOD | {"r": [[1, "x"], [1, "x", None]]}], "groups[0].r[1]"),
            ([GOOD | {"f": [], "k": "", "r": [[], [1]]}], "groups[0].r[1]"),
        ],
        ids=lambda value: json.dumps(value)[-50:],
    )
    def test_is_refused_where_it_is_none(self, groups: Any, path: str) -> None:
        with pytest.raises(DecodeError) as caught:
            groupsOf(groups)

        assert caught.value.path == path

    def test_is_all_that_is_looked_at(self) -> None:
        [first, second] = groupsOf([GOOD | {"t": "nobody.Knows", "r": [[[], {}]]}, {"v": [5]}])

        assert first == ("nobody.Knows", ["a", "b"], "ip", [[[], {}]])
        assert second == (None, [], "", [5])


class TestAsOnVortexpysWire:
    def test_needs_no_class(self) -> None:
        groups = groupsOf(
            [
                {
                    "t": "nobody.Knows",
                    "f": ["a", "b", "c", "d", "e", "f", "g"],
                    "k": "pifdDbj",
                    "r": [
                        ["x", 1, 1.5, MOMENT_TEXT, "2024-02-29", "eA==", [{"_ft": "int", "_fd": 1}]],
                        [None] * 7,
                    ],
                },
                {"v": [{"_ft": "int", "_fd": 5}, "text"]},
            ]
        )

        assert jsonOfGroups(groups) == [
            {
                "_ct": "rt",
                "_c": "nobody.Knows",
                "a": "x",
                "b": {"_ft": "int", "_fd": 1},
                "c": 1.5,
                "d": {"_ft": "datetime", "_fd": MOMENT_TEXT},
                "e": {"_ft": "datetime", "_fd": "2024-02-29"},
                "f": {"_ft": "bytes", "_fd": "eA=="},
                "g": [{"_ft": "int", "_fd": 1}],
            },
            {"_ct": "rt", "_c": "nobody.Knows", **dict.fromkeys("abcdefg")},
            {"_ft": "int", "_fd": 5},
            "text",
        ]

    def test_has_numbers_that_json_has_not_bare(self) -> None:
        rows = [["NaN"], ["Infinity"], ["-Infinity"], [0.5]]

        shown = jsonOfGroups(groupsOf([group(Any1, "f", *rows)]))

        assert repr([one["v"] for one in shown]) == "[nan, inf, -inf, 0.5]"
        assert [type(one["v"]) for one in shown] == [NonFinite, NonFinite, NonFinite, float]
