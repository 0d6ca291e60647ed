"""The demo without a socket: its site, its handlers and a database in a file, on a virtual clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.transports.wires import WebSocketClient
from tests.wire_messages import envelope
from vortex.cli.demo import handlersOf
from vortex.cli.demo_board import openBoard
from vortex.cli.demo_site import DemoSite
from vortex.node.assets import CLIENT
from vortex.node.vortex import Vortex
from vortex.transports.http_site import VortexSite

__all__ = ["DemoOnAClock", "Page", "demo", "idOf", "job"]

MESSAGE_ID = "PayloadResponse.messageId"


class DemoOnAClock:
    """
    Attributes:
        clock: Its time.
        root: Its site's resource.
    """

    def __init__(self, file: Path, *, anonymous: bool = False) -> None:
        self._file = file
        self.clock = Clock()
        self.board = openBoard(f"sqlite:///{file}")
        self.vortex = Vortex("demo", anonymous=anonymous, reactor=self.clock)
        self.handlers = handlersOf(self.vortex, self.board)
        self.root = DemoSite(self.vortex)
        self.site = VortexSite(self.root, reactor=self.clock)

    def page(self, uuid: str = "a", name: str = "Ada") -> Page:
        """A WebSocket that has said hello."""
        page = Page(self)
        page.upgrade(uuid=uuid, name=name)
        page.frame(envelope({"__vortexUuid__": uuid, "__vortexName__": name}))
        self.settle()
        return page

    def settle(self) -> None:
        for _ in range(10):
            self.clock.advance(0)

    def rows(self, condition: str = "true") -> list[tuple[Any, ...]]:
        """The jobs in the file, read by sqlite3 and not by us."""
        with closing(sqlite3.connect(self._file)) as connection:
            select = f"select id, title, status, assignee, due from vortex_demo_job where {condition}"
            return connection.execute(f"{select} order by id").fetchall()

    def row(self, number: int) -> tuple[Any, ...] | None:
        rows = self.rows(f"id = {number}")
        return rows[0] if rows else None


class Page(WebSocketClient):
    """One who is connected, message by message."""

    def __init__(self, demo: DemoOnAClock) -> None:
        super().__init__(demo.site)
        self._demo = demo

    def ask(self, filt: dict[str, Any], tuples: list[Any] | None = None) -> dict[str, Any]:
        """The answer to a request: ``result`` and, with a body, ``tuples``."""
        before = len(self.messages)
        self.frame(envelope({**filt, MESSAGE_ID: "1"}, tuples))
        self._demo.settle()
        (answer,) = (each for each in self.messages[before:] if each["filt"].get(MESSAGE_ID) == "1")
        return {"result": answer["result"], "tuples": answer.get("payload", {}).get("tuples")}

    def pushed(self, key: str) -> list[list[Any]]:
        """The tuples of each message about *key* that came unasked."""
        return [each["payload"]["tuples"] for each in self.messages if each["filt"] == {"key": key}]

    def save(self, **fields: Any) -> dict[str, Any]:
        return self.ask({"key": "demo.jobs"}, [job(**fields)])

    def delete(self, number: int) -> dict[str, Any]:
        return self.ask({"key": "demo.jobs", "delete": True}, [job(id=number)])


def job(**fields: Any) -> dict[str, Any]:
    return {"_ct": "rt", "_c": "demo.Job", **fields}


def idOf(row: dict[str, Any]) -> int:
    """The id of a job as it came."""
    number: int = row["id"]["_fd"]
    return number


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoOnAClock]:
    """It serves files with the names of the browser client's, which are shorter."""
    client = tmp_path / "static"
    client.mkdir()
    for file in CLIENT.iterdir():
        (client / file.name).write_text(file.name)
    monkeypatch.setattr("vortex.node.assets.CLIENT", client)
    running = DemoOnAClock(tmp_path / "board.sqlite")
    yield running
    running.board.close()
