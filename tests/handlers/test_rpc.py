"""Calls from one node to another: what they give, and everything that can keep them from it."""

from __future__ import annotations

import asyncio
import functools
import re
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from tests import wire_messages
from tests.handlers import rpc_functions
from tests.handlers.nodes import resultOf
from tests.handlers.rpc_functions import (
    NAME,
    Counter,
    Nodes,
    add,
    addAsCoroutine,
    addAsDeferred,
    addAsGenerator,
    addInThread,
    gate,
    later,
    laterInACoroutine,
    refuse,
    repeat,
)
from vortex import Tuple, addTupleType
from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    DecodeError,
    EncodeError,
    NotConnected,
    NoVortex,
    Rejected,
    RemoteError,
    RequestTimeout,
    UnknownRecord,
    UnknownTupleType,
)
from vortex.handlers.rpc import RemoteFunction, vortexRpc
from vortex.node.vortex import Vortex
from vortex.transports.memory import connectInMemory


@addTupleType
class Job(Tuple):
    __tupleType__ = "rpctest.Job"
    id: int
    due: datetime | None = None


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    gate.clear()
    nodes = Nodes()
    yield nodes
    io = nodes.caller.payloadIO
    assert (io._waiting, io._waitingFor) == ({}, {}), "a call waits that nobody waits for"


class TestACall:
    @pytest.mark.parametrize("function", [add, addAsDeferred, addAsGenerator, addAsCoroutine])
    def test_gives_what_the_function_gives_in_the_end(
        self, nodes: Nodes, function: RemoteFunction[[int, int], int]
    ) -> None:
        function.start(vortex=nodes.server)

        assert nodes.resultOf(function.on(nodes.caller)(2, 40)) == 42
        assert nodes.resultOf(function.on(nodes.caller)(2, b=3)) == 5  # type: ignore[call-arg]

    @pytest.mark.parametrize("function", [later, laterInACoroutine])
    def test_may_take_its_time(self, nodes: Nodes, function: RemoteFunction[..., Any]) -> None:
        function.start(vortex=nodes.server)
        calls = [function.on(nodes.caller)(number) for number in range(3)]
        nodes.settle()
        assert [call.called for call in calls] == [False] * 3

        gate[2].callback("c")
        gate[0].callback("a")
        assert nodes.resultOf(calls[0]) == "a"
        assert not calls[1].called
        gate[1].callback("b")

        assert [nodes.resultOf(call) for call in calls[1:]] == ["b", "c"]

    def test_is_run_in_a_thread_if_it_says_so(self, nodes: Nodes) -> None:
        addInThread.start(vortex=nodes.server)
        call = addInThread.on(nodes.caller)(2, 40)
        nodes.settle()
        assert not call.called

        (work,) = nodes.server.waiting
        work()

        assert nodes.resultOf(call) == 42

    @pytest.mark.parametrize(
        "value",
        [
            None,
            False,
            0,
            10**30,
            1.5,
            "é\U0001f600",
            b"\x00\xff",
            [1, ["a", None]],
            {"k": {5: [True]}},
            Decimal("1.25"),
            datetime(2024, 2, 29, 13, 14, 15, 123456, tzinfo=UTC),
            date(2024, 2, 29),
            Job(id=5, due=datetime(2024, 1, 1, tzinfo=UTC)),
            [Job(id=6), {"job": Job(id=7)}],
        ],
        ids=lambda value: f"{type(value).__name__} {ascii(value)[:12]}",
    )
    def test_carries_whatever_can_travel_both_ways(self, nodes: Nodes, value: Any) -> None:
        repeat.start(vortex=nodes.server)

        args, kwargs = nodes.resultOf(repeat.on(nodes.caller)(value, "x", named=value))

        assert args == [value, "x"]
        assert kwargs == {"named": value}
        assert type(args[0]) is type(value) or isinstance(value, (Decimal, date))

    def test_of_a_method_is_run_by_the_object_that_offers_it(self, nodes: Nodes) -> None:
        counter, other = Counter(10), Counter(100)
        counter.increase.start(vortex=nodes.server)
        Counter.read.start(counter, vortex=nodes.server)

        assert nodes.resultOf(Counter.increase.on(nodes.caller)(5)) == 15
        assert nodes.resultOf(other.increase.on(nodes.caller)(by=6)) == 21
        assert nodes.resultOf(Counter.read.on(nodes.caller)()) == 21
        assert (counter.count, other.count) == (21, 100)

    def test_goes_to_the_peer_of_that_name_and_to_no_other(self, nodes: Nodes) -> None:
        others = [Vortex(name, reactor=nodes.clock) for name in ("aaa", "serves", "zzz")]
        links = [connectInMemory(nodes.caller, other) for other in others]
        nodes.settle()
        strangers = [nodes.came(add, other) for other in others]
        add.start(vortex=nodes.server)

        assert nodes.resultOf(add.on(nodes.caller)(2, 40)) == 42

        assert strangers == [[], [], []]
        assert len(links) == 3

    def test_may_name_the_peer_itself(self, nodes: Nodes) -> None:
        second = Vortex(NAME, reactor=nodes.clock)
        repeat.start(vortex=nodes.server)
        link = connectInMemory(nodes.caller, second)
        nodes.settle()
        calls = nodes.came(repeat, second)
        (first, _) = nodes.caller.peers

        assert nodes.resultOf(repeat.on(peer=first)(1)) == [[1], {}]
        assert calls == []

        with pytest.raises(NotConnected, match="there are 2 peers named 'server'"):
            nodes.resultOf(repeat.on(nodes.caller)(1))
        link.cut()

    def test_to_a_peer_waits_as_long_as_any(self, nodes: Nodes) -> None:
        (peer,) = nodes.caller.peers
        calls = [add.on(peer=peer)(1), add.on(peer=peer, timeout=5)(1)]
        nodes.settle()

        nodes.clock.advance(5)
        assert [call.called for call in calls] == [False, True]
        nodes.clock.advance(25)

        for call in calls:
            with pytest.raises(RequestTimeout):
                resultOf(call)

    def test_is_made_by_the_only_node(self, nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
        add.start(vortex=nodes.server)
        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([nodes.caller]))
        assert nodes.resultOf(add(2, b=40)) == 42

        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([nodes.caller, nodes.server]))
        with pytest.raises(NoVortex, match="say which with vortex="):
            add(2, b=40)

    def test_is_answered_though_the_caller_bears_the_same_name(self, nodes: Nodes) -> None:
        namesake = nodes.another(NAME)
        add.start(vortex=nodes.server)

        assert nodes.resultOf(add.on(namesake)(2, b=40)) == 42

    def test_can_be_awaited(self, nodes: Nodes) -> None:
        add.start(vortex=nodes.server)

        async def twice() -> int:
            return await add.on(nodes.caller)(await add.on(nodes.caller)(1, 2), 3)

        assert nodes.resultOf(Deferred.fromCoroutine(twice())) == 6


