"""
Few bytes with many values in them, over sockets: whoever has sent them waits for it, and nobody else does.
"""

from __future__ import annotations

import base64
import json
import threading
import zlib
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory, Protocol, connectionDone

from tests import native_frames as frames
from tests.integration.on_reactor import onReactor
from vortex import Payload, PayloadEndpoint, Tuple, TupleField, Vortex, addTupleType
from vortex.routing.delivery import Delivery

MANY = 5_000
PREAMBLE = b"\0VX1"

gate = threading.Event()


def slowly(value: int) -> int:
    """Lets nobody through until somebody else was answered, or ten seconds were lost."""
    if not gate.wait(10):
        gate.set()
    return value


@addTupleType
class Slow(Tuple):
    __tupleType__ = "longbodies.Slow"
    n: int = TupleField(default=0, decoder=slowly)


class Raw(Protocol):
    """A connection by hand; `ended` fires when the other end has hung up."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def connectionLost(self, reason: object = connectionDone) -> None:
        self.ended.callback(None)


async def said(port: int, data: bytes) -> Raw:
    """A connection over which *data* was said."""
    factory = Factory.forProtocol(Raw)
    raw = await clientFromString(reactor, f"tcp:127.0.0.1:{port}").connect(factory)
    assert isinstance(raw, Raw)
    assert raw.transport is not None
    raw.transport.write(data)
    return raw


def native() -> bytes:
    head = json.dumps({"f": {"key": "eat"}}).encode()
    group = {"t": "longbodies.Slow", "f": ["n"], "k": "p", "r": [[1]] * MANY}
    body = zlib.compress(json.dumps([group]).encode(), 9)
    message = bytes((frames.HAS_BODY | frames.COMPRESSED,)) + frames.leb(len(head)) + head + body
    assert len(message) < 1000
    return PREAMBLE + frames.hello() + frames.action(1, 1, message)


def vortexpy(*, era: int) -> bytes:
    hello = {"_ct": "rpe", "filt": {"__vortexUuid__": "u", "__vortexName__": "n"}}
    slow = {"_ct": "rt", "_c": "longbodies.Slow", "n": 1}
    rp = {"_ct": "rp", "filt": {"key": "eat"}, "tuples": [slow] * MANY}
    body = base64.b64encode(zlib.compress(json.dumps(rp).encode(), 9))
    rpe = {"_ct": "rpe", "filt": {"key": "eat"}, "data": body.decode()}
    message = body if era == 0 else base64.b64encode(json.dumps(rpe).encode())
    assert len(message) < 2500
    return b"".join((base64.b64encode(json.dumps(hello).encode()), b".", message, b"."))


class Scene:
    """A server, and what it was given in which order."""

    def __init__(self) -> None:
        self.server = Vortex("server")
        self.client = Vortex("client")
        self.order: list[str] = []
        self.eaten: Deferred[None] = Deferred()
        self.kept = [
            PayloadEndpoint({"key": "eat"}, self.eat, self.server),
            PayloadEndpoint({"key": "ask"}, self.answer, self.server),
        ]

    def eat(self, payload: Payload, delivery: Delivery) -> None:
        assert len(payload.tuples) == MANY
        self.order.append("eaten")
        self.eaten.callback(None)

    def answer(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples)

    async def ask(self) -> None:
        await self.client.request(Payload({"key": "ask"}, ["are you there"]), timeout=60)
        self.order.append("answered")
        gate.set()

    async def end(self) -> None:
        await self.client.shutdown()
        await self.server.shutdown()


@pytest.mark.parametrize(
    "long", [native(), vortexpy(era=2), vortexpy(era=0)], ids=["native", "era 2", "era 0"]
)
class TestManyValuesInFewBytes:
    @onReactor
    async def test_let_others_have_their_answers_meanwhile(self, long: bytes) -> None:
        gate.clear()
        scene = Scene()
        port = cast("Any", await scene.server.listen("tcp:0:interface=127.0.0.1"))
        number = port.getHost().port
        await scene.client.connect(f"tcp://127.0.0.1:{number}").connected
        came: Deferred[None] = Deferred()
        stop = scene.server.onPeerChange(lambda peer, _: None if came.called else came.callback(None))

        raw = await said(number, long)
        await came  # and what it has said with its name, in the same turn
        await scene.ask()
        await scene.eaten

        assert scene.order == ["answered", "eaten"]
        stop()
        assert raw.transport is not None
        raw.transport.loseConnection()
        await raw.ended
        await scene.end()
