"""
SessionTokens: what a session of the native wire is resumed with, as the server knows it.

Each WELCOME brings another. As it may be lost, those before stay good until something shows that it was not.
Only hashes are kept.
"""

from __future__ import annotations

import hashlib
import secrets
import struct

__all__ = ["SessionTokens", "newSecret"]

MAX_OLDER = 16
"""How many tokens may be good besides the present one: one for each WELCOME in a row that may be lost."""

MAX_RETIRED = 1024
RETIRED_FOR = 600.0
"""How many of those that are good no more are known still, and for how many seconds: somebody may have begun
to send while they were."""

_RETIRED = struct.Struct("<16sd")


class SessionTokens:
    """
    Args:
        linger: Seconds for which an older token is good at most, from when it was replaced, or the session
            was left without a connection.
    """

    __slots__ = ("_linger", "_older", "_present", "_retired")

    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._present = b""
        self._older: dict[bytes, float] = {}  # when each was replaced; the one that was shown last is last
        self._retired = bytearray()  # hashes of those before, and when each was good no more, the latest last

    def renew(self, now: float) -> str:
        """The next one; that which was the present one is an older one from now on."""
        if self._present:
            self._older[self._present] = now
            if len(self._older) > MAX_OLDER:
                del self._older[next(iter(self._older))]
        token = newSecret()
        self._present = _hash(token)
        return token

    def isGood(self, token: str, now: float, lostAt: float) -> bool:
        """Whether *token* is good now; *lostAt* is when the session was without a connection last."""
        shown = _hash(token)
        if secrets.compare_digest(shown, self._present):
            return True
        replacedAt = self._older.get(shown)
        return replacedAt is not None and now < max(replacedAt, lostAt) + self._linger

    def wasGood(self, token: str, when: float) -> bool:
        """Whether *token* is good no more, and was at that time."""
        at = self._retired.rfind(_hash(token)[:16])
        if at < 0 or at % _RETIRED.size:
            return False
        return when < float(_RETIRED.unpack_from(self._retired, at)[1])

    def shown(self, token: str, now: float) -> bool:
        """Somebody has shown *token*. Returns whether it is the present one: then no older one is needed."""
        shown = _hash(token)
        if secrets.compare_digest(shown, self._present):
            self.arrived(now)
            return True
        if shown in self._older:
            self._older[shown] = self._older.pop(shown)
        return False

    def arrived(self, now: float) -> None:
        """The present one has arrived: no older one is good any more."""
        if not self._older:
            return
        for each in self._older:
            self._retired += _RETIRED.pack(each[:16], now)
        self._older.clear()
        first = 0
        while (
            first < len(self._retired) and _RETIRED.unpack_from(self._retired, first)[1] <= now - RETIRED_FOR
        ):
            first += _RETIRED.size
        del self._retired[: max(first, len(self._retired) - MAX_RETIRED * _RETIRED.size)]


def newSecret() -> str:
    """256 random bits, as they travel."""
    return secrets.token_urlsafe(32)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