class TestTheWait:
    def test_may_be_said_after_the_rest(self, nodes: Nodes) -> None:
        (peer,) = nodes.caller.peers
        calls = nodes.came(add)
        quick = add.on(nodes.caller).on(timeout=2)
        ways = [quick(1), quick.on(peer=peer)(2), add.on(peer=peer).on(nodes.server).on(timeout=2)(3)]
        nodes.settle()
        assert [delivery.peer.name for delivery in calls] == ["caller"] * 3

        nodes.clock.advance(2)

        for call in ways:
            with pytest.raises(RequestTimeout):
                resultOf(call)

    @pytest.mark.parametrize(
        ("decorated", "named", "seconds"),
        [
            ({}, {}, 30),
            ({"timeout": 7}, {}, 7),
            ({"timeout": 7}, {"timeout": 2}, 2),
            ({}, {"timeout": 0.5}, 0.5),
        ],
    )
    def test_is_as_long_as_was_said(
        self, nodes: Nodes, decorated: dict[str, Any], named: dict[str, Any], seconds: float
    ) -> None:
        @vortexRpc(NAME, **decorated)
        def silent() -> None:
            """Offered by nobody."""

        call = silent.on(nodes.caller, **named)()
        nodes.settle()

        nodes.clock.advance(seconds - 0.01)
        assert not call.called
        nodes.clock.advance(0.01)

        with pytest.raises(RequestTimeout, match=f"'server'.*silent.* did not answer in {seconds:g} s"):
            resultOf(call)

    @pytest.mark.parametrize(("decorated", "named"), [({"timeout": None}, {}), ({}, {"timeout": None})])
    def test_may_have_no_end(self, nodes: Nodes, decorated: dict[str, Any], named: dict[str, Any]) -> None:
        @vortexRpc(NAME, **decorated)
        def slow() -> Any:
            return later.__wrapped__()

        slow.start(vortex=nodes.server)
        call = slow.on(nodes.caller, **named)()
        nodes.settle()
        for _ in range(100):
            nodes.clock.advance(9)
            nodes.settle()

        assert not call.called
        gate[0].callback("done")
        assert nodes.resultOf(call) == "done"

    def test_ends_when_it_is_cancelled(self, nodes: Nodes) -> None:
        later.start(vortex=nodes.server)
        call = later.on(nodes.caller)()
        nodes.settle()

        call.cancel()

        with pytest.raises(CancelledError):
            resultOf(call)
        gate[0].callback("too late")
        nodes.settle()

    def test_ends_when_the_peer_goes(self, nodes: Nodes) -> None:
        later.start(vortex=nodes.server)
        call = later.on(nodes.caller)()
        nodes.settle()

        nodes.link.cut()

        with pytest.raises(ConnectionLost, match=r"'server', asked for .*later.* went before it answered"):
            resultOf(call)
        gate[0].callback("to nobody")

    def test_does_not_begin_where_there_is_nobody(self, nodes: Nodes) -> None:
        nodes.link.cut()

        with pytest.raises(NotConnected, match="there is no peer named 'server' to ask"):
            nodes.resultOf(add.on(nodes.caller)(1))


