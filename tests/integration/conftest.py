"""What integration tests share: the real peers' environment, and a server of ours for each test."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.children import PEERS, OurChild
from tests.integration.installing import (
    freshClone,
    installed,
    installedWithOrm,
    installedWithPytest,
    ownEnvironment,
    wheel,
)
from tests.integration.postgresql import postgresqlUrl
from tests.longest_first import longestFirst

__all__ = [
    "PeerServer",
    "freshClone",
    "installed",
    "installedWithOrm",
    "installedWithPytest",
    "ownEnvironment",
    "postgresqlUrl",
    "realPeers",
    "server",
    "serving",
    "wheel",
]


LONGEST = (
    *("consoles", "slow_consumers", "vortexpy_servers", "vortexpy_tcp", "command_line", "vortexpy_raw"),
    *("killed_at_every_point", "demo", "examples_linked", "twistd", "documents", "behind_a_proxy"),
    *("vortexpy_pushes", "vortexpy_622", "loader", "native_through_cuts", "benchmarks", "vortexpy_030"),
    *("native_byte_cut", "pytest_plugin", "chaos", "many_connections", "relay_vortexpy", "vortexpy_rpc"),
)
"""The files that take longest, of which none is to be begun when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longestFirst(items, Path(__file__).parent, LONGEST)


class PeerServer:
    """
    Our server, running: see `tests.integration.peer_server`.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        rawPort: Where it takes raw connections.
        mayLog: What its log may hold although it looks like a mishap; each is a part of a line.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.mayLog: list[str] = []
        self.child = OurChild("tests.integration.peer_server", database)
        self.port = self.child.readyPort()
        self.rawPort = int(self.child.lines[-1].split()[2])

    def rows(self) -> list[dict[str, Any]]:
        """The table as it stands in the file, read by sqlite3 and not by us."""
        with sqlite3.connect(self._database) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute("select * from thing order by id")]
        connection.close()
        return found

    def sawAtEcho(self) -> dict[str, Any]:
        """The next message that the echo endpoint got: ``peer`` (its name) and ``names`` (of the people)."""
        saw: dict[str, Any] = json.loads(self.child.line(lambda line: line.startswith("SAW "))[4:])
        return saw

    def mishaps(self) -> list[str]:
        """Lines of its log that no server in good order writes."""
        signs = ("Unhandled", "Traceback", "Warning:", "Error")
        return [
            line
            for line in self.child.errors.splitlines()
            if any(sign in line for sign in signs) and not any(known in line for known in self.mayLog)
        ]


@pytest.fixture(scope="session")
def realPeers() -> None:
    """The environment of the real peers, made when it is not there yet."""
    subprocess.run(
        ["sh", str(PEERS / "setup.sh")], env={**os.environ, "PYTHON": sys.executable}, check=True, timeout=600
    )


@contextmanager
def serving(folder: Path) -> Iterator[PeerServer]:
    """Our server on an empty database; it has to end in good order, and to have logged no mishap."""
    running = PeerServer(folder / "things.sqlite")
    try:
        yield running
    finally:
        status = running.child.stop()
    assert status == 0, str(running.child)
    assert running.mishaps() == [], str(running.child)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PeerServer]:
    """Our server for one test."""
    with serving(tmp_path) as running:
        yield running
