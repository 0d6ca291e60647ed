"""
Typed: what stands behind a command's name, made into values.

A value is JSON where it reads as JSON, and a text where it does not: ``id=3`` is a number, ``key=jobs`` a
text, and ``'id="3"'`` a text too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TextIO

from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.plain_json import AnyTuple, fromPlain
from vortex.errors import VortexError
from vortex.protocol.payload import Payload

__all__ = ["callOf", "filtOf", "payloadOf", "tupleOf", "tuplesIn", "valueOf"]

_NAMED_TUPLE = re.compile(r"(?P<type>[^\s{\[\"]+?):(?P<fields>\{.*)", re.DOTALL)
_NAMED_ARGUMENT = re.compile(r"(?P<name>[^\W\d]\w*)=(?P<value>.*)", re.DOTALL)


def valueOf(text: str) -> Any:
    """What *text* stands for."""
    try:
        value = _json(text)
    except ValueError:
        return text
    return _travelling(value, text)


def filtOf(items: Iterable[str]) -> dict[str, Any]:
    """
    The filt of ``name=value`` and so on.

    Raises:
        Ended: If something is not of that form, or there twice.
    """
    filt: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise _usage(f"a filt is written as name=value, as in key=jobs id=3, got {item!r}")
        if name in filt:
            raise _usage(f"the filt has {name!r} twice")
        filt[name] = valueOf(value)
    return filt


def tupleOf(text: str) -> Any:
    """
    One tuple: ``demo.Job:{"title": "x"}``, or JSON.

    Raises:
        Ended: If it is neither.
    """
    named = _NAMED_TUPLE.fullmatch(text)
    try:
        value = _json(text if named is None else named["fields"])
    except ValueError as error:
        raise _usage(
            f"""a tuple is written as 'demo.Job:{{"title": "x"}}', or as JSON, got {_short(text)}: {error}"""
        ) from None
    return _travelling(value, text) if named is None else AnyTuple(named["type"], _values(value, text))


def tuplesIn(lines: TextIO) -> list[Any]:
    """
    A tuple for each line that is not blank.

    Raises:
        Ended: If one is no tuple.
    """
    try:
        return [tupleOf(line.strip()) for line in lines if line.strip()]
    except UnicodeDecodeError as error:
        raise _usage(f"expected lines of UTF-8: {error}") from None


def payloadOf(text: str) -> Payload:
    """
    A whole payload: ``{"filt": {...}, "tuples": [...], "result": ...}``; all but the filt may be left out.

    Raises:
        Ended: If it is none.
    """
    try:
        value = _json(text)
    except ValueError as error:
        raise _usage(f"a payload is written as JSON, got {_short(text)}: {error}") from None
    if isinstance(value, dict) and "filt" in value and value.keys() <= {"filt", "tuples", "result"}:
        filt, tuples = value["filt"], value.get("tuples")
        if isinstance(filt, dict) and (tuples is None or isinstance(tuples, list)):
            return Payload(
                _values(filt, text), _travelling(tuples, text), _travelling(value.get("result"), text)
            )
    raise _usage(
        'a payload is written as {"filt": {"key": ...}, "tuples": [...]}, '
        f'where tuples, and "result", may be left out, got {_short(text)}'
    )


def callOf(items: Iterable[str]) -> tuple[list[Any], dict[str, Any]]:
    """
    The arguments of a call: values by their place, then ``name=value``.

    Raises:
        Ended: If one without a name comes after one with a name, or a name comes twice.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for item in items:
        named = _NAMED_ARGUMENT.fullmatch(item)
        if named is None:
            if kwargs:
                raise _usage(f"arguments without a name come before those with one, got {item!r}")
            args.append(valueOf(item))
        elif named["name"] in kwargs:
            raise _usage(f"the argument {named['name']!r} is there twice")
        else:
            kwargs[named["name"]] = valueOf(named["value"])
    return args, kwargs


def _json(text: str) -> Any:
    """JSON only: NaN and its like, which Python would read, are texts."""
    try:
        return json.loads(text, parse_constant=_noConstant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _noConstant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _travelling(value: Any, text: str) -> Any:
    try:
        return fromPlain(value)
    except VortexError as error:
        raise _usage(f"{_short(text)}: {error}") from None
    except RecursionError:
        raise _usage(f"{_short(text)} is nested too deeply") from None


def _values(values: dict[str, Any], text: str) -> dict[str, Any]:
    return {name: _travelling(value, text) for name, value in values.items()}


def _usage(text: str) -> Ended:
    return Ended(ExitCode.USAGE, text)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:60]) + "…"
