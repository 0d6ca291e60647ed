"""
Every recorded session: its streams taken apart however they were cut, its messages understood both ways.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.protocol.test_codec_vectors import canonical
from tests.vector_files import FILES, loadVectors, notationOf, rawBytes, webSocketPayload, wireFrames
from tests.wire_rules import bodyText, inflatedJson, meaningOf, messageJson
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.framing import DotDecoder, webSocketHeader
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage

pytestmark = pytest.mark.usefixtures("vectorTypes")

LIMITS = Limits()
Vector = dict[str, Any]

SESSIONS = {
    # file: messages, beats, vectors whose bytes were not kept (they hold a traceback)
    "session_http_vortexpy030": (42, 0, 0),
    "session_http_vortexpy241_server_rawclient": (5, 1, 0),
    "session_http_vortexpy622_server_rawclient": (7, 3, 0),
    "session_tcp_vortexpy241": (16, 8, 1),
    "session_tcp_vortexpy622_server_rawclient": (9, 0, 0),
    "session_ws_vortexjs242_vs_vortexpy241": (4, 9, 0),
    "session_ws_vortexjs242_vs_vortexpy622_fails": (5, 0, 0),
    "session_ws_vortexpy622": (28, 3, 2),
}

FORMS = {
    ("base64+zlib", "0 (single rp message)"): Form.ERA0,
    ("base64", "1 (field encodedPayload)"): Form.ERA1,
    ("base64", "2 (field data)"): Form.ERA2,
    ("raw-json", "2 (field data)"): Form.RAW,
}


def everyMessage() -> list[Any]:
    """(frame, how it was described) for each message of each session, beats left out."""
    params = []
    for name in SESSIONS:
        for vector in loadVectors(name):
            frames = wireFrames(vector) or []
            for frame, message in zip(frames, vector.get("messages", []) if frames else [], strict=True):
                if message.get("meaning") != "heartbeat":
                    params.append(pytest.param(frame, message, id=f"{name[8:]}-{vector['seq']}"))
    return params


MESSAGES = everyMessage()


def tuplesOf(described: Vector) -> Any:
    """The JSON of the tuples in a message, from its description or, without one, from its body's text."""
    envelope = described["envelope_json"]
    text = bodyText(envelope.get("data", envelope.get("encodedPayload")))
    if text is None:
        return envelope.get("tuples", [])
    payload = inflatedJson(text)
    assert described.get("payload_json", payload) == payload
    return payload["tuples"]


def streams() -> list[Any]:
    """(bytes, frames) of each direction of each connection that is one long stream."""
    params = []
    for name in SESSIONS:
        parts: dict[tuple[int, str], list[Vector]] = {}
        for vector in loadVectors(name):
            if vector["transport"] != "ws" and wireFrames(vector):
                parts.setdefault((vector["conn"], vector["direction"]), []).append(vector)
        for (connection, direction), vectors in parts.items():
            bodies = [(rawBytes(vector) or b"").rpartition(b"\r\n\r\n")[2] for vector in vectors]
            frames = [frame for vector in vectors for frame in wireFrames(vector) or []]
            params.append(pytest.param(b"".join(bodies), frames, id=f"{name[8:]}-{connection}-{direction}"))
    return params


class TestFiles:
    def test_every_session_is_read(self) -> None:
        assert {name for name in FILES if name.startswith("session")} == SESSIONS.keys()

    @pytest.mark.parametrize("name", SESSIONS)
    def test_every_message_and_beat_is_read(self, name: str) -> None:
        vectors = loadVectors(name)
        frames = [frame for vector in vectors for frame in wireFrames(vector) or []]

        assert len(frames) - frames.count(b"") == SESSIONS[name][0]
        assert frames.count(b"") == SESSIONS[name][1]
        assert sum(rawBytes(vector) is None for vector in vectors) == SESSIONS[name][2]
        assert sum(len(vector.get("messages", [])) for vector in vectors) == sum(SESSIONS[name])
        for vector in vectors:
            for frame, message in zip(wireFrames(vector) or [], vector.get("messages", []), strict=False):
                assert (frame == b"") is (message.get("meaning") == "heartbeat")


