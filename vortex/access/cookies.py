"""
CookieAuthenticator: who somebody is, by asking an application that has its own logins.

A browser sends a site's cookies with each request to it, an upgrade to a WebSocket too. What they mean, only
the application knows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from vortex.access.principal import Credentials, Found

__all__ = ["CookieAuthenticator"]

Check = Callable[[Credentials], Found | Deferred[Found] | Coroutine[Any, Any, Found]]


class CookieAuthenticator:
    """
    Asks a function of the application's about each request that bears cookies.

    Args:
        check: Called with the `Credentials`, whose ``cookies`` are a dict. It returns a `Principal`, None for
            cookies that say nothing to it, or a Deferred or a coroutine of those. It raises `AccessDenied`
            for cookies that are wrong: a session that is over.

    Other sites' pages make a browser send its cookies too. They are kept out before anybody is asked: see
    ``allowedOrigins`` of `VortexResource`.
    """

    def __init__(self, check: Check) -> None:
        if not callable(check):
            raise TypeError(f"expected a function that is called with the credentials, got {check!r}")
        self._check = check

    def authenticate(self, credentials: Credentials) -> Found | Deferred[Found] | Coroutine[Any, Any, Found]:
        """Whose cookies they are; None without any."""
        return self._check(credentials) if credentials.cookies else None
