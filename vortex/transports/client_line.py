"""
ClientLine: a native session of ours, its driver, and what carries it; it outlives all that do.

Whatever is to carry the session says HELLO, and takes over with the server's WELCOME. Until then what carries
it so far goes on, so that a session can change its connection, its transport even, and be without one at no
time; and where nothing comes of the new one, nothing has happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.logger import Logger

from vortex.clocks import DelayedCall
from vortex.errors import LimitExceeded, VortexError
from vortex.protocol.client_session import ClientSession
from vortex.protocol.codes import CloseCode
from vortex.protocol.events import Reset, Resumed
from vortex.protocol.link_session import State
from vortex.protocol.native import Kind, readVarint
from vortex.protocol.session import readJson
from vortex.routing.ports import Peer
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import FrameTransport, LinkHost

__all__ = ["Carrier", "ClientLine"]

log = Logger()


class Carrier(FrameTransport, Protocol):
    """
    A connection, or a held request, that is to carry a session, or does.

    Attributes:
        mayReset: Whether it may carry another session where the server does not know this one any more.
    """

    mayReset: bool

    @property
    def via(self) -> str | None:
        """As a HELLO has it: "stream", "sse" or "poll" for an HTTP request; None if it goes both ways."""

    @property
    def kind(self) -> str:
        """What a peer's `transport` says."""

    @property
    def address(self) -> str | None:
        """The other end; None: on this machine."""

    def drivenBy(self, driver: SessionDriver) -> None:
        """It carries *driver*'s session from now on."""

    def opened(self, peer: Peer) -> None:
        """The server has welcomed it, and is *peer*."""

    def sessionClosed(self, code: str, reason: str) -> None:
        """It is going to end, as the session, or this connection of it, is over."""

    def notWelcome(self, problem: str) -> None:
        """It will not carry the session, and is to end."""

    def displaced(self) -> None:
        """Another has said HELLO after it: whether it will carry the session depends on that."""