class TestArguments:
    @pytest.mark.parametrize(
        ("args", "kwargs", "problem"),
        [
            ((), {}, "missing a required argument: 'a'"),
            ((1, 2, 3), {}, "too many positional arguments"),
            ((1,), {"c": 2}, "got an unexpected keyword argument 'c'"),
            ((1,), {"a": 2}, "multiple values for argument 'a'"),
        ],
    )
    def test_that_do_not_fit_are_refused_before_anything_is_sent(
        self, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
    ) -> None:
        calls = nodes.came(add)

        with pytest.raises(TypeError) as caught:
            add.on(nodes.caller)(*args, **kwargs)
        nodes.settle()

        assert str(caught.value) == f"add(a: int, b: int = 0) -> int cannot be called so: {problem}"
        assert calls == []

    def test_of_a_method_are_those_behind_its_object(self, nodes: Nodes) -> None:
        problem = r"Counter\.increase\(by: int = 1\) -> int cannot be called so: too many"
        for method in (Counter.increase, Counter(1).increase):
            with pytest.raises(TypeError, match=problem):
                method.on(nodes.caller)(Counter(1), 1)  # type: ignore[arg-type, call-arg]

    def test_of_a_method_without_a_name_for_its_object_are_the_rest(self, nodes: Nodes) -> None:
        class Loose:
            @vortexRpc(NAME)
            def take(*args: Any) -> Any:
                return list(args[1:])

        loose = Loose()
        loose.take.start(vortex=nodes.server)

        take: Any = Loose.take
        assert nodes.resultOf(take.on(nodes.caller)(1, 2)) == [1, 2]
        with pytest.raises(TypeError, match=r"take\(\*args: Any\) -> Any cannot be called so"):
            take.on(nodes.caller)(a=1)

    @pytest.mark.parametrize(
        ("args", "kwargs", "problem"),
        [
            ([], {}, "missing a required argument: 'a'"),
            ([1, 2, 3], {}, "too many positional arguments"),
            ([1], {"c": 2}, "got an unexpected keyword argument 'c'"),
            ([1], {5: 2}, ""),
        ],
    )
    def test_are_looked_at_again_where_it_is_run(
        self, nodes: Nodes, args: list[Any], kwargs: dict[Any, Any], problem: str
    ) -> None:
        runs: list[Any] = []

        @vortexRpc(NAME, name=add.name)
        def another(a: int, b: int = 0) -> None:
            runs.append(a)

        @vortexRpc(NAME, name=add.name)
        def loose(*args: Any, **kwargs: Any) -> None:
            """What the caller has in its place, as it was before."""

        another.start(vortex=nodes.server)
        answer = nodes.caller.request(loose._payload(tuple(args), kwargs))

        with pytest.raises(RemoteError) as caught:
            nodes.resultOf(answer)
        assert caught.value.code == "bad-arguments"
        assert str(caught.value).startswith(
            f"{another.__qualname__}(a: int, b: int = 0) -> None cannot be called so: "
        )
        assert str(caught.value).endswith(problem)
        assert runs == []

    def test_that_do_not_fit_are_not_quoted_at_length(self, nodes: Nodes) -> None:
        add.start(vortex=nodes.server)
        answer = nodes.caller.request(add._payload((1,), {"k" * 100_000: 2}))
        nodes.settle()
        nodes.server.waiting.pop()()  # so much is opened in a thread

        with pytest.raises(RemoteError, match="got an unexpected keyword argument 'kkk") as caught:
            nodes.resultOf(answer)
        assert len(str(caught.value)) < 300

    def test_may_have_any_name(self, nodes: Nodes) -> None:
        @vortexRpc(NAME)
        def strange(a: Any, **kwargs: Any) -> Any:
            return [a, kwargs]

        strange.start(vortex=nodes.server)
        names = ["self", "f", "function", "args", "kwargs", "timeout", "node", "owner", "isMethod"]

        call = strange.on(nodes.caller)(1, **dict.fromkeys(names, 2))
        assert nodes.resultOf(call) == [1, dict.fromkeys(names, 2)]

    def test_have_to_be_able_to_travel(self, nodes: Nodes) -> None:
        calls = nodes.came(repeat)

        with pytest.raises(EncodeError, match=r"tuples\[0\]\.args\[0\]"):
            nodes.resultOf(repeat.on(nodes.caller)(object()))
        assert calls == []


