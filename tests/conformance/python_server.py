"""
The scripts of server_*.json, carried out by a node of ours whose connections are played, on a virtual clock.

Only what would be the application is the test's own: it writes down what it was asked.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.conformance.notation import Case, Frames, expanded, matches
from tests.conformance.python_client import messageOf, nameOfFilt
from vortex.access.principal import Principal
from vortex.limits import Limits
from vortex.node.peer import VortexPeer
from vortex.node.session_events import SessionEvent, SessionResumed
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope
from vortex.routing.action import Action
from vortex.routing.payload_io import PayloadIO
from vortex.transports.native_line import NativeLine
from vortex.transports.session_driver import SessionDriver

__all__ = ["ServerScript"]


class ServerScript:
    """One case, step by step. Whatever does not come out as it says is an AssertionError."""

    def __init__(self, case: Case) -> None:
        limits = case.get("limits", {})
        self._case = case
        self._frames = Frames()
        self._clock = Clock()
        self._vortex = Vortex(
            "a-server",
            reactor=self._clock,
            limits=Limits(
                sessionLinger=limits.get("linger", 120), maxOutboxItems=limits.get("waiting", 10_000)
            ),
        )
        self._vortex.payloadIO = cast("PayloadIO", self)
        self._vortex.onPeerChange(lambda peer, online: self._told.append("new" if online else "over"))
        self._vortex.onSessionEvent(self._sessionEvent)
        self._connections: dict[str, _Connection] = {}
        self._told: list[Any] = []
        self._running: dict[int, Action] = {}
        self._bound: dict[str, str] = {}

    def run(self) -> None:
        for number, (what, *arguments) in enumerate(expanded(self._case["steps"]), 1):
            self._where = f"step {number}, {[what, *arguments]!r:.100}"
            getattr(self, f"_do_{what}")(*arguments)
            self._clock.advance(0)
        assert self._told == [], "and told besides"
        for name, connection in self._connections.items():
            assert connection.written() == [], f"and written besides, on {name}"
            assert not connection.isClosed or connection.isSeen, f"and closed besides: {name}"

    # ---- what the node is to its application

    def matching(self, filt: object) -> list[object]:
        """As `PayloadIO.matching`: there are no endpoints."""
        return []

    def isFull(self, peer: object) -> bool:
        """As `PayloadIO.isFull`: nothing that comes in waits."""
        return False

    def route(self, envelope: Envelope, peer: VortexPeer, action: Action | None = None) -> int:
        """As `PayloadIO.route`: an action was taken."""
        assert action is not None
        self._told.append([nameOfFilt(envelope.filt), action.number])
        self._running[action.number] = action
        work: Deferred[None] = Deferred(lambda _: self._told.append(["cancelled", action.number]))
        work.addErrback(lambda _: None)
        action.runs(work)
        return 1

    def _sessionEvent(self, event: SessionEvent, peer: VortexPeer) -> None:
        if isinstance(event, SessionResumed):
            self._told.append("resumed")

    # ---- steps

    def _do_connect(self, name: str, principal: str | None = None) -> None:
        who = None if principal is None else Principal(principal)
        self._connections[name] = _Connection(self._vortex, self._frames, who)

    def _do_in(self, name: str, *frames: Any) -> None:
        connection = self._connections[name]
        for frame in expanded(list(frames)):
            connection.line.received(self._frames.encoded(frame, self._bound))

    def _do_cut(self, name: str) -> None:
        connection = self._connections[name]
        connection.isClosed = connection.isSeen = True
        connection.line.lost("it was cut")

    def _do_out(self, name: str, *frames: Any) -> None:
        expected = list(expanded(list(frames)))
        found = self._connections[name].written()
        assert matches(found, expected, self._bound), f"{self._where}: written was {found!r:.1000}"

    def _do_acked(self, name: str, number: int, settled: int) -> None:
        assert self._connections[name].acked == ["ACK", number, settled], self._where

    def _do_beat(self, name: str, number: int) -> None:
        assert self._connections[name].beat == ["BEAT", number], self._where

    def _do_told(self, *things: Any) -> None:
        expected = list(expanded(list(things)))
        found, self._told = self._told, []
        assert found == expected, f"{self._where}: told was {found!r:.1000}"

    def _do_closed(self, name: str) -> None:
        connection = self._connections[name]
        assert connection.isClosed, f"{self._where}: it is not"
        connection.isSeen = True
        connection.leaveOutFarewell()

    def _do_refused(self, name: str) -> None:
        self._do_closed(name)
        kinds = [frame[0] for frame in self._connections[name].written()]
        assert kinds in ([], ["CLOSE"]), f"{self._where}: written was {kinds}"

    def _do_push(self, name: str, message: str) -> None:
        driver = self._connections[name].line.driver
        assert driver is not None
        assert driver.peer is not None
        driver.peer.sendMessage(messageOf(self._frames.messages[message]))

    def _do_answer(self, action: int, message: str) -> None:
        self._running[action].answer(messageOf(self._frames.messages[message]), 100)

    def _do_at(self, time: float) -> None:
        # In small steps: what is due in between is done at its time.
        while (rest := time - self._clock.seconds()) > 0:
            self._clock.advance(min(0.1, rest))

    def _do_differ(self, one: str, other: str) -> None:
        assert self._bound[one] != self._bound[other], self._where


class _Connection:
    """
    One connection, of which nothing is real but the bytes.

    Attributes:
        isClosed: Whether it is over.
        isSeen: Whether the case has said so.
        acked, beat: The last ACK and the last BEAT that were written.
    """

    def __init__(self, vortex: Vortex, frames: Frames, principal: Principal | None) -> None:
        self.paused = False
        self.isClosed = False
        self.isSeen = False
        self.acked: list[Any] | None = None
        self.beat: list[Any] | None = None
        self._frames = frames
        self._rest: list[list[Any]] = []
        self.line = NativeLine(vortex, self, kind="memory", address="a test", principal=principal)

    def written(self) -> list[list[Any]]:
        """Take what was written, but for ACKs and BEATs."""
        rest, self._rest = self._rest, []
        return rest

    def leaveOutFarewell(self) -> None:
        """What was written last may be a CLOSE that keeps the session."""
        if self._rest and self._rest[-1][0] == "CLOSE" and self._rest[-1][1].get("again") is True:
            self._rest.pop()

    # ---- what a transport is to what it carries

    def drivenBy(self, driver: SessionDriver) -> None: ...

    def holdReading(self) -> None: ...

    def readOn(self) -> None: ...

    def writeFrame(self, frame: bytes) -> None:
        assert not self.isClosed, "something is written on a connection that is closed"
        for each in self._frames.decoded(frame):
            if each[0] == "ACK":
                self.acked = each
            elif each[0] == "BEAT":
                self.beat = each
            else:
                self._rest.append(each)

    def close(self, code: str, reason: str) -> None:
        self.isClosed = True

    def abort(self) -> None:
        self.isClosed = True
