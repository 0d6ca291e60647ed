"""
EventDecoder: native frames out of a run of server-sent events, however it was cut into chunks.

Only `data` is looked at, base64 of whole frames; whatever else an event has, and comments, are left out.
"""

from __future__ import annotations

import binascii

from vortex.errors import DecodeError, LimitExceeded
from vortex.protocol.native import NativeDecoder

__all__ = ["EventDecoder"]

MARGIN = 4096
"""Characters that a line may have besides the base64 of the longest frame: a name, a comment, more frames."""


class EventDecoder:
    """
    Args:
        maxFrame: As `NativeDecoder` has it.
    """

    def __init__(self, maxFrame: int) -> None:
        self._frames = NativeDecoder(maxFrame)
        self._maxFrame = maxFrame
        self._line = bytearray()  # the beginning of one whose end has not come yet
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next chunk; returns the frames of the events that end in it, as `NativeDecoder.feed` does.

        Raises:
            LimitExceeded: If an event is longer than one with the longest frame could be.
            DecodeError: If its data is not base64, or not frames. Either is the end.
        """
        frames: list[bytes] = []
        *whole, rest = data.split(b"\n")
        for line in whole:
            if self._line:
                line = bytes(self._line) + line
                self._line.clear()
            frames += self._take(line.removesuffix(b"\r"))
        self._line += rest
        self._check(len(self._line))
        return frames

    def _take(self, line: bytes) -> list[bytes]:
        if line.startswith(b"data:"):
            self._check(len(line))
            self._size += len(line)
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data, self._data, self._size = b"".join(self._data), [], 0
            try:
                frames = binascii.a2b_base64(data, strict_mode=True)
            except binascii.Error as error:
                raise DecodeError(f"expected frames in base64 as an event's data: {error}") from None
            return self._frames.feed(frames)
        return []

    def _check(self, size: int) -> None:
        most = self._maxFrame * 4 // 3 + MARGIN
        if self._size + size > 2 * most:
            raise LimitExceeded(
                "maxFrame", f"an event is over {self._size + size} bytes long, {2 * most} are accepted"
            )
