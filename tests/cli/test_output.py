"""What a command says: results in one place, the rest in another, and nothing that a terminal would obey."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.stage import NOW, Stream, anyJob
from vortex import Payload
from vortex.cli.exit_codes import Ended
from vortex.cli.harmless import harmless, harmlessJson, width
from vortex.cli.output import Output, OutputClosed
from vortex.cli.plain_json import fromPlain
from vortex.cli.table import tableLines

ESC = "\x1b"
HARMFUL = [
    "\x00",
    "\n",
    "\r",
    "\t",
    ESC,
    "\x7f",
    "\x9b",
    "\u200f",
    "\u2028",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ud800",
]
JOB = fromPlain(anyJob(1, "Water"))


def outputTo(out: Stream, err: Stream | None = None, **options: Any) -> Output:
    options.setdefault("environment", {})
    return Output("test", out, err or Stream(), now=lambda: NOW, **options)


class TestHarmless:
    @pytest.mark.parametrize("character", [*HARMFUL, "\U000e0041"], ids=ascii)
    def test_escapes_what_a_terminal_obeys(self, character: str) -> None:
        for escaped in (harmless(f"a{character}b"), harmlessJson(f'"a{character}b"')):
            assert character not in escaped
            assert escaped.isascii()
            assert escaped.isprintable()

    @pytest.mark.parametrize("character", [*HARMFUL[5:], "\U000e0041"], ids=ascii)
    def test_leaves_json_what_it_was(self, character: str) -> None:
        text = json.dumps({character: character}, ensure_ascii=False)

        assert json.loads(harmlessJson(text)) == {character: character}

    def test_leaves_letters_of_all_kinds_alone(self) -> None:
        text = "Löwe 日本 שלום 👍🏽 é \xa0"

        assert harmless(text) == harmlessJson(text) == text

    def test_writes_escapes_as_python_has_them(self) -> None:
        assert harmless(f"{ESC}[31m\n\u202e\U000e0041") == r"\x1b[31m\n\u202e\U000e0041"

    @pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("é", 1)])
    def test_knows_how_wide_a_text_is(self, text: str, columns: int) -> None:
        assert width(text) == columns


class TestATable:
    def lines(self, tuples: list[Any], columns: int | None = None) -> list[str]:
        return list(tableLines(tuples, columns, inColour=False))

    def test_has_a_column_for_each_field_the_id_first(self) -> None:
        assert self.lines(
            [{"_type": "x.A", "b": "long text", "id": 1}, {"_type": "x.A", "id": 22, "c": None}]
        ) == [
            "id  b          c",
            "1   long text",
            "22",
        ]

    def test_is_one_for_each_type(self) -> None:
        assert self.lines([{"_type": "x.A", "a": 1}, {"_type": "x.B", "b": 2}, {"_type": "x.A", "a": 3}]) == [
            "x.A:",
            "a",
            "1",
            "3",
            "x.B:",
            "b",
            "2",
        ]

    def test_shows_what_is_no_tuple(self) -> None:
        assert self.lines([5, ["a", 1], {"b": True}]) == [
            "value     b",
            "5",
            '["a", 1]',
            "          true",
        ]

    def test_fits_the_terminal_by_cutting_what_is_widest(self) -> None:
        rows = [{"_type": "x.A", "id": 1, "text": "x" * 50, "more": "日" * 20}]

        lines = self.lines(rows, 30)

        assert [width(line) for line in lines] == [22, 29]
        assert lines[1] == f"1   {'x' * 11}…  {'日' * 5}…"

    def test_of_tuples_without_fields_is_empty(self) -> None:
        assert self.lines([{"_type": "x.A"}]) == []
        assert self.lines([]) == []

    def test_stays_a_table_in_a_terminal_that_is_too_narrow(self) -> None:
        assert self.lines([{name * 5: name * 5 for name in "abc"}], 3) == ["aaa…  bbb…  ccc…"] * 2


class TestJson:
    def test_has_a_line_for_each_tuple(self) -> None:
        out = Stream()
        outputTo(out).tuples(Payload({}, [JOB, 5, "\u2028é"]))

        assert out.getvalue() == '{"_type": "stage.Job", "id": 1, "title": "Water"}\n5\n"\\u2028é"\n'

    def test_has_a_line_for_a_payload_less_its_messageId(self) -> None:
        out = Stream()
        outputTo(out).payload(Payload({"key": "k", "id": 1, "PayloadResponse.messageId": "1"}, [JOB], True))

        assert out.getvalue() == (
            '{"filt": {"key": "k", "id": 1}, '
            '"tuples": [{"_type": "stage.Job", "id": 1, "title": "Water"}], "result": true}\n'
        )

    def test_may_show_values_as_they_travel(self) -> None:
        out = Stream()
        outputTo(out, asTravelling=True).tuples(Payload({}, [JOB]))

        assert json.loads(out.getvalue()) == {
            "_ct": "rt",
            "_c": "stage.Job",
            "id": {"_ft": "int", "_fd": 1},
            "title": "Water",
        }

    def test_is_ascii_where_the_terminal_is_not_unicode(self) -> None:
        out = Stream(encoding="iso-8859-1")
        outputTo(out).value("é")

        assert out.getvalue() == '"\\u00e9"\n'


class TestTables:
    def test_are_what_a_terminal_gets(self) -> None:
        terminal, pipe = Stream(isTerminal=True), Stream()
        for out in (terminal, pipe):
            outputTo(out).payload(Payload({"key": "k"}, [JOB], "no"))

        assert terminal.getvalue().replace(f"{ESC}[0m", "").splitlines() == [
            f"{ESC}[2m13:14:15 key=k - 1 tuple - result no",
            f"{ESC}[1mid  title",
            "1   Water",
            "",
        ]
        assert pipe.getvalue().startswith('{"filt"')

    @pytest.mark.parametrize(
        ("environment", "inColour"),
        [({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, True), ({}, False)],
        ids=["NO_COLOR", "dumb", "option"],
    )
    def test_are_without_colours_where_they_are_not_wanted(
        self, environment: dict[str, str], inColour: bool
    ) -> None:
        out = Stream(isTerminal=True)
        outputTo(out, environment=environment, inColour=inColour).tuples(Payload({}, [JOB]))

        assert out.getvalue() == "id  title\n1   Water\n"

    def test_are_without_colours_in_a_pipe(self) -> None:
        out = Stream()
        outputTo(out, asTable=True).payload(Payload({"key": "k"}, [JOB, JOB]))

        assert out.lines == ["13:14:15 key=k - 2 tuples", "id  title", "1   Water", "1   Water", ""]

    def test_may_be_json_on_a_terminal(self) -> None:
        out = Stream(isTerminal=True)
        outputTo(out, asTable=False).tuples(Payload({}, [5]))

        assert out.getvalue() == "5\n"

    def test_hold_nothing_that_a_terminal_obeys(self) -> None:
        bad = "".join(HARMFUL)
        out = Stream()
        outputTo(out, asTable=True).payload(
            Payload({"key": bad, bad: 1}, [fromPlain({"_type": bad, bad: bad}), {"a": [bad]}], bad)
        )

        assert out.getvalue().replace("\n", "").isprintable()


class TestTelling:
    def test_goes_to_standard_error_and_holds_nothing_harmful(self) -> None:
        out, err = Stream(), Stream()
        outputTo(out, err).tell(f"one {ESC}[31m\nvortex test: two\u2028three")

        assert err.lines == [r"vortex test: one \x1b[31m", "    vortex test: two", "    three"]
        assert out.getvalue() == ""


class TestAnOutputThatFails:
    def test_because_nobody_reads_it_says_so_to_the_command(self) -> None:
        with pytest.raises(OutputClosed):
            outputTo(Stream(failing=BrokenPipeError())).value(1)

    @pytest.mark.parametrize(
        ("error", "text"),
        [
            (OSError(28, "No space left on device"), "cannot write the results: No space left on device"),
            (
                UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"),
                "the terminal's ascii lacks a character: use --json",
            ),
        ],
        ids=["full", "ascii"],
    )
    def test_otherwise_ends_the_command_with_a_reason(self, error: Exception, text: str) -> None:
        with pytest.raises(Ended) as ended:
            outputTo(Stream(failing=error)).value(1)

        assert str(ended.value) == text
