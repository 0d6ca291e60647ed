"""
The recorded vectors (tests/vectors): read from their files, and their notation of values taken apart.

    loadVectors("codec_vortexpy622")       the vectors of one file
    wireFrames(vector)                     what one vector of a session says, frame by frame
    valueOf({"int": "5"})                  5: the Python value that a notation stands for
    notationOf(5)                          {"int": "5"}: the notation of a Python value, to compare

Expected values in tests are what stands in those files, never what our own encoder makes.
"""

from __future__ import annotations

import base64
import enum
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.vector_types import TYPES, Colour, Level, Plain
from vortex.limits import Limits
from vortex.protocol.body import Body
from vortex.protocol.envelope import Envelope
from vortex.protocol.framing import DotDecoder
from vortex.protocol.payload import Payload
from vortex.tuples.convert import Reading, toJsonable
from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = ["FILES", "NOT_ENCODABLE", "loadVectors", "notationOf", "rawBytes", "valueOf", "wireFrames"]

FOLDER = Path(__file__).parent / "vectors"

FILES = {
    "codec_vortexjs242": 41,
    "codec_vortexpy030": 14,
    "codec_vortexpy622": 115,
    "session_http_vortexpy030": 62,
    "session_http_vortexpy241_server_rawclient": 7,
    "session_http_vortexpy622_server_rawclient": 15,
    "session_tcp_vortexpy241": 25,
    "session_tcp_vortexpy622_server_rawclient": 9,
    "session_ws_vortexjs242_vs_vortexpy241": 15,
    "session_ws_vortexjs242_vs_vortexpy622_fails": 5,
    "session_ws_vortexpy622": 35,
    "vortexjs242_decodes_vortexpy622": 112,
}
"""Every file, and how many vectors it holds."""

NOT_ENCODABLE = object()
"""Stands for a value that Python has not, or that is known only by its repr, such as a function."""


def loadVectors(name: str) -> list[dict[str, Any]]:
    """The vectors in the file *name*, a key of `FILES`, in order."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    vectors: list[dict[str, Any]] = content["vectors"]
    return vectors


def rawBytes(vector: dict[str, Any]) -> bytes | None:
    """
    What was on the wire; None where it was not kept.

    Of a codec vector this is the text of a payload or message, which is itself base64. Of a session it is a
    request with its head, a frame with its WebSocket header, or what else the transport carried.
    """
    raw: str | None = vector.get("raw_b64")
    return None if raw is None else base64.b64decode(raw)


def wireFrames(vector: dict[str, Any]) -> list[bytes] | None:
    """
    The frames in one vector of a session, in order; an empty one is a beat.

    Returns:
        None for what carries none: heads, ends of responses, and what was not kept.
    """
    raw = rawBytes(vector)
    if raw is None or "messages" not in vector:
        return None
    if vector["transport"] == "ws":
        raw = webSocketPayload(raw)
        if raw.startswith(b"{"):
            return [raw]
    elif vector["what"] == "http request":
        raw = raw.partition(b"\r\n\r\n")[2]
    decoder = DotDecoder(1 << 20)
    return decoder.feed(raw) + decoder.finish()


def webSocketPayload(frame: bytes) -> bytes:
    """What is in a WebSocket frame, unmasked if it was masked."""
    length, start = frame[1] & 0x7F, 2
    if length >= 126:
        width = 2 if length == 126 else 8
        length, start = int.from_bytes(frame[2 : 2 + width], "big"), 2 + width
    if not frame[1] & 0x80:
        payload = frame[start:]
    else:
        mask, masked = frame[start : start + 4], frame[start + 4 :]
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
    assert len(payload) == length
    return payload


def valueOf(notation: Any) -> Any:
    """The Python value that a notation stands for; its tuples are of the classes in `tests.vector_types`."""
    if isinstance(notation, list):
        return [valueOf(item) for item in notation]
    if not isinstance(notation, dict):
        return notation
    if "tuple" in notation:
        fields = {name: valueOf(value) for name, value in notation["fields"].items()}
        return TYPES[notation["tuple"]](**fields)
    [(kind, data), *_] = notation.items()
    match kind:
        case "int":
            return int(data)
        case "float":
            return float(data)
        case "number":
            return int(data) if data.lstrip("-").isdigit() and data != "-0" else float(data)
        case "decimal":
            return Decimal(data)
        case "datetime":
            return datetime.fromisoformat(data)
        case "date":
            if data == "Invalid Date":
                return NOT_ENCODABLE
            return datetime.fromisoformat(data) if "T" in data else date.fromisoformat(data)
        case "bytes":
            return base64.b64decode(data)
        case "dict":
            return {valueOf(key): valueOf(value) for key, value in data}
        case "set":
            return {valueOf(item) for item in data}
        case "pytuple":
            return tuple(valueOf(item) for item in data)
        case "enum":
            return {str(member): member for kind in (Colour, Level, Plain) for member in kind}[data]
        case "js":
            return None
        case "repr":
            return NOT_ENCODABLE
        case "payload":
            payload = Payload(valueOf(data["filt"]), valueOf(data["tuples"]))
            payload.date = valueOf(data["date"])
            return payload
        case "envelope":
            content = toJsonable(valueOf(data["data"]))
            if content is None:
                content = data.get("encodedPayload")
            body = None if content is None else Body(content)
            return Envelope(
                valueOf(data["filt"]), result=valueOf(data["result"]), date=valueOf(data["date"]), body=body
            )
    raise ValueError(f"unknown notation: {notation!r}")


def notationOf(value: Any) -> Any:
    """The notation of a Python value that was read, or is as what is read."""
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return {"enum": f"{type(value).__name__}.{value.name}"}
        case str():
            return value
        case int():
            return {"int": str(value)}
        case float():
            return {"float": repr(float(value))}
        case datetime():
            return {"datetime": value.isoformat(), "aware": value.tzinfo is not None}
        case date():
            return {"date": value.isoformat()}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case list():
            return [notationOf(item) for item in value]
        case dict():
            return {"dict": [[notationOf(key), notationOf(item)] for key, item in value.items()]}
        case Tuple():
            fields = {name: notationOf(getattr(value, name)) for name in fieldsOf(type(value))}
            return {"tuple": value.tupleType(), "fields": fields}
        case Payload():
            parts = {"filt": value.filt, "tuples": value.tuples, "date": value.date}
            return {"payload": {key: notationOf(part) for key, part in parts.items()}}
        case Envelope():
            parts = {"filt": value.filt, "result": value.result, "date": value.date}
            data = None if value.body is None else value.body.text
            if value.body is not None and data is None:  # a list, as era 2 allows
                data = notationOf(value.body.decodeTuples(Reading(Limits())))
            return {"envelope": {"data": data, **{key: notationOf(part) for key, part in parts.items()}}}
    raise ValueError(f"no notation for {value!r}")
