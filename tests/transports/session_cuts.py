"""
A native session of some messages each way, over our own transports and a network in memory, cut at any byte.

usage: python -m tests.transports.session_cuts [MESSAGES [STEP]]

It is cut at every so manieth byte of all its connections; 1: at each.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Literal
from unittest import mock

import pytest

from vortex import Payload, PayloadEndpoint, SessionResumed, VortexConnection
from vortex.protocol.native import Kind, frame
from vortex.routing.delivery import Delivery
from vortex.testing import MemoryConnection, VortexHarness
from vortex.testing.harness import SCHEMES, Over
from vortex.transports import native_response

__all__ = ["KINDS", "Cut", "Talk", "Way", "cutAtEach", "nothingInVain", "padding", "placesOf"]

Way = Literal["toServer", "toClient"]

Cut = tuple[int, Way, int]
"""Which of the connections is cut, counted from 0, which way, and after how many bytes."""

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
    A client that tells, and asks with every fourth message, and a server that answers, and pushes the rest of
    its messages: as soon as there is a session. It goes on until all is said, and the client connected.

    Args:
        messages: How many go each way; a multiple of four.
        cut: Where; None: nowhere.

    Attributes:
        told, pushed, answered: The numbers that came, in order.
    """

    def __init__(self, kind: str, messages: int, cut: Cut | None) -> None:
        self.up = [str(number) for number in range(messages)]
        self.asked = self.up[::4]
        self.down = self.up[: messages - len(self.asked)]
        self.told: list[str] = []
        self.pushed: list[str] = []
        self.answered: list[str] = []
        self.failed: list[object] = []
        self.events: list[object] = []
        self.cut = cut
        # Short names and short messages: each byte of them is cut.
        self.harness = VortexHarness()
        self.client, self.server = self.harness.node("c", uuid="c"), self.harness.node("s", uuid="s")
        self._endpoints = [
            PayloadEndpoint({"key": "u"}, self._take, self.server),
            PayloadEndpoint({"key": "d"}, self._takePush, self.client),
        ]
        if cut is not None:
            self.harness.network.onConnect(self._cutThisOne)
        self.connection = self._connect(kind)
        self.connection.onSessionEvent(lambda event, _: self.events.append(event))
        self.connection.connected.addCallback(self._say)
        self.harness.settle()
        while not self._isOver and self.harness.clock.seconds() < A_WHILE:
            self.harness.advance(0.5)

    def _connect(self, kind: str) -> VortexConnection:
        """As the harness does, but that what is said at once goes with the first acknowledgement."""
        over, options = KINDS[kind]
        network = self.harness.network
        name = self.harness.listen(self.server, over)
        address = network.addressOf(name)
        return self.client.connect(
            f"{SCHEMES[over]}://{address.host}:{address.port}{'' if over == 'tcp' else '/vortex'}",
            endpoint=network.clientEndpoint(name),
            wire="native",
            random=Soon(),
            **options,
        )

    def _cutThisOne(self, line: MemoryConnection) -> None:
        assert self.cut is not None
        number, way, count = self.cut
        if line.number == number:
            getattr(line, way).cut(afterBytes=count)

    def _say(self, peer: Any) -> None:
        for number in self.up:
            payload = Payload({"key": "u", "n": number})
            if number in self.asked:
                asked = peer.request(payload, timeout=None)
                asked.addCallbacks(self._takeAnswer, self.failed.append)
            else:
                peer.send(payload).addErrback(self.failed.append)
        for other in self.server.peers:
            for number in self.down:
                other.send(Payload({"key": "d", "n": number})).addErrback(self.failed.append)

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.told.append(payload.filt["n"])
        if payload.filt["n"] in self.asked:
            delivery.reply([])

    def _takePush(self, payload: Payload, delivery: Delivery) -> None:
        self.pushed.append(payload.filt["n"])

    def _takeAnswer(self, answer: Payload) -> None:
        self.answered.append(answer.filt["n"])

    @property
    def _isOver(self) -> bool:
        """Whether as much has come as was sent, or more; and the last cut is mended."""
        came = len(self.told), len(self.pushed), len(self.answered)
        sent = len(self.up), len(self.down), len(self.asked)
        return all(one >= other for one, other in zip(came, sent, strict=True)) and (
            self.connection.state == "open"
        )

    def bytes(self) -> list[Cut]:
        """Of each connection, how many bytes went each way."""
        ways: tuple[Way, Way] = ("toServer", "toClient")
        lines = self.harness.network.connections
        return [(line.number, way, getattr(line, way).delivered) for line in lines for way in ways]

    def check(self) -> None:
        """
        All was delivered, in its order, once; and it was cut just there.

        Ends the session, and sees that nothing is left of it, and that nothing comes a second time.
        """
        if self.cut is not None:
            number, way, count = self.cut
            line = self.harness.network.connections[number]
            assert (line.isOpen, getattr(line, way).delivered) == (False, count)
        assert self.connection.state == "open"
        assert {type(event) for event in self.events} <= {SessionResumed}
        self.connection.close()
        self.harness.settle()
        self.harness.close()
        assert self.told == self.up
        assert self.pushed == self.down
        assert self.answered == self.asked
        assert self.failed == []


def placesOf(kind: str, messages: int) -> list[Cut]:
    """Every byte of every connection, both ways: before the first, and behind each of them."""
    undisturbed = Talk(kind, messages, None)
    sizes = undisturbed.bytes()
    undisturbed.check()
    return [(number, way, at) for number, way, size in sizes for at in range(size + 1)]


def cutAtEach(kind: str, messages: int, places: Sequence[Cut]) -> int:
    """
    Cut at each of *places*, and see that nothing is lost.

    Returns:
        How often.
    """
    with nothingInVain():
        for place in places:
            try:
                Talk(kind, messages, place).check()
            except AssertionError as error:
                raise AssertionError(f"{kind}, cut at {place}: {error}") from error
    return len(places)


@pytest.fixture
def padding() -> Iterator[None]:
    """16 bytes in front of what is held open instead of 2048, which are all the same."""
    padding: dict[str, Any] = {"_PAD": frame(Kind.PAD, bytes(16)), "_PAD_EVENT": b":" + b" " * 16 + b"\n\n"}
    with mock.patch.multiple(native_response, **padding):
        yield


@contextmanager
def nothingInVain() -> Iterator[None]:
    """
    Without what costs as much as the sessions: looking for garbage, again and again, in all that was there,
    and what Autobahn makes of each frame, in colours, for a log that nobody keeps.
    """
    often = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    try:
        with mock.patch.multiple("autobahn.websocket.protocol", pformat=str, hltype=str, hlval=str):
            yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()


def main(messages: int = 200, step: int = 11) -> int:
    for kind in KINDS:
        places = placesOf(kind, messages)
        cuts = cutAtEach(kind, messages, places[::step])
        print(
            f"{kind}: {cuts} cuts, in {len(places)} places, of a session of {messages} messages each way: "
            "all delivered, in order, once",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(number) for number in sys.argv[1:3])))
