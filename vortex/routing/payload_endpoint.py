"""
PayloadEndpoint: a filt, and what is called with each payload that matches it.

Nobody has to hold on to an endpoint of a method, nor to let go of it: it lives as
long as the object that the method belongs to. An endpoint of a plain function has
no such object; it lives as long as somebody keeps it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from types import MethodType, TracebackType
from typing import Any, Self

from twisted.logger import Logger

from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.ports import Node, Peer, theNode

__all__ = ["Access", "PayloadEndpoint"]

log = Logger()

EndpointCallable = Callable[[Payload, Delivery], object]
Access = AbstractSet[str] | Callable[[Peer, str, Mapping[str, Any]], object]

_kept: dict[int, set[PayloadEndpoint]] = {}
"""Endpoints by the id of the object that keeps them; by id, as that object need not be hashable."""


class PayloadEndpoint:
    """
    Args:
        filt: What a message's filt has to contain; needs a ``key``.
        callable_: Called as ``callable_(payload, delivery)`` for each message. It may
            return anything, a Deferred, or be a coroutine function; what it raises is answered.
        vortex: The node; None: the process's only one.
        access: Who may. A set of roles, of which a peer needs one; or
            ``access(peer, "call", filt)``, which lets pass by returning exactly True.
            None: everybody. It is asked before a tuple is decoded.

    A bound method is held weakly, and its object keeps the endpoint: letting go of
    the endpoint does not end it while the object lives. `shutdown` does, and so does
    leaving a ``with`` block. Of a plain function keep the endpoint.

    *access* may be a method of that same object. Any other callable is held as it is: a
    lambda in which the object stands would keep it, and with it the endpoint, for ever.

    Attributes:
        filt: As given.
        handlesReplies: False for an endpoint that is not to get replies and pushes.

    Raises:
        ValueError: If *filt* has no ``key``.
        TypeError: If *filt* is no dict, *callable_* is not callable or a method of an object that takes no
            weak references, or *access* is neither a set nor callable.
        NoVortex: If no node is given, and there is no live one, or more than one.
    """

    handlesReplies = True
    _callable: Any = None  # of one that was refused when it was made

    def __init__(
        self,
        filt: Mapping[str, Any],
        callable_: EndpointCallable,
        vortex: Node | None = None,
        *,
        access: Access | None = None,
    ) -> None:
        if not isinstance(filt, Mapping):
            raise TypeError(f"an endpoint's filt is a dict, as in {{'key': 'jobs'}}, got {filt!r}")
        if "key" not in filt:
            raise ValueError(f"an endpoint's filt needs a 'key' to route by, got {filt!r}")
        if not callable(callable_):
            raise TypeError(f"an endpoint needs something to call, got {callable_!r}")
        if access is not None and not callable(access) and not isinstance(access, AbstractSet):
            raise TypeError(f"access= takes a set of roles or something to ask, got {access!r}")
        io = theNode(vortex).payloadIO
        self.filt = dict(filt)
        self._io = io
        self._name = _nameOf(callable_)
        self._owner: weakref.ref[Any] | None = None
        self._access: Any = access
        self._isAccessOfOwner = False
        self._wasUsed = False
        if isinstance(callable_, MethodType):
            self._keepWith(callable_)
        else:
            self._callable = callable_
        io.add(self)

    def __repr__(self) -> str:
        return f"<endpoint {self.filt!r} of {self._name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def __del__(self) -> None:
        if self._callable is not None and self._owner is None and not self._wasUsed:
            if sys.is_finalizing() or not self._io.isLive:
                return
            log.warn(
                "the endpoint {filt} of {name} was dropped before any message came: it is gone. "
                "Keep what PayloadEndpoint(...) returns for as long as it shall live",
                filt=self.filt,
                name=self._name,
            )

    @property
    def isLive(self) -> bool:
        """False once it was shut down, or the object of its method is gone."""
        return self._callable is not None and (self._owner is None or self._owner() is not None)

    @property
    def access(self) -> Access | None:
        """Who may, as given. It is what decides as long as the endpoint lives."""
        if not self._isAccessOfOwner:
            return self._access  # type: ignore[no-any-return]
        owner = None if self._owner is None else self._owner()
        return frozenset() if owner is None else MethodType(self._access, owner)

    def shutdown(self) -> None:
        """Take no more messages. Calling it twice does nothing."""
        if self._callable is None:
            return
        self._callable = None
        self._io.remove(self)
        owner = None if self._owner is None else self._owner()
        if owner is not None:
            _kept.get(id(owner), set()).discard(self)

    def call(self, payload: Payload, delivery: Delivery) -> object:
        """Call the callable, if it is still there."""
        self._wasUsed = True
        if self._owner is None:
            return None if self._callable is None else self._callable(payload, delivery)
        owner = self._owner()
        if owner is None or self._callable is None:
            return None
        return self._callable(owner, payload, delivery)

    def _keepWith(self, method: MethodType) -> None:
        """Hold the method's object weakly, and have it hold us."""
        owner = method.__self__
        try:
            self._owner = weakref.ref(owner)
        except TypeError:
            raise TypeError(
                f"{self._name} belongs to a {type(owner).__qualname__}, which cannot be held weakly: "
                "add '__weakref__' to its __slots__, or pass a plain function and keep the endpoint"
            ) from None
        self._callable = method.__func__
        access = self._access
        if isinstance(access, MethodType) and access.__self__ is owner:
            self._access = access.__func__
            self._isAccessOfOwner = True
        key = id(owner)
        if key not in _kept:
            _kept[key] = set()
            weakref.finalize(owner, _kept.pop, key, None).atexit = False
        _kept[key].add(self)


def _nameOf(callable_: Any) -> str:
    """What to call it in logs."""
    while isinstance(callable_, partial):
        callable_ = callable_.func
    name = getattr(callable_, "__qualname__", None)
    return name if isinstance(name, str) else f"a {type(callable_).__qualname__}"
