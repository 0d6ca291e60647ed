"""Middle nodes: an observable and a processor of another node's, through one of them, two and three."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.handlers.action_scene import Rename
from tests.handlers.observed import JOBS, Job, Plain, Told
from tests.handlers.relay_scene import Chain, Watching
from tests.node.links import cutAll
from vortex import Limits, TupleDataObservableProxy, TupleSelector
from vortex.access.tuple_access import TupleAccess
from vortex.errors import AccessDenied, NotConnected, Rejected, RemoteError, RequestTimeout
from vortex.handlers.action_client import TupleActionClient
from vortex.handlers.action_proxy import TupleActionProxy
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.handlers.observable_proxy import AFTER_TIMEOUT, POLL_TIMEOUT
from vortex.handlers.observer import TupleDataObserver
from vortex.live import row as live_row
from vortex.live import state as live_state
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.live.watcher import PlainWatcher
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.ports import Peer
from vortex.testing import VortexHarness
from vortex.tuples.change import TupleChange


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def chain(harness: VortexHarness) -> Iterator[Chain]:
    made = Chain(harness)
    yield made
    made.close()


@pytest.fixture(params=[1, 2, 3])
def hops(harness: VortexHarness, request: pytest.FixtureRequest) -> Iterator[Chain]:
    made = Chain(harness, request.param)
    yield made
    made.close()


class TestThroughMiddleNodes:
    def test_who_watches_sees_what_there_is_and_each_change(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        hops.put(k3="jam")
        hops.put(k1="coffee")
        del hops.rows[2]
        hops.put()

        assert ada.told == [
            (["tea", "milk"], [("created", 1), ("created", 2)]),
            (["tea", "milk", "jam"], [("created", 3)]),
            (["coffee", "milk", "jam"], [("updated", 1)]),
            (["coffee", "jam"], [("deleted", 2)]),
        ]

    def test_positions_are_those_of_the_server(self, hops: Chain) -> None:
        far, near = hops.watcher("far"), hops.watcher("near", hops.server)
        hops.put(k3="jam")

        assert far.subscription.position == near.subscription.position is not None

    def test_a_delta_stays_one(self, hops: Chain) -> None:
        """What comes to the one who watches is the row that has changed, and where it stands."""
        ada = hops.watcher("ada")
        came = pushesTo(ada)
        hops.rows = {9: "first", **hops.rows}
        hops.put()
        hops.put(k2="cream")

        assert [(view["f"], view["t"], view.get("i"), rows) for view, rows in came] == [
            (1, 2, [[0, 0]], [9]),
            (2, 3, None, [2]),
        ]
        assert ada.titles == ["first", "tea", "cream"]

    def test_an_action_is_carried_out_once_and_answered(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        tuples = hops.harness.resultOf(ada.actions.pushAction(Rename(id=1, title="coffee")))

        assert tuples == [Job(id=1, title="coffee")]
        assert hops.done == [(1, "coffee")]

    def test_an_error_keeps_its_code_and_text(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        with pytest.raises(RemoteError, match="it needs a title") as caught:
            hops.harness.resultOf(ada.actions.pushAction(Rename(id=1)))
        assert caught.value.code == "no-title"

        unknown = ada.observer.subscribe(TupleSelector(name="observed.Nothing"))
        with pytest.raises(RemoteError, match="nothing here provides") as caught:
            hops.harness.resultOf(unknown.synced)
        assert caught.value.code == "unknown-observable"

    def test_an_action_is_done_when_what_it_did_is_shown(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        seen: list[list[str]] = []
        pushed = ada.actions.pushAction(Rename(id=1, title="coffee"), until=ada.subscription)
        pushed.addCallback(lambda _: seen.append(ada.titles))
        hops.harness.settle()

        assert seen == [["coffee", "milk"]]

    def test_after_is_said_by_the_numbers_of_this_node(self, hops: Chain) -> None:
        other = hops.watcher("other")
        other.observer.subscribe(TupleSelector(name="observed.Job", selector={"a": 1}))
        hops.harness.settle()
        ada = hops.watcher("ada")
        views: list[Any] = []
        asked = ada.vortex.request(
            Payload({"key": "tupleActionProcessorName", "name": "acts"}, [Rename(id=1, title="coffee")])
        )
        asked.addCallback(lambda answer: views.append(answer.filt["view"]))
        hops.harness.settle()

        [view] = views
        assert {str(number): serial for number, serial in view["after"].items()} == {
            str(ada.subscription.view.number): 2
        }

    def test_the_loss_of_every_connection_loses_nothing(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        cutAll(hops.harness)
        hops.put(k3="jam")
        hops.harness.advance(20)
        hops.put(k4="salt")

        assert ada.titles == ["tea", "milk", "jam", "salt"]
        assert [changes for _, changes in ada.told[1:]] == [[("created", 3)], [("created", 4)]]


def pushesTo(watching: Watching) -> list[tuple[dict[str, Any], list[int]]]:
    """What stands under ``view`` of what is pushed to it from now on, and the keys of the tuples."""
    came: list[tuple[dict[str, Any], list[int]]] = []

    def note(payload: Payload, delivery: Delivery) -> None:
        if delivery.isReply and "view" in payload.filt:
            came.append((payload.filt["view"], [job.id for job in payload.tuples]))

    watching.kept = PayloadEndpoint({"key": "tupleDataObservable"}, note, watching.vortex)  # type: ignore[attr-defined]
    return came


class TestManyWatchers:
    def test_are_one_to_the_server(self, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
        watching = [chain.watcher(f"w{number}") for number in range(20)]
        [watch] = chain.handler._watches.watches
        assert (len(watch.watchers), chain.made) == (1, 1)
        encoded: list[Message] = []
        encode = Message._encodeNative

        def note(message: Message) -> bytes:
            encoded.append(message)
            return encode(message)

        monkeypatch.setattr(Message, "_encodeNative", note)
        chain.put(k3="jam")

        assert all(each.titles == ["tea", "milk", "jam"] for each in watching)
        assert chain.made == 2
        assert len(encoded) == 2  # by the server, and by the middle node

    @pytest.mark.parametrize("count", [10, 500])
    def test_cost_the_same_for_a_row_in_any_view(
        self, chain: Chain, monkeypatch: pytest.MonkeyPatch, count: int
    ) -> None:
        chain.rows = dict.fromkeys(range(count), "tea")
        ada = chain.watcher("ada")
        looked: list[Any] = []

        def note(record: Any) -> live_row.Row:
            looked.append(record)
            return live_row.rowOf(record)

        monkeypatch.setattr(live_state, "rowOf", note)
        chain.handler.notifyOfTupleUpdate(
            JOBS, [TupleChange(op="updated", key=5, record=Job(id=5, title="coffee"))]
        )
        chain.harness.settle()

        assert ada.titles[5] == "coffee"
        assert [job.id for job in looked] == [5, 5]  # at the server, and at the middle node

    def test_that_have_left_cost_nothing_after_a_while(self, chain: Chain) -> None:
        ada, bob = chain.watcher("ada"), chain.watcher("bob")
        [watch] = chain.handler._watches.watches
        ada.subscription.close()
        bob.subscription.close()
        chain.harness.advance(59)
        assert len(watch.watchers) == 1
        chain.put(k3="jam")
        cleo = chain.watcher("cleo")
        assert (cleo.titles, chain.made) == (["tea", "milk", "jam"], 2)
        cleo.subscription.close()
        chain.harness.advance(61)

        assert len(watch.watchers) == 0
        assert chain.proxies[0]._relayed == {}
        assert chain.proxies[0].observer._views == {}


class TestTheLossOfTheServer:
    def test_leaves_what_was(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        chain.links[0].close()
        chain.harness.settle()
        bob = chain.watcher("bob")

        assert (ada.titles, ada.subscription.state) == (["tea", "milk"], "current")
        assert (bob.titles, bob.subscription.state) == (["tea", "milk"], "current")

    def test_and_its_return_tell_what_has_changed(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        position = ada.subscription.position
        chain.links[0].close()
        chain.put(k3="jam")
        came = pushesTo(ada)
        chain.connect(chain.relays[0], chain.server)

        assert ada.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]
        assert [(view["f"], view["t"]) for view, _ in came] == [(1, 2)]
        assert position is not None
        assert ada.subscription.position == position.replace(".1", ".2")

    def test_that_was_started_anew_tells_what_is_different(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        chain.links[0].close()
        chain.handler.shutdown()
        chain.processor.shutdown()
        chain.rows = {2: "cream", 4: "salt"}
        chain.serve()
        chain.connect(chain.relays[0], chain.server)

        assert ada.told[1:] == [(["cream", "salt"], [("deleted", 1), ("updated", 2), ("created", 4)])]

    def test_is_an_error_to_who_asks_for_what_was_never_there(self, chain: Chain) -> None:
        chain.links[0].close()
        chain.harness.settle()
        ada = chain.watcher("ada")
        assert str(ada.subscription.error) == "there is no peer named 'server' to ask"
        with pytest.raises(RemoteError) as caught:
            chain.harness.resultOf(ada.actions.pushAction(Rename(id=1, title="x")))
        assert caught.value.code == NotConnected.code
        with pytest.raises(RemoteError) as caught:
            chain.harness.resultOf(ada.observer.poll(JOBS))
        assert caught.value.code == NotConnected.code
        chain.connect(chain.relays[0], chain.server)
        chain.harness.advance(60)

        assert ada.titles == ["tea", "milk"]


class Restarted:
    """
    A chain whose server was started anew, and has not said yet what there is: the middle node has asked.

    Attributes:
        ada: Who watches.
        states: What is being made at the server: what to fire, and the state at the time when it was begun.
        seen: What was shown when each action was done.
    """

    def __init__(self, chain: Chain, policy: DeliveryPolicy | None = None) -> None:
        self.chain = chain
        self.states: list[tuple[Deferred[Any], list[Any]]] = []
        self.seen: list[list[str]] = []
        self.ada = chain.watcher("ada")
        self.ada.observer.subscribe(JOBS, policy=policy)
        chain.harness.settle()
        chain.links[0].close()
        chain.handler.shutdown()
        chain.processor.shutdown()
        make = chain.make

        def makeSlowly(selector: TupleSelector, peer: Any) -> Deferred[Any]:
            self.states.append((Deferred(), make(selector, peer)))
            return self.states[-1][0]

        chain.make = makeSlowly  # type: ignore[assignment, method-assign]
        chain.serve()
        chain.connect(chain.relays[0], chain.server)
        chain.harness.settle()

    def push(self, key: int, title: str) -> None:
        pushed = self.ada.actions.pushAction(Rename(id=key, title=title), until=self.ada.subscription)
        pushed.addCallback(lambda _: self.seen.append(self.ada.titles))
        self.chain.harness.settle()

    def finish(self) -> None:
        """What is being made is there."""
        for made, rows in self.states:
            if not made.called:
                made.callback(rows)
        self.chain.harness.settle()


class TestAnActionWhileTheServerIsNotWatchedAgain:
    def test_is_done_when_what_it_did_is_shown(self, chain: Chain) -> None:
        anew = Restarted(chain)
        anew.push(1, "coffee")
        assert (len(anew.states), chain.done, anew.seen) == (1, [(1, "coffee")], [])
        anew.finish()  # as it was before the action
        assert (len(anew.states), anew.ada.titles, anew.seen) == (2, ["tea", "milk"], [])
        anew.finish()

        assert anew.seen == [["coffee", "milk"]]

    def test_is_done_when_it_is_shown_to_who_is_told_less_often(self, chain: Chain) -> None:
        anew = Restarted(chain, DeliveryPolicy(minInterval=3))
        anew.push(1, "coffee")
        anew.finish()
        anew.finish()
        assert (anew.ada.titles, anew.seen) == (["tea", "milk"], [])
        chain.harness.advance(3)

        assert anew.seen == [["coffee", "milk"]]

    def test_is_done_though_nothing_can_be_shown_for_long(self, chain: Chain) -> None:
        anew = Restarted(chain)
        anew.push(1, "coffee")
        chain.harness.advance(AFTER_TIMEOUT - 0.5)
        assert anew.seen == []
        chain.harness.advance(1)
        assert anew.seen == [["tea", "milk"]]
        anew.finish()
        anew.finish()

        assert anew.ada.titles == ["coffee", "milk"]

    def test_is_done_at_once_where_the_state_is_refused(self, chain: Chain) -> None:
        anew = Restarted(chain)
        anew.states[0][0].errback(Rejected("not today"))
        chain.harness.settle()
        anew.push(1, "coffee")

        assert anew.seen == [["tea", "milk"]]

    def test_is_done_when_it_is_shown_to_who_sees_some_rows_only(self, harness: VortexHarness) -> None:
        class Even(TupleAccess):
            def maySend(self, peer: Peer, record: Any) -> bool:
                return bool(record.id % 2 == 0)

        chain = Chain(harness, access=Even())
        anew = Restarted(chain)
        anew.push(2, "cream")
        assert anew.seen == []
        anew.finish()
        anew.finish()

        assert anew.seen == [["cream"]]
        chain.close()


class TestARightThatIsLost:
    def test_at_the_server_is_the_end_for_who_watches(self, chain: Chain) -> None:
        may = [True]
        chain.handler.shutdown()
        chain.handler = TupleDataObservableHandler("jobs", chain.server, access=lambda *_: may[0])
        chain.handler.addTupleProvider(Job, chain.make)
        ada = chain.watcher("ada")
        assert ada.titles == ["tea", "milk"]
        may[0] = False
        chain.put(k3="jam")
        assert ada.subscription.error is not None
        assert (ada.subscription.error.code, ada.titles) == (AccessDenied.code, ["tea", "milk"])
        bob = chain.watcher("bob")
        assert bob.subscription.error is not None
        assert (bob.subscription.error.code, bob.titles) == (AccessDenied.code, [])
        may[0] = True
        chain.harness.advance(120)

        assert ada.titles == bob.titles == ["tea", "milk", "jam"]
        assert ada.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]


class TestAServerWithoutHandlers:
    def test_that_has_them_later_is_shown(self, hops: Chain) -> None:
        hops.handler.shutdown()
        hops.processor.shutdown()
        ada = hops.watcher("ada")
        assert ada.subscription.error is not None
        assert (ada.subscription.error.code, ada.titles) == ("unknown-observable", [])
        with pytest.raises(RemoteError, match="nothing at 'server' offers an action processor") as caught:
            hops.harness.resultOf(ada.actions.pushAction(Rename(id=1, title="x")))
        assert caught.value.code == "unknown-action"
        hops.serve()
        hops.harness.advance(120)

        assert (ada.titles, ada.subscription.error) == (["tea", "milk"], None)

    def test_carries_an_action_out_that_is_pushed_anew_when_it_has_them(self, hops: Chain) -> None:
        hops.processor.shutdown()
        ada = hops.watcher("ada")
        action = Rename(id=1, title="coffee")
        with pytest.raises(RemoteError, match="nothing at 'server' offers an action processor"):
            hops.harness.resultOf(ada.actions.pushAction(action))
        hops.handler.shutdown()
        hops.serve()
        pushed = ada.actions.pushAction(action)
        hops.harness.settle()

        assert [job.title for job in hops.harness.resultOf(pushed)] == ["coffee"]
        assert hops.done == [(1, "coffee")]

    def test_that_was_started_anew_goes_on_when_it_has_them(self, hops: Chain) -> None:
        ada = hops.watcher("ada")
        hops.links[0].close()
        hops.handler.shutdown()
        hops.processor.shutdown()
        hops.connect(hops.relays[0], hops.server)
        assert ada.subscription.error is not None
        assert (ada.subscription.error.code, ada.titles) == ("unknown-observable", ["tea", "milk"])
        hops.rows = {2: "cream"}
        hops.serve()
        hops.harness.advance(120)

        assert ada.titles == ["cream"]
        assert ada.told[1:] == [(["cream"], [("deleted", 1), ("updated", 2)])]


class TestTheLossOfTheMiddleNode:
    def test_and_another_in_its_place_tell_what_has_changed(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        position = ada.subscription.position
        chain.harness.resultOf(chain.relays[0].shutdown())
        chain.put(k3="jam")
        assert ada.subscription.state == "stale"
        chain.proxies.pop().shutdown()
        chain.relays.clear()
        chain.addRelay("relay1")
        chain.connect(ada.vortex, chain.relays[0])

        assert ada.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]
        assert position is not None
        assert ada.subscription.position == position.replace(".1", ".2")

    def test_a_position_is_good_at_another_node(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        position, kept = ada.subscription.position, list(ada.subscription.tuples)
        ada.subscription.close()
        chain.put(k3="jam")
        bob = chain.harness.node("bob")
        chain.connect(bob, chain.server)
        told = Told()
        observer = TupleDataObserver("jobs", "server", bob)
        observer.subscribe(JOBS, told, position=position, tuples=kept)
        chain.harness.settle()

        assert told == [(["tea", "milk", "jam"], [("created", 3)])]


class TestWhoMay:
    def test_is_asked_here(self, harness: VortexHarness) -> None:
        may: list[object] = [False]
        chain = Chain(harness, access=lambda *_: may[0])
        ada = chain.watcher("ada")
        assert str(ada.subscription.error) == "you may not see this"
        assert chain.made == 0
        may[0] = True
        harness.advance(60)
        assert ada.titles == ["tea", "milk"]
        may[0] = False
        chain.put(k3="jam")

        assert ada.titles == ["tea", "milk"]
        assert ada.subscription.error is not None
        assert ada.subscription.error.code == AccessDenied.code
        chain.close()

    def test_see_which_row_is_asked_here_too(self, harness: VortexHarness) -> None:
        class Even(TupleAccess):
            def maySend(self, peer: Peer, record: Any) -> bool:
                return bool(record.id % 2 == 0)

        chain = Chain(harness, access=Even())
        ada = chain.watcher("ada")
        seen: list[list[str]] = []
        pushed = ada.actions.pushAction(Rename(id=4, title="salt"), until=ada.subscription)
        pushed.addCallback(lambda _: seen.append(ada.titles))
        chain.put(k3="jam")

        assert seen == [["milk", "salt"]]
        assert ada.titles == ["milk", "salt"]
        chain.close()

    def test_ask_for_actions_is_asked_here(self, chain: Chain) -> None:
        class Nobody(TupleAccess):
            def mayAccept(self, peer: Peer, actionName: str, header: Any) -> bool:
                return peer.name == "bob"

        chain.actionProxies.pop().shutdown()
        chain.actionProxies.append(TupleActionProxy("acts", "server", chain.relays[0], access=Nobody()))
        ada, bob = chain.watcher("ada"), chain.watcher("bob")
        with pytest.raises(RemoteError, match="you may not do this"):
            chain.harness.resultOf(ada.actions.pushAction(Rename(id=1, title="x")))
        chain.harness.resultOf(bob.actions.pushAction(Rename(id=1, title="y")))

        assert chain.done == [(1, "y")]


class TestAnActionThatTakesLong:
    @pytest.fixture
    def slow(self, chain: Chain) -> list[Deferred[Any]]:
        """What the server's delegate waits for, for each action that it was given."""
        waiting: list[Deferred[Any]] = []

        def wait(action: Rename) -> Deferred[Any]:
            waiting.append(Deferred(lambda cancelled: cancelled.callback("cancelled")))
            return waiting[-1]

        chain.processor.setDelegate(Rename, wait)
        return waiting

    def test_is_cancelled_at_the_server_when_nobody_waits_any_more(
        self, chain: Chain, slow: list[Deferred[Any]]
    ) -> None:
        ada = chain.watcher("ada")
        pushed = ada.actions.pushAction(Rename(id=1, title="x"), timeout=None)
        pushed.addErrback(lambda _: None)
        chain.harness.settle()
        assert not slow[0].called
        pushed.cancel()
        chain.harness.settle()

        assert slow[0].called

    def test_ends_at_the_time_that_who_asks_has_given(self, chain: Chain, slow: list[Deferred[Any]]) -> None:
        ada = chain.watcher("ada")
        pushed = ada.actions.pushAction(Rename(id=1, title="x"), timeout=5)
        pushed.addErrback(lambda _: None)
        chain.harness.advance(6)

        assert slow[0].called

    def test_is_one_of_so_many_that_may_wait(self, harness: VortexHarness) -> None:
        server, relay = harness.node("server"), harness.node("relay", limits=Limits(maxWaitingRequests=2))
        silent = PayloadEndpoint({"key": "tupleActionProcessorName"}, lambda *_: Deferred(), server)
        harness.connect(relay, server, wire="native")
        proxy = TupleActionProxy("acts", "server", relay)
        ada = harness.node("ada")
        harness.connect(ada, relay, wire="native")
        client = TupleActionClient("acts", "relay", ada)
        waiting = [client.pushAction(Rename(id=number)) for number in range(2)]

        with pytest.raises(RemoteError, match="2 requests of this peer wait for an answer already"):
            harness.resultOf(client.pushAction(Rename(id=3)))
        for each in waiting:
            each.addErrback(lambda _: None)
            each.cancel()
        harness.settle()
        assert (len(proxy._waiting), silent.isLive) == (0, True)


