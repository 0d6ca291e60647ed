"""
What every contender shares: the data that is sent, and how it is told what to do.

Only the standard library is imported here, as contenders run in different environments. A contender reads
commands from its standard input and answers on its standard output, one JSON object a line.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Commands = dict[str, Callable[..., Any]]

ROW_TYPE = "bench.Row"
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet")


def rowValues(count: int) -> Iterator[dict[str, Any]]:
    """The fields of *count* rows: a number, a text, a float, a time, a nested dict. Always the same."""
    pick = random.Random(7)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        yield {
            "id": number,
            "name": f"{pick.choice(_WORDS)}-{pick.choice(_WORDS)}-{pick.randrange(10**6)}",
            "value": pick.random() * 1000,
            "at": start + timedelta(seconds=number, microseconds=pick.randrange(10**6)),
            "data": {
                "tags": [pick.choice(_WORDS), pick.choice(_WORDS)],
                "n": pick.randrange(1000),
                "ok": number % 2 == 1,
                "sub": [{"x": pick.randrange(100), "y": pick.random()}],
            },
        }


def plainRow(row: Any) -> list[Any]:
    """A decoded row in a form that two processes can compare."""
    return [row.id, row.name, row.value, row.at.isoformat(), row.data]


CODEC_FILT = {"key": "bench.rows", "id": 5}
PUSH_FILT = {"key": "bench.prices", "board": "main"}
ECHO_FILT = {"key": "bench.echo"}
ROW_ECHO_FILT = {"key": "bench.echoRow"}

TARGETS = 16
"""How many different messages are routed in turn."""


def _targets(count: int) -> list[int]:
    return [(count * place) // TARGETS for place in range(min(TARGETS, count))]


SCENARIOS: dict[str, tuple[Callable[[int], dict[str, Any]], Callable[[int], dict[str, Any]]]] = {
    "a key each": (
        lambda i: {"key": f"svc.{i}"},
        lambda i: {"key": f"svc.{i}", "id": 5, "sel": "abc"},
    ),
    "one key, an id each": (
        lambda i: {"key": "svc", "id": i},
        lambda i: {"key": "svc", "id": i, "sel": "abc"},
    ),
    "50 keys, 8 shapes": (
        lambda i: {"key": f"k{i % 50}", f"f{i % 8}": i, "g": i % 3},
        lambda i: {"key": f"k{i % 50}", f"f{i % 8}": i, "g": i % 3, "x": 1},
    ),
    "a field each": (
        lambda i: {"key": "svc", f"f{i}": 1},
        lambda i: {"key": "svc", f"f{i}": 1},
    ),
}
"""How the filts of many endpoints may differ: the filt of endpoint i, and of a message for it alone."""


def endpointFilts(scenario: str, count: int) -> Iterator[dict[str, Any]]:
    """The filts of *count* endpoints."""
    return map(SCENARIOS[scenario][0], range(count))


def messageFilts(scenario: str, count: int) -> list[dict[str, Any]]:
    """The filts of messages that are routed in turn among *count* endpoints; each is for one of them."""
    return [SCENARIOS[scenario][1](i) for i in _targets(count)]


class Timer:
    """Calls named functions in loops; the commands ``time`` and ``once`` of a contender that does no I/O."""

    def __init__(self) -> None:
        self.cases: dict[str, Callable[[], Any]] = {}

    def time(self, case: str, loops: int) -> float:
        """Seconds per call, the mean of *loops* calls."""
        function = self.cases[case]
        turns = range(loops)
        start = time.perf_counter()
        for _ in turns:
            function()
        return (time.perf_counter() - start) / loops


def answer(commands: Commands, line: str) -> str:
    """Carry out the command in *line*."""
    arguments = json.loads(line)
    return json.dumps(commands[arguments.pop("do")](**arguments))


def serve(commands: Commands) -> None:
    """Carry out commands until the input ends."""
    for line in sys.stdin:
        print(answer(commands, line), flush=True)


def serveInReactor(commands: Commands) -> None:
    """The same for a contender that runs Twisted's reactor; returns when the input ends."""
    from twisted.internet import reactor
    from twisted.internet.stdio import StandardIO
    from twisted.protocols.basic import LineReceiver

    class Control(LineReceiver):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            self.sendLine(answer(commands, line.decode()).encode())

        def connectionLost(self, reason: Any = None) -> None:
            if reactor.running:  # type: ignore[attr-defined]
                reactor.stop()  # type: ignore[attr-defined]

    StandardIO(Control())
    reactor.run()  # type: ignore[attr-defined]
