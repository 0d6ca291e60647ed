"""The codec's rows, and their targets, of contenders that say how long they took."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from benchmarks import codec
from benchmarks.processes import OURS
from benchmarks.settings import TINY


class Worker:
    """One that took *seconds* for everything, and made a message of *size* bytes."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size

    def call(self, command: str, **arguments: Any) -> Any:
        if command == "codec":
            self._rows = ["a row"] * arguments["count"]
            return {"message": "", "size": self._size}
        return self._rows if command == "read" else self._seconds

    def startWorker(self) -> nullcontext[Worker]:
        return nullcontext(self)


def verdicts(monkeypatch: pytest.MonkeyPatch, ours: Worker, peer: Worker) -> dict[str, bool | None]:
    """Whether each row that has a target meets it."""
    monkeypatch.setattr(codec, "contendersWith", lambda _: [ours, peer])
    return {
        row.what: row.target.isMetBy(row.ratio)
        for row in codec.run(TINY, OURS)
        if row.target is not None and row.ratio is not None
    }


class TestTheNativeWire:
    @pytest.mark.parametrize(
        ("seconds", "size", "isFast", "isSmall"),
        [(0.1, 100, True, True), (0.11, 100, False, True), (0.1, 101, True, False)],
    )
    def test_is_to_be_as_fast_and_no_larger_whatever_there_is_to_say(
        self, monkeypatch: pytest.MonkeyPatch, seconds: float, size: int, isFast: bool, isSmall: bool
    ) -> None:
        assert verdicts(monkeypatch, Worker(seconds, size), Worker(0.1, 100)) == {
            "encode native 1 tuple": isFast,
            "decode native 1 tuple": isFast,
            "size native 1 tuple": isSmall,
            "encode native 3 tuples": isFast,
            "decode native 3 tuples": isFast,
            "size native 3 tuples": isSmall,
        }
