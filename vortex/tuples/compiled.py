"""
Compiled: functions that are written for one Tuple class and then compiled.

What is here is how such a function comes to be: its lines, what each line is about (so that an error in it
can say which field it was), and that tracebacks show it. What stands in the lines is for
`vortex.tuples.encode` and `vortex.tuples.decode` to say.
"""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Callable
from types import CodeType
from typing import Any

from vortex.errors import EncodeError
from vortex.tuples.field import TupleField
from vortex.tuples.registry import tupleTypes
from vortex.tuples.tuple import Tuple, fieldsOf

__all__ = ["Source", "compileFunction", "travellingFields", "typeNameOf"]


class Source:
    """The lines of a function that is being written, and which field each of them is about."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: dict[int, str] = {}

    def add(self, *lines: str, field: str = "") -> None:
        for line in lines:
            self.lines.append(line)
            if field:
                self.fields[len(self.lines)] = field

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def compileFunction(source: Source, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function *name* of *source*, with *names* for its globals; its lines are shown in tracebacks."""
    fileName = f"<vortex: {name} {names['typeName']}>"
    linecache.cache[fileName] = (len(source.text), None, source.text.splitlines(keepends=True), fileName)
    code: CodeType = compile(source.text, fileName, "exec")
    names["__builtins__"] = vars(builtins)
    names["fieldAt"] = source.fields
    exec(code, names)
    function: Callable[..., Any] = names[name]
    return function


def typeNameOf(cls: type[Tuple]) -> str:
    """
    The name of *cls* on the wire.

    Raises:
        EncodeError: If it has none that is registered.
    """
    name: object = vars(cls).get("__tupleType__")
    if isinstance(name, str) and name in dict(tupleTypes()):
        return name
    raise EncodeError(f"{cls.__module__}.{cls.__qualname__} cannot travel: decorate it with @addTupleType")


def travellingFields(cls: type[Tuple]) -> list[TupleField]:
    """The fields of *cls* that travel, in the order in which peers send them: sorted by name."""
    return [field for _, field in sorted(fieldsOf(cls).items()) if field.transport]


# Inline attempts at the type that a field says it has; "{v}" stands for the value. What fails them goes the
# general way. UTC is one object, so "is" finds nearly every datetime; an offset-less one is UTC too.
