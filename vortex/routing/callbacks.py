"""
Callbacks: what an application asks to be called with is called alone, and fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from twisted.internet.defer import Deferred
from twisted.logger import Logger

__all__ = ["callAlone"]

log = Logger()


def callAlone(callback: Callable[..., object], *arguments: object) -> None:
    """
    Call *callback*, which may be a coroutine function or return a Deferred. What it raises, or comes to, is
    logged and nobody else's business.
    """
    try:
        outcome = callback(*arguments)
    except Exception:
        log.failure("the callback {callback} failed", callback=repr(callback))
        return
    if isinstance(outcome, Coroutine):
        outcome = Deferred.fromCoroutine(outcome)
    if isinstance(outcome, Deferred):
        outcome.addErrback(
            lambda failure: log.failure("the callback {callback} failed", failure, callback=repr(callback))
        )
