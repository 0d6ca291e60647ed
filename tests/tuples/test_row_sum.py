"""Row sums: the bytes are written by hand here, as the page on live data has them."""

from __future__ import annotations

import enum
import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from vortex.errors import EncodeError
from vortex.tuples import Tuple, TupleField, addTupleType, registerFieldType
from vortex.tuples.convert import forgetCompiled
from vortex.tuples.hints import fieldTypes
from vortex.tuples.row_sum import rowBytes, rowSum, sumOf


class Colour(enum.Enum):
    RED = "red"


@addTupleType
class Row(Tuple):
    __tupleType__ = "sum.Row"
    title: str = ""
    id: int = 0
    cost: float = 0.0
    done: bool = False
    extra: Any = None
    secret: str = TupleField(default="x", transport=False)
    shouted: str | None = TupleField(default=None, encoder=str.upper)


@addTupleType
class Empty(Tuple):
    __tupleType__ = "sum.Empty"


class TestValues:
    @pytest.mark.parametrize(
        ("value", "data"),
        [
            (None, b"n"),
            (True, b"t"),
            (False, b"f"),
            (0, b"i0;"),
            (-17, b"i-17;"),
            (2**70, b"i1180591620717411303424;"),
            (2**53, b"i9007199254740992;"),
            (5.0, b"i5;"),
            (-0.0, b"i0;"),
            (float(2**53 - 1), b"i9007199254740991;"),
            (float(2**53), b"d\x43\x40\x00\x00\x00\x00\x00\x00"),
            (-float(2**53), b"d\xc3\x40\x00\x00\x00\x00\x00\x00"),
            (1.5, b"d\x3f\xf8\x00\x00\x00\x00\x00\x00"),
            (float("nan"), b"d\x7f\xf8\x00\x00\x00\x00\x00\x00"),
            (-float("nan"), b"d\x7f\xf8\x00\x00\x00\x00\x00\x00"),
            (float("inf"), b"d\x7f\xf0\x00\x00\x00\x00\x00\x00"),
            (float("-inf"), b"d\xff\xf0\x00\x00\x00\x00\x00\x00"),
            ("", b"s\x00"),
            ("é", b"s\x02\xc3\xa9"),
            ("a" * 127, b"s\x7f" + b"a" * 127),
            ("a" * 128, b"s\x80\x01" + b"a" * 128),
            ("a" * 20000, b"s\xa0\x9c\x01" + b"a" * 20000),
            ("\ud800", b"s\x03\xef\xbf\xbd"),
            ([], b"[]"),
            ([1, [None]], b"[i1;[n]]"),
            ({}, b"{}"),
            ({"b": 1, "a": None}, b"{s\x01ans\x01bi1;}"),
            ({"\uffff": 1, "\U00010000": 2}, b"{s\x03\xef\xbf\xbfi1;s\x04\xf0\x90\x80\x80i2;}"),
            ({7: True}, b"{s\x017t}"),
            ({"_ft": "int"}, b"{s\x03_fts\x03int}"),
            (datetime(2024, 2, 29, 13, 14, 15, 6, UTC), b"x\x1f2024-02-29 13:14:15.000006+0000"),
            (
                datetime(2024, 2, 29, 13, 14, 15, tzinfo=timezone(timedelta(hours=2))),
                b"x\x1f2024-02-29 13:14:15.000000+0200",
            ),
            (date(2024, 2, 29), b"x\x0a2024-02-29"),
            (b"\x00\xff", b"x\x04AP8="),
            (UUID(int=1), b"s\x2400000000-0000-0000-0000-000000000001"),
            (Decimal("2.50"), b"d\x40\x04\x00\x00\x00\x00\x00\x00"),
            (Colour.RED, b"s\x03red"),
            ({3}, b"[i3;]"),
        ],
        ids=str,
    )
    def test_have_the_bytes_of_the_page(self, value: Any, data: Any) -> None:
        assert rowBytes(value) == data
        assert rowSum(value) == zlib.crc32(data)

    def test_that_cannot_travel_are_refused(self) -> None:
        with pytest.raises(EncodeError, match="cannot travel"):
            rowSum(object())

    def test_that_contain_themselves_are_refused(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(EncodeError, match="contains itself"):
            rowSum(loop)


class TestTuples:
    def test_are_their_type_and_their_fields_in_order(self) -> None:
        row = Row(title="tea", id=7, cost=1.5, done=True)

        assert rowBytes(row) == (
            b"(s\x07sum.Rows\x04costd\x3f\xf8\x00\x00\x00\x00\x00\x00s\x04donets\x02idi7;s\x05titles\x03tea)"
        )

    def test_without_fields_are_their_type(self) -> None:
        assert rowBytes(Empty()) == b"(s\x09sum.Empty)"

    def test_leave_out_what_is_null_and_what_does_not_travel(self) -> None:
        row = Row(title=None, id=None, cost=None, done=None, secret="hidden")  # type: ignore[arg-type]

        assert rowBytes(row) == b"(s\x07sum.Row)"

    def test_count_values_of_unusual_types_by_what_travels(self) -> None:
        row = Row(title=Colour.RED, id=7.0, cost=3, done=1, shouted="no")  # type: ignore[arg-type]

        assert rowBytes(row) == (
            b"(s\x07sum.Rows\x04costi3;s\x04donei1;s\x02idi7;s\x07shouteds\x02NOs\x05titles\x03red)"
        )

    def test_hold_others(self) -> None:
        row = Row(extra=[Empty(), {"e": Row(title=None, id=1, cost=None, done=None)}])  # type: ignore[arg-type]

        assert rowBytes(row) == (
            b"(s\x07sum.Rows\x04costi0;s\x04donefs\x05extra[(s\x09sum.Empty){s\x01e(s\x07sum.Rows\x02idi1;)}]"
            b"s\x02idi0;s\x05titles\x00)"
        )

    def test_that_cannot_travel_are_refused_with_the_field(self) -> None:
        with pytest.raises(EncodeError, match=r" at extra$"):
            rowSum(Row(extra=object()))

    def test_follow_a_type_that_learns_to_travel(self) -> None:
        class Point:
            pass

        with pytest.raises(EncodeError):
            rowSum(Row(extra=Point()))
        registerFieldType(Point, lambda point: "here", lambda text: Point())
        try:
            assert b"s\x05extras\x04here" in rowBytes(Row(extra=Point()))
        finally:
            del fieldTypes[Point]
            forgetCompiled()

    def test_follow_a_class_that_is_registered_again(self) -> None:
        def register(fields: dict[str, Any]) -> type[Any]:
            body = {"__tupleType__": "sum.Again", "__qualname__": "Again", **fields}
            return addTupleType(type("Again", (Tuple,), body))

        first = register({"a": TupleField(default=1)})
        assert rowBytes(first()) == b"(s\x09sum.Agains\x01ai1;)"
        second = register({"b": TupleField(default=1)})

        assert rowBytes(second()) == b"(s\x09sum.Agains\x01bi1;)"


class TestSums:
    def test_are_those_of_the_values_modulo_two_to_the_32(self) -> None:
        sums = [zlib.crc32(b"(s\x07sum.Rows\x02idi%d;)" % number) for number in range(5)]
        rows = [Row(title=None, id=number, cost=None, done=None) for number in range(5)]  # type: ignore[arg-type]

        assert sum(sums) > 2**32
        assert sumOf(rows) == sumOf(reversed(rows)) == sum(sums) % 2**32

    def test_of_nothing_are_0(self) -> None:
        assert sumOf([]) == 0
