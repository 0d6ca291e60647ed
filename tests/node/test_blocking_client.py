"""BlockingVortexClient, as far as it opens no socket: what it takes, and what it says when it is closed."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs

from vortex import BlockingVortexClient, NotConnected, Payload

PATIENCE = 30.0
NOWHERE = "http://127.0.0.1:1"


class TestAClosedClient:
    def test_ends_what_its_sender_would_try_for_ever(self) -> None:
        client = BlockingVortexClient(NOWHERE)
        sender = client.sender({"key": "readings"})
        client.close()
        sender.send(18.5)

        with (
            capturedLogs() as logged,
            pytest.raises(RuntimeError, match="the client was closed before its sender"),
        ):
            sender.close(PATIENCE)

        assert sender.pending == 0
        assert len(logged) == 1

    @pytest.mark.parametrize("forever", [None, float("inf"), 1e300])
    def test_says_so_however_long_one_would_wait(self, forever: float | None) -> None:
        with BlockingVortexClient(NOWHERE, timeout=forever) as client:
            pass

        for call in (client.request, client.send):
            with pytest.raises(NotConnected, match="is closed"):
                call(Payload({"key": "readings"}))
            with pytest.raises(NotConnected, match="is closed"):
                call(Payload({"key": "readings"}), timeout=forever)
