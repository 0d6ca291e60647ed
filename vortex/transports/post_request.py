"""
One POST of ours: its connection, its request, and the response that is held open.

`vortex.transports.post_client` makes one after another of them; here none knows of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol as Interface

from twisted.internet import error as errors
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IConsumer, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from vortex.clocks import Clock
from vortex.errors import VortexError
from vortex.transports.header_texts import headerText
from vortex.transports.http_answer import MAX_TEXT, NoHttp, answerError, wholeLine
from vortex.transports.strangers import BEGINNING, notHttp

__all__ = ["FrameDecoder", "PostRequest", "PostWatcher"]

TOLD_HEADERS = ("Content-Type", "Location")


class PostWatcher(Interface):
    """Who makes POSTs."""

    def answered(self, post: PostRequest, response: IResponse) -> None:
        """A vortex has begun its response; `PostRequest.read` it."""

    def frames(self, frames: list[bytes]) -> None:
        """They came in a response; an empty list is a part of one."""

    def broken(self, error: VortexError) -> None:
        """What comes in a response is over a limit, or is no frames; nothing more of it is read."""

    def ended(self, post: PostRequest, failure: Failure | None) -> None:
        """The response has come to its end, or has broken."""

    def refused(self, post: PostRequest) -> None:
        """Somebody else has answered, or a vortex that lets nobody in: see `PostRequest.refusal`."""

    def notAnswered(self, post: PostRequest, failure: Failure) -> None:
        """There is no response, and will be none."""

    def gone(self, post: PostRequest) -> None:
        """Nothing is left of it. The last call, after one of the three before."""


class FrameDecoder(Interface):
    """Takes a response apart into frames."""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that end in *data*; raises `VortexError` if it is no good."""


class PostRequest(Protocol):
    """
    Args:
        decoder: Takes the response apart.

    Attributes:
        address: The IP address of the other end, once connected.
    """

    def __init__(self, watcher: PostWatcher, decoder: FrameDecoder) -> None:
        self.address = "local"
        self._watcher = watcher
        self._decoder = decoder
        self._connection: _Connection | None = None
        self._response: IResponse | None = None
        self._isGone = False
        self._refused = False
        self._text = b""
        self._noHttp: Failure | None = None
        self._asked: Deferred[Any]

    def begin(
        self,
        clock: Clock,
        url: str,
        endpointOf: Callable[[str], IStreamClientEndpoint],
        headers: Headers,
        body: bytes,
    ) -> None:
        """Connect by what *endpointOf* gives for *url*, and send it."""

        def ask() -> Any:
            agent = Agent.usingEndpointFactory(clock, _Endpoint(endpointOf(url), self))
            return agent.request(b"POST", url.encode("ascii"), headers, _Body(body) if body else None)

        self._asked = maybeDeferred(ask)
        self._asked.addCallbacks(self._headCame, self._notAnswered)

    def read(self) -> None:
        """Take the response as it comes."""
        assert self._response is not None
        self._response.deliverBody(self)

    def abort(self) -> None:
        """Let go of it at once, whatever it is doing."""
        if self._isGone:  # of what TLS has closed already there is nothing left to abort
            return
        if self._connection is not None:
            self._connection.abortConnection()
        else:
            self._asked.cancel()

    @property
    def status(self) -> int:
        """Of the answer; 0 while there is none."""
        return 0 if self._response is None else self._response.code

    @property
    def contentType(self) -> str:
        """Of the answer, without its parameters, in small letters."""
        found = None if self._response is None else headerText(self._response.headers, "Content-Type")
        return (found or "").partition(";")[0].strip().lower()

    def refusal(self, where: str) -> VortexError | None:
        """What to tell of the answer, as far as it has come; None unless it is a refusal."""
        response = self._response
        if response is None or not self._refused:
            return None
        headers = {
            name.lower(): text
            for name in TOLD_HEADERS
            if (text := headerText(response.headers, name)) is not None
        }
        return answerError(where, response.code, response.phrase.decode("latin-1"), headers, self._text)

    # ---- the response

    def _headCame(self, response: IResponse) -> None:
        self._response = response
        contentType = headerText(response.headers, "Content-Type") or ""
        if response.code == 200 and "html" not in contentType.lower():
            self._watcher.answered(self, response)
        else:
            self._refused = True
            self.read()

    def _notAnswered(self, failure: Failure) -> None:
        self._watcher.notAnswered(self, _reasonOf(failure) if self._noHttp is None else self._noHttp)
        if self._connection is None:
            self._watcher.gone(self)

    def dataReceived(self, data: bytes) -> None:
        if self._refused:
            self._text = (self._text + data)[:MAX_TEXT]
            if wholeLine(self._text):
                self._watcher.refused(self)
            return
        try:
            frames = self._decoder.feed(data)
        except VortexError as error:
            self._watcher.broken(error)
        else:
            self._watcher.frames(frames)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._refused:
            self._watcher.refused(self)
        elif reason.check(ResponseDone, PotentialDataLoss):
            self._watcher.ended(self, None)
        else:
            self._watcher.ended(self, _reasonOf(reason))

    # ---- the connection

    def connectionThere(self, connection: _Connection) -> None:
        """For the connection: it is there."""
        self._connection = connection
        self.address = getattr(connection.getPeer(), "host", self.address)

    def answeredByStranger(self, problem: str) -> None:
        """For the connection: what comes is no HTTP; *problem* says what instead."""
        self._noHttp = Failure(NoHttp(problem))
        self.abort()

    def connectionGone(self) -> None:
        """For the connection: it is gone."""
        self._isGone = True
        self._watcher.gone(self)


class _Connection(ProtocolWrapper):
    """Stands between a connection and the Agent's protocol, which tells nobody when it is gone."""

    factory: _Connections
    _beginning: bytes | None = b""  # until it is known to be HTTP

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(transport)
        self.factory.post.connectionThere(self)

    def dataReceived(self, data: bytes) -> None:
        if self._beginning is not None:
            self._beginning += data[:MAX_TEXT]
            problem = notHttp(self._beginning)
            if problem is not None:
                self.factory.post.answeredByStranger(problem)
                return
            if len(self._beginning) >= BEGINNING:
                self._beginning = None
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.factory.post.connectionGone()


class _Connections(WrappingFactory[_Connection]):
    protocol = _Connection
    noisy = False

    def __init__(self, factory: Any, post: PostRequest) -> None:
        factory.noisy = False
        super().__init__(factory)
        self.post = post


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Endpoint:
    """An endpoint for one POST's Agent."""

    def __init__(self, endpoint: IStreamClientEndpoint, post: PostRequest) -> None:
        self._endpoint = endpoint
        self._post = post

    def endpointForURI(self, uri: object) -> IStreamClientEndpoint:
        return self

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        connecting: Deferred[Any] = self._endpoint.connect(_Connections(factory, self._post))
        return connecting.addCallback(self._inside)

    def _inside(self, connection: Any) -> IProtocol:
        protocol: IProtocol | None = connection.wrappedProtocol
        if protocol is None:
            raise errors.ConnectionLost("it was gone before it was used")
        return protocol


@implementer(IBodyProducer)
class _Body:
    """A request's body, written at once."""

    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


def _reasonOf(failure: Failure) -> Failure:
    """What twisted.web has wrapped: of a connection that broke it tells a list of reasons."""
    reasons = getattr(failure.value, "reasons", None)
    return _reasonOf(reasons[0]) if reasons and isinstance(reasons[0], Failure) else failure
