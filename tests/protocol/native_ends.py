"""One end of a native session, open, with the other end played by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.protocol import native_wire as wire
from vortex.limits import Limits
from vortex.protocol.client_session import ClientSession
from vortex.protocol.envelope import Message
from vortex.protocol.events import Event, Received
from vortex.protocol.payload import Payload
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session import Session
from vortex.protocol.session_table import Hello, SessionTable

__all__ = ["AnyEnd", "ClientEnd", "ServerEnd", "labelsOf", "says"]


def says(label: str, **kwargs: Any) -> Message:
    """A message whose filt is ``{"is": label}``."""
    return Message(Payload({"is": label}), **kwargs)


def labelsOf(events: list[Event]) -> list[Any]:
    """What `says` has said in what was received."""
    return [event.envelope.filt.get("is") for event in events if isinstance(event, Received)]


@dataclass
class AnyEnd:
    """
    What both ends have in common for their tests.

    Attributes:
        session: The end, opened at second 0, nothing of its beginning left to write or to tell.
        COUNTED: The kind of a counted frame that it writes.
    """

    session: Session
    limits: Limits

    COUNTED = 0

    def incoming(self, number: int, label: str = "x") -> bytes:
        """A counted frame as the other end sends it."""
        raise NotImplementedError

    def welcomed(self, *, taken: int, written: int, now: float) -> None:
        """Have the session resumed on another connection."""
        raise NotImplementedError

    def frames(self) -> list[wire.Frame]:
        """Take what is written, until nothing is."""
        written: list[bytes] = []
        while more := self.session.framesToSend():
            written += more
        return wire.framesIn(written)

    def numbers(self) -> list[int]:
        """Of `frames`, the numbers of the counted ones."""
        return [wire.numberIn(frame) for frame in self.frames() if frame[0] == self.COUNTED]

    def receive(self, *frames: bytes, now: float = 0.0) -> list[Event]:
        for frame in frames:
            self.session.receive(frame, now)
        return self.session.events()


class ClientEnd(AnyEnd):
    """A client whose server is played by hand."""

    COUNTED = wire.ACTION
    session: ClientSession

    def __init__(self, *, via: str | None = None, **limits: Any) -> None:
        super().__init__(
            ClientSession(uuid="C", name="client", limits=Limits(**limits), now=0.0), Limits(**limits)
        )
        self.session.via = via
        self.session.attached(0.0)
        self.frames()
        self.receive(wire.welcome())
        self.frames()

    def incoming(self, number: int, label: str = "x") -> bytes:
        return wire.data(number, label)

    def welcomed(self, *, taken: int, written: int, now: float) -> None:
        self.session.attached(now)
        self.session.helloToSend()
        self.session.receive(wire.welcome(outcome="resumed", taken=taken, n=written, client=None), now)


class ServerEnd(AnyEnd):
    """A server's session whose client is played by hand."""

    COUNTED = wire.DATA
    session: ServerSession

    def __init__(self, *, via: str | None = None, principal: str | None = None, **limits: Any) -> None:
        self.table = SessionTable("S", "server", Limits(**limits))
        self.principal = principal
        self.token = ""
        super().__init__(self._attach(0.0, wire.hello(via=via)), Limits(**limits))
        self.via = via
        self.frames()
        self.session.events()

    def _attach(self, now: float, hello: bytes) -> ServerSession:
        session = self.table.attach(Hello.read(hello, Limits()), self.principal, now)
        session.attached(now)
        (opening,) = session.helloToSend()
        self.welcome = wire.framesIn(opening)[0][1]
        self.token = self.welcome["token"]
        return session

    def incoming(self, number: int, label: str = "x") -> bytes:
        return wire.action(number, label=label)

    def welcomed(self, *, taken: int, written: int, now: float) -> None:
        """*taken* by the client; *written* is the client's own matter."""
        self.resume(taken, now=now)

    def resume(self, n: int, *, now: float, token: str | None = None) -> dict[str, Any]:
        """Have the client come again; returns the WELCOME that it gets."""
        shown = wire.resume(self.session.id, token or self.token, self.table.epoch, n)
        self._attach(now, wire.hello(resume=shown, via=self.via, client="secret"))
        return dict(self.welcome)
