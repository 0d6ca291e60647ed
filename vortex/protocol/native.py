"""
Native frames: what a run of bytes on our own wire is made of.

    length (varint), kind (one byte), the rest

What the kinds mean, and in which order they come, is `vortex.protocol.session`'s; the whole wire is written
down in docs/reference/wire-format.md.
"""

from __future__ import annotations

import enum
from functools import lru_cache

from vortex.errors import DecodeError, LimitExceeded

__all__ = ["MAX_VARINT", "PREAMBLE", "SUBPROTOCOL", "Kind", "NativeDecoder", "frame", "readVarint", "varint"]

PREAMBLE = b"\x00VX1"
"""What a client's bytes begin with where nothing else tells this wire from another."""

SUBPROTOCOL = "vortex.1"
"""What a WebSocket of this wire is asked for."""

MAX_VARINT = (1 << 53) - 1
"""The largest number that there is; JavaScript counts as far."""

MAX_VARINT_BYTES = 8


class Kind(enum.IntEnum):
    """What a frame is."""

    HELLO = 0x01
    WELCOME = 0x02
    CLOSE = 0x03
    SEND = 0x04
    PAD = 0x05
    DATA = 0x10
    ACK = 0x11
    BEAT = 0x12
    ACTION = 0x13
    REPLY = 0x14
    CANCEL = 0x15


def varint(number: int) -> bytes:
    """*number*, from 0 to `MAX_VARINT`, as seven bits in a byte, the lowest first."""
    return _SMALL[number] if number < 128 else _varint(number)


@lru_cache(4096)
def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_SMALL = [bytes((number,)) for number in range(128)]


def readVarint(data: bytes, at: int) -> tuple[int, int]:
    """
    The number at *at* in *data*, and where it ends.

    Raises:
        DecodeError: If there is none, or it is over `MAX_VARINT`.
    """
    number = shift = 0
    for position in range(at, min(at + MAX_VARINT_BYTES, len(data))):
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > MAX_VARINT:
                break
            return number, position + 1
        shift += 7
    raise DecodeError("expected a number, seven bits in a byte and at most 53 in all, and it is none")


def frame(kind: int, *parts: bytes) -> bytes:
    """A whole frame of *kind*; *parts* are what is in it."""
    return b"".join((varint(1 + sum(map(len, parts))), _KINDS[kind], *parts))


_KINDS = {int(kind): bytes((kind,)) for kind in Kind}


class NativeDecoder:
    """
    Takes a run of bytes apart into frames, however it was cut into chunks, in time linear in its length.

    Args:
        maxFrame: Largest frame accepted, in bytes, its length not counted.
    """

    __slots__ = ("_broken", "_buffer", "_maxFrame", "_wanted")

    def __init__(self, maxFrame: int) -> None:
        self._maxFrame = maxFrame
        self._buffer = bytearray()  # the beginning of a frame whose end has not come yet
        self._wanted = 0  # how many bytes it has to have before it is worth another look
        self._broken: DecodeError | LimitExceeded | None = None

    @property
    def isEmpty(self) -> bool:
        """Whether all that came was whole frames."""
        return not self._buffer

    def allow(self, maxFrame: int) -> None:
        """Accept frames of so many bytes from now on."""
        self._maxFrame = maxFrame

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next chunk.

        Returns:
            The frames that end in it, in order: each its kind and the rest, without the length.

        Raises:
            LimitExceeded: If a frame is longer than *maxFrame*, as soon as its length is there.
            DecodeError: If a length is none. Either is the end: the chunk's other frames are lost, and
                feeding more raises again.
        """
        if self._broken is not None:
            raise self._broken
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        frames: list[bytes] = []
        at, end = 0, len(data)
        try:
            while at < end:
                start, length = at + 1, data[at]
                if length > 0x7F:
                    if end - at < MAX_VARINT_BYTES and data[end - 1] > 0x7F and min(data[at:end]) > 0x7F:
                        self._wanted = 0
                        break  # the length itself is not whole yet
                    length, start = readVarint(data, at)
                if length > self._maxFrame:
                    raise LimitExceeded(
                        "maxFrame",
                        f"a frame is {length} bytes long, {self._maxFrame} are accepted",
                    )
                if length == 0:
                    raise DecodeError("expected a frame, and it has no kind")
                if start + length > end:
                    self._wanted = start - at + length
                    break
                frames.append(data[start : start + length])
                at = start + length
        except (DecodeError, LimitExceeded) as error:
            self._broken = error
            raise
        if at < end:
            self._buffer += memoryview(data)[at:]
        return frames
