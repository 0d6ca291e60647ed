"""The JSON codec: what is read that is not strict JSON, what is refused, and what the limits count."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.errors import DecodeError, EncodeError, LimitExceeded, VortexError
from vortex.limits import Limits
from vortex.protocol import json_codec
from vortex.protocol.json_codec import dumps, dumpsAscii, loads

LIMITS = Limits()
SMALL = Limits(maxNodes=20, maxString=30, maxDepth=4)


def limitBreached(text: bytes, limits: Limits) -> str | None:
    try:
        loads(text, limits)
    except LimitExceeded as error:
        return error.limit
    return None


class TestLoads:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b'{"a":[1,-2.5,"x",null,true,false]}', {"a": [1, -2.5, "x", None, True, False]}),
            (' "\u6f22" '.encode(), "\u6f22"),
            (b"18446744073709551616", 18446744073709551616),
            (b"[-9223372036854775809]", [-9223372036854775809]),
            (b"1" + b"0" * 60, 10**60),
            (b"[Infinity,-Infinity]", [math.inf, -math.inf]),
            (b'"\\ud800x"', "\ud800x"),
            (b'{"\xe9":"\xff"}', {"\xe9": "\xff"}),  # Latin-1, as VortexJS has it
            (b'"' + b"1234567890123456789" + b'"', "1234567890123456789"),
            (b'{"a":1,"a":2}', {"a": 2}),
            (b'"\\u0000"', "\0"),
        ],
        ids=repr,
    )
    def test_reads_what_peers_send(self, text: bytes, value: Any) -> None:
        assert loads(text, LIMITS) == value

    def test_reads_nan(self) -> None:
        [value] = loads(b"[NaN]", LIMITS)

        assert math.isnan(value)

    def test_integers_stay_exact_among_other_things(self) -> None:
        assert loads(b'{"_ft":"int","_fd":9223372036854775808,"f":1.5}', LIMITS) == {
            "_ft": "int",
            "_fd": 9223372036854775808,
            "f": 1.5,
        }

    def test_integers_stay_exact_behind_long_fractions(self) -> None:
        text = b"[0.0012345678901234567, 1.12345678901234567890, 12345678901234567890123]"

        assert loads(text, LIMITS) == [0.0012345678901234567, 1.1234567890123457, 12345678901234567890123]

    def test_long_fractions_alone_are_left_to_the_fast_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json_codec, "_loadsSlowly", pytest.fail)

        assert loads(b"[0.0012345678901234567,-0.00001234567890123456789]", LIMITS) == [
            0.0012345678901234567,
            -1.2345678901234567e-05,
        ]

    def test_reads_text_as_well_as_bytes(self) -> None:
        assert loads('["\u6f22", "\ud800"]', LIMITS) == ["\u6f22", "\ud800"]

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b" ",
            b"{",
            b"[1,]",
            b"nul",
            b"'a'",
            b'"\x01"',
            b'{"a" 1}',
            b"[1] [2]",
            b"\xef\xbb\xbf1",
            b"\xff\xfe",
            b"-",
            b"[" * 40 + b"1",
            b'{"a":' * 20 + b"]" * 20,
            b"1" * 5000,
        ],
        ids=repr,
    )
    def test_refuses_what_is_no_json(self, text: bytes) -> None:
        with pytest.raises(DecodeError):
            loads(text, LIMITS)

    def test_an_integer_of_a_million_digits_costs_nothing(self) -> None:
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)  # an application may do that; reading would take minutes
        try:
            with pytest.raises(DecodeError, match="4300 digits"):
                loads(b"9" * 3_000_000, LIMITS)
        finally:
            sys.set_int_max_str_digits(limit)


class TestDepth:
    @pytest.mark.parametrize(
        ("text", "depth"),
        [
            (b"[" * 4 + b"]" * 4, 4),
            (b'{"a":' * 4 + b"1" + b"}" * 4, 4),
            (b"[" * 5 + b"]" * 5, 5),
            (b'[{"a":[{"a":1}]}]', 4),
            (b'[{"a":[{"a":[]}]}]', 5),
            (b"[[],[[]],[[],[]],{}]", 3),
            (b'["[[[[[[","]]]]]]"]', 1),
            (b'[["]",["]",["]",[1,"["],"["],"["],"["]]', 5),
            (b'["\\"[[[[",["\\\\",["]\\\\\\"",[["]\\u005d"]]]]]', 5),
        ],
        ids=repr,
    )
    def test_counts_levels_and_no_brackets_in_strings(self, text: bytes, depth: int) -> None:
        json.loads(text)  # it is JSON

        assert limitBreached(text, Limits(maxDepth=depth)) is None
        assert depth == 1 or limitBreached(text, Limits(maxDepth=depth - 1)) == "maxDepth"

    @pytest.mark.parametrize("levels", [33, 1_000, 2_000, 100_000])
    @pytest.mark.parametrize("ends", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"\\ud800":', b"}]")])
    def test_refuses_any_depth_over_the_limit(self, levels: int, ends: tuple[bytes, bytes]) -> None:
        start, end = ends

        assert limitBreached(start * levels + b"1" + end * levels, LIMITS) == "maxDepth"

    def test_bounds_what_only_the_slow_way_reads(self) -> None:
        assert limitBreached(b"[" * 33 + b"NaN" + b"]" * 33, LIMITS) == "maxDepth"

    @given(
        st.recursive(
            st.text('[]{}"\\', max_size=3),
            lambda inner: st.lists(inner) | st.dictionaries(st.text("]}"), inner),
        )
    )
    def test_agrees_with_the_values_own_depth(self, value: Any) -> None:
        def depthOf(inner: Any) -> int:
            if isinstance(inner, dict):
                return 1 + max(map(depthOf, inner.values()), default=0)
            return 1 + max(map(depthOf, inner), default=0) if isinstance(inner, list) else 0

        text = json.dumps(value).encode()
        depth = max(1, depthOf(value))

        assert limitBreached(text, Limits(maxDepth=depth)) is None
        assert depth == 1 or limitBreached(text, Limits(maxDepth=depth - 1)) == "maxDepth"


class TestNodes:
    def test_counts_items_keys_and_values(self) -> None:
        assert limitBreached(b"[" + b",".join([b"1"] * 19) + b"]", SMALL) is None
        assert limitBreached(b"[" + b",".join([b"1"] * 20) + b"]", SMALL) == "maxNodes"
        assert limitBreached(b"{" + b",".join([b'"a":1'] * 9) + b"}", SMALL) is None
        assert limitBreached(b"{" + b",".join([b'"a":1'] * 10) + b"}", SMALL) == "maxNodes"

    def test_does_not_count_what_is_in_strings(self) -> None:
        assert limitBreached(b'[",,,,,,,[[[[[:::::{{","\\",,\\\\","["]', SMALL) is None

    @pytest.mark.sweep
    def test_refuses_before_anything_is_made_of_it(self) -> None:

        assert limitBreached(b"[" + b"[]," * 10_000_000 + b"1]", LIMITS) == "maxNodes"


class TestStrings:
    @pytest.mark.parametrize("before", [b"", b'{"a":', b'["\\\\","\\"",', b'["' + b"y" * 30 + b'", 1,"x",'])
    @pytest.mark.parametrize("after", [b"", b',"zz"', b"   " * 20 + b',"' + b"y" * 30 + b'"'])
    def test_bounds_each_string(self, before: bytes, after: bytes) -> None:
        def textOf(length: int) -> bytes:
            return before + b'"' + b"s" * length + b'"' + after

        assert limitBreached(textOf(31), SMALL) == "maxString"
        with pytest.raises(DecodeError):  # the texts are no JSON: only their strings were looked at
            loads(textOf(30) + b"!", SMALL)

    def test_counts_an_escaped_quote_as_part_of_the_string(self) -> None:
        assert limitBreached(b'["' + b'\\"' * 15 + b'","' + b"y" * 9 + b'"]', SMALL) is None
        assert limitBreached(b'["' + b'\\"' * 15 + b'y","a"]', SMALL) == "maxString"

    def test_space_between_strings_is_no_string(self) -> None:
        assert loads(b'["a",' + b" " * 100 + b'"b"]', SMALL) == ["a", "b"]

    def test_a_body_is_no_string(self) -> None:
        long = "s" * 40
        both = json.dumps({"data": long, "encodedPayload": {"_ft": "bytes", "_fd": long}, "x": 1}).encode()

        assert loads(both, SMALL, bodyKeys=("data", "encodedPayload"))["data"] == long
        assert limitBreached(both, SMALL) == "maxString"

    @pytest.mark.parametrize(
        "value",
        [
            {"filt": "s" * 40},
            {"filt": {"data": "s" * 40}, "data": "short"},
            {"data": "s" * 40, "filt": "t" * 40},
            {"data": ["s" * 40]},
            ["s" * 40],
            {"s" * 40: 1},
        ],
        ids=repr,
    )
    def test_everything_but_a_body_is_a_string(self, value: Any) -> None:
        with pytest.raises(LimitExceeded):
            loads(json.dumps(value), SMALL, bodyKeys=("data",))

    def test_a_string_of_ten_megabytes_breaches_the_default(self) -> None:
        assert limitBreached(b'["' + b"x" * 10_000_000 + b'"]', LIMITS) == "maxString"


class TestAnyBytes:
    @given(st.binary(max_size=200) | st.text('[]{}",:\\1eN', max_size=200).map(str.encode))
    def test_nothing_but_our_errors_comes_out(self, text: bytes) -> None:
        try:
            loads(text, SMALL)
        except VortexError:
            return
        json.loads(text)  # what we read, Python reads


class TestDumps:
    def test_writes_utf8_without_spaces(self) -> None:
        assert (
            dumps({"a": [1, 2.5, None, True], "b": "\u6f22\n"})
            == b'{"a":[1,2.5,null,true],"b":"\xe6\xbc\xa2\\n"}'
        )

    def test_writes_what_orjson_cannot(self) -> None:
        class NonFinite(float):
            pass

        assert dumps([NonFinite("nan"), NonFinite("inf"), NonFinite("-inf")]) == b"[NaN,Infinity,-Infinity]"
        assert dumps([2**64, -(10**20)]) == b"[18446744073709551616,-100000000000000000000]"
        assert dumps("\ud800x") == b'"\\ud800x"'

    @pytest.mark.parametrize(
        "value", [{1, 2}, b"x", object(), [1j]], ids=["set", "bytes", "object", "complex"]
    )
    def test_refuses_what_is_no_json(self, value: object) -> None:
        with pytest.raises(EncodeError):
            dumps(value)

    def test_refuses_what_holds_itself(self) -> None:
        value: list[Any] = []
        value.append(value)

        with pytest.raises(EncodeError):
            dumps(value)


class TestDumpsAscii:
    def test_escapes_everything_outside_ascii(self) -> None:
        assert (
            dumpsAscii({"k": "\xe9\u6f22\U0001f600", "l": 1}) == b'{"k":"\\u00e9\\u6f22\\ud83d\\ude00","l":1}'
        )

    def test_leaves_ascii_as_it_is(self) -> None:
        assert dumpsAscii(["a", 1]) == b'["a",1]'
