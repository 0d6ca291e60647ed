"""Actions that are asked for: by our client, of our processor, through a session that is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.handlers.action_scene import FILT, Rename
from tests.handlers.nodes import Client, resultOf, settle
from vortex import (
    NotConnected,
    Payload,
    PayloadEndpoint,
    Rejected,
    RemoteError,
    RequestTimeout,
    TupleActionClient,
    TupleActionProcessor,
    TupleSelector,
)
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery
from vortex.transports.native_memory import NativeMemoryLink


class Ends:
    """
    A client and the server's delegate, linked by the native wire.

    Attributes:
        done: The titles that the delegate has got.
        outcome: What it returns, or raises.
    """

    def __init__(self, server: Vortex, clock: Clock) -> None:
        self.clock = clock
        self.done: list[Any] = []
        self.outcome: Any = None
        self._server = server
        self.serve()
        self.vortex = Vortex("client", reactor=clock)
        self.link = NativeMemoryLink(self.vortex, server)
        settle(clock)
        self.client = TupleActionClient("acts", "server", self.vortex)

    def serve(self) -> None:
        """The server has a processor, which knows nothing of one that was there before."""
        self.processor = TupleActionProcessor("acts", self._server)
        self.processor.setDelegate(Rename, self._rename)

    def _rename(self, action: Rename) -> Any:
        self.done.append(action.title)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def push(self, action: Rename, **how: Any) -> Deferred[list[Any]]:
        pushed = self.client.pushAction(action, **how)
        settle(self.clock)
        return pushed


@pytest.fixture
def ends(server: Vortex, clock: Clock) -> Ends:
    return Ends(server, clock)


class TestAnAction:
    def test_gives_the_tuples_of_its_answer(self, ends: Ends) -> None:
        ends.outcome = [Rename(uuid="r", title="dug"), 7]

        dug, seven = resultOf(ends.push(Rename(title="dig")))

        assert (dug.title, seven, ends.done) == ("dug", 7, ["dig"])

    def test_fails_as_the_delegate_has_refused_it(self, ends: Ends) -> None:
        ends.outcome = Rejected("it is raining", code="bad-weather")

        with pytest.raises(RemoteError, match="it is raining") as caught:
            resultOf(ends.push(Rename()))

        assert caught.value.code == "bad-weather"

    def test_takes_effect_once_though_its_answer_is_lost(self, ends: Ends) -> None:
        waiting: Deferred[list[str]] = Deferred()
        ends.outcome = waiting
        pushed = ends.push(Rename(title="dig"))
        assert ends.done == ["dig"]
        ends.link.cut()
        waiting.callback(["dug"])
        settle(ends.clock)
        assert not pushed.called

        ends.link.reconnect()
        settle(ends.clock)

        assert resultOf(pushed) == ["dug"]
        assert ends.done == ["dig"]

    def test_that_is_pushed_during_a_cut_is_carried_out_after_it(self, ends: Ends) -> None:
        ends.link.cut()
        first, second = (ends.push(Rename(title=title)) for title in ("dig", "sow"))
        assert ends.done == []

        ends.link.reconnect()
        settle(ends.clock)

        assert (resultOf(first), resultOf(second), ends.done) == ([], [], ["dig", "sow"])

    def test_pushed_again_after_its_time_is_over_is_answered_by_the_first(self, ends: Ends) -> None:
        action = Rename(title="dig")
        waiting: Deferred[list[str]] = Deferred()
        ends.outcome = waiting
        late = ends.push(action, timeout=5)
        ends.link.cut()
        waiting.callback(["dug"])
        ends.clock.advance(5)
        with pytest.raises(RequestTimeout):
            resultOf(late)
        ends.link.reconnect()
        settle(ends.clock)

        assert resultOf(ends.push(action)) == ["dug"]
        assert ends.done == ["dig"]

    def test_that_no_processor_takes_fails_and_takes_effect_when_it_is_pushed_anew(self, ends: Ends) -> None:
        action = Rename(title="dig")
        ends.processor.shutdown()
        with pytest.raises(
            RemoteError, match="nothing at 'server' offers an action processor named 'acts'"
        ) as caught:
            resultOf(ends.push(action))
        assert (caught.value.code, ends.done) == ("unknown-action", [])
        ends.serve()

        assert (resultOf(ends.push(action)), ends.done) == ([], ["dig"])

    def test_to_nobody_fails(self, clock: Clock) -> None:
        alone = TupleActionClient("acts", "server", Vortex("alone", reactor=clock))

        with pytest.raises(NotConnected, match="no peer named 'server'"):
            resultOf(alone.pushAction(Rename()))

    def test_is_derived_from_an_action(self, ends: Ends) -> None:
        with pytest.raises(TypeError, match=r"pushAction takes an action, derived from TupleAction, got Tup"):
            ends.client.pushAction(TupleSelector())  # type: ignore[arg-type]

    def test_is_sent_with_the_filt_of_the_application(self, clock: Clock, server: Vortex) -> None:
        client = Client(server, clock)
        came: list[Any] = []

        def take(payload: Payload, delivery: Delivery) -> None:
            came.append((payload.filt, [action.title for action in payload.tuples]))

        endpoint = PayloadEndpoint({"key": "tupleActionProcessorName"}, take, server)
        TupleActionClient("acts", None, client.vortex, filt={"shop": 1}).pushAction(Rename(title="dig"))
        settle(clock)

        ((filt, titles),) = came
        assert filt.pop("PayloadResponse.messageId")
        assert (filt, titles) == ({**FILT, "shop": 1}, ["dig"])
        assert endpoint.isLive


class View:
    """What shows what actions do, when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, int]] = []
        self.shown: Deferred[None] = Deferred()

    def passed(self, after: Mapping[str, int]) -> Deferred[None]:
        self.asked.append(after)
        return self.shown


class TestAnActionUntilItIsShown:
    @pytest.fixture
    def answered(self, clock: Clock, server: Vortex) -> Any:
        """A client whose actions are answered with the positions that they made, by hand."""

        def answer(payload: Payload, delivery: Delivery) -> None:
            (action,) = payload.tuples
            filt = {"view": {"after": {"12": 43}}} if action.title else None
            delivery.reply(["dug"], filt=filt)

        self.endpoint = PayloadEndpoint(FILT, answer, server)
        return TupleActionClient("acts", "server", Client(server, clock).vortex)

    def test_is_not_over_before(self, answered: TupleActionClient, clock: Clock) -> None:
        view = View()
        pushed = answered.pushAction(Rename(title="dig"), until=view)
        settle(clock)
        assert (view.asked, pushed.called) == ([{"12": 43}], False)

        view.shown.callback(None)

        assert resultOf(pushed) == ["dug"]

    def test_is_over_when_the_view_says_so_though_the_answer_names_no_serial(
        self, answered: TupleActionClient, clock: Clock
    ) -> None:
        """Only the view knows whether it has been watched yet."""
        view = View()
        pushed = answered.pushAction(Rename(title=""), until=view)
        settle(clock)
        assert (view.asked, pushed.called) == ([{}], False)

        view.shown.callback(None)

        assert resultOf(pushed) == ["dug"]

    def test_fails_if_that_takes_longer_than_it_may(self, answered: TupleActionClient, clock: Clock) -> None:
        pushed = answered.pushAction(Rename(title="dig"), timeout=5, until=View())
        settle(clock)
        clock.advance(4.9)
        assert not pushed.called
        clock.advance(0.1)

        with pytest.raises(RequestTimeout, match="the action was done, and what it did was not shown"):
            resultOf(pushed)
