"""
PayloadEndpoint: a filt, and what is called with each payload that matches it.

Nobody has to hold on to an endpoint of a method, nor to let go of it: it lives as
long as the object that the method belongs to. An endpoint of a plain function has
no such object; it lives as long as somebody keeps it. Where endpoints are found,
and what keeps them, is `vortex.routing.payload_io`'s.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from types import MethodType, TracebackType
from typing import Any, Self

from twisted.logger import Logger

from vortex.errors import AccessDenied, Rejected
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import shown
from vortex.routing.ports import Node, Peer, theNode

__all__ = ["Access", "Names", "PayloadEndpoint", "checkedAccess", "checkedNames", "mayAccess"]

log = Logger()

EndpointCallable = Callable[[Payload, Delivery], object]
Access = AbstractSet[str] | Callable[[Peer, str, Mapping[str, Any]], object]
Names = str | AbstractSet[str]


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
        acceptOnlyFrom: Whose messages are taken: a name, or a set of names. None: everybody's.
        ignoreFrom: Whose are not, as well.

    A name in those two is a peer's `identity` where the node has an authenticator: who has none is nobody
    that *acceptOnlyFrom* names. Where there is no authenticator it is the name that the peer gives itself,
    which is worth nothing: anybody can say it. What is not taken is not answered either, as if the endpoint
    were not there.

    A bound method is held weakly, and its object keeps the endpoint: letting go of
    the endpoint does not end it while the object lives. `shutdown` does, and so does
    leaving a ``with`` block. An *access* that is a method of the same object is held
    weakly too. Of a plain function, a partial or a callable object keep the endpoint:
    one that goes before any message came says so in the log.

    An endpoint made while a message is on its way to others gets the next one; one
    that is shut down then gets none any more.

    Attributes:
        filt: As given.
        handlesReplies: False for an endpoint that is not to get replies and pushes.
        opensBodies: False for an endpoint that does not read the tuples, but say passes the payload on: then
            they are not made for it.

    Raises:
        ValueError: If *filt* has no ``key``, or one that is a dict, which puts no condition.
        TypeError: If *filt* is no dict, *callable_* is not callable or a method of an
            object that takes no weak references, *access* is neither a set nor a function, or
            *acceptOnlyFrom* or *ignoreFrom* is neither a text nor a set of texts.
        NoVortex: If no node is given, and there is no live one, or more than one.
        RuntimeError: If this is not the reactor's thread.
    """

    handlesReplies = True
    opensBodies = True
    _callable: Any = None  # of one that was refused when it was made

    def __init__(
        self,
        filt: Mapping[str, Any],
        callable_: EndpointCallable,
        vortex: Node | None = None,
        *,
        access: Access | None = None,
        acceptOnlyFrom: Names | None = None,
        ignoreFrom: Names | None = None,
    ) -> None:
        if not isinstance(filt, Mapping):
            raise TypeError(f"an endpoint's filt is a dict, as in {{'key': 'jobs'}}, got {filt!r}")
        if "key" not in filt:
            raise ValueError(f"an endpoint's filt needs a 'key' to route by, got {filt!r}")
        if isinstance(filt["key"], dict):
            raise ValueError(f"an endpoint's 'key' cannot be a dict, which matches anything, got {filt!r}")
        if not callable(callable_):
            raise TypeError(f"an endpoint needs something to call, got {callable_!r}")
        self.filt = dict(filt)
        self._access: Access | weakref.WeakMethod[Any] | None = checkedAccess(access)
        self._only = checkedNames("acceptOnlyFrom", acceptOnlyFrom)
        self._ignored = checkedNames("ignoreFrom", ignoreFrom)
        self._name = _nameOf(callable_)
        self._wasUsed = False
        self._io = theNode(vortex).payloadIO
        self._io.checkThread("PayloadEndpoint")
        if isinstance(callable_, MethodType):
            owner = callable_.__self__
            self._owner: weakref.ref[Any] | None = self._weakly(owner)
            self._callable = callable_.__func__
            if isinstance(access, MethodType) and access.__self__ is owner:
                self._access = weakref.WeakMethod(access)
            self._io.keep(self, owner)
        else:
            self._owner = None
            self._callable = callable_
        self._io.add(self)

    def __repr__(self) -> str:
        return f"<endpoint {shown(self.filt)} of {self._name}>"

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
        if self._callable is None or self._owner is not None or self._wasUsed:
            return
        if sys.is_finalizing() or not self._io.isLive:
            return
        log.warn(
            "the endpoint {filt} of {name} was dropped before any message came: it is gone. "
            "Keep what PayloadEndpoint(...) returns for as long as it shall live",
            filt=self.filt,
            name=self._name,
        )

    @property
    def access(self) -> Access | None:
        """Who may; nobody, once the object whose method was to be asked is gone."""
        if isinstance(self._access, weakref.WeakMethod):
            return self._access() or frozenset()
        return self._access

    @property
    def isLive(self) -> bool:
        """False once it was shut down, or the object of its method is gone."""
        return self._callable is not None and (self._owner is None or self._owner() is not None)

    def takesFrom(self, peer: Peer) -> bool:
        """Whether messages of *peer* are any of its business."""
        if self._only is None and self._ignored is None:
            return True
        who = peer.identity
        if who is None:
            if self._io.asksWhoPeersAre:  # then what somebody calls itself counts for nothing
                return self._only is None
            who = peer.name
        isWanted = self._only is None or who in self._only
        return isWanted and (self._ignored is None or who not in self._ignored)

    def isRead(self, filt: Mapping[Any, Any]) -> bool:
        """
        Whether a message of *filt*, without tuples, asks for something and changes nothing. Who may only
        listen reaches endpoints that say so. By itself none does.
        """
        return False

    def readsBody(self, filt: Mapping[Any, Any]) -> bool:
        """
        Whether the callable reads the tuples of a message of *filt*. Then a long body is opened in a thread
        before it is called; where it is not, whoever reads them nevertheless lets everybody else wait.
        """
        return self.opensBodies

    def shutdown(self) -> None:
        """Take no more messages. Calling it twice does nothing."""
        if self._callable is None:
            return
        self._callable = None
        self._io.remove(self)
        owner = None if self._owner is None else self._owner()
        if owner is not None:
            self._io.letGo(self, owner)

    def call(self, payload: Payload, delivery: Delivery) -> object:
        """For `PayloadIO`: call the callable, if it is still there."""
        self._wasUsed = True
        if self._owner is None:
            return None if self._callable is None else self._callable(payload, delivery)
        owner = self._owner()
        if owner is None or self._callable is None:
            return None
        return self._callable(owner, payload, delivery)

    def _weakly(self, owner: Any) -> weakref.ref[Any]:
        try:
            return weakref.ref(owner)
        except TypeError:
            raise TypeError(
                f"{self._name} belongs to a {type(owner).__qualname__}, which cannot be held weakly: "
                "add '__weakref__' to its __slots__, or pass a plain function and keep the endpoint"
            ) from None


