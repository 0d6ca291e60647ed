"""
Backpressure: how a full transport holds back the session that writes to it.

Twisted tells a push producer to pause when its buffer is full, and to resume when
that is empty. What waits in between waits in the session's bounded outbox.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from vortex.transports.session_driver import SessionDriver

__all__ = ["DrivenProducer"]


@implementer(IPushProducer)
class DrivenProducer:
    """
    A `FrameTransport` that is its own producer, and passes on what it is told.

    Attributes:
        paused: True while the other end does not take what is written.
    """

    paused = False
    _driver: SessionDriver | None = None

    def drivenBy(self, driver: SessionDriver) -> None:
        """*driver* is told from now on."""
        self._driver = driver

    def pauseProducing(self) -> None:
        """For Twisted: the buffer is full."""
        self.paused = True
        if self._driver is not None:
            self._driver.pauseProducing(self, self.unwritten)

    def resumeProducing(self) -> None:
        """For Twisted: the buffer is empty."""
        self.paused = False
        if self._driver is not None:
            self._driver.resumeProducing(self)

    def unwritten(self) -> int | None:
        """How many bytes of what was written still wait here; None where that is not known."""
        return None

    def writeFrame(self, frame: bytes) -> None:
        """As `FrameTransport` has it."""
        raise NotImplementedError

    def close(self, code: str, reason: str) -> None:
        """As `FrameTransport` has it."""
        raise NotImplementedError

    def abort(self) -> None:
        """As `FrameTransport` has it."""
        raise NotImplementedError

    def stopProducing(self) -> None:
        """For Twisted: the connection is gone. Each transport learns that in its own way."""
