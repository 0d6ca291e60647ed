"""
OrmCrudHandler: rows of a database that peers create, read, change and delete, each told of the others'
changes.

    jobs = OrmCrudHandler(sessionmaker(engine), Job, {"key": "jobs"}, vortex=vortex)

What a message asks for, in this order of choice:

    =======================  ================================================  ==========================
    the message has          so it is                                          the answer: tuples, result
    =======================  ================================================  ==========================
    ``delete`` true          a delete of the tuples, or else of ``id``         [] or all that is left, True
    tuples                   a save: those without a key are new               the rows as they are now, True
    ``id``                   a load of that row                                the row or [], None
    none, with retrieveAll   a load of all rows                                the rows, None
    none                     a new row, to be filled in and saved              a blank with defaults, None
    =======================  ================================================  ==========================

Every message is one session and one transaction in a worker thread, committed before the answer; an
error undoes all of it, and there is always exactly one answer. The requests of one peer are carried out
in the order they came in; those of different peers at the same time, as far as the database lets them.

Where `createActionMarks` was called for the database, what a peer on the native wire saves or deletes is
recorded in the same transaction: however often it is sent, and even if this process is killed in between, it
takes effect once.

After a commit everybody who has loaded such a row (or all rows) is told what it is now, the writer after
its own answer: who reads live data is told what has changed, of all rows only those, others are sent the
whole. That goes for all handlers of the node that have the same session factory, and for every
row that the session has changed, be it by a hook. For changes that were made elsewhere there is
`OrmCrudHandler.sendModelUpdate`.

Keep the handler: when nothing refers to it any more it is gone, and its endpoint with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger

from vortex.errors import AccessDenied, DatabaseUnavailable, DecodeError, LimitExceeded
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.model_handler import handlerFilt, liveSubject
from vortex.handlers.turns import Turns
from vortex.limits import Limits
from vortex.live.deadline import Deadline
from vortex.live.watch import LiveWatch, heldWeakly
from vortex.live.watcher import NotifiedWatcher
from vortex.live.watches import LiveWatches
from vortex.node.reactor_thread import checkThread
from vortex.orm.action_marks import recordsActions
from vortex.orm.changes import Change, Key
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.crud_work import CrudWork, Outcome
from vortex.orm.told_rows import tellRows
from vortex.orm.work import SessionFactory
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.marks import AlreadyRecorded
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.hints import short

__all__ = ["OrmCrudHandler"]

log = Logger()

_ALL: Key = ()
"""Where those are filed who have asked for all rows: no row has a key without values."""

_UPDATE = "update"

AT_ONCE = 4
"""Loads of one handler that are under way at a time; the others leave the threads to who else needs them."""

USUAL = 100
"""The priority of an answer, unless what it should not overtake has a worse one."""


class OrmCrudHandler:
    """
    Serves the rows of one or more mapped classes under one filt.

    Args:
        sessionFactory: A sessionmaker, a scoped_session, or any function that gives a Session. Handlers that
            are given the same one tell each other what was committed.
        Declarative: The mapped class, a `vortex.Tuple`; or a sequence of such. Saves and deletes may be of
            all of them, loads are of the first.
        payloadFilter: The filt of the requests, with a ``key``; or just the key.
        retrieveAll: Whether a request for nothing in particular gets all rows, instead of a blank one.
        vortex: The node; None: the process's only one.
        writable: Names of the columns that a client may set. None: all but the primary key. Where the key is
            named, a client may choose the keys of new rows.
        access: Who may. A set of roles, of which a peer needs one; or ``access(peer, operation, filt)``
            with the operation ``"read"`` or ``"write"``, which lets pass by returning exactly True.
            None: everybody.

    A composite key is a list in ``id``, in the order of the table's primary key. Where the class has a
    ``version_id_col``, a tuple that bears another version than the row is stale.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If a class is no Tuple, or not mapped.
        ValueError: If *writable* names what is no column.
    """

    def __init__(
        self,
        sessionFactory: SessionFactory,
        Declarative: type[Any] | Sequence[type[Any]],
        payloadFilter: Mapping[str, Any] | str,
        retrieveAll: bool = False,
        vortex: Node | None = None,
        *,
        writable: Collection[str] | None = None,
        access: Access | None = None,
    ) -> None:
        classes = [Declarative] if isinstance(Declarative, type) else list(Declarative)
        self._work = CrudWork(sessionFactory, classes, retrieveAll, writable)
        self._sessionFactory = sessionFactory
        self._node = theNode(vortex)
        self._access = HandlerAccess(access, self)
        self._turns = Turns()
        self._filt = handlerFilt(payloadFilter)
        self._live = LiveWatches(
            self._node,
            heldWeakly(self._make),
            filt=self._filt,
            maySee=self._access.maySee,
            changesUntold=True,
            makesAtOnce=AT_ONCE,
            plain=NotifiedWatcher,
        )
        self._toUpdate: dict[Key, None] = {}
        self._endpoint = _CrudEndpoint(self._filt, self._onPayload, self._node)
        self._endpoint.handlesReplies = False
        self._endpoint.handler = weakref.ref(self)

    def addExtension(self, TupleClass: type[Any], extension: OrmCrudExtension) -> None:
        """
        Call *extension*'s hooks for rows of *TupleClass*; those of the extensions that came before are
        called first.

        Raises:
            TypeError: If *extension* is no instance of an `OrmCrudExtension`.
            ValueError: If no class served here is a *TupleClass*.
        """
        self._work.addExtension(TupleClass, extension)

    def sendModelUpdate(self, objId: Any = None) -> Deferred[int]:
        """
        Tell those who have asked that a row was changed by someone else than this handler.

        What they get is read again first, once for all that is asked for meanwhile. A peer that has
        asked for all rows gets all rows.

        Args:
            objId: The row's key, a list where it is composite; None: all that was asked for.

        Returns:
            A Deferred with how many messages were queued.

        Raises:
            DecodeError: If *objId* is no key of such a row.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, "OrmCrudHandler.sendModelUpdate")
        keys: list[Any]
        if objId is None:
            keys = list(dict.fromkeys(watch.subject.about for watch in self._live.watches))
        else:
            keys = [self._work.main.key(objId, "objId")]
        self._toUpdate.update(dict.fromkeys(keys))
        return self._turns.join(_UPDATE, self._update).addCallback(_told)

    def shutdown(self) -> None:
        """Answer nothing and update nobody from now on."""
        self._endpoint.shutdown()
        self._live.close()

    # ---- requests

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None] | None:
        if delivery.isReply or self._live.endAsked(delivery.peer, delivery.filt):
            return None
        line = _line(delivery.peer)
        most = self._node.limits.maxWaitingRequests
        if self._turns.waiting(line) >= most:
            raise LimitExceeded(
                "maxWaitingRequests", f"{most} requests of this peer wait for the database already"
            )
        return self._turns.run(line, lambda: self._answer(payload, delivery))

    async def _answer(self, payload: Payload, delivery: Delivery) -> None:
        if delivery.isCancelled:  # while it waited for its turn
            return
        peer = delivery.peer
        try:
            if not await self._isWrite(payload, delivery):
                await self._load(delivery)
                return
            for handler in list(self._concerned()):
                await handler._live.answers.caughtUp(peer)
            await self._live.answers.give(self._write(payload.tuples, delivery), peer)
        except DatabaseUnavailable:
            log.failure("{peer}'s request could not be carried out", peer=peer)
            raise

    async def _isWrite(self, payload: Payload, delivery: Delivery) -> bool:
        """Whether the request, which is opened now, changes anything; its peer may do so."""
        filt = dict(delivery.filt)
        isDelete = _isDelete(filt)
        io = self._node.payloadIO
        if not self._access.isOpen:
            await (io.open(payload, delivery.peer, lambda: payload.hasTuples) or succeed(None))
            isWrite = isDelete or payload.hasTuples
            if not self._access.allows(delivery.peer, "write" if isWrite else "read", filt):
                raise AccessDenied(f"you may not {'change' if isWrite else 'see'} these records")
        await (io.open(payload, delivery.peer, payload.open) or succeed(None))
        return isDelete or bool(payload.tuples)

    async def _load(self, delivery: Delivery) -> None:
        filt = dict(delivery.filt)
        objId = filt.get("id")
        if objId is None and not self._work.retrieveAll:
            delivery.reply((await self._node.runInThread(self._work.blank, filt)).tuples)
            return
        key = _ALL if objId is None else self._work.main.key(objId, "filt.id")
        await self._live.subscribe(delivery, liveSubject(filt, key), filt=filt)

    async def _write(self, tuples: list[Any], delivery: Delivery) -> None:
        outcome = await self._carryOut(tuples, delivery)
        concerned = list(self._concerned()) if outcome.changes else []
        try:
            if outcome.failure is not None:
                raise outcome.failure
            waiting = (handler._live.answers.priorityOf(delivery.peer) for handler in concerned)
            delivery.reply(outcome.tuples, True, priority=max((USUAL, *waiting)))
        finally:
            for handler in concerned:
                handler._noteChanges(outcome.changes, delivery.peer)

    async def _carryOut(self, tuples: list[Any], delivery: Delivery) -> Outcome:
        filt = dict(delivery.filt)
        work, inThread = self._work, self._node.runInThread
        record = partial(_record, delivery)
        try:
            if not _isDelete(filt):
                return await inThread(work.save, tuples, filt, record)
            objId = filt.get("id")
            key = work.main.key(objId, "filt.id") if objId is not None else None
            return await inThread(work.delete, tuples, key, filt, record)
        except AlreadyRecorded as already:
            saved = _savedBefore(already, self._node.limits)
            if saved is None:
                raise
            return await inThread(work.again, saved, filt)

    # ---- updates

    def _concerned(self) -> Iterator[OrmCrudHandler]:
        """The handlers of this node that show what this one's sessions change."""
        for endpoint in self._node.payloadIO.endpoints:
            handler = endpoint.handler() if isinstance(endpoint, _CrudEndpoint) else None
            if handler is not None and handler._sessionFactory == self._sessionFactory:
                yield handler

    def _noteChanges(self, changes: Sequence[Change], writer: Peer) -> None:
        """These were committed, and *writer* has just been answered."""
        cls = self._work.main.cls
        keys = [key for changed, key in changes if issubclass(changed, cls)]
        abouts = {*keys, _ALL}
        if not any(self._live.about(about) for about in abouts):
            return
        self._live.answers.writtenBy(writer, abouts)
        self._toUpdate.update(dict.fromkeys(keys))
        self._turns.join(_UPDATE, self._update)

    async def _make(self, watch: LiveWatch) -> list[Any]:
        key, filt = cast("Key", watch.subject.about) or None, dict(watch.subject.what.filt)
        outcome = await self._node.runInThread(self._work.load, key, filt)
        return outcome.tuples

    async def _update(self) -> list[Deferred[int]]:
        """
        Tell what has become of the rows that changed. What changes meanwhile is for the next time.

        Returns:
            How many are told of each, as soon as that is known: the next time need not wait for it.
        """
        keys, self._toUpdate = list(self._toUpdate), {}
        told = [watch.notify() for key in keys for watch in self._live.about(key)]
        if _ALL not in keys:
            told += await self._tellAll(keys)
        return told

    async def _tellAll(self, keys: Sequence[Key]) -> list[Deferred[int]]:
        """Tell those who watch all rows what has become of those with *keys*."""
        watches = [watch for watch in self._live.about(_ALL) if watch.watchers]
        begin = self._live.moment()
        rows = None
        if any(watch.isCompared for watch in watches):
            deadline = Deadline(self._node.clock, self._node.limits)
            try:
                rows = await deadline.wait(self._node.runInThread, self._work.rowsAsTheyAre, keys)
            except Exception:
                log.failure("what has changed could not be read again, so all is")
        return [tellRows(watch, self._work.main.keyNames, keys, rows, begin) for watch in watches]


