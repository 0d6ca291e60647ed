"""
A proxy on this process's reactor that ends connections when so many bytes have gone through it.

What came up to there is passed on, and no byte more; then both ends of that connection are reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["Cutter", "Way"]

reactor: Any = installed

Way = Literal["up", "down"]


class Cutter(Factory):
    """
    Args:
        target: Where connections are passed on to.
        places: Where to cut: which way, and after how many more bytes that go that way, one after the other.

    Attributes:
        cuts: How often it has cut.
        isSilent: Whether nothing is passed on, though every connection stays; see `speak`.
        drip: Seconds between two bytes that are passed on to who connects; 0: they go as they come.
    """

    noisy = False

    def __init__(self, target: IStreamClientEndpoint, places: Iterator[tuple[Way, int]]) -> None:
        self.cuts = 0
        self.isSilent = False
        self.drip = 0.0
        self.target = target
        self._places = places
        self._next: tuple[Way, int] | None = None
        self._port: IListeningPort | None = None
        self._halves: set[Half] = set()

    async def listen(self, endpoint: IStreamServerEndpoint) -> Any:
        """Begin to pass on what comes to *endpoint*; its address."""
        self._port = await endpoint.listen(self)
        return self._port.getHost()

    def begin(self) -> None:
        """Cut from now on."""
        self._next = next(self._places, None)

    def speak(self) -> None:
        """Pass on what has come while it was silent, and what comes."""
        self.isSilent = False
        for half in list(self._halves):
            held, half.held = half.held, b""
            if held:
                half.dataReceived(held)

    async def close(self) -> None:
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        for half in list(self._halves):
            half.abort()

    def buildProtocol(self, addr: object) -> Protocol:
        return Half(self, "up")

    def allowed(self, way: Way, size: int) -> int:
        """How many of *size* bytes may pass that way before the cut."""
        if self._next is None or self._next[0] != way:
            return size
        left = self._next[1] - size
        if left > 0:
            self._next = (way, left)
            return size
        allowed = self._next[1]
        self.cuts += 1
        self._next = next(self._places, None)
        return allowed - 1  # the byte that it is about is lost


class Half(Protocol):
    """One end of a connection: "up" faces who connects, "down" what it is passed on to."""

    transport: Any

    def __init__(self, cutter: Cutter, way: Way) -> None:
        self._cutter = cutter
        self._way = way
        self.held = self._dripping = b""
        self.other: Half | None = None
        self.isOver = False

    def connectionMade(self) -> None:
        self._cutter._halves.add(self)
        if self._way == "up":
            self.transport.pauseProducing()
            other = self.other = Half(self._cutter, "down")
            other.other = self
            factory = Factory.forProtocol(lambda: other)
            factory.noisy = False
            connecting: Deferred[Any] = self._cutter.target.connect(factory)
            connecting.addErrback(lambda _: self.abort())
        elif self.other is None or self.other.isOver:
            self.abort()
        else:
            self.transport.registerProducer(self.other.transport, True)
            self.other.transport.registerProducer(self.transport, True)
            self.other.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        assert self.other is not None
        if self._cutter.isSilent:
            self.held += data
            return
        if self._cutter.drip and self._way == "down":
            self._dripping += data
            if len(self._dripping) == len(data):
                self._passOne()
            return
        allowed = self._cutter.allowed(self._way, len(data))
        self.other.transport.write(data[:allowed])
        if allowed < len(data):
            self.other.flushAndAbort()
            self.abort()

    def _passOne(self) -> None:
        """Pass on one byte, and the next a while later."""
        if self._dripping and self.other is not None and not self.other.isOver:
            self.other.transport.write(self._dripping[:1])
            self._dripping = self._dripping[1:]
            reactor.callLater(self._cutter.drip, self._passOne)

    def flushAndAbort(self) -> None:
        """End it, after what was written."""
        self.isOver = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cutter._halves.discard(self)
        self.isOver = True
        if self.other is not None and not self.other.isOver and self.other.transport is not None:
            self.other.flushAndAbort()

    def abort(self) -> None:
        self.isOver = True
        if self.transport is not None:
            self.transport.abortConnection()
