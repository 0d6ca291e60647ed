"""
Close codes: why a link ended, as a word, a WebSocket number, and whether to come back.

The word is stable and stands in logs and in `vortex.protocol.events.Closed`; the
number is what a WebSocket close frame carries (RFC 6455 section 7.4).
"""

from __future__ import annotations

import enum

__all__ = ["CloseCode", "closeText"]

MAX_CLOSE_TEXT = 123
"""Bytes of text in a close frame (RFC 6455 section 5.5)."""


def closeText(reason: str) -> bytes:
    """*reason* in UTF-8, as much of it as a WebSocket's close frame has room for."""
    return reason.encode()[:MAX_CLOSE_TEXT].decode("utf-8", "ignore").encode()


class CloseCode(enum.Enum):
    """
    Why a link ended.

    Attributes:
        value: The word.
        number: The WebSocket close code.
        patience: Seconds that the other end has to take what was written, and to hang up.
        retry: True when the same peer may well connect again at once.
    """

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    SILENT = "silent"
    SLOW = "slow"
    SUPERSEDED = "superseded"
    UNSUPPORTED = "unsupported"
    LIMIT = "limit-exceeded"
    REFUSED = "refused"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PROTOCOL = "protocol"
    OVERFLOW = "overflow"
    SESSION_EXPIRED = "session-expired"
    STALE_EPOCH = "stale-epoch"
    RIGHTS = "rights"

    @property
    def number(self) -> int:
        return _NUMBERS[self]

    @property
    def patience(self) -> float:
        return 0.5 if self in (CloseCode.REVOKED, CloseCode.EXPIRED) else 2.0

    @property
    def retry(self) -> bool:
        return self not in _FINAL


_FINAL = (
    CloseCode.NORMAL,
    CloseCode.UNSUPPORTED,
    CloseCode.LIMIT,
    CloseCode.REFUSED,
    CloseCode.REVOKED,
    CloseCode.STALE_EPOCH,
)

_NUMBERS = {
    CloseCode.NORMAL: 1000,
    CloseCode.SHUTDOWN: 1001,
    CloseCode.LOST: 1006,
    CloseCode.SILENT: 4001,
    CloseCode.SLOW: 4002,
    CloseCode.SUPERSEDED: 4003,
    CloseCode.UNSUPPORTED: 1003,
    CloseCode.LIMIT: 1009,
    CloseCode.REFUSED: 4004,
    CloseCode.EXPIRED: 4005,
    CloseCode.REVOKED: 4006,
    CloseCode.PROTOCOL: 1002,
    CloseCode.OVERFLOW: 4007,
    CloseCode.SESSION_EXPIRED: 4008,
    CloseCode.STALE_EPOCH: 4009,
    CloseCode.RIGHTS: 4010,
}
