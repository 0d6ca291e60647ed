"""Models: who may see them."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, resultOf, settle
from vortex.access.principal import Principal
from vortex.errors import Rejected, RemoteError
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID

FILT = {"key": "jobs"}


class Jobs(ModelHandler):
    """Gives its model, or what `building` fires with."""

    def __init__(self, vortex: Vortex, **kwargs: Any) -> None:
        super().__init__("jobs", vortex, **kwargs)
        self.building: list[Deferred[list[str]]] | None = None
        self.built = 0

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        self.built += 1
        if self.building is None:
            return ["dig"]
        self.building.append(Deferred())
        return self.building[-1]


def grant(client: Client, *roles: str) -> None:
    """What a fresh token does: from now on *client* has these roles."""
    peer: Any = client.peer
    peer._link.renew(Principal(client.vortex.name, frozenset(roles)))


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    client = Client(server, clock, "ada")
    grant(client, "foreman")
    return client


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob")


class TestAccess:
    def test_may_be_a_set_of_roles(self, server: Vortex, ada: Client, bob: Client) -> None:
        jobs = Jobs(server, access={"foreman", "owner"})

        assert ada.ask(FILT).tuples == ["dig"]
        with pytest.raises(RemoteError, match="you may not see this") as caught:
            bob.ask(FILT)

        assert caught.value.code == "access-denied"
        assert jobs.built == 1

    def test_may_be_a_function_that_is_asked_with_what_is_to_be_read(
        self, server: Vortex, ada: Client, bob: Client
    ) -> None:
        asked: list[Any] = []

        def access(peer: Any, operation: str, filt: Mapping[str, Any]) -> Any:
            asked.append((peer.name, operation, {key: filt[key] for key in filt if key != MESSAGE_ID}))
            if filt["row"] == 13:
                raise Rejected("not that one", code="unlucky")
            return {"ada": True, "bob": "yes"}[peer.name]

        _jobs = Jobs(server, access=access)

        assert ada.ask({**FILT, "row": 7}).tuples == ["dig"]
        with pytest.raises(RemoteError, match="you may not see this"):
            bob.ask({**FILT, "row": 7})
        with pytest.raises(RemoteError, match="not that one") as caught:
            ada.ask({**FILT, "row": 13})

        assert caught.value.code == "unlucky"
        assert asked == [
            (name, "read", {**FILT, "row": row}) for name, row in (("ada", 7), ("bob", 7), ("ada", 13))
        ]

    def test_that_fails_lets_nobody_pass(self, server: Vortex, ada: Client) -> None:
        _jobs = Jobs(server, access=lambda peer, operation, filt: 1 / 0)

        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            ada.ask(FILT)

        assert caught.value.code == "access-denied"
        assert any("log_failure" in each and each["log_failure"].type is ZeroDivisionError for each in logged)

    @pytest.mark.parametrize("wrong", ["foreman", 7, ["foreman"]])
    def test_is_nothing_else(self, server: Vortex, wrong: Any) -> None:
        with pytest.raises(TypeError, match="access= takes a set of roles"):
            Jobs(server, access=wrong)

    def test_that_is_a_method_of_the_handler_does_not_keep_it(self, server: Vortex, ada: Client) -> None:
        class Mine(Jobs):
            def __init__(self) -> None:
                super().__init__(server, access=self.may)

            def may(self, peer: Any, operation: str, filt: Mapping[str, Any]) -> bool:
                return True

        jobs = Mine()
        assert ada.ask(FILT).tuples == ["dig"]
        gone = weakref.ref(jobs)
        del jobs

        assert gone() is None

    def test_is_not_remembered_for_who_has_none(self, server: Vortex, bob: Client) -> None:
        jobs = Jobs(server, access={"foreman"})
        with pytest.raises(RemoteError):
            bob.ask(FILT)

        grant(bob, "foreman")

        assert resultOf(jobs.sendModelUpdate()) == 0
        assert bob.pushed == []


class TestUpdates:
    def test_end_when_the_roles_are_taken_away_and_come_again_with_them(
        self, server: Vortex, ada: Client, bob: Client
    ) -> None:
        jobs = Jobs(server, access={"foreman"})
        grant(bob, "foreman")
        for client in (ada, bob):
            client.ask(FILT)

        grant(ada, "gardener")
        assert resultOf(jobs.sendModelUpdate()) == 1
        assert resultOf(jobs.sendModelUpdate(peer=ada.peer)) == 0
        bob.settle()
        assert [len(client.pushed) for client in (ada, bob)] == [0, 1]

        grant(ada, "foreman")
        assert resultOf(jobs.sendModelUpdate()) == 2
        bob.settle()
        assert [len(client.pushed) for client in (ada, bob)] == [1, 2]

    def test_that_wait_for_their_turn_are_not_sent_to_who_has_lost_the_roles(
        self, server: Vortex, clock: Clock, ada: Client
    ) -> None:
        jobs = Jobs(server, access={"foreman"})
        ada.ask(FILT)
        jobs.building = []
        asked = ada.request(FILT)
        sent = jobs.sendModelUpdate()
        answer, update = jobs.building
        update.callback(["late"])
        settle(clock)

        grant(ada)
        answer.callback(["now"])
        settle(clock)

        assert resultOf(sent) == 1  # was meant for it
        assert resultOf(asked).tuples == ["now"]
        assert ada.pushed == []

    def test_to_one_peer_go_only_where_it_may_see_them(
        self, server: Vortex, ada: Client, bob: Client
    ) -> None:
        jobs = Jobs(server, access={"foreman"})

        assert resultOf(jobs.sendModelUpdate(peer=ada.peer)) == 1
        assert resultOf(jobs.sendModelUpdate(peer=bob.peer)) == 0
        bob.settle()
        assert (len(ada.came), len(bob.came)) == (1, 0)


def test_a_refused_request_does_not_count_as_waiting(clock: Clock) -> None:
    server = Vortex("server", reactor=clock, limits=Limits(maxWaitingRequests=1))
    _jobs = Jobs(server, access={"foreman"})
    eve = Client(server, clock, "eve")

    for _ in range(3):
        with pytest.raises(RemoteError, match="you may not see this"):
            eve.ask(FILT)
