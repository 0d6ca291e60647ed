"""
The pages' consoles, typed into a shell, which shows what the pages say.

That is in a folder with the page's files, with programs that were installed from the wheel. A command that
begins a server goes on until the next server or the end of the page. For port 8080 any free one is used.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import Command, blocksOf, filesOf, withLanguage
from tests.integration.children import PATIENCE, Child, waitUntilItAnswers
from tests.integration.postgresql import freePort

SERVERS = (
    *("vortex demo", "make demo", "twistd -ny ", "twistd -n vortex "),
    *("python existing_site.py", "python shop.py"),
)
BY_TCP = "python shop.py"
"""The only one of them that does not serve HTTP."""
IN_A_CLONE = ("make ", "pip install ")
HANGS_UP = 28
"""What curl ends with when ``-m`` makes it hang up, as it has to on a held response."""


class Console:
    """
    A shell in a folder that holds a page's files.

    Args:
        folder: The folder.
        clone: Where commands are run that want the repository.
        programs: Where the programs are that come with the library.
    """

    def __init__(self, folder: Path, clone: Path, programs: Path) -> None:
        self._folder = folder
        self._clone = clone
        self._port = freePort()
        self._server: Child | None = None
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._environment = {"PATH": path, "COLUMNS": "80"}
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONWARNINGS"):
            self._environment[name] = ""

    def put(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self._folder / name).write_text(self._here(text))

    def type(self, command: Command) -> None:
        """Run one command; what it prints has to be what the page says."""
        typed = self._here(command.typed)
        said = Command(typed, [line.replace(":8080", f":{self._port}") for line in command.printed])
        where = self._clone if typed.startswith(IN_A_CLONE) else self._folder
        if typed.startswith(SERVERS) and "|" not in typed and "--help" not in typed:
            self._serve(said, where)
        else:
            self._run(said, where)

    def _here(self, text: str) -> str:
        return text.replace("8080", str(self._port))

    def _run(self, command: Command, where: Path) -> None:
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command.typed}"],
            cwd=where,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=10 * PATIENCE,
        )
        mayEnd = {0, HANGS_UP} if " -m " in command.typed else {0}
        if " | tail" in command.typed:  # shown for what it says when it fails
            mayEnd = {1}
        assert done.returncode in mayEnd, f"{command.typed}\n{done.stdout}\n{done.stderr}"
        if command.printed:
            assert command.prints(done.stdout), f"{command.typed}\n{done.stdout}\n{done.stderr}"

    def _serve(self, command: Command, where: Path) -> None:
        self.stop()
        server = Child("bash", "-c", f"exec {command.typed}", environment=self._environment, folder=where)
        self._server = server
        if command.printed:
            (said,) = command.printed
            server.line(lambda line: Command("", [said]).prints(line), within=5 * PATIENCE)
        self._waitUntilItListens(server)
        if not command.typed.startswith(BY_TCP):
            waitUntilItAnswers(self._port)  # from then on Ctrl-C ends it in order

    def _waitUntilItListens(self, server: Child) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), PATIENCE).close()
            except ConnectionRefusedError:
                assert server.isRunning, str(server)
                assert time.monotonic() < deadline, str(server)
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            try:
                server.interrupt()
            finally:
                server.stop()
            assert "Traceback" not in str(server), str(server)


@pytest.fixture
def programs(request: pytest.FixtureRequest) -> Path:
    """The shared ones, if the page does not install the library itself."""
    call = getattr(request.node, "callspec", None)
    blocks = blocksOf(call.params["document"]) if call else []
    installs = any(block.language == "console" and "$ pip install " in block.text for block in blocks)
    found: Path = request.getfixturevalue("ownEnvironment" if installs else "installedWithOrm")
    return found


@pytest.fixture
def console(tmp_path: Path, freshClone: Path, programs: Path) -> Iterator[Console]:
    console = Console(tmp_path, freshClone, programs)
    try:
        yield console
    finally:
        console.stop()


class TestConsoles:
    @pytest.mark.timeout(600)
    @pytest.mark.parametrize("document", withLanguage("console"))
    def test_show_what_really_happens(self, document: str, console: Console) -> None:
        console.put(filesOf(document))

        for block in blocksOf(document):
            if block.language == "console":
                for command in block.commands:
                    console.type(command)

    def test_what_comes_out_differently_fails(self, console: Console) -> None:
        console.type(Command("echo one", ["one"]))
        with pytest.raises(AssertionError, match="echo one"):
            console.type(Command("echo one", ["two"]))
        with pytest.raises(AssertionError, match="false"):
            console.type(Command("false", []))
