"""TupleLoader: what a program sees of a peer's models, on a virtual clock and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.handlers.observed import Job, Told
from tests.node.links import AlwaysLongest, cutAll
from vortex import ModelHandler, TupleLoader
from vortex.errors import DecodeError, EncodeError, NotConnected, Rejected, RemoteError
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.node.vortex_connection import VortexConnection
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.testing import VortexHarness

FILT = {"key": "jobs"}


class Models(ModelHandler):
    """
    Jobs by the list that is asked for.

    Attributes:
        lists: Titles by key, by list.
        asked: Each filt that one was built for.
    """

    def __init__(self, vortex: Any, **options: Any) -> None:
        super().__init__(FILT, vortex, **options)
        self.lists: dict[str | None, dict[int, str]] = {None: {1: "tea", 2: "milk"}, "b": {7: "bread"}}
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Any]:
        self.asked.append(filt)
        if self.failure is not None:
            raise self.failure
        return [Job(id=key, title=title) for key, title in self.lists[filt.get("list")].items()]


class Scene:
    """A server with models, and a program that watches them through its loader."""

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server, self.client = harness.node("server"), harness.node("client")
        self.models = Models(self.server)
        self.rows = self.models.lists[None]
        self.connection = self.connect()
        self.loader = TupleLoader(FILT, "server", self.client)
        self.told = Told()

    def connect(self) -> VortexConnection:
        return self.harness.connect(
            self.client, self.server, over="tcp", wire="native", random=AlwaysLongest()
        )

    def put(self, **titles: str) -> None:
        """Change rows: ``put(k3="jam")``."""
        for name, title in titles.items():
            self.rows[int(name[1:])] = title
        self.models.sendModelUpdate()
        self.harness.settle()

    def requests(self) -> list[dict[str, Any]]:
        """The filts of what comes to the server from now on."""
        came: list[dict[str, Any]] = []
        self._noting = PayloadEndpoint(FILT, lambda payload, _: came.append(payload.filt), self.server)
        return came

    def watchers(self) -> list[int]:
        """How many watch each model that is read as live data."""
        return [len(watch.watchers) for watch in self.models._live.watches if watch.isCompared]


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def scene(harness: VortexHarness) -> Iterator[Scene]:
    made = Scene(harness)
    yield made
    made.models.shutdown()


class TestASubscription:
    def test_shows_what_there_is_and_each_change(self, scene: Scene) -> None:
        subscription = scene.loader.subscribe(scene.told)
        assert (subscription.state, scene.told) == ("loading", [])
        scene.harness.settle()
        scene.put(k3="jam")
        scene.put(k1="coffee")
        del scene.rows[2]
        scene.put()

        assert scene.told == [
            (["tea", "milk"], [("created", 1), ("created", 2)]),
            (["tea", "milk", "jam"], [("created", 3)]),
            (["coffee", "milk", "jam"], [("updated", 1)]),
            (["coffee", "jam"], [("deleted", 2)]),
        ]
        assert (subscription.state, subscription.position) == ("current", f"{subscription.view.live.epoch}.4")

    def test_is_told_by_deltas(self, scene: Scene) -> None:
        scene.loader.subscribe(scene.told)
        scene.harness.settle()
        came: list[tuple[dict[str, Any], list[int]]] = []

        def note(payload: Payload, _delivery: Delivery) -> None:
            came.append((payload.filt["view"], [job.id for job in payload.tuples]))

        endpoint = PayloadEndpoint(FILT, note, scene.client)
        scene.put(k2="cream")
        endpoint.shutdown()

        assert [(view["f"], view["t"], ids) for view, ids in came] == [(1, 2, [2])]

    def test_is_iterated(self, scene: Scene) -> None:
        rows = scene.loader.subscribe().__aiter__()
        changes = scene.loader.subscribe().changes()
        scene.harness.settle()

        async def take() -> Any:
            first = [job.title for job in await rows.__anext__()]
            two = [await changes.__anext__() for _ in range(2)]
            return first, [(change.op, change.key) for change in two]

        taken = scene.harness.resultOf(Deferred.fromCoroutine(take()))
        assert taken == (["tea", "milk"], [("created", 1), ("created", 2)])

    def test_of_one_filt_is_another_than_that_of_another(self, scene: Scene) -> None:
        bread = Told()
        scene.loader.subscribe(scene.told)
        scene.loader.subscribe(bread, filt={"list": "b"})
        scene.harness.settle()
        scene.models.lists["b"][7] = "rolls"
        scene.put()

        assert scene.told == [(["tea", "milk"], [("created", 1), ("created", 2)])]
        assert bread == [(["bread"], [("created", 7)]), (["rolls"], [("updated", 7)])]

    def test_of_a_filt_that_its_loader_has_is_told_too(self, scene: Scene) -> None:
        """The server pushes under the handler's filt, which says less."""
        loader = TupleLoader({**FILT, "list": "b"}, "server", scene.client)
        loader.subscribe(scene.told)
        scene.harness.settle()
        scene.models.lists["b"][7] = "rolls"
        scene.put()

        assert [titles for titles, _ in scene.told] == [["bread"], ["rolls"]]

    def test_shares_what_comes_with_others_to_the_same_filt(self, scene: Scene) -> None:
        came = scene.requests()
        first = scene.loader.subscribe(scene.told)
        scene.loader.subscribe(scene.told)
        scene.harness.settle()
        first.close()
        scene.put(k1="coffee")

        assert [titles for titles, _ in scene.told] == [["tea", "milk"], ["tea", "milk"], ["coffee", "milk"]]
        assert len(came) == 1

    def test_ends_at_the_server_with_the_last_of_all_loaders(self, scene: Scene) -> None:
        other = TupleLoader("jobs", "server", scene.client)
        first, second = scene.loader.subscribe(), other.subscribe(scene.told)
        scene.harness.settle()
        first.close()
        scene.put(k1="coffee")
        assert ([len(told) for told, _ in scene.told], scene.watchers()) == ([2, 2], [1])
        second.close()
        scene.harness.settle()

        assert scene.watchers() == [0]

    def test_asks_with_its_policy(self, scene: Scene) -> None:
        came = scene.requests()
        scene.loader.subscribe(policy=DeliveryPolicy(minInterval=5))
        scene.harness.settle()

        assert came[0]["live"] == {"policy": {"minInterval": 5}}

    def test_is_what_an_action_is_waited_for_by(self, scene: Scene) -> None:
        subscription = scene.loader.subscribe()
        scene.harness.settle()
        passed = scene.loader.passed({str(subscription.view.number): 2})
        assert not passed.called
        scene.put(k3="jam")

        assert passed.called


