"""
Frames of the native wire by hand, as docs/reference/wire-format.md says: nothing of the library is used.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.protocol.native_wire import (
    ACK,
    ACTION,
    BEAT,
    CANCEL,
    CLOSE,
    DATA,
    HELLO,
    REPLY,
    WELCOME,
    framed,
    leb,
    numberAt,
)

__all__ = [
    "ACK",
    "ACTION",
    "BEAT",
    "CANCEL",
    "CLOSE",
    "DATA",
    "HELLO",
    "REPLY",
    "WELCOME",
    "Frame",
    "ack",
    "action",
    "bodyOf",
    "cancel",
    "framesIn",
    "hello",
    "leb",
    "message",
    "numberAt",
]

IS_REPLY, COMPRESSED, HAS_BODY, EXPECTS_ANSWER = 1, 2, 4, 8


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def hello(client: str | None = None, *, epoch: int = 1, next: int = 1, **more: Any) -> bytes:
    said = {"wire": 1, "uuid": "uuid of ada", "name": "ada", "epoch": epoch, "next": next, **more}
    if client is not None:
        said["client"] = client
    return _framed(HELLO, _json(said))


def message(
    filt: dict[str, Any],
    tuples: list[Any] | None = None,
    *,
    expectsAnswer: bool = True,
    isReply: bool = False,
) -> bytes:
    """
    Args:
        tuples: Tuples as ``(type, {field: plain value})``, and other values; None: no body.
    """
    flags = EXPECTS_ANSWER * expectsAnswer | IS_REPLY * isReply | HAS_BODY * (tuples is not None)
    head = _json({"f": filt, "d": 1_700_000_000_000_000})
    body = b"" if tuples is None else _json([_group(each) for each in tuples])
    return bytes((flags,)) + leb(len(head)) + head + body


def _group(value: Any) -> dict[str, Any]:
    if not isinstance(value, tuple):
        return {"v": [value]}
    name, fields = value
    return {"t": name, "f": list(fields), "k": "p" * len(fields), "r": [list(fields.values())]}


def action(number: int, action_: int, message_: bytes, *, deadline: int = 0) -> bytes:
    return _framed(ACTION, leb(number) + leb(action_) + leb(deadline) + message_)


def cancel(number: int, action_: int) -> bytes:
    return _framed(CANCEL, leb(number) + leb(action_))


def ack(number: int, settled: int = 0) -> bytes:
    return _framed(ACK, leb(number) + leb(settled))


def _framed(kind: int, rest: bytes) -> bytes:
    return framed(bytes((kind,)) + rest)


@dataclass
class Frame:
    """
    Attributes:
        number, action: 0 where there is none.
        json: What a HELLO, WELCOME or CLOSE says, or a message's head.
        rest: Its message, or all that follows its kind.
    """

    kind: int
    number: int
    action: int
    json: dict[str, Any]
    rest: bytes

    @property
    def body(self) -> Any:
        return bodyOf(self.rest)


def framesIn(data: bytes) -> Iterator[Frame]:
    """The whole frames in *data*; what follows the last is dropped."""
    at = 0
    while at < len(data):
        try:
            length, start = numberAt(data, at)
        except IndexError:
            return
        if start + length > len(data):
            return
        yield _read(data[start], data[start + 1 : start + length])
        at = start + length


def _read(kind: int, rest: bytes) -> Frame:
    number = action_ = 0
    said: dict[str, Any] = {}
    if kind in (HELLO, WELCOME, CLOSE):
        said = json.loads(rest)
    elif kind in (DATA, REPLY):
        number, at = numberAt(rest, 0)
        if kind == REPLY:
            action_, at = numberAt(rest, at)
        rest = rest[at:]
        size, at = numberAt(rest, 1)
        said = json.loads(rest[at : at + size] or b"{}")
    elif kind == ACK:
        number, _ = numberAt(rest, 0)
    return Frame(kind, number, action_, said, rest)


def bodyOf(message_: bytes) -> Any:
    """The groups of a message's body; None if it has none."""
    if not message_[0] & HAS_BODY:
        return None
    size, at = numberAt(message_, 1)
    body = message_[at + size :]
    return json.loads(zlib.decompress(body) if message_[0] & COMPRESSED else body)