class TestPoll:
    def test_is_passed_on_where_nobody_watches(self, chain: Chain) -> None:
        node = chain.harness.node("ada")
        chain.connect(node, chain.relays[0])
        tuples = chain.harness.resultOf(TupleDataObserver("jobs", "relay1", node).poll(JOBS))

        assert [job.title for job in tuples] == ["tea", "milk"]
        assert chain.handler._watches.watches == ()

    def test_is_answered_from_what_is_watched(self, chain: Chain) -> None:
        ada = chain.watcher("ada")
        tuples = chain.harness.resultOf(ada.observer.poll(JOBS))

        assert [job.title for job in tuples] == ["tea", "milk"]
        assert chain.made == 1

    def test_is_not_waited_for_forever(self, chain: Chain) -> None:
        chain.handler.shutdown()
        silent = PayloadEndpoint({"key": "tupleDataObservable"}, lambda _, delivery: None, chain.server)
        node = chain.harness.node("ada")
        chain.connect(node, chain.relays[0])
        asked = TupleDataObserver("jobs", "relay1", node).poll(JOBS, timeout=None)
        chain.harness.advance(POLL_TIMEOUT + 1)

        with pytest.raises(RemoteError) as caught:
            chain.harness.resultOf(asked)
        assert (caught.value.code, silent.isLive) == (RequestTimeout.code, True)


