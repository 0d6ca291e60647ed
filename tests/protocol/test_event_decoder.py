"""Frames out of server-sent events, however they were cut."""

from __future__ import annotations

import base64
from random import Random

import pytest

from vortex.errors import DecodeError, LimitExceeded
from vortex.protocol.event_decoder import EventDecoder


def event(*frames: bytes, number: int = 0) -> bytes:
    """An event with *frames*, each shorter than 128 bytes."""
    framed = b"".join(bytes((len(frame),)) + frame for frame in frames)
    return b"id: %d\ndata: %b\n\n" % (number, base64.b64encode(framed))


def feedAll(decoder: EventDecoder, chunks: list[bytes]) -> list[bytes]:
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


class TestEvents:
    def test_have_frames_in_base64(self) -> None:
        decoder = EventDecoder(1000)

        assert decoder.feed(event(b"\x10one", b"\x11two", number=7)) == [b"\x10one", b"\x11two"]
        assert decoder.feed(event(b"\x12three")) == [b"\x12three"]

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
    def test_may_be_cut_anywhere(self, size: int) -> None:
        decoder = EventDecoder(1000)
        stream = event(b"\x10one") + b":" + b" " * 50 + b"\n\n" + event(b"\x11two", b"\x12three")

        frames = [
            frame
            for start in range(0, len(stream), size)
            for frame in decoder.feed(stream[start : start + size])
        ]

        assert frames == [b"\x10one", b"\x11two", b"\x12three"]

    @pytest.mark.parametrize(
        "stream",
        [
            b"data:AhBhAhBi\n\n",  # without the blank
            b"data: AhBh\ndata: AhBi\n\n",  # over two lines
            b"data: AhBhAhBi\r\n\r\n",
            b"event: x\nretry: 5\ndata: AhBhAhBi\nunknown: y\n\n",
            b": nothing\n\n\n\ndata: AhBhAhBi\n\n",
        ],
    )
    def test_are_read_as_events_are(self, stream: bytes) -> None:
        assert EventDecoder(1000).feed(stream) == [b"\x10a", b"\x10b"]

    def test_are_nothing_before_their_end(self) -> None:
        decoder = EventDecoder(1000)

        assert decoder.feed(b"data: AhBh\n") == []
        assert decoder.feed(b"\n") == [b"\x10a"]

    @pytest.mark.parametrize("data", [b"A", b"====", b"A-B_", b"AhBh AhBi"])
    def test_that_are_no_base64_are_refused(self, data: bytes) -> None:
        with pytest.raises(DecodeError, match="base64"):
            EventDecoder(1000).feed(b"data: " + data + b"\n\n")

    def test_with_a_frame_that_is_too_long_are_refused_by_its_length(self) -> None:
        with pytest.raises(LimitExceeded, match="100 are accepted"):
            EventDecoder(100).feed(b"data: " + base64.b64encode(b"\x65") + b"\n\n")

    def test_that_never_end_are_refused(self) -> None:
        decoder = EventDecoder(100)
        with pytest.raises(LimitExceeded, match="an event is over"):
            feedAll(decoder, [b"data: " + b"A" * 100] * 1000)

    def test_of_lines_that_never_end_are_refused(self) -> None:
        decoder = EventDecoder(100)
        with pytest.raises(LimitExceeded, match="an event is over"):
            feedAll(decoder, [b"data: " + b"A" * 100 + b"\n"] * 1000)

    def test_of_many_bytes_come_whole(self) -> None:
        frame = Random(1).randbytes(1 << 20)
        data = base64.b64encode((len(frame) & 0x7F | 0x80).to_bytes(1, "big") + b"\x80\x40" + frame)
        decoder = EventDecoder(2 << 20)
        stream = b"data: " + data + b"\n\n"

        frames = [each for at in range(0, len(stream), 1000) for each in decoder.feed(stream[at : at + 1000])]

        assert frames == [frame]
