"""A session of the native wire between two nodes of one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vortex import Payload, Vortex
from vortex.node.session_events import SessionExpired, SessionResumed, SessionSuspended
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.transports.memory import connectInMemory
from vortex.transports.native_memory import NativeMemoryLink


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def ada(harness: VortexHarness) -> Vortex:
    return harness.node("ada")


@pytest.fixture
def server(harness: VortexHarness) -> Vortex:
    return harness.node("server")


@pytest.fixture
def link(harness: VortexHarness, ada: Vortex, server: Vortex) -> NativeMemoryLink:
    made = connectInMemory(ada, server, wire="native")
    harness.settle()
    return made


class TestNativeMemoryLink:
    def test_makes_each_the_others_peer(self, link: NativeMemoryLink, ada: Vortex, server: Vortex) -> None:
        assert link.peers == (ada.peers[0], server.peers[0])
        assert (ada.peers[0].name, server.peers[0].name) == ("server", "ada")
        assert (ada.peers[0].transport, server.peers[0].transport) == ("memory", "memory")

    def test_brings_all_once_and_in_order_through_cuts(
        self, harness: VortexHarness, link: NativeMemoryLink, ada: Vortex, server: Vortex
    ) -> None:
        heard = RecordingEndpoint({"key": "up"}, vortex=server)
        told = RecordingEndpoint({"key": "down"}, vortex=ada)

        for number in range(20):
            ada.peers[0].send(Payload({"key": "up"}, [number]))
            server.peers[0].send(Payload({"key": "down"}, [number]))
            if number % 3 == 0:
                link.cut()
                assert not link.up
                assert not server.peers[0].isConnected
            if number % 3 == 1:
                link.reconnect()
            if number % 2:
                harness.settle()
        link.reconnect()
        harness.settle()

        assert [payload.tuples for payload in heard.payloads] == [[number] for number in range(20)]
        assert [payload.tuples for payload in told.payloads] == [[number] for number in range(20)]
        assert link.up

    def test_tells_both_ends_that_it_goes_on(
        self, harness: VortexHarness, link: NativeMemoryLink, ada: Vortex, server: Vortex
    ) -> None:
        told: list[tuple[str, object]] = []
        for node in (ada, server):
            node.onSessionEvent(lambda event, peer: told.append((peer.name, event)))
        link.cut()
        harness.advance(5)

        link.reconnect()
        harness.settle()

        resumed = SessionResumed(replayed=0, after=5.0)
        assert told[0] == ("ada", SessionSuspended())
        assert sorted(told[1:], key=str) == [("ada", resumed), ("server", resumed)]

    def test_that_is_not_made_again_is_over_in_two_minutes(
        self, harness: VortexHarness, link: NativeMemoryLink, server: Vortex
    ) -> None:
        told: list[object] = []
        server.onSessionEvent(lambda event, peer: told.append(event))
        link.cut()

        harness.advance(121)

        assert server.peers == ()
        assert told == [SessionSuspended(), SessionExpired()]

    def test_is_closed_in_order(
        self, harness: VortexHarness, link: NativeMemoryLink, ada: Vortex, server: Vortex
    ) -> None:
        link.close()
        harness.settle()

        assert (ada.peers, server.peers, link.up) == ((), (), False)

    def test_waits_for_who_does_not_read(
        self, harness: VortexHarness, link: NativeMemoryLink, ada: Vortex, server: Vortex
    ) -> None:
        heard = RecordingEndpoint({"key": "up"}, vortex=server)
        link.pause()
        ada.peers[0].send(Payload({"key": "up"}))
        harness.settle()
        assert heard.payloads == []

        link.pause(False)
        harness.settle()

        assert len(heard.payloads) == 1


def test_another_wire_is_an_error(ada: Vortex, server: Vortex) -> None:
    with pytest.raises(ValueError, match="expected the wire 'vortexpy' or 'native', got 'other'"):
        connectInMemory(ada, server, wire="other")  # type: ignore[call-overload]
