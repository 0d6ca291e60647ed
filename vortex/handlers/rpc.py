"""
RPC: functions of one vortex that others call.

    @vortexRpc("server")
    def add(a: int, b: int = 0) -> int:
        return a + b

    add.start()                    # on the vortex named "server": it runs the calls
    three = await add(1, b=2)      # on any other: asks its peer of that name

Both import the function, and know it by its module and name. A call is a request, so everything that can
happen to a request can happen to a call. On the wire it is VortexPY's RPC.

What runs a call, and answers it, is in `vortex.handlers.rpc_offer`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from copy import copy
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from vortex.errors import DuplicateName, NotConnected
from vortex.handlers.rpc_offer import RpcArguments, RpcDefinition, RpcResult, theOnly
from vortex.protocol.payload import Payload
from vortex.routing.payload_endpoint import Access, Names, PayloadEndpoint, checkedAccess, checkedNames
from vortex.routing.ports import Node, Peer, theNode

__all__ = ["RemoteFunction", "vortexRpc"]

log = Logger()

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")

_FUNCTION = object()
"""Stands where a method has its object, or None if it is that of the class."""

_AS_DECORATED: Any = object()


class _Decorator(Protocol):
    """What `vortexRpc` returns. A call gives what the function gives in the end, as a Deferred."""

    @overload
    def __call__(self, function: Callable[P, Deferred[R]]) -> RemoteFunction[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> RemoteFunction[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R]) -> RemoteFunction[P, R]: ...


def vortexRpc(
    listeningVortexName: str,
    *,
    name: str | None = None,
    timeout: float | None = 30,
    acceptOnlyFrom: Names | None = None,
    inThread: bool = False,
    access: Access | None = None,
) -> _Decorator:
    """
    Let others call a function, or a method: a decorator that makes a `RemoteFunction` of it.

    Args:
        listeningVortexName: The name of the vortex that offers it, and runs it.
        name: What it is called on the wire; None: its module and qualified name, as in "jobs.calls.add". Both
            ends need the same.
        timeout: Seconds that a call waits for its answer; None: for ever.
        acceptOnlyFrom: Whose calls are taken, as `PayloadEndpoint` has it; others get no answer.
        inThread: Whether to run it in the thread pool, not in the reactor's thread.
        access: Who may, as `PayloadEndpoint` has it; others are answered with "access-denied".

    The function may return anything that can travel, or a Deferred of it, or be a coroutine function. A
    `VortexError` that it raises, say `Rejected`, reaches the caller as a `RemoteError` with its code and
    text. Of any other exception the caller learns that it was "internal", and an id that stands in the log of
    the vortex that ran it.

    Raises:
        TypeError: If an argument is of another kind than that, or if something else than a function is
            decorated, or a coroutine function with *inThread*.
    """
    if not isinstance(listeningVortexName, str):
        raise TypeError(
            "vortexRpc takes the name of the vortex that offers the function, as in "
            f"@vortexRpc('server'), got {listeningVortexName!r}"
        )
    checkedNames("acceptOnlyFrom", acceptOnlyFrom)
    checkedAccess(access)

    def decorate(function: Callable[..., Any]) -> Any:
        if not inspect.isfunction(function):
            raise TypeError(f"@vortexRpc decorates a function or a method, got {function!r}")
        if inThread and inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} is a coroutine function, which no thread can run")
        definition = RpcDefinition(
            function,
            listeningVortexName,
            name=name or f"{function.__module__}.{function.__qualname__}",
            timeout=timeout,
            acceptOnlyFrom=acceptOnlyFrom,
            inThread=inThread,
            access=access,
        )
        return RemoteFunction(definition)

    return decorate


class RemoteFunction(Generic[P, R]):
    """
    A function or a method that `vortexRpc` has decorated: to call it is to have its vortex run it.

    A call returns a Deferred of the result. To cancel that ends the wait; the other end is not told.

    On the node that offers it a call simply runs it: nothing travels, no time is set, and what it raises is
    raised as it is. A method may be called by its class or by any object: the object that offers it runs it.

    Raises:
        TypeError: By a call: the function does not take these arguments.
        NoVortex: By a call: no node is named, and there is no live one, or more than one.

    Fails with:
        RemoteError: The function has refused or failed, or does not take these arguments where it is run
            ("bad-arguments").
        NotConnected: There is no peer of that name, or more than one.
        RequestTimeout: No answer came in time; or nobody there offers it, or not to this node.
        ConnectionLost: The peer went before it answered; it may have run the function.
        EncodeError: The arguments cannot travel.
        DecodeError: The result cannot be read here.

    Attributes:
        __wrapped__: The function itself.
    """

    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]
    __signature__: inspect.Signature

    def __init__(self, definition: RpcDefinition) -> None:
        self._definition = definition
        self._owner: object = _FUNCTION
        self._vortex: Node | None = None
        self._peer: Peer | None = None
        self._timeout = definition.timeout
        update_wrapper(self, definition.function, updated=())

    def __repr__(self) -> str:
        return f"<RPC {self.name} of {self._definition.vortexName!r}>"

    @property
    def name(self) -> str:
        """What it is called on the wire."""
        return self._definition.name

    def __get__(
        self: RemoteFunction[Concatenate[Any, Q], T], instance: object, owner: type[Any] | None = None
    ) -> RemoteFunction[Q, T]:
        method: Any = copy(self)
        method._owner = instance
        method.__signature__ = self._definition.signature(isMethod=True)
        bound: RemoteFunction[Q, T] = method
        return bound

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Have it run where it is offered."""
        definition = self._definition
        definition.check(args, kwargs, isMethod=self._isMethod)
        if self._peer is not None:
            return _resultOf(self._peer.request(self._payload(args, kwargs), timeout=self._timeout))
        node = theNode(self._vortex)
        offer = definition.offerOn(node)
        if offer is not None:
            return offer.run(node, args, kwargs)
        to = definition.vortexName
        if node.name == to and all(peer.name != to for peer in node.peers):
            return fail(
                NotConnected(f"this vortex is {to!r} itself, and does not offer {self.name}: start() it")
            )
        return _resultOf(node.request(self._payload(args, kwargs), toName=to, timeout=self._timeout))

    def on(
        self,
        vortex: Node | None = None,
        *,
        peer: Peer | None = None,
        timeout: float | None = _AS_DECORATED,
    ) -> RemoteFunction[P, R]:
        """
        The same, to be called in another way: ``await add.on(vortex, timeout=5)(2, b=40)``.

        Args:
            vortex: The node that calls, where the process has several.
            peer: The peer to ask, whatever its name, where several offer it.
            timeout: Seconds to wait for the answer; None: for ever.

        What is left out stays as it was.
        """
        called = copy(self)
        if vortex is not None:
            called._vortex = vortex
        if peer is not None:
            called._peer = peer
        if timeout is not _AS_DECORATED:
            called._timeout = timeout
        return called

    def start(self, funcSelf: object = None, *, vortex: Node | None = None) -> PayloadEndpoint:
        """
        Offer it.

        Args:
            funcSelf: The object that runs a method; ``object.method.start()`` says the same. It is held
                weakly.
            vortex: The node; None: the process's only one.

        Returns:
            The endpoint, which has a `shutdown`. Nobody has to keep it: a function is offered for as long as
            the node lives, a method for as long as its object does, unless that ends it before.

        Raises:
            TypeError: If a method has no object, or one that takes no weak references, or a function has one.
            DuplicateName: If the node offers something of this name already.
            NoVortex: If no node is given, and there is no live one, or more than one.
        """
        definition, node = self._definition, theNode(vortex)
        owner = self._owner if funcSelf is None else funcSelf
        if self._isMethod is (owner is _FUNCTION) or owner is None:
            of = (
                "a method: say whose, as in start(object)"
                if self._isMethod
                else "a function: it has no object"
            )
            raise TypeError(f"{definition.function.__qualname__} is {of}, got {funcSelf!r}")
        if any(other.filt == definition.filt for other in node.payloadIO.matching(definition.filt)):
            raise DuplicateName(
                f"the vortex {node.name!r} offers {self.name} already: shut that down first, "
                "or decorate one of them with another name="
            )
        if node.name != definition.vortexName:
            log.warn(
                "{function} is offered by {node}: only who names the peer finds it there",
                function=self,
                node=node,
            )
        return definition.offer(node, None if owner is _FUNCTION else owner)

    @property
    def _isMethod(self) -> bool:
        return self._owner is not _FUNCTION

    def _payload(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Payload:
        return Payload(self._definition.filt, [RpcArguments(args=list(args), kwargs=dict(kwargs))])


def _resultOf(answer: Deferred[Payload]) -> Deferred[Any]:
    return answer.addCallback(lambda payload: theOnly(RpcResult, payload).result)
