"""
Harmless: text from elsewhere, fit for a terminal.

What a peer sends may hold characters that a terminal obeys, or that make a line read differently from what it
says: controls, escapes, changes of direction. They are written as escapes here, and so they are seen.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

__all__ = ["harmless", "harmlessJson", "width"]

# Controls, changes of direction and other formats, line and paragraph separators, halves of surrogate pairs.
_HARMFUL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e0fff]"
)


def _escaped(match: re.Match[str], *, isJson: bool) -> str:
    number = ord(match[0])
    if number > 0xFFFF:
        high, low = divmod(number - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}" if isJson else f"\\U{number:08x}"
    if number > 0xFF or isJson:
        return f"\\u{number:04x}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(match[0], f"\\x{number:02x}")


def harmless(text: str) -> str:
    """*text* in one line, with escapes as Python has them for what is not to reach a terminal."""
    return _HARMFUL.sub(partial(_escaped, isJson=False), text)


def harmlessJson(text: str) -> str:
    """The JSON *text* with JSON's escapes for the same; it stands for what it stood for."""
    return _HARMFUL.sub(partial(_escaped, isJson=True), text)


def width(text: str) -> int:
    """How many columns of a terminal a harmless *text* takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
