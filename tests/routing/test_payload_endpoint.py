"""How long endpoints live: as the object of their method does, or as somebody keeps them."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.routing.peers import FakePeer, came
from vortex.errors import NoVortex
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

FILT = {"key": "jobs"}
PEER = FakePeer()


@pytest.fixture
def node() -> Vortex:
    return Vortex("node", reactor=Clock())


def route(node: Vortex, filt: dict[str, Any] | None = None) -> int:
    return node.payloadIO.route(came(filt or FILT), PEER)


class Owner:
    """Has a method for an endpoint, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.calls += 1


class Unhashable(Owner):
    """Equal by value, and so without a hash."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable) and other.calls == self.calls


class Slotted:
    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.calls += 1


class SlottedWithWeakref(Slotted):
    __slots__ = ("__weakref__",)


class Callable_:
    """An object that is called itself."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, payload: Payload, delivery: Delivery) -> None:
        self.calls += 1


class TestAnEndpointOfAMethod:
    @pytest.mark.parametrize("kind", [Owner, Unhashable, SlottedWithWeakref])
    def test_lives_without_being_kept_and_dies_with_its_owner(
        self, node: Vortex, kind: Callable[[], Any]
    ) -> None:
        owner = kind()
        endpoint = weakref.ref(PayloadEndpoint(FILT, owner.take, node))
        gc.collect()

        assert route(node) == 1
        assert owner.calls == 1
        assert [endpoint()] == list(node.payloadIO.endpoints)

        del owner
        gc.collect()

        assert endpoint() is None
        assert route(node) == 0
        assert node.payloadIO.endpoints == ()

    def test_dies_with_an_owner_that_stands_in_a_cycle(self, node: Vortex) -> None:
        owner: Any = Owner()
        owner.itself = owner
        owner.endpoint = PayloadEndpoint(FILT, owner.take, node)
        gone = weakref.ref(owner)

        del owner
        gc.collect()

        assert gone() is None
        assert route(node) == 0

    def test_is_not_ended_by_letting_go_of_it(self, node: Vortex) -> None:
        owner = Owner()
        endpoint = PayloadEndpoint(FILT, owner.take, node)

        with capturedLogs() as logged:
            del endpoint
            gc.collect()

        assert route(node) == 1
        assert owner.calls == 1
        assert logged == []

    def test_is_no_reason_for_its_owner_to_live(self, node: Vortex) -> None:
        owner = Owner()
        gone = weakref.ref(owner)
        endpoint = PayloadEndpoint(FILT, owner.take, node)

        del owner
        gc.collect()

        assert gone() is None
        assert not endpoint.isLive
        assert route(node) == 0
        assert node.payloadIO.endpoints == ()
        endpoint.shutdown()

    def test_is_one_of_several_of_its_owner(self, node: Vortex) -> None:
        owner, other = Owner(), Owner()
        PayloadEndpoint(FILT, owner.take, node)
        second = PayloadEndpoint(FILT, owner.take, node)
        PayloadEndpoint({**FILT, "id": 1}, owner.take, node)
        PayloadEndpoint(FILT, other.take, node)

        assert route(node) == 3
        second.shutdown()
        assert route(node, {**FILT, "id": 1}) == 3
        del owner
        gc.collect()

        assert route(node, {**FILT, "id": 1}) == 1
        assert other.calls == 3

    def test_of_an_owner_whose_equal_died_lives_on(self, node: Vortex) -> None:
        owner, equal = Unhashable(), Unhashable()
        assert owner == equal
        for each in (owner, equal):
            PayloadEndpoint(FILT, each.take, node)

        del equal, each
        gc.collect()

        assert route(node) == 1
        assert owner.calls == 1

    def test_of_an_owner_at_the_place_of_one_that_died_is_its_own(self, node: Vortex) -> None:
        used = set()
        for number in range(50):
            owner = Owner()
            used.add(id(owner))
            PayloadEndpoint(FILT, owner.take, node)
            assert route(node) == 1, number
            del owner

        assert len(used) < 50  # or this has tried nothing
        assert route(node) == 0

    def test_needs_an_owner_that_can_be_held_weakly(self, node: Vortex) -> None:
        owner = Slotted()

        with capturedLogs() as logged, pytest.raises(TypeError) as caught:
            PayloadEndpoint(FILT, owner.take, node)
        gc.collect()

        assert str(caught.value) == (
            "Slotted.take belongs to a Slotted, which cannot be held weakly: "
            "add '__weakref__' to its __slots__, or pass a plain function and keep the endpoint"
        )
        assert logged == []
        assert route(node) == 0

    def test_of_a_class_lives_as_the_class_does(self, node: Vortex) -> None:
        calls = []

        class Local:
            @classmethod
            def take(cls, payload: Payload, delivery: Delivery) -> None:
                calls.append(cls)

        PayloadEndpoint(FILT, Local.take, node)
        gc.collect()
        assert route(node) == 1
        assert calls.pop() is Local

        del Local
        gc.collect()
        assert route(node) == 0

    def test_does_not_keep_its_node(self) -> None:
        node = Vortex("short", reactor=Clock())
        owner = Owner()
        PayloadEndpoint(FILT, owner.take, node)
        gone = weakref.ref(node)

        del node
        gc.collect()

        assert gone() is None


