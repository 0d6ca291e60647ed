"""The demo as a child with a database of its own: ended, killed, started again, and its rows read."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.integration.children import PATIENCE, OurChild

__all__ = ["DemoServer"]

TABLE = "vortex_demo_job"


class DemoServer:
    """
    ``vortex demo`` in a folder of its own.

    Args:
        folder: Where it is run, and keeps its SQLite file.
        arguments: Further arguments of the command.
        module: What is run in its place: a module that has the same table, options and first line.

    Attributes:
        url: Of its page.
        port: Where it listens, and listens again after it was started again.
    """

    def __init__(self, folder: Path, *arguments: str, module: str = "") -> None:
        self.folder = folder
        self._program = [module] if module else ["vortex", "demo"]
        self._arguments = arguments
        self.port = 0
        self.start()
        self._first = self.rows()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it; from the second time on where it was."""
        self.child = OurChild(*self._program, "--port", str(self.port), *self._arguments, folder=self.folder)
        try:
            line = self.child.line()
            found = re.search(r"http://\S+?:(\d+)/", line)
            assert found, line
        except BaseException:
            self.child.stop()
            raise
        self.port = int(found[1])

    def kill(self) -> None:
        """End it by SIGKILL, in the middle of whatever it does."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.stop()

    def freeze(self) -> None:
        """Have it do nothing, and hang up on nobody, until `thaw`."""
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.child.pid, signal.SIGCONT)

    # ---- the database, by sqlite3 and not by us

    def rows(self) -> list[dict[str, Any]]:
        """Every job as it stands in the file, by its id."""
        with closing(self._database()) as connection:
            return [dict(row) for row in connection.execute(f"select * from {TABLE} order by id")]

    def row(self, **wanted: Any) -> dict[str, Any] | None:
        """The job that has these values, if there is exactly one."""
        found = [row for row in self.rows() if wanted.items() <= row.items()]
        assert len(found) < 2, found
        return found[0] if found else None

    def titles(self) -> list[str]:
        return [row["title"] for row in self.rows()]

    def waitForRow(self, **wanted: Any) -> dict[str, Any]:
        """The job that has these values, as soon as it is there."""
        self.waitUntil(lambda: self.row(**wanted), f"a row has {wanted}")
        row = self.row(**wanted)
        assert row is not None
        return row

    def waitUntil(self, isSo: Callable[[], object], what: str = "it is so") -> None:
        """Wait for something that is to become true of the database."""
        deadline = time.monotonic() + PATIENCE
        while not isSo():
            assert time.monotonic() < deadline, f"waited until {what}: {self.rows()}"
            time.sleep(0.01)

    def change(self, statement: str, values: Iterable[Any] = ()) -> None:
        """Write into the file, past the server; ``{table}`` in the statement is the table."""
        with closing(self._database()) as connection, connection:
            connection.execute(statement.format(table=TABLE), tuple(values))

    def refuseChanges(self) -> None:
        """Have the database take no row that is new or changed, until `reset`."""
        for what in ("insert", "update"):
            refusing = "begin select raise(abort, 'no'); end"
            self.change(f"create trigger refused_{what} before {what} on {{table}} {refusing}")

    def fill(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Have these rows and no others, each with an id, a title and a status; the server does not know."""
        with closing(self._database()) as connection, connection:
            connection.execute(f"delete from {TABLE}")
            connection.executemany(
                f"insert into {TABLE} (id, title, status, assignee, due)"
                " values (:id, :title, :status, :assignee, :due)",
                [{"assignee": None, "due": None, **row} for row in rows],
            )

    def reset(self) -> None:
        """Have the rows that were there when it was started first, and none since."""
        for what in ("insert", "update"):
            self.change(f"drop trigger if exists refused_{what}")
        self.fill(self._first)
        self.change("update sqlite_sequence set seq = ? where name = '{table}'", [len(self._first)])

    def _database(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.folder / "vortex-demo.sqlite", PATIENCE)
        connection.row_factory = sqlite3.Row
        return connection

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
        self.child.stop()
