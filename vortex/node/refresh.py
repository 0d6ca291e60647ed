"""
Refresh: a peer shows a fresh token on a line that is open.

It sends ``{"key": "vortex.credentials"}`` with the token as the only tuple. It is answered true, and the line
is good for as long as that token is, with the roles that it says. A token of somebody else ends the line: who
a peer is does not change while it lasts.
"""

from __future__ import annotations

from weakref import WeakSet

from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied, DecodeError, Unauthenticated
from vortex.node.peer import VortexPeer
from vortex.protocol.codes import CloseCode
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.ports import Node

__all__ = ["REFRESH", "Refresh"]

REFRESH = {"key": "vortex.credentials"}


class Refresh:
    """
    Takes fresh tokens, for a node that has an authenticator.

    Args:
        node: Whose peers show them.
    """

    def __init__(self, node: Node) -> None:
        self._asking: WeakSet[VortexPeer] = WeakSet()
        self.endpoint = PayloadEndpoint(REFRESH, self._onPayload, node)
        self.endpoint.handlesReplies = False

    async def _onPayload(self, payload: Payload, delivery: Delivery) -> None:
        peer = delivery.peer
        if not isinstance(peer, VortexPeer):
            return
        token = _tokenIn(payload)
        if peer._link.isOutgoing:
            raise AccessDenied("a token is shown by the end that has connected")
        if peer in self._asking:
            raise AccessDenied("the token before this one is still being looked at")
        self._asking.add(peer)
        try:
            principal = await self._ask(peer, token)
        finally:
            self._asking.discard(peer)
        if not peer.isOnline:
            return
        if principal.id == peer.identity:
            peer._link.renew(principal)
            delivery.reply(result=True)
        else:
            text = "the token is somebody else's: connect again with it"
            delivery.fail(AccessDenied(text))
            peer.whenDrained().addCallback(lambda _: peer._link.close(CloseCode.REFUSED.value, text))

    async def _ask(self, peer: VortexPeer, token: str) -> Principal:
        """
        Whose token it is.

        Raises:
            AccessDenied: If it is nobody's.
        """
        address = None if peer.address == "local" else peer.address
        shown = Credentials(headers={"authorization": f"Bearer {token}"}, address=address)
        try:
            principal = await peer._vortex.admit(shown)
        except Unauthenticated as error:
            raise AccessDenied(str(error)) from None
        if principal is None:
            raise AccessDenied("nobody is known by that token")
        return principal


def _tokenIn(payload: Payload) -> str:
    tuples = payload.tuples
    if len(tuples) != 1 or not isinstance(tuples[0], str):
        kinds = ", ".join(type(each).__name__ for each in tuples[:3])
        raise DecodeError(f"expected one token, a text, got {len(tuples)}: {kinds}", "tuples")
    return tuples[0]