class _CrudEndpoint(PayloadEndpoint):
    """An endpoint by which the handlers of a node find each other."""

    handler: Callable[[], OrmCrudHandler | None]
    opensBodies = False  # the handler does, when it is its turn, and the peer may

    def isRead(self, filt: Mapping[Any, Any]) -> bool:
        return not filt.get("delete")


def _line(peer: Peer) -> Hashable:
    """One line per peer: what it asks for is carried out in order."""
    return "peer", peer


def _told(told: list[Deferred[int]]) -> Deferred[int]:
    """How many were told in all; several may ask for that."""
    return gatherResults(told, consumeErrors=True).addCallback(sum)


def _record(delivery: Delivery, session: Session, saved: list[Any] | None) -> None:
    """
    Note in the transaction what is answered. Not the rows themselves: those are shown as hooks have it, each
    time.
    """
    if session.bind is not None and recordsActions(session.bind):
        delivery.recordIn(session, None if saved is None else Payload(None, saved, True))


def _savedBefore(already: AlreadyRecorded, limits: Limits) -> list[Any] | None:
    """What `_record` has noted; None if the request was refused."""
    if already.reply is None:
        return None
    payload = Payload.fromEnvelope(decodeNativeMessage(already.reply, limits), limits)
    return payload.tuples if payload.result is True else None


def _isDelete(filt: Mapping[str, Any]) -> bool:
    delete = filt.get("delete")
    if delete is None or isinstance(delete, bool):
        return bool(delete)
    raise DecodeError(f"expected true or false, got {short(delete)}", "filt.delete")