class TestASubscriptionThatCannotBe:
    def test_is_refused_at_once_by_what_it_is_given(self, scene: Scene) -> None:
        with pytest.raises(TypeError, match="takes a callback, and filt="):
            scene.loader.subscribe({"id": 7})  # type: ignore[arg-type]
        with pytest.raises(EncodeError):
            scene.loader.subscribe(filt={"a": object()})
        with pytest.raises(ValueError, match="expected a position"):
            scene.loader.subscribe(position="7")
        for name in ("live", "view", "delete", "PayloadResponse.messageId"):
            with pytest.raises(ValueError, match=f"and has no {name}"):
                scene.loader.subscribe(filt={name: True})
            with pytest.raises(ValueError, match=f"and has no {name}"):
                scene.loader.poll({name: True})
        with pytest.raises(ValueError, match="has a 'key'"):
            TupleLoader({"list": "b"}, "server", scene.client)

    def test_says_what_the_server_says_and_asks_again(self, scene: Scene) -> None:
        scene.models.failure = Rejected("not today", code="closed")
        subscription = scene.loader.subscribe(scene.told)
        with pytest.raises(RemoteError, match="not today"):
            scene.harness.resultOf(subscription.synced)
        assert (subscription.state, subscription.error.code) == ("loading", "closed")  # type: ignore[union-attr]
        scene.models.failure = None
        scene.harness.advance(2)

        assert [titles for titles, _ in scene.told] == [["tea", "milk"]]
        assert subscription.error is None

    def test_says_that_there_is_nobody(self, scene: Scene) -> None:
        subscription = TupleLoader("jobs", "nobody", scene.client).subscribe()

        assert str(subscription.error) == "there is no peer named 'nobody' to ask"


