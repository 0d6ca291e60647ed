"""
Early end: Ctrl-C before a command has begun. There is nothing to tidy up then, and nothing to tell.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["endAtOnce", "endingEarly"]


def endAtOnce(number: int, _frame: object) -> NoReturn:
    """For `signal.signal`: end this process, with the exit code that a shell gives for it."""
    os._exit(128 + number)


@contextmanager
def endingEarly() -> Iterator[None]:
    """
    Have Ctrl-C end this process at once, until somebody else takes care of it.

    A KeyboardInterrupt, which is Python's way, comes out of whatever is being done, be it an import.
    """
    isOurs = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if isOurs:
        signal.signal(signal.SIGINT, endAtOnce)
    try:
        yield
    finally:
        if isOurs and signal.getsignal(signal.SIGINT) is endAtOnce:
            signal.signal(signal.SIGINT, signal.default_int_handler)
