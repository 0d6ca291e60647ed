"""
The table of limits: each is breached over each transport, or it says why it cannot be.

The peer gets the right code, a counter moves, and another session of the same server notices nothing. The
page on limits shows the same table.
"""

from __future__ import annotations

import string
from dataclasses import fields
from pathlib import Path

import pytest

from tests.transports.every_line import EVERY
from tests.transports.limit_scene import WORDS, Row, Scene
from tests.transports.limits_of_messages import ROWS as OF_MESSAGES
from tests.transports.limits_of_sessions import ROWS as OF_SESSIONS
from vortex.limits import Limits

ROWS = {row.limit: row for row in (*OF_MESSAGES, *OF_SESSIONS)}
CELLS = [pytest.param(row, kind, id=f"{row.limit}-{kind}") for row in ROWS.values() for kind in row.kinds]

PAGE = Path(__file__).parents[2] / "docs" / "topics" / "limits.md"
COLUMNS = {
    "WebSocket": ("websocket",),
    "TCP, TLS, Unix": ("tcp", "tls", "unix"),
    "stream": ("stream",),
    "SSE": ("sse",),
    "poll": ("poll",),
    "memory": ("memory",),
}


class TestABreach:
    @pytest.mark.parametrize(("row", "kind"), CELLS)
    def test_is_told_and_counted_and_costs_nobody_else_anything(self, row: Row, kind: str) -> None:
        scene = Scene(kind, row.limits)
        counters = scene.server.vortex.counters
        assert row.counter is None or row.counter not in counters

        told = row.breach(scene)

        assert told == row.toldBy(kind)
        assert row.counter is None or counters[row.counter] > 0
        assert row.isLast or scene.isNeighbourServed()


class TestTheTable:
    def test_has_each_limit(self) -> None:
        assert set(ROWS) == {field.name for field in fields(Limits)}

    @pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
    def test_has_each_transport_or_a_reason(self, row: Row) -> None:
        assert {*row.kinds, *row.reasons} == set(EVERY)
        assert all(len(reason.split()) > 2 for reason in row.reasons.values())

    def test_is_on_the_page(self) -> None:
        shown = "\n".join(_page())

        assert shown in PAGE.read_text(), f"expected in {PAGE.name}:\n{shown}"


def _page() -> list[str]:
    """The lines of the page that show the table."""
    letters: dict[str, str] = {}
    lines = [
        "| limit | " + " | ".join(COLUMNS) + " | counter |",
        "|" + "---|" * (len(COLUMNS) + 2),
    ]
    for name in (field.name for field in fields(Limits)):
        row = ROWS[name]
        cells = [_cell(row, kinds, letters) for kinds in COLUMNS.values()]
        counter = "–" if row.counter is None else f"`{row.counter}`"
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {counter} |")
    lines.append("")
    lines += [f"- {letter}: {reason}" for reason, letter in letters.items()]
    used = {row.toldBy(kind) for row in ROWS.values() for kind in row.kinds}
    lines += ["", *(f"- *{word}*: {meaning}" for word, meaning in WORDS.items() if word in used)]
    return lines


def _cell(row: Row, kinds: tuple[str, ...], letters: dict[str, str]) -> str:
    (text,) = {_said(row, kind, letters) for kind in kinds}
    return text


def _said(row: Row, kind: str, letters: dict[str, str]) -> str:
    if kind in row.reasons:
        return letters.setdefault(row.reasons[kind], string.ascii_lowercase[len(letters)])
    told = row.toldBy(kind)
    return f"*{told}*" if told in WORDS else f"`{told}`"
