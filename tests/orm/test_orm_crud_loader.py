"""TupleLoader at an OrmCrudHandler: rows that are seen, created, changed and deleted from a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from tests.node.links import AlwaysLongest, cutAll
from tests.orm.rows import Job, Page, Seat, Sessions, fill, offTheWire, shown, stored
from vortex import TupleLoader
from vortex.errors import ConstraintViolation, RemoteError, RequestTimeout, StaleRecord, UnknownRecord
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.protocol.payload import Payload
from vortex.routing.payload_response import PayloadResponse
from vortex.testing import VortexHarness

FILT = {"key": "jobs"}
TITLES = "select id, title from job order by id"


class Scene:
    """A server of rows, and two programs that see and change them."""

    def __init__(self, harness: VortexHarness, sessions: Sessions) -> None:
        self.harness = harness
        self.sessions = sessions
        self.server = harness.node("server")
        self.handlers = [OrmCrudHandler(sessions, Job, FILT, True, self.server)]
        self.ada, self.bob = (self.loaderOf(name) for name in ("ada", "bob"))
        self.told: list[tuple[list[Any], list[tuple[str, Any]]]] = []

    def loaderOf(self, name: str) -> TupleLoader:
        node = self.harness.node(name)
        self.harness.connect(node, self.server, over="tcp", wire="native", random=AlwaysLongest())
        return TupleLoader(FILT, "server", node)

    def tell(self, rows: Any, changes: list[Any]) -> None:
        self.told.append((shown(rows), [(change.op, change.key) for change in changes]))


@pytest.fixture
def scene(sessions: Sessions, twoJobs: None) -> Iterator[Scene]:
    with VortexHarness() as harness:
        made = Scene(harness, sessions)
        yield made
        for handler in made.handlers:
            handler.shutdown()


class TestRows:
    def test_are_told_to_all_who_see_them(self, scene: Scene) -> None:
        subscription = scene.ada.subscribe(scene.tell)
        scene.harness.settle()
        made = scene.harness.resultOf(scene.bob.create(offTheWire(Job, title="mow")))
        changed = scene.harness.resultOf(scene.bob.save(made, {"title": "rake"}))
        scene.harness.resultOf(scene.bob.delete(offTheWire(Job, id=1)))
        scene.harness.settle()

        assert (shown([made]), shown([changed])) == ([(3, "mow")], [(3, "rake")])
        assert scene.told == [
            ([(1, "dig"), (2, "sow")], [("created", 1), ("created", 2)]),
            ([(1, "dig"), (2, "sow"), (3, "mow")], [("created", 3)]),
            ([(1, "dig"), (2, "sow"), (3, "rake")], [("updated", 3)]),
            ([(2, "sow"), (3, "rake")], [("deleted", 1)]),
        ]
        assert subscription.state == "current"

    def test_are_told_to_who_has_changed_them(self, scene: Scene) -> None:
        subscription = scene.ada.subscribe(scene.tell)
        scene.harness.settle()
        scene.harness.resultOf(scene.ada.save(subscription.tuples[0], {"title": "mow"}))
        scene.harness.settle()

        assert [changes for _, changes in scene.told[1:]] == [[("updated", 1)]]

    def test_may_be_one(self, scene: Scene) -> None:
        scene.ada.subscribe(scene.tell, filt={"id": 2})
        scene.harness.settle()
        scene.harness.resultOf(scene.bob.save(offTheWire(Job, id=1), {"title": "mow"}))
        scene.harness.resultOf(scene.bob.delete(offTheWire(Job, id=2)))
        scene.harness.settle()

        assert scene.told == [([(2, "sow")], [("created", 2)]), ([], [("deleted", 2)])]

    def test_of_several_key_columns_are_changed_and_deleted(self, scene: Scene, engine: Engine) -> None:
        fill(engine, "insert into seat (letter, number) values ('a', 1), ('b', 1)")
        scene.handlers.append(OrmCrudHandler(scene.sessions, Seat, "seats", True, scene.server))
        seats = TupleLoader("seats", "server", scene.ada.node)
        subscription = seats.subscribe()
        scene.harness.settle()
        a, b = subscription.tuples
        scene.harness.resultOf(seats.save(b, {"taken": True}))
        scene.harness.resultOf(seats.delete(a))
        scene.harness.settle()

        assert [(seat.letter, seat.number, seat.taken) for seat in subscription.tuples] == [("b", 1, True)]


class TestASave:
    def test_of_some_fields_leaves_what_others_have_changed(self, scene: Scene, engine: Engine) -> None:
        subscription = scene.ada.subscribe()
        scene.harness.settle()
        row = subscription.tuples[0]
        fill(engine, "update job set note = 'by hand' where id = 1")
        scene.harness.resultOf(scene.ada.save(row, {"title": "mow"}))

        assert stored(engine, "select title, note from job where id = 1") == [("mow", "by hand")]

    def test_of_the_whole_row_is_all_of_it(self, scene: Scene, engine: Engine) -> None:
        subscription = scene.ada.subscribe()
        scene.harness.settle()
        row = subscription.tuples[0]
        fill(engine, "update job set note = 'by hand' where id = 1")
        scene.harness.resultOf(scene.ada.save(row))

        assert stored(engine, "select title, note from job where id = 1") == [("dig", None)]

    def test_changes_nothing_that_is_shown_before_the_server_says_so(self, scene: Scene) -> None:
        subscription = scene.ada.subscribe(scene.tell)
        scene.harness.settle()
        saving = scene.ada.save(subscription.tuples[0], {"title": "mow"})
        assert subscription.tuples[0].title == "dig"
        scene.harness.resultOf(saving)
        scene.harness.settle()

        assert [changes for _, changes in scene.told[1:]] == [[("updated", 1)]]

    def test_is_refused_with_code_and_text(self, scene: Scene, engine: Engine) -> None:
        with pytest.raises(RemoteError, match="with id 9") as caught:
            scene.harness.resultOf(scene.ada.save(offTheWire(Job, id=9), {"title": "x"}))
        assert caught.value.code == UnknownRecord.code
        with pytest.raises(RemoteError) as caught:
            scene.harness.resultOf(scene.ada.create(offTheWire(Job, title="dig")))
        assert caught.value.code == ConstraintViolation.code

        assert stored(engine, TITLES) == [(1, "dig"), (2, "sow")]

    def test_of_a_row_that_was_changed_since_is_stale_if_its_version_goes_with_it(
        self, scene: Scene, engine: Engine
    ) -> None:
        fill(engine, "insert into page (id, body, version) values (1, 'a', 1)")
        scene.handlers.append(OrmCrudHandler(scene.sessions, Page, "pages", True, scene.server))
        pages = TupleLoader("pages", "server", scene.ada.node)
        subscription = pages.subscribe()
        scene.harness.settle()
        (page,) = subscription.tuples
        scene.harness.resultOf(pages.save(page, {"body": "b", "version": 1}))
        scene.harness.settle()
        assert subscription.tuples[0].version == 2
        with pytest.raises(RemoteError) as caught:
            scene.harness.resultOf(pages.save(page, {"body": "c", "version": 1}))

        assert caught.value.code == StaleRecord.code
        assert stored(engine, "select body from page") == [("b",)]

    def test_takes_effect_once_though_the_line_is_cut(self, scene: Scene, engine: Engine) -> None:
        scene.ada.subscribe(scene.tell)
        scene.harness.settle()
        creating = scene.ada.create(offTheWire(Job, title="mow"))
        cutAll(scene.harness)
        scene.harness.advance(20)

        assert shown([scene.harness.resultOf(creating)]) == [(3, "mow")]
        assert stored(engine, TITLES) == [(1, "dig"), (2, "sow"), (3, "mow")]
        assert [changes for _, changes in scene.told[1:]] == [[("created", 3)]]

    def test_is_waited_for_as_long_as_one_says(self, scene: Scene) -> None:
        cutAll(scene.harness)
        creating = scene.ada.create(offTheWire(Job, title="mow"), timeout=0.1)
        scene.harness.advance(0.2)

        with pytest.raises(RequestTimeout):
            scene.harness.resultOf(creating)


class TestADelete:
    def test_sends_the_key_and_nothing_else(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        subscription = scene.ada.subscribe()
        scene.harness.settle()
        sent: list[Payload] = []
        ask = scene.ada._ask

        def note(payload: Payload, timeout: float | None) -> PayloadResponse:
            sent.append(payload)
            return ask(payload, timeout)

        monkeypatch.setattr(scene.ada, "_ask", note)
        scene.harness.resultOf(scene.ada.delete(subscription.tuples[1]))

        [payload] = sent
        [row] = payload.tuples
        assert payload.filt == {**FILT, "delete": True}
        assert list(vars(row)) == ["id"]
