"""
Native layout: where the parts of a message on our own wire begin and end.

    flags (one byte), length of the head (varint), head, body

What stands in the head and in the body is `vortex.protocol.native_message`'s and
`vortex.protocol.native_body`'s.
"""

from __future__ import annotations

from vortex.errors import DecodeError
from vortex.protocol.native import readVarint, varint

__all__ = ["COMPRESSED", "EXPECTS_ANSWER", "HAS_BODY", "REPLY", "joined", "parted"]

REPLY = 0x01
COMPRESSED = 0x02
HAS_BODY = 0x04
EXPECTS_ANSWER = 0x08

_KNOWN = REPLY | COMPRESSED | HAS_BODY | EXPECTS_ANSWER


def joined(flags: int, head: bytes, body: bytes) -> bytes:
    """A message of these parts; without a body, *body* is empty."""
    return b"".join((bytes((flags,)), varint(len(head)), head, body))


def parted(message: bytes) -> tuple[int, bytes, bytes]:
    """
    The flags, the head and the body of *message*; neither head nor body is looked at.

    Raises:
        DecodeError: If it ends early, or its flags are not of this wire, or contradict each other.
    """
    if not message:
        raise DecodeError("expected a message, got no byte")
    flags = message[0]
    if flags & ~_KNOWN:
        raise DecodeError(f"a message's flags are of {_KNOWN:02x}, got {flags:02x}")
    if flags & REPLY and flags & EXPECTS_ANSWER:
        raise DecodeError(f"a message that is an answer expects none, got flags {flags:02x}")
    length, start = readVarint(message, 1)
    end = start + length
    if end > len(message):
        raise DecodeError(f"a message's head is {length} bytes long, and {len(message) - start} are there")
    if not flags & HAS_BODY and (flags & COMPRESSED or end < len(message)):
        raise DecodeError(
            f"a message has a body and does not say so: flags {flags:02x}, {len(message) - end} bytes"
        )
    return flags, message[start:end], message[end:]