class TestAnError:
    @pytest.mark.parametrize("code", ["rejected", "out-of-stock"])
    def test_that_is_a_refusal_reaches_the_caller_in_its_words(self, nodes: Nodes, code: str) -> None:
        refuse.start(vortex=nodes.server)

        with pytest.raises(RemoteError) as caught:
            nodes.resultOf(refuse.on(nodes.caller)("only on: Sundays\nor so", code))

        assert (caught.value.code, str(caught.value)) == (code, "only on: Sundays\nor so")

    @pytest.mark.parametrize("how", ["at once", "deferred", "coroutine", "late"])
    @pytest.mark.parametrize(
        "error",
        [ValueError("swordfish"), CancelledError("swordfish"), asyncio.CancelledError()],
    )
    def test_of_any_other_kind_is_internal_and_an_id_in_the_log(
        self, nodes: Nodes, how: str, error: BaseException
    ) -> None:
        waiting: Deferred[None] = Deferred()

        def break_() -> Any:
            if how == "at once":
                raise error
            if how == "coroutine":
                return inACoroutine()
            return fail(error) if how == "deferred" else waiting.addCallback(lambda _: Failure(error))

        async def inACoroutine() -> None:
            raise error

        function = vortexRpc(NAME)(break_)
        function.start(vortex=nodes.server)
        with capturedLogs() as logged:
            call = function.on(nodes.caller)()
            nodes.settle()
            waiting.callback(None)

            with pytest.raises(RemoteError) as caught:
                nodes.resultOf(call)

        assert caught.value.code == "internal"
        assert re.fullmatch("[0-9a-f]{8}", str(caught.value))
        (event,) = [event for event in logged if "log_failure" in event]
        assert event["errorId"] == str(caught.value)
        assert event["log_failure"].value is error
        assert event["where"] == f" in <RPC {function.name}>"

    def test_in_a_thread_is_answered_too(self, nodes: Nodes) -> None:
        @vortexRpc(NAME, inThread=True)
        def find(id: int) -> None:
            raise UnknownRecord(f"there is no {id}")

        find.start(vortex=nodes.server)
        call = find.on(nodes.caller)(5)
        nodes.settle()
        nodes.server.waiting.pop()()

        with pytest.raises(RemoteError, match="there is no 5") as caught:
            nodes.resultOf(call)
        assert caught.value.code == "unknown-record"

    @pytest.mark.parametrize("how", ["deferred", "coroutine"])
    def test_is_what_comes_of_something_that_is_not_over_in_a_thread(self, nodes: Nodes, how: str) -> None:
        async def coroutine() -> int:
            return 5

        @vortexRpc(NAME, inThread=True)
        def promise() -> Any:
            return succeed(5) if how == "deferred" else coroutine()

        promise.start(vortex=nodes.server)
        with capturedLogs() as logged:
            call = promise.on(nodes.caller)()
            nodes.settle()
            nodes.server.waiting.pop()()

            with pytest.raises(RemoteError) as caught:
                nodes.resultOf(call)

        assert caught.value.code == "internal"
        (failure,) = [event["log_failure"] for event in logged if "log_failure" in event]
        assert "promise runs in a thread, where it cannot return <" in str(failure.value)

    def test_is_a_result_that_cannot_travel(self, nodes: Nodes) -> None:
        @vortexRpc(NAME)
        def give() -> Any:
            return [1, object]

        give.start(vortex=nodes.server)

        with pytest.raises(RemoteError, match=r"tuples\[0\]\.result\[1\]") as caught:
            nodes.resultOf(give.on(nodes.caller)())
        assert caught.value.code == "cannot-encode"

    def test_is_a_result_that_nobody_knows_here(self, nodes: Nodes) -> None:
        deliveries = nodes.came(add)
        call = add.on(nodes.caller)(1)
        nodes.settle()
        result = {"_ct": "rt", "_c": "rpctest.Unknown", "id": 1}
        answer = {"_ct": "rt", "_c": "vortex.rpc.RPC_VortexRPCResultTuple", "result": result}

        nodes.link._ends[1].driver.frameReceived(wire_messages.envelope(deliveries[0].filt, [answer]))

        with pytest.raises(UnknownTupleType, match=r"rpctest\.Unknown.* at tuples\[0\]\.result"):
            nodes.resultOf(call)

    @pytest.mark.parametrize("tuples", [None, [], [5], [Job(id=1)], [Job(id=1), Job(id=2)]])
    def test_is_an_answer_without_a_result(self, nodes: Nodes, tuples: Any) -> None:
        deliveries = nodes.came(add)
        call = add.on(nodes.caller)(1)
        nodes.settle()

        deliveries[0].reply(tuples)

        with pytest.raises(DecodeError, match=r"expected one vortex\.rpc\.RPC_VortexRPCResultTuple, got"):
            nodes.resultOf(call)


