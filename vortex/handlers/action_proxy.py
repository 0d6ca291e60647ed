"""
TupleActionProxy: has another node's processor carry out the actions that peers ask this node for.

    proxy = TupleActionProxy("demo.actions", "server", vortex)

What that node answers, an error and its code too, goes back to who asked. Where it says from which serials on
the action is to be seen, that is said by the numbers of the watches here, see `TupleDataObservableProxy`.

An action takes effect once at the other node: what this node's session sends again is known there by its
number, what a peer asks for again by its uuid. To the other node all who ask are this node: who may is asked
here. They are carried out there one after another, as those of any one peer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from vortex.errors import AccessDenied, UnknownAction
from vortex.handlers.handler_access import HandlerAccess
from vortex.handlers.observable_proxy import proxiesOf
from vortex.live.waiting_requests import WaitingRequests
from vortex.node.reactor_thread import checkThread
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.live_filt import actionFilt
from vortex.routing.payload_endpoint import Access, PayloadEndpoint
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import Node, Peer, theNode

__all__ = ["TupleActionProxy"]


class TupleActionProxy:
    """
    Args:
        name: The name of the processor, there and here.
        toName: The name of the peer that has it.
        vortex: The node; None: the process's only one.
        filt: Keys of the application's own that the processor has in its filt.
        access: Who may; as `TupleActionProcessor` has it.
        timeout: Seconds that the other node has to answer, where who asks does not say it; None: any time.

    Raises:
        NoVortex: If no node is given, and there is no live one, or more than one.
        TypeError: If *name* is no text, or *access* is none of these.
        RuntimeError: If this is not the reactor's thread.

    The classes of the actions and of what is answered have to be registered here too. Keep the proxy: when
    nothing refers to it any more it is gone.
    """

    def __init__(
        self,
        name: str,
        toName: str,
        vortex: Node | None = None,
        *,
        filt: Mapping[str, Any] | None = None,
        access: Access | Any | None = None,
        timeout: float | None = 30,
    ) -> None:
        self._node = node = theNode(vortex)
        checkThread(node, "TupleActionProxy")
        self._toName = toName
        self._timeout = timeout
        mayAccept = getattr(access, "mayAccept", None)
        if mayAccept is not None:
            access = lambda peer, _operation, filt: mayAccept(peer, name, filt)  # noqa: E731
        self._access = HandlerAccess(access, self)
        self._waiting = WaitingRequests(node.limits)
        self._endpoint = PayloadEndpoint(actionFilt(name, filt), self._onPayload, node)
        self._endpoint.handlesReplies = False

    def shutdown(self) -> None:
        """Pass nothing on any more. What is under way is answered. In the reactor's thread only."""
        checkThread(self._node, "TupleActionProxy.shutdown")
        self._endpoint.shutdown()

    def _onPayload(self, payload: Payload, delivery: Delivery) -> Deferred[None] | None:
        peer = delivery.peer
        if delivery.isReply:
            return None
        if not self._access.allows(peer, "write", delivery.filt):
            raise AccessDenied("you may not do this")
        if peer.name == self._toName:
            raise UnknownAction("what is asked for here is passed on to you")
        return self._waiting.run(peer, lambda: self._passOn(payload, delivery))

    async def _passOn(self, payload: Payload, delivery: Delivery) -> None:
        filt = {key: value for key, value in delivery.filt.items() if key != MESSAGE_ID}
        timeout = self._timeout if delivery.deadline is None else delivery.deadline
        asked = PayloadResponse(
            Payload(filt, payload.tuples), self._node, toName=self._toName, timeout=timeout
        )
        there = asked.peer
        answer = await asked
        after = await self._after(delivery.peer, there, answer.filt.get("view"))
        delivery.reply(answer, filt={"view": {"after": after}} if after else None)

    async def _after(self, peer: Peer, there: Peer | None, view: Any) -> dict[str, int]:
        """What *view*, of the other node's answer, says of watches, by their numbers here."""
        serials = view.get("after") if isinstance(view, Mapping) else None
        if not isinstance(serials, dict):
            serials = {}
        # As texts: in a filt, keys that are numbers come as such from some peers.
        named = {str(number): serial for number, serial in serials.items()}
        proxies = tuple(proxiesOf(self._node))
        found: dict[str, int] = {}
        for each in await gatherResults([proxy.after(peer, there, named) for proxy in proxies]):
            found.update(each)
        return found