class TestALineThatBreaks:
    def test_costs_nothing_while_the_session_goes_on(self, scene: Scene) -> None:
        came = scene.requests()
        scene.loader.subscribe(scene.told)
        scene.harness.settle()
        cutAll(scene.harness)
        scene.put(k3="jam")
        scene.harness.advance(20)

        assert [changes for _, changes in scene.told[1:]] == [[("created", 3)]]
        assert len(came) == 1

    def test_and_a_new_session_bring_what_has_changed_since_the_position(self, scene: Scene) -> None:
        subscription = scene.loader.subscribe(scene.told)
        scene.harness.settle()
        position = subscription.position
        scene.connection.close()
        scene.harness.settle()
        assert subscription.state == "stale"
        came = scene.requests()
        scene.put(k3="jam")
        scene.connect()

        assert [filt["live"]["at"] for filt in came] == [position]
        assert scene.told[1:] == [(["tea", "milk", "jam"], [("created", 3)])]
        assert subscription.state == "current"

    def test_and_a_server_started_anew_show_what_is_different(self, scene: Scene) -> None:
        scene.loader.subscribe(scene.told)
        scene.harness.settle()
        scene.connection.close()
        scene.models.shutdown()
        scene.models = Models(scene.server)
        scene.models.lists[None] = {2: "cream", 4: "salt"}
        scene.connect()

        assert scene.told[1:] == [(["cream", "salt"], [("deleted", 1), ("updated", 2), ("created", 4)])]

    def test_and_a_program_started_anew_go_on_from_what_it_kept(self, scene: Scene) -> None:
        first = scene.loader.subscribe()
        scene.harness.settle()
        position, kept = first.position, list(first.tuples)
        first.close()
        scene.put(k3="jam")
        scene.loader.subscribe(scene.told, position=position, tuples=kept)
        scene.harness.settle()

        assert scene.told == [(["tea", "milk", "jam"], [("created", 3)])]


class TestARowThatIsSpoilt:
    def test_is_mended_within_one_interval(self, scene: Scene) -> None:
        subscription = scene.loader.subscribe(scene.told)
        scene.harness.settle()
        subscription.tuples[0].title = "spoilt"
        scene.harness.advance(scene.server.limits.checkInterval + 1)

        assert scene.told[1:] == [(["tea", "milk"], [("updated", 1)])]


class TestWhatIsWrittenPastTheServer:
    def test_is_shown_to_all_when_one_more_asks(self, scene: Scene) -> None:
        scene.loader.subscribe(scene.told)
        scene.harness.settle()
        scene.rows[1] = "coffee"
        node = scene.harness.node("late")
        scene.harness.connect(node, scene.server, over="tcp", wire="native", random=AlwaysLongest())
        late = TupleLoader(FILT, "server", node).subscribe()
        scene.harness.settle()

        assert [job.title for job in late.tuples] == ["coffee", "milk"]
        assert scene.told[1:] == [(["coffee", "milk"], [("updated", 1)])]

    def test_is_polled(self, scene: Scene) -> None:
        scene.loader.subscribe()
        scene.harness.settle()
        scene.rows[1] = "coffee"

        assert [job.title for job in scene.harness.resultOf(scene.loader.poll())] == ["coffee", "milk"]


class TestPoll:
    def test_gives_the_rows_once(self, scene: Scene) -> None:
        assert scene.harness.resultOf(scene.loader.poll({"list": "b"})) == [Job(id=7, title="bread")]
        assert [watch.watchers for watch in scene.models._live.watches] == []

    def test_fails_where_there_is_nobody(self, scene: Scene) -> None:
        with pytest.raises(NotConnected, match="named 'nobody'"):
            scene.harness.resultOf(TupleLoader("jobs", "nobody", scene.client).poll())


class TestAModel:
    """It stores nothing, whatever it is sent."""

    def test_cannot_be_changed(self, scene: Scene) -> None:
        with pytest.raises(DecodeError, match="there is no OrmCrudHandler"):
            scene.harness.resultOf(scene.loader.create(Job(title="jam")))
        with pytest.raises(DecodeError, match="there is no OrmCrudHandler"):
            scene.harness.resultOf(scene.loader.delete(Job(id=1)))


class Plain:
    """
    A server that does as VortexPY's do: it answers with all it has, pushes it by the filt that was asked
    with, and says nothing of what was saved.
    """

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server, self.client = harness.node("server"), harness.node("client")
        self.asked: list[dict[str, Any]] = []
        self.rows = {1: "tea"}
        self.silent = False
        self.told = Told()
        self._endpoint = PayloadEndpoint(FILT, self._onPayload, self.server)
        self.link = harness.link(self.server, self.client)
        self.loader = TupleLoader(FILT, "server", self.client)

    @property
    def _jobs(self) -> list[Job]:
        return [Job(id=key, title=title) for key, title in self.rows.items()]

    def _onPayload(self, payload: Payload, delivery: Delivery) -> None:
        filt = delivery.filt
        self.asked.append(dict(filt))
        jobs = self._jobs
        if filt.get("delete"):
            for job in payload.tuples:
                del self.rows[job.id]
            delivery.reply([], True)
        elif payload.tuples:
            for job in payload.tuples:
                if not job.title:
                    raise Rejected("it needs a title", code="no-title")
                self.rows[job.id] = job.title
            delivery.reply(payload.tuples, True)
        elif self.silent:
            self.silent = False
            self.harness.clock.callLater(1, delivery.reply, jobs)
        else:
            delivery.reply(jobs)

    def push(self, *, age: float = 0, result: Any = None, **keys: Any) -> None:
        """Send all there is, in a payload that is *age* seconds old."""
        payload = Payload({**FILT, **keys}, self._jobs, result)
        payload.date -= timedelta(seconds=age)
        for peer in self.server.peers:
            peer.sendMessage(Message(payload))
        self.harness.settle()


