"""
One of our own programs, as `subprocess.Popen` has one: begun by a process that has imported all it needs.

See `tests.integration.forking`. There is one such process, as long as this one runs.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

__all__ = ["Forked"]

ROOT = Path(__file__).parent.parent.parent


class Forked:
    """
    A module that is run as a program, in a session of its own, warnings being errors.

    Args:
        command: The module, and its arguments.
        env: All variables of its environment.
        cwd: Where it is run.
    """

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: Path) -> None:
        module, *arguments = command
        self.args = command
        self.returncode: int | None = None
        self._status, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given, self.stdin = _pipe(isRead=False)
        printed, self.stdout = _pipe(isRead=True)
        said, self.stderr = _pipe(isRead=True)
        theirs = [given, printed, said, told.detach()]
        order = json.dumps([module, arguments, dict(env), str(cwd)]).encode()
        with _lock:
            socket.send_fds(_maker(), [order], theirs)
        for each in theirs:
            os.close(each)
        number = self._status.recv(100)
        assert number, f"{' '.join(command)} could not be begun: see the standard error of this process"
        self.pid = int(number)

    def poll(self) -> int | None:
        if self.returncode is None and _isReadable(self._status, 0):
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not _isReadable(self._status, timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def _end(self) -> None:
        self.returncode = int(self._status.recv(100))
        self._status.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _isReadable(status: socket.socket, within: float | None) -> bool:
    poll = select.poll()
    poll.register(status, select.POLLIN)
    return bool(poll.poll(None if within is None else within * 1000))


def _pipe(*, isRead: bool) -> tuple[int, IO[str]]:
    """The descriptor of a program's end, and ours."""
    reading, writing = os.pipe()
    theirs, ours = (writing, reading) if isRead else (reading, writing)
    return theirs, os.fdopen(ours, "r" if isRead else "w", encoding="utf-8")


_lock = threading.Lock()


@cache
def _maker() -> socket.socket:
    """By which it is told what to begin; the process that does so ends when this is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.integration.forking", str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
