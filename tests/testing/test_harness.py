"""The harness: nodes that are linked without a socket, and what it says of a test that leaves something."""

from __future__ import annotations

import gc

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from tests.testing.protocols import Noting, Wanting
from vortex import ConnectionLost, Limits, NoVortex, Payload, RequestTimeout, Vortex
from vortex.routing.delivery import Delivery
from vortex.routing.ports import theNode
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over


def answers(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(["an answer", *payload.tuples])


class TestNodes:
    def test_have_its_clock_and_a_name(self) -> None:
        with VortexHarness() as harness:
            node = harness.node("a", limits=Limits(maxPeers=3))

            assert (node.name, node.uuid, node.limits.maxPeers) == ("a", "uuid-a", 3)
            assert node.clock is harness.clock
            assert harness.nodes == (node,)

    def test_that_are_linked_see_each_other(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")

            link = harness.link(a, b)

            assert link.up
            assert [peer.name for peer in (*a.peers, *b.peers)] == ["b", "a"]

    @pytest.mark.parametrize("over", ["tcp", "websocket", "post"])
    def test_that_are_connected_ask_each_other_over_the_network(self, over: Over) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            asked = RecordingEndpoint({"key": "k"}, b, answers)
            told = RecordingEndpoint({"key": "k"}, a)

            connection = harness.connect(a, b, over=over)
            answer = harness.resultOf(a.request(Payload({"key": "k"}, ["question"])))
            b.send(Payload({"key": "k"}, ["news"]))
            harness.settle()

            assert harness.resultOf(connection.connected).name == "b"
            assert answer.tuples == ["an answer", "question"]
            assert (asked.tuples, told.tuples) == (["question"], ["an answer", "question", "news"])
            assert connection.peer is not None
            assert connection.peer.transport == over
            line = harness.network.connections[-1]
            assert line.toServer.delivered > 0 < line.toClient.delivered

    def test_that_connect_twice_listen_once(self) -> None:
        with VortexHarness() as harness:
            a, b, c = harness.node("a"), harness.node("b"), harness.node("c")

            harness.connect(a, c)
            harness.connect(b, c)

            assert [peer.name for peer in c.peers] == ["a", "b"]
            assert len({line.name for line in harness.network.connections}) == 1

    def test_connect_by_what_there_is(self) -> None:
        with VortexHarness() as harness, pytest.raises(ValueError, match="'post', got 'pigeon'"):
            harness.connect(harness.node("a"), harness.node("b"), over="pigeon")  # type: ignore[arg-type]

    def test_connect_again_after_the_same_waits_in_each_run(self) -> None:
        def run() -> list[float]:
            with VortexHarness() as harness:
                connection = harness.connect(harness.node("a"), harness.node("b"))
                waits = []
                for _ in range(3):
                    harness.network.connections[-1].cut()
                    harness.settle()
                    assert connection.retryAt is not None
                    waits.append(connection.retryAt - harness.clock.seconds())
                    harness.advance(8)
                return waits

        assert run() == run()


class TestResultOf:
    def test_is_what_the_deferred_fired_with_once_all_that_is_due_has_happened(self) -> None:
        with VortexHarness() as harness:
            deferred: Deferred[str] = Deferred()
            harness.clock.callLater(0, deferred.callback, "done")

            assert harness.resultOf(deferred) == "done"
            assert harness.resultOf(succeed(None)) is None

    def test_raises_what_it_failed_with(self) -> None:
        with VortexHarness() as harness, pytest.raises(RequestTimeout, match="too late"):
            harness.resultOf(fail(RequestTimeout("too late")))

    def test_says_what_is_waiting_if_it_has_not_fired(self) -> None:
        with VortexHarness() as harness:
            harness.advance(2)
            call = harness.clock.callLater(3, answers)

            with pytest.raises(AssertionError, match=r"not fired at 2 s; .*1 calls .*answers at 5 s"):
                harness.resultOf(Deferred())
            call.cancel()
            with pytest.raises(AssertionError, match="no call is waiting, so it never will"):
                harness.resultOf(Deferred())


class TestClose:
    def test_ends_all_that_a_test_has_made(self) -> None:
        harness = VortexHarness()
        a, b, c = harness.node("a"), harness.node("b"), harness.node("c")
        harness.link(a, b)
        connection = harness.connect(b, c)
        pending = a.request(Payload({"key": "nobody"}), timeout=None)

        harness.close()
        harness.close()

        assert a.peers == b.peers == c.peers == ()
        assert connection.state.value == "closed"
        with pytest.raises(ConnectionLost):
            harness.resultOf(pending)
        assert harness.clock.getDelayedCalls() == []
        gc.collect()
        with pytest.raises(NoVortex):
            theNode(None)

    def test_waits_for_what_is_still_to_be_handed_on(self) -> None:
        harness = VortexHarness()
        a, b = harness.node("a"), Vortex("not the harness's", reactor=harness.clock)
        harness.link(a, b).pause()
        a.send(Payload({"key": "k"}))

        harness.close()

        assert harness.clock.seconds() == a.limits.drainTimeout

    def test_names_a_call_that_is_left(self) -> None:
        harness = VortexHarness()
        call = harness.clock.callLater(77, answers)

        with pytest.raises(AssertionError, match=r"a call is left: .*test_harness\.answers at 77 s"):
            harness.close()

        call.cancel()

    def test_names_a_connection_that_is_left(self) -> None:
        harness = VortexHarness()
        harness.network.serverEndpoint("jobs").listen(Wanting())
        harness.network.clientEndpoint("jobs").connect(Wanting())
        harness.settle()

        with pytest.raises(AssertionError, match=r"<connection 0 to 'jobs', open, .*> is left open"):
            harness.close()

    def test_reports_what_a_protocol_has_raised(self) -> None:
        class Broken(Noting):
            def connectionMade(self) -> None:
                raise ZeroDivisionError("by mistake")

        harness = VortexHarness()
        harness.network.serverEndpoint("jobs").listen(Wanting(Broken()))
        harness.network.clientEndpoint("jobs").connect(Wanting())
        harness.settle()

        with pytest.raises(AssertionError, match=r"(?s)a protocol has failed: .*by mistake"):
            harness.close()

    def test_keeps_the_error_that_came_first(self) -> None:
        def leavesACallAndFails() -> None:
            with VortexHarness() as harness:
                harness.clock.callLater(77, answers)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leavesACallAndFails()


class TestRecordingEndpoint:
    def test_keeps_payloads_and_who_sent_them(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            harness.link(a, b)
            recorder = RecordingEndpoint({"key": "k"}, b)

            a.send(Payload({"key": "k", "id": 1}, ["one", "two"]))
            a.send(Payload({"key": "other"}, ["not this"]))
            a.send(Payload({"key": "k"}, ["three"]))
            harness.settle()

            assert [payload.tuples for payload in recorder.payloads] == [["one", "two"], ["three"]]
            assert recorder.tuples == ["one", "two", "three"]
            assert [delivery.peer.name for delivery in recorder.deliveries] == ["a", "a"]

    def test_waits_for_a_number_of_payloads(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            harness.link(a, b)
            recorder = RecordingEndpoint({"key": "k"}, b)
            two, three, never = recorder.waitFor(2), recorder.waitFor(3), recorder.waitFor(1)
            never.addErrback(lambda _: None).cancel()

            for number in range(2):
                a.send(Payload({"key": "k"}, [number]))

            assert [payload.tuples for payload in harness.resultOf(two)] == [[0], [1]]
            assert not three.called
            assert harness.resultOf(recorder.waitFor(1)) == recorder.payloads[:1]

    def test_takes_nothing_after_its_end(self) -> None:
        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            harness.link(a, b)
            recorder = RecordingEndpoint({"key": "k"}, b)

            recorder.shutdown()
            a.send(Payload({"key": "k"}))
            harness.settle()

            assert recorder.payloads == []

    def test_fails_as_what_it_calls_does(self) -> None:
        def refuse(payload: Payload, delivery: Delivery) -> None:
            raise RequestTimeout("not today")

        with VortexHarness() as harness:
            a, b = harness.node("a"), harness.node("b")
            harness.link(a, b)
            recorder = RecordingEndpoint({"key": "k"}, b, refuse)

            with pytest.raises(Exception, match="not today"):
                harness.resultOf(a.request(Payload({"key": "k"})))
            assert len(recorder.payloads) == 1