@pytest.fixture
def plain(harness: VortexHarness) -> Plain:
    return Plain(harness)


class TestAServerThatKnowsNothingOfLiveData:
    def test_is_seen_with_what_has_changed(self, plain: Plain) -> None:
        subscription = plain.loader.subscribe(plain.told)
        plain.harness.settle()
        plain.rows = {1: "coffee", 3: "jam"}
        plain.push()
        plain.push()

        assert plain.told == [
            (["tea"], [("created", 1)]),
            (["coffee", "jam"], [("updated", 1), ("created", 3)]),
        ]
        assert (subscription.state, subscription.position) == ("current", None)

    def test_may_push_what_is_older_or_of_another_filt_or_no_load(self, plain: Plain) -> None:
        plain.loader.subscribe(plain.told)
        plain.harness.settle()
        plain.rows = {9: "salt"}
        plain.push(age=60)
        plain.push(id=9)
        plain.push(result=True)
        plain.push(result="internal: broken")
        assert len(plain.told) == 1
        plain.push()

        assert len(plain.told) == 2

    def test_is_asked_again_when_it_is_back(self, plain: Plain) -> None:
        subscription = plain.loader.subscribe(plain.told)
        plain.harness.settle()
        plain.link.close()
        plain.harness.settle()
        assert subscription.state == "stale"
        plain.rows[2] = "milk"
        plain.harness.link(plain.server, plain.client)

        assert plain.told[1:] == [(["tea", "milk"], [("created", 2)])]

    def test_is_asked_again_after_each_change(self, plain: Plain) -> None:
        plain.loader.subscribe(plain.told)
        plain.harness.settle()
        made = plain.harness.resultOf(plain.loader.create(Job(id=2, title="milk")))
        plain.harness.resultOf(plain.loader.save(made, {"title": "cream"}))
        plain.harness.resultOf(plain.loader.delete(Job(id=1)))
        plain.harness.settle()

        assert [changes for _, changes in plain.told[1:]] == [
            [("created", 2)],
            [("updated", 2)],
            [("deleted", 1)],
        ]

    def test_is_asked_again_after_a_refusal(self, plain: Plain) -> None:
        """It may come of what is not known here yet."""
        plain.loader.subscribe(plain.told)
        plain.harness.settle()
        plain.rows[2] = "milk"
        with pytest.raises(RemoteError, match="it needs a title"):
            plain.harness.resultOf(plain.loader.create(Job(id=3)))
        plain.harness.settle()

        assert plain.told[1:] == [(["tea", "milk"], [("created", 2)])]

    def test_that_answers_late_is_asked_for_what_was_changed_meanwhile(self, plain: Plain) -> None:
        plain.silent = True
        plain.loader.subscribe(plain.told)
        plain.harness.resultOf(plain.loader.create(Job(id=2, title="milk")))
        assert plain.told == []
        plain.harness.advance(1)

        assert [titles for titles, _ in plain.told] == [["tea"], ["tea", "milk"]]

    def test_hears_no_farewell(self, plain: Plain) -> None:
        subscription = plain.loader.subscribe()
        plain.harness.settle()
        subscription.close()
        plain.harness.settle()

        assert len(plain.asked) == 1

    def test_is_polled(self, plain: Plain) -> None:
        assert plain.harness.resultOf(plain.loader.poll()) == [Job(id=1, title="tea")]


