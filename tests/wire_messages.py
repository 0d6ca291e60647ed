"""
Messages of VortexPY's wire by hand: spelled out here, with nothing of the library's codec.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

DATE = {"_ft": "datetime", "_fd": "2026-01-02 03:04:05.000006+0000"}


def body(filt: dict[str, Any], tuples: list[Any]) -> str:
    """An encoded payload, as VortexPY has it."""
    payload = {"_ct": "rp", "_c": "vortex.Payload.Payload", "filt": filt, "tuples": tuples, "date": DATE}
    return base64.b64encode(zlib.compress(json.dumps(payload).encode(), 9)).decode()


def envelope(filt: dict[str, Any], tuples: list[Any] | None = None, era: int = 2) -> bytes:
    """A message of era 1 or 2 as raw JSON."""
    return json.dumps(
        {
            "_ct": "rpe",
            "_c": "vortex.PayloadEnvelope.PayloadEnvelope",
            "filt": filt,
            "data" if era == 2 else "encodedPayload": None if tuples is None else body(filt, tuples),
            "result": None,
            "date": DATE,
        }
    ).encode()


def base64Envelope(filt: dict[str, Any], tuples: list[Any] | None = None, era: int = 2) -> bytes:
    return base64.b64encode(envelope(filt, tuples, era))


def era0(
    filt: dict[str, Any], tuples: list[Any] | None = None, replyFilt: dict[str, Any] | None = None
) -> bytes:
    """A message of era 0, as VortexPY 0.3.0 has it."""
    message = {
        "_ct": "rp",
        "_c": "vortex.Payload.Payload",
        "filt": filt,
        "replyFilt": replyFilt or {},
        "tuples": tuples or [],
        "result": None,
        "date": {"_ft": "datetime", "_fd": "2017-06-06 09:40:37.097068"},
    }
    return base64.b64encode(zlib.compress(json.dumps(message).encode(), 9))


def decode(frame: bytes) -> dict[str, Any]:
    """The JSON object in a message of any era; its body, if it has one, under ``payload``."""
    if not frame.startswith(b"{"):
        frame = base64.b64decode(frame, validate=True)
        if frame.startswith(b"x"):
            frame = zlib.decompress(frame)
    message: dict[str, Any] = json.loads(frame)
    encoded = message.get("data") or message.get("encodedPayload")
    if encoded:
        message["payload"] = json.loads(zlib.decompress(base64.b64decode(encoded, validate=True)))
    return message


def isHello(message: dict[str, Any]) -> bool:
    return set(message["filt"]) == {"__vortexUuid__", "__vortexName__"}
