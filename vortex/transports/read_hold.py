"""
ReadHold: a connection on VortexPY's wire is not read while too much of what it has brought waits.

What is not read waits at the other end, which TCP tells. On our own wire `vortex.transports.native_line` does
the same.
"""

from __future__ import annotations

from collections.abc import Callable

from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import FrameTransport, LinkHost

__all__ = ["LOOK", "ReadHold"]

LOOK = 0.1
"""Seconds after which it is looked whether less waits."""


class ReadHold:
    """
    Args:
        transport: What carries *driver*'s session.
        hold: Called to have nothing more read.
        readOn: Called to have it read again.
    """

    def __init__(
        self,
        host: LinkHost,
        driver: SessionDriver,
        transport: FrameTransport,
        hold: Callable[[], object],
        readOn: Callable[[], object],
    ) -> None:
        self._host = host
        self._driver = driver
        self._transport = transport
        self._hold = hold
        self._readOn = readOn
        self._isHeld = False

    def check(self) -> None:
        """Something came in."""
        if self._driver.isFull and not self._isHeld:
            self._isHeld = True
            self._host.counters["held"] += 1
            self._hold()
            self._host.wheel.callLater(LOOK, self._look)

    def _look(self) -> None:
        if not self._driver.carries(self._transport):  # it is being closed, or gone
            return
        # It is not silent: it is not listened to.
        self._driver.frameReceived(b"", self._transport)
        if self._driver.isFull:
            self._host.wheel.callLater(LOOK, self._look)
        elif self._driver.carries(self._transport):
            self._isHeld = False
            self._readOn()
