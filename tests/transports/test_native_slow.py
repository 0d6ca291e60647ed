"""What becomes of a peer that acknowledges less than it is sent, over each transport."""

from __future__ import annotations

from base64 import b64encode
from random import Random

import pytest
from twisted.internet.task import Clock

from tests.native_frames import DATA, REPLY, ack, action, message
from tests.transports.native_talk import Talker, pass_, push
from tests.transports.native_wires import HELD, numbers
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint


@pytest.fixture
def clock() -> Clock:
    return Clock()


def answer(delivery: Delivery, texts: list[str]) -> None:
    """Answer, and more than once."""
    for text in texts:
        delivery.reply([text])


@pytest.mark.parametrize("kind", HELD)
class TestWhoIsSlow:
    def test_is_written_no_more_than_is_kept(self, clock: Clock, kind: str) -> None:
        server = Server(clock)
        slow = Talker(server, kind)

        push(server, *("x" for _ in range(600)))
        clock.advance(0)

        assert numbers(slow.line.got) == list(range(1, 513))

    def test_gets_the_newest_of_what_bears_a_key_once_much_waits(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(replayFrames=2, mergeBytes=200))
        slow = Talker(server, kind)
        for number in range(20):
            server.vortex.send(Payload({"key": "price"}, [number]), mergeKey="price" if number > 1 else None)
        clock.advance(0)
        waiting = server.vortex.counters["merged"]

        slow.say(ack(2))
        clock.advance(0)

        assert 10 < waiting < 18
        assert numbers(slow.line.got) == [1, 2, 3, 4]

    def test_is_cut_and_loses_nothing(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(slowBytes=1000))
        slow = Talker(server, kind)
        (peer,) = server.vortex.peers
        push(server, *(f"{number:0100}" for number in range(560)))
        pass_(clock, 4)
        assert peer.isConnected

        pass_(clock, 3)

        assert slow.line.isOver
        assert peer.isOnline
        assert not peer.isConnected
        assert server.vortex.counters["slow"] == 1
        again = slow.comesBack(taken=512)
        clock.advance(0)
        assert again.welcome["outcome"] == "resumed"
        assert numbers(again.line.got) == list(range(513, 561))

    def test_is_not_who_is_sent_much_at_once(self, clock: Clock, kind: str) -> None:
        """Megabytes wait for a moment: for the connection, or for what was written to be acknowledged."""
        server = Server(clock, limits=Limits(slowBytes=1000))
        talker = Talker(server, kind)
        large = [b64encode(Random(seed).randbytes(600_000)).decode() for seed in (1, 2, 3)]
        endpoint = PayloadEndpoint({"key": "all"}, lambda _, delivery: answer(delivery, large), server.vortex)

        talker.say(action(1, 1, message({"key": "all"})))
        for taken in (2, 3):
            clock.advance(0.5)
            talker.say(ack(taken))
        pass_(clock, 9)

        assert [each.body[0]["v"] for each in talker.line.got if each.kind in (DATA, REPLY)] == [
            [text] for text in large
        ]
        assert server.vortex.counters["slow"] == 0
        assert endpoint.isLive

    def test_is_not_who_takes_a_little_all_the_time(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(slowBytes=1000, replayFrames=10))
        talker = Talker(server, kind)
        push(server, *(f"{number:0100}" for number in range(50)))

        for taken in range(1, 40):
            pass_(clock, 1)
            if taken % 4 == 0:
                talker.say(ack(taken))

        assert server.vortex.counters["slow"] == 0
        assert not talker.line.isOver

    def test_costs_nobody_else_anything(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxOutboxItems=10))
        slow, other = Talker(server, kind), Talker(server, kind)
        for number in range(1, 701):
            push(server, "x")
            if number % 100 == 0:
                clock.advance(0)
                other.say(ack(number))

        clock.advance(0)
        assert slow.line.isOver
        assert not other.line.isOver
        assert [each.number for each in other.line.having(DATA)] == list(range(1, 701))

    def test_is_reset_past_the_outbox_and_counted(self, clock: Clock, kind: str) -> None:
        server = Server(clock, limits=Limits(maxOutboxItems=10))
        slow = Talker(server, kind)

        push(server, *("x" for _ in range(512 + 10)))
        assert len(server.vortex.peers) == 1
        push(server, "x")

        assert server.vortex.peers == ()
        assert server.vortex.counters["overflow"] == 1
        assert slow.comesBack().welcome["reason"] == "overflow"
