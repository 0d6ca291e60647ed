"""
The rules by which values are read on VortexPY's wire, written down a second time, slowly and on their own.

`meaningOf` takes JSON as it was recorded and says what it stands for, in the notation of
`tests.vector_files`. The vectors that have no ``decoded`` of their own are held against it.
It reads what peers send; that which is to be refused is spelled out in the tests instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from datetime import UTC, date, datetime
from typing import Any

from tests.vector_types import TYPES
from vortex.protocol.envelope import Form

__all__ = ["VORTEXPY_FORMS", "bodyText", "inflatedJson", "meaningOf", "messageJson"]

VORTEXPY_FORMS = [Form.UNIVERSAL, Form.ERA0, Form.ERA1, Form.ERA2, Form.RAW]

ENUMS = {
    ("acme.Enums", "colour"): {"red": "Colour.RED", "blue": "Colour.BLUE"},
    ("acme.Enums", "level"): {"1": "Level.LOW", "9": "Level.HIGH"},
    ("acme.Enums", "maybe"): {"red": "Colour.RED", "blue": "Colour.BLUE"},
}


def inflatedJson(text: str | bytes) -> Any:
    """The JSON in an encoded payload or an era-0 message."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def messageJson(frame: bytes) -> dict[str, Any]:
    """The JSON of a message of any era: its envelope, or in era 0 its payload."""
    text = frame.rstrip(b".")
    if not text.startswith(b"{"):
        text = base64.b64decode(text)
    if text.startswith(b"x"):
        text = zlib.decompress(text)
    message: dict[str, Any] = json.loads(text)
    return message


def bodyText(data: Any) -> str | None:
    """The encoded payload in an envelope, whether it is plain or, as 2.4.1 has it, tagged as bytes."""
    if isinstance(data, dict):
        return base64.b64decode(data["_fd"]).decode()
    return data if isinstance(data, str) else None


def meaningOf(value: Any) -> Any:
    """The notation of what jsonable *value* stands for."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, list):
        return [meaningOf(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "_ft" in value:
        return tagged(value["_ft"], value["_fd"])
    match value.get("_ct"):
        case None:
            return {"dict": [[keyOf(key), meaningOf(item)] for key, item in value.items()]}
        case "rt":
            return tupleOf(value)
        case "rp":
            return {"payload": {key: meaningOf(value.get(key)) for key in ("filt", "tuples", "date")}}
        case "rpe":
            parts = {key: meaningOf(value.get(key)) for key in ("filt", "result", "date")}
            data = value.get("data")
            if data is None:
                data = bodyText(value.get("encodedPayload"))
            return {"envelope": {"data": data if isinstance(data, str) else meaningOf(data), **parts}}
    raise ValueError(f"no rule for {value!r}")


def tagged(kind: str, data: Any) -> Any:
    if data is None:
        return None
    match kind:
        case "int":
            return {"int": str(int(data))}
        case "float":
            number = float(data)
            return {"int": str(int(number))} if number.is_integer() else {"float": repr(number)}
        case "bool":
            return data == "1"
        case "str":
            return data
        case "bytes":
            return {"bytes": base64.b64encode(binascii.a2b_base64(data, strict_mode=True)).decode()}
        case "datetime":
            return moment(data)
        case "list" | "dict":
            return meaningOf(data)
    raise ValueError(f"no rule for the type {kind!r}")


def moment(text: str) -> Any:
    """A date; or a date and time, which without an offset is UTC."""
    year, _, rest = text.partition("-")
    padded = f"{year.zfill(4)}-{rest}"
    if len(padded) == 10:
        return {"date": date.fromisoformat(padded).isoformat()}
    value = datetime.fromisoformat(padded)
    return {"datetime": (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat(), "aware": True}


def keyOf(key: str) -> Any:
    """A key of a dict: a number if that number prints as the key."""
    for kind, name in ((int, "int"), (float, "float")):
        try:
            number = kind(key)
        except ValueError:
            continue
        if str(number) == key:
            return {name: key}
    return key


def tupleOf(value: dict[str, Any]) -> Any:
    """Only declared fields are read; what is missing has its default."""
    name = value["_c"]
    cls = TYPES[name]
    defaults: dict[str, Any] = {
        "a": {"int": "5"},
        "b": "x",
        "c": [{"int": "1"}],
        "d": {"dict": [["q", {"int": "1"}]]},
    }
    fields: dict[str, Any] = {}
    for field in cls.__tupleFields__:
        if field not in value:
            fields[field] = defaults[field] if name == "acme.Defaults" else None
            continue
        fields[field] = meaningOf(value[field])
        if (name, field) in ENUMS and fields[field] is not None:
            plain = fields[field]["int"] if isinstance(fields[field], dict) else fields[field]
            fields[field] = {"enum": ENUMS[name, field][plain]}
    return {"tuple": name, "fields": fields}
