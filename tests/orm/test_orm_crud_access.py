"""Rows over a wire: who may see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.nodes import Client, resultOf
from tests.orm.rows import (
    FILT,
    ROW_1,
    Job,
    Sessions,
    offTheWire,
    shown,
)
from vortex.errors import RemoteError
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.filt import MESSAGE_ID


def job(**fields: Any) -> Any:
    return offTheWire(Job, **fields)


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

        assert asked == [(name, operation, filt) for name in ("bob", "ada")]

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
        ada.peer.roles = frozenset({"foreman", "other"})  # type: ignore[misc]

        assert shown(ada.ask(ROW_1).tuples) == [(1, "dig")]
        with pytest.raises(RemoteError):
            bob.ask(ROW_1)
        jobs.shutdown()

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