def _nameOf(callable_: Any) -> str:
    while isinstance(callable_, partial):
        callable_ = callable_.func
    return getattr(callable_, "__qualname__", None) or f"a {type(callable_).__qualname__}"


def checkedAccess(access: Access | None) -> Access | None:
    """
    *access*, as an ``access=`` argument takes it.

    Raises:
        TypeError: If it is none of None, a set of roles, and a function.
    """
    if inspect.iscoroutinefunction(access):
        raise TypeError(f"access= is asked and answers at once, {access!r} is a coroutine function")
    if access is None or callable(access) or isinstance(access, AbstractSet):
        return access
    raise TypeError(f"access= takes a set of roles or something to ask, got {access!r}")


def checkedNames(argument: str, names: Names | None) -> frozenset[str] | None:
    """
    *names*, as *argument* takes them: one, or a set.

    Raises:
        TypeError: If it is neither, or something else than texts is in it.
    """
    if names is None:
        return None
    found: Any = {names} if isinstance(names, str) else names
    if isinstance(found, AbstractSet) and all(isinstance(name, str) for name in found):
        return frozenset(found)
    raise TypeError(f"{argument}= takes a name or a set of names, got {names!r}")


def mayAccess(access: Access | None, peer: Peer, operation: str, filt: Mapping[str, Any]) -> bool:
    """
    Whether *peer* may do *operation* (read, write, call) with *filt*. Anything but exactly True is a no.

    Raises:
        AccessDenied, Rejected: If that is what the function says no with, so that the peer gets its words.
            Whatever else it raises is logged.
    """
    if access is None:
        return True
    try:
        if callable(access):
            return access(peer, operation, filt) is True
        return not access.isdisjoint(peer.roles)
    except (AccessDenied, Rejected):
        raise
    except Exception:
        log.failure("whether {peer} has access could not be found out, so it has none", peer=peer)
        return False
