"""A thousand connections to one server, which is killed and started again; and what is left of them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.certificates import Issued
from tests.integration.children import Child
from tests.integration.postgresql import freePort

COUNT = 200
KINDS = ("tcp", "tls", "unix", "websocket", "post")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Child]:
    """Starts one of the programs of `tests.integration.many_programs`."""
    shown = Issued(tmp_path, "jobs", "127.0.0.1")
    assert shown.file == tmp_path / "jobs.pem"
    ports = [freePort() for _ in range(3)]

    def program(role: str, *more: int) -> Child:
        return Child(
            *(sys.executable, "-W", "error", "-W", "ignore:unclosed:ResourceWarning"),
            *("-m", "tests.integration.many_programs", role, tmp_path),
            *map(str, (*ports, *more)),
        )

    return program


def told(child: Child) -> Any:
    """What it says when it is told something."""
    child.tell("now")
    return json.loads(child.line(lambda line: line.startswith("{")))


class TestAThousandConnections:
    def test_are_all_back_after_their_server_was_killed_and_leave_nothing(
        self, start: Callable[..., Child]
    ) -> None:
        every = {"peers": dict.fromkeys(KINDS, COUNT), "twice": 0}
        with start("server") as first:
            first.readyPort()
            clients = start("clients", COUNT)
            with clients:
                clients.line(lambda line: line == "OPEN")
                assert told(first) == every

                os.killpg(first.pid, signal.SIGKILL)
                assert first.finish() == -signal.SIGKILL
                clients.line(lambda line: line == "DOWN")
                with start("server") as second:
                    second.readyPort()
                    clients.line(lambda line: line == "OPEN")
                    assert told(second) == every

                    report = told(clients)
                    assert clients.finish() == 0

        assert report["reconnects"] == {"1": COUNT * len(KINDS)}
        assert report["left"] == {"calls": [], "descriptors": [], "readers": [], "threads": []}
        assert clients.errors == ""
