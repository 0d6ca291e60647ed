"""Where calls are run: how long a function is offered, what stands on the wire, what one peer may ask for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from tests.handlers.nodes import resultOf, settle
from tests.handlers.rpc_functions import NAME, Counter, Nodes, add, gate, later, laterInACoroutine, repeat
from tests.native_link import NativeLink
from tests.routing.peers import FakePeer, came
from tests.vector_files import loadVectors, wireFrames
from tests.wire_messages import decode
from vortex.errors import DuplicateName, NotConnected, NoVortex, RemoteError
from vortex.handlers.rpc import vortexRpc
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Form, Message
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

ARGUMENTS = "vortex.rpc.RPC_VortexRPCArgTuple"
RESULT = "vortex.rpc.RPC_VortexRPCResultTuple"


@pytest.fixture(autouse=True)
def _nothingWaits() -> None:
    gate.clear()


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


@pytest.fixture
def node() -> Vortex:
    return Vortex(NAME, reactor=Clock())


@pytest.fixture
def ada() -> FakePeer:
    return FakePeer()


def asked(name: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> Any:
    """A call as it comes off the wire, spelled out."""
    filt = {"_internal": "vortexRPC", "key": name, "PayloadResponse.messageId": "m1"}
    return came(filt, [{"_ct": "rt", "_c": ARGUMENTS, "args": args, "kwargs": kwargs or {}}])


class AskedPeer(FakePeer):
    """Keeps what it is asked, and never answers."""

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        self.sendMessage(Message(payload))
        return Deferred()


class TestAFunctionThatIsOffered:
    def test_is_kept_by_the_node(self, nodes: Nodes) -> None:
        add.start(vortex=nodes.server)
        gc.collect()

        assert nodes.resultOf(add.on(nodes.caller)(2, 40)) == 42

    def test_is_kept_though_nobody_holds_the_function_either(self, node: Vortex, ada: FakePeer) -> None:
        def setUp() -> None:
            @vortexRpc(NAME, name="local")
            def local() -> int:
                return 5

            local.start(vortex=node)

        setUp()
        gc.collect()

        assert node.payloadIO.route(asked("local", []), ada) == 1
        assert ada.results == [None]

    def test_ends_with_its_shutdown(self, nodes: Nodes) -> None:
        offer = add.start(vortex=nodes.server)

        offer.shutdown()
        offer.shutdown()

        call = add.on(nodes.caller, timeout=1)(1)
        nodes.settle()
        nodes.clock.advance(1)
        assert call.called
        call.addErrback(lambda _: None)
        assert nodes.server.payloadIO.endpoints == ()

    def test_ends_with_its_node_and_is_no_reason_for_it_to_live(self) -> None:
        node = Vortex(NAME, reactor=Clock())
        offer = add.start(vortex=node)
        gone = weakref.ref(node)

        with capturedLogs() as logged:
            del node
            gc.collect()

        assert gone() is None
        assert not offer.isLive
        assert [event for event in logged if event["log_level"].name == "warn"] == []

    def test_leaves_nothing_behind(self, node: Vortex) -> None:
        offers = [add.start(vortex=node), repeat.start(vortex=node)]
        gone = [weakref.ref(offer) for offer in offers]

        for offer in offers:
            offer.shutdown()
        del offer
        offers.clear()
        gc.collect()

        assert [ref() for ref in gone] == [None, None]

    def test_goes_on_with_the_calls_it_has_when_it_is_shut_down(self, nodes: Nodes) -> None:
        offer = later.start(vortex=nodes.server)
        call = later.on(nodes.caller)()
        nodes.settle()

        offer.shutdown()
        with pytest.raises(NotConnected, match="does not offer"):
            nodes.resultOf(later.on(nodes.server)())
        gate[0].callback("after all")

        assert nodes.resultOf(call) == "after all"

    def test_is_offered_on_each_node_by_itself(self, nodes: Nodes) -> None:
        offer = add.start(vortex=nodes.server)
        with capturedLogs():
            add.start(vortex=nodes.caller)

        offer.shutdown()

        assert nodes.resultOf(add.on(nodes.caller)(1)) == 1
        assert nodes.server.payloadIO.endpoints == ()

    def test_is_offered_once(self, node: Vortex) -> None:
        @vortexRpc(NAME, name=add.name)
        def another() -> None:
            """Goes by the same name."""

        offer = add.start(vortex=node)
        endpoint = PayloadEndpoint({"key": add.name}, lambda payload, delivery: None, node)
        for function in (add, another):
            with pytest.raises(DuplicateName, match=f"the vortex 'server' offers {add.name} already"):
                function.start(vortex=node)

        offer.shutdown()
        another.start(vortex=node)
        assert endpoint.isLive

    def test_is_offered_by_the_only_node(self, node: Vortex, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([node]))
        add.start()
        (offer,) = node.payloadIO.endpoints
        assert repr(offer) == f"<endpoint {{'_internal': 'vortexRPC', 'key': {add.name!r}}} of add>"

        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet())
        with pytest.raises(NoVortex):
            add.start()

    def test_has_no_object(self, node: Vortex) -> None:
        with pytest.raises(TypeError, match="add is a function: it has no object, got <"):
            add.start(Counter(), vortex=node)
        assert node.payloadIO.endpoints == ()

    def test_of_a_node_with_another_name_is_worth_a_word(self) -> None:
        node = Vortex("other", reactor=Clock())

        with capturedLogs() as logged:
            add.start(vortex=node)

        (event,) = logged
        assert event["log_level"].name == "warn"
        assert event["function"] is add
        assert event["node"] is node


class TestAMethodThatIsOffered:
    def test_lives_as_long_as_its_object(self, node: Vortex, ada: FakePeer) -> None:
        counter = Counter()
        gone = weakref.ref(counter)
        call = asked(Counter.increase.name, [])
        counter.increase.start(vortex=node)
        gc.collect()
        assert node.payloadIO.route(call, ada) == 1
        assert counter.count == 1

        del counter

        assert gone() is None
        assert node.payloadIO.route(call, ada) == 0
        assert node.payloadIO.endpoints == ()

    def test_lives_though_nobody_keeps_what_start_returns(self, node: Vortex) -> None:
        counter = Counter()
        endpoint = weakref.ref(counter.increase.start(vortex=node))
        gc.collect()

        assert endpoint() is not None

    def test_is_offered_no_more_once_its_object_is_gone_whoever_keeps_the_endpoint(
        self, nodes: Nodes
    ) -> None:
        counter = Counter()
        endpoint = counter.increase.start(vortex=nodes.server)

        del counter

        assert not endpoint.isLive
        with pytest.raises(NotConnected, match="does not offer"):
            nodes.resultOf(Counter.increase.on(nodes.server)())
        counter = Counter(5)
        counter.increase.start(vortex=nodes.server)
        assert nodes.resultOf(Counter.increase.on(nodes.server)()) == 6

    def test_may_be_given_its_object(self, node: Vortex, ada: FakePeer) -> None:
        counter, other = Counter(), Counter()
        Counter.increase.start(funcSelf=counter, vortex=node)
        other.read.start(counter, vortex=node)

        node.payloadIO.route(asked(Counter.increase.name, [5]), ada)
        node.payloadIO.route(asked(Counter.read.name, []), ada)

        assert counter.count == 5
        assert [message["payload"]["tuples"][0]["result"] for message in ada.sent] == [
            {"_ft": "int", "_fd": 5}
        ] * 2

    def test_needs_an_object(self, node: Vortex) -> None:
        with pytest.raises(TypeError) as caught:
            Counter.increase.start(vortex=node)
        assert str(caught.value) == ("Counter.increase is a method: say whose, as in start(object), got None")

    def test_needs_one_that_can_be_held_weakly(self, node: Vortex) -> None:
        class Slotted:
            __slots__ = ()

            @vortexRpc(NAME)
            def give(self) -> int:
                return 5

        slotted = Slotted()
        with pytest.raises(TypeError, match=r"give belongs to a .*Slotted, which cannot be held weakly"):
            slotted.give.start(vortex=node)
        assert node.payloadIO.endpoints == ()

    def test_can_be_offered_by_the_next_when_the_first_is_gone(self, node: Vortex, ada: FakePeer) -> None:
        counter = Counter(10)
        counter.increase.start(vortex=node)
        with pytest.raises(DuplicateName):
            Counter(20).increase.start(vortex=node)

        counter = Counter(30)
        counter.increase.start(vortex=node)

        node.payloadIO.route(asked(Counter.increase.name, []), ada)
        assert counter.count == 31

    def test_of_a_class_that_derives_is_the_derived_one(self, node: Vortex, ada: FakePeer) -> None:
        class Twice(Counter):
            """Has the method from its base."""

        twice = Twice(5)
        twice.increase.start(vortex=node)

        node.payloadIO.route(asked(Counter.increase.name, []), ada)
        assert twice.count == 6


class TestOnTheWire:
    def test_a_call_is_one_tuple_of_lists(self) -> None:
        ada = AskedPeer()
        repeat.on(peer=ada)(2, "x", b=40)

        (message,) = ada.sent
        filt = {"_internal": "vortexRPC", "key": repeat.name}
        assert message["filt"] == filt
        assert message["result"] is None
        assert message["payload"]["tuples"] == [
            {
                "_ct": "rt",
                "_c": ARGUMENTS,
                "args": [{"_ft": "int", "_fd": 2}, "x"],
                "kwargs": {"b": {"_ft": "int", "_fd": 40}},
            }
        ]

    def test_an_answer_is_one_tuple_on_the_filt_of_the_call(self, node: Vortex, ada: FakePeer) -> None:
        add.start(vortex=node)
        call = asked(add.name, [{"_ft": "int", "_fd": 2}], {"b": {"_ft": "int", "_fd": 40}})

        assert node.payloadIO.route(call, ada) == 1

        (message,) = ada.sent
        filt = {"_internal": "vortexRPC", "key": add.name, "PayloadResponse.messageId": "m1"}
        assert message["filt"] == message["payload"]["filt"] == filt
        assert message["result"] is None
        assert message["_isReply"] is True
        assert message["payload"]["tuples"] == [
            {"_ct": "rt", "_c": RESULT, "result": {"_ft": "int", "_fd": 42}}
        ]

    def test_a_recorded_call_gets_the_answer_that_was_recorded(self, node: Vortex) -> None:
        @vortexRpc(NAME, name="peer_common.rpcAdd")
        def rpcAdd(a: int, b: int = 0) -> int:
            return a + b

        asks, answers = (
            frame
            for vector in loadVectors("session_tcp_vortexpy622_server_rawclient")
            if vector["seq"] in (6, 7)
            for frame in (wireFrames(vector) or [])
            if frame
        )
        recorded = decode(answers)
        ada = FakePeer(form=Form.ERA2)
        rpcAdd.start(vortex=node)

        assert node.payloadIO.route(decodeMessage(asks, Limits()), ada) == 1

        (message,) = ada.sent
        assert message["filt"] == recorded["filt"]
        assert message["result"] == recorded["result"]
        assert message["payload"]["filt"] == recorded["payload"]["filt"]
        assert message["payload"]["tuples"] == recorded["payload"]["tuples"]

    def test_a_call_that_the_real_client_made_is_the_one_that_we_make(self) -> None:
        ada = AskedPeer()

        @vortexRpc(NAME, name="peer_common.rpcFail")
        def rpcFail(msg: str) -> None:
            raise NotImplementedError

        (recorded,) = (
            decode(frame)
            for vector in loadVectors("session_ws_vortexpy622")
            if vector["seq"] == 46
            for frame in (wireFrames(vector) or [])
        )

        rpcFail.on(peer=ada)("boom")

        (message,) = ada.sent
        assert message["filt"] == recorded["payload"]["filt"]
        assert message["payload"]["tuples"] == recorded["payload"]["tuples"]

    @pytest.mark.parametrize(
        "tuples",
        [
            None,
            [],
            [{"_ft": "int", "_fd": 5}],
            [{"_ct": "rt", "_c": RESULT, "result": None}],
            [{"_ct": "rt", "_c": ARGUMENTS, "args": [], "kwargs": {}}] * 2,
            [{"_ct": "rt", "_c": ARGUMENTS, "args": 5, "kwargs": {}}],
            [{"_ct": "rt", "_c": ARGUMENTS, "args": [], "kwargs": [5]}],
        ],
    )
    def test_what_is_no_call_is_answered_so_and_runs_nothing(
        self, node: Vortex, ada: FakePeer, tuples: Any
    ) -> None:
        later.start(vortex=node)
        filt = {"_internal": "vortexRPC", "key": later.name, "PayloadResponse.messageId": "m1"}

        node.payloadIO.route(came(filt, tuples), ada)

        (result,) = ada.results
        assert result.startswith("bad-payload: ")
        assert gate == []

    @pytest.mark.parametrize("parts", [{"_isReply": True}, {"result": "rejected: no"}, {"result": True}])
    def test_what_is_an_answer_runs_nothing(self, node: Vortex, ada: FakePeer, parts: dict[str, Any]) -> None:
        later.start(vortex=node)
        filt = {"_internal": "vortexRPC", "key": later.name, "PayloadResponse.messageId": "m1"}
        body = [{"_ct": "rt", "_c": ARGUMENTS, "args": [], "kwargs": {}}]

        assert node.payloadIO.route(came(filt, body, **parts), ada) == 0

        assert gate == []
        assert ada.sent == []

    @pytest.mark.parametrize("missing", ["args", "kwargs"])
    def test_what_a_call_lacks_is_empty(self, node: Vortex, ada: FakePeer, missing: str) -> None:
        repeat.start(vortex=node)
        filt = {"_internal": "vortexRPC", "key": repeat.name, "PayloadResponse.messageId": "m1"}
        call = {"_ct": "rt", "_c": ARGUMENTS, "args": ["x"], "kwargs": {"k": "y"}}
        del call[missing]

        node.payloadIO.route(came(filt, [call]), ada)

        (message,) = ada.sent
        (answer,) = message["payload"]["tuples"]
        assert answer["result"] == ([["x"], {}] if missing == "kwargs" else [[], {"k": "y"}])

    def test_a_message_for_a_key_of_that_name_is_no_call(self, node: Vortex, ada: FakePeer) -> None:
        add.start(vortex=node)

        assert node.payloadIO.route(came({"key": add.name, "PayloadResponse.messageId": "m1"}), ada) == 0
        assert ada.sent == []


class TestOnePeer:
    def test_may_have_so_many_calls_under_way(self, node: Vortex, ada: FakePeer) -> None:
        node = Vortex(NAME, reactor=Clock(), limits=Limits(maxWaitingRequests=3))
        bob = FakePeer("bob")
        later.start(vortex=node)
        for _ in range(4):
            node.payloadIO.route(asked(later.name, []), ada)

        assert ada.results == [
            "limit-exceeded: 3 calls of this peer wait for an answer already (maxWaitingRequests)"
        ]
        assert len(gate) == 3
        node.payloadIO.route(asked(later.name, []), bob)
        assert len(gate) == 4

        for waiting in list(gate):
            waiting.callback(None)
        node.payloadIO.route(asked(later.name, []), ada)
        assert ada.results[1:] == [None] * 3
        assert len(gate) == 5

    @pytest.mark.parametrize("function", [later, laterInACoroutine])
    def test_that_is_gone_gets_nothing(self, node: Vortex, ada: FakePeer, function: Any) -> None:
        function.start(vortex=node)
        node.payloadIO.route(asked(function.name, []), ada)
        ada.isOnline = False

        with capturedLogs() as logged:
            gate[0].callback("to nobody")

        assert ada.sent == []
        assert [event["log_level"].name for event in logged] == ["debug"]


class TestPriority:
    @pytest.fixture
    def arrived(self, nodes: Nodes) -> Iterator[list[Any]]:
        """What comes to the caller, in order: the ids of what was sent to it, and "answer"."""
        arrived: list[Any] = []

        def take(payload: Payload, delivery: Delivery) -> None:
            arrived.append(payload.filt["id"])

        with PayloadEndpoint({"key": "news"}, take, nodes.caller):
            yield arrived

    def test_of_an_answer_lets_it_overtake_what_waits(self, nodes: Nodes, arrived: list[Any]) -> None:
        def refused(failure: Failure) -> None:
            arrived.append(failure.check(RemoteError) and str(failure.value)[:16])

        add.start(vortex=nodes.server)
        nodes.link.pause()
        for number in range(3):
            nodes.server.send(Payload({"key": "news", "id": number}))
        for number in (2, 1):
            add.on(nodes.caller)(number).addCallback(lambda result: arrived.append(f"answer {result}"))
        nodes.caller.request(add._payload((), {})).addErrback(refused)
        nodes.settle()
        assert arrived == []

        nodes.link.pause(False)
        nodes.settle()

        assert arrived == ["answer 2", "answer 1", "add(a: int, b: i", 0, 1, 2]

    def test_of_a_reply_is_what_the_endpoint_says(self, nodes: Nodes, arrived: list[Any]) -> None:
        def answer(payload: Payload, delivery: Delivery) -> None:
            priority = payload.filt["priority"]
            if payload.filt["fails"]:
                delivery.fail(RemoteError("no", "no"), priority=priority)
            else:
                delivery.reply([], priority=priority)

        endpoint = PayloadEndpoint({"key": "question"}, answer, nodes.server)
        nodes.link.pause()
        nodes.server.send(Payload({"key": "news", "id": "push"}), priority=20)
        for priority, fails in ((100, False), (30, True), (10, True), (10, False), (30, False)):
            question = Payload({"key": "question", "priority": priority, "fails": fails})
            name = f"{priority} {'fails' if fails else 'answers'}"
            nodes.caller.request(question).addBoth(lambda _, name: arrived.append(name), name)
        nodes.settle()

        nodes.link.pause(False)
        nodes.settle()

        assert endpoint.isLive
        assert arrived == ["10 fails", "10 answers", "push", "30 fails", "30 answers", "100 answers"]


class TestACallOnTheNativeWire:
    """What the caller does not want any more is not done any more."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def caller(self, clock: Clock, node: Vortex) -> Vortex:
        return Vortex("caller", reactor=clock)

    @pytest.fixture
    def node(self, clock: Clock) -> Vortex:
        return Vortex(NAME, reactor=clock)

    @pytest.fixture(autouse=True)
    def link(self, clock: Clock, caller: Vortex, node: Vortex) -> NativeLink:
        link = NativeLink(caller, node, clock)
        settle(clock)
        return link

    @pytest.mark.parametrize("function", [later, laterInACoroutine], ids=["a Deferred", "a coroutine"])
    def test_that_is_cancelled_is_cancelled_where_it_runs(
        self, function: Any, node: Vortex, caller: Vortex, clock: Clock
    ) -> None:
        function.start(vortex=node)
        call = function.on(caller)()
        settle(clock)
        (waits,) = gate
        call.addErrback(lambda failure: None)
        with capturedLogs() as logs:
            call.cancel()
            settle(clock)

        assert waits.called
        assert [event for event in logs if "log_failure" in event] == []

    def test_that_takes_too_long_is_cancelled_where_it_runs(
        self, node: Vortex, caller: Vortex, clock: Clock
    ) -> None:
        later.start(vortex=node)
        call = later.on(caller, timeout=4)()
        call.addErrback(lambda failure: None)
        settle(clock)
        (waits,) = gate
        waits.addErrback(lambda failure: None)
        clock.advance(3.9)
        assert not waits.called
        clock.advance(0.1)
        settle(clock)

        assert call.called
        assert waits.called

    def test_that_is_cancelled_leaves_room_for_others(
        self, node: Vortex, caller: Vortex, clock: Clock
    ) -> None:
        later.start(vortex=node)
        add.start(vortex=node)
        call = later.on(caller)()
        call.addErrback(lambda failure: None)
        settle(clock)
        call.cancel()
        settle(clock)
        sum_ = add.on(caller)(2, 40)
        settle(clock)

        assert resultOf(sum_) == 42
