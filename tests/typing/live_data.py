"""
What a type checker knows of live data: what is subscribed to, and what comes.

Checked, not run: a line with an ignore must be an error, or mypy says that the ignore is not needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from vortex import (
    AlreadyRecorded,
    Subscription,
    TupleChange,
    TupleDataObserver,
    TupleLoader,
    TupleSelector,
    VortexError,
)


def kept(observer: TupleDataObserver, loader: TupleLoader) -> list[Subscription]:
    subscription = observer.subscribe(TupleSelector(name="demo.Job"))
    assert_type(subscription, Subscription)
    assert_type(subscription.error, VortexError | None)
    assert_type(subscription.changes(), AsyncIterator[TupleChange])
    subscription.state = "stale"  # type: ignore[misc]
    return [subscription, loader.subscribe()]


def answerOf(error: AlreadyRecorded) -> bytes:
    assert_type(error.reply, bytes | None)
    return error.reply  # type: ignore[return-value]
