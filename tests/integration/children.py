"""
Programs that a test runs beside itself: it reads their lines as they come, writes to them, and ends them.

Nothing waits without a bound, and what a program said is in the message of whatever goes wrong with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.integration.forked import Forked

ROOT = Path(__file__).parent.parent.parent
PEERS = ROOT / "tests" / "peers"
PATIENCE = 30.0
"""Seconds within which anything that a test waits for has to happen."""
SET_UP = {"VORTEX_PEER_IS_SET_UP": "yes"}
"""Tells tests/peers that the fixture ``realPeers`` has looked after the real peers' environment."""

__all__ = [
    "PATIENCE",
    "PEERS",
    "ROOT",
    "Child",
    "OurChild",
    "TalkingPeer",
    "oldPeer",
    "peer",
    "waitUntilItAnswers",
]


class Child:
    """
    One running program.

    Args:
        command: What to run; it gets a process group of its own, which is ended as a whole.
        environment: Variables beside those of this process.
        folder: Where it is run.

    Attributes:
        lines: Everything that it has printed and that was read here.
    """

    def __init__(
        self, *command: str | Path, environment: Mapping[str, str] | None = None, folder: Path = ROOT
    ) -> None:
        self.command = [str(part) for part in command]
        self.lines: list[str] = []
        self._incoming: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._process = self._begun({**os.environ, **(environment or {})}, folder)
        self._readers = [
            threading.Thread(target=self._readLines, daemon=True),
            threading.Thread(target=self._readErrors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _begun(self, environment: dict[str, str], folder: Path) -> subprocess.Popen[str] | Forked:
        return subprocess.Popen(
            self.command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def _readLines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._incoming.put(line.rstrip("\n"))
        self._incoming.put(None)

    def _readErrors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def isRunning(self) -> bool:
        return self._process.poll() is None

    @property
    def errors(self) -> str:
        """What it wrote to its standard error, up to now."""
        return "".join(self._errors)

    def line(self, wanted: Callable[[str], object] = bool, *, within: float = PATIENCE) -> str:
        """The next line that is *wanted*; those before it are passed over."""
        while True:
            try:
                line = self._incoming.get(timeout=within)
            except queue.Empty:
                raise AssertionError(f"nothing came in {within} s\n{self}") from None
            if line is None:
                self._incoming.put(None)
                raise AssertionError(f"it ended\n{self}")
            self.lines.append(line)
            if wanted(line):
                return line

    def readyPort(self) -> int:
        """The port of a server, which prints ``READY port``; one that does not is stopped."""
        try:
            return int(self.line(lambda line: line.startswith("READY ")).split()[1])
        except BaseException:
            self.stop()
            raise

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def finish(self, within: float = PATIENCE) -> int:
        """Wait until it ends by itself; its exit status. All that it printed is in `lines` then."""
        try:
            status = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on after {within} s\n{self}") from None
        self._drain()
        return status

    def interrupt(self) -> int:
        """Ctrl-C, which its whole group gets; its exit status."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.finish()

    def kill(self) -> None:
        """Make it end at once, if it has not: it has nothing to end in order."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._drain()

    def stop(self, within: float = 10.0) -> int:
        """Ask it to end, and make it end when it does not; its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        self._drain()
        return status

    def _drain(self) -> None:
        for reader in self._readers:
            reader.join(PATIENCE)
        while not self._incoming.empty():
            line = self._incoming.get()
            if line is not None:
                self.lines.append(line)
        self._incoming.put(None)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        said = "\n".join(self.lines[-30:])
        return f"{' '.join(self.command)}\n--- printed\n{said}\n--- standard error\n{self.errors[-4000:]}"


class OurChild(Child):
    """
    One of our own programs, which so begins at once: a module, and its arguments. Warnings are errors in it.

    Where it is tried how one begins, it is a `Child`.
    """

    def _begun(self, environment: dict[str, str], folder: Path) -> Forked:
        return Forked(self.command, environment, folder)


def peer(script: str, *arguments: object) -> Child:
    """One of tests/peers, run with the real VortexPY 6.2.2."""
    return Child("sh", PEERS / "run.sh", script, *map(str, arguments), environment=SET_UP)


def oldPeer(version: str, script: str, *arguments: object) -> Child:
    """One of tests/peers, run with the real VortexPY 0.3.0 or 2.4.1."""
    environment = {**SET_UP, "SCRIPT": script}
    return Child("sh", PEERS / "run_old.sh", version, *map(str, arguments), environment=environment)


def waitUntilItAnswers(port: int) -> None:
    """Until a server of HTTP that listens there does, which it does not before its reactor runs."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert line.recv(1), "it has hung up"


class TalkingPeer:
    """
    A real client that stays connected (tests/peers/talk.py), asks what it is told to, and hears pushes.

    Args:
        child: The program, just started.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self._pushes: list[dict[str, Any]] = []
        said = self._next()
        assert "connected" in said, str(child)

    def _next(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.child.line(lambda line: line.startswith("{")))
        return said

    def ask(self, filt: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """
        Have it ask; what it makes of the answer: ``answer`` (the result), ``filt`` and ``rows``.

        Its own endpoint hears the answer as well, which is awaited here too. Pushes are kept for `push`: a
        VortexPY client decodes in threads, so what it says last need not be what came last.
        """
        self.child.tell(json.dumps({"filt": filt, "rows": rows}))
        answer: dict[str, Any] | None = None
        heard: dict[str, Any] | None = None
        while answer is None or heard is None:
            said = self._next()
            if "heard" not in said:
                answer = said
                assert "answer" in answer, str(self.child)
            elif "PayloadResponse.messageId" in said["filt"]:
                heard = said
            else:
                self._pushes.append(said)
        assert heard["filt"] == answer["filt"], str(self.child)
        return answer

    def push(self) -> dict[str, Any]:
        """The next message that it hears unasked: ``heard`` (the result), ``filt`` and ``rows``."""
        if self._pushes:
            return self._pushes.pop(0)
        said = self._next()
        assert "heard" in said, str(self.child)
        assert "PayloadResponse.messageId" not in said["filt"], str(self.child)
        return said
