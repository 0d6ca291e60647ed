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
FEW = 20
"""How many there are by wss, and by https."""
KINDS = {"tcp": COUNT, "tls": COUNT, "unix": COUNT, "websocket": COUNT + FEW, "post": COUNT + FEW}
ALL = sum(KINDS.values())
NOTHING: dict[str, list[str]] = {"calls": [], "descriptors": [], "readers": [], "threads": []}


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Child]:
    """Starts one of the programs of `tests.integration.many_programs`."""
    shown = Issued(tmp_path, "jobs", "127.0.0.1")
    assert shown.file == tmp_path / "jobs.pem"
    ports = [freePort() for _ in range(4)]

    def program(role: str, *more: int) -> Child:
        return Child(
            *(sys.executable, "-W", "error", "-W", "ignore:unclosed:ResourceWarning"),
            *("-m", "tests.integration.many_programs", role, tmp_path),
            *map(str, (*ports, *more)),
        )

    return program


def said(line: str) -> bool:
    return line.startswith(("ANSWERED", "FAILED"))


def told(child: Child) -> Any:
    """What it says when it is told something."""
    child.tell("now")
    return json.loads(child.line(lambda line: line.startswith("{")))


def peersOf(server: Child) -> tuple[dict[str, int], int]:
    """Of each transport, how many uuids it has peers of; and how many of these it has more than one of."""
    said = told(server)
    return said["peers"], said["twice"]


class TestAThousandConnections:
    def test_are_all_back_after_their_server_was_killed_and_leave_nothing(
        self, start: Callable[..., Child]
    ) -> None:
        answered = f"ANSWERED {ALL}"
        with start("server") as first:
            first.readyPort()
            clients = start("clients", COUNT, FEW)
            with clients:
                assert clients.line(said) == answered
                assert peersOf(first) == (KINDS, 0)

                os.killpg(first.pid, signal.SIGKILL)
                assert first.finish() == -signal.SIGKILL
                clients.line(lambda line: line == "DOWN")
                with start("server") as second:
                    second.readyPort()
                    assert clients.line(said) == answered
                    assert peersOf(second) == (KINDS, 0)

                    report = told(clients)
                    assert clients.finish() == 0
                    second.line(lambda line: line == "EMPTY")
                    last = told(second)

        assert report["reconnects"] == {"1": ALL}
        assert report["left"] == NOTHING
        assert report["connections"] == 0
        assert report["peers"] == [2 * ALL, 0]
        assert clients.errors == ""
        assert (last["peers"], last["left"]) == ({}, NOTHING)
        assert second.errors == ""
