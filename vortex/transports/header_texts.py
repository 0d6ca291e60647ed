"""
Header texts: what stands in the headers of HTTP, whoever has written them.

They are bytes, which Twisted takes for UTF-8 and is at its end where they are not.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers

__all__ = ["headerText", "headerTexts"]


def headerTexts(headers: Headers, name: str) -> list[str]:
    """What each header of that *name* says; a byte that is no UTF-8 is a replacement character."""
    return [value.decode("utf-8", "replace") for value in headers.getRawHeaders(name.encode(), [])]


def headerText(headers: Headers, name: str) -> str | None:
    """As `headerTexts`, of the first; None if there is none."""
    texts = headerTexts(headers, name)
    return texts[0] if texts else None
