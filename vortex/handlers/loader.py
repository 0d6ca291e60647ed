"""
TupleLoader: sees the rows that a `ModelHandler` or an `OrmCrudHandler` of a peer has, and each change of
them; and has rows created, changed and deleted there.

    jobs = TupleLoader("jobs", "server")
    subscription = jobs.subscribe(show)
    job = await jobs.create(Job(title="Water the plants"))

    def show(jobs, changes): ...

It is to filts what `vortex.handlers.observer` is to selectors. What is shown is what the server has said:
nothing is changed ahead of its answer, and what was saved here shows with it.

A VortexPY server is understood too. It tells of few changes, so it is asked again after each that is made
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from vortex.errors import DecodeError
from vortex.handlers.model_handler import handlerFilt
from vortex.handlers.subscription import Callback, Subscription
from vortex.handlers.view_observer import ViewObserver
from vortex.handlers.watched_view import Question, WatchedView
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.watches import LIVE
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID, identity, watchFilt
from vortex.routing.ports import Node, theNode
from vortex.tuples.convert import toJsonable
from vortex.tuples.keys import keyFieldsOf
from vortex.tuples.part import partOf
from vortex.tuples.tuple import Tuple

__all__ = ["TupleLoader"]

_Row = TypeVar("_Row", bound=Tuple)

_NOT_TO_SEE_BY = frozenset(("live", "view", "delete", MESSAGE_ID))


class TupleLoader(ViewObserver):
    """
    Args:
        payloadFilter: What the handler listens to, with a ``key``, and whatever else is to be in each filt;
            or just the key.
        toName: The name of the peer that has it; None: the only peer there is. Of several peers of a name it
            is the one that has been there longest, of those that are connected now.
        vortex: The node; None: the process's only one.

    It lives for as long as there are subscriptions, though nobody may refer to it.

    Attributes:
        node: The node.
        filt: What its messages have in common.
        peer: Who is asked; None: there is nobody.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        ValueError: If *payloadFilter* has no key, or says more than what is to be seen.
        EncodeError: If it cannot travel.
    """

    def __init__(
        self, payloadFilter: Mapping[str, Any] | str, toName: str | None = None, vortex: Node | None = None
    ) -> None:
        filt = _checked(handlerFilt(payloadFilter))
        if "key" not in filt:
            raise ValueError(f"a loader's filt has a 'key', as in {{'key': 'jobs'}}, got {filt!r}")
        super().__init__(theNode(vortex), toName, filt, {"key": filt["key"]})

    def __repr__(self) -> str:
        return f"<loader of {self.filt!r} at {self._toName or 'the only peer'}>"

    # ---- to see

    def subscribe(
        self,
        callback: Callback | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
        policy: DeliveryPolicy | None = None,
        position: str | None = None,
        tuples: Sequence[Any] = (),
    ) -> Subscription:
        """
        See the rows, and each change of them.

        Args:
            callback: ``callback(rows, changes)``, called with all rows, to be read only, and a list of
                `TupleChange`: how they have changed since it was called last. At the first time all are
                created; if there are none, the list is empty. It is called once after each message that has
                changed something, never from within `subscribe`; it may be a coroutine function.
            filt: What more to ask with: ``{"id": 7}`` for that row of an `OrmCrudHandler`. All who ask one
                loader for the same share what comes.
            policy: How fast to be told; only what is the server's part of it is used. The last policy that
                was given for a filt holds for all who see it.
            position, tuples: Where a program has kept them from an earlier run: a subscription's position,
                and its tuples at that. Then only what has changed since has to come, and is told. Left aside
                where another subscription sees the same already.

        Raises:
            TypeError: If *callback* cannot be called.
            ValueError: If *position* is none, or *filt* says more than what is to be seen.
            EncodeError: If *filt* cannot travel.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self.node, "TupleLoader.subscribe")
        if callback is not None and not callable(callback):
            raise TypeError(f"subscribe takes a callback, and filt=, got {callback!r}")
        asked = {**self.filt, **_checked(filt or {})}
        return self._join(Question(asked, asked), callback, policy, position, tuples)

    def poll(self, filt: Mapping[str, Any] | None = None, timeout: float | None = 30) -> Deferred[list[Any]]:
        """
        Ask for the rows once, and be told of no change. A VortexPY server tells of changes nevertheless.

        Args:
            filt: What more to ask with, as `subscribe` has it.
            timeout: Seconds to wait; None: for ever.

        Fails with:
            RemoteError: The server refused it, or has failed.
            NotConnected, RequestTimeout, ConnectionLost: As a request does.
            DecodeError: What came cannot be read here.
        """
        asked = {**self.filt, **_checked(filt or {}), LIVE: {"once": True}}
        return self._ask(Payload(asked), timeout).addCallback(lambda payload: payload.tuples)

    # ---- to change

    def create(self, row: _Row, timeout: float | None = 30) -> Deferred[_Row]:
        """
        Have a new row stored, by an `OrmCrudHandler`.

        Args:
            row: It, without a key; or with one, where the server lets clients choose it.
            timeout: Seconds to wait; None: for ever.

        Returns:
            A Deferred of the row as it is stored. Who subscribes is told of it as of any other change.

        Raises:
            RuntimeError: If this is not the reactor's thread.

        Fails with:
            RemoteError: The server refused it, with its code and text.
            NotConnected: There is nobody to ask.
            RequestTimeout, ConnectionLost: It may have been done.
            EncodeError: The row cannot travel.
            DecodeError: The answer holds no row: what has answered stores none.
        """
        checkThread(self.node, "TupleLoader.create")
        return Deferred.fromCoroutine(self._stored(row, timeout))

    def save(
        self, row: _Row, changes: Mapping[str, Any] | None = None, timeout: float | None = 30
    ) -> Deferred[_Row]:
        """
        Have a row changed, by an `OrmCrudHandler`.

        Args:
            row: It. What is shown is to be read only: it is not changed here either.
            changes: The fields that are to change, by their names. Only they are sent, with the key, so that
                what others change in the row meanwhile stays. None: the whole row is.
            timeout: Seconds to wait; None: for ever.

        Returns:
            A Deferred of the row as it is stored. Who subscribes is shown it by then, unless what has come of
            the row in the meantime may be newer.

        Raises:
            TypeError: If the row has no key, or no such field.
            RuntimeError: If this is not the reactor's thread.

        Fails with what `create` fails with.
        """
        checkThread(self.node, "TupleLoader.save")
        key = _keyOf(row)
        sent = row if changes is None else partOf(type(row), {**key, **changes})
        return Deferred.fromCoroutine(self._saved(sent, timeout))

    def delete(self, row: Tuple, timeout: float | None = 30) -> Deferred[None]:
        """
        Have a row deleted, by an `OrmCrudHandler`. Only its key is sent.

        Raises:
            TypeError: If the row has no key.
            RuntimeError: If this is not the reactor's thread.

        Fails with what `create` fails with.
        """
        checkThread(self.node, "TupleLoader.delete")
        return Deferred.fromCoroutine(self._deleted(partOf(type(row), _keyOf(row)), timeout))

    async def _saved(self, row: Tuple, timeout: float | None) -> Any:
        saves = [(view, view.saving(row)) for view in self._views.values()]
        stored = None
        try:
            stored = await self._stored(row, timeout)
        finally:
            for view, save in saves:
                view.saved(save, stored)
        return stored

    async def _stored(self, row: Tuple, timeout: float | None) -> Any:
        answer = await self._change(Payload(dict(self.filt), [row]), timeout)
        stored = answer.tuples
        if answer.result is not True or len(stored) != 1:
            raise DecodeError(f"expected the row as it is stored, got {len(stored)} tuples: {self._noStore}")
        return stored[0]

    async def _deleted(self, row: Tuple, timeout: float | None) -> None:
        answer = await self._change(Payload({**self.filt, "delete": True}, [row]), timeout)
        if answer.result is not True:
            raise DecodeError(f"expected word of a delete, got {len(answer.tuples)} tuples: {self._noStore}")

    async def _change(self, payload: Payload, timeout: float | None) -> Payload:
        try:
            return await self._ask(payload, timeout)
        finally:
            for view in tuple(self._views.values()):
                view.refresh()

    @property
    def _noStore(self) -> str:
        return f"what answers {self.filt!r} there is no OrmCrudHandler"

    # ---- for its views

    def _plainViewOf(self, payload: Payload) -> WatchedView | None:
        """The view that was asked for with just this filt; None: nobody looks, or it is no push."""
        return None if payload.result is not None else self._views.get(identity(watchFilt(payload.filt)))


def _checked(filt: Mapping[str, Any]) -> dict[str, Any]:
    """*filt*, if one can ask with it for what there is."""
    if wrong := sorted(_NOT_TO_SEE_BY & filt.keys()):
        names = " or ".join(wrong)
        raise ValueError(f"a filt says which rows to see, and has no {names}, got {dict(filt)!r}")
    toJsonable(dict(filt))
    return dict(filt)


def _keyOf(row: Tuple) -> dict[str, Any]:
    """The key fields of *row*, and what stands there."""
    if not isinstance(row, Tuple):
        raise TypeError(f"expected a row, a Tuple, got {row!r}")
    names = keyFieldsOf(type(row))
    key = {name: getattr(row, name) for name in names}
    if not key or None in key.values():
        needed = " and ".join(names) or "a field with key=True in its class"
        raise TypeError(f"a row is known by its key: expected one with {needed}, got {row!r}")
    return key
