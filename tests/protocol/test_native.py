"""Native frames: numbers, lengths and kinds as bytes, however they are cut into chunks."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.native_wire import framed, leb
from vortex.errors import DecodeError, LimitExceeded
from vortex.protocol.native import (
    MAX_VARINT,
    PREAMBLE,
    SUBPROTOCOL,
    Kind,
    NativeDecoder,
    frame,
    readVarint,
    varint,
)

NUMBERS = {
    0: "00",
    1: "01",
    127: "7f",
    128: "8001",
    300: "ac02",
    16_383: "ff7f",
    16_384: "808001",
    (1 << 32) - 1: "ffffffff0f",
    (1 << 49) - 1: "ffffffffffff7f",
    1 << 49: "8080808080808001",
    (1 << 53) - 1: "ffffffffffffff0f",
}


class TestNumbers:
    @pytest.mark.parametrize("number", NUMBERS)
    def test_are_seven_bits_in_a_byte_the_lowest_first(self, number: int) -> None:
        encoded = bytes.fromhex(NUMBERS[number])

        assert varint(number) == encoded
        assert readVarint(b"\xff" + encoded + b"\xff", 1) == (number, 1 + len(encoded))

    @given(st.integers(0, MAX_VARINT))
    def test_come_back_as_they_were(self, number: int) -> None:
        assert varint(number) == leb(number)
        assert readVarint(leb(number), 0) == (number, len(leb(number)))

    @pytest.mark.parametrize(
        "encoded",
        [
            "",  # none at all
            "80",  # half of one
            "ffffffffffffff",  # more than half
            "8080808080808010",  # 2^53
            "ffffffffffffff7f",  # the largest of eight bytes
            "808080808080808001",  # nine bytes
            "80808080808080808000",  # ten, for a nought
        ],
    )
    def test_above_53_bits_or_of_over_eight_bytes_are_none(self, encoded: str) -> None:
        with pytest.raises(DecodeError, match="53"):
            readVarint(bytes.fromhex(encoded), 0)


class TestKinds:
    def test_have_the_numbers_that_are_written_down(self) -> None:
        assert {kind.name: int(kind) for kind in Kind} == {
            "HELLO": 0x01,
            "WELCOME": 0x02,
            "CLOSE": 0x03,
            "SEND": 0x04,
            "PAD": 0x05,
            "DATA": 0x10,
            "ACK": 0x11,
            "BEAT": 0x12,
            "ACTION": 0x13,
            "REPLY": 0x14,
            "CANCEL": 0x15,
        }

    def test_and_what_the_wire_is_told_by(self) -> None:
        assert bytes.fromhex("00565831") == PREAMBLE
        assert SUBPROTOCOL == "vortex.1"


class TestFrame:
    def test_is_a_length_a_kind_and_the_rest(self) -> None:
        assert frame(Kind.ACK, b"\x05", b"\x00") == bytes.fromhex("03 11 05 00")
        assert frame(Kind.PAD) == bytes.fromhex("01 05")

    def test_counts_its_kind_in_its_length(self) -> None:
        assert frame(Kind.PAD, bytes(127)) == bytes.fromhex("8001 05") + bytes(127)


class TestNativeDecoder:
    BYTES = bytes.fromhex("03 11 05 00  02 12 07  8001 05") + bytes(127) + bytes.fromhex("01 05")
    FRAMES: ClassVar = [bytes.fromhex("11 05 00"), bytes.fromhex("12 07"), b"\x05" + bytes(127), b"\x05"]

    def test_takes_a_run_of_bytes_apart(self) -> None:
        decoder = NativeDecoder(1000)

        assert decoder.feed(self.BYTES) == self.FRAMES
        assert decoder.isEmpty

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
    def test_does_so_however_the_bytes_come(self, size: int) -> None:
        decoder = NativeDecoder(1000)
        chunks = [self.BYTES[at : at + size] for at in range(0, len(self.BYTES), size)]

        assert [frame for chunk in chunks for frame in decoder.feed(chunk)] == self.FRAMES
        assert decoder.isEmpty

    @given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(0, 2400)))
    def test_does_so_with_any_frames_and_any_cuts(self, frames: list[bytes], cuts: list[int]) -> None:
        decoder, stream = NativeDecoder(300), framed(*frames)
        ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})

        chunks = [stream[begin:end] for begin, end in pairwise(ends)]

        assert [frame for chunk in chunks for frame in decoder.feed(chunk)] == frames
        assert decoder.isEmpty

    def test_keeps_half_a_frame_until_the_rest_comes(self) -> None:
        decoder = NativeDecoder(1000)
        assert decoder.feed(bytes.fromhex("02 12 07  03 11")) == [bytes.fromhex("12 07")]
        assert not decoder.isEmpty

        assert decoder.feed(bytes.fromhex("05 00")) == [bytes.fromhex("11 05 00")]
        assert decoder.isEmpty

    @pytest.mark.parametrize("length", ["0b", "8001", "ffffffffffffff0f"])
    def test_refuses_a_frame_over_the_limit_when_its_length_is_there(self, length: str) -> None:
        decoder = NativeDecoder(10)
        for byte in bytes.fromhex(length)[:-1]:
            assert decoder.feed(bytes([byte])) == []

        with pytest.raises(LimitExceeded, match="maxFrame"):
            decoder.feed(bytes.fromhex(length)[-1:])

    def test_takes_one_of_just_the_limit(self) -> None:
        assert NativeDecoder(10).feed(b"\x0a" + bytes(10)) == [bytes(10)]

    def test_is_told_another_limit(self) -> None:
        decoder = NativeDecoder(10)
        decoder.allow(20)

        assert decoder.feed(b"\x14" + bytes(20)) == [bytes(20)]
        with pytest.raises(LimitExceeded):
            decoder.feed(b"\x15")

    @pytest.mark.parametrize(
        "bad",
        [
            "00",  # no kind
            "8000",  # nor here
            "8080808080808080",  # a ninth byte would follow
            "ffffffffffffff7f",  # over 53 bits
        ],
    )
    def test_refuses_a_length_that_is_none(self, bad: str) -> None:
        whole, bytewise = NativeDecoder(1 << 60), NativeDecoder(1 << 60)

        with pytest.raises(DecodeError):
            whole.feed(bytes.fromhex(bad))
        for byte in bytes.fromhex(bad)[:-1]:
            assert bytewise.feed(bytes([byte])) == []
        with pytest.raises(DecodeError):
            bytewise.feed(bytes.fromhex(bad)[-1:])

    def test_raises_again_once_it_has(self) -> None:
        decoder = NativeDecoder(10)
        with pytest.raises(LimitExceeded):
            decoder.feed(b"\x0b")

        with pytest.raises(LimitExceeded):
            decoder.feed(bytes.fromhex("01 05"))

    def test_is_linear_in_what_comes(self) -> None:
        """A frame of 4 MiB in chunks of 16 bytes: were each of them to cost a copy, this would never end."""
        decoder, size = NativeDecoder(1 << 23), 1 << 22
        chunk = bytes(16)
        decoder.feed(leb(size))

        for _ in range(size // 16 - 1):
            assert decoder.feed(chunk) == []

        assert decoder.feed(chunk) == [bytes(size)]
