"""
TupleAccess: who may see which record, and do which action.

Make a class of your own that says no where it has to, and pass it as ``access=``. Only exactly True is a yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vortex.routing.ports import Peer

__all__ = ["TupleAccess"]


class TupleAccess:
    """Everybody may everything, but for what a subclass says."""

    def mayRead(self, peer: Peer, filt: Mapping[str, Any]) -> bool:
        """Whether *peer* may ask for what *filt* says; which of the records it gets is `maySend`'s."""
        return True

    def maySend(self, peer: Peer, record: Any) -> bool:
        """Whether *peer* may see *record*. Asked once for each state of a record, not for each message."""
        return True

    def mayAccept(self, peer: Peer, actionName: str, header: Mapping[str, Any]) -> bool:
        """
        Whether *peer* may have actions done.

        Args:
            actionName: The name of the processor. Of which type the action is was not read yet.
            header: The filt that it came with.
        """
        return True
