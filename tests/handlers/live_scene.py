"""
An observable, and clients that do by hand what docs/reference/live-data.md says of a view.

A `Client` speaks payloads only: no observer of the library is in it. Its views are lists of keys and tuples
that follow section 3 to the word, and complain about whatever should not come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from vortex import (
    Limits,
    Payload,
    PayloadEndpoint,
    Tuple,
    TupleDataObservableHandler,
    TupleField,
    TupleSelector,
    Vortex,
    addTupleType,
    connectInMemory,
)
from vortex.routing.delivery import Delivery
from vortex.testing import VortexHarness
from vortex.tuples.row_sum import sumOf

KEY = "tupleDataObservable"
FILT = {"key": KEY, "name": "jobs"}


@addTupleType
class Job(Tuple):
    __tupleType__ = "livetest.Job"
    id: int = TupleField(key=True)
    title: str = ""


@addTupleType
class Note(Tuple):
    __tupleType__ = "livetest.Note"
    text: str = ""


ALL = TupleSelector(name="livetest.Job", selector={})


def jobs(*numbers: int) -> list[Job]:
    """A job for each number, with a title that says which it is."""
    return [Job(id=number, title=f"job {number}") for number in numbers]


class View:
    """
    What one client holds of one watch.

    Attributes:
        rows: The tuples by key, in order; of a state without keys by number.
        serial, epoch: Where it stands.
        states: The tuples at each serial that it stood at.
        checks: How many checks have come, all right.
        repeated: How many deltas have told again what was known, in part or all of it.
    """

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.keyFields: dict[str, list[str]] | None = None
        self.serial = 0
        self.epoch = ""
        self.states: dict[int, list[Any]] = {}
        self.checks = 0
        self.repeated = 0
        self.wholes = 0
        self.deltas = 0
        self.ended: str | None = None
        self.changed: list[set[Any]] = []
        self._parts: list[Any] = []

    @property
    def tuples(self) -> list[Any]:
        return list(self.rows.values())

    @property
    def at(self) -> str:
        return f"{self.epoch}.{self.serial}"

    def take(self, view: dict[str, Any], tuples: Sequence[Any]) -> None:
        assert self.ended is None, "nothing comes after the end"
        if "end" in view:
            self.ended = view["end"]
        elif "c" in view:
            assert view["s"] == self.serial
            assert view["c"] == [len(self.rows), sumOf(self.tuples)]
            self.checks += 1
        elif "f" in view:
            self._delta(view, tuples)
        else:
            self._whole(view, tuples)

    def _whole(self, view: dict[str, Any], tuples: Sequence[Any]) -> None:
        part, count = view.get("p", [0, 1])
        if part == 0:
            self._parts = []
        assert part == len(self._parts)
        self._parts.append(tuples)
        if part + 1 < count:
            return
        every = [each for tuples in self._parts for each in tuples]
        self._parts = []
        self.wholes += 1
        self.keyFields = view.get("k")
        self.rows = {self.keyOf(each, number): each for number, each in enumerate(every)}
        assert len(self.rows) == len(every)
        self.epoch, self.serial = view["e"], view["s"]
        self.states[self.serial] = self.tuples

    def _delta(self, view: dict[str, Any], tuples: Sequence[Any]) -> None:
        if "e" in view:
            assert view["e"] == self.epoch
            self.keyFields = view.get("k")
        self.repeated += "e" not in view and view["f"] != self.serial
        if view["t"] <= self.serial and "e" not in view:
            return
        assert view["f"] <= self.serial, "a gap"
        self.deltas += 1
        gone = [tuple(key) if isinstance(key, list) else key for key in view.get("x", [])]
        placed = view.get("i", [])
        assert [place for _, place in placed] == sorted(place for _, place in placed)
        keys = [self.keyOf(each, 0) for each in tuples]
        for key in [*gone, *(keys[number] for number, _ in placed)]:
            self.rows.pop(key, None)
        atPlace = {number for number, _ in placed}
        for number, (key, each) in enumerate(zip(keys, tuples, strict=True)):
            if number not in atPlace:
                self.rows[key] = each
        order = list(self.rows.items())
        for number, place in placed:
            order.insert(place, (keys[number], tuples[number]))
        self.rows = dict(order)
        self.changed.append({*gone, *keys})
        self.serial = view["t"]
        self.states[self.serial] = self.tuples

    def keyOf(self, each: Any, number: int) -> Any:
        if self.keyFields is None:
            return number
        fields = self.keyFields[each.tupleType()]
        values = [getattr(each, field) for field in fields]
        if len(self.keyFields) > 1:
            return (each.tupleType(), *values)
        return values[0] if len(values) == 1 else tuple(values)


class Client:
    """
    A node that watches.

    Attributes:
        vortex, link: The node, and what links it to the server.
        peer: What the server sees of it.
        views: By the numbers of the watches.
        came: Every message of the observable: its filt and its tuples, in order.
    """

    def __init__(self, scene: Scene, name: str = "client", wire: str = "native") -> None:
        self.scene = scene
        self.vortex = scene.harness.node(name, limits=scene.server.limits)
        self.views: dict[int, View] = {}
        self.came: list[tuple[dict[str, Any], list[Any]]] = []
        self._endpoint = PayloadEndpoint({"key": KEY}, self._take, self.vortex)
        if wire == "native":
            self.link: Any = connectInMemory(self.vortex, scene.server, wire="native")
            scene.harness.settle()
            self.peer: Any = self.link.peers[1]
        else:
            self.link = connectInMemory(scene.server, self.vortex)
            scene.harness.settle()
            self.peer = self.link.peers[0]

    def _take(self, payload: Payload, _delivery: Delivery) -> None:
        self.came.append((payload.filt, payload.tuples))
        view = payload.filt.get("view")
        if view is not None and payload.result is None:
            try:
                self.views.setdefault(view["w"], View()).take(view, payload.tuples)
            except Exception:
                self.scene.problems.append(Failure())

    def ask(self, selector: TupleSelector = ALL, **live: Any) -> Deferred[Payload]:
        """Ask to watch, as a peer does that reads live data."""
        return self.request(selector, subscribe=True, live=live)

    def request(self, selector: TupleSelector = ALL, **filt: Any) -> Deferred[Payload]:
        answer = self.vortex.request(Payload({**FILT, "tupleSelector": selector, **filt}), timeout=None)
        self.scene.harness.settle()
        return answer

    def goesOn(self, view: View, number: int) -> Deferred[Payload]:
        """Ask for what another client had of the watch of that number, from there on."""
        self.views[number] = view
        return self.ask(at=view.at)

    def watch(self, selector: TupleSelector = ALL, **live: Any) -> View:
        """Watch, and be answered at once."""
        payload = self.scene.harness.resultOf(self.ask(selector, **live))
        return self.views[payload.filt["view"]["w"]]

    def close(self) -> None:
        """Go, in order."""
        self.link.close()
        self.scene.harness.settle()

    def send(self, **filt: Any) -> None:
        """Say something that expects no answer."""
        self.vortex.send(Payload({**FILT, **filt}))
        self.scene.harness.settle()

    @property
    def numbers(self) -> list[int]:
        return list(self.views)

    @property
    def pushes(self) -> list[dict[str, Any]]:
        """What was said of the state in each message that was no answer."""
        return [filt["view"] for filt, _ in self.came if "view" in filt and "live" not in filt]


class Scene:
    """
    A server with one observable of jobs, whose tuples are a list in the test's hand.

    Attributes:
        jobs: What the provider gives.
        made: How often it was asked.
    """

    def __init__(self, harness: VortexHarness, *, limits: Limits | None = None, **options: Any) -> None:
        self.harness = harness
        self.server: Vortex = harness.node("server", limits=limits or Limits())
        self.jobs: list[Any] = jobs(1, 2, 3)
        self.made = 0
        self.clients: list[Client] = []
        self.problems: list[Failure] = []
        self.make: Callable[[TupleSelector, Any], Any] = lambda _selector, _peer: self.jobs
        self.observable = TupleDataObservableHandler("jobs", self.server, **options)
        self.observable.addTupleProvider(Job, self._make)

    def _make(self, selector: TupleSelector, peer: Any) -> Any:
        self.made += 1
        return self.make(selector, peer)

    def client(self, name: str = "client", wire: str = "native") -> Client:
        self.clients.append(Client(self, name, wire))
        return self.clients[-1]

    def notify(self, selector: TupleSelector = ALL, **options: Any) -> int:
        """Notify, and let everything arrive."""
        told = self.observable.notifyOfTupleUpdate(selector, **options)
        return self.harness.resultOf(told)

    def check(self) -> None:
        """Complain about the first message that should not have come."""
        if self.problems:
            self.problems[0].raiseException()

    @property
    def watches(self) -> tuple[Any, ...]:
        return self.observable._watches.watches


@contextmanager
def scene(**options: Any) -> Iterator[Scene]:
    """A scene, closed at the end: nothing is left behind."""
    with VortexHarness() as harness:
        made = Scene(harness, **options)
        yield made
        made.check()