class TestStreams:
    @pytest.mark.parametrize(("data", "frames"), streams())
    def test_are_taken_apart_in_whatever_way_they_were_cut(self, data: bytes, frames: list[bytes]) -> None:
        assert len(data) > len(frames) > 0
        for cut in range(len(data) + 1):
            decoder = DotDecoder(LIMITS.maxFrame)
            assert decoder.feed(data[:cut]) + decoder.feed(data[cut:]) + decoder.finish() == frames

    @pytest.mark.parametrize(("data", "frames"), streams())
    def test_are_taken_apart_byte_by_byte(self, data: bytes, frames: list[bytes]) -> None:
        decoder = DotDecoder(LIMITS.maxFrame)

        assert [
            *itertools.chain(*(decoder.feed(bytes((byte,))) for byte in data)),
            *decoder.finish(),
        ] == frames

    def test_a_servers_websocket_frames_have_the_header_that_we_write(self) -> None:
        count = 0
        for name in SESSIONS:
            for vector in loadVectors(name):
                raw = rawBytes(vector)
                if raw and "ws" in vector and vector["direction"] == "s2c":
                    payload = webSocketPayload(raw)
                    assert raw == webSocketHeader(len(payload)) + payload
                    count += 1
        assert count == 25


class TestMessages:
    @pytest.mark.parametrize(("frame", "described"), MESSAGES)
    def test_is_understood_as_recorded(self, frame: bytes, described: Vector) -> None:
        theirs = described["envelope_json"]

        envelope = decodeMessage(frame, LIMITS)

        assert envelope.form is FORMS[described["encoding"], described["era"]]
        assert canonical(notationOf(envelope.filt)) == canonical(meaningOf(theirs["filt"]))
        assert canonical(notationOf(envelope.result)) == canonical(meaningOf(theirs["result"]))
        assert notationOf(envelope.date) == meaningOf(theirs["date"])
        assert envelope.messageId == theirs["filt"].get("PayloadResponse.messageId")
        assert envelope.isReply is False
        assert envelope.unknownFields == 0
        if theirs["filt"].keys() == {"__vortexUuid__", "__vortexName__"}:
            assert envelope.identity == (theirs["filt"]["__vortexUuid__"], theirs["filt"]["__vortexName__"])
            assert envelope.isEmpty
        else:
            assert envelope.identity is None
            assert envelope.isEmpty is (theirs["filt"] == {})

    @pytest.mark.parametrize(("frame", "described"), MESSAGES)
    def test_carries_what_was_recorded(self, frame: bytes, described: Vector) -> None:
        theirs = described["envelope_json"]
        text = bodyText(theirs.get("data", theirs.get("encodedPayload")))

        envelope = decodeMessage(frame, LIMITS)
        payload = Payload.fromEnvelope(envelope, LIMITS)

        if envelope.form is Form.ERA0:
            assert notationOf(envelope.replyFilt) == meaningOf(theirs["replyFilt"])
        else:
            assert (envelope.body and envelope.body.text) == text
        assert canonical(notationOf(payload.tuples)) == canonical(meaningOf(tuplesOf(described)))
        assert payload.unknownFields == 0

    @pytest.mark.parametrize(("frame", "described"), MESSAGES)
    def test_would_have_meant_the_same_if_we_had_sent_it(self, frame: bytes, described: Vector) -> None:
        theirs = described["envelope_json"]
        envelope = decodeMessage(frame, LIMITS)
        payload = Payload.fromEnvelope(envelope, LIMITS)
        assert len(payload.tuples) >= 0  # it is opened, so that all of it is encoded anew

        message = Message(payload, replyFilt=envelope.replyFilt)
        ours = messageJson(message.encoded(envelope.form))

        for key in ("filt", "result"):
            assert canonical(meaningOf(ours[key])) == canonical(meaningOf(theirs[key]))
        assert theirs["date"] is None or meaningOf(ours["date"]) == meaningOf(theirs["date"])
        assert canonical(meaningOf(tuplesOf({"envelope_json": ours}))) == canonical(
            meaningOf(tuplesOf(described))
        )
        if envelope.form is Form.ERA0:
            assert ours | {"tuples": None} == theirs | {"tuples": None}
        elif envelope.body is not None:
            inner = inflatedJson(ours.get("data") or ours["encodedPayload"])
            assert canonical(meaningOf(inner["filt"])) == canonical(meaningOf(theirs["filt"]))
            assert inner["date"] == ours["date"]
