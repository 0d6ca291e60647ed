"""Whose messages an endpoint takes, and whose it ignores."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.routing.peers import FakePeer, came
from vortex.access.principal import Credentials
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

FILT = {"key": "jobs", "PayloadResponse.messageId": "m1"}


class Taker:
    """Answers what it is sent, and notes from whom it was."""

    def __init__(self, node: Vortex, **names: Any) -> None:
        self.took: list[str] = []
        PayloadEndpoint({"key": "jobs"}, self.take, node, **names)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.took.append(delivery.peer.name)
        delivery.reply([])


@pytest.fixture
def node() -> Vortex:
    return Vortex("node", reactor=Clock())


def route(node: Vortex, peer: FakePeer, **parts: Any) -> int:
    return node.payloadIO.route(came(FILT, **parts), peer)


class TestWhoIsTaken:
    @pytest.mark.parametrize(
        ("names", "taken"),
        [
            ({"acceptOnlyFrom": "ada"}, ["ada"]),
            ({"acceptOnlyFrom": {"ada", "bob"}}, ["ada", "bob"]),
            ({"acceptOnlyFrom": frozenset()}, []),
            ({"ignoreFrom": "ada"}, ["bob", "cy"]),
            ({"ignoreFrom": {"ada", "bob"}}, ["cy"]),
            ({"acceptOnlyFrom": {"ada", "bob"}, "ignoreFrom": {"ada"}}, ["bob"]),
            ({"acceptOnlyFrom": "adam"}, []),
            ({"acceptOnlyFrom": None, "ignoreFrom": None}, ["ada", "bob", "cy"]),
        ],
    )
    def test_is_named_or_is_not_and_the_rest_hear_nothing(
        self, node: Vortex, names: dict[str, Any], taken: list[str]
    ) -> None:
        taker = Taker(node, **names)
        peers = [FakePeer(name) for name in ("ada", "bob", "cy")]

        routed = [route(node, peer) for peer in peers]

        assert taker.took == taken
        assert routed == [int(peer.name in taken) for peer in peers]
        assert [len(peer.sent) for peer in peers] == routed

    def test_is_who_an_authenticator_has_found_whatever_it_says(self, node: Vortex) -> None:
        only, but = Taker(node, acceptOnlyFrom="ada"), Taker(node, ignoreFrom="ada")

        route(node, FakePeer("mallory", identity="ada"))
        assert (only.took, but.took) == (["mallory"], [])

        route(node, FakePeer("ada", identity="mallory"))
        assert (only.took, but.took) == (["mallory"], ["ada"])

    def test_is_what_it_says_if_nobody_has_found_out(self, node: Vortex) -> None:
        only = Taker(node, acceptOnlyFrom="ada")

        route(node, FakePeer("ada"))

        assert only.took == ["ada"]

    def test_is_nobody_where_an_authenticator_is_and_has_found_nobody(self) -> None:
        class Nobody:
            def authenticate(self, credentials: Credentials) -> None:
                return None

        node = Vortex("node", reactor=Clock(), authenticator=Nobody(), anonymous=True)
        only, but = Taker(node, acceptOnlyFrom="ada"), Taker(node, ignoreFrom="ada")

        route(node, FakePeer("ada"))
        route(node, FakePeer("bob"))

        assert (only.took, but.took) == ([], ["ada", "bob"])

    def test_is_a_matter_of_answers_too(self, node: Vortex) -> None:
        only = Taker(node, acceptOnlyFrom="ada")

        assert [route(node, FakePeer(name), _isReply=True) for name in ("ada", "bob")] == [1, 0]

        assert only.took == ["ada"]

    def test_is_looked_at_before_who_may(self, node: Vortex) -> None:
        asked: list[str] = []

        def mayCall(peer: Any, operation: str, filt: Any) -> bool:
            asked.append(peer.name)
            return False

        Taker(node, acceptOnlyFrom="ada", access=mayCall)
        taker = Taker(node, acceptOnlyFrom="ada", access=mayCall)
        ada, bob = FakePeer("ada"), FakePeer("bob")

        assert [route(node, peer) for peer in (ada, bob)] == [0, 0]

        assert taker.took == []
        assert asked == ["ada"]
        assert ada.results == ["access-denied: this is not for you"]
        assert bob.results == []

    def test_does_not_change_with_the_set_that_was_given(self, node: Vortex) -> None:
        names = {"ada"}
        only = Taker(node, acceptOnlyFrom=names)

        names.add("bob")

        assert route(node, FakePeer("bob")) == 0
        assert only.took == []

    @pytest.mark.parametrize("argument", ["acceptOnlyFrom", "ignoreFrom"])
    @pytest.mark.parametrize("names", [["ada"], ("ada",), {"ada": 1}, b"ada", 5, {5}, {"ada", None}])
    def test_is_a_name_or_a_set_of_names(self, node: Vortex, argument: str, names: Any) -> None:
        with pytest.raises(TypeError, match=f"{argument}= takes a name or a set of names, got "):
            Taker(node, **{argument: names})
        assert node.payloadIO.endpoints == ()
