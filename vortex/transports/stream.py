"""
Streams: TCP, TLS and Unix sockets as a `FrameTransport`, in both directions.

There is no URL that says who is there: each end's hello does. Frames end in a dot.
"""

from __future__ import annotations

import errno
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IHandshakeListener, ISSLTransport, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from vortex.access.principal import Credentials, Principal
from vortex.clocks import DelayedCall
from vortex.errors import AccessDenied, AddressInUse, LimitExceeded, NotConnected, VortexError, errorText
from vortex.protocol.codes import CloseCode
from vortex.protocol.envelope import Form, Message
from vortex.protocol.framing import DotDecoder, Framing
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.backpressure import DrivenProducer
from vortex.transports.credentials import ipOf, unixCredentials
from vortex.transports.dial import LinkWatcher, cannotConnect, endOfSession
from vortex.transports.session_driver import SessionDriver
from vortex.transports.tls import peerCertificate
from vortex.transports.transport import LinkHost

__all__ = ["StreamFactory", "cannotListen", "dialStream"]

CLOSE_TIMEOUT = 2.0
"""Seconds the other end has to take what was written before its connection is dropped."""

MAX_EARLY_FRAMES = 64
"""Frames that may come in while it is found out who somebody is."""


@implementer(IHandshakeListener)
class _Stream(DrivenProducer, Protocol):
    """One connection, accepted or made."""

    transport: Any

    def __init__(self, host: LinkHost, kind: str) -> None:
        self._host = host
        self._kind = kind
        self._decoder = DotDecoder(host.limits.maxFrame)
        self._dropping: DelayedCall | None = None
        self._lost = False

    # ---- Twisted's side

    def connectionMade(self) -> None:
        if not ISSLTransport.providedBy(self.transport):
            self.begin()

    def handshakeCompleted(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The other end is there, and has proven that a certificate is its own."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        try:
            frames = self._decoder.feed(data)
        except LimitExceeded as error:
            self.end(CloseCode.LIMIT, str(error))
            return
        for frame in frames:
            self.frameReceived(frame)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if self._dropping is not None:
            self._dropping.cancel()
            self._dropping = None
        if self._driver is not None:
            self._driver.transportLost(self, reason.getErrorMessage())

    # ---- FrameTransport

    def writeFrame(self, frame: bytes) -> None:
        self.transport.write(frame)

    def close(self, code: str, reason: str) -> None:
        if not self._lost and self._dropping is None:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._dropping = self._host.wheel.callLater(CLOSE_TIMEOUT, self._drop)

    def abort(self) -> None:
        if not self._lost:
            self.transport.abortConnection()

    def _drop(self) -> None:
        self._dropping = None
        self.abort()

    # ---- what the two directions share

    def frameReceived(self, frame: bytes) -> None:
        if self._driver is not None:
            self._driver.frameReceived(frame)

    def end(self, code: CloseCode, reason: str) -> None:
        if self._driver is not None:
            self._driver.close(code.value, reason)
        else:
            self.close(code.value, reason)

    def carry(self, driver: SessionDriver) -> None:
        self._driver = driver
        self.transport.registerProducer(self, True)
        driver.attach(self)

    def session(self) -> VortexPySession:
        host, limits = self._host, self._host.limits
        return VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=limits,
            framing=Framing.DOTS,
            now=host.clock.seconds(),
            idle=limits.linkIdle,
            hello=limits.helloTimeout,
        )


