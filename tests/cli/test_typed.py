"""What stands behind a command's name, made into values."""

from __future__ import annotations

import io
from typing import Any

import pytest

from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.plain_json import AnyTuple
from vortex.cli.typed import callOf, filtOf, payloadOf, tupleOf, tuplesIn, valueOf


def mistake(function: Any, *arguments: Any) -> str:
    """What it says is wrong; that has to be the fault of who typed it."""
    with pytest.raises(Ended) as ended:
        function(*arguments)
    assert ended.value.code is ExitCode.USAGE
    return str(ended.value)


class TestAValue:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("3", 3),
            ("-3", -3),
            ("1.5", 1.5),
            ("true", True),
            ("null", None),
            ("jobs", "jobs"),
            ('"3"', "3"),
            ("", ""),
            (" 3", 3),
            ('[1, "a"]', [1, "a"]),
            ('{"a": 1}', {"a": 1}),
            ("{broken", "{broken"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
            ("[" * 100_000, "[" * 100_000),
            ("9" * 5000, "9" * 5000),
            ("2024-02-29", "2024-02-29"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_is_json_where_it_reads_as_json(self, text: str, value: Any) -> None:
        found = valueOf(text)

        assert found == value
        assert type(found) is type(value)


class TestAFilt:
    def test_has_a_value_for_each_name(self) -> None:
        assert filtOf(["key=jobs", "id=3", "a=b=c", "empty="]) == {
            "key": "jobs",
            "id": 3,
            "a": "b=c",
            "empty": "",
        }

    @pytest.mark.parametrize("item", ["jobs", "=jobs", ""])
    def test_says_how_it_is_written(self, item: str) -> None:
        assert mistake(filtOf, [item]) == (
            f"a filt is written as name=value, as in key=jobs id=3, got {item!r}"
        )

    def test_has_each_name_once(self) -> None:
        assert mistake(filtOf, ["key=a", "key=b"]) == "the filt has 'key' twice"


class TestATuple:
    def test_is_a_type_and_fields(self) -> None:
        made = tupleOf('demo.Job:{"title": "a:{b}", "sub": {"_type": "demo.Sub"}}')

        assert isinstance(made, AnyTuple)
        assert made.tupleType == "demo.Job"
        assert made.fields["title"] == "a:{b}"
        assert made.fields["sub"].tupleType == "demo.Sub"

    def test_may_have_a_field_that_is_called_as_a_type_is(self) -> None:
        assert tupleOf('demo.Job:{"_type": "x"}').fields == {"_type": "x"}

    def test_may_be_json(self) -> None:
        assert tupleOf('{"_type": "demo.Job", "id": 5}').fields == {"id": 5}
        assert tupleOf('{"a:": {"b": 1}}') == {"a:": {"b": 1}}
        assert tupleOf("5") == 5

    @pytest.mark.parametrize("text", ["demo.Job", "demo.Job:{", "demo.Job: {}", "{", "demo.Job:[]"])
    def test_says_how_it_is_written(self, text: str) -> None:
        assert mistake(tupleOf, text).startswith(
            f"""a tuple is written as 'demo.Job:{{"title": "x"}}', or as JSON, got {text!r}: """
        )

    def test_says_what_is_wrong_with_a_tag(self) -> None:
        text = 'demo.Job:{"due": {"_ft": "datetime", "_fd": "tomorrow"}}'

        assert mistake(tupleOf, text).endswith("expected an ISO 8601 date, got 'tomorrow'")

    def test_stands_in_each_line_that_is_not_blank(self) -> None:
        assert tuplesIn(io.StringIO('1\n\n  {"a": 2}\r\ndemo.A:{}'))[:2] == [1, {"a": 2}]
        assert mistake(tuplesIn, io.StringIO("1\nno\n")).endswith("line 1 column 1 (char 0)")

    def test_is_utf_8(self) -> None:
        lines = io.TextIOWrapper(io.BytesIO(b'"\xff"\n'), encoding="utf-8")

        assert mistake(tuplesIn, lines).startswith("expected lines of UTF-8: ")


class TestAPayload:
    def test_has_all_that_is_given(self) -> None:
        payload = payloadOf(
            '{"filt": {"key": "a", "_type": "b"}, "tuples": [{"_type": "x.A"}], "result": true}'
        )

        assert payload.filt == {"key": "a", "_type": "b"}
        assert payload.tuples[0].tupleType == "x.A"
        assert payload.result is True

    def test_needs_no_more_than_a_filt(self) -> None:
        payload = payloadOf('{"filt": {"key": "a"}}')

        assert (payload.hasBody, payload.result) == (False, None)

    @pytest.mark.parametrize(
        "text", ["{}", "[]", '{"filt": 5}', '{"filt": {}, "tuples": {}}', '{"filt": {}, "x": 1}']
    )
    def test_says_how_it_is_written(self, text: str) -> None:
        assert mistake(payloadOf, text).startswith(
            'a payload is written as {"filt": {"key": ...}, "tuples": '
        )

    def test_says_where_it_is_no_json(self) -> None:
        assert mistake(payloadOf, "{").startswith("a payload is written as JSON, got '{': ")


class TestACall:
    def test_has_arguments_by_place_and_by_name(self) -> None:
        assert callOf(["2", "two", "b=40", "c=x=y"]) == ([2, "two"], {"b": 40, "c": "x=y"})

    @pytest.mark.parametrize("text", ['"a=b"', "1=2", "=", "a b=c"])
    def test_takes_for_a_value_what_begins_with_no_name(self, text: str) -> None:
        assert callOf([text]) == ([text.strip('"')], {})

    def test_has_those_by_place_first(self) -> None:
        assert mistake(callOf, ["a=1", "2"]) == "arguments without a name come before those with one, got '2'"

    def test_has_each_name_once(self) -> None:
        assert mistake(callOf, ["a=1", "a=2"]) == "the argument 'a' is there twice"
