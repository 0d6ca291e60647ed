"""
The examples that connect, each run as it stands: processes of their own, sockets, and ends that are killed.

What they connect to is docs/examples/board.py under ``twistd vortex``, rows in SQLite. Who looks at what they
make of it is written by hand.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.docs.documents import EXAMPLES
from tests.integration.children import PATIENCE, Child, waitUntilItAnswers
from tests.integration.postgresql import freePort
from tests.integration.wire_by_hand import WebSocketClient, envelope

JOBS = {"key": "jobs"}
ASKED = {**JOBS, "PayloadResponse.messageId": "1"}
TWISTEDS_OWN = "unclosed file <_io.TextIOWrapper name='/dev/null'"
"""What whoever listens keeps open, to have a descriptor to spare, until the process is gone."""
WARNINGS = ("-W", "error", "-W", f"ignore:{TWISTEDS_OWN}:ResourceWarning")


class Workshop:
    """
    A folder with the examples, a free port in place of 8080, and the programs that are started in it.

    Attributes:
        path: The folder.
        port: Where the board listens, or the shop.
    """

    def __init__(self, path: Path, programs: Path) -> None:
        self.path = path
        self.port = freePort()
        self._programs = programs
        self._children: list[Child] = []
        for example in EXAMPLES.iterdir():
            if example.is_file():
                (path / example.name).write_text(example.read_text().replace("8080", str(self.port)))

    def start(self, program: str, *arguments: str) -> Child:
        child = Child(
            self._programs / program, *arguments, folder=self.path, environment={"PYTHONUNBUFFERED": "1"}
        )
        self._children.append(child)
        return child

    def twistd(self, *arguments: str) -> Child:
        return self.start("twistd", "--pidfile=", *arguments)

    def python(self, script: str, *arguments: str) -> Child:
        return self.start("python", *WARNINGS, script, *arguments)

    def serve(self, app: str, port: int) -> Child:
        """An application under ``twistd vortex``, once it answers: from then on a signal ends it in order."""
        child = self.twistd("-n", "vortex", "--app", app, "--port", f"tcp:{port}:interface=127.0.0.1")
        waitUntilItListens(port)
        waitUntilItAnswers(port)
        return child

    def serveBoard(self) -> Child:
        return self.serve("board:board", self.port)

    def write(self, title: str) -> None:
        """A job more, past every vortex."""
        with closing(sqlite3.connect(self.path / "board.sqlite")) as connection, connection:
            connection.execute("insert into job (title, status) values (?, 'open')", (title,))

    def save(self, title: str) -> None:
        """A job more, by a peer of the board."""
        with WebSocketClient(self.port, uuid="writer") as writer:
            writer.send(packed({**JOBS, "PayloadResponse.messageId": "s"}, [job(title)]))
            while (said := writer.message())["filt"].get("PayloadResponse.messageId") != "s":
                pass
        assert said["result"] is True, said

    def clear(self) -> None:
        for child in reversed(self._children):
            child.stop()


def waitUntilItListens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.05)
        else:
            return


def job(title: str) -> dict[str, Any]:
    return {"_ct": "rt", "_c": "demo.Job", "id": None, "title": title, "status": "open"}


def packed(filt: dict[str, Any], tuples: list[Any] | None = None) -> bytes:
    return envelope(2, filt, tuples).removesuffix(b".")


def titles(message: dict[str, Any]) -> list[str]:
    assert message["result"] is None, message
    return [each["title"] for each in message["tuples"]]


def kill(child: Child) -> None:
    os.killpg(child.pid, signal.SIGKILL)
    assert child.finish() == -signal.SIGKILL


def ended(child: Child) -> Child:
    """*child*, after Ctrl-C and an end in good order."""
    assert child.interrupt() in (0, -signal.SIGINT), str(child)  # twistd ends itself by the signal it got
    assert "Server Shut Down." in "\n".join(child.lines), str(child)
    for sign in ("Traceback", "Unhandled", "Warning:"):
        assert sign not in f"{child.errors}{child.lines}", str(child)
    return child


@pytest.fixture
def workshop(tmp_path: Path, installedWithOrm: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path, installedWithOrm)
    try:
        yield workshop
    finally:
        workshop.clear()


class Client:
    """A peer of the relay, by hand, that stays connected."""

    def __init__(self, port: int) -> None:
        self.line = WebSocketClient(port, uuid="c")
        assert self.line.message()["filt"]["__vortexName__"] == "relay"

    def ask(self) -> dict[str, Any]:
        """The answer to a request for the jobs."""
        self.line.send(packed(ASKED))
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer; pushes before it are passed over."""
        while (said := self.line.message())["filt"] != ASKED:
            assert said["filt"] == JOBS
        return said

    def load(self) -> list[str]:
        """The jobs, as soon as the relay is connected."""
        deadline = time.monotonic() + PATIENCE
        while (said := self.ask())["result"] is not None:
            assert said["result"].startswith("not-connected: "), said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        return titles(said)

    def push(self) -> list[str]:
        said = self.line.message()
        assert said["filt"] == JOBS
        return titles(said)

    def close(self) -> None:
        self.line.close()


