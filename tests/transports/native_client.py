"""A client of the native wire, without the library's: what a server's driver gets and says, as frames."""

from __future__ import annotations

from typing import Any

from tests import native_frames
from tests.native_frames import Frame
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.session_table import Hello, SessionTable
from vortex.transports.session_driver import SessionDriver

__all__ = ["NativeClient"]

SECRET = "the secret of ada"


class NativeClient:
    """
    Args:
        server: Who it talks to.
        secret: What the server knows it by.

    Attributes:
        driver: The server's, of the session that it has now.
        said: What the server has written in that session.
    """

    driver: SessionDriver

    def __init__(self, server: Vortex, secret: str = SECRET) -> None:
        self.server = server
        self.secret = secret
        self.said: list[Frame] = []
        self._table = SessionTable(server.uuid, server.name, Limits())
        self._number = 0
        self.paused = False

    # ---- what it does

    def begin(self, *, epoch: int = 1, next: int = 1) -> None:
        """Begin a session, in place of the one that it has, which goes on at the server."""
        hello = Hello.read(_inner(native_frames.hello(self.secret, epoch=epoch, next=next)), Limits())
        session = self._table.attach(hello, None, self.server.clock.seconds())
        self.driver = SessionDriver(session, self.server, kind="memory", address="memory")
        self.said = []
        self._number = 0
        self.driver.attach(_Line(self.said))

    def send(
        self,
        action: int,
        filt: dict[str, Any],
        tuples: list[Any] | None = None,
        *,
        deadline: int = 0,
        expectsAnswer: bool = True,
    ) -> None:
        """Send an action; its filt gets a messageId of the action's number."""
        filt = {**filt, "PayloadResponse.messageId": f"m{action}"}
        self.sendMessage(
            action, native_frames.message(filt, tuples, expectsAnswer=expectsAnswer), deadline=deadline
        )

    def sendMessage(self, action: int, message: bytes, *, deadline: int = 0) -> None:
        self._number += 1
        self._bring(native_frames.action(self._number, action, message, deadline=deadline))

    def cancel(self, action: int) -> None:
        self._number += 1
        self._bring(native_frames.cancel(self._number, action))

    def settle(self, action: int) -> None:
        counted = (native_frames.DATA, native_frames.REPLY)
        numbers = [frame.number for frame in self.said if frame.kind in counted]
        self._bring(native_frames.ack(max(numbers, default=0), action))

    def leave(self) -> None:
        """End the session."""
        self.driver.close("normal", "it has gone")

    def _bring(self, frame: bytes) -> None:
        self.driver.frameReceived(_inner(frame))

    # ---- what it was told

    @property
    def answers(self) -> list[Frame]:
        """The answers to actions."""
        return [each for each in self.said if each.kind == native_frames.REPLY]

    @property
    def replies(self) -> list[tuple[int, Any]]:
        """The answers to actions: which, and the result."""
        return [(each.action, each.json.get("r")) for each in self.answers]

    @property
    def messages(self) -> list[bytes]:
        """The answers to actions, to the byte."""
        return [each.rest for each in self.answers]

    @property
    def others(self) -> list[Any]:
        """The results of the messages that answer no action."""
        return [each.json.get("r") for each in self.said if each.kind == native_frames.DATA]

    @property
    def farewell(self) -> dict[str, Any] | None:
        """What a CLOSE has said."""
        return next((each.json for each in self.said if each.kind == native_frames.CLOSE), None)


class _Line:
    paused = False

    def __init__(self, said: list[Frame]) -> None:
        self._said = said

    def writeFrame(self, frame: bytes) -> None:
        self._said.extend(native_frames.framesIn(frame))

    def close(self, code: str, reason: str) -> None: ...

    def abort(self) -> None: ...


def _inner(frame: bytes) -> bytes:
    """*frame* without its length."""
    _, at = native_frames.numberAt(frame, 0)
    return frame[at:]
