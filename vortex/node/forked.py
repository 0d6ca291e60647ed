"""
Forked: what has threads, locks or sockets is told in a process that was forked, where they are not its own.

A child has a copy of every object, and none of the threads: a lock that one of them held is held for ever,
and a connection is shared with the parent, to whom it belongs.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["Forked", "toldInEachChild"]


class Forked(Protocol):
    """What is told; hashable, and weakly referable."""

    def afterFork(self) -> None:
        """This is another process than before, with one thread."""


_told: WeakSet[Forked] = WeakSet()


def toldInEachChild(forked: Forked) -> None:
    """Have it told in each process that is forked from this one, as long as it is there."""
    _told.add(forked)


def _inTheChild() -> None:
    for forked in tuple(_told):
        forked.afterFork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inTheChild)
