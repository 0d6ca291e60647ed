"""
JSON as this wire has it: strict and fast where it can be, lenient where peers are.

orjson reads and writes nearly everything. What it refuses or would spoil, and VortexPY
sends, goes to the standard library: ``NaN`` and ``Infinity``, lone surrogates, integers
over 64 bits, and VortexJS's texts in Latin-1.

Depth, items and string lengths are counted in the text, before anything is made of it.
What the values mean (tagged types, tuples) is `vortex.tuples.convert`'s.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Collection
from typing import Any

import orjson

from vortex.errors import DecodeError, EncodeError, LimitExceeded
from vortex.limits import Limits

__all__ = ["dumps", "dumpsAscii", "loads"]

MAX_DIGITS = 4300
"""Digits in one integer; reading is quadratic in them, so Python itself stops at as many by default."""

_ALL_BRACKETS_ALIKE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_NOT_MARKS = bytes(set(range(256)) - set(b'",:[{'))
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_MANY = 64 << 10  # bytes of JSON in which there may be many objects
_LONG_NUMBER = b"0" * 19  # the shortest integer that may not fit in 64 bits


def loads(
    data: bytes | str,
    limits: Limits,
    *,
    bodyKeys: Collection[str] = (),
    extraLevels: int = 0,
    isHead: bool = False,
) -> Any:
    """
    Read one JSON text.

    Args:
        data: UTF-8, or Latin-1 where it is no UTF-8; or text.
        limits: maxDepth, maxNodes and maxString hold for it.
        bodyKeys: Keys of the outermost object whose value may be longer than maxString: a payload in its
            envelope is a body, for which other limits hold.
        extraLevels: By how many levels maxDepth is exceeded by what stands around the values.
        isHead: Whether maxHeadNodes holds for it, and not maxNodes.

    Returns:
        None, bool, int, float, str, list and dict, nested. Of a key that comes twice the last value counts.

    Raises:
        DecodeError: If it is not JSON.
        LimitExceeded: If it is too deep, or has too many items or a string that is too long.
    """
    text = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if isHead:
        _checkNodes(text, "maxHeadNodes", limits.maxHeadNodes)
    else:
        _checkNodes(text, "maxNodes", limits.maxNodes)
    if len(text) > limits.maxString:
        _checkStrings(text, limits.maxString, len(bodyKeys))
    try:
        value = _loadsSlowly(data, text, limits) if _mayHoldLongInteger(text) else _loadsFast(text)
    except orjson.JSONDecodeError:
        value = _loadsSlowly(data, text, limits)
    _checkDepth(text, limits.maxDepth + extraLevels)
    if bodyKeys and len(text) > limits.maxString:
        _checkStrings(text, limits.maxString, sum(_isLong(value, key, limits.maxString) for key in bodyKeys))
    return value


def dumps(value: Any) -> bytes:
    """
    Write JSON in UTF-8, without spaces.

    Args:
        value: What `vortex.tuples.convert.toJsonable` returns.

    Raises:
        EncodeError: If *value* holds what JSON cannot.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # over 64 bits, not a finite number, half a surrogate pair: or really no JSON
        return _dumpsSlowly(value)


def dumpsAscii(value: Any) -> bytes:
    """As `dumps`, with every character outside ASCII escaped: VortexJS cannot read an envelope otherwise."""
    text = dumps(value)
    return text if text.isascii() else _dumpsSlowly(value)


def _loadsFast(text: bytes) -> Any:
    if len(text) < _MANY or not gc.isenabled():
        return orjson.loads(text)
    # Nothing in a JSON text is garbage, and to look for some as its objects become more takes many times as
    # long as to make them, in which no other thread gets on. None does until this is over, either way.
    gc.disable()
    try:
        return orjson.loads(text)
    finally:
        gc.enable()


# ---- the slow way, for what orjson does not do


def _mayHoldLongInteger(text: bytes) -> bool:
    """Whether so many digits follow each other anywhere but behind a point, where floats have them."""
    digits = text.translate(_DIGITS)
    start = digits.find(_LONG_NUMBER)
    while start >= 0:
        if text[start - 1 : start] != b".":
            return True
        start = digits.find(_LONG_NUMBER, digits.find(b" ", start))
    return False


def _loadsSlowly(data: bytes | str, encoded: bytes, limits: Limits) -> Any:
    try:
        text = data if isinstance(data, str) else encoded.decode("utf-8")
    except UnicodeDecodeError:
        text = encoded.decode("latin-1")
    try:
        return json.loads(text, parse_int=_parseInt)
    except RecursionError as exc:
        raise _tooDeep(limits.maxDepth) from exc
    except ValueError as exc:
        raise DecodeError(f"expected JSON, and it is none: {exc}") from exc


def _parseInt(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise DecodeError(f"expected an integer of at most {MAX_DIGITS} digits, got one of {len(digits)}")
    return int(digits)


def _dumpsSlowly(value: Any) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as exc:
        raise EncodeError(f"this cannot be written as JSON: {exc}") from exc


def _isLong(value: Any, key: str, most: int) -> bool:
    """Whether *value* has a body at *key* that may have had over *most* bytes in the text, with escapes."""
    body = value.get(key) if isinstance(value, dict) else None
    if isinstance(body, dict):  # tagged as bytes
        body = body.get("_fd")
    return isinstance(body, str) and 6 * len(body) > most


# ---- counting in the text. Nothing in here loops over bytes in Python.


def _outsideStrings(text: bytes, dropped: bytes) -> bytes:
    """
    What *text* holds outside its strings, less the bytes in *dropped* (never the quote).

    Exact for as much of the text as is JSON; whatever follows is refused by the parser anyway.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = text.translate(None, dropped).replace(b'""', b"")
    if b'"' in marks:  # quotes are left over only where a string holds such a byte
        marks = b"".join(marks.split(b'"')[::2])
    return marks


def _checkDepth(text: bytes, most: int) -> None:
    """Only for a text that is JSON: its brackets match, and each round takes the innermost level away."""
    if text.count(b"[") + text.count(b"{") <= most:
        return
    brackets = _outsideStrings(text, _NOT_BRACKETS).translate(_ALL_BRACKETS_ALIKE)
    for _ in range(most):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise _tooDeep(most)


def _tooDeep(most: int) -> LimitExceeded:
    return LimitExceeded("maxDepth", f"the JSON is deeper than the {most} levels accepted")


def _checkNodes(text: bytes, limit: str, most: int) -> None:
    """Every value or key but the first follows one of these four marks."""
    if len(text) <= most:
        return

    def count(marks: bytes) -> int:
        return 1 + marks.count(b",") + marks.count(b":") + marks.count(b"[") + marks.count(b"{")

    if count(text) > most and count(_outsideStrings(text, _NOT_MARKS)) > most:
        raise LimitExceeded(limit, f"the JSON has more than the {most} items accepted")


def _checkStrings(text: bytes, most: int, allowed: int) -> None:
    """
    Find strings of over *most* bytes without visiting every string.

    Such a string is a stretch of over *most* bytes without a quote, so it is enough to jump from each quote
    to the last one within reach.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"--").replace(b'\\"', b"--")
    start = counted = quotes = 0
    while start + most < len(text):
        last = text.rfind(b'"', start, start + most + 1)
        if last >= 0:
            start = last + 1
            continue
        quotes += text.count(b'"', counted, start)
        end = text.find(b'"', start)
        if end < 0:
            end = len(text)
        if quotes % 2:
            allowed -= 1
            if allowed < 0:
                raise LimitExceeded(
                    "maxString", f"the JSON has a string of {end - start} bytes, {most} are accepted"
                )
        counted, start = start, end + 1
