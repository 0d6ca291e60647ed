"""
The native wire by hand: frames and messages as docs/reference/wire-format.md has them, spelled out here.

Nothing of `vortex.protocol` is used, so that what it writes is read by somebody else, and it reads
what somebody else has written.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = [
    "ACK",
    "ACTION",
    "BEAT",
    "CANCEL",
    "CLOSE",
    "DATA",
    "HELLO",
    "PAD",
    "REPLY",
    "SEND",
    "WELCOME",
    "Frame",
    "ack",
    "action",
    "beat",
    "cancel",
    "close",
    "data",
    "framed",
    "framesIn",
    "hello",
    "leb",
    "message",
    "numberAt",
    "numberIn",
    "reply",
    "resume",
    "welcome",
]

HELLO, WELCOME, CLOSE, SEND, PAD = 0x01, 0x02, 0x03, 0x04, 0x05
DATA, ACK, BEAT, ACTION, REPLY, CANCEL = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15

Frame = tuple[Any, ...]
"""A frame taken apart: its kind, then its numbers, then its JSON, or the label of its message."""


def leb(number: int) -> bytes:
    """Unsigned LEB128."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def numberAt(frame: bytes, at: int) -> tuple[int, int]:
    """The varint at *at*, and where it ends."""
    number = shift = 0
    while True:
        number |= (frame[at] & 0x7F) << shift
        shift += 7
        at += 1
        if frame[at - 1] < 0x80:
            return number, at


def framed(*frames: bytes) -> bytes:
    """*frames*, each behind its length."""
    return b"".join(leb(len(each)) + each for each in frames)


# ---- frames, without their length


def message(label: str, *, flags: int = 0, **head: Any) -> bytes:
    """A message without a body, whose filt is ``{"is": label}``."""
    text = json.dumps({"f": {"is": label}} | head).encode()
    return bytes([flags]) + leb(len(text)) + text


def hello(**changed: Any) -> bytes:
    """A HELLO; keys that are None are left out."""
    said = {"wire": 1, "uuid": "C", "name": "client", "epoch": 1, "next": 1} | changed
    return bytes([HELLO]) + json.dumps({k: v for k, v in said.items() if v is not None}).encode()


def resume(session: Any, token: Any, epoch: Any, n: Any) -> dict[str, Any]:
    return {"session": session, "token": token, "epoch": epoch, "n": n}


def welcome(**changed: Any) -> bytes:
    """A WELCOME of the session "s" with the token "t"; keys that are None are left out."""
    said = {
        "outcome": "new",
        "uuid": "S",
        "name": "server",
        "session": "s",
        "token": "t",
        "gen": 1,
        "n": 0,
        "taken": 0,
        "client": "secret",
        "epoch": "life",
        "beat": 10.0,
        "maxFrame": 1 << 25,
        "schema": "",
    } | changed
    return bytes([WELCOME]) + json.dumps({k: v for k, v in said.items() if v is not None}).encode()


def close(code: Any, *, again: Any, reason: Any = "for a test") -> bytes:
    return bytes([CLOSE]) + json.dumps({"code": code, "reason": reason, "again": again}).encode()


def data(number: int, label: str = "x") -> bytes:
    return bytes([DATA]) + leb(number) + message(label, flags=1)


def reply(number: int, to: int, label: str = "x", **head: Any) -> bytes:
    return bytes([REPLY]) + leb(number) + leb(to) + message(label, flags=1, **head)


def action(
    number: int, count: int | None = None, label: str = "x", *, deadline: int = 0, flags: int = 0
) -> bytes:
    """An ACTION; *count* is the action's own number, the same as its message's unless it is given."""
    counted = leb(number) + leb(number if count is None else count) + leb(deadline)
    return bytes([ACTION]) + counted + message(label, flags=flags)


def cancel(number: int, count: int) -> bytes:
    return bytes([CANCEL]) + leb(number) + leb(count)


def ack(number: int, settled: int = 0) -> bytes:
    return bytes([ACK]) + leb(number) + leb(settled)


def beat(number: int) -> bytes:
    return bytes([BEAT]) + leb(number)


# ---- and read


def framesIn(written: list[bytes] | bytes) -> list[Frame]:
    """What was written, taken apart; it has to be whole frames."""
    stream = written if isinstance(written, bytes) else b"".join(written)
    frames: list[Frame] = []
    at = 0
    while at < len(stream):
        length, at = numberAt(stream, at)
        assert 0 < length <= len(stream) - at, "half a frame was written"
        frames.append(_parts(stream[at : at + length]))
        at += length
    return frames


_NUMBERS = {DATA: 1, ACK: 2, BEAT: 1, ACTION: 3, REPLY: 2, CANCEL: 2}


def _parts(frame: bytes) -> Frame:
    kind, at = frame[0], 1
    numbers: list[int] = []
    for _ in range(_NUMBERS.get(kind, 0)):
        number, at = numberAt(frame, at)
        numbers.append(number)
    if kind in (HELLO, WELCOME, CLOSE, SEND):
        return (kind, json.loads(frame[1:]))
    if kind in (DATA, ACTION, REPLY):
        return (kind, *numbers, _label(frame[at:]))
    assert at == len(frame)
    return (kind, *numbers)


def _label(text: bytes) -> Any:
    length, at = numberAt(text, 1)
    return json.loads(text[at : at + length]).get("f", {}).get("is")


def numberIn(frame: Frame) -> int:
    """The number of a counted frame."""
    assert isinstance(frame[1], int)
    return frame[1]