class TestOnTheNodeThatOffersIt:
    @pytest.mark.parametrize("function", [add, addAsDeferred, addAsCoroutine])
    def test_a_call_just_runs_it(self, nodes: Nodes, function: RemoteFunction[[int, int], int]) -> None:
        calls = nodes.came(function)
        function.start(vortex=nodes.server)

        assert resultOf(function.on(nodes.server)(2, 40)) == 42
        assert calls == []

    def test_a_call_in_a_thread_is_run_in_one(self, nodes: Nodes) -> None:
        addInThread.start(vortex=nodes.server)

        call = addInThread.on(nodes.server)(2, 40)
        assert not call.called
        nodes.server.waiting.pop()()

        assert resultOf(call) == 42

    def test_a_call_of_a_method_is_run_by_its_object(self, nodes: Nodes) -> None:
        counter = Counter(1)
        counter.increase.start(vortex=nodes.server)

        assert resultOf(Counter.increase.on(nodes.server)(5)) == 6
        assert resultOf(Counter(100).increase.on(nodes.server)()) == 7

    def test_an_argument_and_a_result_are_the_objects_themselves(self, nodes: Nodes) -> None:
        repeat.start(vortex=nodes.server)
        thing = object()

        assert resultOf(repeat.on(nodes.server)(thing))[0][0] is thing

    def test_an_error_is_itself(self, nodes: Nodes) -> None:
        refuse.start(vortex=nodes.server)

        with pytest.raises(Rejected, match="no") as caught:
            resultOf(refuse.on(nodes.server)("no", "out-of-stock"))
        assert caught.value.code == "out-of-stock"
        with pytest.raises(TypeError, match="missing a required argument: 'text'"):
            refuse.on(nodes.server)()  # type: ignore[call-arg]

    def test_a_call_after_it_was_shut_down_says_so(self, nodes: Nodes) -> None:
        add.start(vortex=nodes.server).shutdown()

        with pytest.raises(NotConnected) as caught:
            resultOf(add.on(nodes.server)(1))
        assert str(caught.value) == (
            f"this vortex is 'server' itself, and does not offer {add.name}: start() it"
        )

    def test_a_call_of_what_only_a_namesake_offers_goes_there(self, nodes: Nodes) -> None:
        namesake = nodes.another(NAME)
        add.start(vortex=namesake)

        assert nodes.resultOf(add.on(nodes.server)(2, b=40)) == 42


