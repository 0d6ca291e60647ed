"""
TupleActionClient: has a peer carry out actions.

    actions = TupleActionClient("demo.actions", "server")
    (job,) = await actions.pushAction(RenameJob(id=7, title="Water the plants"))

What carries them out is a `TupleActionProcessor` of that peer, or VortexPY's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from vortex.errors import RequestTimeout
from vortex.protocol.payload import Payload
from vortex.routing.live_filt import actionFilt
from vortex.routing.ports import Node, theNode
from vortex.tuples.action_tuples import TupleAction

__all__ = ["Shows", "TupleActionClient"]


class Shows(Protocol):
    """What shows what actions do: a subscription, or an observer with all of its own."""

    def passed(self, after: Mapping[str, int]) -> Deferred[Any]:
        """Fires when all that it shows of *after*, serials by the numbers of watches, is reached."""


class TupleActionClient:
    """
    Args:
        name: Of the processor.
        toName: Of the peer that has it; None: the only peer there is.
        vortex: The node; None: the process's only one.
        filt: Keys of the application's own that the processor has in its filt.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If *name* is no text.
    """

    def __init__(
        self,
        name: str,
        toName: str | None = None,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
    ) -> None:
        self._node = theNode(vortex)
        self._toName = toName
        self._filt = actionFilt(name, filt)

    def pushAction(
        self, action: TupleAction, timeout: float | None = 30, *, until: Shows | None = None
    ) -> Deferred[list[Any]]:
        """
        Have *action* carried out.

        Args:
            timeout: Seconds to wait; None: for ever.
            until: A subscription, or an observer: fire only when what it shows has what the action did.

        Returns:
            A Deferred of the tuples in the answer.

        To push the same action again, which has the uuid it had, is safe: it takes effect once for as long as
        the processor remembers it.

        Raises:
            TypeError: If *action* is no action.

        Fails with:
            RemoteError: The action was refused or has failed, with the processor's code and text.
            NotConnected: There is no peer of that name, or more than one.
            RequestTimeout: No answer came in time, or what was to be shown was not. It may have been done.
            ConnectionLost: The peer went before it answered. It may have been done.
            EncodeError: The action cannot travel.
            DecodeError: The answer cannot be read here.
        """
        if not isinstance(action, TupleAction):
            raise TypeError(f"pushAction takes an action, derived from TupleAction, got {action!r}")
        return Deferred.fromCoroutine(self._push(action, timeout, until))

    async def _push(self, action: TupleAction, timeout: float | None, until: Shows | None) -> list[Any]:
        began = self._node.clock.seconds()
        answer = await self._node.request(Payload(self._filt, [action]), toName=self._toName, timeout=timeout)
        tuples = answer.tuples
        after = _after(answer.filt)
        if until is not None:
            shown = until.passed(after)
            if timeout is not None:
                left = timeout - (self._node.clock.seconds() - began)
                clock: Any = self._node.clock
                shown.addTimeout(max(0.0, left), clock, _notShown)
            await shown
        return tuples


def _after(filt: Mapping[str, Any]) -> dict[str, int]:
    """The serials in an answer from which on what it did is to be seen."""
    view = filt.get("view")
    after = view.get("after") if isinstance(view, Mapping) else None
    return {str(watch): serial for watch, serial in after.items()} if isinstance(after, Mapping) else {}


def _notShown(_: object, seconds: float) -> Any:
    raise RequestTimeout(f"the action was done, and what it did was not shown within {seconds:g} s more")
