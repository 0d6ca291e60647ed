"""
Outgoing links over HTTP: how they end, and what their requests bear, be it an upgrade or POSTs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.web.http_headers import Headers

from vortex.errors import ConnectionLost, VortexError
from vortex.transports.dial import LinkWatcher, endOfSession

__all__ = ["Cookies", "LinkEnd", "requestHeaders"]

USER_AGENT = "txvortex"

MAX_COOKIES = 20
"""Cookies of a server that are kept."""


class LinkEnd:
    """
    How a link ends: the first error counts, and the watcher is told it once.

    Args:
        where: The URL, for people to read.
    """

    def __init__(self, watcher: LinkWatcher, where: str) -> None:
        self.where = where
        self._watcher = watcher
        self._error: VortexError | None = None
        self._told = False

    def because(self, error: VortexError) -> None:
        """It is going to end, or has ended, because of *error*, unless something came before."""
        if self._error is None:
            self._error = error

    def sessionClosed(self, code: str, reason: str) -> None:
        """The session is over, for one of `CloseCode`'s words."""
        self.because(endOfSession(code, reason, self.where) or ConnectionLost(f"{self.where}: {reason}"))

    def tell(self) -> None:
        """Nothing of the link is left."""
        if not self._told:
            self._told = True
            self._watcher.linkEnded(self._error or ConnectionLost(f"{self.where}: the connection is gone"))


def requestHeaders(headers: Mapping[str, str]) -> Headers:
    """
    What a request of ours bears besides what HTTP needs.

    Args:
        headers: What is to be in it; these come before ours.
    """
    sent = Headers({"User-Agent": [USER_AGENT]})
    for name, value in headers.items():
        sent.setRawHeaders(name, [value])
    return sent


class Cookies:
    """
    What the server has given, to be shown again. There is one URL, so it needs no rules whose they are.

    Args:
        own: The Cookie headers that are sent besides.
    """

    def __init__(self, own: Sequence[str]) -> None:
        self._own = list(own)
        self._given: dict[str, str] = {}

    def keep(self, headers: Sequence[str]) -> None:
        """Take them from these Set-Cookie headers."""
        for header in headers:
            cookie, *attributes = (part.strip() for part in header.split(";"))
            name, _, value = cookie.partition("=")
            if not value or "max-age=0" in (each.lower() for each in attributes):
                self._given.pop(name, None)
            elif name in self._given or len(self._given) < MAX_COOKIES:
                self._given[name] = value

    def setIn(self, headers: Headers) -> None:
        """Put them into a request's *headers*."""
        cookies = [*self._own, *(f"{name}={value}" for name, value in self._given.items())]
        if cookies:
            headers.setRawHeaders("Cookie", ["; ".join(cookies)])
