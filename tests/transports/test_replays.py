"""
Every recorded client, byte for byte, in front of our server.

What VortexPY 0.3, 2.4 and 6.2 and VortexJS 2.4 wrote is written again: their POSTs and upgrades with their
own heads, their WebSocket frames with their own masks, their TCP streams. The server has an endpoint for each
key they used; it notes what comes and answers with the same tuples. What it notes has to mean what was
recorded, and its answers have to be of the form that the client speaks, on the filt that the recorded server
answered on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from twisted.internet.task import Clock

from tests.protocol.test_codec_vectors import canonical
from tests.transports.wires import PostClient, WebSocketClient, Wire
from tests.vector_files import loadVectors, notationOf, rawBytes
from tests.vector_types import registeredTypes
from tests.wire_messages import decode, isHello
from tests.wire_rules import bodyText, inflatedJson, meaningOf
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.transports.http import VortexResource
from vortex.transports.http_site import VortexSite
from vortex.transports.stream_server import StreamFactory

Vector = dict[str, Any]
Meaning = dict[str, Any]


class Session(NamedTuple):
    """How much there is in one recording."""

    connections: int
    routed: int
    """Messages from the client that are for somebody."""
    empty: int
    """Its hellos, and other messages that say nothing."""
    beats: int
    answered: int
    """How many of the recorded server's messages bear the id of one of the client's."""


SESSIONS = {
    "session_http_vortexpy030": Session(10, 9, 1, 0, 7),
    "session_http_vortexpy241_server_rawclient": Session(1, 2, 0, 0, 2),
    "session_http_vortexpy622_server_rawclient": Session(3, 4, 0, 0, 0),
    "session_tcp_vortexpy241": Session(1, 7, 1, 4, 6),
    "session_tcp_vortexpy622_server_rawclient": Session(1, 4, 1, 0, 3),
    "session_ws_vortexjs242_vs_vortexpy241": Session(1, 1, 0, 3, 1),
    "session_ws_vortexjs242_vs_vortexpy622_fails": Session(1, 2, 0, 0, 0),
    "session_ws_vortexpy622": Session(1, 15, 1, 2, 11),
}

KEYS = (
    "nobody.home",
    "peer.crud",
    "peer.crud.all",
    "peer.echo",
    "peer.fail",
    "peer.model",
    "peer.model.fail",
    "peer_common.rpcAdd",
    "peer_common.rpcFail",
    "tupleActionProcessorName",
    "tupleDataObservable",
)


@pytest.fixture(scope="module", autouse=True)
def _vectorTypes() -> Iterator[None]:
    with registeredTypes():
        yield


class Server:
    """A node with an endpoint for each of `KEYS`, behind a site where it is at every path."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.vortex = Vortex("server", uuid="server-uuid", reactor=self.clock)
        self.site = VortexSite(VortexResource(self.vortex), self.vortex.limits, reactor=self.clock)
        self.noted: list[Meaning] = []
        self._endpoints = [PayloadEndpoint({"key": key}, self._take, self.vortex) for key in KEYS]

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.noted.append(
            {
                "filt": notationOf(payload.filt),
                "tuples": notationOf(payload.tuples),
                "result": notationOf(payload.result),
                "from": (delivery.peer.uuid, delivery.peer.name),
            }
        )
        delivery.reply(payload.tuples)


class TcpClient:
    """A stream of dot-framed messages, in front of the real protocol, and what is written back."""

    def __init__(self, server: Server) -> None:
        self._wire = Wire("127.0.0.1")
        self._stream = StreamFactory(server.vortex).buildProtocol(None)
        self._stream.makeConnection(self._wire)

    def send(self, data: bytes) -> None:
        self._stream.dataReceived(data)

    @property
    def frames(self) -> list[bytes]:
        received: bytes = self._wire.value()
        *frames, rest = received.split(b".")
        assert rest == b""
        return frames

    @property
    def closed(self) -> bool:
        return bool(self._wire.disconnecting or self._wire.isHalfClosed)


class Upgraded(WebSocketClient):
    @property
    def texts(self) -> list[bytes]:
        """What stood in the frames that came."""
        assert {opcode for opcode, _ in self.frames} <= {1}
        return [data for _, data in self.frames]


