"""
Compression: zlib streams, made and unpacked, never past a limit.

Every peer of VortexPY's wire reads plain zlib (RFC 1950) of any level. This module
knows bytes only; what is inside them is `vortex.protocol.json_codec`'s.
"""

from __future__ import annotations

import zlib

from vortex.errors import DecodeError, LimitExceeded

__all__ = ["deflate", "inflate", "inflateShort"]


def deflate(data: bytes, level: int = 6) -> bytes:
    """
    Compress *data* into one zlib stream.

    Args:
        data: What to compress.
        level: 1 is fast, 9 is small. VortexPY has 9, which saves a few hundredths and costs a multiple.
    """
    return zlib.compress(data, level)


def inflate(data: bytes, *, limit: int) -> bytes:
    """
    Decompress one zlib stream without ever holding more than *limit* bytes, and one.

    Args:
        data: A whole zlib stream, as one peer sent it.
        limit: Largest result accepted, in bytes: `Limits.maxInflated`.

    Raises:
        LimitExceeded: If the stream holds more. Nothing further was unpacked, so a bomb costs *limit* bytes.
        DecodeError: If *data* is not zlib, ends early, or goes on after the stream.
    """
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, limit + 1)
    except zlib.error as exc:
        raise DecodeError(f"expected a zlib stream, and it is none: {exc}") from exc
    if len(result) > limit:
        raise LimitExceeded(
            "maxInflated", f"{len(data)} compressed bytes inflate to more than the {limit} bytes accepted"
        )
    if not stream.eof:
        raise DecodeError(f"the zlib stream ends early, after {len(data)} bytes")
    if stream.unused_data:
        raise DecodeError(f"{len(stream.unused_data)} bytes follow the end of the zlib stream")
    return result


def inflateShort(data: bytes, most: int) -> bytes | None:
    """
    What `inflate` gives, if that is no more than *most* bytes; None if it is more, and nothing for what is no
    such stream: `inflate` says why.

    It costs no more than *most* bytes do, whatever the stream holds.
    """
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, most + 1)
    except zlib.error:
        return b""
    if len(result) > most:
        return None
    return result if stream.eof and not stream.unused_data else b""
