"""
Two nodes whose endpoints answer whatever comes: every exchange ends.

No session and no link: a message goes over as the bytes that a link would carry, one at a time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from vortex.errors import Rejected
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_io import PayloadIO
from vortex.routing.payload_response import PayloadResponse
from vortex.routing.ports import Peer

FILT = {"key": "jobs"}
ENOUGH = 100
"""Messages after which an exchange has no end."""


class FakeNode:
    """What routing asks of a node, and no more."""

    asksWhoPeersAre = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.uuid = f"uuid of {name}"
        self.limits = Limits()
        self.clock = Clock()
        self.counters: Counter[str] = Counter()
        self.peers: tuple[Peer, ...] = ()
        self.payloadIO = PayloadIO(self)
        self._number = 0

    def issueMessageId(self) -> str:
        self._number += 1
        return f"{self.name}:{self._number}"

    def issued(self, messageId: str) -> bool:
        return messageId.startswith(f"{self.name}:")

    def onPeerChange(self, callback: Callable[[Peer, bool], object]) -> Callable[[], object]:
        return lambda: None

    def onSessionEvent(self, callback: Callable[[Any, Peer], object]) -> Callable[[], object]:
        return lambda: None

    def onShutdown(self, callback: Callable[[], object]) -> Callable[[], object]:
        return lambda: None

    def send(self, *args: Any, **kwargs: Any) -> Deferred[int]:
        raise NotImplementedError

    def request(self, *args: Any, **kwargs: Any) -> Deferred[Payload]:
        raise NotImplementedError

    def runInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        raise NotImplementedError


class Way:
    """The way to *node*: it is a peer to the node at the other end."""

    identity: str | None = None
    roles: frozenset[str] = frozenset()
    isOnline = isConnected = True

    def __init__(self, node: FakeNode, form: Form, line: deque[tuple[Way, bytes]]) -> None:
        self.node = node
        self.name = node.name
        self.uuid = node.uuid
        self.back: Way
        self._form = form
        self._line = line

    def send(self, payload: Payload, priority: int = 100) -> None:
        self.sendMessage(Message(payload), priority)

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        raise NotImplementedError

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: Hashable = None) -> None:
        self._line.append((self, message.encoded(self._form)))

    @property
    def queuedBytes(self) -> int:
        return 0

    def whenReady(self) -> Deferred[None]:
        return succeed(None)

    def cancelRequest(self, message: Message) -> None: ...


class Pair:
    """Two nodes that are linked, and an endpoint for `FILT` on each, of one callable."""

    def __init__(self, form: Form, callable_: Callable[[Payload, Delivery], object]) -> None:
        self.a, self.b = FakeNode("a"), FakeNode("b")
        self.line: deque[tuple[Way, bytes]] = deque()
        self.toA, self.toB = Way(self.a, form, self.line), Way(self.b, form, self.line)
        self.toA.back, self.toB.back = self.toB, self.toA
        self.a.peers, self.b.peers = (self.toB,), (self.toA,)
        self.endpoints = [PayloadEndpoint(FILT, callable_, node) for node in (self.a, self.b)]

    def run(self) -> int:
        """Carry messages over until there are none, or too many; returns how many there were."""
        count = 0
        while self.line and count < ENOUGH:
            count += 1
            way, frame = self.line.popleft()
            way.node.payloadIO.route(decodeMessage(frame, way.node.limits), way.back)
        return count


def answers(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(["an answer"])


def saysDone(payload: Payload, delivery: Delivery) -> None:
    delivery.reply([], True)


def sendsBack(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(payload)


def answersTwice(payload: Payload, delivery: Delivery) -> None:
    delivery.reply([1])
    delivery.reply([2])


def answersLater(payload: Payload, delivery: Delivery) -> Deferred[None]:
    return succeed(None).addCallback(lambda _: delivery.reply([payload.filt["key"]]))


async def answersInACoroutine(payload: Payload, delivery: Delivery) -> None:
    delivery.reply(payload.tuples)


def fails(payload: Payload, delivery: Delivery) -> None:
    raise ValueError("by mistake")


def refuses(payload: Payload, delivery: Delivery) -> None:
    raise Rejected("on purpose")


def failsLater(payload: Payload, delivery: Delivery) -> Deferred[None]:
    return fail(KeyError("by mistake"))


CALLABLES = [
    answers, saysDone, sendsBack, answersTwice, answersLater, answersInACoroutine, fails, refuses, failsLater
]  # fmt: skip
FORMS = [Form.RAW, Form.ERA1, Form.ERA0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("callable_", CALLABLES)
class TestTwoNodes:
    def test_fall_silent_after_a_request(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        response = PayloadResponse(Payload(FILT, ["a question"]), pair.a, timeout=None)
        response.addErrback(lambda _: None)

        assert pair.run() == (3 if callable_ is answersTwice else 2)
        assert response.called

    def test_fall_silent_after_what_nobody_asked_for(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        pair.toB.send(Payload(FILT, ["news"]))

        assert pair.run() == (3 if callable_ is answersTwice else 2)

    def test_fall_silent_after_a_push(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        pair.toB.sendMessage(Message(Payload(FILT, ["news"]), isReply=True))

        assert pair.run() == 1

    def test_fall_silent_after_an_error(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        pair.toB.send(Payload({**FILT, MESSAGE_ID: "whose"}, result="rejected: no"))

        assert pair.run() == 1

    def test_fall_silent_after_an_echo(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        pair.toB.send(Payload({**FILT, "rapuiServerEcho": True}, ["news"]))

        assert pair.run() == (4 if callable_ is answersTwice else 3)

    def test_fall_silent_after_an_echo_of_a_client(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)

        pair.toB.send(Payload({**FILT, "rapuiClientEcho": True}, ["news"]))

        assert pair.run() == (4 if callable_ is answersTwice else 3)

    def test_fall_silent_after_a_request_for_both_echos(self, form: Form, callable_: Any) -> None:
        pair = Pair(form, callable_)
        filt = {**FILT, "rapuiServerEcho": True, "rapuiClientEcho": True}

        response = PayloadResponse(Payload(filt, ["a question"]), pair.a, timeout=None)

        assert pair.run() == (4 if callable_ is answersTwice else 3)
        assert response.called
