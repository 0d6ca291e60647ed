"""
Demo people: who has a line to the demo, told to everybody who has asked, whenever somebody comes or goes.

A name is what a peer calls itself: a text from outside, which is cut where it is long and is otherwise left
as it is. The page sets it as text.
"""

from __future__ import annotations

from typing import Any

from vortex.clocks import DelayedCall
from vortex.handlers.model_handler import ModelHandler
from vortex.node.peer import VortexPeer
from vortex.node.session_events import SessionEvent
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery
from vortex.tuples.field import TupleField
from vortex.tuples.tuple import Tuple, addTupleType

__all__ = ["People", "Person"]

MOST_PEOPLE = 200
"""How many are told of, the newest: a list of all would be sent to all whenever one of them moves."""

LONGEST = 80
"""Characters of a uuid or a name that are told."""


@addTupleType
class Person(Tuple):
    """One who is here: a program, or a page in a browser."""

    __tupleType__ = "demo.Person"

    uuid: str = TupleField(key=True, default="")
    name: str = ""
    transport: str = ""


class People(ModelHandler):
    """
    Answers ``{"key": "demo.people"}``, and pushes it once in each reactor turn in which peers came or went,
    or went on by another transport.

    Args:
        vortex: The node whose peers they are.
    """

    def __init__(self, vortex: Vortex) -> None:
        super().__init__({"key": "demo.people"}, vortex)
        self._vortex = vortex
        self._telling: DelayedCall | None = None
        self._transports: dict[str, str] = {}
        self._ends = (vortex.onPeerChange(self._peerChanged), vortex.onSessionEvent(self._sessionMoved))

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Person]:
        """
        Returns:
            A Person for each uuid that has a line, the one that has lived longest first. Of several peers
            with one uuid it is the newest: a page that has lost its line is back before the server knows.
        """
        newest = {peer.uuid: peer for peer in self._vortex.peers if _isHere(peer)}
        return [
            Person(uuid=peer.uuid[:LONGEST], name=peer.name[:LONGEST], transport=peer.transport)
            for peer in list(newest.values())[-MOST_PEOPLE:]
        ]

    def shutdown(self) -> None:
        """Answer nothing and push nothing from now on."""
        for end in self._ends:
            end()
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        super().shutdown()

    def _sessionMoved(self, _event: SessionEvent, peer: VortexPeer) -> None:
        # One that polls goes on again and again, which changes nothing.
        if self._transports.get(peer.uuid) != (peer.transport if _isHere(peer) else None):
            self._peerChanged(peer, True)

    def _peerChanged(self, _peer: VortexPeer, _online: bool) -> None:
        if self._telling is None:
            self._telling = self._vortex.clock.callLater(0, self._tellAll)

    def _tellAll(self) -> None:
        self._telling = None
        here = (peer for peer in self._vortex.peers if _isHere(peer))
        self._transports = {peer.uuid: peer.transport for peer in here}
        self.sendModelUpdate()


def _isHere(peer: VortexPeer) -> bool:
    """Whether it has a line; one that polls has none between two polls."""
    return peer.isConnected or peer.transport == "poll"
