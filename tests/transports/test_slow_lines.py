"""A long message over a slow line of the native wire: it takes its time, and the line is not given up."""

from __future__ import annotations

from random import Random
from typing import Literal

import pytest

from tests.transports.session_cuts import KINDS, Talk
from vortex import Payload
from vortex.testing import MemoryConnection

BYTES_PER_SECOND = 20_000
LONG = Random(1).randbytes(450_000).hex()
"""Some 500 KB when it is compressed: 25 s and more, which is longer than any silence may be."""

WAYS: list[tuple[str, Literal["toServer", "toClient"]]] = [
    (kind, way) for kind in KINDS for way in ("toServer", "toClient")
]


@pytest.mark.parametrize(("kind", "way"), WAYS)
class TestALongMessage:
    def test_arrives_by_the_connection_that_it_began_on(
        self, kind: str, way: Literal["toServer", "toClient"]
    ) -> None:
        talk = Talk(kind, 0, None)
        network = talk.harness.network

        def slowDown(line: MemoryConnection) -> None:
            getattr(line, way).bytesPerSecond = BYTES_PER_SECOND

        for line in network.connections:
            slowDown(line)
        network.onConnect(slowDown)
        (peer,) = talk.server.peers if way == "toClient" else talk.client.peers
        key = "d" if way == "toClient" else "u"

        peer.send(Payload({"key": key, "n": 7}, [LONG]))
        talk.harness.advance(20)
        assert talk.told + talk.pushed == []
        talk.harness.advance(40)

        assert talk.told + talk.pushed == [7]
        assert talk.events == []
        assert talk.server.counters["slow"] == talk.client.counters["slow"] == 0
        talk.harness.close()
