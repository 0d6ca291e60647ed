"""
Exit codes: how a command ended, for scripts.

They are documented in docs/reference/command-line.md, and stay what they are.
"""

from __future__ import annotations

import enum

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    EncodeError,
    NotConnected,
    RemoteError,
    RequestTimeout,
    VortexError,
)

__all__ = ["Ended", "ExitCode", "endedBy"]


class ExitCode(enum.IntEnum):
    """What each means; a signal's is 128 and its number, as shells have it."""

    OK = 0
    REMOTE_ERROR = 1
    """The other end answered with an error, or with what cannot be read."""
    USAGE = 2
    """What was asked for cannot be done as it was written."""
    NOT_CONNECTED = 3
    NO_ANSWER = 4
    ACCESS_DENIED = 5


_DENIED = (AccessDenied.code, "unauthenticated")


class Ended(Exception):
    """
    A command cannot go on.

    Args:
        code: What it ends with.
        text: Why, for the person who typed it.
    """

    def __init__(self, code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def endedBy(error: VortexError) -> Ended:
    """What a request that failed with *error* ends a command with."""
    match error:
        case AccessDenied():
            return Ended(ExitCode.ACCESS_DENIED, f"{error.code}: {error}")
        case RemoteError():
            code = ExitCode.ACCESS_DENIED if error.code in _DENIED else ExitCode.REMOTE_ERROR
            return Ended(code, f"{error.code}: {error}")
        case RequestTimeout() | ConnectionLost() | NotConnected():  # which was there before it was asked
            return Ended(ExitCode.NO_ANSWER, f"{error.code}: {error}")
        case EncodeError():
            return Ended(ExitCode.USAGE, f"this cannot be sent: {error}")
    return Ended(ExitCode.REMOTE_ERROR, f"{error.code}: {error}")
