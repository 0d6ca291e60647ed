"""
Output: what a command says, and where.

Results, and nothing else, go to standard output: JSON, a line each, or tables. Everything about the way there
goes to standard error. Nothing that a peer sent reaches a terminal as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.harmless import harmless, harmlessJson
from vortex.cli.plain_json import plain
from vortex.cli.table import DIM, NORMAL, tableLines
from vortex.protocol.payload import Payload
from vortex.routing.filt import MESSAGE_ID
from vortex.tuples.convert import toJsonable

__all__ = ["Output", "OutputClosed"]


class OutputClosed(Exception):
    """Nobody reads the results any more, as behind ``| head``."""


class Output:
    """
    Args:
        command: What is running, to begin each line on standard error with.
        out, err: Standard output and standard error.
        asTable: Tables, or JSON; None: tables on a terminal.
        inColour: False: no colours even there.
        asTravelling: Whether JSON shows values as they travel, with their types.
        environment: The process's.
        now: Tells the time of day.

    Attributes:
        out: As given.
    """

    def __init__(
        self,
        command: str,
        out: TextIO,
        err: TextIO,
        *,
        asTable: bool | None = None,
        inColour: bool = True,
        asTravelling: bool = False,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self.out = out
        self._err = err
        self._command = command
        self._isTerminal = out.isatty()
        self._asTable = self._isTerminal if asTable is None else asTable
        isPlain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        self._inColour = inColour and self._isTerminal and not isPlain
        self._shown: Callable[[Any], Any] = _same if asTravelling else plain
        self._now = now

    # ---- about the way

    def tell(self, text: str) -> None:
        """Say how things stand. Further lines of *text* are set off, so that they cannot pass for ours."""
        first, *more = text.splitlines() or [""]
        lines = [f"vortex {self._command}: {harmless(first)}", *(f"    {harmless(line)}" for line in more)]
        self._err.write("".join(f"{line}\n" for line in lines))
        self._err.flush()

    # ---- results

    def tuples(self, payload: Payload) -> None:
        """
        What *payload* carries: a table, or a line for each tuple.

        Raises:
            VortexError: If its body cannot be read.
            OutputClosed: If nobody reads this.
        """
        if self._asTable:
            self._write(self._tableOf(payload))
        else:
            self._write([self._json(self._shown(each)) for each in payload.jsonTuples])

    def payload(self, payload: Payload) -> None:
        """*payload*: a table with a line about it, or a line for all of it. Raises as `tuples` does."""
        filt = {key: value for key, value in payload.filt.items() if key != MESSAGE_ID}
        if self._asTable:
            self._write([self._heading(filt, payload), *self._tableOf(payload), ""])
            return
        shown = {"filt": self._shown(toJsonable(filt)), "tuples": self._shown(payload.jsonTuples)}
        if payload.result is not None:
            shown["result"] = self._shown(toJsonable(payload.result))
        self._write([self._json(shown)])

    def value(self, value: Any) -> None:
        """*value*, JSON as it travels, in a line. Raises `OutputClosed`."""
        self._write([self._json(self._shown(value))])

    def _heading(self, filt: dict[Any, Any], payload: Payload) -> str:
        words = [f"{name}={_brief(plain(toJsonable(value)))}" for name, value in filt.items()]
        count = len(payload.jsonTuples)
        words.append(f"- {count} tuple{'' if count == 1 else 's'}")
        if payload.result is not None:
            words.append(f"- result {_brief(plain(toJsonable(payload.result)))}")
        line = harmless(f"{self._now():%H:%M:%S} {' '.join(words)}")
        return f"{DIM}{line}{NORMAL}" if self._inColour else line

    def _tableOf(self, payload: Payload) -> list[str]:
        columns = shutil.get_terminal_size().columns if self._isTerminal else None
        return list(tableLines(plain(payload.jsonTuples), columns, inColour=self._inColour))

    def _json(self, value: Any) -> str:
        isUnicode = (self.out.encoding or "utf-8").lower().replace("-", "").startswith("utf")
        return harmlessJson(json.dumps(value, ensure_ascii=not isUnicode))

    def _write(self, lines: list[str]) -> None:
        try:
            self.out.write("".join(f"{line}\n" for line in lines))
            self.out.flush()
        except BrokenPipeError:
            raise OutputClosed from None
        except UnicodeEncodeError as error:
            raise Ended(
                ExitCode.USAGE, f"the terminal's {error.encoding} lacks a character: use --json"
            ) from None
        except OSError as error:
            raise Ended(ExitCode.USAGE, f"cannot write the results: {error.strerror}") from None


def _same(value: Any) -> Any:
    return value


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
