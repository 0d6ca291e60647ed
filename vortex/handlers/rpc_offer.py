"""
An RPC where it is run: what travels, the check of a call's arguments, and the answer.

How a function becomes one, and how it is called from afar, is `vortex.handlers.rpc`'s.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import MethodType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from vortex.errors import DecodeError, LimitExceeded, Rejected
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import shown
from vortex.routing.payload_endpoint import Access, Names, PayloadEndpoint
from vortex.routing.ports import Node, Peer
from vortex.tuples.field import TupleField
from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["RpcArguments", "RpcDefinition", "RpcOffer", "RpcResult", "theOnly"]

_Tuple = TypeVar("_Tuple", bound=Tuple)

_PRIORITY = 10
"""Answers to calls overtake what else waits for a peer (100): somebody stands still until they come."""

_MAX_PROBLEM = 200
"""Characters that are told of what is wrong with a call's arguments."""


@addTupleType
class RpcArguments(Tuple):
    """What a function is called with."""

    __tupleType__ = "vortex.rpc.RPC_VortexRPCArgTuple"
    args: list[Any] = TupleField(factory=list)
    kwargs: dict[Any, Any] = TupleField(factory=dict)


@addTupleType
class RpcResult(Tuple):
    """What it has returned."""

    __tupleType__ = "vortex.rpc.RPC_VortexRPCResultTuple"
    result: Any


def theOnly(kind: type[_Tuple], payload: Payload) -> _Tuple:
    """
    The one tuple in *payload*, which is of that *kind*.

    Raises:
        DecodeError: If there is another one, none, or more.
    """
    match payload.tuples:
        case [kind() as found]:
            return found
    raise DecodeError(f"expected one {kind.tupleType()}, got {shown(payload.tuples)}", ".tuples")


class RpcDefinition:
    """
    One function as it was decorated: `vortex.handlers.rpc.vortexRpc` says what its arguments are.

    Attributes:
        filt: That of its calls.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        vortexName: str,
        *,
        name: str,
        timeout: float | None,
        acceptOnlyFrom: Names | None,
        inThread: bool,
        access: Access | None,
    ) -> None:
        self.function = function
        self.vortexName = vortexName
        self.name = name
        self.filt = {"key": name, "_internal": "vortexRPC"}
        self.timeout = timeout
        self.acceptOnlyFrom = acceptOnlyFrom
        self.inThread = inThread
        self.access = access
        self._signature = inspect.signature(function)
        self._offers: weakref.WeakKeyDictionary[Node, weakref.ref[RpcOffer]] = weakref.WeakKeyDictionary()

    def signature(self, *, isMethod: bool) -> inspect.Signature:
        """What a call takes: of a method, all but the object."""
        parameters = list(self._signature.parameters.values())
        if isMethod and parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
            del parameters[0]
        return self._signature.replace(parameters=parameters)

    def check(self, args: Sequence[Any], kwargs: Mapping[Any, Any], *, isMethod: bool) -> None:
        """
        Raises:
            TypeError: If a call does not take these arguments.
        """
        try:
            self._signature.bind(*((None,) if isMethod else ()), *args, **kwargs)
        except TypeError as error:
            takes = f"{self.function.__qualname__}{_shown(self.signature(isMethod=isMethod))}"
            # A peer chooses what the error quotes: a keyword may be as long as a text may.
            raise TypeError(f"{takes} cannot be called so: {str(error)[:_MAX_PROBLEM]}") from None

    def offerOn(self, node: Node) -> RpcOffer | None:
        """The offer of *node*; None if it has none."""
        ref = self._offers.get(node)
        offer = None if ref is None else ref()
        return offer if offer is not None and offer.isLive else None

    def offer(self, node: Node, owner: object | None) -> PayloadEndpoint:
        """
        Offer it on *node*, as a method of *owner* or, for None, as a function.

        Raises:
            TypeError: If *owner* takes no weak references.
        """
        offer = RpcOffer(self, node)
        # Taken for a method of the object or the node, it lives as long as that does.
        endpoint = PayloadEndpoint(
            self.filt,
            MethodType(offer, node if owner is None else owner),
            node,
            access=self.access,
            acceptOnlyFrom=self.acceptOnlyFrom,
        )
        endpoint.handlesReplies = False
        offer.endpoint = weakref.ref(endpoint)
        offer.owner = None if owner is None else weakref.ref(owner)
        self._offers[node] = weakref.ref(offer)
        return endpoint


class RpcOffer:
    """
    One function on the node that offers it.

    Attributes:
        endpoint: Where its calls come in.
        owner: The object whose method it is; None of a function.
    """

    endpoint: weakref.ref[PayloadEndpoint]
    owner: weakref.ref[Any] | None

    def __init__(self, definition: RpcDefinition, node: Node) -> None:
        self.__qualname__ = definition.function.__qualname__
        self._definition = definition
        self._node = weakref.ref(node)
        self._waiting: Counter[Peer] = Counter()

    def __repr__(self) -> str:
        return f"<RPC {self._definition.name}>"

    @property
    def isLive(self) -> bool:
        """Whether it is offered still."""
        endpoint = self.endpoint()
        return endpoint is not None and endpoint.isLive

    def __call__(self, _: object, payload: Payload, delivery: Delivery) -> Deferred[None]:
        """For `PayloadEndpoint`: somebody calls."""
        return Deferred.fromCoroutine(self._answer(payload, delivery))

    def run(self, node: Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Deferred[Any]:
        """Run it, with arguments that were checked; fires with what it gives in the end."""
        function = self._definition.function
        if self.owner is not None:
            function = MethodType(function, self.owner())
        if self._definition.inThread:
            return node.runInThread(_runAtOnce, function, args, kwargs)
        return maybeDeferred(lambda: function(*args, **kwargs))  # not with them: one may be called f

    async def _answer(self, payload: Payload, delivery: Delivery) -> None:
        peer = delivery.peer
        self._waiting[peer] += 1
        try:
            node = self._node()
            assert node is not None  # a message came in to it
            if self._waiting[peer] > node.limits.maxWaitingRequests:
                raise LimitExceeded(
                    "maxWaitingRequests",
                    f"{node.limits.maxWaitingRequests} calls of this peer wait for an answer already",
                )
            called = theOnly(RpcArguments, payload)
            try:
                self._definition.check(called.args, called.kwargs, isMethod=self.owner is not None)
            except TypeError as error:
                raise Rejected(str(error), code="bad-arguments") from None
            result = await self.run(node, called.args, called.kwargs)
            delivery.reply([RpcResult(result=result)], priority=_PRIORITY)
        except (Exception, asyncio.CancelledError):
            delivery.failedIn(self, Failure(), _PRIORITY)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]


class _Bare(str):
    """An annotation that was not evaluated, to be shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _shown(signature: inspect.Signature) -> str:
    def bare(annotation: Any) -> Any:
        return _Bare(annotation) if isinstance(annotation, str) else annotation

    parameters = [each.replace(annotation=bare(each.annotation)) for each in signature.parameters.values()]
    return str(inspect.Signature(parameters, return_annotation=bare(signature.return_annotation)))


def _runAtOnce(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """For a thread: what is returned is the result, as nobody there waits for a later one."""
    result = function(*args, **kwargs)
    if isinstance(result, Coroutine):
        result.close()
    if isinstance(result, (Coroutine, Deferred)):
        raise TypeError(f"{function.__qualname__} runs in a thread, where it cannot return {result!r}")
    return result
