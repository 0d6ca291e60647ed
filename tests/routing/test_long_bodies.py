"""
Bodies that take long to be opened: few bytes, and many values. They are opened in a thread, in the order in
which their peer has sent them, and everybody else goes on meanwhile.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from tests import native_frames
from tests.routing.peers import FakePeer, came
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage, readMessage
from vortex.routing.action import Action
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_response import PayloadResponse

ASK = {"key": "jobs", "PayloadResponse.messageId": "m1"}
MANY = 20_000


class Threads(Vortex):
    """A node whose one thread works when the test says so: each call waits in `waiting`."""

    def __init__(self, **limits: Any) -> None:
        self.time = Clock()
        super().__init__("node", uuid="node-uuid", reactor=self.time, limits=Limits(**limits))
        self.waiting: list[Callable[[], object]] = []

    def runInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append(lambda: maybeDeferred(function, *args, **kwargs).chainDeferred(done))
        return done

    def work(self) -> None:
        """What waits for a thread is done, and what comes of it."""
        while self.waiting:
            self.waiting.pop(0)()
            self.time.advance(0)


def compressed(tuples: Any) -> bytes:
    return zlib.compress(json.dumps(tuples).encode(), 9)


def native(filt: dict[str, Any], count: int = MANY) -> Envelope:
    """A message of our own wire with so many numbers."""
    flags = native_frames.HAS_BODY | native_frames.COMPRESSED
    head = json.dumps({"f": filt}).encode()
    body = compressed([{"v": [0] * count}])
    assert len(body) < 400
    return decodeNativeMessage(bytes((flags,)) + native_frames.leb(len(head)) + head + body, Limits())


def era2(filt: dict[str, Any], count: int = MANY) -> Envelope:
    return came(filt, [0] * count)


def era0(filt: dict[str, Any], count: int = MANY) -> Envelope:
    frame = base64.b64encode(compressed({"_ct": "rp", "filt": filt, "tuples": [0] * count}))
    assert len(frame) < 400
    return readMessage(frame, Limits())


def bare(filt: dict[str, Any], count: int = MANY) -> Envelope:
    """Tuples that stand in the envelope as they are."""
    frame = json.dumps({"_ct": "rpe", "filt": filt, "data": [0] * count}).encode()
    return readMessage(frame, Limits())


WIRES = [native, era2, era0, bare]


class Seen:
    """What endpoints of *node* were given: the number of tuples, or the filt where there are none."""

    def __init__(self, node: Vortex) -> None:
        self.all: list[Any] = []
        self.kept: list[Any] = [PayloadEndpoint({"key": "jobs"}, self.take, node)]

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.all.append((delivery.peer.name, len(payload.tuples)))
        if delivery.messageId is not None:
            delivery.reply(result=True)


@pytest.fixture
def node() -> Threads:
    return Threads()


@pytest.fixture
def seen(node: Threads) -> Seen:
    return Seen(node)


@pytest.fixture
def ada() -> FakePeer:
    return FakePeer()


@pytest.fixture
def bob() -> FakePeer:
    return FakePeer("bob")


class TestALongBody:
    @pytest.mark.parametrize("of", WIRES)
    def test_is_opened_in_a_thread(
        self, of: Callable[..., Envelope], node: Threads, seen: Seen, ada: FakePeer
    ) -> None:
        assert node.payloadIO.route(of(ASK), ada) == 1
        assert seen.all == []
        assert len(node.waiting) == 1

        node.work()

        assert seen.all == [("ada", MANY)]
        assert ada.results == [True]

    @pytest.mark.parametrize("of", WIRES)
    def test_is_not_one_of_few_values(
        self, of: Callable[..., Envelope], node: Threads, seen: Seen, ada: FakePeer
    ) -> None:
        node.payloadIO.route(of(ASK, 1000), ada)

        assert seen.all == [("ada", 1000)]
        assert node.waiting == []

    @pytest.mark.parametrize("of", WIRES)
    def test_lets_its_peers_next_messages_wait_and_nobody_elses(
        self, of: Callable[..., Envelope], node: Threads, seen: Seen, ada: FakePeer, bob: FakePeer
    ) -> None:
        node.payloadIO.route(of(ASK), ada)
        node.payloadIO.route(came(ASK, [1]), ada)
        node.payloadIO.route(of(ASK, MANY + 1), ada)
        node.payloadIO.route(came(ASK, [1, 2]), ada)
        node.payloadIO.route(came(ASK, [1, 2, 3]), bob)
        assert seen.all == [("bob", 3)]

        node.work()

        assert seen.all == [("bob", 3), ("ada", MANY), ("ada", 1), ("ada", MANY + 1), ("ada", 2)]
        node.payloadIO.route(came(ASK, []), ada)
        assert seen.all[-1] == ("ada", 0)

    def test_is_not_opened_beside_another_one(
        self, node: Threads, seen: Seen, ada: FakePeer, bob: FakePeer
    ) -> None:
        node.payloadIO.route(native(ASK, MANY), ada)
        node.payloadIO.route(native(ASK, MANY + 1), ada)
        node.payloadIO.route(native(ASK, MANY + 2), bob)
        assert len(node.waiting) == 1

        node.work()

        assert seen.all == [("ada", MANY), ("bob", MANY + 2), ("ada", MANY + 1)]

    def test_is_made_anew_for_each_endpoint(self, node: Threads, seen: Seen, ada: FakePeer) -> None:
        lists: list[Any] = []
        PayloadEndpoint({"key": "jobs"}, lambda payload, _: lists.append(payload.tuples), node)
        keep = [
            PayloadEndpoint({"key": "jobs"}, lambda payload, _: lists.append(payload.tuples), node)
            for _ in range(2)
        ]

        node.payloadIO.route(native(ASK), ada)
        node.work()

        assert len(lists) == len(keep)
        assert lists[0] == lists[1] == [0] * MANY
        assert lists[0] is not lists[1]

    def test_that_nobody_reads_is_not_opened(self, node: Threads, seen: Seen, ada: FakePeer) -> None:
        assert node.payloadIO.route(native({"key": "nobody's"}), ada) == 0

        assert node.waiting == []

    def test_is_not_opened_for_who_passes_it_on(self, node: Threads, ada: FakePeer) -> None:
        passed: list[Payload] = []
        endpoint = PayloadEndpoint({"key": "jobs"}, lambda payload, _: passed.append(payload), node)
        endpoint.opensBodies = False

        assert node.payloadIO.route(native(ASK), ada) == 1

        assert node.waiting == []
        assert passed[0].closedBody is not None

    def test_is_not_opened_for_who_may_not_send_it(self, node: Threads, ada: FakePeer) -> None:
        endpoint = PayloadEndpoint({"key": "jobs"}, lambda *_: None, node, access={"admin"})

        assert node.payloadIO.route(native(ASK), ada) == 0

        assert node.waiting == []
        assert ada.results == ["access-denied: this is not for you"]
        endpoint.shutdown()

    def test_is_not_opened_for_a_model(self, node: Threads, ada: FakePeer) -> None:
        class Model(ModelHandler):
            def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Any]:
                return [1]

        model = Model({"key": "jobs"}, node)

        node.payloadIO.route(native(ASK), ada)
        assert (len(ada.sent), node.waiting) == (1, [])
        node.payloadIO.route(native({"key": "jobs"}), ada)  # is it a request? Only if there is no tuple in it
        node.work()

        assert len(ada.sent) == 1
        model.shutdown()

    @pytest.mark.parametrize("of", WIRES)
    def test_that_is_none_is_refused_as_ever(
        self, of: Callable[..., Envelope], seen: Seen, ada: FakePeer
    ) -> None:
        node = Threads(maxNodes=1000)
        seen = Seen(node)
        envelope = of(ASK)
        if of in (era0, bare):  # which are read by the bounds of who reads them
            few = Limits(maxNodes=1000)
            envelope.read = lambda: decodeMessage(b"{}" if of is bare else b"eJw=", few)  # type: ignore[attr-defined]

        node.payloadIO.route(envelope, ada)
        node.work()

        assert seen.all == []
        code = "bad-payload:" if of in (era0, bare) else "limit-exceeded:"
        assert [result.split(" ")[0] for result in ada.results] == [code]
        assert node.counters["malformed"] == 1

    def test_goes_to_those_who_are_there_still(self, node: Threads, ada: FakePeer) -> None:
        calls: list[str] = []

        def endpoint(name: str, **kwargs: Any) -> PayloadEndpoint:
            return PayloadEndpoint({"key": "jobs"}, lambda *_: calls.append(name), node, **kwargs)

        isOpen = [True]
        gone, stays = endpoint("gone"), endpoint("stays")
        shut = endpoint("shut", access=lambda *_: isOpen[0])
        node.payloadIO.route(native(ASK), ada)
        gone.shutdown()
        isOpen[0] = False
        late = endpoint("late")

        node.work()

        assert calls == ["stays"]
        assert ada.results == ["access-denied: this is not for you"]
        assert [stays.isLive, shut.isLive, late.isLive] == [True] * 3


class TestALongAnswer:
    def ask(self, node: Threads, peer: FakePeer) -> tuple[PayloadResponse, list[Any]]:
        response = PayloadResponse(Payload({"key": "jobs"}), node, peer=peer)
        outcome: list[Any] = []
        response.addBoth(outcome.append)
        return response, outcome

    def answer(self, node: Threads, peer: FakePeer) -> None:
        node.payloadIO.route(native({"key": "jobs", "PayloadResponse.messageId": "node-uuid:1"}), peer)

    def test_is_opened_before_who_waits_for_it_has_it(self, node: Threads, ada: FakePeer) -> None:
        _, outcome = self.ask(node, ada)
        self.answer(node, ada)
        assert outcome == []

        node.work()

        assert len(outcome[0].tuples) == MANY
        assert outcome[0].closedBody is None

    def test_counts_though_its_peer_is_gone(self, node: Threads, ada: FakePeer) -> None:
        _, outcome = self.ask(node, ada)
        self.answer(node, ada)
        ada.isOnline = False
        node._tellPeerChange(ada, False)  # type: ignore[arg-type]
        assert outcome == []

        node.work()

        assert len(outcome[0].tuples) == MANY


class TestHowMuchIsOpened:
    def test_has_a_rate_for_each_peer(self, ada: FakePeer, bob: FakePeer) -> None:
        node = Threads(maxInflatedPerSecond=10_000)
        seen = Seen(node)
        size = len(json.dumps([{"v": [0] * MANY}]))
        assert 60_000 < size < 61_000  # of which 50,000 may come at once

        for _ in range(3):
            node.payloadIO.route(native(ASK), ada)
        node.work()
        assert seen.all == [("ada", MANY)]
        node.payloadIO.route(native(ASK), bob)
        node.work()
        assert seen.all[1:] == [("bob", MANY)]
        node.time.advance(0.9)
        node.work()
        assert seen.all[2:] == []
        node.time.advance(0.2)
        node.work()
        assert seen.all[2:] == [("ada", MANY)]
        node.time.advance(6.1)
        node.work()

        assert seen.all[3:] == [("ada", MANY)]
        assert node.counters["held"] == 2

    def test_is_counted_as_it_is_inflated(self, node: Threads, ada: FakePeer) -> None:
        node = Threads(maxInflatedPerSecond=1_000_000)
        seen = Seen(node)

        for _ in range(100):  # 6 MB of 40 KB that came
            node.payloadIO.route(native(ASK), ada)
        node.work()

        assert len(seen.all) == 84

    def test_that_may_wait_is_bounded(self, ada: FakePeer) -> None:
        node = Threads(maxWaitingBytes=10_000)
        seen = Seen(node)
        io = node.payloadIO
        io.route(native(ASK), ada)
        assert not io.isFull(ada)

        for _ in range(12):
            io.route(came(ASK, [1]), ada)

        assert io.isFull(ada)
        node.work()
        assert not io.isFull(ada)
        assert len(seen.all) == 13


class TestMuchAtOnce:
    def test_is_taken_in_slices(self, node: Threads, ada: FakePeer, bob: FakePeer) -> None:
        taken: list[str] = []

        def busy(payload: Payload, delivery: Delivery) -> None:
            taken.append(delivery.peer.name)
            node.time.rightNow += 0.004

        endpoint = PayloadEndpoint({"key": "jobs"}, busy, node)

        for _ in range(10):
            node.payloadIO.route(came(ASK), ada)
        assert taken == ["ada"] * 3
        node.time.callLater(0, node.payloadIO.route, came(ASK), bob)
        node.time.advance(0)

        assert taken[3:] == ["ada"] * 3 + ["bob"] + ["ada"] * 4
        endpoint.shutdown()

    def test_is_taken_of_each_in_turn(self, node: Threads, ada: FakePeer, bob: FakePeer) -> None:
        taken: list[str] = []

        def busy(payload: Payload, delivery: Delivery) -> None:
            taken.append(delivery.peer.name)
            node.time.rightNow += 0.02

        endpoint = PayloadEndpoint({"key": "jobs"}, busy, node)

        for peer in (ada, ada, ada, ada, bob, bob, bob):
            node.payloadIO.route(came(ASK), peer)
        assert taken == ["ada", "bob"]
        node.time.advance(0)

        assert taken[2:] == ["ada", "bob", "ada", "bob", "ada"]
        endpoint.shutdown()

    def test_is_not_what_comes_now_and_then(self, node: Threads, ada: FakePeer) -> None:
        taken: list[str] = []

        def busy(payload: Payload, delivery: Delivery) -> None:
            taken.append(delivery.peer.name)
            node.time.rightNow += 0.004

        endpoint = PayloadEndpoint({"key": "jobs"}, busy, node)

        for number in range(10):
            node.payloadIO.route(came(ASK), ada)
            assert len(taken) == number + 1
            node.time.rightNow += 0.01

        endpoint.shutdown()


class Way:
    """Who has brought an action: `told` is what became of each."""

    def __init__(self) -> None:
        self.told: list[tuple[int, bool]] = []

    def finished(self, action: Action, reply: bytes | None) -> None:
        self.told.append((action.number, reply is not None))

    def sendAnswer(self, message: Any, priority: int) -> None: ...


class TestAnActionThatWaits:
    def action(self, node: Threads, number: int, way: Way) -> Action:
        return Action(
            number,
            "client",
            1,
            expectsAnswer=True,
            deadline=None,
            clock=node.time,
            settled=0,
            maxReply=1000,
            way=way,
            runInThread=node.runInThread,
        )

    def test_is_not_run_once_it_was_cancelled(self, node: Threads, seen: Seen, ada: FakePeer) -> None:
        way = Way()
        actions = [self.action(node, number, way) for number in (1, 2, 3)]
        node.payloadIO.route(native(ASK), ada, actions[0])
        node.payloadIO.route(came(ASK, [1]), ada, actions[1])
        node.payloadIO.route(came(ASK, [1, 2]), ada, actions[2])
        actions[0].cancel()
        actions[1].cancel()

        node.work()

        assert seen.all == [("ada", 2)]
        assert way.told == [(3, True)]

    def test_may_be_run_again_if_it_is_nobodys(self, node: Threads, seen: Seen, ada: FakePeer) -> None:
        way = Way()
        node.payloadIO.route(native(ASK), ada, self.action(node, 1, way))
        nobodys = came({"key": "nobody's"}, [1])
        assert node.payloadIO.route(nobodys, ada, self.action(node, 2, way)) == 1

        node.work()

        assert way.told == [(1, True), (2, False)]
