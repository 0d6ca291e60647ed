"""
Reactor thread: the one that a node belongs to, and what is told to who calls it from another.

It is known from the reactor's start on: whatever there is before that prepares for it.
"""

from __future__ import annotations

import threading
from threading import get_ident
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.python import threadable

if TYPE_CHECKING:
    from vortex.routing.ports import Node

__all__ = ["checkThread"]


def checkThread(vortex: Node, method: str) -> None:
    """
    Args:
        vortex: The node; one on a test's clock, which has no threads, may be used from any.
        method: What was called, for people to read.

    Raises:
        RuntimeError: If this is not the thread that the reactor runs in.
    """
    reactors: Any = threadable.ioThread
    if reactors not in (None, get_ident()) and hasattr(vortex.clock, "getThreadPool"):
        _refuse(method)


def _refuse(method: str) -> NoReturn:
    raise RuntimeError(
        f"{method}() was called in the thread {threading.current_thread().name!r}, and a vortex belongs to "
        "the reactor's: from another call reactor.callFromThread(...), or, to wait for what comes of it, "
        "twisted.internet.threads.blockingCallFromThread(reactor, ...)"
    )
