"""
Noticed: what is found out about one message while its endpoints read it, for an operator to look at.
"""

from __future__ import annotations

from typing import Any

from vortex.protocol.payload import Payload
from vortex.routing.ports import Node

__all__ = ["Noticed"]


class Noticed:
    """
    Counts the keys and fields of one message that nobody knows, and a body that cannot be read: once, however
    many endpoints open it.
    """

    __slots__ = ("_counted", "_isMalformed", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counted = 0
        self._isMalformed = False

    def count(self, found: int) -> None:
        if found > self._counted:
            self._node.counters["unknownFields"] += found - self._counted
            self._counted = found

    def countIn(self, payload: Payload) -> None:
        self.count(payload.unknownFields)
        if payload.isUnreadable and not self._isMalformed:
            self._isMalformed = True
            self._node.counters["malformed"] += 1

    def countAfter(self, outcome: Any, payload: Payload) -> Any:
        self.countIn(payload)
        return outcome
