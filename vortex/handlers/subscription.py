"""
Subscription: what one part of a program is told of a view - by a callback, or by iterating.

    async for jobs in subscription:                  # the rows, whenever they have changed
    async for change in subscription.changes():      # each change

Whoever iterates slowly is told of what there is by then: what has become of a row in the meantime is one
change.

What is watched, and for how many such, is `vortex.handlers.watched_view`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Self, TypeVar
from weakref import WeakSet

from twisted.internet.defer import Deferred

from vortex.errors import QueueOverflow, VortexError
from vortex.handlers.view_rows import RowsView
from vortex.routing.callbacks import callAlone
from vortex.tuples.change import TupleChange

if TYPE_CHECKING:
    from vortex.handlers.watched_view import WatchedView

__all__ = ["Subscription"]

Callback = Callable[[RowsView, list[TupleChange]], object]
_Feed = TypeVar("_Feed", "_Rows", "_Changes")

MAX_UNREAD = 10_000
"""Changes that may wait for who iterates over them; of rows with keys as many as there are keys, if more."""


class Subscription:
    """
    Made by `TupleDataObserver.subscribe` and `TupleLoader.subscribe`.

    It lasts until it is closed, whatever becomes of the peer: when that is there again, it goes on.
    """

    def __init__(self, view: WatchedView, callback: Callback | None, *, isFresh: bool = True) -> None:
        self.view = view
        self._callback = callback
        self._isFresh = isFresh  # whether it knows nothing of the rows yet
        self._isClosed = False
        self._iterators: WeakSet[_Rows | _Changes] = WeakSet()
        self.waiting: set[object] = set()  # iterators that somebody waits for, who may have no other hold

    def __repr__(self) -> str:
        return f"<subscription to {self.view}, {self.state}>"

    @property
    def tuples(self) -> RowsView:
        """The rows, to be read only. It shows what they are whenever it is looked at."""
        return self.view.live.rows

    @property
    def position(self) -> str | None:
        """The position of the rows; None as long as there is none, and of those of a VortexPY server."""
        return self.view.live.position

    @property
    def state(self) -> str:
        """
        ``"loading"``: nothing has come yet. ``"current"``: the rows are what the server has, as far as is
        known. ``"stale"``: they are what was, as the server is not connected, or was asked about them.
        ``"closed"``: and so they stay.
        """
        return "closed" if self._isClosed else self.view.state.value

    @property
    def error(self) -> VortexError | None:
        """Why it is not current: what the server said, or why it is not asked. It is asked again."""
        return self.view.error

    @property
    def synced(self) -> Deferred[RowsView]:
        """
        Fires with the rows as soon as they are current. It fails with the error if the server refuses to show
        them, and if it is closed before.
        """
        return self.view.whenSynced()

    def passed(self, after: Mapping[str, int]) -> Deferred[None]:
        """
        Fires when the rows have all that an action did.

        Args:
            after: As the action's answer says it, serials by the numbers of watches; those of others are
                left alone.
        """
        return self.view.whenPassed(after)

    def close(self) -> None:
        """Be told nothing more. The server hears of it when it was the last one to that selector."""
        if not self._isClosed:
            self._isClosed = True
            self.view.leave(self)
            for iterator in tuple(self._iterators):
                iterator.wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[RowsView]:
        """The rows as soon as they are there, and again whenever they have changed since the last time."""
        return self._begun(_Rows(self))

    def changes(self) -> AsyncIterator[TupleChange]:
        """
        What becomes of each row, from what there is now: first all are created.

        Raises:
            QueueOverflow: If rows without keys change faster than they are asked for.
        """
        return self._begun(_Changes(self))

    def _begun(self, iterator: _Feed) -> _Feed:
        self._iterators.add(iterator)
        if not self._isFresh:
            iterator.tell(_allOf(self.view))
        return iterator

    # ---- for the view

    def tellFirst(self) -> None:
        """Say what there is, if that was not said yet."""
        if self._isFresh and not self._isClosed:
            self.tell([])

    def tell(self, changes: list[TupleChange]) -> None:
        """The rows have changed so. Who is told for the first time is told of all of them."""
        if self._isClosed:
            return
        if self._isFresh:
            self._isFresh = False
            changes = _allOf(self.view)
        for iterator in tuple(self._iterators):
            iterator.tell(changes)
        if self._callback is not None:
            callAlone(self._callback, self.tuples, list(changes))


def _allOf(view: WatchedView) -> list[TupleChange]:
    return [TupleChange(op="created", key=key, record=row) for key, row in view.live.items()]


class _Iterator:
    """Waits for something to be there."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiter: Deferred[None] | None = None

    def wake(self) -> None:
        """Something is there, or never will be."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)

    async def _wait(self) -> None:
        if self._subscription.state == "closed":
            raise StopAsyncIteration
        waiting = self._subscription.waiting
        waiting.add(self)
        self._waiter = Deferred()
        try:
            await self._waiter
        finally:
            waiting.discard(self)


class _Rows(_Iterator):
    def __init__(self, subscription: Subscription) -> None:
        super().__init__(subscription)
        self._isNew = False

    def __aiter__(self) -> Self:
        return self

    def tell(self, _changes: list[TupleChange]) -> None:
        self._isNew = True
        self.wake()

    async def __anext__(self) -> RowsView:
        while not self._isNew:
            await self._wait()
        self._isNew = False
        return self._subscription.tuples


class _Changes(_Iterator):
    def __init__(self, subscription: Subscription) -> None:
        super().__init__(subscription)
        self._unread: dict[Hashable, TupleChange] = {}
        self._count = 0
        self._isOver = False

    def __aiter__(self) -> Self:
        return self

    def tell(self, changes: list[TupleChange]) -> None:
        for change in changes:
            self._add(change)
        most = max(MAX_UNREAD, 2 * len(self._subscription.tuples))
        self._isOver = self._isOver or len(self._unread) > most
        if self._isOver:
            self._unread.clear()
        self.wake()

    async def __anext__(self) -> TupleChange:
        while not self._unread:
            if self._isOver:
                raise QueueOverflow(f"more than {MAX_UNREAD} changes were not asked for in time")
            await self._wait()
        return self._unread.pop(next(iter(self._unread)))

    def _add(self, change: TupleChange) -> None:
        self._count += 1
        if change.key is None:
            self._unread[None, self._count] = change
            return
        key = ("key", change.key)
        merged = _merged(self._unread.get(key), change)
        if merged is None:
            del self._unread[key]
        else:
            self._unread[key] = merged


def _merged(first: TupleChange | None, then: TupleChange) -> TupleChange | None:
    """What the two come to, of one row, for who has heard of neither; None: nothing."""
    if first is None:
        return then
    if then.op == "deleted":
        return None if first.op == "created" else then
    if first.op == "deleted":
        return TupleChange(op="updated", key=then.key, record=then.record)
    if first.op == "created":
        return TupleChange(op="created", key=then.key, record=then.record)
    fields = None
    if first.fields is not None and then.fields is not None:
        fields = list(dict.fromkeys([*first.fields, *then.fields]))
    return TupleChange(op="updated", key=then.key, record=then.record, fields=fields)
