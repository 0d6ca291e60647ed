"""
A process that has imported what our programs need, and from which each of them is forked: it begins at once,
where its imports alone would take it a second.

    python -m tests.integration.forking SOCKET

SOCKET is the descriptor of a Unix socket, which orders come by until it is closed. An order is a module, its
arguments, the variables of its environment and a folder, with four descriptors: standard input, output and
error of the program, and a socket that takes its process number, and at its end its status. Before a program
installs a reactor there is none, and no thread.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module

import vortex

__all__ = ["Order"]

NEEDED = (
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.orm", "sqlite3", "vortex.cli.main", "vortex.cli.demo"),
    *("twisted.internet.asyncioreactor", "twisted.internet.epollreactor", "twisted.internet.endpoints"),
    *("twisted.internet.task", "twisted.internet.threads", "twisted.python.threadpool", "twisted.web.static"),
)
"""Modules that our programs import, beside whatever the library has."""

Order = tuple[str, list[str], dict[str, str], str]
"""A module, its arguments, all variables of the environment, and the folder it is run in."""


def importAll() -> None:
    for name in vortex.__all__:
        getattr(vortex, name)  # those of the ORM are imported when they are asked for
    for name in NEEDED:
        import_module(name)
    assert "twisted.internet.reactor" not in sys.modules


def orders(control: socket.socket) -> Iterator[tuple[Order, list[int]]]:
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 18, 4)
        if not data:
            return
        yield json.loads(data), descriptors


def serve(control: socket.socket) -> Order | None:
    """Returns in each program, with what it is to be; and None at the end, in the process that made them."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who keeps a program ends by itself
    for order, descriptors in orders(control):
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            return kept(order, descriptors)
        for each in descriptors:
            os.close(each)
    return None


def kept(order: Order, descriptors: list[int]) -> Order:
    """Returns in the program. Who keeps it waits for its end, and tells how it was."""
    *streams, told = descriptors
    with socket.socket(fileno=told) as status:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            status.send(str(os.getpid()).encode())
            become(order, streams)
            return order
        for each in streams:
            os.close(each)
        for each in range(3):  # it holds nobody's pipe open
            os.close(each)
        # its number stays its own until who has begun it knows of its end
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        exited = ended.si_code == os.CLD_EXITED
        status.send(str(ended.si_status if exited else -ended.si_status).encode())
        status.recv(1)
    os._exit(0)


def become(order: Order, streams: list[int]) -> None:
    module, arguments, environment, folder = order
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    warnings.simplefilter("error")


def main(descriptor: int) -> None:
    importAll()
    gc.collect()
    gc.freeze()  # so that no program's collection goes through what all have in common
    order = serve(socket.socket(fileno=descriptor))
    if order is not None:
        runpy.run_module(order[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