def written(name: str) -> list[Vector]:
    """What the client of one session wrote, in order."""
    vectors = [vector for vector in loadVectors(name) if vector["direction"] == "c2s"]
    assert all(rawBytes(vector) for vector in vectors)
    return vectors


def described(name: str) -> list[Vector]:
    """What was recorded of each message that is to be routed."""
    messages = [message for vector in written(name) for message in vector.get("messages", [])]
    return [m for m in messages if m.get("meaning") != "heartbeat" and not isEmpty(m["envelope_json"])]


def isEmpty(envelope: Vector) -> bool:
    return envelope["filt"] == {} or isHello(envelope)


def tuplesOf(message: Vector) -> Any:
    """The JSON of the tuples in a recorded message."""
    envelope = message["envelope_json"]
    text = bodyText(envelope.get("data", envelope.get("encodedPayload")))
    return envelope.get("tuples", []) if text is None else inflatedJson(text)["tuples"]


def identityIn(name: str) -> tuple[str, str]:
    """The uuid and name that the client of one session gave, wherever it did."""
    for vector in written(name):
        if vector["what"] in ("http request", "http-upgrade request"):
            query = (rawBytes(vector) or b"").split(b" ", 2)[1].decode().partition("?")[2]
            arguments = dict(part.split("=") for part in query.split("&"))
            return arguments["vortexUuid"], arguments["vortexName"]
        for message in vector["messages"]:
            filt = message.get("envelope_json", {}).get("filt", {})
            if "__vortexUuid__" in filt:
                return filt["__vortexUuid__"], filt["__vortexName__"]
    assert name == "session_ws_vortexjs242_vs_vortexpy622_fails"  # of which the upgrade was not kept
    return "js-uuid", "js-client"


def formOf(frame: bytes) -> tuple[str, str]:
    """How a frame of ours is encoded, in the words of the recordings."""
    if frame.startswith(b"{"):
        assert "data" in decode(frame)
        return "raw-json", "2 (field data)"
    if base64.b64decode(frame, validate=True).startswith(b"x"):
        return "base64+zlib", "0 (single rp message)"
    message = decode(frame)
    both = "data" in message and "encodedPayload" in message
    return (
        "base64",
        "1 (field encodedPayload)" if "encodedPayload" in message and not both else "2 (field data)",
    )


def whole(data: bytes) -> list[bytes]:
    return [data]