class TestItsAccess:
    def test_may_be_a_method_of_the_same_owner(self, node: Vortex) -> None:
        class Guarded(Owner):
            isOpen = True

            def mayCall(self, peer: Any, operation: str, filt: Any) -> bool:
                return self.isOpen

        owner = Guarded()
        gone = weakref.ref(owner)
        PayloadEndpoint(FILT, owner.take, node, access=owner.mayCall)
        gc.collect()

        assert route(node) == 1
        owner.isOpen = False
        assert route(node) == 0
        (endpoint,) = node.payloadIO.endpoints
        assert endpoint.access == owner.mayCall

        del owner
        gc.collect()
        assert gone() is None
        assert endpoint.access == frozenset()
        assert node.payloadIO.endpoints == ()

    def test_of_somebody_else_is_kept(self, node: Vortex) -> None:
        class Policy:
            def mayCall(self, peer: Any, operation: str, filt: Any) -> bool:
                return True

        owner = Owner()
        PayloadEndpoint(FILT, owner.take, node, access=Policy().mayCall)
        gc.collect()

        assert route(node) == 1

    @pytest.mark.parametrize("access", ["admin", ["admin"], True])
    def test_is_a_set_or_is_asked(self, node: Vortex, access: Any) -> None:
        with pytest.raises(TypeError, match="access= takes a set of roles or something to ask, got"):
            PayloadEndpoint(FILT, Owner().take, node, access=access)


def plain(payload: Payload, delivery: Delivery) -> None:
    """Does nothing."""


