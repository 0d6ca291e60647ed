"""Limits on one message, one body, and what is asked for: how each is breached."""

from __future__ import annotations

import json
import zlib
from typing import Any

from tests.native_frames import (
    COMPRESSED,
    EXPECTS_ANSWER,
    HAS_BODY,
    ack,
    leb,
    message,
)
from tests.transports.every_line import BOTH_WAYS, POSTS, SOCKETS
from tests.transports.limit_scene import Scene, incompressible, row
from tests.transports.native_wires import PREAMBLE
from tests.transports.wires import PostClient
from vortex.handlers.model_handler import ModelHandler
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

__all__ = ["ROWS"]

NO_BODY = "there are no bodies"
NO_REQUEST = "there are no requests"


def withBody(body: bytes, flags: int = 0) -> bytes:
    head = b'{"f":{"key":"echo"}}'
    return bytes((EXPECTS_ANSWER | HAS_BODY | flags,)) + leb(len(head)) + head + body


def refused(scene: Scene, message: bytes, limit: str) -> str:
    """Ask with *message*, which is over *limit*; what the answer says."""
    result = scene.party.ask(message)
    assert limit in result
    return str(result).partition(":")[0]


@row("maxFrame", 70_000, ("limit-exceeded", "413"), "malformed")
def maxFrame(scene: Scene) -> str:
    if scene.kind in POSTS:
        answer = scene.party.say(leb(70_001) + b"\x13" + bytes(70_000))
        assert answer is not None
        return str(answer.status)
    scene.party.say(leb(70_001))  # nothing of it has come yet
    assert scene.party.farewell["again"] is True
    return str(scene.party.farewell["code"])


@row("maxInflated", 10_000, "limit-exceeded", "malformed")
def maxInflated(scene: Scene) -> str:
    body = json.dumps([{"v": ["x" * 20_000]}]).encode()
    return refused(scene, withBody(zlib.compress(body), COMPRESSED), "maxInflated")


@row("maxDepth", 8, "limit-exceeded", "malformed")
def maxDepth(scene: Scene) -> str:
    return refused(scene, withBody(b'[{"v":[' + b"[" * 20 + b"]" * 20 + b"]}]"), "maxDepth")


@row("maxNodes", 100, "limit-exceeded", "malformed")
def maxNodes(scene: Scene) -> str:
    return refused(scene, message({"key": "echo"}, list(range(200))), "maxNodes")


@row("maxHeadNodes", 100, "limit-exceeded", "malformed")
def maxHeadNodes(scene: Scene) -> str:
    return refused(scene, message({"key": "echo", "many": list(range(200))}), "maxHeadNodes")


@row("maxString", 1000, "limit-exceeded", "malformed")
def maxString(scene: Scene) -> str:
    return refused(scene, message({"key": "echo"}, ["x" * 1001]), "maxString")


@row("maxFiltItems", 5, "limit-exceeded", "malformed")
def maxFiltItems(scene: Scene) -> str:
    return refused(scene, message({f"k{number}": 1 for number in range(6)}), "maxFiltItems")


@row("maxMalformed", 5, "limit-exceeded", "malformed")
def maxMalformed(scene: Scene) -> str:
    scene.party.say(b"".join(scene.party.sends(b"\x80 is no flag") for _ in range(6)))
    assert scene.server.vortex.counters["malformed"] == 6
    assert scene.party.farewell["again"] is False
    return str(scene.party.farewell["code"])


@row("maxBody", 2000, "413", "refused", but={BOTH_WAYS: NO_BODY})
def maxBody(scene: Scene) -> str:
    answer = scene.party.say(bytes(2000))
    assert answer is not None
    return str(answer.status)


@row("maxBodyFrames", 10, "413", "malformed", but={BOTH_WAYS: NO_BODY})
def maxBodyFrames(scene: Scene) -> str:
    answer = scene.party.say(ack(0) * 11)
    assert answer is not None
    return str(answer.status)


@row(
    "headerTimeout",
    10,
    "408",
    "late",
    but={("memory", "tcp", "tls", "unix"): NO_REQUEST},
)
def headerTimeout(scene: Scene) -> str:
    method = b"GET" if scene.kind == "websocket" else b"POST"
    return late(scene, method + b" /vortex HTTP/1.1\r\n", 11)


@row("bodyGrace", 5, "408", "late", but={BOTH_WAYS: NO_BODY})
def bodyGrace(scene: Scene) -> str:
    return late(scene, b"POST /vortex HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", 6)


@row("bodyMinRate", 1000, "408", "late", but={BOTH_WAYS: NO_BODY})
def bodyMinRate(scene: Scene) -> str:
    request = b"POST /vortex HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + PREAMBLE
    return late(scene, request, 10, each=400)


def late(scene: Scene, request: bytes, seconds: int, *, each: int = 0) -> str:
    """Begin *request*, of which there come *each* bytes a second; the status that it is answered with."""
    client = PostClient(scene.server.site)
    client.send(request)
    for _ in range(seconds):
        scene.pass_(1)
        client.send(bytes(each))
    scene.neighbour.keepUp()
    assert client.closed
    return str(client.status)


