"""What tests of the native wire at a server say and hear: who answers, how time goes by."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from tests.native_frames import action, message
from tests.transports.native_wires import NativePost, knock, resumeOf, send
from tests.transports.wires import Server
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

__all__ = ["Echo", "Talker", "asks", "pass_", "push"]


class Echo:
    """Answers with what came."""

    def __init__(self, server: Server) -> None:
        self.got: list[Any] = []
        PayloadEndpoint({"key": "echo"}, self.echo, server.vortex)

    def echo(self, payload: Payload, delivery: Delivery) -> None:
        self.got += payload.tuples
        delivery.reply(payload.tuples, result=True)


class Talker:
    """
    A client with a session, over a transport of any kind.

    Attributes:
        line: What carries its session.
    """

    def __init__(self, server: Server, kind: str, **said: Any) -> None:
        self.server = server
        self.kind = kind
        self.line = knock(kind, server, **said)
        self.welcome = self.line.welcome

    def say(self, frames: bytes) -> None:
        """Send *frames*, in a request of their own where the line is one way only."""
        if self.kind == "websocket":
            self.line.frame(frames, opcode=2)
        elif self.kind == "tcp":
            self.line.send(frames)
        else:
            answer = NativePost(self.server, send(self.welcome["session"], self.welcome["token"]) + frames)
            assert answer.status == 200

    def comesBack(self, kind: str | None = None, *, taken: int = 0, **said: Any) -> Talker:
        """Resume the session, having taken so many messages."""
        return Talker(self.server, kind or self.kind, resume=resumeOf(self.welcome, taken), **said)


def asks(number: int, what: str, *, numbered: int | None = None) -> bytes:
    """The *number*th message of a session, an action that is to be echoed."""
    return action(numbered or number, number, message({"key": "echo"}, [what]))


def push(server: Server, *values: str) -> None:
    for value in values:
        server.vortex.send(Payload({"key": "push"}, [value]))


def pass_(clock: Clock, seconds: float) -> None:
    """Time goes by in steps, as it does."""
    for _ in range(round(seconds)):
        clock.advance(1)
