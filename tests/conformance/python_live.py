"""Runs the scripts of live.json, see README.md beside this, with our Python core."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from tests.conformance.notation import Case
from vortex.errors import parseErrorText
from vortex.handlers.live_rows import Ask, LiveRows, Taken
from vortex.tuples import Tuple, addTupleType, fieldsOf
from vortex.tuples.keys import wireKey

__all__ = ["LiveScript", "Types"]


class Types:
    """The tuple types that the cases name, with their fields in the order in which rows have them."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._classes: dict[str, type[Tuple]] = {}
        for name, names in fields.items():
            body = {
                "__tupleType__": name,
                "__annotations__": dict.fromkeys(names, Any),
                "__module__": __name__,
            }
            self._classes[name] = addTupleType(type(name.rpartition(".")[2], (Tuple,), body))

    def tupleOf(self, row: list[Any]) -> Tuple:
        """The tuple that a row of a case stands for."""
        cls = self._classes[row[0]]
        return cls(**dict(zip(fieldsOf(cls), row[1:], strict=True)))

    def rowOf(self, tuple_: Any) -> list[Any]:
        """As a case writes *tuple_*."""
        return [tuple_.tupleType(), *(getattr(tuple_, name) for name in fieldsOf(type(tuple_)))]

    def valueOf(self, notation: Any) -> Any:
        """The value that the notation of tests/vectors stands for."""
        if isinstance(notation, list):
            return [self.valueOf(item) for item in notation]
        if not isinstance(notation, dict):
            return notation
        if "tuple" in notation:
            fields = {name: self.valueOf(value) for name, value in notation["fields"].items()}
            return self._classes[notation["tuple"]](**fields)
        ((kind, value),) = ((kind, value) for kind, value in notation.items() if kind != "aware")
        made: dict[str, Callable[[Any], Any]] = {
            "int": int,
            "float": float,
            "dict": lambda pairs: {key: self.valueOf(item) for key, item in pairs},
            "datetime": datetime.fromisoformat,
            "date": date.fromisoformat,
            "bytes": base64.b64decode,
        }
        return made[kind](value)


class LiveScript:
    """One view, and what a case says of it."""

    def __init__(self, case: Case, types: Types) -> None:
        begins = case.get("begins")
        self._types = types
        if begins is None:
            self._live = LiveRows()
        else:
            self._live = LiveRows(begins["position"], [types.tupleOf(row) for row in begins["rows"]])
        self.asks: list[str | None] = []
        self.told: list[list[Any]] = []
        self.ended: list[str] = []
        self.reports = 0
        self._ask()

    def run(self, steps: list[list[Any]]) -> None:
        for step in steps:
            getattr(self, f"_{step[0]}")(*step[1:])
        assert (self.asks, self.told, self.ended, self.reports) == ([], [], [], 0), "more than was said"

    # ---- what happens

    def _in(self, view: dict[str, Any], *rows: list[Any]) -> None:
        self._took(self._live.take({"w": 1, **view}, [self._types.tupleOf(row) for row in rows]))

    def _answer(self, view: dict[str, Any], *rows: list[Any]) -> None:
        tuples = [self._types.tupleOf(row) for row in rows]
        self._took(self._live.take({"w": 1, **view}, tuples, isAnswer=True))

    def _fails(self, result: str) -> None:
        self._live.answered()
        self.ended.append(parseErrorText(result).code)

    def _lost(self) -> None:
        self._live.lost()

    def _back(self) -> None:
        self._ask()

    def _spoil(self, key: Any, name: str, value: Any) -> None:
        (row,) = (row for row in self._live.rows if self._types.rowOf(row)[1] == key)
        setattr(row, name, value)

    def _took(self, taken: Taken) -> None:
        if taken.changes is not None:
            self.told.append([[change.op, wireKey(change.key)] for change in taken.changes])
        if taken.error is not None and taken.ask is None:
            self.ended.append(taken.error.code)
        self.reports += taken.differs
        if taken.ask is not None:
            self._ask(taken.ask)

    def _ask(self, what: Ask = Ask.SINCE) -> None:
        self._live.asked()
        self.asks.append(self._live.position if what is Ask.SINCE else None)

    # ---- what is to be

    def _rows(self, *rows: list[Any]) -> None:
        assert [self._types.rowOf(row) for row in self._live.rows] == list(rows)

    def _is(self, state: str, position: str | None) -> None:
        assert (self._live.state, self._live.position) == (state, position)

    def _told(self, *told: list[Any]) -> None:
        found = [sorted(changes, key=repr) for changes in self.told]
        assert found == [sorted(changes, key=repr) for changes in told]
        self.told.clear()

    def _asks(self, *asks: str | None) -> None:
        assert self.asks == list(asks)
        self.asks.clear()

    def _ended(self, code: str) -> None:
        assert self.ended == [code]
        self.ended.clear()

    def _reports(self) -> None:
        assert self.reports == 1
        self.reports = 0
