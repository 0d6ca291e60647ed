"""
Table: tuples in columns, for people.

Each type of tuple gets a table of its own, its columns are the fields. It is made to fit the terminal: what
is too long ends in an ellipsis.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vortex.cli.harmless import harmless, width
from vortex.cli.plain_json import TYPE

__all__ = ["BOLD", "DIM", "NORMAL", "tableLines"]

BOLD = "\x1b[1m"
DIM = "\x1b[2m"
NORMAL = "\x1b[0m"

GAP = "  "
NARROWEST = 4
"""Columns that a cell may be cut to, its ellipsis included."""
WIDEST = 4096
"""Columns that a cell takes at most where there is no terminal to fit."""


def tableLines(tuples: Iterable[Any], columns: int | None, *, inColour: bool) -> Iterator[str]:
    """
    Args:
        tuples: Plain JSON, see `vortex.cli.plain_json`.
        columns: Of the terminal; None: it has no end.
        inColour: Whether to set off the headings.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in tuples:
        row = each if isinstance(each, dict) else {"value": each}
        groups.setdefault(str(row.get(TYPE, "")), []).append(row)
    for tupleType, rows in groups.items():
        if len(groups) > 1 and tupleType:
            yield _set(f"{harmless(tupleType)}:", DIM, inColour=inColour)
        yield from _table(rows, columns, inColour=inColour)


def _table(rows: Sequence[dict[str, Any]], columns: int | None, *, inColour: bool) -> Iterator[str]:
    fields = list(dict.fromkeys(name for row in rows for name in row if name != TYPE))
    fields.sort(key=lambda name: name != "id")  # who it is comes first; the others stay as they came
    if not fields:
        return
    grid = [[harmless(name) for name in fields]]
    grid += [[_cell(row.get(name)) for name in fields] for row in rows]
    widths = _fitted([max(width(line[at]) for line in grid) for at in range(len(fields))], columns)
    for number, line in enumerate(grid):
        cells = [_padded(cell, size) for cell, size in zip(line, widths, strict=True)]
        text = GAP.join(cells).rstrip()
        yield _set(text, BOLD, inColour=inColour) if number == 0 else text


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return harmless(value)
        case _:
            return harmless(json.dumps(value, ensure_ascii=False))


def _fitted(widths: list[int], columns: int | None) -> list[int]:
    """As wide as is wanted, less what the widest have to give so that a line fits."""
    widths = [min(size, WIDEST) for size in widths]
    if columns is None:
        return widths
    room = columns - len(GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _padded(cell: str, size: int) -> str:
    if width(cell) > size:
        kept = ""
        for each in cell:
            if width(kept + each) > size - 1:
                break
            kept += each
        cell = kept + "…"
    return cell + " " * (size - width(cell))


def _set(text: str, style: str, *, inColour: bool) -> str:
    return f"{style}{text}{NORMAL}" if inColour else text
