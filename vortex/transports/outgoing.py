"""
Outgoing links over HTTP: how they end, and what their requests bear, be it an upgrade or POSTs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from twisted.web.http_headers import Headers

from vortex.errors import ConnectionLost, VortexError
from vortex.transports.dial import LinkWatcher, endOfSession, withIdentity

__all__ = ["Cookies", "Leaving", "LinkEnd", "requestHeaders", "requestUrl"]

USER_AGENT = "txvortex"

URL_CHARS = "%/:?@!$&'()*+,;=-._~"
"""What stands for itself in a URL's path and query, letters and digits besides (RFC 3986)."""

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


class Leaving:
    """
    What whoever dialled has of a link: that it can be left.

    Args:
        leave: Ends the link, for a reason.
    """

    def __init__(self, leave: Callable[[str], object]) -> None:
        self._leave = leave

    def close(self, reason: str) -> None:
        self._leave(reason)


def requestUrl(url: str, uuid: str, name: str) -> str:
    """*url* with who we are in its query, as it stands in a request: in ASCII."""
    parts = urlsplit(withIdentity(url, uuid, name))
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    return urlunsplit(
        parts._replace(
            netloc=host if parts.port is None else f"{host}:{parts.port}",
            path=quote(parts.path or "/", safe=URL_CHARS),
            query=quote(parts.query, safe=URL_CHARS),
        )
    )


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
        given: Those of an earlier link; what comes is kept here.
    """

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given

    def keep(self, headers: Sequence[str]) -> None:
        """Take them from these Set-Cookie headers."""
        for header in headers:
            cookie, *attributes = (part.strip() for part in header.split(";"))
            name, _, value = cookie.partition("=")
            if not value or "max-age=0" in (each.lower() for each in attributes):
                self._given.pop(name, None)
            elif name in self._given or len(self._given) < MAX_COOKIES:
                self._given[name] = value

    def addTo(self, headers: Headers) -> None:
        """Put them into a request's *headers*, beside those that are there."""
        cookies = [*headers.getRawHeaders("Cookie", []), *(f"{k}={v}" for k, v in self._given.items())]
        if cookies:
            headers.setRawHeaders("Cookie", ["; ".join(cookies)])
