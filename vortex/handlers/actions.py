"""
TupleActionProcessor: carries out what peers want done, and answers each with what came of it.

    def rename(action, delivery):
        jobs[action.id].title = action.title
        observable.notifyOfTupleUpdate(selector)
        return [jobs[action.id]]

    actions = TupleActionProcessor("demo.actions", vortex)
    actions.setDelegate(RenameJob, rename)

The actions of one peer are carried out one after another, in the order in which they came. Each takes effect
once: one that is sent again by its session, or again with the uuid that it had, is answered as it was.
VortexPY's clients are served as VortexPY does it, but that an error has a code, and that there is always an
answer.

What asks for actions is `vortex.handlers.action_client`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Hashable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.errors import AccessDenied, DecodeError, LimitExceeded, UnknownAction, VortexError
from vortex.handlers.action_memory import ActionMemory
from vortex.handlers.delegates import Delegate, Delegated
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.turns import Turns
from vortex.live.positions import positionsOf
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.callbacks import callAlone
from vortex.routing.delivery import Delivery
from vortex.routing.live_filt import actionFilt
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.action_tuples import TupleAction
from vortex.tuples.hints import short
from vortex.tuples.tuple import Tuple, presentFields

__all__ = ["TupleActionProcessor"]

log = Logger()


class TupleActionProcessor:
    """
    Args:
        name: What clients ask it by.
        vortex: The node; None: the process's only one.
        filt: Keys of the application's own that a client's filt has as well.
        access: Who may. A set of roles, of which a peer needs one; or ``access(peer, "write", filt)``, which
            lets pass by returning exactly True; or a `TupleAccess`, whose ``mayAccept(peer, name, filt)``
            does. It is asked before anything that came is decoded. None: everybody.

    Keep the processor: when nothing refers to it any more it is gone.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If *name* is no text, or *access* is none of these.
        RuntimeError: If this is not the reactor's thread.
    """

    def __init__(
        self,
        name: str,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
        access: Access | Any | None = None,
    ) -> None:
        self.name = name
        self._node = node = theNode(vortex)
        checkThread(node, "TupleActionProcessor")
        mayAccept = getattr(access, "mayAccept", None)
        if mayAccept is not None:
            access = lambda peer, _operation, filt: mayAccept(peer, name, filt)  # noqa: E731
        self._access = HandlerAccess(access, self)
        self._delegates: dict[str, Delegate] = {}
        self._default: Delegate | None = None
        self._turns = Turns()
        self._memory = ActionMemory(node)
        self._positions = positionsOf(node)
        self._endpoint = _ActionEndpoint(actionFilt(name, filt), self._onPayload, node)
        self._endpoint.handlesReplies = False
        memory = self._memory

        def onPeerChange(peer: Peer, online: bool) -> None:
            if not online and peer.identity is None:
                memory.forget(_senderOf(peer))

        self._unsubscribe = weakref.finalize(self, node.onPeerChange(onPeerChange))
        self._unsubscribe.atexit = False

    def __repr__(self) -> str:
        return f"<TupleActionProcessor {self.name}>"

    def setDelegate(
        self,
        tupleName: str | type[TupleAction],
        delegate: Delegated,
        *,
        inThread: bool = False,
        session: Callable[[], Any] | None = None,
        then: Callable[..., object] | None = None,
    ) -> None:
        """
        Have *delegate* carry out the actions of one type.

        Args:
            tupleName: The type: the class, or its name on the wire.
            delegate: ``delegate(action)``, or an object with a method ``processTupleAction``. If it has a
                parameter ``delivery`` it gets the `Delivery` by it: who asks. It returns the tuples of the
                answer: a list, or a single one, or None; or a Deferred of these, or it is a coroutine
                function.
            inThread: Whether to call it in the thread pool. It returns the tuples themselves then.
            session: A sessionmaker, or what else makes SQLAlchemy sessions: call it in a thread, with a new
                session for its parameter ``session``, in one transaction, which is committed when it returns.
                What it raises rolls it back. After `createActionMarks` that the action was carried out is
                recorded in the same transaction, so it takes effect once even if the server is killed.
            then: ``then(action, tuples)`` is called in the reactor's thread when it is done and committed,
                before it is answered: the place to notify observables from.

        A `VortexError` that it raises, say `Rejected`, is the answer: the peer gets its code and text, now
        and whenever it sends the action again. Of any other exception the peer learns that it was "internal",
        and an id that stands in our log; and the action may be tried again.

        Raises:
            TypeError: If *delegate* is nothing to call, takes something else, or is a coroutine function and
                to be called in a thread; or if *tupleName* is neither a text nor a tuple's class.
            ImportError: If *session* is given, and there is no SQLAlchemy.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, "TupleActionProcessor.setDelegate")
        self._delegates[_typeName(tupleName)] = Delegate(
            delegate, inThread=inThread, session=session, then=then
        )

    def setDefaultDelegate(
        self,
        delegate: Delegated,
        *,
        inThread: bool = False,
        session: Callable[[], Any] | None = None,
        then: Callable[..., object] | None = None,
    ) -> None:
        """Have *delegate* carry out the actions of all types that have none of their own; see above."""
        checkThread(self._node, "TupleActionProcessor.setDefaultDelegate")
        self._default = Delegate(delegate, inThread=inThread, session=session, then=then)

    def shutdown(self) -> None:
        """Take no more actions. Those that came are carried out. In the reactor's thread only."""
        checkThread(self._node, "TupleActionProcessor.shutdown")
        self._endpoint.shutdown()

    # ---- actions

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None]:
        peer = delivery.peer
        if not self._access.allows(peer, "write", delivery.filt):
            raise AccessDenied("you may not do this")
        line = ("peer", peer)
        most = self._node.limits.maxWaitingRequests
        if self._turns.waiting(line) >= most:
            raise LimitExceeded("maxWaitingRequests", f"{most} actions of this peer wait already")
        running: list[Deferred[Any]] = []

        def start() -> Coroutine[Any, Any, None] | None:
            isWanted = not delivery.isCancelled  # while it waited for its turn
            return self._answer(payload, delivery, running.append) if isWanted else None

        def cancel(_: object) -> None:
            for each in running:
                each.cancel()

        def over(outcome: Any) -> None:
            if not answered.called:
                answered.callback(outcome)
            elif isinstance(outcome, Failure) and not outcome.check(VortexError):
                log.failure("an action that nobody waits for any more has failed", outcome)

        answered: Deferred[None] = Deferred(cancel)
        self._turns.run(line, start).addBoth(over)
        return answered

    async def _answer(
        self, payload: Payload, delivery: Delivery, runs: Callable[[Deferred[Any]], None]
    ) -> None:
        peer = delivery.peer
        await (self._node.payloadIO.open(payload, peer, payload.open) or succeed(None))
        action = _actionIn(payload)
        name = type(action).tupleType()
        delegate = self._delegates.get(name, self._default)
        if delegate is None:
            raise UnknownAction(f"{self.name} carries out no actions of the type {name}")
        uuid = action.uuid if "uuid" in presentFields(action) else None
        mark = -1  # of one that was carried out before all that the peer watches may have it

        def carryOut() -> Deferred[list[Any]]:
            nonlocal mark
            mark = self._positions.mark()
            return self._carryOut(delegate, action, delivery, runs)

        answer = await self._memory.once(_senderOf(peer), uuid, carryOut)
        after = self._positions.after(peer, mark)
        delivery.reply(answer, filt=_view(after) if after else None)

    def _carryOut(
        self,
        delegate: Delegate,
        action: TupleAction,
        delivery: Delivery,
        runs: Callable[[Deferred[Any]], None],
    ) -> Deferred[list[Any]]:
        done = delegate.run(self._node, action, delivery)
        if not delegate.isInThread:  # which goes on whatever happens, so that what it comes to counts
            runs(done)
        then = delegate.then

        def tell(tuples: list[Any]) -> list[Any]:
            if then is not None:
                callAlone(then, action, tuples)
            return tuples

        return done.addCallback(tell)


class _ActionEndpoint(PayloadEndpoint):
    opensBodies = False  # the processor does, when it is its turn, and the peer may


def _senderOf(peer: Peer) -> Hashable:
    """Who is known to have sent an action: an identity; of a peer without one only its own session."""
    return ("peer", peer) if peer.identity is None else ("identity", peer.identity)


def _view(after: Mapping[int, int]) -> dict[str, Any]:
    """What an answer's filt says of the serials from which on watches have what the action did."""
    return {"view": {"after": {str(watch): serial for watch, serial in after.items()}}}


def _actionIn(payload: Payload) -> TupleAction:
    tuples = payload.tuples
    if len(tuples) != 1:
        raise DecodeError(f"expected one action, got {len(tuples)} tuples", "tuples")
    (action,) = tuples
    if not isinstance(action, TupleAction):
        raise DecodeError(f"expected an action, derived from TupleAction, got {short(action)}", "tuples[0]")
    return action


def _typeName(tupleName: Any) -> str:
    if isinstance(tupleName, str):
        return tupleName
    if isinstance(tupleName, type) and issubclass(tupleName, Tuple):
        return tupleName.tupleType()
    raise TypeError(f"setDelegate takes a tuple's class, or its name on the wire, got {tupleName!r}")
