"""Actions at the level of deliveries: deadlines and cancels, from who asks to who does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.handlers.nodes import settle
from tests.native_link import NativeLink
from vortex.errors import EncodeError, RequestTimeout
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope, Message
from vortex.protocol.payload import Payload
from vortex.routing.action import Action
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

KEY = {"key": "jobs"}


class Way:
    """Keeps what becomes of an action."""

    def __init__(self) -> None:
        self.kept: list[bytes | None] = []
        self.sent: list[Message] = []
        self.priorities: list[int] = []

    def finished(self, action: Action, reply: bytes | None) -> None:
        self.kept.append(reply)

    def sendAnswer(self, message: Message, priority: int) -> None:
        self.sent.append(message)
        self.priorities.append(priority)


def inThread(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    raise NotImplementedError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def way() -> Way:
    return Way()


def actionOf(way: Way, clock: Clock, *, expectsAnswer: bool = True, deadline: float | None = None) -> Action:
    return Action(
        7,
        "ada",
        1,
        expectsAnswer=expectsAnswer,
        deadline=deadline,
        clock=clock,
        settled=0,
        maxReply=100,
        way=way,
        runInThread=inThread,
    )


@pytest.fixture
def action(way: Way, clock: Clock) -> Action:
    return actionOf(way, clock)


def answer(result: Any = None, tuples: list[Any] | None = None) -> Message:
    return Message(Payload(KEY, tuples, result), isReply=True)


class TestAnAction:
    def test_has_one_answer(self, action: Action, way: Way) -> None:
        action.answer(answer("first"), 10)
        action.answer(answer("second"), 20)

        assert [message.action for message in way.sent] == [7, None]
        assert way.priorities == [10, 20]
        assert len(way.kept) == 1
        assert way.kept[0] is not None
        assert b"first" in way.kept[0]

    @pytest.mark.parametrize("result", [None, True, "rejected: no", "internals: no", ["internal: x"]])
    def test_keeps_its_answer(self, action: Action, way: Way, result: Any) -> None:
        action.answer(answer(result), 100)

        assert way.kept != [None]
        assert len(way.kept) == 1

    def test_keeps_no_crash(self, action: Action, way: Way) -> None:
        action.answer(answer("internal: 0a1b2c3d"), 100)

        assert way.kept == [None]
        assert [message.action for message in way.sent] == [7]

    def test_keeps_nothing_where_no_answer_is_expected(self, way: Way, clock: Clock) -> None:
        actionOf(way, clock, expectsAnswer=False).answer(answer(True), 100)

        assert way.kept == []
        assert [message.action for message in way.sent] == [None]

    def test_is_not_answered_by_what_cannot_travel(self, action: Action, way: Way) -> None:
        with pytest.raises(EncodeError):
            action.answer(answer(None, [object()]), 100)

        assert (way.kept, way.sent, action.isAnswered) == ([], [], False)
        action.answer(answer(True), 100)
        assert [message.action for message in way.sent] == [7]

    def test_that_is_cancelled_before_something_is_done_for_it_cancels_that_too(self, action: Action) -> None:
        action.cancel()
        outcome: Deferred[None] = Deferred()
        outcome.addErrback(lambda failure: failure.trap(CancelledError))
        action.runs(outcome)

        assert outcome.called

    def test_says_what_it_is(self, action: Action) -> None:
        assert repr(action) == "<action 7 of ada, under way>"
        action.cancel()
        assert repr(action) == "<action 7 of ada, cancelled>"

    def test_has_no_seconds_left_when_it_is_late_or_cancelled(self, way: Way, clock: Clock) -> None:
        action = actionOf(way, clock, deadline=5)
        clock.advance(2)
        assert action.secondsLeft == 3
        clock.advance(4)
        assert action.secondsLeft == 0
        action = actionOf(way, clock)
        assert action.secondsLeft is None
        action.cancel()
        assert action.secondsLeft == 0


class TestADeliveryWithoutAction:
    def test_has_no_deadline_and_is_never_cancelled(self) -> None:
        delivery = Delivery(Nobody(), Envelope(KEY), isReply=False)

        assert delivery.deadline is None
        assert delivery.isCancelled is False

    def test_records_nothing_and_answers_with_what_was_to_be_recorded(self) -> None:
        peer = Nobody()
        delivery = Delivery(peer, Envelope(KEY), isReply=False)

        delivery.recordIn(object())
        delivery.recordIn(object(), ["the answer"])
        delivery.reply()

        assert [message.payload.tuples for message in peer.sent] == [["the answer"]]


class Nobody:
    """A peer of the other wire."""

    name = uuid = "nobody"
    identity = None
    roles: frozenset[str] = frozenset()
    isOnline = isConnected = True

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, payload: Payload, priority: int = 100) -> object:
        raise NotImplementedError

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        raise NotImplementedError

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: object = None) -> None:
        self.sent.append(message)

    @property
    def queuedBytes(self) -> int:
        return 0

    def whenReady(self) -> Deferred[None]:
        return succeed(None)

    def cancelRequest(self, message: Message) -> None: ...


class Pair:
    """A client that asks, and a server whose endpoint waits."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.client = Vortex("client", reactor=clock)
        self.server = Vortex("server", reactor=clock)
        self.deliveries: list[Delivery] = []
        self.cancelled = 0
        self._endpoint = PayloadEndpoint(KEY, self._take, self.server)
        self.link = NativeLink(self.client, self.server, clock)
        settle(clock)

    def ask(self, timeout: float | None = 30) -> tuple[Deferred[Payload], list[Any]]:
        got: list[Any] = []
        response = self.client.request(Payload(KEY), timeout=timeout)
        response.addBoth(got.append)
        settle(self.clock)
        return response, got

    def _take(self, payload: Payload, delivery: Delivery) -> Deferred[None]:
        self.deliveries.append(delivery)
        return Deferred(self._cancel)

    def _cancel(self, _: Deferred[None]) -> None:
        self.cancelled += 1