class TestAnEndpointOfAFunction:
    def test_lives_as_long_as_it_is_kept(self, node: Vortex) -> None:
        calls: list[Payload] = []

        def take(payload: Payload, delivery: Delivery) -> None:
            calls.append(payload)

        endpoint = PayloadEndpoint(FILT, take, node)
        gc.collect()
        assert route(node) == 1
        assert calls[0].filt == FILT

        with capturedLogs() as logged:
            del endpoint
            gc.collect()

        assert route(node) == 0
        assert logged == []

    def test_that_is_dropped_at_once_says_so(self, node: Vortex) -> None:
        with capturedLogs() as logged:
            PayloadEndpoint({"key": "jobs", "kind": "open"}, plain, node)
            gc.collect()

        (event,) = logged
        assert event["log_level"].name == "warn"
        assert event["filt"] == {"key": "jobs", "kind": "open"}
        assert event["name"] == "plain"
        assert "was dropped before any message came" in event["log_format"]
        assert route(node) == 0

    def test_that_was_shut_down_says_nothing(self, node: Vortex) -> None:
        with capturedLogs() as logged:
            with PayloadEndpoint(FILT, plain, node) as endpoint:
                assert endpoint.isLive
            PayloadEndpoint(FILT, plain, node).shutdown()
            gc.collect()

        assert logged == []

    def test_that_outlives_its_node_says_nothing(self, node: Vortex) -> None:
        endpoint = PayloadEndpoint(FILT, plain, node)

        with capturedLogs() as logged:
            node.shutdown()
            del endpoint
            gc.collect()

        assert logged == []

    @pytest.mark.parametrize("kind", ["partial", "object", "lambda", "method of a partial"])
    def test_may_be_of_anything_that_is_called(self, node: Vortex, kind: str) -> None:
        owner, object_ = Owner(), Callable_()
        callables: dict[str, Any] = {
            "partial": functools.partial(lambda first, payload, delivery: owner.take(payload, delivery), 1),
            "object": object_,
            "lambda": lambda payload, delivery: owner.take(payload, delivery),
            "method of a partial": functools.partial(owner.take),
        }
        endpoint = PayloadEndpoint(FILT, callables.pop(kind), node)
        callables.clear()
        gc.collect()

        assert route(node) == 1
        assert owner.calls + object_.calls == 1
        del endpoint
        gc.collect()
        assert route(node) == 0

    @pytest.mark.parametrize(
        ("callable_", "name"),
        [
            (functools.partial(functools.partial(plain)), "plain"),
            (Callable_(), "a Callable_"),
            (Owner, "Owner"),
            ([].append, "list.append"),
        ],
    )
    def test_is_called_something_in_the_log(self, node: Vortex, callable_: Any, name: str) -> None:
        with capturedLogs() as logged:
            endpoint = PayloadEndpoint(FILT, callable_, node)
            assert repr(endpoint) == f"<endpoint {{'key': 'jobs'}} of {name}>"
            del endpoint

        assert [event["name"] for event in logged] == [name]

    def test_is_made_before_its_owner_can_be_shown(self, node: Vortex) -> None:
        class Early(Owner):
            def __init__(self) -> None:
                self.endpoint = PayloadEndpoint(FILT, self.take, node)
                super().__init__()

            def __repr__(self) -> str:
                return f"<{self.calls} calls>"

        early = Early()

        assert route(node) == 1
        assert repr(early) == "<1 calls>"
        assert repr(early.endpoint).endswith(" of Owner.take>")

    def test_keeps_what_it_calls(self, node: Vortex) -> None:
        object_ = Callable_()
        gone = weakref.ref(object_)
        endpoint = PayloadEndpoint(FILT, object_, node)

        del object_
        gc.collect()
        assert route(node) == 1

        endpoint.shutdown()
        gc.collect()
        assert gone() is None


class TestShutdown:
    @pytest.mark.parametrize("kept", [True, False])
    def test_ends_it_though_its_owner_lives(self, node: Vortex, kept: bool) -> None:
        owner = Owner()
        endpoint = PayloadEndpoint(FILT, owner.take if kept else functools.partial(owner.take), node)

        endpoint.shutdown()
        endpoint.shutdown()

        assert not endpoint.isLive
        assert route(node) == 0
        assert node.payloadIO.endpoints == ()
        assert repr(node.payloadIO) == "<PayloadIO with 0 endpoints, 0 waiting>"
        assert endpoint.call(Payload(FILT), Delivery(PEER, came(FILT), isReply=False)) is None
        assert owner.calls == 0

    def test_lets_go_of_the_endpoint(self, node: Vortex) -> None:
        owner = Owner()
        endpoint = PayloadEndpoint(FILT, owner.take, node)
        gone = weakref.ref(endpoint)

        endpoint.shutdown()
        del endpoint
        gc.collect()

        assert gone() is None

    def test_comes_at_the_end_of_a_block_that_fails(self, node: Vortex) -> None:
        with pytest.raises(ZeroDivisionError), PayloadEndpoint(FILT, Owner().take, node):
            _ = 1 / 0

        assert node.payloadIO.endpoints == ()

    def test_of_another_while_a_message_is_dispatched_spares_that_one(self, node: Vortex) -> None:
        calls: list[str] = []
        endpoints: list[PayloadEndpoint] = []

        def first(payload: Payload, delivery: Delivery) -> None:
            calls.append("first")
            endpoints[1].shutdown()

        for function in (first, lambda *_: calls.append("second"), lambda *_: calls.append("third")):
            endpoints += [PayloadEndpoint(FILT, function, node)]

        assert route(node) == 2
        assert calls == ["first", "third"]

    def test_of_itself_is_its_last_call(self, node: Vortex) -> None:
        calls: list[Payload] = []

        def once(payload: Payload, delivery: Delivery) -> None:
            endpoint.shutdown()
            calls.append(payload)

        endpoint = PayloadEndpoint(FILT, once, node)
        other = PayloadEndpoint(FILT, lambda payload, _: calls.append(payload), node)

        assert [route(node), route(node)] == [2, 1]
        assert len(calls) == 3
        assert node.payloadIO.endpoints == (other,)


