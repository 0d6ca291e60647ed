"""What the tests of actions have in common: a kind of action, and how it looks on the wire."""

from __future__ import annotations

from typing import Any

from vortex import TupleAction, addTupleType

__all__ = ["FILT", "Rename", "asked"]

FILT = {"key": "tupleActionProcessorName", "name": "acts"}


@addTupleType
class Rename(TupleAction):
    __tupleType__ = "actiontest.Rename"
    id: int | None = None
    title: str | None = None


def asked(uuid: Any = "u-1", *, messageId: str = "m1", **fields: Any) -> tuple[dict[str, Any], list[Any]]:
    """The filt and the tuples of a request as VortexPY's client sends it, spelled out."""
    date = {"_ft": "datetime", "_fd": "2026-01-02 03:04:05.000006+0000"}
    action = {"_ct": "rt", "_c": "actiontest.Rename", "uuid": uuid, "dateTime": date, **fields}
    return {**FILT, "PayloadResponse.messageId": messageId}, [action]
