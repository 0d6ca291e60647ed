"""
Running: a command on the reactor, from its first byte to its exit code.

Ctrl-C and SIGTERM end it in order: the line is closed, nothing is left over, and the exit code says which it
was. A second one ends it at once, and so does one that comes before anything was begun.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react

from vortex.cli.early_end import endAtOnce
from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.output import Output, OutputClosed
from vortex.node.vortex import Vortex

__all__ = ["run"]

Command = Callable[[Vortex], Coroutine[Any, Any, None]]

CLOSING = 2.0
"""Seconds that the other end has to see the line closed."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(command: Command, output: Output, *, name: str) -> int:
    """
    Run *command* with a vortex of its own until it is done, or told to end.

    Args:
        command: Given the vortex; it may raise `Ended` and `OutputClosed`.
        output: Where it says why it ended.
        name: The vortex's.

    Returns:
        The exit code.
    """
    codes: list[int] = []
    for number in _SIGNALS:
        signal.signal(number, endAtOnce)
    try:
        react(_main, (command, output, name, codes))
    except SystemExit as end:
        if codes:
            return codes[0]
        # Where there is none, and nothing went wrong, the reactor has stopped for what it takes itself.
        return int(end.code or 0) or 128 + signal.SIGTERM


async def _main(reactor: Any, command: Command, output: Output, name: str, codes: list[int]) -> None:
    running: Deferred[None] = Deferred()
    reactor.callWhenRunning(running.callback, None)
    await running  # from here on signals are ours

    def onSignal(number: int, _: object) -> None:
        if codes:
            os._exit(codes[0])
        codes.append(128 + number)
        reactor.callFromThread(cancel)

    def cancel() -> None:  # a turn later: when the signal comes, there may be nothing to cancel yet
        done.cancel()

    for number in _SIGNALS:
        signal.signal(number, onSignal)
    done = Deferred.fromCoroutine(runOn(Vortex(name, reactor=reactor), command, output))
    with contextlib.suppress(CancelledError):  # while it was closing
        codes.append(await done)


async def runOn(vortex: Vortex, command: Command, output: Output) -> int:
    """
    Run *command*, and leave nothing of *vortex* behind.

    Returns:
        The exit code; 0 too for a command that was cancelled, or whose results nobody reads any more.
    """
    code = ExitCode.OK
    try:
        await command(vortex)
    except Ended as end:
        output.tell(str(end))
        code = end.code
    except (OutputClosed, CancelledError):
        pass
    finally:
        await vortex.shutdown(CLOSING)
    return code