class ClientLine:
    """
    Args:
        host: The node whose session it is.
        onSession: Called each time that the session was resumed, or reset.
        onClosed: Called once when it is over, with one of `CloseCode`'s words and a sentence.

    Attributes:
        driver: The session's.
    """

    def __init__(
        self,
        host: LinkHost,
        *,
        onSession: Callable[[Resumed | Reset], object],
        onClosed: Callable[[str, str], object],
    ) -> None:
        self._host = host
        self._onSession = onSession
        self._onClosed = onClosed
        self._carrier: Carrier | None = None
        self._isTold = False  # whether the carrier knows that it is welcome
        self._candidates: dict[Carrier, DelayedCall] = {}
        self._session = ClientSession(
            uuid=host.uuid, name=host.name, limits=host.limits, now=host.clock.seconds()
        )
        self.driver = SessionDriver(
            self._session,
            host,
            kind="",
            address="local",
            onOpened=self._opened,
            onSession=self._sessionOn,
            onBroken=self._broken,
            onClosed=self._closed,
        )

    @property
    def sessionId(self) -> str:
        """The session's public id; empty before the first."""
        return self._session.id

    @property
    def sendFrame(self) -> bytes:
        """What the body of a POST that only sends begins with."""
        return self._session.sendFrame()

    def close(self, reason: str) -> None:
        """End the session, on both ends if something carries it."""
        self.driver.close(CloseCode.NORMAL.value, reason)

    # ---- what its carriers tell

    def hello(self, carrier: Carrier, wait: float | None = None) -> bytes:
        """
        What *carrier* has to say first. One that has said so before, and has no answer yet, is displaced.

        Args:
            wait: Seconds that the answer to a poll may take.
        """
        patience = self._host.limits.helloTimeout + (wait or 0)
        for other in tuple(self._candidates):
            self._forget(other)
            if other is not carrier:
                other.displaced()
        self._candidates[carrier] = self._host.wheel.callLater(patience, self._late, carrier, patience)
        return self._session.helloFrame(carrier.via, wait)

    def received(self, carrier: Carrier, frames: Iterable[bytes]) -> None:
        """
        *frames* came in by *carrier*; what comes by one that carries no session any more is dropped.

        Args:
            frames: Without their lengths; an empty one is a sign of life.
        """
        if carrier not in self._candidates:
            self.driver.framesReceived(frames, carrier)
            return
        rest = deque(frames)
        while rest:
            frame = rest.popleft()
            if frame and frame[0] != Kind.PAD and frame[0] < 0x80:
                self._answered(carrier, frame)
                self.driver.framesReceived(rest, carrier)
                return

    def cut(self, carrier: Carrier, error: VortexError) -> None:
        """What comes by *carrier* is of no use. What is too long would come again: it ends the session."""
        mayEnd = carrier is self._carrier or (carrier in self._candidates and carrier.mayReset)
        if isinstance(error, LimitExceeded) and mayEnd:
            self.driver.close(CloseCode.LIMIT.value, str(error))
        elif carrier in self._candidates:
            self._forget(carrier)
            carrier.notWelcome(str(error))
        else:
            self.driver.cut(carrier, CloseCode.PROTOCOL.value, str(error))

    def cannotPass(self, frame: bytes, error: VortexError) -> bytes | None:
        """
        *frame*, a whole one, does not get through to the server: whoever waits for an answer gets *error*.

        Returns:
            What to write in its place; None if there is nothing.
        """
        _, at = readVarint(frame, 0)
        if frame[at] != Kind.ACTION:
            return None
        instead = self._session.cannotPass(readVarint(frame, at + 1)[0], error)
        if instead is not None:
            log.warn("{error}", error=str(error))
            self.driver.framesReceived(())  # there is something to tell
        return instead

    def lost(self, carrier: Carrier, reason: str) -> None:
        """*carrier* is gone."""
        self._forget(carrier)
        if carrier is self._carrier:
            self._carrier = None
            self.driver.transportLost(carrier, reason)

    @property
    def isGreeting(self) -> bool:
        """Whether a HELLO has no answer yet."""
        return bool(self._candidates)

    @property
    def isCarried(self) -> bool:
        """Whether anything carries the session now."""
        return self._carrier is not None

    def isCarriedBy(self, carrier: Carrier) -> bool:
        """Whether the session is *carrier*'s now."""
        return carrier is self._carrier

    # ---- between them

    def _answered(self, carrier: Carrier, frame: bytes) -> None:
        """The server has answered *carrier*'s HELLO."""
        self._forget(carrier, isAnswered=True)
        problem = self._whyNot(carrier, frame)
        if problem is not None:
            self.driver.look()
            carrier.notWelcome(problem)
            return
        self._carrier = carrier
        self._isTold = False
        self._session.takeOver(carrier.via)
        carrier.drivenBy(self.driver)
        self.driver.attach(carrier, kind=carrier.kind, address=carrier.address or "local")
        self.driver.frameReceived(frame, carrier)
        self._tellCarrier()

    def _whyNot(self, carrier: Carrier, frame: bytes) -> str | None:
        """Why *carrier* may not take over, with that answer; None if it may."""
        try:
            said = readJson(frame, self._host.limits)
        except VortexError as error:
            return f"expected a WELCOME: {error}"
        if frame[0] == Kind.WELCOME and said.get("outcome") == "resumed":
            gen = said.get("gen")
            isOlder = (
                said.get("session") == self._session.id and type(gen) is int and gen <= self._session.gen
            )
            return "a newer connection carries the session" if isOlder else None
        if carrier.mayReset or self._session.state is State.CONNECTING:
            return None
        return f"the session does not go on there: {said.get('reason')!s:.200}"

    def _late(self, carrier: Carrier, patience: float) -> None:
        self._forget(carrier)
        carrier.notWelcome(f"the other end did not say who it is within {patience:g} s")

    def _forget(self, carrier: Carrier, *, isAnswered: bool = False) -> None:
        timer = self._candidates.pop(carrier, None)
        if timer is not None:
            timer.cancel()
            if not self._candidates:
                self._session.giveUp()
                if not isAnswered:
                    self.driver.look()  # the server may wait for what is acknowledged with it

    # ---- what the driver tells

    def _opened(self, _peer: Peer) -> None:
        self._tellCarrier()

    def _sessionOn(self, event: Resumed | Reset) -> None:
        self._tellCarrier()
        self._onSession(event)

    def _tellCarrier(self) -> None:
        carrier, peer = self._carrier, self.driver.peer
        if carrier is not None and peer is not None and not self._isTold:
            self._isTold = True
            carrier.opened(peer)

    def _broken(self, code: str, reason: str) -> None:
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            said, _, text = reason.partition(": ")
            if code == CloseCode.LOST.value and said == CloseCode.REFUSED.value:
                code, reason = said, text  # for now: there was no room
            carrier.sessionClosed(code, reason)

    def _closed(self, code: str, reason: str) -> None:
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.sessionClosed(code, reason)
        for candidate in tuple(self._candidates):
            self._forget(candidate)
            candidate.notWelcome(reason)
        self._onClosed(code, reason)