class Never:
    """Takes requests, and answers none."""

    def __init__(self, scene: Scene) -> None:
        self.deliveries: list[Delivery] = []
        self.endpoint = PayloadEndpoint({"key": "never"}, self.take, scene.server.vortex)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


@row("maxWaitingRequests", 3, "limit-exceeded", "held")
def maxWaitingRequests(scene: Scene) -> str:
    never = Never(scene)
    asked = message({"key": "never"})
    scene.party.say(b"".join(scene.party.sends(asked) for _ in range(31)))
    assert len(never.deliveries) == 30
    (result,) = scene.party.answers()
    return str(result).partition(":")[0]


@row(
    "maxMessagesPerSecond",
    10,
    ("slower", "503"),
    "held",
    but={"memory": "nothing is on its way that could be read later"},
)
def maxMessagesPerSecond(scene: Scene) -> str:
    news = message({"key": "news"}, expectsAnswer=False)
    scene.party.say(b"".join(scene.party.sends(news) for _ in range(110)))
    if scene.kind in SOCKETS:
        assert scene.party.line.wire.producerState == "paused"
        return "slower"
    answer = scene.party.say(scene.party.sends(news))
    assert answer is not None
    return str(answer.status)


@row("maxInflatedPerSecond", 4_000, "later", "held")
def maxInflatedPerSecond(scene: Scene) -> str:
    body = json.dumps([{"v": ["x" * 28_000]}]).encode()
    long = withBody(zlib.compress(body), COMPRESSED)
    assert scene.party.ask(long) is True  # five seconds' worth, and as much as two are past it
    scene.party.say(scene.party.sends(long))
    assert len(scene.party.answers()) == 1
    scene.pass_(3)
    assert len(scene.party.answers()) == 2
    return "later"


@row(
    "maxWaitingBytes",
    5_000,
    ("slower", "503"),
    "held",
    but={"memory": "nothing is on its way that could be read later"},
    maxInflatedPerSecond=4_000,
)
def maxWaitingBytes(scene: Scene) -> str:
    long = withBody(zlib.compress(json.dumps([{"v": ["x" * 28_000]}]).encode()), COMPRESSED)
    assert scene.party.ask(long) is True
    news = message({"key": "news"}, expectsAnswer=False)
    scene.party.say(scene.party.sends(long))
    scene.party.say(b"".join(scene.party.sends(news) for _ in range(10)))
    if scene.kind in SOCKETS:
        assert scene.party.line.wire.producerState == "paused"
        scene.pass_(6, isHeard=False)
        assert scene.party.line.wire.producerState == "producing"
        return "slower"
    answer = scene.party.say(scene.party.sends(news))
    assert answer is not None
    return str(answer.status)


class Model(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Any]:
        return [filt["id"]]


def updated(scene: Scene, *ids: str) -> list[str]:
    """Of whose updates the party gets those that asks for each of *ids*, one after the other."""
    model = Model({"key": "model"}, scene.server.vortex)
    for each in ids:
        scene.party.ask(message({"key": "model", "id": each}))
    before = len(scene.party.heard)
    for each in ids:
        model.sendModelUpdate({"key": "model", "id": each})
        scene.pass_(1)
        scene.party.keepUp()
    return [each.json["f"]["id"] for each in scene.party.heard[before:] if each.number]


@row("maxWatchesPerPeer", 2, "forgotten", "watchesForgotten")
def maxWatchesPerPeer(scene: Scene) -> str:
    assert updated(scene, "a", "b", "c") == ["b", "c"]
    return "forgotten"


@row("maxWatchBytesPerPeer", 100, "forgotten", "watchesForgotten")
def maxWatchBytesPerPeer(scene: Scene) -> str:
    assert updated(scene, "a", "b" * 100, "c") == ["a", "c"]
    return "forgotten"


def askAgain(scene: Scene, size: int, count: int) -> str:
    """Get so many answers, and then the first of them again."""
    large = message({"key": "echo"}, [incompressible(size)])
    for _ in range(count):
        scene.party.ask(large)
    result = scene.party.ask(large, again=1)
    return str(result).partition(":")[0]


@row("maxStoredReplies", 2, "outcome-unknown", "repliesForgotten")
def maxStoredReplies(scene: Scene) -> str:
    return askAgain(scene, 4, 3)


@row("maxStoredReplyBytes", 2000, "outcome-unknown", "repliesForgotten")
def maxStoredReplyBytes(scene: Scene) -> str:
    return askAgain(scene, 1600, 2)


@row("maxReplyMemory", 2000, "outcome-unknown", "repliesForgotten")
def maxReplyMemory(scene: Scene) -> str:
    return askAgain(scene, 1600, 2)


ROWS = (
    maxFrame,
    maxInflated,
    maxDepth,
    maxNodes,
    maxHeadNodes,
    maxString,
    maxFiltItems,
    maxMalformed,
    maxBody,
    maxBodyFrames,
    headerTimeout,
    bodyGrace,
    bodyMinRate,
    maxWaitingRequests,
    maxMessagesPerSecond,
    maxInflatedPerSecond,
    maxWaitingBytes,
    maxWatchesPerPeer,
    maxWatchBytesPerPeer,
    maxStoredReplies,
    maxStoredReplyBytes,
    maxReplyMemory,
)
