"""
Native sessions over each of our transports, cut at every byte of the handshake, the HELLO and the messages.

`make soak` cuts longer ones, with all of their padding.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.transports.cut_exchanges import nothingFails
from tests.transports.session_cuts import Cut, cutAtEach, padding, placesOf

__all__ = ["nothingFails", "padding"]

pytestmark = pytest.mark.sweep

MESSAGES = 20

SHARES = {"tcp": 8, "websocket": 10, "post": 12, "sse": 14, "poll": 2}
"""Of each transport, into how many tests it is parted: they run side by side."""

STEP = 16


def placesToCut(kind: str) -> list[Cut]:
    """Every byte of TCP, of WebSocket, of POSTs and of events. Polls are POSTs: there every sixteenth."""
    places = placesOf(kind, MESSAGES)
    if kind == "poll":
        return places[::STEP]
    return places


@pytest.mark.usefixtures("nothingFails", "padding")
class TestEachTransport:
    @pytest.mark.parametrize(
        ("kind", "share"), [(kind, share) for kind, shares in SHARES.items() for share in range(shares)]
    )
    def test_delivers_everything_once_and_in_order_wherever_it_is_cut(
        self, kind: str, share: int, tell: Callable[[int, str], None]
    ) -> None:
        places = placesToCut(kind)[share :: SHARES[kind]]

        cuts = cutAtEach(kind, MESSAGES, places)

        tell(cuts, f"cuts of a session of {MESSAGES} messages each way over {kind}")
        assert cuts == len(places) > 250
