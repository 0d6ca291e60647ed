"""Rows over a wire: who may see and change them."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, ThreadedVortex, resultOf
from tests.orm.rows import (
    FILT,
    ROW_1,
    Job,
    Sessions,
    offTheWire,
    shown,
)
from vortex.access.principal import Principal
from vortex.errors import RemoteError
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID
from vortex.tuples.convert import fromJsonable


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


def grant(client: Client, *roles: str) -> None:
    """What a fresh token does: from now on *client* has these roles."""
    peer: Any = client.peer
    peer._link.renew(Principal(client.vortex.name, frozenset(roles)))


class TestAccess:
    @pytest.fixture
    def asked(self) -> list[tuple[str, str, dict[str, Any]]]:
        return []

    @pytest.fixture
    def guarded(
        self, server: Vortex, sessions: Sessions, twoJobs: None, asked: list[tuple[str, str, dict[str, Any]]]
    ) -> OrmCrudHandler:
        def access(peer: Any, operation: str, filt: Mapping[str, Any]) -> Any:
            asked.append((peer.name, operation, {k: v for k, v in filt.items() if k != MESSAGE_ID}))
            return {"ada": True, "bob": operation == "read", "cyd": "yes"}[peer.name]

        return OrmCrudHandler(sessions, Job, FILT, vortex=server, access=access)

    @pytest.mark.parametrize(
        ("filt", "tuples", "operation"),
        [
            (FILT, None, "read"),
            (FILT, [], "read"),
            (ROW_1, None, "read"),
            (FILT, [job(id=1, title="dig", note="x")], "write"),
            ({**ROW_1, "delete": True}, None, "write"),
        ],
    )
    @pytest.mark.usefixtures("guarded")
    def test_is_asked_for_what_is_to_be_done(
        self,
        ada: Client,
        bob: Client,
        asked: list[tuple[str, str, dict[str, Any]]],
        filt: Any,
        tuples: Any,
        operation: str,
    ) -> None:
        if operation == "write":
            with pytest.raises(RemoteError, match="you may not change these records") as caught:
                bob.ask(filt, tuples)
            assert caught.value.code == "access-denied"
        else:
            bob.ask(filt, tuples)
        ada.ask(filt, tuples)

        times = 2 if filt is ROW_1 else 1  # a load: once more when it is there
        assert asked == [(name, operation, filt) for name in ("bob", "ada") for _ in range(times)]

    @pytest.mark.usefixtures("guarded")
    def test_passes_on_exactly_true(self, server: Vortex, clock: Clock) -> None:
        cyd, eve = Client(server, clock, "cyd"), Client(server, clock, "eve")

        with pytest.raises(RemoteError, match="you may not see these records"):
            cyd.ask(ROW_1)
        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            eve.ask(ROW_1)

        assert caught.value.code == "access-denied"
        assert any("log_failure" in each and each["log_failure"].type is KeyError for each in logged)

    @pytest.mark.usefixtures("guarded")
    def test_is_asked_before_a_tuple_is_read(self, bob: Client) -> None:
        bob.sendBody(FILT, [{"_ct": "rt", "_c": "no.Such"}])

        assert [each.result for each in bob.came] == ["access-denied: you may not change these records"]

    def test_may_be_a_set_of_roles(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client, bob: Client
    ) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access={"foreman"})
        grant(ada, "foreman", "other")

        assert shown(ada.ask(ROW_1).tuples) == [(1, "dig")]
        with pytest.raises(RemoteError):
            bob.ask(ROW_1)
        jobs.shutdown()

    @pytest.mark.usefixtures("guarded")
    def test_is_asked_before_anything_is_converted(
        self, ada: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        converted: list[object] = []

        def convert(value: object, *arguments: Any) -> Any:
            converted.append(value)
            return fromJsonable(value, *arguments)

        monkeypatch.setattr("vortex.protocol.body.fromJsonable", convert)
        body = [{"_ct": "rt", "_c": "tests.Job", "id": {"_ct": "no.Such"}, "title": [[[["deep"]]]]}]

        bob.sendBody(FILT, body)
        assert [each.result for each in bob.came] == ["access-denied: you may not change these records"]
        assert converted == []

        ada.sendBody(FILT, body)
        assert ada.came[0].result != bob.came[0].result
        assert converted != []

    @pytest.mark.usefixtures("guarded")
    def test_is_asked_when_the_body_has_kept_the_limits(self, server: Vortex, bob: Client) -> None:
        """What is to be done is read off the JSON, so that is what a hostile peer gets to."""
        deep: Any = "x"
        for _ in range(server.limits.maxDepth + 1):
            deep = [deep]

        bob.sendBody(FILT, [deep])

        (refusal,) = bob.came
        assert refusal.result.startswith("limit-exceeded: ")

    def test_that_is_a_method_of_the_handler_does_not_keep_it(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client
    ) -> None:
        class Mine(OrmCrudHandler):
            def __init__(self) -> None:
                super().__init__(sessions, Job, FILT, vortex=server, access=self.may)

            def may(self, peer: Any, operation: str, filt: Mapping[str, Any]) -> bool:
                return operation == "read"

        handler = Mine()
        assert shown(ada.ask(ROW_1).tuples) == [(1, "dig")]
        gone = weakref.ref(handler)
        del handler

        assert gone() is None

    def test_is_asked_again_before_a_push(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client
    ) -> None:
        answers: dict[str, Any] = {"ada": True}
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access=lambda peer, *_: answers[peer.name])
        ada.ask(ROW_1)
        answers["ada"] = False

        assert resultOf(jobs.sendModelUpdate(1)) == 0
        answers["ada"] = True
        assert resultOf(jobs.sendModelUpdate(1)) == 1
        jobs.shutdown()

    def test_that_was_taken_away_ends_the_updates(
        self, server: Vortex, sessions: Sessions, twoJobs: None, ada: Client, bob: Client
    ) -> None:
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access={"foreman"})
        for client in (ada, bob):
            grant(client, "foreman")
            client.ask(ROW_1)

        grant(ada, "gardener")
        bob.ask(FILT, [job(id=1, title="weed")])
        assert [len(client.pushed) for client in (ada, bob)] == [0, 1]

        grant(ada, "foreman")
        bob.ask(FILT, [job(id=1, title="reap")])
        assert [len(client.pushed) for client in (ada, bob)] == [1, 2]
        jobs.shutdown()

    def test_that_was_taken_away_ends_an_update_that_waits_for_its_turn(
        self, clock: Clock, sessions: Sessions, twoJobs: None
    ) -> None:
        server = ThreadedVortex("server", reactor=clock)
        jobs = OrmCrudHandler(sessions, Job, FILT, vortex=server, access={"foreman"})
        ada = Client(server, clock, "ada")
        grant(ada, "foreman")
        loaded = ada.request(ROW_1)
        server.waiting.pop()()
        ada.settle()
        assert resultOf(loaded).tuples

        sent = jobs.sendModelUpdate(1)
        asked = ada.request(FILT, [job(id=2, title="reap")])  # its answer goes before the update
        update, answer = server.waiting
        update()
        ada.settle()
        grant(ada)
        answer()
        ada.settle()

        assert resultOf(sent) == 1  # was meant for it
        assert resultOf(asked).tuples
        assert ada.pushed == []
        jobs.shutdown()