def byteByByte(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


Cut = Callable[[bytes], list[bytes]]


def replay(server: Server, name: str, cut: Cut) -> tuple[list[Any], list[bytes]]:
    """
    Write all that the client of one session wrote.

    Returns:
        Its connections, and the frames that came back on all of them, in order, without beats.
    """
    connections: dict[int, Any] = {}
    for vector in written(name):
        raw = rawBytes(vector) or b""
        client = connections.get(vector["conn"])
        if client is None:
            client = connections[vector["conn"]] = connect(server, vector)
        for part in cut(raw):
            client.send(part)
        server.clock.advance(0)
    frames: list[bytes] = []
    for client in connections.values():
        frames += client.texts if isinstance(client, Upgraded) else client.frames
    return list(connections.values()), [frame for frame in frames if frame not in (b"", b".")]


def connect(server: Server, first: Vector) -> Any:
    """The client whose first recorded bytes are *first*."""
    if first["transport"] == "tcp":
        return TcpClient(server)
    if first["transport"] == "http":
        return PostClient(server.site)
    client = Upgraded(server.site)
    if first["what"] != "http-upgrade request":
        client.upgrade(uuid="js-uuid", name="js-client")
    return client


EVERY = pytest.mark.parametrize("name", SESSIONS)
HOWEVER_CUT = pytest.mark.parametrize("cut", [whole, byteByByte])


class TestEverySession:
    @EVERY
    def test_has_all_that_its_client_wrote(self, name: str) -> None:
        vectors = written(name)
        messages = [message for vector in vectors for message in vector.get("messages", [])]
        routed = described(name)

        beats = sum(message.get("meaning") == "heartbeat" for message in messages)
        assert SESSIONS[name][:4] == (
            len({vector["conn"] for vector in vectors}),
            len(routed),
            len(messages) - len(routed) - beats,
            beats,
        )
        assert {message["envelope_json"]["filt"]["key"] for message in routed} <= set(KEYS)

    @EVERY
    @HOWEVER_CUT
    def test_is_understood_as_recorded(self, name: str, cut: Cut) -> None:
        server = Server()

        connections, _ = replay(server, name, cut)

        theirs = described(name)
        assert len(server.noted) == len(theirs) == SESSIONS[name].routed
        for noted, message in zip(server.noted, theirs, strict=True):
            assert canonical(noted["filt"]) == canonical(meaningOf(message["envelope_json"]["filt"]))
            assert canonical(noted["tuples"]) == canonical(meaningOf(tuplesOf(message)))
            assert noted["result"] is None
            assert noted["from"] == identityIn(name)
        assert server.vortex.counters == {}
        assert [(peer.uuid, peer.name) for peer in server.vortex.peers] == [identityIn(name)]
        assert not connections[-1].closed

    @EVERY
    @HOWEVER_CUT
    def test_is_answered_in_its_own_form_on_its_own_filt(self, name: str, cut: Cut) -> None:
        _, frames = replay(Server(), name, cut)

        answers = [frame for frame in frames if not isHello(decode(frame))]
        theirs = described(name)
        assert len(answers) == len(theirs)
        for frame, message in zip(answers, theirs, strict=True):
            envelope = message["envelope_json"]
            ours = decode(frame)
            assert formOf(frame) == (message["encoding"], message["era"])
            assert canonical(meaningOf(ours["filt"])) == canonical(
                meaningOf(envelope.get("replyFilt") or envelope["filt"])
            )
            tuples = ours["payload"]["tuples"] if "payload" in ours else ours["tuples"]
            assert canonical(meaningOf(tuples)) == canonical(meaningOf(tuplesOf(message)))
            assert ours["result"] is None

    @EVERY
    def test_is_answered_as_the_recorded_server_answered(self, name: str) -> None:
        _, frames = replay(Server(), name, whole)
        ours = {messageIdIn(answer): answer for answer in map(decode, frames) if messageIdIn(answer)}

        compared = 0
        for vector in loadVectors(name):
            for message in vector.get("messages", []) if vector["direction"] == "s2c" else ():
                envelope = message.get("envelope_json", {})
                messageId = messageIdIn(envelope)
                if messageId is None or messageId not in ours:
                    continue
                compared += 1
                answer = ours[messageId]
                assert canonical(meaningOf(answer["filt"])) == canonical(meaningOf(envelope["filt"]))
                if envelope["filt"]["key"] == "peer.echo":
                    tuples = answer["payload"]["tuples"] if "payload" in answer else answer["tuples"]
                    assert canonical(meaningOf(tuples)) == canonical(meaningOf(tuplesOf(message)))
        assert compared == SESSIONS[name].answered


def messageIdIn(envelope: Vector) -> str | None:
    messageId: str | None = envelope.get("filt", {}).get("PayloadResponse.messageId")
    return messageId


class TestAPost:
    @pytest.mark.parametrize("name", [name for name in SESSIONS if "http" in name])
    def test_is_held_until_the_next_one_is(self, name: str) -> None:
        server = Server()
        clients, _ = replay(server, name, whole)

        assert [client.status for client in clients] == [200] * SESSIONS[name].connections
        assert [client.ended for client in clients] == [True] * (len(clients) - 1) + [False]
        for client, vector in zip(clients, written(name), strict=True):
            first, *_ = vector["messages"]
            hello, *_ = [frame for frame in client.frames if frame]
            assert decode(hello)["filt"] == {"__vortexUuid__": "server-uuid", "__vortexName__": "server"}
            assert formOf(hello) == (first["encoding"], first["era"])


class TestAWebSocket:
    @pytest.mark.parametrize("name", [name for name in SESSIONS if "_ws_" in name])
    def test_is_upgraded_without_what_was_not_agreed(self, name: str) -> None:
        ((client, *none), frames) = replay(Server(), name, whole)

        assert none == []
        assert client.head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-extensions" not in client.head.lower()
        assert isHello(decode(frames[0]))
