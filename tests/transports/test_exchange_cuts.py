"""
A request while its link is cut, at each byte of the exchange in turn, the handshake's included.

What holds for every cut is asserted in `tests.transports.cut_exchanges`: the request ends once, the
connection comes back, nothing is left. Here it is how the request ends. POST is in a file of its own.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from tests.transports.cut_exchanges import (
    ANSWERED,
    LOST_AFTER,
    LOST_BEFORE,
    Exchange,
    Way,
    nothingFails,
    oneDate,
    outcomes,
)
from tests.transports.session_cuts import padding
from vortex import Payload, VortexPeer, connectInMemory
from vortex.testing.harness import Over

__all__ = ["nothingFails", "oneDate", "padding"]

pytestmark = [pytest.mark.usefixtures("oneDate", "nothingFails"), pytest.mark.sweep]


class TestEveryByte:
    @pytest.mark.parametrize("over", ["tcp", "websocket"])
    @pytest.mark.parametrize(
        ("way", "phases"),
        [
            # Where a link is cut before anybody asks on it, the next one brings the answer.
            ("toServer", [ANSWERED, LOST_BEFORE, LOST_AFTER]),
            ("toClient", [ANSWERED, LOST_AFTER, ANSWERED]),
        ],
    )
    def test_of_a_link(self, over: Over, way: Way, phases: list[Any]) -> None:
        ends = outcomes(over, 0, way)

        assert [end for end, _ in groupby(ends)] == phases
        # the last byte to the server completes the request, the last one to the client its answer
        assert ends[-2:] == phases[-2:]


@pytest.mark.usefixtures("padding")
class TestEveryByteOfTheNativeWire:
    @pytest.mark.parametrize("over", ["tcp", "websocket", "post"])
    @pytest.mark.parametrize("way", ["toServer", "toClient"])
    def test_costs_no_request(self, over: Over, way: Way) -> None:
        assert set(map(repr, outcomes(over, 0, way, "native"))) == {repr(ANSWERED)}

    @pytest.mark.parametrize("way", ["toServer", "toClient"])
    @pytest.mark.parametrize("number", [1, 2])
    def test_of_a_post_that_only_sends_costs_no_request(self, number: int, way: Way) -> None:
        assert set(map(repr, outcomes("post", number, way, "native"))) == {repr(ANSWERED)}


class TestEveryTurn:
    """A memory link has no bytes; it is cut between any two calls of the clock."""

    def test_of_a_link_in_memory(self) -> None:
        turns, outcome = self._cutAfter(None)
        assert outcome == ANSWERED

        outcomes = [self._cutAfter(turn)[1] for turn in range(turns)]

        asked = outcomes.index(LOST_BEFORE)
        handled = outcomes.index(LOST_AFTER)
        assert turns >= 4
        assert 0 < asked < handled
        assert outcomes == [ANSWERED] * asked + [LOST_BEFORE] * (handled - asked) + [LOST_AFTER] * (
            turns - handled
        )

    def _cutAfter(self, turns: int | None) -> tuple[int, Any]:
        """How many turns were made; how the request ended, and what the other node got of it."""
        exchange = Exchange()
        clock, server = exchange.harness.clock, exchange.server
        peers: list[VortexPeer] = []

        def askOnce(peer: VortexPeer, online: bool) -> None:
            peers.append(peer)
            if len(peers) == 1:
                asked = peer.request(Payload({"key": "k"}, [1]))
                asked.addCallbacks(lambda payload: payload.tuples, lambda failure: failure.type)
                asked.addBoth(exchange.outcomes.append)

        exchange.client.onPeerChange(askOnce)
        link = connectInMemory(exchange.client, server)
        made = 0
        while made != turns and not exchange.outcomes:
            assert clock.step()
            made += 1
        link.cut()
        link = connectInMemory(exchange.client, server)
        exchange.harness.settle()

        (outcome,) = exchange.outcomes
        handled = exchange.handled.tuples
        again = exchange.client.request(Payload({"key": "k"}, [2]))
        assert exchange.harness.resultOf(again).tuples == [2]
        assert exchange.handled.tuples == [*handled, 2]
        exchange.harness.close()
        return made, (outcome, handled)
