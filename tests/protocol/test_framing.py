"""Framing: frames out of a stream, whatever way it was cut; WebSocket headers by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.errors import LimitExceeded
from vortex.protocol.framing import DotDecoder, encodeDot, webSocketHeader

MIB = 1 << 20

STREAMS = {
    "base64": (b"one.two.", [b"one", b"two"]),
    "beats": (b".one..two...", [b"", b"one", b"", b"two", b"", b""]),
    "tcp beat": (b"..", [b"", b""]),
    "raw": (b'{"_c":"a.b"}.', [b'{"_c":"a.b"}']),
    "raw and a beat": (b'{"_c":"a.b"}..', [b'{"_c":"a.b"}', b""]),
    "raw, not terminated": (b'{"a":1}{"b":2}eyJ9.', [b'{"a":1}', b'{"b":2}', b"eyJ9"]),
    "beat before raw": (b'.{"a":1}.', [b"", b'{"a":1}']),
    "braces in strings": (b'{"}":"{{"}.x.', [b'{"}":"{{"}', b"x"]),
    "quotes in strings": (b'{"a\\"}":"\\\\"}.x.', [b'{"a\\"}":"\\\\"}', b"x"]),
    "many backslashes": (b'{"a":"\\\\\\\\\\"}."}.x.', [b'{"a":"\\\\\\\\\\"}."}', b"x"]),
    "nested": (b'{"a":{"b":[{},{"c":"."}]},"d":{}}.x.', [b'{"a":{"b":[{},{"c":"."}]},"d":{}}', b"x"]),
    "base64 that holds a brace is none": (b"a{.b}.", [b"a{", b"b}"]),
}


def feedInPieces(data: bytes, *cuts: int, maxFrame: int = MIB) -> list[bytes]:
    decoder = DotDecoder(maxFrame)
    frames: list[bytes] = []
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        frames += decoder.feed(data[start:end])
    return frames


class TestDotDecoder:
    @pytest.mark.parametrize(("data", "frames"), STREAMS.values(), ids=STREAMS)
    def test_finds_the_frames(self, data: bytes, frames: list[bytes]) -> None:
        assert DotDecoder(MIB).feed(data) == frames

    @pytest.mark.parametrize(("data", "frames"), STREAMS.values(), ids=STREAMS)
    def test_finds_the_same_frames_across_any_two_cuts(self, data: bytes, frames: list[bytes]) -> None:
        for first in range(len(data) + 1):
            for second in range(first, len(data) + 1):
                assert feedInPieces(data, first, second) == frames

    @pytest.mark.parametrize(("data", "frames"), STREAMS.values(), ids=STREAMS)
    def test_finds_the_same_frames_byte_by_byte(self, data: bytes, frames: list[bytes]) -> None:
        assert feedInPieces(data, *range(1, len(data))) == frames

    @given(
        st.lists(st.sampled_from([b"{", b"}", b'"', b"\\", b".", b"a", b"[", b"]", b"{}" * 40, b"\\" * 5])),
        st.lists(st.integers(0, 400)),
    )
    def test_hostile_bytes_mean_the_same_in_any_pieces(self, parts: list[bytes], cuts: list[int]) -> None:
        data = b"".join(parts)

        whole = DotDecoder(MIB).feed(data)

        assert feedInPieces(data, *sorted(min(cut, len(data)) for cut in cuts)) == whole

    def test_finds_the_end_of_a_large_object(self) -> None:
        large = b'{"a":[' + b",".join([b'{"text":"a } in a \\"string\\".","n":{"m":{}}}'] * 20_000) + b"]}"

        assert DotDecoder(MIB).feed(large + b".next.") == [large, b"next"]
        assert feedInPieces(large + b".next.", *range(777, len(large), 777)) == [large, b"next"]

    def test_says_what_is_left_at_the_end_of_a_body(self) -> None:
        decoder = DotDecoder(MIB)

        assert decoder.feed(b"one.two") == [b"one"]
        assert decoder.finish() == [b"two"]
        assert decoder.finish() == []

    def test_leaves_nothing_behind_a_whole_object(self) -> None:
        decoder = DotDecoder(MIB)

        assert decoder.feed(b'{"a":1}') == [b'{"a":1}']
        assert decoder.finish() == []

    def test_is_at_a_beginning_after_the_end(self) -> None:
        decoder = DotDecoder(MIB)
        decoder.feed(b'{"a": {"never"')

        assert decoder.finish() == [b'{"a": {"never"']
        assert decoder.feed(b".x.") == [b"", b"x"]

    def test_accepts_a_frame_of_exactly_the_limit(self) -> None:
        assert feedInPieces(b"12345.{'a'}.", 3, 5, 8, maxFrame=5) == [b"12345", b"{'a'}"]

    @pytest.mark.parametrize("data", [b"123456.", b'{"123"}.', b"12345678"], ids=["dots", "raw", "no end"])
    @pytest.mark.parametrize("step", [1, 2, 100])
    def test_refuses_a_frame_over_the_limit_and_all_that_follows(self, data: bytes, step: int) -> None:
        decoder = DotDecoder(5)

        def feedAll() -> None:
            for position in range(0, len(data), step):
                decoder.feed(data[position : position + step])

        with pytest.raises(LimitExceeded) as caught:
            feedAll()

        assert caught.value.limit == "maxFrame"
        with pytest.raises(LimitExceeded):
            decoder.feed(b"ok.")
        assert decoder.finish() == []

    def test_never_holds_more_than_the_limit_of_a_frame(self) -> None:
        decoder = DotDecoder(1000)
        decoder.feed(b"x" * 999)

        with pytest.raises(LimitExceeded):
            decoder.feed(b"x" * MIB)

        assert decoder.finish() == []

    def test_a_flood_of_dots_becomes_a_few_beats(self) -> None:
        frames = DotDecoder(MIB).feed(b"." * (8 * MIB) + b"x.")

        assert 0 < len(frames) < 100
        assert frames[-1] == b"x"

    @pytest.mark.parametrize(
        "data",
        [
            b"A" * (30 * MIB) + b".",
            b'{"data":"' + b"A" * (30 * MIB) + b'"}',
        ],
        ids=["base64", "raw"],
    )
    def test_a_large_frame_comes_whole_from_thousands_of_chunks(self, data: bytes) -> None:
        decoder = DotDecoder(32 * MIB)
        frames: list[bytes] = []
        for position in range(0, len(data), 480):
            frames += decoder.feed(data[position : position + 480])

        frames += decoder.feed(b".") + decoder.finish()

        assert [len(frame) for frame in frames if frame] == [len(data.rstrip(b"."))]

    @pytest.mark.parametrize(
        "block",
        [b"{}", b'{"a"', b'"\\"{"', b'"",', b"{{{{}}", b"{" * 64 + b"}" * 64, b'\\"'],
        ids=["empty objects", "ever deeper", "strings", "empty strings", "steps", "towers", "escapes"],
    )
    def test_a_hostile_object_is_waited_for_and_nothing_else(self, block: bytes) -> None:
        decoder = DotDecoder(32 * MIB)

        assert decoder.feed(b"{" + block * (2 * MIB // len(block))) == []


class TestEncodeDot:
    def test_ends_a_frame_in_a_dot(self) -> None:
        assert encodeDot(b"abc") == b"abc."
        assert encodeDot(b"") == b"."


class TestWebSocketHeader:
    @pytest.mark.parametrize(
        ("length", "header"),
        [
            (0, "8100"),
            (1, "8101"),
            (125, "817d"),
            (126, "817e007e"),
            (247, "817e00f7"),  # as VortexPY 6.2.2's hello in session_ws_vortexpy622 has it
            (65535, "817effff"),
            (65536, "817f0000000000010000"),
            (1 << 32, "817f0000000100000000"),
        ],
    )
    def test_has_the_length_in_its_shortest_form(self, length: int, header: str) -> None:
        assert webSocketHeader(length).hex() == header

    def test_has_the_opcode_and_the_fin_bit(self) -> None:
        assert webSocketHeader(2, opcode=2).hex() == "8202"
        assert webSocketHeader(2, opcode=1, fin=False).hex() == "0102"
        assert webSocketHeader(0, opcode=0, fin=True).hex() == "8000"