class TestACircle:
    def test_of_two_nodes_that_show_each_other_ends(self, harness: VortexHarness) -> None:
        a, b = harness.node("a"), harness.node("b")
        harness.connect(a, b, wire="native")
        proxies = [TupleDataObservableProxy("jobs", "b", a), TupleDataObservableProxy("jobs", "a", b)]
        ada = harness.node("ada")
        harness.connect(ada, a, wire="native")
        subscription = TupleDataObserver("jobs", "a", ada).subscribe(JOBS)

        with pytest.raises(RemoteError) as caught:
            harness.resultOf(subscription.synced)
        assert caught.value.code == "unknown-observable"
        for proxy in proxies:
            proxy.shutdown()


class TestVortexPY:
    def test_peers_of_it_are_sent_the_whole_state(self, chain: Chain) -> None:
        old = OldClient(chain)
        old.subscribe()
        chain.put(k3="jam")

        assert old.came == [["tea", "milk"], ["tea", "milk", "jam"]]
        old.send({"unsubscribe": True})
        chain.put(k4="salt")
        assert len(old.came) == 2

    def test_peers_of_it_have_actions_passed_on(self, chain: Chain) -> None:
        old = OldClient(chain)
        client = TupleActionClient("acts", "relay1", old.vortex)
        tuples = chain.harness.resultOf(client.pushAction(Rename(id=1, title="coffee")))
        with pytest.raises(RemoteError, match="it needs a title"):
            chain.harness.resultOf(client.pushAction(Rename(id=1)))

        assert tuples == [Job(id=1, title="coffee")]

    def test_servers_of_it_are_shown_as_deltas(self, harness: VortexHarness) -> None:
        plain = Plain(harness)
        relay = harness.node("relay")
        harness.link(plain.server, relay)
        proxy = TupleDataObservableProxy("jobs", "server", relay)
        node = harness.node("ada")
        harness.connect(node, relay, wire="native")
        ada = Watching(node, "relay")
        harness.settle()
        came = pushesTo(ada)
        plain.push([Job(id=1, title="coffee"), Job(id=3, title="jam")])
        plain.push([Job(id=1, title="coffee"), Job(id=3, title="jelly")])

        assert ada.told == [
            (["tea"], [("created", 1)]),
            (["coffee", "jam"], [("updated", 1), ("created", 3)]),
            (["coffee", "jelly"], [("updated", 3)]),
        ]
        assert [rows for _, rows in came] == [[1, 3], [3]]
        assert len(plain.asked) == 1
        proxy.shutdown()


