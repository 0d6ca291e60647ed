"""
Streams that others make to us: whom it is, and whether to let it in, comes before anything else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from vortex.access.principal import Credentials, Principal
from vortex.clocks import DelayedCall
from vortex.errors import AccessDenied, NotConnected, VortexError, errorText
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.framing import Framing
from vortex.protocol.payload import Payload
from vortex.transports.credentials import unixCredentials
from vortex.transports.session_driver import SessionDriver
from vortex.transports.stream import Stream
from vortex.transports.tls import peerCertificateOf
from vortex.transports.tls_words import isTlsError, tlsError
from vortex.transports.transport import LinkHost

__all__ = ["StreamFactory"]

log = Logger()


class StreamFactory(Factory):
    """Takes connections for *host*."""

    noisy = False

    def __init__(self, host: LinkHost) -> None:
        self.host = host
        self.streams: set[_Accepted] = set()
        self.perAddress: Counter[str] = Counter()
        self._empty: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Accepted(self)

    def close(self, reason: str) -> Deferred[None]:
        """End all connections in order; fires when none is left."""
        if self.streams and self._empty is None:
            self._empty = Deferred()
            for stream in tuple(self.streams):
                stream.end(CloseCode.SHUTDOWN, reason)
        return succeed(None) if self._empty is None else self._empty

    def gone(self, stream: _Accepted) -> None:
        """Nothing is left of *stream*."""
        self.streams.discard(stream)
        self.perAddress[stream.comesFrom] -= 1
        if self.perAddress[stream.comesFrom] <= 0:
            del self.perAddress[stream.comesFrom]
        if self._empty is not None and not self.streams and not self._empty.called:
            self._empty.callback(None)


class _Accepted(Stream):
    """One connection."""

    def __init__(self, factory: StreamFactory) -> None:
        super().__init__(factory.host)
        self._factory = factory
        self.comesFrom = ""
        self._early = b""
        self._admission: Deferred[Any] | None = None
        self._deadline: DelayedCall | None = None

    # ---- Twisted's side

    def connectionMade(self) -> None:
        self.comesFrom = self.address or "local"
        self._factory.streams.add(self)
        self._factory.perAddress[self.comesFrom] += 1
        # TLS has so long to be there, then who it is, and then it has to say its name.
        self._deadline = self._host.wheel.callLater(self._host.limits.helloTimeout, self.abort)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self._driver is None and not self.isEnding:
            self._early += data  # no more than was read at once: see begin
            return
        if self._driver is not None and self._driver.peer is None:
            # As many as are let in may have come, and not said yet who they are.
            full = self._host.refusal(self.comesFrom)
            if full is not None:
                self._refuse(NotConnected(full))
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._early = b""
        self._cancelDeadline()
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.cancel()
        if self._driver is None and isTlsError(reason.value):
            assert reason.value is not None
            log.info("{error}", error=tlsError(reason.value, self.comesFrom, ofServer=False))
        self._factory.gone(self)

    # ---- who it is

    def begin(self) -> None:
        self._cancelDeadline()
        full = self._host.refusal(self.comesFrom)
        limits = self._host.limits
        if full is None and len(self._factory.streams) > limits.maxPeers:
            full = f"this vortex has {limits.maxPeers} connections (maxPeers)"
        perAddress = limits.maxPeersPerAddress
        if full is None and perAddress is not None and self._factory.perAddress[self.comesFrom] > perAddress:
            full = f"this vortex has {perAddress} connections from this address (maxPeersPerAddress)"
        if full is not None:
            self._refuse(NotConnected(full))
            return
        credentials = Credentials(
            address=self.address,
            peerCertificate=peerCertificateOf(self.transport),
            unixCredentials=unixCredentials(self.transport),
        )
        self.transport.pauseProducing()
        self._admission = self._host.admit(credentials)
        self._admission.addCallbacks(self._admitted, self._notAdmitted)

    def _admitted(self, principal: Principal | None) -> None:
        self._admission = None
        if self.isLost or self.isEnding:
            return
        driver = SessionDriver(
            self.session(), self._host, kind=self.kind, address=self.comesFrom, principal=principal
        )
        self.carry(driver)
        early, self._early = self._early, b""
        if early:
            self.dataReceived(early)
        self._readOn()

    def _notAdmitted(self, failure: Failure) -> None:
        self._admission = None
        error = failure.value
        self._refuse(error if isinstance(error, VortexError) else AccessDenied("this is not for you"))

    def _refuse(self, error: VortexError) -> None:
        """Say why, and hang up."""
        if self.isLost or self.isEnding:
            return
        message = Message(Payload(result=errorText(error)), isReply=True)
        self.transport.write(Framing.STREAM.frame(message, Form.UNIVERSAL))
        self.end(CloseCode.REFUSED, str(error))
        self._readOn()

    def _readOn(self) -> None:
        """Whoever does not read does not learn that the other end has hung up."""
        if not self.isLost:
            self.transport.resumeProducing()

    def _cancelDeadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
