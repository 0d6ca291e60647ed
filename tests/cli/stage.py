"""A command on a virtual clock, and a vortex for it to talk to, on a network in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from vortex import ModelHandler, Vortex
from vortex.access.principal import Credentials, Principal
from vortex.cli.line import Target
from vortex.cli.output import Output
from vortex.cli.running import Command, runOn
from vortex.testing import VortexHarness

__all__ = ["Jobs", "Stage", "Stream", "anyJob", "stage"]

URL = "tcp://server:8081"
NOW = datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)


def anyJob(number: int, title: str) -> dict[str, Any]:
    """A tuple of a type that no class is registered for, as `Jobs` sends and a command shows it."""
    return {"_type": "stage.Job", "id": number, "title": title}


class Stream(io.StringIO):
    """
    Args:
        isTerminal: What it says it is.
        failing: What writing raises.
        encoding: What it says it writes in.
    """

    def __init__(
        self, *, isTerminal: bool = False, failing: Exception | None = None, encoding: str = "utf-8"
    ) -> None:
        super().__init__()
        self._isTerminal = isTerminal
        self._failing = failing
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO has None, a class's attribute
        return self._encoding

    def isatty(self) -> bool:
        return self._isTerminal

    def write(self, text: str) -> int:
        if self._failing is not None:
            raise self._failing
        return super().write(text)

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


class Jobs(ModelHandler):
    """
    Attributes:
        model: What it has, or raises.
        asked: The filts that it was asked for.
    """

    def __init__(self, filt: dict[str, Any], vortex: Vortex, model: Any) -> None:
        super().__init__(filt, vortex)
        self.model = model
        self.asked: list[dict[str, Any]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Any = None) -> list[Any]:
        if delivery is not None:
            self.asked.append(filt)
        if isinstance(self.model, Exception):
            raise self.model
        return list(self.model)


class _Guard:
    error: Exception | None = None

    def authenticate(self, credentials: Credentials) -> Principal:
        if self.error is not None:
            raise self.error
        return Principal("somebody")


class Stage:
    """
    Attributes:
        harness: Its clock, its network.
        server: The vortex at the other end.
        vortex: The command's.
        out, err: What the command prints.
        target: Leads to the server.
        done: The command's exit code, once it has ended.
    """

    def __init__(self, harness: VortexHarness) -> None:
        self.harness = harness
        self.server = harness.node("server")
        self.vortex = harness.node("cli")
        self.out, self.err = Stream(), Stream()
        self.target = Target(URL, 10.0, endpoint=harness.network.clientEndpoint("tcp of uuid-server"))
        self.done: Deferred[int] = Deferred()
        self._guard = _Guard()

    def listen(self) -> None:
        self.harness.listen(self.server)

    def guard(self, error: Exception | None) -> None:
        """Put a server there that asks who somebody is, and raises *error*, or lets everybody in."""
        self.server = self.harness.node("guarded", authenticator=self._guard)
        self.refuse(error)
        endpoint = self.harness.network.clientEndpoint(self.harness.listen(self.server))
        self.target = Target(URL, 10.0, endpoint=endpoint)

    def refuse(self, error: Exception | None) -> None:
        self._guard.error = error

    def output(self, **options: Any) -> Output:
        return Output("test", self.out, self.err, now=lambda: NOW, environment={}, **options)

    def start(self, command: Command) -> None:
        self.done = Deferred.fromCoroutine(runOn(self.vortex, command, self.output()))
        self.harness.settle()

    def run(self, command: Command) -> int:
        """The exit code of a command that ends without any time passing."""
        self.start(command)
        return self.code()

    def code(self) -> int:
        return self.harness.resultOf(self.done)

    @property
    def printed(self) -> list[Any]:
        """The JSON in each line of output."""
        return [json.loads(line) for line in self.out.lines]

    @property
    def told(self) -> list[str]:
        """The lines on standard error, less the command's name."""
        return [line.removeprefix("vortex test: ") for line in self.err.lines]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with VortexHarness() as harness:
        yield Stage(harness)
