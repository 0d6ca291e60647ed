"""Two real nodes in one process, over real sessions and no socket."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from vortex.errors import ConnectionLost, EncodeError, NotConnected, NoVortex, RemoteError, RequestTimeout
from vortex.limits import Limits
from vortex.node.peer import VortexPeer
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Form
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.ports import theNode
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.transports.memory import MemoryLink, connectInMemory


class Recorder:
    """Keeps what comes in for its key, and answers if it was told to."""

    def __init__(self, vortex: Vortex, key: str = "k", *, answers: bool = False) -> None:
        self.got: list[Payload] = []
        self.answers = answers
        PayloadEndpoint({"key": key}, self.take, vortex)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.got.append(payload)
        if self.answers:
            delivery.reply(payload.tuples, result=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def a(clock: Clock) -> Vortex:
    return Vortex("a", uuid="uuid-a", reactor=clock)


@pytest.fixture
def b(clock: Clock) -> Vortex:
    return Vortex("b", uuid="uuid-b", reactor=clock)


@pytest.fixture(params=[Form.RAW, Form.ERA2, Form.ERA1, Form.ERA0, Form.UNIVERSAL])
def link(request: pytest.FixtureRequest, a: Vortex, b: Vortex, clock: Clock) -> Iterator[MemoryLink]:
    link = connectInMemory(a, b, form=request.param)
    settle(clock)
    yield link
    link.cut()


def settle(clock: Clock, turns: int = 20) -> None:
    for _ in range(turns):
        clock.advance(0)


def resultOf(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results[0] if results else None


class TestPeers:
    def test_both_learn_who_the_other_is(self, a: Vortex, b: Vortex, link: MemoryLink) -> None:
        assert [(peer.uuid, peer.name, peer.transport) for peer in a.peers] == [("uuid-b", "b", "memory")]
        assert [(peer.uuid, peer.name) for peer in b.peers] == [("uuid-a", "a")]
        assert a.peerWithUuid("uuid-b") is a.peers[0] is a.peersNamed("b")[0]
        assert a.peerWithUuid("nobody") is None
        assert a.peersNamed("nobody") == ()

    def test_coming_and_going_is_told_once(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        changes: list[tuple[str, bool]] = []
        stop = a.onPeerChange(lambda peer, online: changes.append((peer.name, online)))
        link = connectInMemory(a, b)
        settle(clock)
        assert changes == [("b", True)]

        link.cut()
        link.cut()
        assert changes == [("b", True), ("b", False)]

        stop()
        stop()
        connectInMemory(a, b)
        settle(clock)
        assert len(changes) == 2

    def test_a_failing_callback_keeps_no_other_from_its_call(
        self, a: Vortex, b: Vortex, clock: Clock
    ) -> None:
        changes: list[bool] = []
        a.onPeerChange(lambda peer, online: 1 / 0)
        a.onPeerChange(lambda peer, online: changes.append(online))

        connectInMemory(a, b)
        settle(clock)

        assert changes == [True]

    def test_a_callback_may_be_a_coroutine_function(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        came: list[str] = []

        async def tell(peer: VortexPeer, online: bool) -> None:
            came.append(peer.name)

        a.onPeerChange(tell)

        connectInMemory(a, b)
        settle(clock)

        assert came == ["b"]

    def test_a_gone_peer_is_let_go(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        link = connectInMemory(a, b)
        settle(clock)
        gone = weakref.ref(a.peers[0])

        link.cut()
        settle(clock)
        del link
        gc.collect()

        assert a.peers == ()
        assert gone() is None
        assert clock.getDelayedCalls() == []


class TestSending:
    def test_reaches_a_name_a_uuid_or_everybody(self, vortexHarness: VortexHarness) -> None:
        a = vortexHarness.node("a")
        recorders = []
        for number, name in enumerate(("x", "x", "y")):
            other = vortexHarness.node(name, uuid=f"uuid-{number}")
            recorders.append(RecordingEndpoint({"key": "k"}, other))
            vortexHarness.link(a, other)

        counts = [
            vortexHarness.resultOf(sent)
            for sent in (
                a.send(Payload({"key": "k"})),
                a.send(Payload({"key": "k"}), toName="x"),
                a.send(Payload({"key": "k"}), toUuid="uuid-2"),
                a.send(Payload({"key": "k"}), toName="nobody"),
                a.peers[0].send(Payload({"key": "k"})),
            )
        ]

        assert counts == [3, 2, 1, 0, 1]
        assert [len(recorder.payloads) for recorder in recorders] == [3, 2, 2]

    def test_keeps_order(self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock) -> None:
        recorder = Recorder(b)

        for number in range(50):
            a.send(Payload({"key": "k"}, [str(number)]))
        settle(clock)

        assert [payload.tuples for payload in recorder.got] == [[str(number)] for number in range(50)]

    def test_what_cannot_be_encoded_fails_and_the_line_goes_on(
        self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock
    ) -> None:
        recorder = Recorder(b)

        failure = resultOf(a.send(Payload({"key": "k"}, [object()])))
        a.send(Payload({"key": "k"}, ["next"]))
        settle(clock)

        assert failure.check(EncodeError)
        assert [payload.tuples for payload in recorder.got] == [["next"]]

    def test_leaves_the_callers_payload_as_it_was(self, a: Vortex, b: Vortex, link: MemoryLink) -> None:
        payload = Payload({"key": "k"})

        a.send(payload)

        assert payload.filt == {"key": "k"}

    def test_gives_what_was_not_asked_for_a_message_id(
        self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock
    ) -> None:
        recorder = Recorder(b)

        a.send(Payload({"key": "k"}))
        a.send(Payload({"key": "k"}))
        settle(clock)

        ids = [payload.filt["PayloadResponse.messageId"] for payload in recorder.got]
        assert len(set(ids)) == 2
        assert all(a.issued(messageId) and not b.issued(messageId) for messageId in ids)

    def test_a_gone_peer_says_so(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        link = connectInMemory(a, b)
        settle(clock)
        peer = a.peers[0]
        link.cut()

        assert not peer.isOnline
        assert resultOf(peer.send(Payload({"key": "k"}))).check(NotConnected)

    def test_lower_priorities_overtake(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        link = connectInMemory(a, b)
        settle(clock)
        recorder = Recorder(b)
        link.pause()

        a.send(Payload({"key": "k"}, ["late"]), priority=100)
        a.send(Payload({"key": "k"}, ["early"]), priority=10)
        link.pause(False)
        settle(clock)

        assert [payload.tuples for payload in recorder.got] == [["early"], ["late"]]


class TestRequests:
    def test_the_answer_comes_back(self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock) -> None:
        _recorder = Recorder(b, answers=True)

        answer = a.request(Payload({"key": "k", "id": 7}, ["x"]), timeout=5)
        settle(clock)

        payload = resultOf(answer)
        assert payload.tuples == ["x"]
        assert payload.filt["id"] == 7

    def test_an_error_comes_back_with_its_code(
        self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock
    ) -> None:
        def fail(payload: Payload, delivery: Delivery) -> None:
            raise RequestTimeout("too slow today")

        with PayloadEndpoint({"key": "k"}, fail, b):
            answer = a.request(Payload({"key": "k"}))
            settle(clock)

        failure = resultOf(answer)
        assert failure.check(RemoteError)
        assert (failure.value.code, str(failure.value)) == ("timeout", "too slow today")

    def test_nobody_answers_in_time(self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock) -> None:
        answer = a.request(Payload({"key": "nobody"}), timeout=5)
        settle(clock)
        assert not answer.called

        clock.advance(5.1)

        assert resultOf(answer).check(RequestTimeout)

    def test_a_lost_link_fails_it_at_once(self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock) -> None:
        answer = a.request(Payload({"key": "nobody"}), timeout=500)
        settle(clock)

        link.cut()

        assert resultOf(answer).check(ConnectionLost)

    def test_needs_exactly_one_to_ask(self, vortexHarness: VortexHarness) -> None:
        a = vortexHarness.node("a")
        with pytest.raises(NotConnected):
            vortexHarness.resultOf(a.request(Payload({"key": "k"})))

        for uuid in ("1", "2"):
            vortexHarness.link(a, vortexHarness.node("x", uuid=uuid))

        with pytest.raises(NotConnected):
            vortexHarness.resultOf(a.request(Payload({"key": "k"}), toName="x"))


class TestReplies:
    def test_two_nodes_that_answer_everything_fall_silent(
        self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock
    ) -> None:
        recorders = [Recorder(a, answers=True), Recorder(b, answers=True)]

        a.send(Payload({"key": "k"}, ["ball"]))
        b.send(Payload({"key": "k"}, ["ball"]))
        a.request(Payload({"key": "k"}, ["ball"]))
        settle(clock, 500)

        # Each got the other's message and the answers to its own, and nothing after that.
        assert [len(recorder.got) for recorder in recorders] == [3, 3]
        assert [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()] == []

    def test_two_nodes_whose_endpoints_fail_fall_silent(
        self, a: Vortex, b: Vortex, link: MemoryLink, clock: Clock
    ) -> None:
        calls: list[str] = []

        def failing(payload: Payload, delivery: Delivery) -> None:
            calls.append("call")
            raise ValueError("broken")

        with PayloadEndpoint({"key": "k"}, failing, a), PayloadEndpoint({"key": "k"}, failing, b):
            a.send(Payload({"key": "k"}))
            settle(clock, 500)

        assert 1 <= len(calls) <= 2


class TestShutdown:
    def test_hands_on_what_waits_then_closes(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        link = connectInMemory(a, b)
        settle(clock)
        recorder = Recorder(b)
        link.pause()
        a.send(Payload({"key": "k"}, ["last"]))

        done = a.shutdown()
        settle(clock)
        assert not done.called
        assert a.refusal("anyone") == "this vortex is shutting down"
        link.pause(False)
        settle(clock)

        assert [payload.tuples for payload in recorder.got] == [["last"]]
        assert a.peers == b.peers == ()
        assert done.called

    def test_does_not_wait_for_ever_for_a_peer_that_does_not_read(
        self, a: Vortex, b: Vortex, clock: Clock
    ) -> None:
        link = connectInMemory(a, b)
        settle(clock)
        link.pause()
        a.send(Payload({"key": "k"}))

        done = a.shutdown(timeout=2)
        clock.advance(1.9)
        assert not done.called
        clock.advance(0.2)
        settle(clock)

        assert done.called
        assert a.peers == ()

    def test_twice_is_once(self, a: Vortex) -> None:
        assert a.shutdown().called
        assert a.shutdown().called

    def test_a_node_that_is_shut_down_is_nobodys_default(self, clock: Clock) -> None:
        only = Vortex("only", reactor=clock)
        gc.collect()
        assert theNode(only) is only

        only.shutdown()

        with pytest.raises(NoVortex):
            theNode(None)


class TestTheEnd:
    def test_is_told_to_who_wants_to_know_when_the_links_are_closed(self) -> None:
        told: list[Any] = []
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            harness.link(a, b)
            stop = a.onShutdown(lambda: told.append("never"))
            a.onShutdown(lambda: 1 / 0)
            a.onShutdown(lambda: told.append(a.peers))
            stop()
            stop()

            with capturedLogs():
                harness.resultOf(a.shutdown())

        assert told == [()]


class TestWhatWaitsForAPeer:
    def test_is_counted_in_bytes(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            link = harness.link(a, b)
            (peer,) = a.peers
            link.pause()

            assert peer.queuedBytes == 0
            peer.send(Payload({"key": "k"}, ["x" * 100]))
            once = peer.queuedBytes
            peer.send(Payload({"key": "k"}, ["x" * 100]))

            assert 100 < once < 1_000
            assert 2 * once - 20 < peer.queuedBytes < 2 * once + 20
            link.pause(paused=False)
            assert peer.queuedBytes == 0

    @pytest.mark.parametrize("wire", ["vortexpy", "native"])
    def test_tells_when_there_is_none_and_the_peer_is_connected(self, wire: Any) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            link: Any = connectInMemory(b, a, wire=wire)
            harness.settle()
            (peer,) = a.peers
            end = link._pipe.server if wire == "native" else link._ends[1]
            assert peer.whenReady().called

            end.paused = True
            peer.send(Payload({"key": "k"}))
            ready = [peer.whenReady(), peer.whenReady()]
            harness.settle()
            assert not any(each.called for each in ready)
            end.paused = False
            end.driver.resumeProducing(end) if wire == "vortexpy" else end.resumeProducing()
            assert all(each.called for each in ready)

    def test_tells_nothing_until_the_peer_is_back_or_gone(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            link = connectInMemory(b, a, wire="native")
            harness.settle()
            (peer,) = a.peers
            link.cut()
            ready = peer.whenReady()
            assert (peer.isConnected, ready.called) == (False, False)
            link.reconnect()
            harness.settle()
            assert ready.called
            link.cut()
            ready = peer.whenReady()
            harness.advance(200)
            assert (peer.isOnline, ready.called) == (False, True)


class TestBounds:
    def test_a_peer_that_does_not_read_goes_and_the_process_stays(self, vortexHarness: VortexHarness) -> None:
        a = vortexHarness.node("a", limits=Limits(maxOutboxBytes=10_000))
        healthy = vortexHarness.node("healthy")
        vortexHarness.link(a, vortexHarness.node("b")).pause()
        vortexHarness.link(a, healthy)
        recorder = RecordingEndpoint({"key": "k"}, healthy)

        for number in range(100):
            a.send(Payload({"key": "k", "pad": "x" * 1000}, [str(number)]))
        vortexHarness.settle()

        assert [peer.name for peer in a.peers] == ["healthy"]
        assert recorder.tuples == [str(number) for number in range(100)]
        assert a.counters["overflow"] == 1

    def test_a_peer_is_one_of_a_kind(self, a: Vortex, b: Vortex, clock: Clock) -> None:
        """Two links between the same two nodes are two peers; an answer stays on its own."""
        connectInMemory(a, b)
        connectInMemory(a, b)
        settle(clock)
        _recorder = Recorder(b, answers=True)

        first, second = a.peers
        assert isinstance(first, VortexPeer)
        assert first is not second
        assert first.uuid == second.uuid
        assert a.peerWithUuid("uuid-b") is first
        repr(first)
