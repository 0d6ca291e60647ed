"""Actions as they come in: by VortexPY's messages, spelled out, and by frames of the native wire by hand."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from tests.handlers.action_scene import FILT, Rename, asked
from tests.handlers.nodes import ThreadedVortex
from tests.routing.peers import FakePeer, came
from tests.transports.native_client import NativeClient
from vortex import Rejected, TupleActionProcessor, TupleGenericAction
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.routing.delivery import Delivery


class Office:
    """
    A delegate of the test's.

    Attributes:
        done: The titles of the actions that it was called with, in order.
        outcome: What it returns, or raises if that is an exception; "later": a Deferred of `waiting`.
    """

    def __init__(self) -> None:
        self.done: list[str | None] = []
        self.outcome: Any = None
        self.waiting: list[Deferred[Any]] = []
        self.cancelled = 0

    def __call__(self, action: Rename) -> Any:
        self.done.append(action.title)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome == "later":
            self.waiting.append(Deferred(self._cancel))
            return self.waiting[-1]
        return self.outcome

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def acts(server: Vortex, office: Office) -> TupleActionProcessor:
    acts = TupleActionProcessor("acts", server)
    acts.setDelegate(Rename, office)
    return acts


@pytest.fixture
def ada() -> FakePeer:
    return FakePeer()


def bring(server: Vortex, peer: FakePeer, *uuid: Any, **parts: Any) -> None:
    """An action comes in from *peer*."""
    server.payloadIO.route(came(*asked(*uuid, **parts)), peer)


def tuplesIn(message: dict[str, Any]) -> Any:
    return message["payload"]["tuples"]


@pytest.mark.usefixtures("acts")
class TestAnAnswer:
    def test_has_the_requests_filt_and_what_the_delegate_has_returned(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = ["dig", "sow"]

        bring(server, ada, title="mow")

        (answer,) = ada.sent
        assert answer["filt"] == {**FILT, "PayloadResponse.messageId": "m1"}
        assert answer["payload"]["filt"] == answer["filt"]
        assert answer["result"] is None
        assert tuplesIn(answer) == ["dig", "sow"]
        assert office.done == ["mow"]

    @pytest.mark.parametrize(
        ("outcome", "tuples"),
        [
            (None, []),
            ([], []),
            (("a", "b"), ["a", "b"]),
            ("ab", ["ab"]),
            ({"a": "b"}, [{"a": "b"}]),
            (2.5, [2.5]),
        ],
    )
    def test_has_a_list_whatever_was_returned(
        self, server: Vortex, ada: FakePeer, office: Office, outcome: Any, tuples: list[Any]
    ) -> None:
        office.outcome = outcome

        bring(server, ada)

        assert tuplesIn(ada.sent[0]) == tuples

    def test_has_a_tuple_alone_in_a_list(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        office.outcome = TupleGenericAction(key="k")

        bring(server, ada)

        assert [each["_c"] for each in tuplesIn(ada.sent[0])] == ["vortex.TupleGenericAction"]

    def test_says_with_which_code_and_words_it_was_refused(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = Rejected("it is raining", code="bad-weather")

        bring(server, ada)

        assert ada.results == ["bad-weather: it is raining"]
        assert "payload" not in ada.sent[0]
        assert ada.sent[0]["filt"] == {**FILT, "PayloadResponse.messageId": "m1"}

    def test_says_of_any_other_failure_no_more_than_an_id(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = ValueError("the secret")

        bring(server, ada)

        assert re.fullmatch("internal: [0-9a-f]{8}", ada.results[0])

    def test_says_that_nobody_carries_out_such_actions(self, server: Vortex, ada: FakePeer) -> None:
        filt, _ = asked()
        action = {"_ct": "rt", "_c": "vortex.TupleGenericAction", "uuid": "u", "key": "k", "data": None}

        server.payloadIO.route(came(filt, [action]), ada)

        assert ada.results == [
            "unknown-action: acts carries out no actions of the type vortex.TupleGenericAction"
        ]

    @pytest.mark.parametrize(
        ("tuples", "problem"),
        [
            (None, "expected one action, got 0 tuples - at tuples"),
            ([], "expected one action, got 0 tuples - at tuples"),
            (["a", "b"], "expected one action, got 2 tuples - at tuples"),
            (["a"], r"expected an action, derived from TupleAction, got 'a' - at tuples\[0\]"),
        ],
    )
    def test_says_what_is_wrong_with_what_is_no_action(
        self, server: Vortex, ada: FakePeer, office: Office, tuples: Any, problem: str
    ) -> None:
        server.payloadIO.route(came(asked()[0], tuples), ada)

        assert re.fullmatch(f"bad-payload: {problem}", ada.results[0])
        assert office.done == []

    def test_is_not_answered_itself(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        server.payloadIO.route(came(*asked(), _isReply=True), ada)
        server.payloadIO.route(came(*asked(), result="no"), ada)

        assert (ada.sent, office.done) == ([], [])


class TestADelegate:
    @pytest.fixture
    def processor(self, server: Vortex) -> TupleActionProcessor:
        return TupleActionProcessor("acts", server)

    def test_may_be_an_object_with_a_method(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer
    ) -> None:
        class Old:
            def processTupleAction(self, tupleAction: Rename) -> list[Any]:
                return [tupleAction.title]

        processor.setDelegate("actiontest.Rename", Old())

        bring(server, ada, title="dig")

        assert tuplesIn(ada.sent[0]) == ["dig"]

    def test_may_be_a_coroutine_function(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer
    ) -> None:
        gate: Deferred[str] = Deferred()

        async def later(action: Rename) -> list[Any]:
            return [action.title, await gate]

        processor.setDelegate(Rename, later)
        bring(server, ada, title="dig")
        assert ada.sent == []

        gate.callback("sow")

        assert tuplesIn(ada.sent[0]) == ["dig", "sow"]

    def test_is_told_who_asks_if_it_names_the_delivery(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer
    ) -> None:
        def who(action: Rename, delivery: Delivery) -> Any:
            return [delivery.peer.name, action.title]

        processor.setDelegate(Rename, who)

        bring(server, ada, title="dig")

        assert tuplesIn(ada.sent[0]) == ["ada", "dig"]

    def test_by_default_carries_out_what_has_none_of_its_own(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer, office: Office
    ) -> None:
        processor.setDefaultDelegate(lambda action: [action.key])
        processor.setDelegate(Rename, office)
        generic = {"_ct": "rt", "_c": "vortex.TupleGenericAction", "uuid": "u", "key": "k", "data": None}

        bring(server, ada, title="dig")
        server.payloadIO.route(came(asked()[0], [generic]), ada)

        assert office.done == ["dig"]
        assert tuplesIn(ada.sent[1]) == ["k"]

    def test_may_be_called_in_a_thread(self, clock: Clock, ada: FakePeer) -> None:
        server = ThreadedVortex("server", reactor=clock)
        processor = TupleActionProcessor("acts", server)
        processor.setDelegate(Rename, lambda action: [action.title], inThread=True)

        bring(server, ada, title="dig")
        assert ada.sent == []
        (work,) = server.waiting
        work()

        assert tuplesIn(ada.sent[0]) == ["dig"]

    def test_cannot_return_what_comes_later_from_a_thread(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer
    ) -> None:
        processor.setDelegate(Rename, lambda action: Deferred(), inThread=True)

        bring(server, ada)

        assert ada.results[0].startswith("internal: ")

    def test_is_followed_by_who_is_to_know_before_it_is_answered(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer
    ) -> None:
        told: list[Any] = []

        def tell(action: Rename, tuples: list[Any]) -> None:
            told.append((action.title, tuples, len(ada.sent)))
            raise ValueError("nobody's business")

        processor.setDelegate(Rename, lambda action: ["done"], then=tell)

        bring(server, ada, title="dig")

        assert told == [("dig", ["done"], 0)]
        assert tuplesIn(ada.sent[0]) == ["done"]

    def test_that_has_failed_is_followed_by_nobody(
        self, server: Vortex, processor: TupleActionProcessor, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = Rejected("no")
        told: list[Any] = []
        processor.setDelegate(Rename, office, then=lambda action, tuples: told.append(action))

        bring(server, ada)

        assert (told, ada.results) == ([], ["rejected: no"])

    @pytest.mark.parametrize(
        ("delegate", "problem"),
        [
            (7, "a delegate is a function, or an object with a method processTupleAction, got 7"),
            (lambda: None, r"should take some of \(action, delivery\), it takes \(\)"),
            (lambda action, session: None, r"should take some of \(action, delivery\), it takes"),
        ],
    )
    def test_that_cannot_be_called_is_refused_at_once(
        self, processor: TupleActionProcessor, delegate: Any, problem: str
    ) -> None:
        with pytest.raises(TypeError, match=problem):
            processor.setDelegate(Rename, delegate)

    def test_that_is_a_coroutine_function_is_refused_for_a_thread(
        self, processor: TupleActionProcessor
    ) -> None:
        async def later(action: Rename) -> None: ...

        with pytest.raises(TypeError, match="later is a coroutine function, which no thread can run"):
            processor.setDelegate(Rename, later, inThread=True)

    def test_is_for_a_class_or_a_name(self, processor: TupleActionProcessor, office: Office) -> None:
        with pytest.raises(TypeError, match="setDelegate takes a tuple's class, or its name on the wire"):
            processor.setDelegate(7, office)  # type: ignore[arg-type]


@pytest.mark.usefixtures("acts")
class TestAnActionThatComesAgain:
    def test_is_answered_as_it_was_and_not_carried_out_again(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = [Rename(uuid="r", id=7, title="dug")]
        bring(server, ada, "u-1")
        office.outcome = ["something else"]

        bring(server, ada, "u-1", messageId="m2")

        assert len(office.done) == 1
        first, second = ada.sent
        assert second["filt"] == {**FILT, "PayloadResponse.messageId": "m2"}
        assert tuplesIn(second) == tuplesIn(first)
        assert (second["result"], tuplesIn(second)[0]["title"]) == (None, "dug")

    def test_with_the_number_that_javascript_has_for_a_uuid_is_known_too(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        bring(server, ada, 1700000000000.25)
        bring(server, ada, 1700000000000.25, messageId="m2")
        bring(server, ada, 1700000000000.5, messageId="m3")

        assert (len(office.done), len(ada.sent)) == (2, 3)

    def test_stays_rejected_though_it_would_pass_by_now(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = Rejected("it is raining", code="bad-weather")
        bring(server, ada, "u-1")
        office.outcome = ["dug"]

        bring(server, ada, "u-1", messageId="m2")

        assert ada.results == ["bad-weather: it is raining"] * 2
        assert len(office.done) == 1

    def test_is_tried_again_if_it_has_crashed(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        office.outcome = ValueError("a mistake")
        bring(server, ada, "u-1")
        office.outcome = ["dug"]

        bring(server, ada, "u-1", messageId="m2")

        assert tuplesIn(ada.sent[1]) == ["dug"]
        assert len(office.done) == 2

    def test_while_it_is_carried_out_waits_for_that(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = "later"
        bring(server, ada, "u-1")
        bring(server, ada, "u-1", messageId="m2")

        office.waiting[0].callback(["dug"])

        assert len(office.done) == 1
        assert [tuplesIn(each) for each in ada.sent] == [["dug"], ["dug"]]

    def test_by_another_connection_of_the_same_identity_is_known(
        self, server: Vortex, office: Office
    ) -> None:
        one, other = FakePeer("one", identity="ada"), FakePeer("other", identity="ada")
        office.outcome = "later"
        bring(server, one, "u-1")
        bring(server, other, "u-1")

        office.waiting[0].callback(["dug"])

        assert len(office.done) == 1
        assert [tuplesIn(each.sent[0]) for each in (one, other)] == [["dug"], ["dug"]]

    def test_from_somebody_else_is_another_action(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        impostor = FakePeer("ada")
        office.outcome = ["for ada's eyes"]
        bring(server, ada, "u-1")
        office.outcome = ["nothing"]

        bring(server, impostor, "u-1")

        assert tuplesIn(impostor.sent[0]) == ["nothing"]
        assert len(office.done) == 2

    def test_without_a_uuid_is_another_action(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        filt, ((action),) = asked()
        del action["uuid"]

        for _ in range(2):
            server.payloadIO.route(came(filt, [action]), ada)

        assert len(office.done) == 2


@pytest.mark.usefixtures("acts")
class TestTheActionsOfAPeer:
    def test_are_carried_out_in_the_order_in_which_they_came(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = "later"
        for title in ("dig", "sow", "mow"):
            bring(server, ada, title, messageId=title, title=title)
        assert office.done == ["dig"]

        for number in range(3):
            office.waiting[number].callback(None)

        assert office.done == ["dig", "sow", "mow"]
        assert [each["filt"]["PayloadResponse.messageId"] for each in ada.sent] == ["dig", "sow", "mow"]

    def test_do_not_wait_for_those_of_another(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        office.outcome = "later"
        bring(server, ada, title="dig")
        bring(server, FakePeer("bob"), title="sow")

        assert office.done == ["dig", "sow"]

    def test_go_on_after_one_has_failed(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        office.outcome = ValueError("a mistake")
        bring(server, ada, "u-1")
        office.outcome = ["on"]

        bring(server, ada, "u-2", messageId="m2")

        assert tuplesIn(ada.sent[1]) == ["on"]

    def test_are_refused_past_a_bound(self, clock: Clock, ada: FakePeer, office: Office) -> None:
        server = Vortex("server", reactor=clock, limits=Limits(maxWaitingRequests=2))
        acts = TupleActionProcessor("acts", server)
        acts.setDelegate(Rename, office)
        office.outcome = "later"
        for number in range(3):
            bring(server, ada, number)

        assert ada.results == ["limit-exceeded: 2 actions of this peer wait already (maxWaitingRequests)"]
        office.waiting[0].callback(None)
        bring(server, ada, 4)
        assert len(ada.sent) == 2  # the first one's answer: there was room again


class TestAccess:
    BROKEN = "this is no payload"

    def bring(self, server: Vortex, peer: FakePeer) -> None:
        """A message that cannot be decoded, which is found out by whoever tries."""
        server.payloadIO.route(came(asked()[0], None, data=self.BROKEN), peer)

    def test_is_asked_before_anything_is_decoded(self, server: Vortex, ada: FakePeer) -> None:
        class Nobody:
            def mayAccept(self, peer: Any, name: str, filt: Mapping[str, Any]) -> bool:
                wanted.append((peer.name, name, filt["name"]))
                return False

        wanted: list[Any] = []
        acts = TupleActionProcessor("acts", server, access=Nobody())

        self.bring(server, ada)

        assert ada.results == ["access-denied: you may not do this"]
        assert wanted == [("ada", "acts", "acts")]
        acts.shutdown()
        acts = TupleActionProcessor("acts", server)
        self.bring(server, ada)
        assert ada.results[1].startswith("bad-payload: ")

    def test_lets_no_long_body_be_opened_of_who_may_not(
        self, clock: Clock, ada: FakePeer, office: Office
    ) -> None:
        server = ThreadedVortex("server", reactor=clock)
        title = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
        for access in (set[str](), None):
            acts = TupleActionProcessor("acts", server, access=access)
            acts.setDelegate(Rename, office)
            bring(server, ada, title=title)
            assert len(server.waiting) == (0 if access is not None else 1)
            acts.shutdown()

        server.waiting[0]()

        assert ada.results == ["access-denied: you may not do this", None]
        assert office.done == [title]

    @pytest.mark.parametrize("said", ["yes", 1, [True], None, ValueError("a mistake")])
    @pytest.mark.parametrize("kind", ["an object", "a function"])
    def test_lets_pass_by_exactly_true(
        self, server: Vortex, ada: FakePeer, office: Office, said: Any, kind: str
    ) -> None:
        def says(*_: Any) -> Any:
            if isinstance(said, Exception):
                raise said
            return said

        class Asked:
            mayAccept = staticmethod(says)

        acts = TupleActionProcessor("acts", server, access=Asked() if kind == "an object" else says)
        acts.setDelegate(Rename, office)

        bring(server, ada)

        assert ada.results == ["access-denied: you may not do this"]
        assert office.done == []

    def test_may_be_a_set_of_roles(self, server: Vortex, office: Office) -> None:
        acts = TupleActionProcessor("acts", server, access={"foreman"})
        acts.setDelegate(Rename, office)
        ada, bob = FakePeer("ada", roles={"foreman"}), FakePeer("bob", roles={"guest"})

        bring(server, ada, title="ada's")
        bring(server, bob, title="bob's")

        assert office.done == ["ada's"]
        assert bob.results == ["access-denied: you may not do this"]

    def test_may_be_a_function_that_is_asked_for_a_write(
        self, server: Vortex, ada: FakePeer, office: Office
    ) -> None:
        asked: list[Any] = []

        def access(peer: Any, operation: str, filt: Mapping[str, Any]) -> bool:
            asked.append((peer.name, operation, filt["key"]))
            return True

        acts = TupleActionProcessor("acts", server, access=access)
        acts.setDelegate(Rename, office)

        bring(server, ada, title="dig")

        assert asked == [("ada", "write", "tupleActionProcessorName")]
        assert office.done == ["dig"]


class TestAProcessor:
    def test_hears_what_has_its_own_filt_alone(self, server: Vortex, ada: FakePeer, office: Office) -> None:
        acts = TupleActionProcessor("acts", server, filt={"shop": 1})
        acts.setDelegate(Rename, office)
        filt, tuples = asked()

        server.payloadIO.route(came(filt, tuples), ada)
        server.payloadIO.route(came({**filt, "name": "others", "shop": 1}, tuples), ada)
        assert office.done == []
        server.payloadIO.route(came({**filt, "shop": 1}, tuples), ada)

        assert len(office.done) == 1

    def test_takes_none_after_its_shutdown_and_finishes_what_it_has(
        self, server: Vortex, acts: TupleActionProcessor, ada: FakePeer, office: Office
    ) -> None:
        office.outcome = "later"
        bring(server, ada, "u-1", title="dig")
        bring(server, ada, "u-2", title="sow")

        acts.shutdown()
        bring(server, ada, "u-3", title="mow")
        for number in range(2):
            office.waiting[number].callback(None)

        assert office.done == ["dig", "sow"]
        assert len(ada.sent) == 2

    def test_is_gone_when_nobody_keeps_it(self, server: Vortex, office: Office) -> None:
        acts = TupleActionProcessor("acts", server)
        acts.setDelegate(Rename, office)
        gone = weakref.ref(acts)

        del acts
        gc.collect()

        assert gone() is None
        assert server.payloadIO.endpoints == ()

    def test_needs_a_name(self, server: Vortex) -> None:
        with pytest.raises(TypeError, match=r"an action processor has a name, as in 'demo.actions', got 7"):
            TupleActionProcessor(7, server)  # type: ignore[arg-type]


@pytest.mark.usefixtures("acts")
class TestOnTheNativeWire:
    ACTION = ("actiontest.Rename", {"uuid": "u-1", "title": "dig"})

    @pytest.fixture
    def ada(self, server: Vortex) -> NativeClient:
        client = NativeClient(server)
        client.begin()
        return client

    def test_is_answered_as_it_was_to_the_byte_in_another_session(
        self, ada: NativeClient, office: Office, clock: Clock
    ) -> None:
        office.outcome = ["dug"]
        ada.send(1, FILT, [self.ACTION])
        first = ada.messages
        ada.leave()
        clock.advance(5)

        ada.begin(next=2)
        ada.send(1, FILT, [self.ACTION])

        assert office.done == ["dig"]
        assert (ada.replies, ada.messages) == ([(1, None)], first)

    def test_stays_rejected(self, ada: NativeClient, office: Office) -> None:
        office.outcome = Rejected("it is raining", code="bad-weather")
        ada.send(1, FILT, [self.ACTION])
        office.outcome = ["dug"]
        ada.leave()

        ada.begin(next=2)
        ada.send(1, FILT, [self.ACTION])

        assert ada.replies == [(1, "bad-weather: it is raining")]
        assert office.done == ["dig"]

    def test_sent_again_as_another_request_is_known_by_its_uuid(
        self, ada: NativeClient, office: Office
    ) -> None:
        office.outcome = ["dug"]
        ada.send(1, FILT, [self.ACTION])

        ada.send(2, FILT, [self.ACTION])

        assert office.done == ["dig"]
        assert [each.body for each in ada.answers] == [[{"v": ["dug"]}], [{"v": ["dug"]}]]

    def test_is_cancelled_when_nobody_waits_any_more(self, ada: NativeClient, office: Office) -> None:
        office.outcome = "later"
        ada.send(1, FILT, [self.ACTION])
        ada.send(2, FILT, [("actiontest.Rename", {"uuid": "u-2", "title": "sow"})])
        ada.send(3, FILT, [("actiontest.Rename", {"uuid": "u-3", "title": "mow"})])

        ada.cancel(2)
        ada.cancel(1)

        assert office.cancelled == 1
        assert office.waiting[0].called
        assert office.done == ["dig", "mow"]
        assert ada.replies == []

    def test_that_was_cancelled_may_be_tried_again(self, ada: NativeClient, office: Office) -> None:
        office.outcome = "later"
        ada.send(1, FILT, [self.ACTION])
        ada.cancel(1)
        office.outcome = ["dug"]

        ada.send(2, FILT, [self.ACTION])

        assert ada.replies == [(2, None)]
        assert office.done == ["dig", "dig"]

    def test_in_a_thread_takes_effect_though_nobody_waits_for_it_any_more(
        self, clock: Clock, office: Office
    ) -> None:
        server = ThreadedVortex("server", reactor=clock)
        acts = TupleActionProcessor("acts", server)
        office.outcome = ["dug"]
        told: list[Any] = []
        acts.setDelegate(Rename, office, inThread=True, then=lambda action, tuples: told.append(tuples))
        ada = NativeClient(server)
        ada.begin()
        ada.send(1, FILT, [self.ACTION])

        ada.cancel(1)
        (work,) = server.waiting
        work()

        assert (office.done, told, ada.replies) == (["dig"], [["dug"]], [])
        ada.send(2, FILT, [self.ACTION])
        assert (office.done, ada.replies) == (["dig"], [(2, None)])

    def test_of_a_coroutine_is_cancelled_where_it_waits(
        self, ada: NativeClient, acts: TupleActionProcessor
    ) -> None:
        ended: list[str] = []

        async def dig(action: Rename) -> None:
            try:
                await Deferred()
            except CancelledError:
                ended.append("cancelled")
                raise

        acts.setDelegate(Rename, dig)
        ada.send(1, FILT, [self.ACTION])

        ada.cancel(1)

        assert ended == ["cancelled"]
