"""Processes of the benchmarks: each on one processor, told what to do, and watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = [
    "CLIENT_CPU",
    "OURS",
    "SERVER_CPU",
    "Contender",
    "Process",
    "contendersWith",
    "makePeerEnvironment",
    "startClient",
]

HERE = Path(__file__).parent
_cpus = sorted(os.sched_getaffinity(0))
SERVER_CPU = _cpus[0]
"""Where every contender runs; only one of them is busy at a time."""
CLIENT_CPU = _cpus[1 % len(_cpus)]
"""Where the load client runs: not in the way of the servers, if there is more than one processor."""


class Process:
    """
    A program that answers commands, one JSON object a line each way.

    Args:
        command: The program and its arguments.
        cpu: The processor that it may use.
    """

    def __init__(self, command: Sequence[str | Path], cpu: int) -> None:
        self._command = [str(part) for part in command]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd="/",  # nothing is imported from where we happen to be
        )
        os.sched_setaffinity(self._process.pid, {cpu})  # long before it has a second thread

    def call(self, do: str, **arguments: Any) -> Any:
        """
        Have command *do* carried out, and wait for it.

        Raises:
            RuntimeError: If the process ends instead of answering; what it said is on the standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} ended in the middle of {do!r}")
        return json.loads(line)

    def cpuSeconds(self) -> float:
        """Processor time that all its threads have had."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:  # a thread that has just ended
                continue
        return total / 1e9

    def memoryKib(self) -> int:
        """What it has in memory, in KiB."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        raise RuntimeError(f"{self._command} is gone")

    def close(self) -> None:
        """End it; one that does not end by itself within seconds is killed."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Contender:
    """
    One of the two libraries: which programs measure it.

    Args:
        name: What the table calls it.
        python: The interpreter of its environment.
        worker: Its program without I/O.
        server: Its program that serves; ``{kind}`` in an argument becomes "websocket" or "post".
        readsPosts: Whether it can read what is in a POST. VortexPY 6.2.2 cannot: it raises, and goes on to
            hold the request. So its clients send it an empty one.
    """

    def __init__(
        self, name: str, python: str | Path, worker: str, server: Sequence[str], *, readsPosts: bool = True
    ) -> None:
        self.name = name
        self.readsPosts = readsPosts
        self._python = python
        self._worker = worker
        self._server = server

    def startWorker(self) -> Process:
        """Its program that encodes, decodes and routes."""
        return Process([self._python, HERE / "programs" / self._worker], SERVER_CPU)

    def startServer(self, kind: str) -> Process:
        """Its server for clients of *kind*."""
        program, *arguments = self._server
        arguments = [argument.format(kind=kind) for argument in arguments]
        return Process([self._python, HERE / "programs" / program, *arguments], SERVER_CPU)


OURS = Contender("ours", sys.executable, "ours.py", ["ours_server.py"])


def contendersWith(peer: Contender | None) -> list[Contender]:
    """Ours, and the peer if there is one."""
    return [OURS] if peer is None else [OURS, peer]


def makePeerEnvironment() -> Contender:
    """VortexPY, in its environment, which is made if it is not there."""
    subprocess.run([HERE / "setup.sh", sys.executable], check=True)
    base = Path(os.environ.get("VORTEX_BENCH_ENV") or Path.home() / ".cache" / "vortex-bench")
    python = base / "vortexpy" / "bin" / "python"
    server = ["vortexpy_server.py", "{kind}"]
    return Contender("VortexPY 6.2.2", python, "vortexpy.py", server, readsPosts=False)


def startClient(port: int) -> Process:
    """The load client, for the server at *port*."""
    return Process([sys.executable, HERE / "programs" / "load_client.py", str(port)], CLIENT_CPU)
