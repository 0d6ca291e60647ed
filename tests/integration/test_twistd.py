"""``twistd`` with the wheel installed: its command ``vortex``, a .tac file, VortexPY's client against it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import EXAMPLES
from tests.integration.children import PATIENCE, Child
from tests.integration.postgresql import freePort
from tests.integration.wire_by_hand import HeldPostClient, WebSocketClient, envelope


class Folder:
    """A folder with the examples, a free port in place of 8080, and twistd to be run in it."""

    def __init__(self, path: Path, programs: Path) -> None:
        self.path = path
        self.port = freePort()
        self._programs = programs
        for example in EXAMPLES.iterdir():
            if example.is_file():
                (path / example.name).write_text(example.read_text().replace("8080", str(self.port)))

    @contextlib.contextmanager
    def twistd(self, *arguments: str) -> Iterator[Child]:
        child = Child(self._programs / "twistd", "--pidfile=", *arguments, folder=self.path)
        try:
            self.waitUntilItListens()
            yield child
            # twistd shuts down in order, and then ends itself by the signal that it got
            assert child.interrupt() in (0, -signal.SIGINT), str(child)
            assert "Traceback" not in str(child), str(child)
            assert "Server Shut Down." in "\n".join(child.lines), str(child)
        finally:
            child.stop()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What twistd says that is to end by itself."""
        return subprocess.run(
            [self._programs / "twistd", "--pidfile=", *arguments],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def waitUntilItListens(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nobody listens"
                time.sleep(0.05)
            else:
                return


@pytest.fixture
def folder(tmp_path: Path, installedWithOrm: Path) -> Folder:
    return Folder(tmp_path, installedWithOrm)


REQUEST = {"key": "jobs", "PayloadResponse.messageId": "1"}
JOB = {"_ct": "rt", "_c": "demo.Job", "id": None, "title": "Mend the kite"}


class TestCommand:
    def test_is_among_those_of_twistd(self, folder: Folder) -> None:
        shown = folder.run("--help").stdout

        assert "vortex" in shown
        assert "An application's Vortex, served over held POST and WebSocket" in " ".join(shown.split())

    def test_runs_an_application(self, folder: Folder) -> None:
        with folder.twistd("-n", "vortex", "--app", "board:board", "--port", f"tcp:{folder.port}"):
            with WebSocketClient(folder.port, uuid="a") as client:
                assert client.message()["filt"]["__vortexName__"] == "board"
                client.send(envelope(2, REQUEST, [JOB]).removesuffix(b"."))
                answer = client.message()

            assert answer["result"] is True
            assert [(job["title"], job["status"]) for job in answer["tuples"]] == [("Mend the kite", "open")]

    def test_refuses_in_the_applications_own_words(self, folder: Folder) -> None:
        command = ("-n", "vortex", "--app", "board:board", "--port", f"tcp:{folder.port}")
        with folder.twistd(*command), WebSocketClient(folder.port, uuid="a") as client:
            client.message()
            client.send(envelope(2, REQUEST, [{**JOB, "title": " "}]).removesuffix(b"."))

            assert client.message()["result"] == "no-title: a job needs a title"

    def test_takes_a_name_and_a_path(self, folder: Folder) -> None:
        where = ("--app", "board:board", "--port", f"tcp:{folder.port}")
        command = ("-n", "vortex", *where, "--name", "jobs", "--path", "live")
        with folder.twistd(*command), HeldPostClient(folder.port, uuid="a", path="/live") as client:
            assert client.post(b"").message()["filt"]["__vortexName__"] == "jobs"

    @pytest.mark.parametrize(("arguments", "status"), [((), 403), (("--anonymous",), 200)])
    def test_lets_in_others_only_when_told_to(
        self, folder: Folder, arguments: tuple[str, ...], status: int
    ) -> None:
        command = ("-n", "vortex", "--app", "board:board", "--port", f"tcp:{folder.port}", *arguments)
        with folder.twistd(*command), HeldPostClient(folder.port, uuid="a") as client:
            assert client.post(b"", "X-Forwarded-For: 192.0.2.1").status == status

    def test_goes_to_the_background_and_works_there(self, folder: Folder) -> None:
        started = subprocess.run(
            [folder._programs / "twistd", "vortex", "--app", "board:board", "--port", f"tcp:{folder.port}"],
            cwd=folder.path,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert started.returncode == 0, started.stderr
        folder.waitUntilItListens()
        pid = int((folder.path / "twistd.pid").read_text())
        try:
            with WebSocketClient(folder.port, uuid="a") as client:
                client.message()
                client.send(envelope(2, REQUEST, [JOB]).removesuffix(b"."))
                assert client.message()["result"] is True
        finally:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE
            while (folder.path / "twistd.pid").exists():
                assert time.monotonic() < deadline, (folder.path / "twistd.log").read_text()
                time.sleep(0.05)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "which application? --app module:function"),
            (("--app", "bord:board"), "there is no module 'bord', in"),
            (("--app", "board:bord"), "the module 'board' has no 'bord'"),
            (("--app", "board:__doc__"), "board:__doc__ should be a function that takes a Vortex"),
            (("--app", "board:board", "--port", "nonsense"), "--port nonsense is no server endpoint"),
        ],
    )
    def test_says_what_is_wrong_with_its_arguments(
        self, folder: Folder, arguments: tuple[str, ...], said: str
    ) -> None:
        done = folder.run("-n", "vortex", *arguments)

        assert done.returncode == 1
        assert said in done.stdout.splitlines()[-1]
        assert "Traceback" not in done.stdout + done.stderr

    def test_ends_when_its_port_is_taken(self, folder: Folder) -> None:
        with contextlib.closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", folder.port))
            taken.listen()

            port = f"tcp:{folder.port}:interface=127.0.0.1"
            done = folder.run("-n", "vortex", "--app", "board:board", "--port", port)

        assert done.returncode == 1
        assert "CannotListenError" in done.stdout + done.stderr


class TestTac:
    @pytest.mark.usefixtures("realPeers")
    def test_serves_a_vortexpy_client_that_knows_nothing_of_us(self, folder: Folder) -> None:
        default = Path.home() / ".cache" / "vortex-peer"
        python = Path(os.environ.get("VORTEX_PEER_VENV", default)) / "bin" / "python"

        with folder.twistd("-ny", "jobs.tac"):
            client = Child(python, "-W", "ignore", "vortexpy_client.py", folder=folder.path)
            try:
                assert client.line() == "1 Water the plants"
            finally:
                client.stop()
