"""
Listening: what to tell of an address that somebody else has.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import NoReturn

from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from vortex.errors import AddressInUse

__all__ = ["cannotListen"]


def cannotListen(failure: Failure, where: object) -> NoReturn:
    """
    Args:
        failure: What Twisted says.
        where: The endpoint, for people to read.

    Raises:
        AddressInUse: If something else is there.
        Exception: What *failure* is, if it is something else.
    """
    error = failure.value
    if isinstance(error, CannotListenError):
        if _isUnixPath(error):
            path = Path(os.fsdecode(error.port))
            if isinstance(error.socketError, OSError):
                _removeLock(path)
            problem = _unixProblem(path)
            if problem is not None:
                raise AddressInUse(f"cannot listen at {where}: {problem}") from None
        elif getattr(error.socketError, "errno", None) == errno.EADDRINUSE:
            raise AddressInUse(
                f"cannot listen at {where}: another program listens at port {error.port}; "
                "end that one, or take another port"
            ) from None
    failure.raiseException()


def _isUnixPath(error: CannotListenError) -> bool:
    return error.interface is None and isinstance(error.port, bytes)


def _lockOf(path: Path) -> Path:
    """The link that Twisted makes to its process's number, so that nobody takes its socket for left over."""
    return Path(f"{path}.lock")


def _removeLock(path: Path) -> None:
    """Twisted has got as far as to make it, and leaves it behind: so nobody could listen here later."""
    lock = _lockOf(path)
    if lock.is_symlink() and str(lock.readlink()) == str(os.getpid()):
        lock.unlink()


def _unixProblem(path: Path) -> str | None:
    """What is at *path* already, and what to do about it; None if that is not the problem."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    if not stat.S_ISSOCK(mode):
        return f"there is a file {str(path)!r}, which is no socket; choose another path"
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            lock = _lockOf(path)
            files = f"remove {str(path)!r}" + (f" and {str(lock)!r}" if lock.is_symlink() else "")
            return f"a program that is gone has left a socket there; {files}, then listen again"
        except OSError:
            pass
    return f"another program listens at {str(path)!r}; end that one, or choose another path"
