"""
TupleDataObservableHandler: lists of tuples that others watch, each made by a provider, for a `TupleSelector`.

    handler = TupleDataObservableHandler("jobs", vortex)
    handler.addTupleProvider(Job, lambda selector, peer: [...])
    ...
    handler.notifyOfTupleUpdate(TupleSelector(name="demo.Job"))

Peers of ours get what has changed, others (VortexPY's) the whole list each time: that is
`vortex.live.watches`' work.

Keep the handler: when nothing refers to it any more it is gone, and its endpoint with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.logger import Logger

from vortex.access.tuple_access import TupleAccess
from vortex.errors import AccessDenied, DecodeError, DuplicateName, UnknownObservable
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.known_changes import netOf
from vortex.live.asked import keyOf
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.watch import LiveWatch, Subject, heldWeakly
from vortex.live.watches import LiveWatches
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.ports import Node, Peer, theNode
from vortex.tuples.change import TupleChange
from vortex.tuples.selector import TupleSelector
from vortex.tuples.tuple import Tuple

__all__ = ["TupleDataObservableHandler", "TupleDataProvider"]

log = Logger()

KEY = "tupleDataObservable"

Provider = Callable[[TupleSelector, Peer | None], Any]
UpdateMapper = Callable[[TupleSelector], Iterable[TupleSelector]]


class TupleDataProvider(ABC):
    """
    What makes the tuples of a selector.

    Attributes:
        isPerPeer: Whether they depend on who asks. Then they are made for each identity, and otherwise once
            for all who watch.
    """

    isPerPeer = False

    @abstractmethod
    def makeTuples(self, selector: TupleSelector, peer: Peer | None) -> Any:
        """
        Make the tuples that *selector* asks for.

        Args:
            peer: Who asks, if `isPerPeer`; else None.

        Returns:
            A list of tuples, or a Deferred or a coroutine of one. What it raises is answered.
        """


class TupleDataObservableHandler:
    """
    Answers `TupleSelector`s with tuples, and tells who watches how they change.

    Args:
        observableName: Which of a node's observables it is.
        vortex: The node; None: the process's only one.
        filt: More keys that a request's filt has to contain; they are in its pushes too.
        access: Who may watch. A set of roles, of which a peer needs one; or ``access(peer, "read", filt)``,
            which lets pass by returning exactly True; or a `TupleAccess`, which is asked for each record too.
            None: everybody.
        policy: How they are told, as far as they ask for nothing slower.

    Raises:
        NoVortex: If none is given, and there is no live node, or more than one.
        TypeError: If *access* is none of these.
        RuntimeError: If this is not the reactor's thread.

    A tuple whose class has key fields, ``TupleField(key=True)``, is told from the others by them, and what
    travels is what has changed. Lists of others travel whole.
    """

    def __init__(
        self,
        observableName: str,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
        access: Access | TupleAccess | None = None,
        policy: DeliveryPolicy | None = None,
    ) -> None:
        self._node = node = theNode(vortex)
        checkThread(node, "TupleDataObservableHandler")
        self._filt = {**(filt or {}), "key": KEY, "name": observableName}
        self._access = HandlerAccess(access, self)
        self._providers: dict[str, tuple[Provider, bool]] = {}
        self._mappers: dict[str, list[UpdateMapper]] = {}
        self._watches = LiveWatches(
            node,
            heldWeakly(self._make),
            filt=self._filt,
            maySee=self._access.maySee,
            maySend=self._access.maySend,
            policy=policy,
        )
        self._endpoint = _ObservableEndpoint(self._filt, self._onPayload, node)
        self._endpoint.handlesReplies = False

    # ---- what there is to watch

    def addTupleProvider(
        self,
        name: str | type[Tuple],
        provider: TupleDataProvider | Provider,
        *,
        inThread: bool = False,
    ) -> None:
        """
        Have *provider* make the tuples of the selectors of that name.

        Args:
            name: The selectors' name, or the class of the tuples, whose type it is then.
            provider: A `TupleDataProvider`, or just its method. It is called once for each selector, however
                many watch it, and not while nobody does.
            inThread: Whether it blocks, and is to be called in a thread.

        Raises:
            DuplicateName: If there is one for that name.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, "TupleDataObservableHandler.addTupleProvider")
        name = name if isinstance(name, str) else name.tupleType()
        if name in self._providers:
            raise DuplicateName(f"there is a provider of {name!r} already")
        isPerPeer = isinstance(provider, TupleDataProvider) and provider.isPerPeer
        make: Provider = provider.makeTuples if isinstance(provider, TupleDataProvider) else provider
        if not callable(make):
            raise TypeError(f"a provider is a TupleDataProvider or a function, got {provider!r}")
        if inThread:
            self._providers[name] = _inThread(self._node, make), isPerPeer
        else:
            self._providers[name] = make, isPerPeer

    def addUpdateMapper(self, name: str | type[Tuple], mapper: UpdateMapper) -> None:
        """
        When selectors of that name are notified, have those notified too that *mapper* returns for each.

        Args:
            name: As `addTupleProvider` has it.
            mapper: Given a selector that was notified, more of them.

        Raises:
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, "TupleDataObservableHandler.addUpdateMapper")
        name = name if isinstance(name, str) else name.tupleType()
        self._mappers.setdefault(name, []).append(mapper)

    def notifyOfTupleUpdate(
        self,
        selectors: TupleSelector | Iterable[TupleSelector],
        changes: Sequence[TupleChange] | None = None,
    ) -> Deferred[int]:
        """
        What *selectors* select has changed: make it again, and tell who watches what is different. Of
        notifications that come while it is being made, the next making stands for all.

        Args:
            selectors: One, or several.
            changes: What has changed, where that is known: then nothing is made, and the work does not grow
                with the list. What is created comes to its end. Only where the tuples have keys; elsewhere
                they are made again.

        Returns:
            A Deferred with how many watchers were told, or will be when they have read what waits for them.

        Raises:
            ValueError: If one of *changes* has no record or key, or a record and the key of another one.
            EncodeError: If one of them cannot travel. Either way nobody was told anything.
            RuntimeError: If this is not the reactor's thread.
        """
        checkThread(self._node, "TupleDataObservableHandler.notifyOfTupleUpdate")
        given = [selectors] if isinstance(selectors, TupleSelector) else list(selectors)
        known = None if changes is None else netOf(changes)
        told: list[Deferred[int]] = []
        for selector in given:
            watches = self._watches.about(_keyOf(selector))
            told += [watch.notify() if known is None else watch.change(*known) for watch in watches]
        for mapped in self._mapped(given):
            told += [watch.notify() for watch in self._watches.about(_keyOf(mapped))]
        if not told:
            return succeed(0)
        return gatherResults(told, consumeErrors=True).addCallback(sum)

    def shutdown(self) -> None:
        """Answer nothing and tell nobody from now on. In the reactor's thread only."""
        checkThread(self._node, "TupleDataObservableHandler.shutdown")
        self._endpoint.shutdown()
        self._watches.close()

    def _mapped(self, selectors: list[TupleSelector]) -> list[TupleSelector]:
        """What the mappers say for *selectors*, each once, and none of those themselves."""
        if not self._watches.watches:
            return []
        seen = {_keyOf(selector) for selector in selectors}
        mapped = []
        for selector in selectors:
            for mapper in self._mappers.get(selector.name, ()):
                for more in _askedAlone(mapper, selector):
                    key = _keyOf(more)
                    if key not in seen:
                        seen.add(key)
                        mapped.append(more)
        return mapped

    # ---- requests

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None] | None:
        if delivery.isReply:
            return None
        filt, peer = payload.filt, delivery.peer
        if self._watches.endAsked(peer, filt):
            return None
        selector = filt.get("tupleSelector")
        if not isinstance(selector, TupleSelector):
            raise DecodeError(f"expected a TupleSelector, got {selector!r:.40}", ".filt.tupleSelector")
        name = str(filt.get("observerName", ""))
        provider = self._providers.get(selector.name)
        isPerPeer = provider is not None and provider[1]
        subject = self._subject(selector, peer if isPerPeer else None)
        if filt.get("unsubscribe") is True:
            self._watches.unsubscribe(peer, subject.key, name)
            return None
        if not self._access.allows(peer, "read", filt):
            raise AccessDenied("you may not see this")
        if provider is None:
            raise UnknownObservable(f"nothing here provides {selector.name!r}")
        if filt.get("subscribe") is False:
            return self._watches.poll(delivery, subject)
        return self._watches.subscribe(delivery, subject, name=name, filt=filt)

    def _subject(self, selector: TupleSelector, peer: Peer | None) -> Subject:
        about = _keyOf(selector)
        who = None if peer is None else (peer.identity or peer)
        return Subject((about, who), about, {**self._filt, "tupleSelector": selector}, (selector, peer))

    async def _make(self, watch: LiveWatch) -> list[Any]:
        selector, peer = watch.subject.what
        provider, isPerPeer = self._providers[selector.name]
        if isPerPeer:  # who asked first may be gone, and the same person be here in another session
            peer = next((watcher.peer for watcher in watch.watchers), peer)
        tuples = await maybeDeferred(provider, selector, peer)
        if tuples is None:
            return []
        if not isinstance(tuples, Iterable) or isinstance(tuples, (str, bytes, Mapping, Tuple)):
            raise TypeError(f"the provider of {selector.name!r} should return a list, got {tuples!r:.80}")
        return list(tuples)


class _ObservableEndpoint(PayloadEndpoint):
    opensBodies = False

    def isRead(self, filt: Mapping[Any, Any]) -> bool:
        return True


def _keyOf(selector: TupleSelector) -> Any:
    return keyOf({"tupleSelector": selector})[0]


def _askedAlone(mapper: UpdateMapper, selector: TupleSelector) -> list[TupleSelector]:
    """What *mapper* says; its failure is its own."""
    try:
        return list(mapper(selector))
    except Exception:
        log.failure("what else changes with {selector} could not be found out", selector=str(selector))
        return []


def _inThread(node: Node, provider: Provider) -> Provider:
    return lambda selector, peer: node.runInThread(provider, selector, peer)