class TestWhileAMessageIsDispatched:
    def test_an_endpoint_that_is_made_gets_the_next_message(self, node: Vortex) -> None:
        calls: list[str] = []
        made: list[PayloadEndpoint] = []

        def first(payload: Payload, delivery: Delivery) -> None:
            for number in range(40):  # enough for the index to file anew
                name = f"{len(made)} {number}"
                made.append(PayloadEndpoint(FILT, lambda *_, name=name: calls.append(name), node))

        endpoint = PayloadEndpoint(FILT, first, node)
        assert route(node) == 1
        endpoint.shutdown()

        assert calls == []
        assert route(node) == 40
        assert len(calls) == 40

    def test_an_endpoint_whose_owner_dies_gets_nothing(self, node: Vortex) -> None:
        owners = [Owner() for _ in range(3)]
        killers: list[PayloadEndpoint] = []

        def kill(payload: Payload, delivery: Delivery) -> None:
            owners.clear()
            gc.collect()

        gone = weakref.ref(owners[1])
        PayloadEndpoint(FILT, owners[0].take, node)
        killers.append(PayloadEndpoint(FILT, kill, node))
        for owner in owners[1:]:
            PayloadEndpoint(FILT, owner.take, node)
        del owner

        assert route(node) == 2
        assert gone() is None
        assert route(node) == 1
        assert node.payloadIO.endpoints == tuple(killers)

    def test_an_endpoint_that_is_collected_in_the_middle_of_a_match_breaks_nothing(
        self, node: Vortex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        survivor = Owner()
        doomed = [Owner() for _ in range(50)]
        for owner in (*doomed[:25], survivor, *doomed[25:]):
            PayloadEndpoint(FILT, owner.take, node)
        del owner
        gone = [weakref.ref(each) for each in doomed]
        index = node.payloadIO._index
        (bucket,) = index._buckets.values()

        def iterate(entries: list[Any]) -> Iterator[Any]:
            for number in range(list.__len__(entries)):
                if number == 10:
                    doomed.clear()
                    gc.collect()
                yield list.__getitem__(entries, number)

        monkeypatch.setattr(type(bucket), "__iter__", iterate)
        assert route(node) == 1
        assert all(each() is None for each in gone)
        monkeypatch.undo()

        assert survivor.calls == 1
        assert route(node) == 1
        assert len(index) == 1
        assert len(node.payloadIO.endpoints) == 1


class TestMaking:
    def test_needs_a_filt_with_a_key(self, node: Vortex) -> None:
        with pytest.raises(ValueError, match=r"needs a 'key' to route by, got \{'name': 'x'\}"):
            PayloadEndpoint({"name": "x"}, Owner().take, node)

    @pytest.mark.parametrize("filt", ["key", ["key"], None])
    def test_needs_a_filt_that_is_a_dict(self, node: Vortex, filt: Any) -> None:
        with pytest.raises(TypeError, match=r"an endpoint's filt is a dict, as in \{'key': 'jobs'\}, got"):
            PayloadEndpoint(filt, Owner().take, node)

    def test_needs_something_to_call(self, node: Vortex) -> None:
        with pytest.raises(TypeError, match="an endpoint needs something to call, got 'take'"):
            PayloadEndpoint(FILT, "take", node)  # type: ignore[arg-type]

    def test_that_finds_no_node_leaves_nothing_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet())
        owner = Owner()
        gone = weakref.ref(owner)

        with capturedLogs() as logged:
            for callable_ in (owner.take, plain):
                with pytest.raises(NoVortex, match="make one first, or pass vortex="):
                    PayloadEndpoint(FILT, callable_)
        gc.collect()

        assert logged == []
        del callable_, owner
        gc.collect()
        assert gone() is None

    def test_finds_the_only_live_node(self, node: Vortex, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([node]))
        owner = Owner()

        PayloadEndpoint(FILT, owner.take)

        assert route(node) == 1

    def test_takes_the_filt_as_it_is_then(self, node: Vortex) -> None:
        owner = Owner()
        filt = {"key": "jobs"}
        endpoint = PayloadEndpoint(filt, owner.take, node)

        filt["key"] = "else"

        assert endpoint.filt == FILT
        assert route(node) == 1
