"""
Streams that others make to us: whom it is, and whether to let it in, comes before anything else.

Which wire it speaks is told by its first bytes; nothing is written to it before they are there.
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
from vortex.protocol.native import PREAMBLE
from vortex.protocol.payload import Payload
from vortex.transports.credentials import unixCredentials
from vortex.transports.native_line import NativeLine, refusalFrame
from vortex.transports.session_driver import SessionDriver
from vortex.transports.stream import Stream
from vortex.transports.tls import peerCertificateOf
from vortex.transports.tls_words import isTlsError, tlsError
from vortex.transports.transport import LinkHost

__all__ = ["StreamFactory"]

log = Logger()


class StreamFactory(Factory):
    """
    Takes connections for *host*.

    Attributes:
        streams: All that are there.
        waiting: Those that have not said yet who they are; *waitingFrom* counts them by their addresses.
    """

    noisy = False

    def __init__(self, host: LinkHost) -> None:
        self.host = host
        self.streams: set[_Accepted] = set()
        self.waiting: set[_Accepted] = set()
        self.waitingFrom: Counter[str] = Counter()
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

    def isThere(self, stream: _Accepted) -> None:
        """*stream* is connected, and nobody's yet."""
        self.streams.add(stream)
        self.waiting.add(stream)
        self.waitingFrom[stream.comesFrom] += 1

    def isKnown(self, stream: _Accepted) -> None:
        """*stream* has said who it is, or is gone."""
        if stream in self.waiting:
            self.waiting.discard(stream)
            self.waitingFrom[stream.comesFrom] -= 1
            if self.waitingFrom[stream.comesFrom] <= 0:
                del self.waitingFrom[stream.comesFrom]

    def gone(self, stream: _Accepted) -> None:
        """Nothing is left of *stream*."""
        self.isKnown(stream)
        self.streams.discard(stream)
        if self._empty is not None and not self.streams and not self._empty.called:
            self._empty.callback(None)


class _Accepted(Stream):
    """One connection."""

    def __init__(self, factory: StreamFactory) -> None:
        super().__init__(factory.host)
        self._factory = factory
        self.comesFrom = ""
        self._early = b""
        self._line: NativeLine | None = None
        self._admission: Deferred[Any] | None = None
        self._verdict: Principal | VortexError | None = None
        self._isDecided = False
        self._since = 0.0
        self._deadline: DelayedCall | None = None

    # ---- Twisted's side

    def connectionMade(self) -> None:
        self.comesFrom = self.address or "local"
        self._factory.isThere(self)
        # TLS has so long to be there, then who it is, and then it has to say its name.
        self._deadline = self._host.wheel.callLater(self._host.limits.helloTimeout, self._noTls)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.isEnding:
            return
        if self._line is not None:
            self._line.received(data)
            if self._line.driver is not None:
                self._factory.isKnown(self)
            return
        if self._driver is None:
            self._early += data  # no more than was read at once: see begin
            self._meet()
            return
        if self._driver.peer is None:
            # As many as are let in may have come, and not said yet who they are.
            full = self._host.refusal(self.comesFrom)
            if full is not None:
                self._refuse(NotConnected(full))
        super().dataReceived(data)
        if self._driver.peer is not None:
            self._factory.isKnown(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._early = b""
        self._cancelDeadline()
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.cancel()
        if self._line is not None:
            self._line.lost(reason.getErrorMessage())
        if self._driver is None and isTlsError(reason.value):
            assert reason.value is not None
            log.info("{error}", error=tlsError(reason.value, self.comesFrom, ofServer=False))
        self._factory.gone(self)

    # ---- who it is

    def begin(self) -> None:
        self._cancelDeadline()
        full = self._tooMany()
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
        self._admission.addCallbacks(self._decided, self._notAdmitted)

    def _noTls(self) -> None:
        self._deadline = None
        self._host.counters["silent"] += 1
        self.abort()

    def _tooMany(self) -> str | None:
        """Why nobody who has not said who it is may come in now."""
        factory, limits = self._factory, self._host.limits
        if len(factory.waiting) > limits.maxPeers:
            return f"this vortex has {limits.maxPeers} connections (maxPeers)"
        perAddress = limits.maxPeersPerAddress
        if perAddress is not None and factory.waitingFrom[self.comesFrom] > perAddress:
            return f"this vortex has {perAddress} connections from this address (maxPeersPerAddress)"
        return None

    def _notAdmitted(self, failure: Failure) -> None:
        error = failure.value
        self._decided(error if isinstance(error, VortexError) else AccessDenied("this is not for you"))

    def _decided(self, verdict: Principal | VortexError | None) -> None:
        self._admission = None
        if self.isLost or self.isEnding:
            return
        self._isDecided = True
        self._since = self._host.clock.seconds()
        self._verdict = verdict
        self._deadline = self._host.wheel.callLater(self._host.limits.helloTimeout, self._silent)
        self._meet()
        self._readOn()

    def _meet(self) -> None:
        """Let it in, or say why not, once both is known: who it is, and which wire it speaks."""
        early = self._early
        isBeginning = len(early) < len(PREAMBLE) and PREAMBLE.startswith(early)
        if not self._isDecided or isBeginning:
            return
        self._cancelDeadline()
        self._early = b""
        isNative = early.startswith(PREAMBLE)
        verdict = self._verdict
        if isinstance(verdict, VortexError):
            self._refuse(verdict, isNative=isNative)
            return
        waited = self._host.clock.seconds() - self._since
        if isNative:
            self.transport.registerProducer(self, True)
            self._line = NativeLine(
                self._host,
                self,
                kind=self.kind,
                address=self.comesFrom,
                principal=verdict,
                waited=waited,
            )
            self.dataReceived(early[len(PREAMBLE) :])
            return
        full = self._host.refusal(self.comesFrom)
        if full is not None:
            self._refuse(NotConnected(full))
            return
        driver = SessionDriver(
            self.session(waited), self._host, kind=self.kind, address=self.comesFrom, principal=verdict
        )
        self.carry(driver)
        self.dataReceived(early)

    def holdReading(self) -> None:
        """For its line: read nothing more, until `readOn`."""
        self.transport.pauseProducing()

    def readOn(self) -> None:
        """For its line: read again."""
        self._readOn()

    def close(self, code: str, reason: str) -> None:
        wasEnding = self.isEnding
        super().close(code, reason)
        if not wasEnding and self._line is not None:
            self._readOn()

    def end(self, code: CloseCode, reason: str) -> None:
        if self._line is None:
            super().end(code, reason)
        else:
            self._line.end(code, reason)

    def _silent(self) -> None:
        self._deadline = None
        if isinstance(self._verdict, VortexError):
            self._refuse(self._verdict)
        else:
            self._host.counters["silent"] += 1
            self.end(CloseCode.SILENT, "it did not say who it is")

    def _refuse(self, error: VortexError, *, isNative: bool = False) -> None:
        """Say why, and hang up."""
        if self.isLost or self.isEnding:
            return
        if isinstance(error, NotConnected):
            self._host.counters["refused"] += 1
        if isNative:
            self.transport.write(refusalFrame(error))
        else:
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
