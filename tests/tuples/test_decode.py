"""Decoding: what JSON from a peer stands for, written by hand as the peers write it."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NewType, TypedDict, TypeVar
from uuid import UUID

import pytest
from typing_extensions import TypeAliasType

from vortex.errors import DecodeError, LimitExceeded, Rejected, UnknownTupleType
from vortex.limits import Limits
from vortex.tuples import (
    Reading,
    Tuple,
    TupleField,
    WellKnownBinary,
    addTupleType,
    compiledSource,
    fromJsonable,
    presentFields,
    registerComposite,
    registerFieldType,
    toJsonable,
)
from vortex.tuples.field import UnresolvedHint


def read(text: str, **limits: Any) -> Any:
    return fromJsonable(json.loads(text), Reading(Limits(**limits)))


def refused(text: str) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(text)
    return caught.value


def same(value: Any, expected: Any) -> bool:
    """Equal, and of the same types all the way down; NaN is equal to NaN."""
    return repr(value) == repr(expected)


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


class Side(enum.Enum):
    LEFT = "l"
    WHOLE = True


@addTupleType
class Job(Tuple):
    __tupleType__ = "test_decode.Job"
    id: int = 0
    title: str = "untitled"
    cost: float = 0.0
    done: bool = False
    due: datetime | None = None
    tags: list[str] = TupleField(default=[])
    data: Any = None
    friend: Job | None = None
    secret: str = TupleField(default="s3cret", transport=False)

    def water(self) -> str:
        return self.title


def job(**fields: str) -> str:
    """A Job on the wire; each field is given as JSON."""
    return '{"_ct":"rt","_c":"test_decode.Job"' + "".join(f',"{k}":{v}' for k, v in fields.items()) + "}"


BRISBANE = timezone(timedelta(hours=10))


def tagged(tag: str, data: str) -> str:
    return f'{{"_ft":"{tag}","_fd":{data}}}'


VALUES = [
    ("null", None),
    ("true", True),
    ('"x"', "x"),
    ("5", 5),
    ("2.5", 2.5),
    ("-0.0", -0.0),
    ("NaN", math.nan),
    ("Infinity", math.inf),
    (tagged("int", "5"), 5),
    (tagged("int", "3.9"), 3),
    (tagged("int", '"7"'), 7),
    (tagged("int", '" -7 "'), -7),
    (tagged("int", "1" + "0" * 60), 10**60),
    (tagged("int", '"' + "9" * 4000 + '"'), int("9" * 4000)),
    (tagged("int", "null"), None),
    (tagged("float", '"1.25"'), 1.25),
    (tagged("float", '"3"'), 3),
    (tagged("float", "2.0"), 2),
    (tagged("float", '"9007199254740993"'), 9007199254740993),
    (tagged("float", '"nan"'), math.nan),
    (tagged("float", "true"), 1),
    (tagged("bool", '"1"'), True),
    (tagged("bool", '"0"'), False),
    (tagged("bool", "true"), False),
    (tagged("bool", '"true"'), False),
    (tagged("str", '"x"'), "x"),
    (tagged("null", "null"), None),
    (tagged("null", "5"), None),
    (tagged("list", '[{"_ft":"int","_fd":1}]'), [1]),
    (tagged("dict", '{"1":2}'), {1: 2}),
    (tagged("dict", '{"_ft":"int","_fd":{"_ft":"int","_fd":5}}'), {"_ft": "int", "_fd": 5}),
    (tagged("bytes", '""'), b""),
    (tagged("bytes", '"AP8="'), b"\x00\xff"),
    (tagged("bytes", "null"), None),
    (tagged("wkb", '"AAAA"'), b"\x00\x00\x00"),
    (tagged("datetime", "null"), None),
    ("[]", []),
    ("[[[]],[1]]", [[[]], [1]]),
    ('{"a":{"b":null}}', {"a": {"b": None}}),
    ('{"_fd":5}', {"_fd": 5}),
    ('{"_c":"test_decode.Job"}', {"_c": "test_decode.Job"}),
    ('{"_ct":null,"a":1}', {"_ct": None, "a": 1}),
    ('{"_x":1}', {"_x": 1}),
]

DATETIMES = [
    ("2024-02-29 13:14:15.123456+0000", datetime(2024, 2, 29, 13, 14, 15, 123456, UTC)),
    ("2017-06-06T09:40:37.097Z", datetime(2017, 6, 6, 9, 40, 37, 97000, UTC)),
    ("2017-06-06 09:40:37.097000+1000", datetime(2017, 6, 6, 9, 40, 37, 97000, BRISBANE)),
    ("2017-06-06 09:40:37.097068+10:00", datetime(2017, 6, 6, 9, 40, 37, 97068, BRISBANE)),
    ("2017-06-06 09:40:37+0000", datetime(2017, 6, 6, 9, 40, 37, 0, UTC)),
    ("2017-06-06 09:40:37.097068", datetime(2017, 6, 6, 9, 40, 37, 97068, UTC)),
    (
        "2017-06-06 09:40:37.000000-045602",
        datetime(2017, 6, 6, 9, 40, 37, tzinfo=timezone(-timedelta(hours=4, minutes=56, seconds=2))),
    ),
    ("1901-01-01 02:03:04.005000+0000", datetime(1901, 1, 1, 2, 3, 4, 5000, UTC)),
    ("1-01-01 00:00:00.000000+0000", datetime(1, 1, 1, tzinfo=UTC)),
    ("2024-02-29", date(2024, 2, 29)),
    ("33-03-03", date(33, 3, 3)),
]


class TestValues:
    @pytest.mark.parametrize(("text", "expected"), VALUES, ids=lambda value: str(value)[:40])
    def test_are_read_in_every_form_that_peers_give_them(self, text: str, expected: Any) -> None:
        assert same(read(text), expected)

    @pytest.mark.parametrize(("text", "expected"), VALUES, ids=lambda value: str(value)[:40])
    def test_are_the_same_in_a_field_a_list_and_a_dict(self, text: str, expected: Any) -> None:
        assert same(read(job(data=text)).data, expected)
        assert same(read(f"[{text}]"), [expected])
        assert same(read(f'{{"k":{text}}}'), {"k": expected})

    @pytest.mark.parametrize(("text", "expected"), DATETIMES)
    def test_of_time_are_read_in_every_form_that_peers_give_them(self, text: str, expected: date) -> None:
        value = read(tagged("datetime", f'"{text}"'))

        assert same(value, expected)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (tagged("zzz", '"x"'), "unknown kind of value, _ft = 'zzz'"),
            (tagged("s", '"x"'), "unknown kind of value, _ft = 's'"),
            (tagged("", '"x"'), "unknown kind of value, _ft = ''"),
            ('{"_ft":"hello","x":1}', "unknown kind of value, _ft = 'hello'"),
            ('{"_ft":["int"],"_fd":1}', "unknown kind of value, _ft = a list of 1"),
            ('{"_ft":null,"_fd":1}', "unknown kind of value, _ft = None"),
            ('{"_ft":"int"}', "a value of the kind 'int' needs an _fd"),
            ('{"_ft":"null"}', "a value of the kind 'null' needs an _fd"),
            (tagged("int", '"3.9"'), "expected an int, got '3.9'"),
            (tagged("int", '"1_000"'), "expected an int, got '1_000'"),
            (tagged("int", '"٣"'), "expected an int, got '٣'"),
            (tagged("int", '""'), "expected an int, got ''"),
            (tagged("int", "NaN"), "expected an int, got nan"),
            (tagged("int", "Infinity"), "expected an int, got inf"),
            (tagged("int", "[]"), "expected an int, got a list of 0"),
            (tagged("int", '"' + "9" * 5000 + '"'), "expected an int, got '" + "9" * 60 + "'…"),
            (tagged("float", '"1_0.5"'), "expected a float, got '1_0.5'"),
            (tagged("float", '"x"'), "expected a float, got 'x'"),
            (tagged("float", "{}"), "expected a float, got a dict of 0"),
            (tagged("str", "5"), "expected a str, got 5"),
            (tagged("list", '"ab"'), "expected a list, got 'ab'"),
            (tagged("dict", "[]"), "expected a dict, got a list of 0"),
            (tagged("bytes", '"YQ"'), "expected base64, got 'YQ'"),
            (tagged("bytes", '"Y Q=="'), "expected base64, got 'Y Q=='"),
            (tagged("bytes", '"YQ==!"'), "expected base64, got 'YQ==!'"),
            (tagged("bytes", '"-_-_"'), "expected base64, got '-_-_'"),
            (tagged("bytes", '"é=="'), "expected base64, got 'é=='"),
            (tagged("bytes", "5"), "expected base64, got 5"),
            (tagged("wkb", '"!"'), "expected base64, got '!'"),
            (tagged("datetime", '"tomorrow"'), "expected an ISO 8601 date, got 'tomorrow'"),
            (tagged("datetime", '"Invalid date"'), "expected an ISO 8601 date, got 'Invalid date'"),
            (tagged("datetime", '""'), "expected an ISO 8601 date, got ''"),
            (tagged("datetime", '"2023-02-29"'), "expected an ISO 8601 date, got '2023-02-29'"),
            (tagged("datetime", '"0-01-01"'), "expected an ISO 8601 date, got '0-01-01'"),
            (tagged("datetime", "12345"), "expected an ISO 8601 date, got 12345"),
            ('{"_ct":"gen","_c":"os.system"}', "unknown kind of object, _ct = 'gen'"),
            ('{"_ct":"hello"}', "unknown kind of object, _ct = 'hello'"),
            ('{"_ct":[1]}', "unknown kind of object, _ct = a list of 1"),
            ('{"_ct":"rt"}', "a tuple needs the name of its type, got _c = None"),
            ('{"_ct":"rt","_c":["x"]}', "a tuple needs the name of its type, got _c = a list of 1"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_that_stand_for_nothing_are_refused(self, text: str, problem: str) -> None:
        for place, path in (
            (text, ""),
            (f"[0,{text}]", "[1]"),
            (f'{{"a":{text}}}', ".a"),
            (job(data=text), ".data"),
        ):
            error = refused(place)
            assert (error.problem, error.path) == (problem, path)
            assert error.code == "bad-payload"

    def test_that_no_json_holds_are_refused(self) -> None:
        with pytest.raises(DecodeError, match="nothing that JSON holds"):
            fromJsonable([(1, 2)], Reading(Limits()))

    def test_that_are_geometries_are_bytes_and_travel_back_as_geometries(self) -> None:
        value = read(tagged("wkb", '"AAE="'))

        assert value == b"\x00\x01"
        assert isinstance(value, WellKnownBinary)
        assert toJsonable(value) == {"_ft": "wkb", "_fd": "AAE="}


class TestKeys:
    def test_become_numbers_only_if_the_number_prints_as_the_key(self) -> None:
        texts = ["1", "01", "1e3", "1.5", " 7 ", "1_000", "-4", "+5", "-0", "1e+22"]
        keys = [1, "01", "1e3", 1.5, " 7 ", "1_000", -4, "+5", "-0", 1e22]

        assert same(read(json.dumps(dict.fromkeys(texts))), dict.fromkeys(keys))

    def test_that_are_no_numbers_stay_texts(self) -> None:
        keys = ["", "a", "1a", ":", "-", ".", "e", "Infinity", "NaN", "٣", "9" * 5000, "_x", "🌱"]

        assert list(read(json.dumps(dict.fromkeys(keys)))) == keys

    def test_that_python_prints_for_what_is_no_number_become_it(self) -> None:
        assert same(read('{"nan":1,"inf":2,"-inf":3}'), {math.nan: 1, math.inf: 2, -math.inf: 3})

    def test_never_collide(self) -> None:
        assert same(read('{"1":"a","1.0":"b"}'), {1: "a", "1.0": "b"})
        assert same(read('{"1.0":"b","1":"a"}'), {1.0: "b", "1": "a"})

    @pytest.mark.parametrize("key", [0, -1, 5, 10**30, 0.5, -2.25, 1e100, "", "a", "01", "x y"])
    def test_come_back_as_they_were_sent(self, key: Any) -> None:
        sent = json.dumps(toJsonable({key: "v"}))

        assert same(read(sent), {key: "v"})


class TestTuples:
    def test_are_objects_of_the_class_that_is_registered(self) -> None:
        got = read(
            job(id='{"_ft":"int","_fd":7}', title='"Water"', due=tagged("datetime", '"2024-02-29 00:00:00Z"'))
        )

        assert type(got) is Job
        assert got == Job(id=7, title="Water", due=datetime(2024, 2, 29, tzinfo=UTC))

    def test_have_their_defaults_where_nothing_came_and_know_what_came(self) -> None:
        got = read(job(title='"x"', cost="null"))

        assert (got.id, got.title, got.cost, got.tags) == (0, "x", None, [])
        assert presentFields(read(job(title='"x"', cost="null"))) == {"title", "cost"}

    def test_are_made_without_init(self) -> None:
        @addTupleType
        class Picky(Tuple):
            __tupleType__ = "test_decode.Picky"
            id: int

            def __init__(self, number: int) -> None:
                raise AssertionError("nobody asked")

        assert read('{"_ct":"rt","_c":"test_decode.Picky","id":5}').id == 5

    def test_of_an_unknown_type_are_refused_where_they_stand(self) -> None:
        with pytest.raises(UnknownTupleType) as caught:
            read(f'[{job(data="""[{"_ct":"rt","_c":"no.such"}]""")}]')

        assert str(caught.value) == "tuple type 'no.such' is not registered here - at [0].data[0]"
        assert caught.value.code == "unknown-tuple-type"

    def test_are_read_in_any_order_of_keys_and_with_private_ones(self) -> None:
        reading = Reading(Limits())
        got = fromJsonable(
            json.loads('{"title":"x","_c":"test_decode.Job","_v":9,"id":5,"_ct":"rt","__x__":1}'), reading
        )

        assert (got.title, got.id, reading.unknownFields) == ("x", 5, 0)


class TestOnlyFieldsAreSet:
    @pytest.mark.parametrize(
        "name",
        ["surprise", "water", "tupleType", "secret", "toJsonDict", "title ", "Title", "", "x" * 1000, "0"],
    )
    def test_and_what_else_comes_is_dropped_and_counted(self, name: str) -> None:
        reading = Reading(Limits())
        got = fromJsonable({"_ct": "rt", "_c": "test_decode.Job", "title": "x", name: "evil"}, reading)

        assert got.__dict__ == {"title": "x"}
        assert reading.unknownFields == 1
        assert (got.water(), got.secret, got.tupleType()) == ("x", "s3cret", "test_decode.Job")

    @pytest.mark.parametrize(
        "name",
        [
            "__class__",
            "__dict__",
            "__tupleType__",
            "__tupleFields__",
            "__init__",
            "_private",
            "__reduce__",
            "_ft_",
        ],
    )
    def test_and_private_names_are_dropped(self, name: str) -> None:
        reading = Reading(Limits())
        got = fromJsonable({"_ct": "rt", "_c": "test_decode.Job", "title": "x", name: "evil"}, reading)

        assert got.__dict__ == {"title": "x"}
        assert type(got) is Job
        assert Job.__tupleType__ == "test_decode.Job"
        assert reading.unknownFields == 0

    def test_and_as_many_unknown_fields_as_known_ones_are_missing_are_counted_too(self) -> None:
        names = [f"f{index}" for index in range(8)]
        reading = Reading(Limits())
        got = fromJsonable({"_ct": "rt", "_c": "test_decode.Job", **dict.fromkeys(names, 1)}, reading)

        assert got.__dict__ == {}
        assert reading.unknownFields == 8

    def test_and_the_count_is_that_of_the_whole_message(self) -> None:
        reading = Reading(Limits())
        fromJsonable([json.loads(job(a="1", friend=job(b="1", c="2"))), json.loads(job(d="{}"))], reading)

        assert reading.unknownFields == 4

    def test_even_if_a_field_has_the_name_of_something_in_the_generated_code(self) -> None:
        names = [
            "d",
            "r",
            "s",
            "o",
            "v",
            "x",
            "depth",
            "cls",
            "make",
            "typeName",
            "g0",
            "unknown",
            "fieldAt",
            "exc",
        ]
        names += ["failed", "C", "e", "datetime", "type", "len", "isinstance", "encode", "decode"]
        cls: Any = type(
            "Odd",
            (Tuple,),
            {"__tupleType__": "test_decode.Odd", "__annotations__": dict.fromkeys(names, int)},
        )
        addTupleType(cls)
        made = cls(**{name: index for index, name in enumerate(names)})

        assert read(json.dumps(toJsonable(made))) == made


def typed(hint: Any, name: str = "test_decode.Typed") -> Any:
    """A class with one field of that type."""
    cls: Any = type("Typed", (Tuple,), {"__tupleType__": name, "__annotations__": {"it": hint}})
    return addTupleType(cls)


def it(hint: Any, text: str) -> Any:
    typed(hint)
    return read(f'{{"_ct":"rt","_c":"test_decode.Typed","it":{text}}}').it


class Pair(TypedDict):
    a: int


class Name(str):
    __slots__ = ()


Key = NewType("Key", int)
Alias = TypeAliasType("Alias", int)  # ``type Alias = int``, of Python 3.12
Unbound = TypeVar("Unbound")
Bound = TypeVar("Bound", bound=int)
DAY = tagged("datetime", '"2024-02-29"')
MIDNIGHT = tagged("datetime", '"2024-02-29 00:00:00.000000+1000"')
NOON = tagged("datetime", '"2024-02-29 12:00:00.000000+0000"')
TOMORROW = tagged("datetime", '"tomorrow"')
X = '"x"'
UUID_TEXT = "00000000-0000-0000-0000-000000000001"

GOOD = [
    (int, "5", 5),
    (int, tagged("int", "5"), 5),
    (int, "2.0", 2),
    (int, tagged("float", '"3"'), 3),
    (float, "2.5", 2.5),
    (float, "2", 2.0),
    (float, tagged("int", "2"), 2.0),
    (float, "NaN", math.nan),
    (bool, "true", True),
    (bool, tagged("bool", '"1"'), True),
    (str, '"x"', "x"),
    (str, tagged("str", '"x"'), "x"),
    (bytes, tagged("bytes", '"AP8="'), b"\x00\xff"),
    (bytes, tagged("wkb", '"AP8="'), b"\x00\xff"),
    (datetime, NOON, datetime(2024, 2, 29, 12, tzinfo=UTC)),
    (datetime, MIDNIGHT, datetime(2024, 2, 29, tzinfo=BRISBANE)),
    (datetime, DAY, datetime(2024, 2, 29, tzinfo=UTC)),
    (date, DAY, date(2024, 2, 29)),
    (date, MIDNIGHT, date(2024, 2, 29)),
    (Decimal, "1.1", Decimal("1.1")),
    (Decimal, tagged("int", "3"), Decimal(3)),
    (Decimal, '"0.12345678901234567890"', Decimal("0.12345678901234567890")),
    (UUID, f'"{UUID_TEXT}"', UUID(int=1)),
    (Colour, '"red"', Colour.RED),
    (Colour | None, '"blue"', Colour.BLUE),
    (Level, tagged("int", "9"), Level.HIGH),
    (Level, "1", Level.LOW),
    (Level, "1.0", Level.LOW),
    (Side, '"l"', Side.LEFT),
    (Side, "true", Side.WHOLE),
    (Literal["a", 1, Colour.RED], '"a"', "a"),
    (Literal["a", 1, Colour.RED], "1", 1),
    (Literal["a", 1, Colour.RED], '"red"', Colour.RED),
    (list, '[1,"a"]', [1, "a"]),
    (list[int], "[1,2.0]", [1, 2]),
    (list[float], "[1.5,2]", [1.5, 2.0]),
    (list[Any], '[1,"a"]', [1, "a"]),
    (dict[Any, int], '{"a":1.0}', {"a": 1}),
    (Alias, "2.0", 2),
    (Unbound, '"x"', "x"),
    (Bound, "2.0", 2),
    (list[int], "[1,null]", [1, None]),
    (Sequence[float], "[1]", [1.0]),
    (list[list[Colour]], '[["red"]]', [[Colour.RED]]),
    (set[int], "[1,1]", {1}),
    (frozenset[str], '["a"]', frozenset(["a"])),
    (tuple[int, str], '[1,"a"]', (1, "a")),
    (tuple[int, ...], "[1,2]", (1, 2)),
    (tuple, "[1]", (1,)),
    (dict, '{"1":2}', {1: 2}),
    (dict[str, int], '{"1":2,"nan":3,"1.5":4}', {"1": 2, "nan": 3, "1.5": 4}),
    (dict[int, str], '{"1":"a"}', {1: "a"}),
    (dict[float, Any], '{"1":"a"}', {1.0: "a"}),
    (dict[UUID, bool], f'{{"{UUID_TEXT}":true}}', {UUID(int=1): True}),
    (dict[Level, int], '{"9":1}', {Level.HIGH: 1}),
    (Mapping[str, list[int]], '{"a":[1.0]}', {"a": [1]}),
    (Pair, '{"a":"anything"}', {"a": "anything"}),
    (int | str, '"x"', "x"),
    (int | str, "5", 5),
    (float | int, "2.0", 2.0),
    (int | float, "2.0", 2.0),
    (int | datetime, NOON, datetime(2024, 2, 29, 12, tzinfo=UTC)),
    (UUID | int, f'"{UUID_TEXT}"', UUID(int=1)),
    (list[int] | dict[str, int], '{"a":1}', {"a": 1}),
    (int | Any, '"x"', "x"),
    (Any, "[1]", [1]),
    (object, '"x"', "x"),
    (Annotated[int, "positive"], "2.0", 2),
    (Final[int], "2.0", 2),
    (Key, "2.0", 2),
    (Name, '"x"', Name("x")),
    (None, "null", None),
]

BAD = [
    (int, '"x"', "expected int, got 'x'"),
    (int, "true", "expected int, got True"),
    (int, "2.5", "expected int, got 2.5"),
    (int, "NaN", "expected int, got nan"),
    (int, NOON, "expected int, got 2024-02-29 12:00:00+00:00"),
    (int | None, "[]", "expected int, got a list of 0"),
    (float, '"2.5"', "expected float, got '2.5'"),
    (float, "false", "expected float, got False"),
    (float, "1" + "0" * 400, "expected float, got an int of 1329 bits"),
    (bool, "1", "expected bool, got 1"),
    (bool, '"true"', "expected bool, got 'true'"),
    (str, "5", "expected str, got 5"),
    (str, tagged("bytes", '"YQ=="'), "expected str, got 1 bytes"),
    (bytes, '"YQ=="', "expected bytes, got 'YQ=='"),
    (datetime, '"2024-02-29"', "expected datetime, got '2024-02-29'"),
    (datetime, "0", "expected datetime, got 0"),
    (date, NOON, "expected date, got 2024-02-29 12:00:00+00:00"),
    (date, '"2024-02-29"', "expected date, got '2024-02-29'"),
    (Decimal, '"abc"', "expected Decimal, got 'abc'"),
    (Decimal, "true", "expected Decimal, got True"),
    (UUID, '"abc"', "expected UUID, got 'abc'"),
    (UUID, "5", "expected UUID, got 5"),
    (Colour, '"green"', "expected one of 'red', 'blue', got 'green'"),
    (Colour, '"RED"', "expected one of 'red', 'blue', got 'RED'"),
    (Colour, "[]", "expected one of 'red', 'blue', got a list of 0"),
    (Level, "true", "expected one of 1, 9, got True"),
    (Level, "2", "expected one of 1, 9, got 2"),
    (Literal["a", 1], "true", "expected one of 'a', 1, got True"),
    (Literal["a", 1], "[]", "expected one of 'a', 1, got a list of 0"),
    (list[int], "{}", "expected list, got a dict of 0"),
    (list[int], '[1,"x"]', "expected int, got 'x' - at it[1]"),
    (dict[str, int], "[]", "expected dict, got a list of 0"),
    (dict[str, int], '{"a":1,"b":"x"}', "expected int, got 'x' - at it.b"),
    (dict[int, int], '{"a":1}', "expected int, got 'a' - at it.a"),
    (dict[str, list[int]], '{"1":[1,[]]}', "expected int, got a list of 0 - at it[1][1]"),
    (set[Any], "[[]]", "expected a set, got items that cannot be in one"),
    (tuple[int, str], "[1]", "expected a list of 2, got a list of 1"),
    (tuple[int, str], "[1,2]", "expected str, got 2 - at it[1]"),
    (int | str, "[]", "expected int or str, got a list of 0"),
    (None, "5", "expected None, got 5"),
    (Job, '{"a":1}', "expected test_decode.Job, got a dict of 1"),
    (Job, '{"_ct":"rt","_c":"test_decode.Other"}', "expected test_decode.Job, got a test_decode.Other"),
    (
        Job | int,
        '{"_ct":"rt","_c":"test_decode.Other"}',
        "expected test_decode.Job or int, got a test_decode.Other",
    ),
]


@addTupleType
class Other(Tuple):
    __tupleType__ = "test_decode.Other"


@addTupleType
class SubJob(Job):
    __tupleType__ = "test_decode.SubJob"


class TestTypes:
    @pytest.mark.parametrize(("hint", "text", "expected"), GOOD, ids=lambda value: str(value)[:40])
    def test_are_what_the_annotation_says(self, hint: Any, text: str, expected: Any) -> None:
        assert same(it(hint, text), expected)

    @pytest.mark.parametrize("hint", list(dict.fromkeys(str(hint) for hint, _, _ in GOOD)))
    def test_accept_none_always(self, hint: str) -> None:
        given = next(one for one, _, _ in GOOD if str(one) == hint)

        assert it(given, "null") is None

    @pytest.mark.parametrize(("hint", "text", "message"), BAD, ids=lambda value: str(value)[:40])
    def test_refuse_another_and_say_where(self, hint: Any, text: str, message: str) -> None:
        typed(hint)
        error = refused(f'{{"_ct":"rt","_c":"test_decode.Typed","it":{text}}}')

        assert str(error) == (message if " - at " in message else f"{message} - at it")

    def test_of_a_tuple_take_its_subclasses_too(self) -> None:
        assert type(it(Job, '{"_ct":"rt","_c":"test_decode.SubJob"}')) is SubJob
        assert type(it(Tuple, '{"_ct":"rt","_c":"test_decode.Other"}')) is Other

    def test_that_name_nothing_are_an_error_of_ours_and_not_of_the_peer(self) -> None:
        @addTupleType
        class Broken(Tuple):
            __tupleType__ = "test_decode.Broken"
            friend: Persn  # type: ignore[name-defined]  # noqa: F821

        with pytest.raises(UnresolvedHint, match=r"Broken\.friend"):
            read('[{"_ct":"rt","_c":"test_decode.Broken"}]')


class TestPaths:
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            (f"[{job()},{job(due=TOMORROW)}]", "[1].due"),
            (f"[{job(id=X)}]", "[0].id"),
            (f"[{job(friend=job(friend=job(title='5')))}]", "[0].friend.friend.title"),
            (f"[{job(data=f'[0,{job(done=X)}]')}]", "[0].data[1].done"),
            (f"[{job(tags='[1]')}]", "[0].tags[0]"),
            ('{"a b":{"c":[{"_ft":"x"}]}}', "['a b'].c[0]"),
        ],
    )
    def test_lead_to_the_value(self, text: str, path: str) -> None:
        assert refused(text).path == path

    def test_cost_one_pass_however_deep_the_error_is(self) -> None:
        # Had each level been read twice to find the place, this would be 2 ** 30 readings.
        text = tagged("int", '"x"')
        for _ in range(30):
            text = f"[0,{text}]"
        reads = []

        class Noted(dict[str, Any]):
            pass

        assert refused(text).path == "[1]" * 30
        registerComposite("test-noted", lambda obj, reading: reads.append(obj))
        nested: Any = [{"_ct": "test-noted"}, {"_ft": "zzz"}]
        for _ in range(25):
            nested = [0, nested]
        with pytest.raises(DecodeError):
            fromJsonable(nested, Reading(Limits()))
        assert len(reads) == 1


class TestDepth:
    @pytest.mark.parametrize(
        ("before", "inner", "after"),
        [
            ("[", "", "]"),
            ('{"a":', "null", "}"),
            ('{"_ct":"rt","_c":"test_decode.Job","friend":', "null", "}"),
            ('{"_ft":"list","_fd":[', "", "]}"),
        ],
    )
    def test_is_bounded_by_its_limit(self, before: str, inner: str, after: str) -> None:
        assert read(before * 8 + inner + after * 8, maxDepth=8) is not None
        with pytest.raises(LimitExceeded) as caught:
            read(before * 9 + inner + after * 9, maxDepth=8)
        assert caught.value.limit == "maxDepth"
        assert str(caught.value) == "values are nested deeper than 8 levels (maxDepth)"

    def test_is_bounded_even_where_the_limit_is_higher_than_python_can_go(self) -> None:
        nested: Any = []
        for _ in range(100_000):
            nested = [nested]

        with pytest.raises(LimitExceeded):
            fromJsonable(nested, Reading(Limits(maxDepth=1_000_000)))

    def test_goes_on_counting_inside_composites(self) -> None:
        registerComposite("test-box", lambda obj, reading: [fromJsonable(obj["in"], reading)])

        def boxed(levels: int) -> Any:
            value: Any = None
            for _ in range(levels):
                value = {"_ct": "test-box", "in": value}
            return value

        reading = Reading(Limits(maxDepth=8))
        assert fromJsonable([boxed(7), boxed(7)], reading) == [[[[[[[[None]]]]]]]] * 2
        assert reading.depthLeft == 8
        with pytest.raises(LimitExceeded):
            fromJsonable([boxed(8)], reading)
        assert reading.depthLeft == 8


class TestFieldDecoder:
    def test_makes_the_value_of_what_travelled(self) -> None:
        @addTupleType
        class Timed(Tuple):
            __tupleType__ = "test_decode.Timed"
            took: timedelta = TupleField(decoder=lambda seconds: timedelta(seconds=seconds))

        assert read('{"_ct":"rt","_c":"test_decode.Timed","took":60}').took == timedelta(minutes=1)
        assert read('{"_ct":"rt","_c":"test_decode.Timed","took":null}').took is None

    def test_may_raise_anything_to_refuse_and_its_text_stays_here(self) -> None:
        def fail(value: Any) -> Any:
            raise ZeroDivisionError("password is swordfish")

        @addTupleType
        class Failing(Tuple):
            __tupleType__ = "test_decode.Failing"
            it: Any = TupleField(decoder=fail)

        error = refused('[{"_ct":"rt","_c":"test_decode.Failing","it":"x"}]')

        assert str(error) == "the field does not take 'x' - at [0].it"
        assert isinstance(error.__cause__, ZeroDivisionError)

    def test_may_refuse_in_its_own_words(self) -> None:
        def refuse(value: Any) -> Any:
            raise Rejected("not today", code="not-today")

        @addTupleType
        class Refusing(Tuple):
            __tupleType__ = "test_decode.Refusing"
            it: Any = TupleField(decoder=refuse)

        with pytest.raises(Rejected, match="not today"):
            read('{"_ct":"rt","_c":"test_decode.Refusing","it":1}')


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __repr__(self) -> str:
        return f"Money({self.cents})"


class TestRegisteredType:
    def test_is_read_where_an_annotation_asks_for_it(self) -> None:
        registerFieldType(Money, lambda money: money.cents, Money)

        assert same(it(Money, "5"), Money(5))
        assert same(it(list[Money | None], "[5,null]"), [Money(5), None])
        assert same(it(dict[str, Money], '{"a":5}'), {"a": Money(5)})

    def test_that_refuses_tells_what_was_expected(self) -> None:
        class Even(int):
            pass

        def even(value: Any) -> Even:
            if value % 2:
                raise ValueError("password is swordfish")
            return Even(value)

        registerFieldType(Even, int, even)
        typed(list[Even])
        error = refused('{"_ct":"rt","_c":"test_decode.Typed","it":[2,3]}')

        assert str(error).startswith("expected ")
        assert str(error).endswith("Even, got 3 - at it[1]")

    def test_may_refuse_in_its_own_words(self) -> None:
        class Sold:
            pass

        def refuse(value: Any) -> Sold:
            raise Rejected("only two left", code="out-of-stock")

        registerFieldType(Sold, lambda sold: 1, refuse)
        typed(Sold)
        with pytest.raises(Rejected, match="only two left"):
            read('{"_ct":"rt","_c":"test_decode.Typed","it":3}')

    def test_may_take_the_place_of_a_built_in_one_and_of_what_was_compiled_before(self) -> None:
        class Cents(Decimal):
            pass

        prices = typed(Cents)
        assert toJsonable(prices(it=Cents("1.5")))["it"] == 1.5

        registerFieldType(Cents, str, lambda value: Cents(value))

        assert toJsonable(prices(it=Cents("1.50")))["it"] == "1.50"
        assert same(read('{"_ct":"rt","_c":"test_decode.Typed","it":"1.50"}').it, Cents("1.50"))


class TestComposites:
    def test_are_read_by_who_knows_them(self) -> None:
        registerComposite("test-known", lambda obj, reading: ("known", fromJsonable(obj["in"], reading)))

        assert read('[{"_ct":"test-known","in":{"_ft":"int","_fd":5}}]') == [("known", 5)]

    def test_that_nobody_knows_are_refused(self) -> None:
        assert refused('{"_ct":"test-unknown"}').problem == "unknown kind of object, _ct = 'test-unknown'"

    def test_are_refused_by_a_field_of_another_type(self) -> None:
        registerComposite("test-none", lambda obj, reading: object())

        assert refused(job(title='{"_ct":"test-none"}')).problem == "expected str, got an object"


class TestHostileInput:
    @pytest.mark.parametrize("filler", ["x" * 1_000_000, "9" * 1_000_000], ids=["letters", "digits"])
    @pytest.mark.parametrize("hint", [int, float, bool, datetime, date, UUID, Colour, bytes, list[int], Job])
    def test_is_never_repeated_at_length(self, hint: Any, filler: str) -> None:
        typed(hint)
        values = [filler, {"_ft": filler}, {"_ct": filler}, {"_ct": "rt", "_c": filler}, {filler: filler}]
        for value in [*values, {"_ft": "int", "_fd": filler}, {"_ft": "datetime", "_fd": filler}]:
            with pytest.raises(DecodeError) as caught:
                fromJsonable({"_ct": "rt", "_c": "test_decode.Typed", "it": [value]}, Reading(Limits()))
            assert len(str(caught.value)) < 300

    def test_cannot_make_a_hint_s_class_run_wild(self) -> None:
        class Strange(enum.Enum):
            A = 1

            @classmethod
            def _missing_(cls, value: object) -> Any:
                raise KeyError("password is swordfish")

        typed(Strange)
        error = refused('{"_ct":"rt","_c":"test_decode.Typed","it":5}')

        assert str(error) == "a test_decode.Typed does not take that value - at it"


class TestCompiledFunction:
    def test_can_be_read(self) -> None:
        source = compiledSource(Job)

        assert "def decode(d, r, depth):" in source
        assert "d['title']" in source
        assert "secret" not in source