class TestWhoMay:
    @pytest.mark.parametrize("names", ["caller", {"caller", "another"}, frozenset({"caller"})])
    def test_is_named(self, nodes: Nodes, names: Any) -> None:
        runs: list[int] = []

        @vortexRpc(NAME, acceptOnlyFrom=names)
        def give(number: int) -> int:
            runs.append(number)
            return number

        give.start(vortex=nodes.server)
        stranger = nodes.another("stranger")

        assert nodes.resultOf(give.on(nodes.caller)(1)) == 1
        call = give.on(stranger, timeout=5)(2)
        nodes.settle()
        assert not call.called
        nodes.clock.advance(5)
        with pytest.raises(RequestTimeout):
            nodes.resultOf(call)
        assert runs == [1]

    def test_is_asked_before_anything_is_run(self, nodes: Nodes) -> None:
        asked: list[tuple[str, str]] = []

        def onlyCallers(peer: Any, operation: str, filt: Any) -> bool:
            asked.append((peer.name, operation))
            return bool(peer.name == "caller")

        @vortexRpc(NAME, access=onlyCallers)
        def give() -> int:
            return 5

        give.start(vortex=nodes.server)
        stranger = nodes.another("stranger")

        assert nodes.resultOf(give.on(nodes.caller)()) == 5
        with pytest.raises(RemoteError, match="this is not for you") as caught:
            nodes.resultOf(give.on(stranger)())
        assert caught.value.code == AccessDenied.code
        assert asked == [("caller", "call"), ("stranger", "call")]

    def test_is_a_matter_of_roles(self, nodes: Nodes) -> None:
        @vortexRpc(NAME, access={"admin"})
        def give() -> int:
            return 5

        give.start(vortex=nodes.server)

        with pytest.raises(RemoteError, match="this is not for you"):
            nodes.resultOf(give.on(nodes.caller)())


class TestDecorating:
    def test_leaves_the_function_where_a_test_finds_it(self) -> None:
        assert add.__wrapped__(2, b=40) == 42
        assert Counter.increase.__wrapped__(Counter(1), 5) == 6
        assert Counter(1).increase.__doc__ == "Count on, and say how far it is."
        assert Counter.increase.__name__ == "increase"

    def test_names_it_by_its_module_and_place(self) -> None:
        module = rpc_functions.__name__

        assert add.name == f"{module}.add"
        assert Counter.increase.name == Counter().increase.name == f"{module}.Counter.increase"
        assert repr(add) == f"<RPC {module}.add of 'server'>"

    def test_may_name_it_otherwise(self, nodes: Nodes) -> None:
        @vortexRpc(NAME, name="sums.add")
        def mine(a: int) -> int:
            return a + 1

        @vortexRpc(NAME, name="sums.add")
        def theirs(a: int) -> int:
            raise NotImplementedError

        mine.start(vortex=nodes.server)

        assert nodes.resultOf(theirs.on(nodes.caller)(1)) == 2

    @pytest.mark.parametrize("what", [lambda: 5, None, 5, b"server"])
    def test_needs_the_name_of_a_vortex(self, what: Any) -> None:
        with pytest.raises(TypeError, match=r"as in @vortexRpc\('server'\), got"):
            vortexRpc(what)

    @pytest.mark.parametrize(
        "what", [5, Counter, Counter(1), functools.partial(print), staticmethod(print), add, len]
    )
    def test_is_for_functions(self, what: Any) -> None:
        with pytest.raises(TypeError, match="decorates a function or a method, got "):
            vortexRpc(NAME)(what)

    def test_cannot_put_a_coroutine_function_into_a_thread(self) -> None:
        with pytest.raises(TypeError, match="work is a coroutine function, which no thread can run"):

            @vortexRpc(NAME, inThread=True)
            async def work() -> None:
                """Never runs."""

    @pytest.mark.parametrize(
        ("argument", "value", "problem"),
        [
            ("acceptOnlyFrom", ["ada"], "acceptOnlyFrom= takes a name or a set of names, got"),
            ("acceptOnlyFrom", {5}, "acceptOnlyFrom= takes a name or a set of names, got"),
            ("access", "admin", "access= takes a set of roles or something to ask, got 'admin'"),
        ],
    )
    def test_looks_at_who_may(self, argument: str, value: Any, problem: str) -> None:
        with pytest.raises(TypeError, match=problem):
            vortexRpc(NAME, **{argument: value})
