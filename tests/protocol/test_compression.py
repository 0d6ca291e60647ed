"""Compression: what is unpacked, what is refused, and that a bomb costs no more than its limit."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import pytest

from vortex.errors import DecodeError, LimitExceeded
from vortex.protocol.compression import deflate, inflate

# "vortex" in zlib streams as other programs make them: deflated, and stored
LEVEL_9 = bytes.fromhex("78da2bcb2f2a49ad0000095b02a9")
STORED = bytes.fromhex("7801010600f9ff766f72746578095b02a9")


class TestInflate:
    def test_reads_streams_of_any_level(self) -> None:
        assert inflate(LEVEL_9, limit=100) == b"vortex"
        assert inflate(STORED, limit=100) == b"vortex"

    def test_accepts_exactly_the_limit(self) -> None:
        assert inflate(STORED, limit=6) == b"vortex"

    def test_refuses_one_byte_over_the_limit(self) -> None:
        with pytest.raises(LimitExceeded) as caught:
            inflate(STORED, limit=5)

        assert caught.value.limit == "maxInflated"
        assert "5 bytes" in str(caught.value)

    @pytest.mark.sweep
    def test_a_bomb_costs_its_limit_and_no_more(self) -> None:
        bomb = zlib.compress(bytes(200 << 20), 9)
        tracemalloc.start()

        with pytest.raises(LimitExceeded):
            inflate(bomb, limit=1 << 20)

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(bomb) < 300_000
        assert peak < 4 << 20

    @pytest.mark.parametrize("cut", range(len(LEVEL_9)))
    def test_refuses_a_stream_that_ends_early(self, cut: int) -> None:
        with pytest.raises(DecodeError):
            inflate(LEVEL_9[:cut], limit=100)

    def test_refuses_bytes_after_the_stream(self) -> None:
        with pytest.raises(DecodeError, match="2 bytes follow"):
            inflate(LEVEL_9 + b"xx", limit=100)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"not zlib",
            STORED[:-1] + b"\x00",  # a checksum that is not the data's
            base64.b64decode("ePkmLwVxg5AACVsCqQ=="),  # wants a dictionary
        ],
        ids=["empty", "text", "checksum", "dictionary"],
    )
    def test_refuses_what_is_no_zlib(self, data: bytes) -> None:
        with pytest.raises(DecodeError, match="zlib"):
            inflate(data, limit=100)


class TestDeflate:
    @pytest.mark.parametrize("level", [1, 6, 9])
    def test_makes_streams_that_zlib_reads(self, level: int) -> None:
        data = bytes(range(256)) * 50

        assert zlib.decompress(deflate(data, level)) == data

    def test_begins_as_peers_tell_the_era_by(self) -> None:
        assert deflate(b"vortex")[:1] == b"\x78"
