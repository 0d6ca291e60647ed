"""
Listening: a Unix socket that is left over makes way, and what to tell of an address that somebody else has.

Twisted keeps a link beside a socket, its lock, to the number of the process that has it, and takes for alive
whatever runs by that number. In a container that is itself, each time. So here a socket is tried instead:
where a connection is refused, nobody listens.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from pathlib import Path
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import AddressInUse

__all__ = ["listenAt"]

log = Logger()

_UNIX = re.compile(r"unix:(?:address=)?(?P<path>(?:[^:\\]|\\.)+)")
"""The beginning of an endpoint's description, in which a backslash stands before what is no separator."""


def listenAt(
    endpoint: IStreamServerEndpoint, factory: IProtocolFactory, where: object
) -> Deferred[IListeningPort]:
    """
    Listen at *endpoint*, in the place of a Unix socket that was left there.

    Args:
        where: The endpoint, for people to read: its description, where it has one.

    Returns:
        A Deferred with the port. It fails with `AddressInUse` if something else is there, and with what
        Twisted raises where it cannot listen for another reason.
    """

    def failed(failure: Failure) -> Deferred[IListeningPort]:
        path = _unixPath(where, failure)
        if path is None or not _makeWay(path):
            _cannotListen(failure, where, path)
        log.info("nobody has listened at {path} any more, which was left over", path=str(path))
        return endpoint.listen(factory).addErrback(lambda again: _cannotListen(again, where, path))

    return endpoint.listen(factory).addErrback(failed)


def _cannotListen(failure: Failure, where: object, path: Path | None) -> NoReturn:
    """
    Args:
        failure: What Twisted says.
        path: Of the Unix socket, if it is one.

    Raises:
        AddressInUse: If something else is there.
        Exception: What *failure* is, if it is something else.
    """
    error = failure.value
    if path is not None:
        if _lockHolder(path) == str(os.getpid()) and _wasBinding(error):
            _lockOf(path).unlink()  # Twisted has got as far as to make it, and leaves it behind
        problem = _unixProblem(path)
        if problem is not None:
            raise AddressInUse(f"cannot listen at {where}: {problem}") from None
    elif isinstance(error, CannotListenError) and _errno(error.socketError) == errno.EADDRINUSE:
        raise AddressInUse(
            f"cannot listen at {where}: another program listens at port {error.port}; "
            "end that one, or take another port"
        ) from None
    failure.raiseException()


def _errno(error: object) -> int:
    return getattr(error, "errno", None) or 0


def _wasBinding(error: BaseException | None) -> bool:
    return isinstance(error, CannotListenError) and isinstance(error.socketError, OSError)


def _unixPath(where: object, failure: Failure) -> Path | None:
    """The path of the Unix socket that it is about; None if it is no such socket, or has no path."""
    error = failure.value
    if isinstance(error, CannotListenError):
        isUnix = error.interface is None and isinstance(error.port, bytes)
        return Path(os.fsdecode(error.port)) if isUnix else None
    described = _UNIX.match(where) if isinstance(where, str) else None
    return None if described is None else Path(re.sub(r"\\(.)", r"\1", described["path"]))


def _lockOf(path: Path) -> Path:
    return Path(f"{path}.lock")


def _lockHolder(path: Path) -> str | None:
    """The number of the process whose lock there is; None where there is none."""
    try:
        return str(_lockOf(path).readlink())
    except OSError:
        return None


def _makeWay(path: Path) -> bool:
    """Remove a socket that nobody listens on, with its lock; whether that was done."""
    mode = _modeOf(path)
    if mode is None:
        # A lock of our own without a socket is of a process that had our number.
        isLeft = _lockHolder(path) == str(os.getpid())
    else:
        isLeft = stat.S_ISSOCK(mode) and _refusal(path) == errno.ECONNREFUSED  # as a plain file does, too
    if not isLeft:
        return False
    try:
        path.unlink(missing_ok=True)
        _lockOf(path).unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _modeOf(path: Path) -> int | None:
    """What kind of file is at *path*; None where there is none."""
    try:
        return path.lstat().st_mode
    except OSError:
        return None


def _refusal(path: Path) -> int | None:
    """The error's number with which a connection to the socket at *path* fails; None if it does not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except OSError as error:
            return _errno(error)
    return None


def _unixProblem(path: Path) -> str | None:
    """What is at *path* already, and what to do about it; None if that is not the problem."""
    holder, lock, mode = _lockHolder(path), _lockOf(path), _modeOf(path)
    if mode is None:
        if holder is None:
            return None
        return (
            f"by {str(lock)!r} it is process {holder} that listens there, though there is no socket; "
            f"if it is not just beginning to, remove {str(lock)!r}"
        )
    if not stat.S_ISSOCK(mode):
        return f"there is a file {str(path)!r}, which is no socket; choose another path"
    refusal = _refusal(path)
    if refusal == errno.ECONNREFUSED:
        files = f"remove {str(path)!r}" + (f" and {str(lock)!r}" if holder is not None else "")
        return f"a program that is gone has left a socket there, and we may not remove it; {files}"
    if refusal in (errno.EACCES, errno.EPERM):
        return f"there is a socket {str(path)!r} that we may not use; choose another path, or another user"
    return f"another program listens at {str(path)!r}; end that one, or choose another path"