class _Accepted(_Stream):
    """One that somebody made to us: who it is comes first."""

    def connectionMade(self) -> None:
        self._early: list[bytes] = []
        super().connectionMade()

    def begin(self) -> None:
        self._address = ipOf(self.transport.getPeer())
        credentials = Credentials(
            address=self._address,
            peerCertificate=peerCertificate(self.transport),
            unixCredentials=unixCredentials(self.transport),
        )
        full = self._host.refusal(self._address or "local")
        if full is not None:
            self._refuse(NotConnected(full))
            return
        self._admission: Deferred[Any] = self._host.admit(credentials)
        self._admission.addCallbacks(self._admitted, self._notAdmitted)

    def frameReceived(self, frame: bytes) -> None:
        if self._driver is not None or self._dropping is not None:
            super().frameReceived(frame)
        elif len(self._early) < MAX_EARLY_FRAMES:
            self._early.append(frame)
        else:
            self._refuse(AccessDenied("too much came before it was clear who this is"))

    def _admitted(self, principal: Principal | None) -> None:
        if self._lost or self._dropping is not None:
            return
        driver = SessionDriver(
            self.session(),
            self._host,
            kind=self._kind,
            address=self._address or "local",
            principal=principal,
        )
        self.carry(driver)
        frames, self._early = self._early, []
        for frame in frames:
            driver.frameReceived(frame)

    def _notAdmitted(self, failure: Failure) -> None:
        error = failure.value
        self._refuse(error if isinstance(error, VortexError) else AccessDenied("this is not for you"))

    def _refuse(self, error: VortexError) -> None:
        if not self._lost and self._dropping is None:
            message = Message(Payload(result=errorText(error)), isReply=True)
            self.transport.write(Framing.DOTS.frame(message, Form.UNIVERSAL))
            self.close(CloseCode.REFUSED.value, str(error))


class _Dialled(_Stream):
    """One that we made."""

    def __init__(self, host: LinkHost, kind: str, dialling: _Dialling) -> None:
        super().__init__(host, kind)
        self._dialling = dialling

    def connectionMade(self) -> None:
        self._dialling.stream = self
        self._handshake = self._host.wheel.callLater(self._host.limits.connectTimeout, self._tooLate)
        super().connectionMade()

    def _tooLate(self) -> None:
        self._dialling.error = NotConnected(f"{self._dialling.where}: no TLS handshake in time")
        self.abort()

    def begin(self) -> None:
        self._handshake.cancel()
        driver = SessionDriver(
            self.session(),
            self._host,
            kind=self._kind,
            address=ipOf(self.transport.getPeer()) or "local",
            onOpened=self._dialling.watcher.linkOpened,
            onClosed=self._dialling.sessionEnded,
        )
        self.carry(driver)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._handshake.cancel()
        super().connectionLost(reason)
        self._dialling.connectionLost(reason)


class _Dialling:
    """From the wish for a link to its end."""

    def __init__(self, watcher: LinkWatcher, where: str) -> None:
        self.watcher = watcher
        self.stream: _Dialled | None = None
        self.connecting: Deferred[Any]
        self.where = where
        self.error: VortexError | None = None

    def close(self, reason: str) -> None:
        if self.stream is None:
            self.connecting.cancel()
        else:
            self.stream.end(CloseCode.NORMAL, reason)

    def sessionEnded(self, code: str, reason: str) -> None:
        self.error = endOfSession(code, reason, self.where)

    def connectionLost(self, reason: Failure) -> None:
        self.watcher.linkEnded(self.error or cannotConnect(reason, self.where))

    def notConnected(self, failure: Failure) -> None:
        self.watcher.linkEnded(cannotConnect(failure, self.where))


class StreamFactory(Factory):
    """
    Takes connections for *host*.

    Args:
        kind: "tcp", "tls" or "unix".
    """

    noisy = False

    def __init__(self, host: LinkHost, kind: str) -> None:
        self._host = host
        self._kind = kind

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Accepted(self._host, self._kind)


def cannotListen(failure: Failure, where: object) -> NoReturn:
    """
    Raises:
        AddressInUse: If something else is at *where*.
        Exception: What *failure* is, if it is something else.
    """
    error = failure.value
    if isinstance(error, CannotListenError) and getattr(error.socketError, "errno", None) == errno.EADDRINUSE:
        raise AddressInUse(f"cannot listen at {where}: something else does; end that, or choose another")
    failure.raiseException()


class _DialFactory(Factory):
    noisy = False

    def __init__(self, host: LinkHost, kind: str, dialling: _Dialling) -> None:
        self._host = host
        self._kind = kind
        self._dialling = dialling

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Dialled(self._host, self._kind, self._dialling)


def dialStream(
    host: LinkHost, endpoint: IStreamClientEndpoint, watcher: LinkWatcher, *, kind: str, where: str
) -> _Dialling:
    """Connect *host* by *endpoint*, and tell *watcher* what comes of it; *where* is for people to read."""
    dialling = _Dialling(watcher, where)
    dialling.connecting = endpoint.connect(_DialFactory(host, kind, dialling))
    dialling.connecting.addErrback(dialling.notConnected)
    return dialling
