"""Actions that come in, by hand-written frames: each is run once, and answered however often it comes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests import native_frames
from tests.transports.native_client import NativeClient
from vortex.errors import Rejected
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload
from vortex.routing import marks
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

PAY = {"key": "pay"}


class Till:
    """An endpoint that keeps what it is asked, and answers when the test says so."""

    def __init__(self, vortex: Vortex) -> None:
        self.deliveries: list[Delivery] = []
        self.waiting: list[Deferred[None]] = []
        self.cancelled = 0
        self.outcome: Any = None
        PayloadEndpoint(PAY, self.take, vortex)

    def take(self, payload: Payload, delivery: Delivery) -> Any:
        self.deliveries.append(delivery)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome == "later":
            waiting: Deferred[None] = Deferred(self._cancelled)
            self.waiting.append(waiting)
            return waiting
        if self.outcome is not None:
            delivery.reply([f"sale {len(self.deliveries)}"], self.outcome)
        return None

    def _cancelled(self, _: Deferred[None]) -> None:
        self.cancelled += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Vortex:
    return Vortex("server", reactor=clock, limits=Limits(maxStoredReplies=3))


@pytest.fixture
def till(server: Vortex) -> Till:
    return Till(server)


@pytest.fixture
def ada(server: Vortex) -> NativeClient:
    client = NativeClient(server)
    client.begin()
    return client


class TestAnAction:
    def test_is_answered(self, ada: NativeClient, till: Till) -> None:
        till.outcome = True
        ada.send(1, PAY)

        (reply,) = ada.answers
        assert (reply.kind, reply.number, reply.action) == (native_frames.REPLY, 1, 1)
        assert reply.json["f"] == {"key": "pay", "PayloadResponse.messageId": "m1"}
        assert reply.json["r"] is True
        assert reply.body == [{"v": ["sale 1"]}]

    def test_that_comes_again_in_another_session_is_answered_as_it_was_to_the_byte(
        self, ada: NativeClient, till: Till, clock: Clock
    ) -> None:
        till.outcome = True
        ada.send(1, PAY)
        first = ada.messages
        ada.leave()
        clock.advance(5)

        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]
        assert ada.messages == first
        assert len(till.deliveries) == 1

    def test_that_comes_again_while_the_first_session_lives_is_not_run_twice(
        self, ada: NativeClient, till: Till
    ) -> None:
        till.outcome = True
        ada.send(1, PAY)
        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]
        assert len(till.deliveries) == 1

    def test_that_still_runs_is_answered_on_the_session_that_it_came_by_last(
        self, ada: NativeClient, till: Till
    ) -> None:
        ada.send(1, PAY)
        before = ada.said
        ada.leave()
        ada.begin(next=2)
        ada.send(1, PAY)
        till.deliveries[0].reply([1], True)

        assert ada.replies == [(1, True)]
        assert native_frames.REPLY not in [frame.kind for frame in before]
        assert len(till.deliveries) == 1

    def test_that_is_done_while_its_client_is_away_is_answered_when_it_is_back(
        self, ada: NativeClient, till: Till
    ) -> None:
        ada.send(1, PAY)
        ada.leave()
        till.deliveries[0].reply([1], True)

        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]
        assert len(till.deliveries) == 1

    def test_that_was_refused_is_refused_again(self, ada: NativeClient, till: Till) -> None:
        till.outcome = Rejected("no money", code="no-money")
        ada.send(1, PAY)
        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, "no-money: no money")]
        assert len(till.deliveries) == 1

    def test_that_has_crashed_is_run_again(self, ada: NativeClient, till: Till) -> None:
        till.outcome = RuntimeError("a mistake")
        with capturedLogs():
            ada.send(1, PAY)
        assert ada.replies[0][1].startswith("internal: ")
        till.outcome = True

        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]
        assert len(till.deliveries) == 2

    def test_that_nobody_takes_may_be_tried_again(self, ada: NativeClient, server: Vortex) -> None:
        ada.send(1, PAY)
        assert ada.replies == []
        till = Till(server)
        till.outcome = True

        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]

    def test_whose_answer_is_not_kept_any_more_has_an_unknown_outcome(
        self, ada: NativeClient, till: Till
    ) -> None:
        till.outcome = True
        for number in (1, 2, 3, 4):
            ada.send(number, PAY)
        ada.begin(next=5)
        ada.send(1, PAY)

        ((number, result),) = ada.replies
        assert number == 1
        assert result.startswith("outcome-unknown: action 1 ")
        assert ada.answers[0].json["f"] == {"key": "pay", "PayloadResponse.messageId": "m1"}
        assert len(till.deliveries) == 4

    def test_whose_answer_is_not_kept_is_looked_up_where_a_handler_has_room_for_it(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who was one too many would be told that it has failed, and it has not."""
        server = Vortex("server", reactor=clock, limits=Limits(maxStoredReplies=1, maxWaitingRequests=2))
        till = Till(server)
        till.outcome = True
        ada = NativeClient(server)
        ada.begin()
        for number in range(1, 7):
            ada.send(number, PAY)
        looked: list[int] = []

        def look(_isThere: object, _client: str, _epoch: int, number: int) -> Deferred[bool]:
            looked.append(number)
            return Deferred()

        monkeypatch.setattr(marks, "_used", [SimpleNamespace(mayBeFound=True, isThere=None)])
        monkeypatch.setattr(server, "runInThread", look)

        ada.begin(next=7)
        for number in range(1, 6):
            ada.send(number, PAY)

        assert looked == [1, 2]
        assert [(number, str(result)[:16]) for number, result in ada.replies] == [
            (number, "outcome-unknown:") for number in (3, 4, 5)
        ]

    def test_behind_a_missing_one_is_refused_and_not_run(self, ada: NativeClient, till: Till) -> None:
        till.outcome = True
        ada.send(1, PAY)
        ada.send(3, PAY)

        assert ada.replies[1][0] == 3
        assert ada.replies[1][1].startswith("gap: expected action 2, got 3")
        assert len(till.deliveries) == 1

    def test_of_another_client_is_another(self, ada: NativeClient, till: Till, server: Vortex) -> None:
        till.outcome = True
        ada.send(1, PAY)
        bob = NativeClient(server, "the secret of bob")
        bob.begin()
        bob.send(1, PAY)

        assert bob.replies == [(1, True)]
        assert len(till.deliveries) == 2

    def test_that_expects_no_answer_is_taken_once(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY, expectsAnswer=False)
        ada.begin(next=2)
        ada.send(1, PAY, expectsAnswer=False)
        ada.send(2, PAY, expectsAnswer=False)

        assert len(till.deliveries) == 2
        assert ada.answers == ada.others == []

    def test_that_expects_none_may_be_answered_with_a_message(self, ada: NativeClient, till: Till) -> None:
        till.outcome = True
        ada.send(1, PAY, expectsAnswer=False)

        assert ada.replies == []
        assert ada.others == [True]

    def test_that_is_answered_twice_has_one_answer_and_a_message(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        till.deliveries[0].reply([], "first")
        till.deliveries[0].reply([], "second")

        assert ada.replies == [(1, "first")]
        assert ada.others == ["second"]
        ada.begin(next=2)
        ada.send(1, PAY)
        assert ada.replies == [(1, "first")]

    def test_that_asks_for_an_echo_has_it_as_its_answer(self, ada: NativeClient) -> None:
        ada.send(1, {**PAY, "rapuiServerEcho": True}, ["hello"])
        echo = ada.messages
        ada.begin(next=2)
        ada.send(1, {**PAY, "rapuiServerEcho": True}, ["hello"])

        assert [each[0] for each in ada.replies] == [1]
        assert native_frames.bodyOf(echo[0]) == [{"v": ["hello"]}]
        assert ada.messages == echo

    def test_that_cannot_be_read_counts_and_is_refused_in_the_same_way_again(
        self, ada: NativeClient, till: Till
    ) -> None:
        till.outcome = True
        ada.sendMessage(1, b"\x08\x02{}{}")
        ada.send(2, PAY)
        assert [each[0] for each in ada.replies] == [1, 2]
        assert ada.replies[0][1].startswith("bad-payload: ")
        first = ada.messages[0]

        ada.begin(next=3)
        ada.sendMessage(1, b"\x08\x02{}{}")

        assert ada.messages == [first]

    def test_that_is_settled_is_not_kept(self, ada: NativeClient, till: Till, server: Vortex) -> None:
        till.outcome = True
        ada.send(1, PAY)
        assert server.once.bytes == len(ada.messages[0])

        ada.settle(1)

        assert server.once.bytes == 0


class TestAnEpoch:
    def test_that_is_over_is_closed_at_its_beginning(
        self, ada: NativeClient, till: Till, server: Vortex
    ) -> None:
        ada.begin(epoch=2)
        peers = server.peers
        ada.begin(epoch=1)

        assert ada.farewell is not None
        assert ada.farewell["code"] == "stale-epoch"
        assert ada.farewell["again"] is False
        assert server.peers == peers
        ada.send(1, PAY)
        assert till.deliveries == []

    def test_that_is_over_meanwhile_is_closed_with_its_next_action(
        self, server: Vortex, ada: NativeClient, till: Till
    ) -> None:
        newer = NativeClient(server)
        newer.begin(epoch=2)
        ada.send(1, PAY)

        assert ada.farewell is not None
        assert ada.farewell["code"] == "stale-epoch"
        assert till.deliveries == []

    def test_that_is_new_begins_to_count_at_one(self, ada: NativeClient, till: Till) -> None:
        till.outcome = True
        ada.send(1, PAY)
        ada.begin(epoch=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]
        assert len(till.deliveries) == 2


class TestACancel:
    @pytest.fixture(autouse=True)
    def _later(self, till: Till) -> None:
        till.outcome = "later"

    def test_cancels_what_runs(self, ada: NativeClient, till: Till, server: Vortex) -> None:
        ada.send(1, PAY)
        assert till.deliveries[0].isCancelled is False
        with capturedLogs() as logs:
            ada.cancel(1)

        assert till.cancelled == 1
        assert till.deliveries[0].isCancelled is True
        assert till.deliveries[0].deadline == 0
        assert ada.answers == ada.others == []
        assert [event["log_level"].name for event in logs if event["log_level"].name != "debug"] == []
        assert server.counters["cancelled"] == 1

    def test_cancels_a_coroutine_where_it_waits(self, ada: NativeClient, server: Vortex) -> None:
        seen: list[str] = []

        async def slow(payload: Payload, delivery: Delivery) -> None:
            try:
                await Deferred()
            except CancelledError:
                seen.append("cancelled")
                raise

        endpoint = PayloadEndpoint({"key": "slow"}, slow, server)
        ada.send(1, {"key": "slow"})
        ada.cancel(1)

        assert seen == ["cancelled"]
        assert ada.answers == ada.others == []
        endpoint.shutdown()

    def test_is_of_that_action_and_no_other(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        ada.send(2, PAY)
        ada.cancel(2)

        assert [delivery.isCancelled for delivery in till.deliveries] == [False, True]

    def test_of_another_clients_action_does_nothing(
        self, ada: NativeClient, till: Till, server: Vortex
    ) -> None:
        ada.send(1, PAY)
        bob = NativeClient(server, "the secret of bob")
        bob.begin()
        bob.cancel(1)

        assert till.deliveries[0].isCancelled is False

    def test_that_comes_after_the_answer_does_nothing(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        till.deliveries[0].reply([], True)
        ada.cancel(1)
        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, True)]

    def test_of_an_action_that_there_is_none_does_nothing(self, ada: NativeClient, till: Till) -> None:
        ada.cancel(7)
        ada.send(1, PAY)

        assert len(till.deliveries) == 1

    def test_by_another_session_reaches_what_runs(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        ada.leave()
        ada.begin(next=2)
        ada.send(1, PAY)
        ada.cancel(1)

        assert till.cancelled == 1

    def test_keeps_the_answer_of_who_goes_on_all_the_same(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        ada.cancel(1)
        till.deliveries[0].reply([], "done anyway")
        assert ada.answers == ada.others == []

        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies == [(1, "done anyway")]

    def test_leaves_an_outcome_that_is_unknown(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)
        ada.cancel(1)
        ada.begin(next=2)
        ada.send(1, PAY)

        assert ada.replies[0][1].startswith("outcome-unknown: ")
        assert len(till.deliveries) == 1

    def test_that_makes_a_canceller_fail_is_logged(self, ada: NativeClient, server: Vortex) -> None:
        def fails(_: Deferred[None]) -> None:
            raise RuntimeError("cannot be cancelled")

        def keeps(payload: Payload, delivery: Delivery) -> Deferred[None]:
            return Deferred(fails)

        endpoint = PayloadEndpoint({"key": "keeps"}, keeps, server)
        ada.send(1, {"key": "keeps"})
        with capturedLogs() as logs:
            ada.cancel(1)

        assert [event["log_failure"].getErrorMessage() for event in logs if "log_failure" in event] == [
            "cannot be cancelled"
        ]
        ada.send(2, {"key": "keeps"})
        assert ada.farewell is None
        endpoint.shutdown()


class TestADeadline:
    @pytest.fixture(autouse=True)
    def _later(self, till: Till) -> None:
        till.outcome = "later"

    def test_is_told_in_seconds_that_are_left(self, ada: NativeClient, till: Till, clock: Clock) -> None:
        ada.send(1, PAY, deadline=2500)
        assert till.deliveries[0].deadline == 2.5
        clock.advance(1)
        assert till.deliveries[0].deadline == 1.5

    def test_is_none_where_none_was_said(self, ada: NativeClient, till: Till) -> None:
        ada.send(1, PAY)

        assert till.deliveries[0].deadline is None

    def test_that_is_over_cancels_what_runs(self, ada: NativeClient, till: Till, clock: Clock) -> None:
        ada.send(1, PAY, deadline=2000)
        clock.advance(1.9)
        assert till.cancelled == 0
        clock.advance(0.2)

        assert till.cancelled == 1
        assert till.deliveries[0].isCancelled is True
        assert ada.replies == []

    def test_that_is_over_after_the_answer_does_nothing(
        self, ada: NativeClient, till: Till, clock: Clock
    ) -> None:
        ada.send(1, PAY, deadline=2000)
        till.deliveries[0].reply([], True)
        clock.advance(3)

        assert till.deliveries[0].isCancelled is False
        ada.begin(next=2)
        ada.send(1, PAY)
        assert ada.replies == [(1, True)]

    def test_is_that_of_who_has_asked_last(self, ada: NativeClient, till: Till, clock: Clock) -> None:
        ada.send(1, PAY, deadline=2000)
        clock.advance(1)
        ada.begin(next=2)
        ada.send(1, PAY, deadline=5000)
        clock.advance(4.9)
        assert till.cancelled == 0
        clock.advance(0.2)
        assert till.cancelled == 1

    def test_does_not_count_while_the_client_has_no_session(
        self, ada: NativeClient, till: Till, clock: Clock
    ) -> None:
        ada.send(1, PAY, deadline=2000)
        ada.leave()
        clock.advance(10)

        assert till.cancelled == 0
        assert clock.getDelayedCalls() == []


class TestMemory:
    def test_of_a_client_ends_some_time_after_its_last_session(
        self, ada: NativeClient, till: Till, server: Vortex, clock: Clock
    ) -> None:
        till.outcome = True
        ada.send(1, PAY)
        ada.leave()
        clock.advance(599)
        ada.begin(next=2)
        ada.send(1, PAY)
        assert len(till.deliveries) == 1
        ada.leave()
        clock.advance(601)

        ada.begin(next=2)
        ada.send(1, PAY)

        assert len(till.deliveries) == 1
        ((number, result),) = ada.replies
        assert (number, result[:16]) == (1, "outcome-unknown:")

    def test_of_a_session_that_did_nothing_is_nothing(self, ada: NativeClient, server: Vortex) -> None:
        ada.leave()

        assert len(server.once) == 0
