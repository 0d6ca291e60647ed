"""How fast a server takes what a session of the native wire brings."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.native_frames import ACK, REPLY, ack, action, cancel, hello, message
from tests.transports.native_talk import Talker, pass_
from tests.transports.native_wires import TWO_WAYS, NativePost, resumeOf, send
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Slow:
    """Takes requests, and answers when it is told to."""

    def __init__(self, server: Server) -> None:
        self.deliveries: list[Delivery] = []
        PayloadEndpoint({"key": "slow"}, self.take, server.vortex)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


def news(first: int, count: int) -> bytes:
    """Messages that nobody answers."""
    said = message({"key": "news"}, expectsAnswer=False)
    return b"".join(action(number, number, said) for number in range(first, first + count))


def asks(first: int, count: int) -> bytes:
    said = message({"key": "slow"})
    return b"".join(action(number, number, said) for number in range(first, first + count))


def isRead(talker: Talker) -> bool:
    """Whether the server reads what the line brings."""
    return bool(talker.line.wire.producerState == "producing")


class TestPolls:
    def test_bring_no_more_than_anything_else(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        heard: list[Payload] = []
        endpoint = PayloadEndpoint({"key": "news"}, lambda payload, _: heard.append(payload), server.vortex)
        first = NativePost(server, hello(via="poll", wait=0) + news(1, 500))
        clock.advance(0.2)

        again = hello(first.welcome["client"], via="poll", wait=0, resume=resumeOf(first.welcome))
        refused = NativePost(server, again + news(501, 500))
        clock.advance(50)
        taken = NativePost(server, again + news(501, 500))

        assert (refused.status, taken.status) == (503, 200)
        assert (len(heard), endpoint.isLive) == (1000, True)


@pytest.mark.parametrize("kind", TWO_WAYS)
class TestTheRate:
    def test_is_no_matter_to_a_burst(self, clock: Clock, kind: str) -> None:
        talker = Talker(Server(clock), kind)

        talker.say(news(1, 4999))  # and the HELLO

        assert isRead(talker)

    def test_is_kept_by_reading_slower(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        talker = Talker(server, kind)

        talker.say(news(1, 50 + 25))
        assert not isRead(talker)
        clock.advance(2.4)
        assert not isRead(talker)
        clock.advance(0.2)

        assert isRead(talker)
        assert server.vortex.counters["held"] == 1

    def test_loses_nothing_of_what_is_there(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        heard: list[Payload] = []
        endpoint = PayloadEndpoint({"key": "news"}, lambda payload, _: heard.append(payload), server.vortex)
        talker = Talker(server, kind)

        talker.say(news(1, 75))
        talker.say(news(76, 1))

        assert len(heard) == 76
        assert endpoint.isLive

    def test_is_each_sessions_own(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        fast, other = Talker(server, kind), Talker(server, kind)

        fast.say(news(1, 100))

        assert isRead(other)

    def test_counts_whatever_comes(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        talker = Talker(server, kind)

        talker.say(ack(0) * 60)

        assert not isRead(talker)

    def test_is_not_taken_for_silence_of_the_other_end(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=1))
        talker = Talker(server, kind)
        talker.say(news(1, 40))

        pass_(clock, 34)

        assert not talker.line.isOver
        assert server.vortex.peers[0].isConnected
        pass_(clock, 3)
        assert isRead(talker)
        pass_(clock, 16)
        assert talker.line.isOver

    def test_of_a_line_that_was_replaced_holds_its_end_no_longer(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        talker = Talker(server, kind)
        talker.say(news(1, 75))
        assert not isRead(talker)

        talker.comesBack()

        assert isRead(talker)
        talker.line.lose()
        clock.advance(3)

    def test_leaves_no_timer_behind_a_line_that_is_lost(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxMessagesPerSecond=10))
        talker = Talker(server, kind)
        talker.say(news(1, 75))
        server.vortex.peers[0].close()
        talker.line.lose()
        clock.advance(3)

        assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("kind", TWO_WAYS)
class TestRequests:
    def test_that_are_too_many_stop_the_reading_until_they_are_answered(
        self, clock: Clock, kind: str
    ) -> None:
        server = Server(clock, limits=Limits(maxWaitingRequests=3))
        slow = Slow(server)
        talker = Talker(server, kind)

        talker.say(asks(1, 3))
        assert isRead(talker)
        talker.say(asks(4, 1))
        assert not isRead(talker)
        for delivery in slow.deliveries:
            delivery.reply(result=True)
        clock.advance(1.1)

        assert isRead(talker)
        talker.say(asks(5, 1))
        assert isRead(talker)

    def test_are_refused_past_ten_times_as_many(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxWaitingRequests=3))
        slow = Slow(server)
        talker = Talker(server, kind)

        talker.say(asks(1, 40))

        assert len(slow.deliveries) == 30
        refused = talker.line.having(REPLY)
        assert [each.action for each in refused] == list(range(31, 41))
        assert refused[0].json["f"] == {"key": "slow"}
        assert refused[0].json["r"].startswith("limit-exceeded: 30 requests of this session are being")

    def test_that_are_never_answered_slow_it_and_can_be_cancelled(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxWaitingRequests=3))
        slow = Slow(server)
        talker = Talker(server, kind)
        talker.say(asks(1, 4))
        assert len(slow.deliveries) == 4
        assert not isRead(talker)

        clock.advance(1.1)
        assert isRead(talker)
        talker.say(cancel(5, 1))

        assert server.vortex.counters["cancelled"] == 1
        assert isRead(talker)


class TestRequestsThatOnlySend:
    def server(self, clock: Clock) -> Server:
        return Server(clock, limits=Limits(maxMessagesPerSecond=10))

    def post(self, talker: Talker, frames: bytes) -> NativePost:
        return NativePost(talker.server, send(talker.welcome["session"], talker.welcome["token"]) + frames)

    def test_are_answered_later(self, clock: Clock) -> None:
        talker = Talker(self.server(clock), "stream")

        answer = self.post(talker, news(1, 75))
        clock.advance(2.4)
        assert answer.received == b""
        clock.advance(0.2)

        assert answer.status == 200
        assert [each.number for each in answer.having(ACK)] == [75]

    def test_are_refused_once_they_do_not_wait_for_that(self, clock: Clock) -> None:
        talker = Talker(self.server(clock), "stream")
        self.post(talker, news(1, 101))

        answer = self.post(talker, news(102, 1))
        assert answer.status == 503
        assert b"Retry-After" in answer.head
        pass_(clock, 11)

        assert self.post(talker, news(102, 1)).having(ACK)[0].number == 102

    def test_are_not_answered_when_they_are_gone(self, clock: Clock) -> None:
        talker = Talker(self.server(clock), "stream")
        answer = self.post(talker, news(1, 75))
        answer.lose()

        clock.advance(3)

        assert answer.received == b""
