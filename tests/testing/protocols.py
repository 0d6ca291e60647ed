"""Protocols by hand, which note what happens to them."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["Noting", "Wanting", "connected"]


class Noting(Protocol):
    """
    Attributes:
        events: "made", the bytes of each call, and how it ended, as the class of the reason.
    """

    transport: Any

    def __init__(self) -> None:
        self.events: list[str | bytes | type[BaseException]] = []

    def connectionMade(self) -> None:
        self.events.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.events.append(type(reason.value))

    @property
    def received(self) -> bytes:
        return b"".join(event for event in self.events if isinstance(event, bytes))

    @property
    def end(self) -> type[BaseException] | None:
        """How it ended; None while it has not."""
        return next((event for event in self.events if isinstance(event, type)), None)


class Wanting(Factory):
    """Makes the protocols that it was given, in order, or as many of one class as are wanted."""

    noisy = False

    def __init__(self, *protocols: Protocol, kind: type[Protocol] = Noting) -> None:
        self.given = list(protocols)
        self.made: list[Any] = []
        self.isStarted = 0
        self.kind = kind

    def startFactory(self) -> None:
        self.isStarted += 1

    def stopFactory(self) -> None:
        self.isStarted -= 1

    def buildProtocol(self, addr: Any) -> Any:
        self.made.append(self.given.pop(0) if self.given else self.kind())
        return self.made[-1]


def connected(
    server: IStreamServerEndpoint,
    client: IStreamClientEndpoint,
    *,
    serverProtocol: Protocol | None = None,
    clientProtocol: Protocol | None = None,
) -> tuple[Any, Any]:
    """The client's protocol and the server's, connected a turn later; `Noting` ones, if none are given."""
    here, there = clientProtocol or Noting(), serverProtocol or Noting()
    server.listen(Wanting(there))
    client.connect(Wanting(here))
    return here, there
