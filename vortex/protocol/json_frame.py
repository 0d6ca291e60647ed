"""
Where a JSON object ends in a stream that comes in pieces.

Bytes are looked at once and in blocks, by what Python does in C: braces are counted
outside strings, and only the block that holds the end is searched for it. So neither a
large object nor a hostile one takes longer than its length explains.

Whether the object is JSON is not asked here: `vortex.protocol.json_codec` does.
"""

from __future__ import annotations

from itertools import accumulate, count
from operator import sub

__all__ = ["JsonEnd"]

BLOCK = 4096
SMALL = 32

_NOT_MARKS = bytes(set(range(256)) - set(b'"{}'))
_STEPS = bytes.maketrans(b"{}", b"\x02\x00")  # by how much deeper each goes, and one
_QUOTE, _BACKSLASH, _OPEN, _CLOSE = b'"\\{}'


class JsonEnd:
    """Looks for the end of one object, from its opening brace on."""

    __slots__ = ("_depth", "_escaped", "_inString")

    def __init__(self) -> None:
        self._depth = 0
        self._inString = False
        self._escaped = False  # a string's last byte so far is a backslash that escapes the next

    def find(self, data: bytes, start: int) -> int:
        """
        Look at *data* from *start* on, as what follows all that was looked at before.

        Returns:
            The index in *data* behind the object's last brace, or -1 if that has not come yet.
        """
        if not self._depth:
            self._depth = 1
            start += 1
        for position in range(start, len(data), BLOCK):
            end = self._search(data[position : position + BLOCK])
            if end >= 0:
                return position + end
        return -1

    def _search(self, block: bytes) -> int:
        """As `find`, in one block; halved until the end is found."""
        if len(block) <= SMALL:
            return self._walk(block)
        if self._passOver(block):
            return -1
        half = len(block) // 2
        end = self._search(block[:half])
        if end >= 0:
            return end
        end = self._search(block[half:])
        return end + half if end >= 0 else -1

    def _passOver(self, block: bytes) -> bool:
        """Take the whole *block*, if the object does not end in it; otherwise change nothing."""
        text = block
        if self._escaped and block[0] in (_QUOTE, _BACKSLASH):
            text = block[1:]
        escaped = False
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
            escaped = text.endswith(b"\\")
        marks = text.translate(None, _NOT_MARKS)
        if self._inString:
            marks = b'"' + marks
        inString = bool(marks.count(b'"') % 2)
        braces = marks.replace(b'""', b"")
        if b'"' in braces:
            braces = b"".join(braces.split(b'"')[::2])

        closing = braces.count(b"}")
        if self._depth <= closing:  # only now does their order matter
            steps = map(sub, accumulate(braces.translate(_STEPS)), count(1))
            if self._depth + min(steps) <= 0:
                return False
        self._depth += len(braces) - 2 * closing
        self._inString, self._escaped = inString, escaped
        return True

    def _walk(self, block: bytes) -> int:
        """As `find`, byte by byte."""
        for index, byte in enumerate(block):
            escaped, self._escaped = self._escaped, False
            if byte == _BACKSLASH:
                self._escaped = not escaped
            elif byte == _QUOTE:
                self._inString ^= not escaped
            elif self._inString:
                continue
            elif byte == _OPEN:
                self._depth += 1
            elif byte == _CLOSE:
                self._depth -= 1
                if not self._depth:
                    return index + 1
        return -1
