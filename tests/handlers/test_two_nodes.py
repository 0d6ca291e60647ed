"""
Two nodes with the same ModelHandler, linked to each other: whatever is said, the talk comes to an end.

Each message of each side is counted as it is written, so an answer to an answer would show.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.handlers.nodes import resultOf, settle
from tests.routing.peers import ERAS
from vortex import Tuple, addTupleType
from vortex.errors import Rejected, RemoteError
from vortex.handlers.model_handler import ModelHandler
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Form, Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.transports.memory import connectInMemory
from vortex.transports.session_driver import SessionDriver

FILT = {"key": "notes"}
ENDLESS = 100
"""More messages than anything in here takes; there the talk is cut."""


@addTupleType
class Note(Tuple):
    __tupleType__ = "twonodes.Note"
    text: str = ""


class Notes(ModelHandler):
    """Gives its notes, or an error; counts how often it was asked."""

    def __init__(self, vortex: Vortex, model: list[Note] | Exception) -> None:
        super().__init__(FILT, vortex)
        self.model = model
        self.builds = 0

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Note]:
        self.builds += 1
        if isinstance(self.model, Exception):
            raise self.model
        return self.model


class Pair:
    """
    Attributes:
        written: Who has sent what since the link was up, in order: the sender's name, the message.
    """

    def __init__(
        self, form: Form | None, model: list[Note] | Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.clock = Clock()
        self.a, self.b = (Vortex(name, reactor=self.clock) for name in "ab")
        self.written: list[tuple[str, Message]] = []
        self.handlers = [Notes(node, model) for node in (self.a, self.b)]
        link = connectInMemory(self.a, self.b, form=form)
        settle(self.clock)
        bSeenByA, aSeenByB = link.peers
        assert bSeenByA is not None
        assert aSeenByB is not None
        self.bSeenByA, self.aSeenByB = bSeenByA, aSeenByB
        senders = {id(self.bSeenByA): "a", id(self.aSeenByB): "b"}
        send = SessionDriver.send

        def note(
            driver: SessionDriver, message: Message, *, priority: int = 100, mergeKey: Hashable = None
        ) -> None:
            self.written.append((senders[id(driver.peer)], message))
            if len(self.written) < ENDLESS:
                send(driver, message, priority=priority)

        monkeypatch.setattr(SessionDriver, "send", note)

    def rest(self) -> list[str]:
        """Let everything arrive; who has sent something, in order."""
        settle(self.clock)
        assert len(self.written) < ENDLESS, f"they do not stop: {self.written[:10]} …"
        return [sender for sender, _ in self.written]


FORMS = pytest.mark.parametrize("form", [None, *ERAS], ids=str)
MODELS = pytest.mark.parametrize("model", [[], [Note(text="hello")]], ids=["empty", "full"])


@FORMS
@MODELS
class TestTwoNodes:
    @pytest.fixture
    def pair(self, form: Form | None, model: list[Note], monkeypatch: pytest.MonkeyPatch) -> Pair:
        return Pair(form, model, monkeypatch)

    def test_end_after_a_request(self, pair: Pair, model: list[Note]) -> None:
        answer: Deferred[Payload] = pair.a.request(Payload(FILT))

        assert pair.rest() == ["a", "b"]
        assert [note.text for note in resultOf(answer).tuples] == [note.text for note in model]
        assert [handler.builds for handler in pair.handlers] == [0, 1]

    def test_end_after_a_request_that_carries_tuples(self, pair: Pair, model: list[Note]) -> None:
        answer: Deferred[Payload] = pair.a.request(Payload(FILT, model))

        assert pair.rest() == ["a", "b"]
        assert [note.text for note in resultOf(answer).tuples] == [note.text for note in model]

    def test_end_after_requests_of_both_at_once(self, pair: Pair, model: list[Note]) -> None:
        answers: list[Deferred[Payload]] = [node.request(Payload(FILT)) for node in (pair.a, pair.b)]

        assert sorted(pair.rest()) == ["a", "a", "b", "b"]
        assert [len(resultOf(answer).tuples) for answer in answers] == [len(model)] * 2
        assert [handler.builds for handler in pair.handlers] == [1, 1]

    def test_end_after_a_load_without_a_messageId(self, pair: Pair, model: list[Note]) -> None:
        pair.bSeenByA.sendMessage(Message(Payload(FILT)))

        assert pair.rest() == ["a", "b"]

    def test_end_after_tuples_without_a_messageId(self, pair: Pair, model: list[Note]) -> None:
        pair.bSeenByA.sendMessage(Message(Payload(FILT, model)))

        assert pair.rest() == (["a"] if model else ["a", "b"])

    def test_end_after_a_broadcast(self, pair: Pair, model: list[Note]) -> None:
        pair.a.send(Payload(FILT, model))
        pair.b.send(Payload(FILT, model))
        pair.a.send(Payload(FILT))

        assert sorted(pair.rest()) == ["a", "a", "a", "b", "b", "b"]

    def test_end_after_a_message_to_one_peer(self, pair: Pair, model: list[Note]) -> None:
        pair.bSeenByA.send(Payload(FILT, model))

        assert pair.rest() == ["a", "b"]

    def test_end_after_updates_to_who_has_asked(self, pair: Pair, model: list[Note]) -> None:
        for node in (pair.a, pair.b):
            node.request(Payload(FILT))
        pair.rest()
        pair.written.clear()

        for handler in pair.handlers:
            assert resultOf(handler.sendModelUpdate()) == 1

        assert sorted(pair.rest()) == ["a", "b"]
        assert [handler.builds for handler in pair.handlers] == [2, 2]

    def test_end_after_updates_to_who_has_not(self, pair: Pair, model: list[Note]) -> None:
        pair.handlers[0].sendModelUpdate(peer=pair.bSeenByA)
        pair.handlers[1].sendModelUpdate({"id": 1}, peer=pair.aSeenByB)
        pair.handlers[0].sendModelUpdate()

        assert sorted(pair.rest()) == ["a", "b"]
        assert [handler.builds for handler in pair.handlers] == [1, 1]

    def test_end_after_an_echo(self, pair: Pair, model: list[Note]) -> None:
        pair.bSeenByA.sendMessage(Message(Payload({**FILT, "rapuiServerEcho": True}, model)))

        assert pair.rest() == (["a", "b"] if model else ["a", "b", "b"])


@FORMS
class TestTwoNodesThatFail:
    def test_end_after_a_request(self, form: Form | None, monkeypatch: pytest.MonkeyPatch) -> None:
        pair = Pair(form, Rejected("no notes"), monkeypatch)

        answers: list[Deferred[Payload]] = [node.request(Payload(FILT)) for node in (pair.a, pair.b)]

        assert sorted(pair.rest()) == ["a", "a", "b", "b"]
        for answer in answers:
            with pytest.raises(RemoteError, match="no notes"):
                resultOf(answer)

    def test_end_after_messages_without_a_messageId(
        self, form: Form | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair = Pair(form, Rejected("no notes"), monkeypatch)

        pair.bSeenByA.sendMessage(Message(Payload(FILT)))
        pair.aSeenByB.sendMessage(Message(Payload(FILT, result="an error")))
        pair.bSeenByA.sendMessage(Message(Payload(FILT, result=True)))

        assert pair.rest() == ["a", "b", "a", "b"]
