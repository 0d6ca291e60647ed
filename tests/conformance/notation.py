"""
The notation of the conformance cases, which README.md beside this describes: bytes, frames and scripts.

It is written down here by itself: nothing of the library reads or writes what is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Case", "Frames", "bytesOf", "cases", "expanded", "matches", "varint"]

HERE = Path(__file__).parent

KINDS = {
    "HELLO": 0x01,
    "WELCOME": 0x02,
    "CLOSE": 0x03,
    "SEND": 0x04,
    "PAD": 0x05,
    "DATA": 0x10,
    "ACK": 0x11,
    "BEAT": 0x12,
    "ACTION": 0x13,
    "REPLY": 0x14,
    "CANCEL": 0x15,
}
OF_JSON = ("HELLO", "WELCOME", "CLOSE", "SEND")
NUMBERS = {"DATA": 1, "ACK": 2, "BEAT": 1, "ACTION": 3, "REPLY": 2, "CANCEL": 2}
WITH_MESSAGE = ("DATA", "ACTION", "REPLY")

_BYTES = re.compile(r"'(?P<text>[^']*)'|(?P<byte>[0-9a-f]{2})\*(?P<times>\d+)|(?P<hex>(?:[0-9a-f]{2})+)| +")

Case = dict[str, Any]


def cases(*patterns: str) -> dict[str, Case]:
    """The cases of the files that fit, by file and name, with the beginnings that they use put in."""
    common = _file("common.json")
    found: dict[str, Case] = {}
    for path in sorted(path for pattern in patterns for path in HERE.glob(pattern)):
        content = _file(path.name)
        beginnings = common["beginnings"] | content.get("beginnings", {})
        for case in content["cases"]:
            name = f"{path.stem}: {case['name']}"
            assert name not in found, f"two cases are called {name!r}"
            steps = list(_steps(case.get("steps", []), beginnings))
            found[name] = case | {"steps": steps} if steps else case
    return found


def _file(name: str) -> dict[str, Any]:
    content = json.loads((HERE / name).read_text())
    assert isinstance(content, dict)
    return content


def _steps(steps: list[Any], beginnings: dict[str, Any]) -> Iterator[list[Any]]:
    for step in expanded(steps):
        if step[0] == "use":
            yield from _steps(beginnings[step[1]], beginnings)
        else:
            yield step


def expanded(items: list[Any]) -> Iterator[Any]:
    """*items* with each ``["each", first, last, item]`` put in as often as it says, "#" being the number."""
    for item in items:
        if isinstance(item, list) and item and item[0] == "each":
            _, first, last, each = item
            for number in range(first, last + 1):
                yield _numbered(each, number)
        else:
            yield item


def _numbered(item: Any, number: int) -> Any:
    if isinstance(item, list):
        return [_numbered(part, number) for part in item]
    return number if item == "#" else item


def bytesOf(text: str) -> bytes:
    """What is written as hexadecimal digits, ``20*2048``, and text in single quotes."""
    found = bytearray()
    at = 0
    for match in _BYTES.finditer(text):
        assert match.start() == at, f"no bytes: {text[at:]!r:.60}"
        at = match.end()
        if match["text"] is not None:
            found += match["text"].encode()
        elif match["byte"] is not None:
            found += bytes.fromhex(match["byte"]) * int(match["times"])
        elif match["hex"] is not None:
            found += bytes.fromhex(match["hex"])
    assert at == len(text), f"no bytes: {text[at:]!r:.60}"
    return bytes(found)


def varint(number: int) -> bytes:
    """Seven bits in a byte, the lowest first."""
    more = number >> 7
    return bytes((number & 0x7F | (0x80 if more else 0),)) + (varint(more) if more else b"")


def matches(found: Any, expected: Any, bound: dict[str, str]) -> bool:
    """
    Whether *found* is what was *expected*: of an object the keys that are named; null: it is not there.

    Args:
        bound: What ``"$names"`` stand for; one that is new takes what was found.
    """
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            matches(found.get(key), value, bound) for key, value in expected.items()
        )
    if isinstance(expected, str) and expected.startswith("$"):
        return isinstance(found, str) and bound.setdefault(expected, found) == found
    if isinstance(expected, str) and re.fullmatch("/.*/", expected):
        return isinstance(found, str) and re.fullmatch(expected[1:-1], found) is not None
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(matches(*pair, bound) for pair in zip(found, expected, strict=True))
        )
    return type(found) is type(expected) and bool(found == expected)


class Frames:
    """
    Frames as cases write them, to bytes and back.

    Attributes:
        messages: The bytes of each message that has a name.
    """

    def __init__(self) -> None:
        common = _file("common.json")
        self.messages = {name: bytesOf(text) for name, text in common["messages"].items()}
        self._names = {content: name for name, content in self.messages.items()}
        self._defaults: dict[str, dict[str, Any]] = common["defaults"]

    def nameOf(self, message: bytes) -> Any:
        """What *message* is called; of one without a name its head."""
        name = self._names.get(message)
        if name is not None:
            return name
        length, rest = _readVarint(message[1:])
        return json.loads(rest[:length])

    def encoded(self, frame: Any, bound: dict[str, str] | None = None) -> bytes:
        """*frame* as it stands on the wire."""
        if isinstance(frame, list) and frame[0] == "raw":
            return bytesOf(frame[1])
        content = bytesOf(frame) if isinstance(frame, str) else self._content(frame, bound or {})
        return varint(len(content)) + content

    def _content(self, frame: list[Any], bound: dict[str, str]) -> bytes:
        kind, *parts = frame
        start = bytes((KINDS[kind],))
        if kind in OF_JSON:
            values = self._defaults.get(kind, {}) | parts[0]
            said = {key: value for key, value in values.items() if value is not None}
            return start + json.dumps(_replaced(said, bound), ensure_ascii=False).encode()
        if kind == "PAD":
            return start + bytesOf(parts[0])
        if kind in WITH_MESSAGE:
            *parts, message = parts
            return start + b"".join(map(varint, parts)) + self.messages[message]
        return start + b"".join(map(varint, parts))

    def decoded(self, wire: bytes) -> Iterator[list[Any]]:
        """The frames in *wire*, which holds whole ones only; messages by their names."""
        while wire:
            length, wire = _readVarint(wire)
            content, wire = wire[:length], wire[length:]
            assert length
            assert len(content) == length, "a frame that was written ends early"
            yield self._decoded(content)

    def _decoded(self, content: bytes) -> list[Any]:
        kind = next(name for name, number in KINDS.items() if number == content[0])
        rest = content[1:]
        if kind in OF_JSON:
            return [kind, json.loads(rest)]
        if kind == "PAD":
            return [kind, rest.hex(" ")]
        frame: list[Any] = [kind]
        for _ in range(NUMBERS[kind]):
            number, rest = _readVarint(rest)
            frame.append(number)
        if kind in WITH_MESSAGE:
            frame.append(self.nameOf(rest))
        else:
            assert not rest, f"{kind} has {len(rest)} bytes too many"
        return frame


def _readVarint(data: bytes) -> tuple[int, bytes]:
    number = data[0] & 0x7F
    if data[0] < 0x80:
        return number, data[1:]
    more, rest = _readVarint(data[1:])
    return number | more << 7, rest


def _replaced(value: Any, bound: dict[str, str]) -> Any:
    """*value* with what its ``"$names"`` stand for."""
    if isinstance(value, dict):
        return {key: _replaced(item, bound) for key, item in value.items()}
    return bound[value] if isinstance(value, str) and value.startswith("$") else value
