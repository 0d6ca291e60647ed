"""Of the states of one handler a few are made at a time: whose turn it is, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.handlers.live_scene import FILT, Client, Scene, View, jobs, scene
from vortex import Payload, RemoteError, TupleSelector
from vortex.errors import UnknownObservable
from vortex.live.watch import LiveWatch, Subject
from vortex.live.watches import LiveWatches
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint


@pytest.fixture
def live() -> Iterator[Scene]:
    with scene() as made:
        yield made


class OneAtATime:
    """
    A handler that makes one state at a time, each of a name that the selector has.

    Attributes:
        calls: What was begun, by name; each waits until the test says what it gives.
        given: What is made at once, by name.
    """

    def __init__(self, live: Scene) -> None:
        self.calls: list[tuple[str, Deferred[Any]]] = []
        self.given: dict[str, list[Any]] = {}
        self.harness = live.harness
        self.watches = LiveWatches(
            live.server, self._make, filt=FILT, maySee=lambda _peer, _filt: True, makesAtOnce=1
        )
        live.observable.shutdown()
        self._endpoint = PayloadEndpoint(FILT, self._asked, live.server)

    @property
    def begun(self) -> list[str]:
        return [name for name, _ in self.calls]

    def gives(self, name: str, *ids: int) -> None:
        self._next(name).callback(jobs(*ids))
        self.harness.settle()

    def fails(self, name: str) -> None:
        with capturedLogs():
            self._next(name).errback(ValueError("no"))
            self.harness.settle()

    def of(self, name: str) -> LiveWatch:
        (watch,) = self.watches.about(name)
        return watch

    def made(self, name: str) -> None:
        """For who derives from it: *name* is about to be made."""

    def _make(self, watch: LiveWatch) -> Any:
        name: str = watch.subject.what
        self.made(name)
        if name in self.given:
            return self.given[name]
        call: Deferred[Any] = Deferred()
        self.calls.append((name, call))
        return call

    def _asked(self, payload: Payload, delivery: Delivery) -> Any:
        if self.watches.endAsked(delivery.peer, payload.filt):
            return None
        name = payload.filt["tupleSelector"].selector["of"]
        return self.watches.subscribe(delivery, Subject(name, name, {}, name))

    def _next(self, name: str) -> Deferred[Any]:
        return next(call for each, call in self.calls if each == name and not call.called)


def ask(client: Client, name: str) -> Deferred[Payload]:
    asked = client.ask(TupleSelector(name="livetest.Job", selector={"of": name}))
    asked.addErrback(lambda failure: failure.value)
    return asked


def viewOf(client: Client) -> View:
    (view,) = client.views.values()
    return view


class TestWhatIsNotBegunYet:
    def test_begins_when_what_was_before_is_over(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        ask(bob, "b")
        assert handler.begun == ["a"]

        handler.gives("a", 1)
        assert handler.begun == ["a", "b"]
        handler.gives("b", 2)

        assert (viewOf(ada).tuples, viewOf(bob).tuples) == (jobs(1), jobs(2))

    def test_begins_when_what_was_before_has_failed(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        refused = ask(ada, "a")
        ask(bob, "b")

        handler.fails("a")
        handler.gives("b", 2)

        assert isinstance(live.harness.resultOf(refused), RemoteError)
        assert viewOf(bob).tuples == jobs(2)

    def test_begins_when_what_was_before_is_wanted_by_nobody_and_over(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        ask(bob, "b")
        ada.close()
        assert handler.begun == ["a"]

        handler.gives("a", 1)
        handler.gives("b", 2)

        assert viewOf(bob).tuples == jobs(2)

    def test_is_first_what_somebody_waits_for(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        for name in ("a", "b"):
            ask(ada, name)
            handler.gives(name, 1)
        ask(bob, "slow")
        handler.of("a").notify()
        handler.of("b").notify()
        ask(bob, "c")
        ask(bob, "b")
        assert handler.begun == ["a", "b", "slow"]

        for name in ("slow", "c", "b", "a"):
            handler.gives(name, 2)

        assert handler.begun == ["a", "b", "slow", "c", "b", "a"]

    def test_is_not_begun_any_more_when_nobody_is_left_of_it(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        refused = ask(bob, "b")
        handler.watches.close()
        handler.gives("a", 1)

        assert handler.begun == ["a"]
        assert len(handler.watches.makings) == 0
        assert isinstance(live.harness.resultOf(refused), RemoteError)

    def test_is_not_begun_by_who_asks_what_is_shut_down(self, live: Scene) -> None:
        handler = OneAtATime(live)
        handler.watches.close()
        refused = live.harness.resultOf(ask(live.client("ada"), "a"))

        assert str(refused) == "this is not offered any more"
        assert handler.begun == []
        assert (handler.watches.watches, handler.watches._byAbout) == ((), {})


class TestWhatIsAskedForAgain:
    def test_is_begun_once_where_its_turn_comes_in_the_same_moment(self, live: Scene) -> None:
        """Who was answered with the last asks for it anew; and what has taken its place is over already."""
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        ask(bob, "b")
        again: list[int] = []
        watch = handler.of("a")
        watch.current().addCallback(lambda _: watch.fresh()).addCallback(again.append)
        handler._next("a").callback(jobs(1))
        assert handler.begun == ["a", "b"]
        handler._next("b").callback(jobs(2))
        assert handler.begun == ["a", "b", "a"]
        live.harness.settle()

        handler.gives("a", 3)

        assert handler.begun == ["a", "b", "a"]
        assert len(again) == 1
        ask(ada, "c")
        assert handler.begun == ["a", "b", "a", "c"]


class TestAPlace:
    def test_is_given_back_by_what_is_closed_while_it_is_made(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        ask(bob, "b")

        handler.of("a").close()
        assert handler.begun == ["a", "b"]
        handler.gives("a", 1)  # what comes of it now gives back no second place
        ask(ada, "c")
        assert handler.begun == ["a", "b"]

        handler.gives("b", 2)
        assert handler.begun == ["a", "b", "c"]

    def test_is_not_for_what_is_closed(self, live: Scene) -> None:
        handler = OneAtATime(live)
        ada = live.client("ada")
        ask(ada, "a")
        watch = handler.of("a")
        watch.close()

        with pytest.raises(UnknownObservable, match="not offered any more"):
            live.harness.resultOf(watch.fresh())

        assert handler.begun == ["a"]

    def test_that_is_given_back_has_the_same_begun_again_and_who_waited_is_answered(
        self, live: Scene
    ) -> None:
        """What follows is made at once, and what makes it says that the first has changed."""

        class Telling(OneAtATime):
            def made(self, name: str) -> None:
                if name == "b":
                    self.of("a").notify()

        handler = Telling(live)
        handler.given["b"] = jobs(2)
        ada, bob = live.client("ada"), live.client("bob")
        ask(ada, "a")
        ask(bob, "b")

        handler.gives("a", 1)

        assert handler.begun == ["a", "a"]
        assert viewOf(ada).tuples == jobs(1)
        assert viewOf(bob).tuples == jobs(2)
        handler.gives("a", 3)
        assert viewOf(ada).tuples == jobs(3)