class ByHand:
    """
    A server of two jobs that knows of live data, and says what a test has it say.

    Attributes:
        saves: What is asked for and not answered yet.
    """

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server, self.client = harness.node("server"), harness.node("client")
        self.saves: list[Delivery] = []
        self.told = Told()
        self._endpoint = PayloadEndpoint(FILT, self._onPayload, self.server)
        harness.connect(self.client, self.server, over="tcp", wire="native", random=AlwaysLongest())
        self.loader = TupleLoader(FILT, "server", self.client)
        self.subscription = self.loader.subscribe(self.told)
        harness.settle()

    def _onPayload(self, payload: Payload, delivery: Delivery) -> None:
        if payload.tuples:
            self.saves.append(delivery)
        elif "end" not in delivery.filt["live"]:
            view = {"w": 7, "e": "e", "k": {Job.tupleType(): ["id"]}, "s": 4}
            delivery.reply([Job(id=1, title="tea"), Job(id=2, title="milk")], filt={"view": view})

    def save(self, title: str, key: int = 1) -> Deferred[Job]:
        saving = self.loader.save(Job(id=key), {"title": title})
        self.harness.settle()
        return saving

    def answer(self, title: str, key: int = 1) -> None:
        """The save that has waited longest is made."""
        self.saves.pop(0).reply([Job(id=key, title=title)], True)
        self.harness.settle()

    def push(self, serial: int, title: str) -> None:
        """This is what has become of the row at *serial*."""
        filt = {**FILT, "view": {"w": 7, "f": serial - 1, "t": serial}}
        for peer in self.server.peers:
            peer.sendMessage(Message(Payload(filt, [Job(id=1, title=title)])))
        self.harness.settle()

    @property
    def titles(self) -> list[str]:
        return [job.title for job in self.subscription.tuples]


@pytest.fixture
def byHand(harness: VortexHarness) -> Iterator[ByHand]:
    made = ByHand(harness)
    yield made
    made.subscription.close()
    harness.settle()


class TestASave:
    def test_is_shown_when_it_is_answered(self, byHand: ByHand) -> None:
        saving = byHand.save("coffee")
        assert byHand.titles == ["tea", "milk"]
        seen = saving.addCallback(lambda job: (job.title, byHand.titles))
        byHand.answer("coffee!")

        assert byHand.harness.resultOf(seen) == ("coffee!", ["coffee!", "milk"])
        assert byHand.told[1:] == [(["coffee!", "milk"], [("updated", 1)])]

    def test_is_not_told_twice(self, byHand: ByHand) -> None:
        byHand.save("coffee")
        byHand.answer("coffee")
        byHand.push(5, "coffee")

        assert (len(byHand.told), byHand.subscription.position) == (2, "e.5")

    def test_beside_another_of_that_row_is_shown_as_it_is_answered(self, byHand: ByHand) -> None:
        first, second = byHand.save("coffee"), byHand.save("cocoa")
        byHand.answer("coffee")
        assert byHand.titles == ["coffee", "milk"]
        byHand.push(5, "coffee")
        byHand.answer("cocoa")

        assert [byHand.harness.resultOf(each).title for each in (first, second)] == ["coffee", "cocoa"]
        assert byHand.titles == ["cocoa", "milk"]

    def test_beside_one_of_another_row_is_shown_too(self, byHand: ByHand) -> None:
        byHand.save("coffee")
        byHand.save("cream", 2)
        byHand.answer("coffee")
        byHand.answer("cream", 2)

        assert byHand.titles == ["coffee", "cream"]

    def test_leaves_what_has_come_in_the_meantime(self, byHand: ByHand) -> None:
        """It may be newer."""
        byHand.save("coffee")
        byHand.save("cocoa")
        byHand.answer("coffee")
        byHand.push(5, "of somebody else")
        byHand.answer("cocoa")

        assert byHand.titles == ["of somebody else", "milk"]

    def test_that_is_refused_changes_nothing(self, byHand: ByHand) -> None:
        refused, saving = byHand.save(""), byHand.save("coffee")
        byHand.saves.pop(0).reply([], "no-title: it needs a title")
        with pytest.raises(RemoteError, match="it needs a title"):
            byHand.harness.resultOf(refused)
        assert byHand.titles == ["tea", "milk"]
        byHand.answer("coffee")

        assert byHand.harness.resultOf(saving).title == "coffee"
        assert byHand.titles == ["coffee", "milk"]

    def test_that_is_answered_after_the_last_has_left_changes_nothing(self, byHand: ByHand) -> None:
        saving = byHand.save("coffee")
        byHand.subscription.close()
        byHand.answer("coffee")

        assert byHand.harness.resultOf(saving).title == "coffee"
        assert byHand.titles == ["tea", "milk"]


class TestARow:
    def test_is_known_by_its_key(self, scene: Scene) -> None:
        keyless: Any = {"id": None}
        for wrong in (Job(**keyless), "tea"):
            with pytest.raises(TypeError, match="expected"):
                scene.loader.save(wrong, {"title": "x"})  # type: ignore[type-var]
            with pytest.raises(TypeError, match="expected"):
                scene.loader.delete(wrong)  # type: ignore[arg-type]

    def test_is_changed_in_fields_that_it_has(self, scene: Scene) -> None:
        with pytest.raises(TypeError, match="no field 'tilte' that travels"):
            scene.loader.save(Job(id=1), {"tilte": "x"})