@pytest.fixture
def pair(clock: Clock) -> Pair:
    return Pair(clock)


class TestARequest:
    def test_is_answered(self, pair: Pair) -> None:
        _, got = pair.ask()
        pair.deliveries[0].reply(["here"])
        settle(pair.clock)

        assert got[0].tuples == ["here"]

    def test_tells_for_how_long_it_waits(self, pair: Pair) -> None:
        pair.ask(timeout=7.5)
        pair.ask(timeout=None)

        assert [delivery.deadline for delivery in pair.deliveries] == [7.5, None]

    def test_that_is_cancelled_is_cancelled_where_it_is_done(self, pair: Pair) -> None:
        response, got = pair.ask()
        pair.ask()
        response.cancel()
        settle(pair.clock)

        assert isinstance(got[0], Failure)
        assert got[0].check(CancelledError)
        assert [delivery.isCancelled for delivery in pair.deliveries] == [True, False]
        assert pair.cancelled == 1

    def test_whose_time_is_over_is_cancelled_where_it_is_done(self, pair: Pair) -> None:
        _, got = pair.ask(timeout=3)
        pair.clock.advance(3)
        settle(pair.clock)

        assert got[0].check(RequestTimeout)
        assert pair.cancelled == 1

    def test_that_is_cancelled_before_it_leaves_is_not_asked(self, pair: Pair) -> None:
        pair.link.cut()
        response, _ = pair.ask()
        response.cancel()
        pair.link.connect()
        settle(pair.clock)
        _, got = pair.ask()
        pair.deliveries[0].reply(["of the next"])
        settle(pair.clock)

        assert len(pair.deliveries) == 1
        assert got[0].tuples == ["of the next"]

    def test_that_is_asked_again_of_a_server_that_has_lost_the_session_is_done_once(self, pair: Pair) -> None:
        _, got = pair.ask()
        pair.link.cut()
        pair.link.restart()
        pair.link.connect()
        settle(pair.clock)
        pair.deliveries[0].reply(["once"])
        settle(pair.clock)

        assert len(pair.deliveries) == 1
        assert got[0].tuples == ["once"]

    def test_whose_answer_was_lost_has_it_from_what_is_kept(self, pair: Pair) -> None:
        _, got = pair.ask()
        pair.deliveries[0].reply(["once"])
        pair.link.cut()
        assert got == []
        pair.link.restart()
        pair.link.connect()
        settle(pair.clock)

        assert len(pair.deliveries) == 1
        assert got[0].tuples == ["once"]
