"""Nodes in one process for the tests of handlers: a server, and clients that keep what comes."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Form, Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.transports.memory import connectInMemory


def settle(clock: Clock, turns: int = 30) -> None:
    """Let everything that is under way arrive."""
    for _ in range(turns):
        clock.advance(0)


class ThreadedVortex(Vortex):
    """A node whose threads work when the test says so: each call waits in `waiting`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: list[Callable[[], None]] = []

    def runInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()

        def work() -> None:
            maybeDeferred(function, *args, **kwargs).chainDeferred(done)

        self.waiting.append(work)
        return done


class Client:
    """
    A node that is linked to *server*.

    Attributes:
        vortex: The node itself.
        peer: What the server sees of it.
        came: Every payload that came in for *key*, in order.
    """

    def __init__(
        self,
        server: Vortex,
        clock: Clock,
        name: str = "client",
        *,
        key: str = "jobs",
        form: Form = Form.RAW,
    ) -> None:
        self.vortex = Vortex(name, reactor=clock)
        self.came: list[Payload] = []
        self._clock = clock
        self._endpoint = PayloadEndpoint({"key": key}, self._take, self.vortex)
        self.link = connectInMemory(server, self.vortex, form=form)
        settle(clock)
        peer, self.server = self.link.peers
        assert peer is not None
        assert self.server is not None
        self.peer = peer

    def _take(self, payload: Payload, _delivery: Delivery) -> None:
        self.came.append(payload)

    @property
    def pushed(self) -> list[tuple[dict[Any, Any], list[Any]]]:
        """The filt and the tuples of what came unasked."""
        return [(each.filt, each.tuples) for each in self.came if MESSAGE_ID not in each.filt]

    @property
    def answers(self) -> list[Payload]:
        """What came in answer to requests."""
        return [each for each in self.came if MESSAGE_ID in each.filt]

    def request(self, filt: dict[str, Any], tuples: Iterable[Any] | None = None) -> Deferred[Payload]:
        """Ask the server, and let time pass; fires with the answer, or the error that was answered."""
        answer = self.vortex.request(Payload(filt, tuples))
        settle(self._clock)
        return answer

    def ask(self, filt: dict[str, Any], tuples: Iterable[Any] | None = None) -> Payload:
        """As `request`, for an answer that comes at once."""
        answer: Payload = resultOf(self.request(filt, tuples))
        return answer

    def send(
        self, filt: dict[str, Any], tuples: Iterable[Any] | None = None, *, isReply: bool = False
    ) -> None:
        """Send just this, without a messageId."""
        assert self.server is not None
        self.server.sendMessage(Message(Payload(filt, tuples), isReply=isReply))
        settle(self._clock)

    def sendBody(self, filt: dict[str, Any], tuples: list[dict[str, Any]]) -> None:
        """Send a request with tuples that are JSON already, in a message that is put together by hand."""
        payload = {"_ct": "rp", "filt": filt, "tuples": tuples, "date": None}
        data = base64.b64encode(zlib.compress(json.dumps(payload).encode())).decode()
        envelope = {
            "_ct": "rpe",
            "filt": {**filt, MESSAGE_ID: "m"},
            "data": data,
            "result": None,
            "date": None,
        }
        self.link._ends[0].driver.frameReceived(json.dumps(envelope).encode())
        self.settle()

    def settle(self) -> None:
        """Let everything that is under way arrive."""
        settle(self._clock)


def encodings(monkeypatch: pytest.MonkeyPatch) -> list[Form]:
    """The form of each message that is encoded from here on; a message is encoded once per form."""
    forms: list[Form] = []
    encode = Message._encode

    def encodeAndNote(message: Message, form: Form) -> bytes:
        forms.append(form)
        return encode(message, form)

    monkeypatch.setattr(Message, "_encode", encodeAndNote)
    return forms


def resultOf(deferred: Deferred[Any]) -> Any:
    """What *deferred* has fired with; raises what it has failed with."""
    results: list[Any] = []
    failures: list[Any] = []
    deferred.addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    assert results, "it has not fired yet"
    return results[0]
