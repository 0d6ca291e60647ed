"""
WireChoice: which wire an outgoing connection speaks at its next attempt.
"""

from __future__ import annotations

from typing import Literal

from vortex.errors import VortexError
from vortex.transports.dial import HungUp, NotNative

__all__ = ["WIRES", "Wire", "WireChoice"]

Wire = Literal["auto", "native", "vortexpy"]

WIRES: tuple[Wire, ...] = ("auto", "native", "vortexpy")


class WireChoice:
    """
    Args:
        wire: "auto" is the native one, and VortexPY's where over HTTP the other end has only that.
        isHttp: Whether the connection begins with a request, by whose answer that shows.

    Attributes:
        isNative: Whether the next attempt is one on the native wire.
    """

    def __init__(self, wire: Wire, isHttp: bool) -> None:
        self.isNative = wire != "vortexpy"
        self._isOpenToOther = wire == "auto" and isHttp
        self._hasHungUp = False

    def worked(self) -> None:
        """It was open on that wire, and stays on it."""
        self._isOpenToOther = False

    def failed(self, error: VortexError) -> bool:
        """
        The attempt came to nothing; returns whether to make another at once: on the other wire, or, where the
        line may only have been cut, on this one again.
        """
        if not self._isOpenToOther:
            return False
        if self.isNative and isinstance(error, HungUp) and not self._hasHungUp:
            self._hasHungUp = True
            return True
        self._hasHungUp = False
        self.isNative = not (self.isNative and isinstance(error, NotNative))
        return not self.isNative