class OldClient:
    """A program that speaks VortexPY's wire to the last middle node, and keeps the titles that come."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.vortex = chain.harness.node("old")
        self.came: list[list[str]] = []
        self._endpoint = PayloadEndpoint({"key": "tupleDataObservable"}, self._take, self.vortex)
        chain.harness.link(chain.relays[-1], self.vortex)

    def _take(self, payload: Payload, _delivery: Delivery) -> None:
        self.came.append([job.title for job in payload.tuples])

    def send(self, keys: dict[str, Any]) -> None:
        filt = {
            "key": "tupleDataObservable",
            "name": "jobs",
            "tupleSelector": JOBS,
            "observerName": "default",
        }
        self.vortex.send(Payload({**filt, **keys}))
        self._chain.harness.settle()

    def subscribe(self) -> None:
        self.send({"subscribe": True})


class TestAnOldClient:
    def test_is_known_by_the_beginnings_of_its_observers_names(self, chain: Chain) -> None:
        old = OldClient(chain)
        for letter in "abc":
            old.send({"subscribe": True, "observerName": letter * 100_000})
        (watch,) = chain.proxies[-1]._watches.watches
        (watcher,) = watch.watchers
        assert isinstance(watcher, PlainWatcher)
        assert sorted(map(len, watcher.names)) == [128] * 3

        for letter in "abc":
            assert watch.watchers
            old.send({"subscribe": False, "unsubscribe": True, "observerName": letter * 100_000})
        assert not watch.watchers


class TestAProxy:
    def test_that_nobody_refers_to_is_gone(self, harness: VortexHarness) -> None:
        chain = Chain(harness)
        chain.watcher("ada")
        [watch] = chain.handler._watches.watches
        chain.proxies.clear()
        gc.collect()
        harness.advance(60)

        assert len(watch.watchers) == 0
        chain.close()