class TestRelay:
    """A - R - C: the board, the relay under ``twistd vortex``, and a peer that knows the relay only."""

    @pytest.fixture
    def port(self) -> int:
        return freePort()

    @pytest.fixture
    def board(self, workshop: Workshop) -> Child:
        board = workshop.serveBoard()
        workshop.write("Water the plants")
        return board

    @pytest.fixture
    def relay(self, workshop: Workshop, board: Child, port: int) -> Child:
        return workshop.serve("relay:relay", port)

    @pytest.fixture
    def client(self, relay: Child, port: int) -> Iterator[Client]:
        with closing(Client(port)) as client:
            yield client

    def test_answers_with_the_rows_of_the_other(self, client: Client, relay: Child) -> None:
        assert client.load() == ["Water the plants"]
        ended(relay)

    def test_passes_on_what_is_pushed(self, workshop: Workshop, client: Client) -> None:
        client.load()

        workshop.save("Mend the kite")

        assert client.push() == ["Water the plants", "Mend the kite"]

    def test_sends_the_new_truth_when_the_other_was_killed_and_is_back(
        self, workshop: Workshop, board: Child, client: Client, relay: Child
    ) -> None:
        client.load()
        kill(board)
        workshop.write("Mend the kite")
        workshop.serveBoard()

        assert client.push() == ["Water the plants", "Mend the kite"]
        workshop.save("Oil the door")
        assert client.push() == ["Water the plants", "Mend the kite", "Oil the door"]
        ended(relay)

    def test_answers_what_it_is_asked_while_the_other_is_gone_when_it_is_back(
        self, workshop: Workshop, board: Child, client: Client
    ) -> None:
        client.load()
        kill(board)
        workshop.write("Mend the kite")
        client.line.send(packed(ASKED))

        workshop.serveBoard()

        assert titles(client.answer()) == ["Water the plants", "Mend the kite"]

    def test_connects_in_the_background_too(self, workshop: Workshop, board: Child, port: int) -> None:
        where = ("--app", "relay:relay", "--port", f"tcp:{port}:interface=127.0.0.1")
        child = workshop.start("twistd", "vortex", *where)
        assert child.finish() == 0, str(child)
        try:
            waitUntilItListens(port)
            with closing(Client(port)) as client:
                assert client.load() == ["Water the plants"]
        finally:
            os.kill(int((workshop.path / "twistd.pid").read_text()), signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE
            while (workshop.path / "twistd.pid").exists():
                assert time.monotonic() < deadline, (workshop.path / "twistd.log").read_text()
                time.sleep(0.05)


class TestService:
    def test_connects_when_twistd_starts_and_again_when_the_other_was_killed(
        self, workshop: Workshop
    ) -> None:
        board = workshop.serveBoard()
        workshop.write("Water the plants")
        service = workshop.twistd("-ny", "linked.tac")
        service.line(
            lambda line: (
                "1 jobs, the last one is [Job(id=1, title='Water the plants', status='open')]" in line
            )
        )

        kill(board)
        workshop.write("Mend the kite")
        workshop.serveBoard()

        service.line(
            lambda line: "2 jobs, the last one is [Job(id=2, title='Mend the kite', status='open')]" in line
        )
        workshop.save("Oil the door")
        service.line(
            lambda line: "3 jobs, the last one is [Job(id=3, title='Oil the door', status='open')]" in line
        )
        ended(service)

    def test_ends_in_order_where_nobody_listens(self, workshop: Workshop) -> None:
        service = workshop.twistd("-ny", "linked.tac")
        service.line(lambda line: f"ws://127.0.0.1:{workshop.port}/vortex: nobody listens there" in line)

        ended(service)


@pytest.mark.parametrize("script", ["script.py", "asyncio_program.py"])
class TestPrograms:
    def test_ask_and_end_without_a_warning(self, workshop: Workshop, script: str) -> None:
        workshop.serveBoard()
        workshop.write("Water the plants")
        workshop.write("Mend the kite")

        program = workshop.python(script)

        assert program.finish() == 0, str(program)
        assert program.lines == ["1 Water the plants", "2 Mend the kite"]
        assert program.errors == ""

    def test_end_after_a_name_was_looked_up_in_a_thread(self, workshop: Workshop, script: str) -> None:
        workshop.serveBoard()
        program = workshop.path / script
        program.write_text(program.read_text().replace("//127.0.0.1:", "//localhost:"))

        child = workshop.python(script)

        assert child.finish() == 0, str(child)
        assert (child.lines, child.errors) == ([], "")

    def test_wait_for_one_that_is_not_there_yet(self, workshop: Workshop, script: str) -> None:
        workshop.serveBoard().interrupt()
        workshop.write("Water the plants")
        program = workshop.python(script)
        workshop.serveBoard()

        assert program.finish() == 0, str(program)
        assert program.lines == ["1 Water the plants"]


class TestTheScript:
    def test_says_why_it_could_not_connect_and_ends(self, workshop: Workshop) -> None:
        program = workshop.path / "script.py"
        program.write_text(program.read_text().replace("(10, ", "(0.5, ").replace(" 10 s", " 0.5 s"))

        child = workshop.python("script.py")

        assert child.finish() == 1, str(child)
        url = f"ws://127.0.0.1:{workshop.port}/vortex"
        assert (child.lines, child.errors) == ([], f"no connection in 0.5 s: {url}: nobody listens there\n")


class TestTwoPrograms:
    def test_are_linked_by_one_line_each(self, workshop: Workshop) -> None:
        shop = workshop.python("shop.py")
        waitUntilItListens(workshop.port)

        for said in (
            "bought; left: ['shears', 1]",
            "bought; left: ['shears', 0]",
            "not bought: no shears left",
        ):
            till = workshop.python("till.py", "shears")
            assert till.finish() == 0, str(till)
            assert (till.lines, till.errors) == ([said], "")
        assert shop.interrupt() in (0, -signal.SIGINT), str(shop)
        assert shop.errors == "", str(shop)
