"""
Closed output: notices that nobody reads a pipe any more, before something is written to it.

So ``vortex watch ... | head -1`` ends with the first line, and does not wait for a second.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["watchingOutput"]


@contextmanager
def watchingOutput(reactor: Any, out: TextIO, whenClosed: Callable[[], object]) -> Iterator[None]:
    """
    Call *whenClosed*, once, when the reader of *out* is gone. Of what is no pipe nothing is noticed.

    Args:
        reactor: One that can wait for descriptors; with a test's clock nothing is noticed either.
    """
    if not (hasattr(reactor, "addReader") and _isPipe(out)):
        yield
        return
    pipe = _Pipe(out.fileno(), reactor, whenClosed)
    reactor.addReader(pipe)
    try:
        yield
    finally:
        reactor.removeReader(pipe)


def _isPipe(out: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(out.fileno()).st_mode)
    except (OSError, ValueError):  # it is closed already, or no file
        return False


@implementer(IReadDescriptor)
class _Pipe:
    """The writing end of a pipe. There is never anything to read: a reactor reports that it broke."""

    def __init__(self, number: int, reactor: Any, whenClosed: Callable[[], object]) -> None:
        self._number = number
        self._reactor = reactor
        self._whenClosed = whenClosed

    def fileno(self) -> int:
        return self._number

    def logPrefix(self) -> str:
        return "output"

    def doRead(self) -> None:
        """How reactors that only know of reading and writing say it."""
        self._reactor.removeReader(self)
        self._whenClosed()

    def connectionLost(self, reason: Failure) -> None:
        self._whenClosed()
