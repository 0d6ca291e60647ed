"""
Lines: a server and the load client that is connected to it, for what is measured over sockets.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from benchmarks.processes import Contender, startClient

__all__ = ["Lines"]

SETTLE = 0.3
"""Seconds that a server has to finish with what came last, before anything else is measured."""


class Lines:
    """
    A server of *contender*, started anew, and its clients.

    Attributes:
        connectCpu: Processor seconds that the server spent on each client that connected.
        memoryKib: By what the server grew with each; never nothing.
    """

    def __init__(self, contender: Contender, kind: str, clients: int) -> None:
        self.clients = clients
        self._stack = ExitStack()
        try:
            self.server = self._stack.enter_context(contender.startServer(kind))
            self._client = self._stack.enter_context(startClient(self.server.call("port")))
            self._connect("post-empty" if kind == "post" and not contender.readsPosts else kind)
        except BaseException:
            self._stack.close()
            raise

    def _connect(self, kind: str) -> None:
        # VortexPY takes a while for thousands, and takes those that were silent meanwhile for dead.
        self._client.call("beat", seconds=10 if kind == "native" else 30)
        time.sleep(SETTLE)
        cpu, memory = self.server.cpuSeconds(), self.server.memoryKib()
        self._client.call("connect", kind=kind, count=self.clients)
        while self.server.call("peers") < self.clients:
            time.sleep(SETTLE)
        time.sleep(SETTLE)
        self.connectCpu = (self.server.cpuSeconds() - cpu) / self.clients
        self.memoryKib = max(self.server.memoryKib() - memory, 1) / self.clients
        self._client.call("beat", seconds=0)

    def broadcast(self) -> dict[str, Any]:
        """Send one message to all clients; returns when they have it, with its statistics."""
        start = self.server.call("broadcast")
        statistics: dict[str, Any] = self._client.call("collect", messages=self.clients, start=start)
        return statistics

    def echo(self, requests: int, concurrent: int, body: str | None = None) -> dict[str, Any]:
        """Have so many requests answered."""
        statistics: dict[str, Any] = self._client.call(
            "echo", requests=requests, concurrent=concurrent, body=body
        )
        return statistics

    def beat(self, seconds: float) -> None:
        """Have every client beat that often."""
        self._client.call("beat", seconds=seconds)

    def resume(self, missed: int) -> dict[str, Any]:
        """
        Break all connections, have so many messages sent meanwhile, and resume one after the other; returns
        how long each took until it had them.
        """
        self._client.call("cut")
        time.sleep(SETTLE)
        for _ in range(missed):
            self.server.call("broadcast")
        statistics: dict[str, Any] = self._client.call("resume", messages=missed)
        return statistics

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
