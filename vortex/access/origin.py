"""
Origin: which page a browser's request comes from, and whether that page may.

One check for every HTTP transport. Programs send no Origin and pass: the check
keeps other sites' pages from using a visitor's browser, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

__all__ = ["originAllowed"]

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def originAllowed(origin: str | None, host: str | None, allowedOrigins: Collection[str] = ()) -> bool:
    """
    May a page of *origin* talk to a server that was addressed as *host*?

    Args:
        origin: The request's Origin header, or None where it has none.
        host: The request's Host header.
        allowedOrigins: Origins that may besides, as browsers write them
            ("https://board.example"); "*" allows every page but one with a `null` origin.

    Returns:
        True without an Origin; True when host and port equal the Host header's (the
        scheme may differ: a proxy ends TLS; a missing port is the default of the
        Origin's scheme); True for an allowed one; False for the rest and for `null`.
    """
    if origin is None:
        return True
    if origin == "null":
        return False
    if origin in allowedOrigins or "*" in allowedOrigins:
        return True
    if host is None:
        return False
    try:
        theirs = urlsplit(origin)
        ours = urlsplit(f"//{host}")
        default = DEFAULT_PORTS.get(theirs.scheme)
        return (
            theirs.hostname is not None
            and default is not None
            and theirs.hostname == ours.hostname
            and (theirs.port or default) == (ours.port or default)
        )
    except ValueError:
        return False
