"""Limits on sessions, on connections and on the node: how each is breached."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import error as errors
from twisted.python.failure import Failure

from tests.native_frames import DATA, message
from tests.transports.every_line import BOTH_WAYS, POSTS, mute, reach
from tests.transports.limit_scene import Party, Scene, incompressible, ofNoPeer, row
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload

__all__ = ["ROWS"]


def push(scene: Scene, *values: object) -> None:
    """Send each to the party alone."""
    for value in values:
        scene.peer.send(Payload({"key": "push"}, [value]))


def pushed(scene: Scene) -> list[object]:
    """What came of it."""
    return [each.body[0]["v"][0] for each in scene.party.heard if each.kind == DATA]


def farewellOrReset(scene: Scene) -> str:
    """Why its session is over: by a CLOSE, or when it comes back."""
    first = scene.party
    if any(each.kind == 3 for each in first.heard):
        return str(first.farewell["code"])
    scene.party.comeBack()
    assert scene.party.welcome["outcome"] == "reset"
    return str(scene.party.welcome["reason"])


# ---- what waits for one peer


@row("maxOutboxItems", 10, "overflow", "overflow", replayFrames=4)
def maxOutboxItems(scene: Scene) -> str:
    push(scene, *range(15))
    scene.clock.advance(0)
    return farewellOrReset(scene)


@row("maxOutboxBytes", 10_000, "overflow", "overflow", replayFrames=4)
def maxOutboxBytes(scene: Scene) -> str:
    push(scene, *(incompressible(3000) for _ in range(10)))
    scene.clock.advance(0)
    return farewellOrReset(scene)


@row("replayFrames", 4, "waits", None)
def replayFrames(scene: Scene) -> str:
    push(scene, *"abcdef")
    scene.clock.advance(0)
    assert pushed(scene) == list("abcd")
    scene.party.acknowledge()
    assert pushed(scene) == list("abcdef")
    return "waits"


@row("replayBytes", 5000, "waits", None)
def replayBytes(scene: Scene) -> str:
    texts = [incompressible(size) for size in (4000, 4001, 4002)]
    push(scene, *texts)
    scene.clock.advance(0)
    assert pushed(scene) == texts[:2]
    scene.party.acknowledge()
    assert pushed(scene) == texts
    return "waits"


@row("mergeBytes", 200, "merged", "merged", replayFrames=2)
def mergeBytes(scene: Scene) -> str:
    for number in range(20):
        price = Message(Payload({"key": "price"}, [f"{number}"]))
        scene.peer.sendMessage(price, mergeKey="price" if number > 1 else None)
    scene.clock.advance(0)
    for _ in range(10):
        scene.party.acknowledge()
    assert len(pushed(scene)) < 10
    assert pushed(scene)[-1] == "19"
    return "merged"


@row(
    "slowBytes",
    1000,
    "cut",
    "slow",
    replayFrames=4,
    but={"poll": "its answer is over at once where something waits; what waits then has maxOutboxBytes"},
)
def slowBytes(scene: Scene) -> str:
    push(scene, *(f"{number:0100}" for number in range(40)))
    scene.pass_(4)
    assert scene.peer.isConnected
    scene.pass_(3)
    return cut(scene)


def cut(scene: Scene) -> str:
    """The party's line is over, and its session goes on."""
    assert scene.party.line.isOver
    assert not scene.peer.isConnected
    scene.party.line.lose()
    scene.party.comeBack()
    assert scene.party.welcome["outcome"] == "resumed"
    return "cut"


# ---- who is away


@row("sessionLinger", 20, "expired", "expired")
def sessionLinger(scene: Scene) -> str:
    scene.party.line.lose()
    scene.pass_(21, isHeard=False)
    return farewellOrReset(scene)


@row("sessionPool", 20_000, "overflow", "evicted")
def sessionPool(scene: Scene) -> str:
    scene.party.line.lose()
    push(scene, *(incompressible(10_000) for _ in range(3)))
    return farewellOrReset(scene)


def afterwards(scene: Scene, *, others: int, seconds: int) -> str:
    """Do something, and go; then do it again when so many others have been there, and so long after."""
    scene.party.ask(message({"key": "echo"}, ["x"]))
    scene.party.leave()
    for _ in range(others):
        other = Party(scene.server, scene.kind)
        other.ask(message({"key": "echo"}, ["y"]))
        other.leave()
    scene.pass_(seconds, isHeard=False)
    scene.party.begin()
    return str(scene.party.ask(message({"key": "echo"}, ["x"]), again=1)).partition(":")[0]


@row("maxClients", 1, "outcome-unknown", "clientsForgotten")
def maxClients(scene: Scene) -> str:
    return afterwards(scene, others=1, seconds=0)


@row("clientMemory", 30, "outcome-unknown", None)
def clientMemory(scene: Scene) -> str:
    return afterwards(scene, others=0, seconds=31)


# ---- one connection

URLS = {
    "websocket": "ws://127.0.0.1:1/vortexws",
    "tcp": "tcp://127.0.0.1:1",
    "tls": "tls://127.0.0.1:1",
    "unix": "unix:///nobody",
}


