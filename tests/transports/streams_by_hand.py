"""The other end of a raw connection, by hand: its frames are taken apart here, its messages spelled out."""

from __future__ import annotations

from typing import Any

from tests.testing.protocols import Noting
from tests.wire_messages import base64Envelope, decode

__all__ = ["OtherEnd", "helloOf"]


def helloOf(uuid: str = "uuid-other", name: str = "other") -> bytes:
    """A hello of era 2, with the dot that ends it."""
    return base64Envelope({"__vortexUuid__": uuid, "__vortexName__": name}) + b"."


class OtherEnd(Noting):
    """
    Args:
        first: What it writes as soon as it is connected.
    """

    def __init__(self, first: bytes = b"") -> None:
        super().__init__()
        self.first = first

    def connectionMade(self) -> None:
        super().connectionMade()
        if self.first:
            self.write(self.first)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    @property
    def frames(self) -> list[bytes]:
        """What stood between the dots; a beat is two empty ones."""
        *frames, rest = self.received.split(b".")
        assert rest == b""
        return frames

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [decode(frame) for frame in self.frames if frame]

    @property
    def beats(self) -> int:
        empty = sum(not frame for frame in self.frames)
        assert empty % 2 == 0
        return empty // 2

    @property
    def isOver(self) -> bool:
        return self.end is not None
