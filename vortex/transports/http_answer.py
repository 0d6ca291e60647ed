"""
Answers over HTTP that are not what was asked for: what to tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet import error as errors
from twisted.python.failure import Failure

from vortex.errors import NotConnected, VortexError
from vortex.transports.dial import cannotConnect, httpError
from vortex.transports.strangers import notHttp

__all__ = ["MAX_TEXT", "NoHttp", "UpgradeAnswer", "answerError", "noAnswer", "wholeLine"]

MAX_TEXT = 1024
"""Bytes of an error's text that are read; the first line of them is told."""

MAX_SHOWN = 300
"""Characters of that line that are told."""


class NoHttp(Exception):
    """A request was answered by something else than HTTP: what to tell of that, without where."""


def noAnswer(failure: Failure, where: str) -> VortexError:
    """What to tell of a request that was not answered at all, as `cannotConnect` does."""
    if isinstance(failure.value, NoHttp):
        return NotConnected(f"{where}: {failure.value}")
    if failure.check(errors.ConnectionDone, errors.ConnectionLost):
        return NotConnected(f"{where}: the other end hung up without an answer")
    return cannotConnect(failure, where)


def wholeLine(body: bytes) -> bool:
    """Whether *body*, the beginning of an error's text, is as much of it as is told."""
    return b"\n" in body.lstrip() or len(body) >= MAX_TEXT


def answerError(where: str, status: int, phrase: str, headers: Mapping[str, str], body: bytes) -> VortexError:
    """
    What to tell of an answer that is not a vortex's.

    Args:
        where: The URL that was dialled, for people to read.
        phrase: What stands behind the status; the text, if there is no other.
        headers: Of the answer, by lower-case name.
        body: Its beginning, up to `MAX_TEXT` bytes.
    """
    location = headers.get("location")
    if 300 <= status < 400 and location:
        return NotConnected(f"{where}: it is somewhere else, the server says: connect to {_shown(location)}")
    isPage = "html" in headers.get("content-type", "").lower()
    if isPage and status < 400:
        return NotConnected(
            f"{where}: expected a vortex, got a page: is there a login in between, or is the path wrong?"
        )
    lines = [] if isPage else body[:MAX_TEXT].decode("utf-8", "replace").strip().splitlines()
    return httpError(status, _shown(lines[0].strip() if lines else phrase) or "no more was said", where)


def _shown(text: str) -> str:
    """*text* for a log: a server may say anything."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:MAX_SHOWN])


class UpgradeAnswer:
    """What a server says to an upgrade: the head of an HTTP response."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        status, *lines = head.decode("latin-1").split("\r\n")
        _version, _, status = status.partition(" ")
        number, _, self._phrase = status.partition(" ")
        self.status = int(number) if len(number) == 3 and number.isdecimal() else 0
        self._headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }

    def isWhole(self, body: bytes) -> bool:
        """Whether *body* is as much of the response's as is told."""
        length = self._headers.get("content-length", "")
        isShort = length.isdecimal() and len(length) < 10 and len(body) >= int(length)
        # Of a refusal its text is told; what is none may be held open for ever.
        return self.status < 300 or isShort or wholeLine(self._text(body))

    def error(self, where: str, body: bytes) -> VortexError:
        if not self.status:
            problem = notHttp(self._head) or "expected HTTP, got something else"
            return NotConnected(f"{where}: {problem}")
        if self.status == 101:
            return NotConnected(f"{where}: the connection broke in the midst of the handshake")
        if self.status < 300 and "html" not in self._headers.get("content-type", "").lower():
            text = f"expected a WebSocket, got HTTP status {self.status}: is the path wrong, or http:// only?"
            return NotConnected(f"{where}: {text}")
        return answerError(where, self.status, self._phrase, self._headers, self._text(body))

    def _text(self, body: bytes) -> bytes:
        """*body*, without the length that stands before a chunk."""
        if self._headers.get("transfer-encoding", "").lower() == "chunked":
            return body.partition(b"\r\n")[2]
        return body
