"""
A native session of some messages each way, over our own transports and a network in memory, cut at any byte.

usage: python -m tests.transports.session_cuts [MESSAGES]
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any, Literal

from vortex import Payload, PayloadEndpoint, SessionResumed, VortexConnection
from vortex.routing.delivery import Delivery
from vortex.testing import MemoryConnection, VortexHarness
from vortex.testing.harness import Over

__all__ = ["KINDS", "Talk", "Way", "everyCut"]

Way = Literal["toServer", "toClient"]

KINDS: dict[str, tuple[Over, dict[str, Any]]] = {
    "tcp": ("tcp", {}),
    "websocket": ("websocket", {}),
    "post": ("post", {"via": "stream"}),
    "sse": ("post", {"via": "sse"}),
    "poll": ("post", {"via": "poll"}),
}
"""What carries the session, by the word for it."""

A_WHILE = 40.0
"""Seconds in which a session that was cut once has come to an end with what it had to say."""


class Soon(Random):
    """The shortest waits, or nearly."""

    def uniform(self, a: float, b: float) -> float:
        return min(b, a + 0.01)


class Talk:
    """
    A client that asks and tells, and a server that answers and pushes, as soon as there is a session.

    Args:
        cut: Which of the connections is cut, counted from 0, which way, and after how many bytes; None: none.

    Attributes:
        told, pushed, answered: The numbers that came, in order.
    """

    def __init__(self, kind: str, messages: int, cut: tuple[int, Way, int] | None) -> None:
        self.messages = messages
        self.told: list[int] = []
        self.pushed: list[int] = []
        self.answered: list[int] = []
        self.failed: list[object] = []
        self.events: list[object] = []
        self.harness = VortexHarness()
        self.client, self.server = self.harness.node("client"), self.harness.node("server")
        self._endpoints = [
            PayloadEndpoint({"key": "up"}, self._take, self.server),
            PayloadEndpoint({"key": "down"}, self._takePush, self.client),
        ]
        if cut is not None:
            number, way, count = cut

            def cutThisOne(line: MemoryConnection) -> None:
                if line.number == number:
                    getattr(line, way).cut(afterBytes=count)

            self.harness.network.onConnect(cutThisOne)
        over, options = KINDS[kind]
        self.connection: VortexConnection = self.harness.connect(
            self.client, self.server, over=over, wire="native", random=Soon(), **options
        )
        self.connection.onSessionEvent(lambda event, _: self.events.append(event))
        self.connection.connected.addCallback(self._say)
        self.harness.settle()
        self.harness.advance(A_WHILE)
        if self.connection.state != "open":  # one of its last beats has met the cut
            self.harness.advance(1.0)

    def _say(self, peer: Any) -> None:
        for number in range(self.messages):
            payload = Payload({"key": "up", "n": number})
            if number % 2:
                peer.send(payload).addErrback(self.failed.append)
            else:
                asked = peer.request(payload, timeout=None)
                asked.addCallbacks(lambda answer: self.answered.append(answer.tuples[0]), self.failed.append)
        for other in self.server.peers:
            for number in range(self.messages):
                other.send(Payload({"key": "down", "n": number})).addErrback(self.failed.append)

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.told.append(payload.filt["n"])
        if payload.filt["n"] % 2 == 0:
            delivery.reply([payload.filt["n"]])

    def _takePush(self, payload: Payload, delivery: Delivery) -> None:
        self.pushed.append(payload.filt["n"])

    def check(self) -> None:
        """All was delivered, in its order, once."""
        assert self.told == list(range(self.messages))
        assert self.pushed == list(range(self.messages))
        assert self.answered == list(range(0, self.messages, 2))
        assert self.failed == []
        assert {type(event) for event in self.events} <= {SessionResumed}
        assert self.connection.state == "open"

    def bytes(self) -> list[tuple[int, Way, int]]:
        """Of each connection, how many bytes went each way."""
        ways: tuple[Way, Way] = ("toServer", "toClient")
        lines = self.harness.network.connections
        return [(line.number, way, getattr(line, way).delivered) for line in lines for way in ways]


def everyCut(kind: str, messages: int, *, step: int = 1, first: int = 0) -> int:
    """
    Cut each of the first two connections at every byte of both directions, and see that nothing is lost.

    Args:
        step, first: Cut at every so manieth byte only, from that one on.

    Returns:
        How often.
    """
    undisturbed = Talk(kind, messages, None)
    undisturbed.check()
    total = [each for each in undisturbed.bytes() if each[0] < 2]
    undisturbed.harness.close()
    cuts = 0
    for number, way, count in total:
        for at in range(first, count + 1, step):
            talk = Talk(kind, messages, (number, way, at))
            try:
                talk.check()
            except AssertionError as error:
                raise AssertionError(f"{kind}, connection {number}, {way}, byte {at}: {error}") from error
            talk.harness.close()
            cuts += 1
    return cuts


def main(messages: int = 20) -> int:
    for kind in KINDS:
        cuts = everyCut(kind, messages)
        print(
            f"{kind}: {cuts} cuts of a session of {messages} messages each way: all delivered, in order, once"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(messages) for messages in sys.argv[1:2])))
