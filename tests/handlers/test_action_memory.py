"""What is remembered of actions, and how much of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.handlers.action_scene import Rename
from tests.handlers.nodes import Client, resultOf, settle
from vortex import (
    DatabaseUnavailable,
    EncodeError,
    Rejected,
    RemoteError,
    TupleActionClient,
    TupleActionProcessor,
)
from vortex.access.principal import Principal
from vortex.handlers.action_memory import ActionMemory
from vortex.limits import Limits
from vortex.node.vortex import Vortex


class Scene:
    """A memory, and what is carried out because it does not remember it."""

    def __init__(self, clock: Clock, **limits: Any) -> None:
        self.node = Vortex("node", reactor=clock, limits=Limits(**limits))
        self.memory = ActionMemory(self.node)
        self.done: list[Any] = []

    def once(self, sender: str, uuid: Any, outcome: Any = ()) -> Any:
        """The tuples of the answer; *outcome* are those of one that is carried out, or what it raises."""

        def carryOut() -> Deferred[list[Any]]:
            self.done.append((sender, uuid))
            if isinstance(outcome, Exception):
                raise outcome
            return succeed(list(outcome))

        return resultOf(Deferred.fromCoroutine(self.memory.once(sender, uuid, carryOut))).tuples


class TestAMemory:
    def test_answers_as_before_whatever_became_of_the_tuples(self, clock: Clock) -> None:
        scene = Scene(clock)
        row = Rename(uuid="r", title="before")
        scene.once("ada", "u", [row])
        row.title = "after"

        (again,) = scene.once("ada", "u")

        assert (again.title, len(scene.done)) == ("before", 1)

    def test_keeps_code_and_words_of_a_refusal(self, clock: Clock) -> None:
        scene = Scene(clock)
        with pytest.raises(Rejected):
            scene.once("ada", "u", Rejected("no: never", code="not-now"))

        with pytest.raises(RemoteError) as caught:
            scene.once("ada", "u")

        assert (caught.value.code, str(caught.value), len(scene.done)) == ("not-now", "no: never", 1)

    def test_keeps_that_the_answer_could_not_travel(self, clock: Clock) -> None:
        scene = Scene(clock)
        with pytest.raises(EncodeError):
            scene.once("ada", "u", [object()])

        with pytest.raises(RemoteError) as caught:
            scene.once("ada", "u")

        assert (caught.value.code, len(scene.done)) == ("cannot-encode", 1)

    @pytest.mark.parametrize("outcome", [ValueError("a mistake"), DatabaseUnavailable("locked")])
    def test_keeps_nothing_of_what_may_work_the_next_time(self, clock: Clock, outcome: Exception) -> None:
        scene = Scene(clock)
        with pytest.raises(type(outcome)):
            scene.once("ada", "u", outcome)

        assert scene.once("ada", "u", ["done"]) == ["done"]
        assert len(scene.done) == 2

    def test_has_no_more_of_one_sender_than_it_may(self, clock: Clock) -> None:
        scene = Scene(clock, maxStoredReplies=3)
        scene.once("bob", 0)
        for number in range(10):
            scene.once("ada", number)
        assert len(scene.memory) == 4
        scene.done.clear()

        for number in (9, 8, 7):
            scene.once("ada", number)
        scene.once("bob", 0)
        assert scene.done == []
        scene.once("ada", 6)

        assert scene.done == [("ada", 6)]

    def test_has_no_more_bytes_of_one_sender_than_it_may(self, clock: Clock) -> None:
        scene = Scene(clock, maxStoredReplyBytes=100)
        for number in range(100):
            scene.once("ada", number, ["x"])
            assert scene.memory.size <= 100

        assert len(scene.memory) == 6  # of 13 bytes, [{"v":["x"]}], and the uuid's two digits
        assert scene.memory.size == 6 * 15

    def test_says_of_an_answer_that_is_too_large_that_it_is_not_known(self, clock: Clock) -> None:
        scene = Scene(clock, maxStoredReplyBytes=100)
        letters = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
        assert scene.once("ada", "u", [letters]) == [letters]

        with pytest.raises(RemoteError) as caught:
            scene.once("ada", "u")

        assert (caught.value.code, len(scene.done)) == ("outcome-unknown", 1)

    def test_does_not_grow_by_a_uuid_that_is_longer_than_that(self, clock: Clock) -> None:
        scene = Scene(clock, maxStoredReplyBytes=100)

        scene.once("ada", "u" * 1000)

        assert (len(scene.memory), scene.memory.size) == (0, 0)

    def test_has_no_more_bytes_of_all_than_it_may(self, clock: Clock) -> None:
        scene = Scene(clock, maxReplyMemory=50)
        for sender in ("ada", "bob", "cy", "dan"):
            scene.once(sender, "u", ["x"])
        assert scene.memory.size <= 50
        scene.done.clear()

        scene.once("dan", "u")
        scene.once("ada", "u")

        assert scene.done == [("ada", "u")]

    def test_has_no_more_senders_than_it_may(self, clock: Clock) -> None:
        scene = Scene(clock, maxClients=2)
        for sender in ("ada", "bob", "ada", "cy"):
            scene.once(sender, len(scene.done))
        scene.done.clear()

        scene.once("ada", 0)
        assert scene.done == []
        scene.once("bob", 1)

        assert scene.done == [("bob", 1)]

    def test_forgets_who_has_sent_nothing_for_long(self, clock: Clock) -> None:
        scene = Scene(clock, clientMemory=600)
        scene.once("ada", "u")
        clock.advance(600)
        scene.once("bob", "u")
        assert len(scene.memory) == 2

        clock.advance(1)
        scene.once("bob", "v")

        assert len(scene.memory) == 2
        scene.done.clear()
        scene.once("ada", "u")
        assert scene.done == [("ada", "u")]


class TestAProcessorsMemory:
    def test_of_a_peer_without_an_identity_ends_with_its_session(self, server: Vortex, clock: Clock) -> None:
        acts = TupleActionProcessor("acts", server)
        acts.setDelegate(Rename, lambda action: None)
        nobody, known = (Client(server, clock, name) for name in ("nobody", "known"))
        link: Any = known.peer
        link._link.renew(Principal("ada"))
        for client in (nobody, known):
            TupleActionClient("acts", vortex=client.vortex).pushAction(Rename())
        settle(clock)
        assert len(acts._memory) == 2

        for client in (nobody, known):
            client.link.close()
        settle(clock)

        assert server.peers == ()
        assert len(acts._memory) == 1
