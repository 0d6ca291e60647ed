"""
HandlerAccess: who may, of a handler, as its ``access=`` says; asked for requests and before updates.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MethodType
from typing import Any

from vortex.access.tuple_access import TupleAccess
from vortex.errors import VortexError
from vortex.routing.payload_endpoint import Access, checkedAccess, mayAccess
from vortex.routing.ports import Peer

__all__ = ["HandlerAccess"]


class HandlerAccess:
    """
    Args:
        access: A set of roles, of which a peer needs one; or ``access(peer, operation, filt)``, which lets
            pass by returning exactly True; or a `TupleAccess`. None: everybody.
        owner: The handler. A method of its own is held weakly, so that it does not keep itself.

    Attributes:
        isOpen: Whether everybody may.
        maySend: Given a peer and a record, whether it may see that; None: whoever may see anything may.

    Raises:
        TypeError: If *access* is none of these.
    """

    def __init__(self, access: Access | TupleAccess | None, owner: object) -> None:
        self.isOpen = access is None
        self.maySend: Callable[[Peer, Any], object] | None = None
        if isinstance(access, TupleAccess):
            self.maySend = access.maySend
            access = _mayRead(access)
        self._access: Access | weakref.WeakMethod[Any] | None = checkedAccess(access)
        if isinstance(access, MethodType) and access.__self__ is owner:
            self._access = weakref.WeakMethod(access)

    def allows(self, peer: Peer, operation: str, filt: Mapping[str, Any]) -> bool:
        """
        Whether *peer* may do *operation* with *filt*.

        Raises:
            AccessDenied, Rejected: If the function says no with one of these: the peer gets its words.
        """
        access = self._access
        if isinstance(access, weakref.WeakMethod):
            access = access() or frozenset()
        return mayAccess(access, peer, operation, filt)

    def maySee(self, peer: Peer, filt: Mapping[str, Any]) -> bool:
        """Whether *peer* gets updates of what it asked for with *filt*: nobody has asked now, so no words."""
        if self.isOpen:
            return True
        with suppress(VortexError):
            return self.allows(peer, "read", filt)
        return False


def _mayRead(access: TupleAccess) -> Access:
    """What is asked whether a peer may see anything at all."""
    return lambda peer, _operation, filt: access.mayRead(peer, filt)
