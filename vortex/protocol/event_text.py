"""
Event text: a payload as an event that whoever has an `EventSource` can read, without any client of ours.

    {"filt": {"key": "jobs"}, "tuples": [{"tupleType": "demo.Job", "id": 5}], "result": null}

One line, so that it can stand behind ``data:`` whatever is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vortex.errors import EncodeError
from vortex.protocol.json_codec import dumps
from vortex.tuples.convert import toJsonable
from vortex.tuples.plain import plainJson

if TYPE_CHECKING:
    from vortex.protocol.payload import Payload

__all__ = ["eventText"]

_TYPE = "tupleType"


def eventText(payload: Payload, hidden: str) -> bytes:
    """
    *payload* as JSON, without a line break in it.

    Args:
        hidden: A key of the filt that is nothing to those who read this.

    Raises:
        EncodeError: If something in it cannot travel; the error says where.
        DecodeError: If it came from a peer and cannot be opened.
    """
    filt = {key: value for key, value in payload.filt.items() if key != hidden}
    tuples = payload.jsonTuples if payload.hasBody else []
    event = {"filt": _plain(".filt", filt), "tuples": plainJson(tuples, _TYPE)}
    return dumps(event | {"result": _plain(".result", payload.result)})


def _plain(path: str, value: Any) -> Any:
    try:
        return plainJson(toJsonable(value), _TYPE)
    except EncodeError as error:
        raise error.at(path) from None
