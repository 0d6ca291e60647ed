"""
VortexSite: a `twisted.web` site that bounds what a request may cost before it is whole.

twisted.web hands a request to its resource when the body is there, so a resource
cannot refuse one that never ends. This site can: a slow header, a body that
trickles and a body over the limit are answered and cut where they come in.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from vortex.limits import Limits
from vortex.transports.direct_write import unwritten
from vortex.transports.strangers import isNoRequest

__all__ = ["VortexSite", "bodySince"]


def bodySince(request: Request, unknown: float) -> float:
    """When the head of *request* was there, in seconds on its site's clock; *unknown* of another site's."""
    channel: object = request.channel
    return channel.bodySince if isinstance(channel, _BoundedChannel) else unknown


class _BoundedChannel(HTTPChannel):
    """An HTTP/1.1 connection with a clock on the header and on the body."""

    limits = Limits()
    counters: Counter[str]
    _deadline: IDelayedCall | None = None
    _bodyBytes = 0
    bodySince = 0.0
    _refused = False
    _isFirst = True

    def connectionMade(self) -> None:
        super().connectionMade()
        self._watch(self.limits.headerTimeout, self._headerLate)

    def dataReceived(self, data: bytes) -> None:
        if self._isFirst:
            self._isFirst = False
            if isNoRequest(data):
                self._refuse(b"400 Bad Request", "malformed")
        if not self._refused:
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self._refused:
            return
        if self._deadline is None:  # the next request on a connection that is kept
            self._watch(self.limits.headerTimeout, self._headerLate)
        super().lineReceived(line)

    def allHeadersReceived(self) -> None:
        self._unwatch()
        super().allHeadersReceived()
        if self.length != 0:
            self._bodyBytes = 0
            self.bodySince = self._seconds()
            self._watch(self.limits.bodyGrace, self._bodyLate)
            if self.length is not None and self.length > self.limits.maxBody:
                self._refuse(b"413 Content Too Large", "refused")

    def rawDataReceived(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._handlingRequest:
            self._bodyBytes += len(data)
            if self._bodyBytes > self.limits.maxBody:
                self._refuse(b"413 Content Too Large", "refused")
                return
        super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        self._unwatch()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._unwatch()
        super().connectionLost(reason)

    def loseConnection(self) -> None:
        """For Twisted: hang up, when what was written has been read."""
        super().loseConnection()
        self._unwatch()
        self._giveTime(unwritten(self.transport))

    def _giveTime(self, left: int | None) -> None:
        if left:
            self._watch(self.limits.writeStall, partial(self._stalled, left))

    def _stalled(self, before: int) -> None:
        """Give up a connection whose other end reads nothing: it could hold it for as long as it likes."""
        self._deadline = None
        left = unwritten(self.transport)
        if left is not None and left < before:
            self._giveTime(left)
        else:
            self.counters["slow"] += 1
            transport: Any = self.transport
            transport.abortConnection()

    def _headerLate(self) -> None:
        self._deadline = None
        if self.requests or self._receivedHeaderSize:
            self._refuse(b"408 Request Timeout", "late")
        else:
            self.loseConnection()

    def _bodyLate(self) -> None:
        """Cut a body that is slower than it may be; else look again when it would be."""
        self._deadline = None
        mayTake = self.limits.bodyGrace + self._bodyBytes / self.limits.bodyMinRate
        left = self.bodySince + mayTake - self._seconds()
        if left > 0:
            self._watch(left, self._bodyLate)
        else:
            self._refuse(b"408 Request Timeout", "late")

    def _refuse(self, status: bytes, counter: str) -> None:
        """Answer instead of the resource, which never sees this request, and hang up."""
        self._unwatch()
        self.counters[counter] += 1
        self._refused = True
        self.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.loseConnection()

    def _seconds(self) -> float:
        seconds: float = self.factory.reactor.seconds()
        return seconds

    def _watch(self, delay: float, late: object) -> None:
        self._deadline = self.factory.reactor.callLater(delay, late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None


class VortexSite(Site):
    """
    A site with `Limits` on every request: header time, body rate, body size.

    Args:
        resource: The root resource.
        limits: `headerTimeout`, `bodyGrace`, `bodyMinRate`, `maxBody` and `writeStall` count here.
        counters: Where it is counted what was answered before any resource has seen it, "late", "refused" and
            "malformed", and whose answers were not read, "slow": a node's, or None for some of its own.

    Attributes:
        counters: As given.
    """

    def __init__(
        self,
        resource: IResource,
        limits: Limits | None = None,
        *,
        counters: Counter[str] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(resource, **kwargs)
        self.counters: Counter[str] = Counter() if counters is None else counters
        self._limits = limits or Limits()
        self.protocol = self._makeChannel  # type: ignore[method-assign, assignment]

    def _makeChannel(self) -> _BoundedChannel:
        channel = _BoundedChannel()
        channel.limits = self._limits
        channel.counters = self.counters
        return channel