@row("connectTimeout", 8, "again", None, but={"memory": "there is nothing to connect"})
def connectTimeout(scene: Scene) -> str:
    via: Any = scene.kind if scene.kind in POSTS else None
    url = URLS.get(scene.kind, "http://127.0.0.1:1/vortex")
    connection = scene.server.vortex.connect(url, via=via)
    states: list[str] = []
    connection.onStateChange(lambda state, _: states.append(state.value))
    scene.pass_(7)
    assert (connection.state.value, states) == ("connecting", [])
    scene.pass_(2)
    if scene.kind in POSTS:  # of these it is the reactor that gives the connection up
        _host, _port, factory, timeout, _local = scene.clock.tcpClients[-1]
        assert timeout == 8
        factory.clientConnectionFailed(cast(Any, None), Failure(errors.TimeoutError()))
    assert states[0] == "waiting"
    connection.close()
    return "again"


@row(
    "helloTimeout",
    10,
    "silent",
    "silent",
    but={POSTS: "a body begins with its HELLO, and has headerTimeout, bodyGrace and bodyMinRate"},
)
def helloTimeout(scene: Scene) -> str:
    line = mute(scene.kind, scene.server)
    scene.pass_(11)
    assert line.farewell["again"] is True
    assert line.isOver
    return str(line.farewell["code"])


@row(
    "linkIdle",
    15,
    "cut",
    "silent",
    but={POSTS: "a client that has nothing to say makes no request; who reads nothing has writeStall"},
)
def linkIdle(scene: Scene) -> str:
    scene.pass_(14, isHeard=False)
    assert scene.peer.isConnected
    scene.pass_(2, isHeard=False)
    return cut(scene)


@row(
    "writeStall",
    20,
    "cut",
    "slow",
    but={"poll": "its answer is over once it is written; an end that nobody reads is given up as well"},
)
def writeStall(scene: Scene) -> str:
    scene.party.line.stall()
    push(scene, "x")
    scene.pass_(19)
    assert scene.peer.isConnected
    scene.pass_(2)
    return cut(scene)


OTHER_WIRE = "of VortexPY's wire only; on this one there is linkIdle"


@row(
    "wsIdle",
    75,
    "4001",
    "silent",
    but={("memory", "tcp", "tls", "unix"): OTHER_WIRE, POSTS: OTHER_WIRE},
)
def wsIdle(scene: Scene) -> str:
    line = scene.server.webSocket()
    scene.pass_(76)
    return str(line.closeCode)


@row(
    "postLinger",
    15,
    "forgotten",
    "expired",
    but={
        BOTH_WAYS: "of requests only",
        ("sse", "poll"): "of VortexPY's wire only, which has none; on this one there is sessionLinger",
    },
)
def postLinger(scene: Scene) -> str:
    line = scene.server.post()
    assert len(scene.server.vortex.peers) == 3
    line.lose()
    scene.pass_(16)
    assert len(scene.server.vortex.peers) == 2
    return "forgotten"


# ---- one node


def another(scene: Scene, limit: str) -> str:
    """One more comes; it is told that it may come again, and why not now."""
    line = reach(scene.kind, scene.server)
    assert len(scene.server.vortex.peers) == 2
    if scene.kind in POSTS:
        assert limit.encode() in line.received
        assert b"Retry-After" in line.head
        return str(line.status)
    assert limit in line.farewell["reason"]
    assert line.farewell["again"] is True
    return str(line.farewell["code"])


@row("maxPeers", 2, ("refused", "503"), "refused")
def maxPeers(scene: Scene) -> str:
    return another(scene, "maxPeers")


@row("maxPeersPerAddress", 2, ("refused", "503"), "refused")
def maxPeersPerAddress(scene: Scene) -> str:
    return another(scene, "maxPeersPerAddress")


@row("drainTimeout", 5, ("shutdown", "503"), None, isLast=True, replayFrames=1)
def drainTimeout(scene: Scene) -> str:
    push(scene, "a", "b")
    scene.clock.advance(0)
    scene.server.vortex.shutdown()
    for _ in range(0 if scene.kind == "poll" else 4):  # between two polls it is waited for a second only
        scene.clock.advance(1)
    assert scene.peer.isOnline
    for _ in range(2):
        scene.clock.advance(1)
    assert not scene.peer.isOnline
    if scene.kind in POSTS:
        return str(reach(scene.kind, scene.server).status)
    return str(scene.party.farewell["code"])


ROWS = (
    maxOutboxItems,
    maxOutboxBytes,
    replayFrames,
    replayBytes,
    mergeBytes,
    slowBytes,
    sessionLinger,
    sessionPool,
    maxClients,
    clientMemory,
    connectTimeout,
    helloTimeout,
    linkIdle,
    writeStall,
    wsIdle,
    postLinger,
    maxPeers,
    maxPeersPerAddress,
    drainTimeout,
    *map(ofNoPeer, ("watchPartBytes", "maxWatchLog", "watchLinger", "maxLingerBytes", "watchTimeout")),
    ofNoPeer("checkInterval"),
)
