"""
What a client sends again to a server that was started anew, and that may have been done before: however much
it is, none of it is told to be too much.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import ACK, REPLY, action, cancel, hello, message
from tests.transports.every_line import EVERY, POSTS, SOCKETS
from tests.transports.limit_scene import Party
from tests.transports.native_wires import NativePost, resumeOf
from tests.transports.wires import Server
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

MOST = 3
MANY = 40


class Shop:
    """Carries out what it is asked when it is told to, and has as little room as any handler has."""

    def __init__(self, server: Server) -> None:
        self.sold: list[int] = []
        self.heard: list[int] = []
        self.waiting: list[Delivery] = []
        PayloadEndpoint({"key": "sell"}, self.sell, server.vortex)
        PayloadEndpoint({"key": "hear"}, self.hear, server.vortex)

    def sell(self, payload: Payload, delivery: Delivery) -> None:
        assert len(self.waiting) < MOST, "there is no room"
        self.sold += payload.tuples
        self.waiting.append(delivery)

    def hear(self, payload: Payload, _: Delivery) -> None:
        self.heard += payload.tuples

    def answer(self) -> None:
        """Answer all that wait now."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.reply(result=True)


class Scene:
    """
    Args:
        next: Of the client, which has sent what comes before that to another life of the server.
    """

    def __init__(self, kind: str, next: int = MANY + 1, **limits: int) -> None:
        self.clock = Clock()
        bounds: Any = {"maxWaitingRequests": MOST, **limits}
        self.server = Server(self.clock, limits=Limits(**bounds))
        self.shop = Shop(self.server)
        self.party = Party(self.server, kind, next=next)

    def asks(self, first: int, last: int) -> bytes:
        """To sell each of these, and to hear of each of them."""
        return b"".join(
            action(2 * at - 1, 2 * at - 1, message({"key": "sell"}, [at]))
            + action(2 * at, 2 * at, message({"key": "hear"}, [at], expectsAnswer=False))
            for at in range(first, last + 1)
        )

    def answers(self) -> list[int]:
        """Which actions were answered, and all of them by a yes."""
        assert set(self.party.answers()) <= {True}
        return [each.action for each in self.party.heard if each.kind == REPLY]


@pytest.mark.parametrize("kind", EVERY)
class TestWhatIsSentAgain:
    def test_is_carried_out_as_fast_as_there_is_room_and_in_its_order(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)

        scene.party.say(scene.asks(1, MANY))
        while scene.shop.waiting:
            assert len(scene.shop.sold) - len(scene.shop.heard) <= 1
            scene.shop.answer()
            scene.clock.advance(0.5)

        assert scene.shop.sold == scene.shop.heard == list(range(1, MANY + 1))
        assert scene.answers() == list(range(1, 2 * MANY, 2))

    def test_is_taken_no_faster(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)

        scene.party.say(scene.asks(1, MANY))
        scene.clock.advance(5)

        assert scene.shop.sold == [1, 2, 3]
        assert scene.shop.heard == [1, 2]  # it is behind what waits

    def test_is_taken_all_the_same_where_nothing_comes_to_its_end(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)
        scene.party.say(scene.asks(1, MOST) + cancel(2 * MOST + 1, 1))
        assert scene.server.vortex.counters["cancelled"] == 0

        for _ in range(31):
            scene.clock.advance(1)
            scene.party.keepUp()

        assert scene.server.vortex.counters["cancelled"] == 1

    def test_leaves_the_bound_for_what_is_new(self, kind: str) -> None:
        scene = Scene(kind, next=5)
        asked = message({"key": "nobody knows"})
        kept: list[Delivery] = []
        endpoint = PayloadEndpoint(
            {"key": "nobody knows"}, lambda _, delivery: kept.append(delivery), scene.server.vortex
        )

        scene.party.say(b"".join(action(at - 3, at, asked) for at in range(4, MANY)))

        assert {str(each)[:15] for each in scene.party.answers()} == {"limit-exceeded:"}
        assert (len(kept), endpoint.isLive) == (10 * MOST, True)

    def test_goes_on_in_a_session_that_goes_on(self, kind: str) -> None:
        """What was not taken when the connection broke is written again."""
        scene = Scene(kind, next=2 * MANY + 1)
        scene.party.say(scene.asks(1, MANY))
        scene.party.line.lose()
        scene.party.comeBack()
        assert scene.party.welcome["outcome"] == "resumed"

        scene.clock.advance(1)
        scene.party.say(scene.asks(1, MANY))
        while scene.shop.waiting:
            scene.shop.answer()
            scene.clock.advance(0.5)

        assert scene.shop.sold == scene.shop.heard == list(range(1, MANY + 1))


class TestAPost:
    """What it has brought is in memory: it is answered when all of it is taken, and no other is let in."""

    @pytest.mark.parametrize("kind", POSTS)
    def test_is_answered_when_all_of_it_is_taken(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)

        post = scene.party.say(scene.asks(1, MANY))
        assert post is not None
        while len(scene.shop.heard) < MANY:
            assert not post.received
            scene.shop.answer()
            scene.clock.advance(0.5)
        scene.clock.advance(1)

        assert post.status == 200
        assert [(each.kind, each.number) for each in post.got] == [(ACK, 2 * MANY)]

    @pytest.mark.parametrize("kind", POSTS)
    def test_is_refused_for_now_while_another_waits(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)
        scene.party.say(scene.asks(1, MANY))

        other = scene.party.say(scene.asks(1, MANY))
        welcome = scene.party.welcome
        attaching = hello(via=kind, client=scene.party.client, resume=resumeOf(welcome, 0))
        withMore = NativePost(scene.server, attaching + scene.asks(1, MANY))
        without = NativePost(scene.server, attaching)

        assert other is not None
        assert (other.status, withMore.status, without.status) == (503, 503, 200)

    @pytest.mark.parametrize("kind", POSTS)
    def test_with_more_than_may_wait_is_to_come_in_parts(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1, maxWaitingBytes=1000)
        one = action(1, 1, message({"key": "sell"}, ["x" * 1500]))

        many = scene.party.say(scene.asks(1, MANY))
        attaching = hello(via=kind, client=scene.party.client, resume=resumeOf(scene.party.welcome, 0))
        withMany = NativePost(scene.server, attaching + scene.asks(1, MANY))
        assert scene.shop.sold == []
        alone = scene.party.say(one)

        assert many is not None
        assert alone is not None
        assert (many.status, withMany.status, alone.status) == (503, 503, 200)
        assert len(scene.shop.sold) == 1

    def test_whose_session_ends_meanwhile_is_answered(self) -> None:
        scene = Scene("stream", next=2 * MANY + 1)
        post = scene.party.say(scene.asks(1, MANY))
        assert post is not None

        scene.server.vortex.peers[0].close()
        scene.clock.advance(1)

        assert post.status == 200
        assert scene.shop.sold == [1, 2, 3]


class TestAConnection:
    @pytest.mark.parametrize("kind", SOCKETS)
    def test_is_not_read_meanwhile_and_not_taken_for_dead(self, kind: str) -> None:
        scene = Scene(kind, next=2 * MANY + 1)
        scene.party.say(scene.asks(1, MANY))

        for _ in range(25):
            scene.clock.advance(1)

        wire = scene.party.line.wire
        assert wire.producerState == "paused"
        assert scene.server.vortex.peers[0].isConnected
        while scene.shop.waiting:
            scene.shop.answer()
            scene.clock.advance(0.5)
        scene.clock.advance(1)
        assert wire.producerState == "producing"
