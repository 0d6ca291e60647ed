"""What the answer to an action says of the watches that show what it did, by frames by hand."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.handlers.action_scene import FILT, Rename
from tests.handlers.nodes import ThreadedVortex
from tests.transports.native_client import NativeClient
from vortex import Rejected, TupleActionProcessor, TupleField, TupleSelector, addTupleType
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.node.vortex import Vortex
from vortex.tuples import Tuple

WATCH = {"key": "tupleDataObservable", "name": "jobs", "subscribe": True, "live": {}}


@addTupleType
class Titled(Tuple):
    __tupleType__ = "actiontest.Titled"
    id: int = TupleField(key=True)
    title: str | None = None


def bare(value: Any) -> Any:
    """*value* of a filt, its integers without what says that they are."""
    if not isinstance(value, dict):
        return value
    return value["_fd"] if value.get("_ft") == "int" else {key: bare(each) for key, each in value.items()}


def selected(name: str) -> dict[str, Any]:
    selector = {"_ct": "rt", "_c": "vortex.TupleSelector", "name": name, "selector": {}}
    return {**WATCH, "tupleSelector": selector}


class Shop:
    """Jobs that are observed, and an action that renames one of them."""

    def __init__(self, server: Vortex) -> None:
        self.titles = {1: "dig", 2: "sow"}
        self.notifies = True
        self.making: list[Deferred[None]] | None = None
        self.observable = TupleDataObservableHandler("jobs", server)
        self.observable.addTupleProvider("jobs", self._jobs)
        self.observable.addTupleProvider("others", lambda selector, peer: [])
        self.acts = TupleActionProcessor("acts", server)
        self.acts.setDelegate(Rename, self._rename)

    def _jobs(self, selector: TupleSelector, peer: Any) -> Any:
        jobs = [Titled(id=number, title=title) for number, title in self.titles.items()]
        if self.making is None:
            return jobs
        self.making.append(Deferred())
        return self.making[-1].addCallback(lambda _: jobs)

    def _rename(self, action: Rename) -> None:
        if action.title is None:
            raise Rejected("a job has a title")
        assert action.id is not None
        self.titles[action.id] = action.title
        if self.notifies:
            self.observable.notifyOfTupleUpdate(TupleSelector(name="jobs"))


@pytest.fixture
def shop(server: Vortex) -> Shop:
    return Shop(server)


class Watcher:
    """A native client that watches *names*."""

    def __init__(self, server: Vortex, *names: str, secret: str = "ada's") -> None:
        self.client = NativeClient(server, secret)
        self.client.begin()
        self._last = 0
        for name in names:
            self._send(selected(name))
        self.views = [bare(answer.json["f"]["view"]) for answer in self.client.answers]

    def _send(self, filt: dict[str, Any], tuples: list[Any] | None = None) -> None:
        self._last += 1
        self.client.send(self._last, filt, tuples)

    def act(self, uuid: str = "u-1", **fields: Any) -> Any:
        """The answer's view, if there is an answer."""
        before = len(self.client.answers)
        self._send(FILT, [("actiontest.Rename", {"uuid": uuid, **fields})])
        answers = self.client.answers[before:]
        return bare(answers[0].json["f"].get("view")) if answers else "no answer yet"

    @property
    def pushed(self) -> list[Any]:
        """The view of each push."""
        return [bare(each.json["f"]["view"]) for each in self.client.said if each.kind == 0x10]


class TestTheAnswerToAnAction:
    def test_says_from_which_serials_on_it_is_shown(self, server: Vortex, shop: Shop) -> None:
        ada = Watcher(server, "jobs", "others")
        jobs, others = ada.views
        assert jobs["w"] != others["w"]

        view = ada.act(id=1, title="mow")

        assert view == {"after": {str(jobs["w"]): jobs["s"] + 1}}
        (push,) = ada.pushed
        assert (push["w"], push["t"]) == (jobs["w"], jobs["s"] + 1)

    def test_says_nothing_where_nothing_that_the_peer_watches_has_changed(
        self, server: Vortex, shop: Shop
    ) -> None:
        ada, bob = Watcher(server, "others"), Watcher(server, secret="bob's")

        assert ada.act(id=1, title="mow") is None
        assert bob.act("u-2", id=1, title="hoe") is None

    def test_counts_a_state_that_is_made_later(self, server: Vortex, shop: Shop) -> None:
        ada = Watcher(server, "jobs")
        (jobs,) = ada.views
        shop.making = []

        view = ada.act(id=1, title="mow")

        assert view == {"after": {str(jobs["w"]): jobs["s"] + 1}}
        assert ada.pushed == []
        shop.making[0].callback(None)
        (push,) = ada.pushed
        assert push["t"] == jobs["s"] + 1

    def test_comes_to_pass_though_nothing_differs(self, server: Vortex, shop: Shop) -> None:
        ada = Watcher(server, "jobs")
        (jobs,) = ada.views
        shop.making = []

        view = ada.act(id=1, title="dig")
        shop.making[0].callback(None)

        assert view == {"after": {str(jobs["w"]): jobs["s"] + 1}}
        (push,) = ada.pushed
        assert push == {"w": jobs["w"], "f": jobs["s"], "t": jobs["s"] + 1}

    def test_says_nothing_if_it_was_refused(self, server: Vortex, shop: Shop) -> None:
        ada = Watcher(server, "jobs")

        assert ada.act(id=1) is None
        assert ada.client.replies[-1][1] == "rejected: a job has a title"

    def test_that_is_given_again_says_what_all_is_shown_at(self, server: Vortex, shop: Shop) -> None:
        ada = Watcher(server, "jobs", "others")
        jobs, others = ada.views
        ada.act("u-1", id=1, title="mow")

        view = ada.act("u-1", id=1, title="mow")

        assert view == {"after": {str(jobs["w"]): jobs["s"] + 1, str(others["w"]): others["s"]}}

    def test_counts_what_is_notified_when_it_is_committed(self, clock: Clock) -> None:
        server = ThreadedVortex("server", reactor=clock)
        shop = Shop(server)
        ada = Watcher(server, "jobs")
        (jobs,) = ada.views

        def rename(action: Rename) -> None:
            shop.titles[1] = "mow"

        def then(action: Rename, tuples: list[Any]) -> None:
            shop.observable.notifyOfTupleUpdate(TupleSelector(name="jobs"))

        shop.acts.setDelegate(Rename, rename, inThread=True, then=then)
        assert ada.act(title="mow") == "no answer yet"
        server.waiting[0]()

        view = ada.client.answers[-1].json["f"]["view"]
        assert bare(view) == {"after": {str(jobs["w"]): jobs["s"] + 1}}
