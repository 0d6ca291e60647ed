"""Who has asked for what, and for how long that is remembered."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.handlers.nodes import Client, settle
from vortex.handlers.watchers import Watchers
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.filt import MESSAGE_ID


@pytest.fixture
def watchers(server: Vortex) -> Watchers:
    return Watchers(server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob")


def remembered(watchers: Watchers, filt: dict[str, Any] | None = None, peer: Any = None) -> list[Any]:
    """The filts, each with the names of its peers."""
    return [(watch.filt, [each.name for each in watch.peers]) for watch in watchers.matching(filt, peer)]


class TestRemembering:
    def test_drops_what_is_of_one_message_only(self, watchers: Watchers, ada: Client) -> None:
        asked = {"key": "jobs", "id": 1, MESSAGE_ID: "m1", "rapuiServerEcho": True, "rapuiVortexUuid": "x"}

        watchers.remember(ada.peer, asked)

        assert remembered(watchers) == [({"key": "jobs", "id": 1}, ["ada"])]

    def test_is_once_per_filt_and_peer(self, watchers: Watchers, ada: Client, bob: Client) -> None:
        for messageId in ("m1", "m2"):
            watchers.remember(ada.peer, {"key": "jobs", "a": 1, "b": {"x": 1, "y": 2}, MESSAGE_ID: messageId})
        watchers.remember(bob.peer, {"b": {"y": 2, "x": 1}, "a": 1, "key": "jobs"})

        assert remembered(watchers) == [({"key": "jobs", "a": 1, "b": {"x": 1, "y": 2}}, ["ada", "bob"])]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"where": {"state": "open"}}, {"where": {"state": "done"}}),
            ({"id": 1}, {"id": "1"}),
            ({"id": 1}, {"id": True}),
            ({"ids": [1, 2]}, {"ids": [2, 1]}),
            ({"id": None}, {}),
        ],
    )
    def test_tells_filts_apart_that_look_different(
        self, watchers: Watchers, ada: Client, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        watchers.remember(ada.peer, {"key": "jobs", **one})
        watchers.remember(ada.peer, {"key": "jobs", **other})

        assert len(watchers.matching()) == 2

    def test_takes_a_filt_that_never_was_on_a_wire(self, watchers: Watchers, ada: Client) -> None:
        watchers.remember(ada.peer, {"key": "jobs", "what": object()})

        assert len(watchers.matching()) == 1

    def test_is_of_peers_that_are_there(self, watchers: Watchers, ada: Client) -> None:
        ada.link.cut()

        watchers.remember(ada.peer, {"key": "jobs"})

        assert remembered(watchers) == []


class TestTheBound:
    def test_forgets_what_was_asked_longest_ago(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=replace(Limits(), maxWatchesPerPeer=3))
        watchers, ada, bob = Watchers(server), Client(server, clock, "ada"), Client(server, clock, "bob")
        watchers.remember(bob.peer, {"id": 1})
        for number in (1, 2, 3, 1, 4):
            watchers.remember(ada.peer, {"id": number})

        assert sorted(remembered(watchers), key=str) == [
            ({"id": 1}, ["bob", "ada"]),
            ({"id": 3}, ["ada"]),
            ({"id": 4}, ["ada"]),
        ]

    def test_is_256_unless_it_is_said_otherwise(self, watchers: Watchers, ada: Client) -> None:
        for number in range(300):
            watchers.remember(ada.peer, {"id": number}, about=number)

        assert [watch.filt["id"] for watch in watchers.matching()] == list(range(44, 300))
        assert watchers.about(43) == []
        assert len(watchers.filed()) == 256


class TestTheBoundInBytes:
    def test_forgets_what_was_asked_longest_ago(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=replace(Limits(), maxWatchBytesPerPeer=1_000))
        watchers, ada, bob = Watchers(server), Client(server, clock, "ada"), Client(server, clock, "bob")
        watchers.remember(bob.peer, {"id": "x" * 400})
        for letter in ("a", "b", "a", "c"):
            watchers.remember(ada.peer, {"id": letter * 400})

        found = [(filt["id"][0], names) for filt, names in remembered(watchers)]
        assert sorted(found) == [("a", ["ada"]), ("c", ["ada"]), ("x", ["bob"])]

    def test_is_one_mebibyte_and_a_longer_filt_is_not_remembered(self, server: Vortex, ada: Client) -> None:
        watchers = Watchers(server)
        watchers.remember(ada.peer, {"id": 1})

        watchers.remember(ada.peer, {"id": "x" * (1 << 20)})

        assert remembered(watchers) == [({"id": 1}, ["ada"])]


class TestMatching:
    def test_finds_filts_that_contain_the_one_asked_for(
        self, watchers: Watchers, ada: Client, bob: Client
    ) -> None:
        watchers.remember(ada.peer, {"key": "jobs", "id": 1})
        watchers.remember(ada.peer, {"key": "jobs", "id": 2, "more": True})
        watchers.remember(bob.peer, {"key": "jobs", "id": 2, "more": True})

        assert [filt["id"] for filt, _ in remembered(watchers, {"key": "jobs"})] == [1, 2]
        assert remembered(watchers, {"id": 2}) == [({"key": "jobs", "id": 2, "more": True}, ["ada", "bob"])]
        assert remembered(watchers, {"id": 3}) == []
        assert [filt["id"] for filt, _ in remembered(watchers, peer=bob.peer)] == [2]

    def test_finds_what_was_filed_under_something(self, watchers: Watchers, ada: Client, bob: Client) -> None:
        watchers.remember(ada.peer, {"id": 1}, about=(1,))
        watchers.remember(bob.peer, {"id": "1"}, about=(1,))
        watchers.remember(bob.peer, {"id": 2}, about=(2,))

        assert [watch.filt for watch in watchers.about((1,))] == [{"id": 1}, {"id": "1"}]
        bob.link.cut()
        assert [watch.filt for watch in watchers.about((1,))] == [{"id": 1}]
        assert watchers.filed() == ((1,),)


class TestForgetting:
    def test_is_in_the_turn_in_which_the_peer_goes(
        self, watchers: Watchers, ada: Client, bob: Client
    ) -> None:
        watchers.remember(ada.peer, {"id": 1})
        watchers.remember(ada.peer, {"id": 2})
        watchers.remember(bob.peer, {"id": 2})

        ada.link.cut()

        assert remembered(watchers) == [({"id": 2}, ["bob"])]

    def test_does_not_touch_another_peer_of_the_same_uuid(
        self, watchers: Watchers, server: Vortex, clock: Clock
    ) -> None:
        first = Client(server, clock)
        second = Client(server, clock)
        second.peer.uuid = first.peer.uuid  # type: ignore[misc]
        for client in (first, second):
            watchers.remember(client.peer, {"id": 1})

        first.link.cut()

        (watch,) = watchers.matching()
        assert watch.peers == (second.peer,)

    def test_is_for_good_once_closed(self, watchers: Watchers, ada: Client) -> None:
        watchers.remember(ada.peer, {"id": 1}, about=1)

        watchers.close()
        watchers.remember(ada.peer, {"id": 2}, about=2)

        assert remembered(watchers) == []
        assert watchers.filed() == ()
        ada.link.cut()

    def test_comes_with_the_end_of_the_watchers(self, server: Vortex, ada: Client, clock: Clock) -> None:
        watchers = Watchers(server)
        watchers.remember(ada.peer, {"id": 1})
        gone = weakref.ref(watchers)

        del watchers
        gc.collect()

        assert gone() is None
        assert server._peerCallbacks == []
        ada.link.cut()
        settle(clock)
