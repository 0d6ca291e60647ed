"""What a program never makes: nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.handlers.live_scene import ALL, Scene, jobs, scene
from tests.handlers.nodes import Client, resultOf, settle
from vortex.errors import RemoteError, RequestTimeout
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.live.deadline import Deadline
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    return Deadline(clock, Limits(watchTimeout=60))


class TestADeadline:
    def test_is_none_for_what_is_there_at_once(self, deadline: Deadline, clock: Clock) -> None:
        assert resultOf(deadline.wait(lambda x: x + 1, 4)) == 5
        assert resultOf(deadline.wait(lambda: succeed(5))) == 5
        with pytest.raises(ZeroDivisionError):
            resultOf(deadline.wait(lambda: 1 / 0))
        assert clock.getDelayedCalls() == []

    def test_is_forgotten_with_what_comes_in_time(self, deadline: Deadline, clock: Clock) -> None:
        making: Deferred[int] = Deferred()

        async def make() -> int:
            return await making

        made = deadline.wait(make)
        clock.advance(59)
        making.callback(7)

        assert resultOf(made) == 7
        assert clock.getDelayedCalls() == []

    def test_ends_the_wait_and_what_comes_then_is_dropped(self, clock: Clock) -> None:
        deadline = Deadline(clock, Limits(watchTimeout=60))
        making: Deferred[int] = Deferred()
        made = deadline.wait(partial(next, iter([making])))
        with capturedLogs() as logged:
            clock.advance(60)
            with pytest.raises(
                RequestTimeout, match="nothing was made within the 60 seconds of watchTimeout"
            ):
                resultOf(made)
            making.callback(7)
            del making, made, deadline
            gc.collect()

        assert logged == []

    def test_cancels_what_is_late(self, deadline: Deadline, clock: Clock) -> None:
        ended: list[str] = []

        async def make() -> int:
            try:
                await Deferred()
            except (CancelledError, asyncio.CancelledError):
                ended.append("cancelled")
                await Deferred()  # it may take its time
            return 7

        made = deadline.wait(make)
        clock.advance(60)

        assert ended == ["cancelled"]
        with pytest.raises(RequestTimeout):
            resultOf(made)

    def test_may_be_lifted(self, deadline: Deadline, clock: Clock) -> None:
        making: Deferred[int] = Deferred()
        made = deadline.wait(lambda: making)
        deadline.lift()
        clock.advance(1_000)
        making.callback(7)

        assert resultOf(made) == 7


class TestAProvider:
    """Of an observable, that never answers."""

    @pytest.fixture
    def live(self) -> Iterator[Scene]:
        with scene() as made:
            yield made

    def test_costs_who_asks_an_error_and_no_more(self, live: Scene) -> None:
        late: Deferred[Any] = Deferred()
        live.make = lambda _selector, _peer: late
        client = live.client()
        asked = [client.ask(), live.client("plain", "vortexpy").request(subscribe=True)]
        with capturedLogs():
            live.harness.advance(60)

        for each in asked:
            with pytest.raises(RemoteError, match="watchTimeout") as error:
                live.harness.resultOf(each)
            assert error.value.code == "timeout"
        late.callback(jobs(9))
        live.make = lambda _selector, _peer: jobs(1)
        assert client.watch().states == {1: jobs(1)}

    def test_is_asked_again_for_those_who_watch(self, live: Scene) -> None:
        view = live.client().watch()
        late: Deferred[Any] = Deferred()
        live.make = lambda _selector, _peer: late
        told = [live.observable.notifyOfTupleUpdate(ALL) for _ in range(2)]
        live.make = lambda _selector, _peer: jobs(4)
        with capturedLogs() as logged:
            live.harness.advance(60)

        assert [live.harness.resultOf(each) for each in told] == [0, 1]
        assert any("watchTimeout" in each.get("text", "") for each in logged)
        assert view.tuples == jobs(4)
        late.callback(jobs(9))
        live.harness.advance(100)
        assert view.tuples == jobs(4)

    def test_leaves_no_timer_to_a_handler_that_is_shut_down(self, live: Scene) -> None:
        live.make = lambda _selector, _peer: Deferred()
        live.client().ask()
        live.observable.shutdown()
        live.harness.settle()

        assert not [call for call in live.harness.clock.getDelayedCalls() if "isLate" in repr(call)]


class TestAModel:
    def test_that_is_never_built_is_an_error_and_then_the_next_is_answered(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(watchTimeout=10))
        late: Deferred[Any] = Deferred()
        answers: list[Any] = [late, ["second"]]

        class Jobs(ModelHandler):
            def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
                return ["update"] if delivery is None else answers.pop(0)

        handler = Jobs("jobs", server)
        ada = Client(server, clock, "ada")
        for _ in range(2):
            ada.request({"key": "jobs"}).addErrback(lambda _: None)
        handler.sendModelUpdate()
        settle(clock)
        assert ada.came == []
        clock.advance(10)
        settle(clock)
        late.callback(["first"])
        settle(clock)

        assert [each.result or each.tuples for each in ada.came] == [
            "timeout: nothing was made within the 10 seconds of watchTimeout",
            ["second"],
        ]
        handler.shutdown()

    def test_that_is_never_built_for_an_update_is_built_again(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(watchTimeout=10))
        updates: list[Any] = [Deferred(), ["update"]]

        class Jobs(ModelHandler):
            def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
                return updates.pop(0) if delivery is None else ["answer"]

        handler = Jobs("jobs", server)
        ada = Client(server, clock, "ada")
        ada.ask({"key": "jobs"})
        sent = handler.sendModelUpdate()
        with capturedLogs() as logged:
            clock.advance(10)
        assert resultOf(sent) == 0
        assert any("watchTimeout" in each.get("text", "") for each in logged)
        clock.advance(1)
        settle(clock)

        assert [tuples for _, tuples in ada.pushed] == [["update"]]
        handler.shutdown()

    def test_that_is_never_built_for_one_who_has_not_asked_is_nothing(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(watchTimeout=10))

        class Jobs(ModelHandler):
            def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
                return Deferred()

        handler = Jobs("jobs", server)
        ada = Client(server, clock, "ada")
        sent = handler.sendModelUpdate(peer=ada.peer)
        with capturedLogs() as logged:
            clock.advance(10)

        assert resultOf(sent) == 0
        assert [each["peer"] for each in logged] == [ada.peer]
        handler.shutdown()
