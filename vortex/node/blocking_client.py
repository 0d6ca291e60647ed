"""
BlockingVortexClient: a vortex for programs that have no reactor, or have it in another thread.

    with BlockingVortexClient("http://localhost:8080") as client:
        jobs = client.poll(TupleSelector(name="demo.Job"), observable="demo.jobs")
        client.pushAction(RenameJob(id=7, title="Water the plants"), name="demo.actions")

Each call blocks until it is done. Nothing is heard that was not asked for: who wants to see changes as they
come has a `Vortex`.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from vortex.limits import Limits
from vortex.node.background_sender import BackgroundSender
from vortex.node.blocking_posts import PostWay
from vortex.node.blocking_session import BlockingSession
from vortex.node.blocking_stream import StreamWay
from vortex.node.blocking_way import Way
from vortex.node.link_url import LinkUrl
from vortex.protocol.payload import Payload
from vortex.routing.live_filt import actionFilt, observableFilt
from vortex.tuples.action_tuples import TupleAction
from vortex.tuples.selector import TupleSelector

__all__ = ["BlockingVortexClient"]

_ITS_OWN: Any = object()


class BlockingVortexClient:
    """
    Args:
        url: Where the vortex is: http, https, tcp, tls or unix. By HTTP it is asked with POSTs.
        token: What an authenticator there knows us by, over HTTP.
        timeout: Seconds that a call may take, unless it says otherwise; None: as long as it takes.
        name: What it calls itself.
        tls: For https and tls: what is believed, and shown; None: what the system believes.
        limits: The bounds it holds the server to.

    A connection is made when it is needed, and made again when it was lost: the session goes on, and what was
    asked takes effect once. So a server that is started anew meanwhile only makes a call take longer.

    It may be used in any thread, and in several: their calls take turns. With an installed reactor it has
    nothing to do, and it makes none. In the reactor's thread a call would let everything else there wait:
    that is what a `Vortex` is for. A process that is forked begins a session of its own.

    Raises:
        ValueError: If *url* is none of these, or *token* or *tls* is not for it.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float | None = 30,
        name: str = "blocking client",
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        where = LinkUrl.parse(url)
        limits = limits or Limits()
        self.url = where.text
        self._timeout = timeout
        self._session = BlockingSession(
            _wayTo(where, limits, token, tls),
            where=where.text,
            name=name,
            limits=limits,
            clock=time.monotonic,
        )

    def __repr__(self) -> str:
        return f"<BlockingVortexClient of {self.url}{', closed' if self._session.isClosed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def request(self, payload: Payload, *, timeout: float | None = _ITS_OWN) -> Payload:
        """
        Send *payload*, and return its answer.

        Raises:
            RemoteError: The answer is an error, with the other end's code and text.
            RequestTimeout: No answer came in time; what was asked for may have been done.
            NotConnected: There was no connection in time; or the client is closed.
            AccessDenied: The server does not let us in.
            ConnectionLost: The server has ended the session; what was asked for may have been done.
            EncodeError, LimitExceeded: The payload cannot travel.
        """
        return self._session.ask(payload, self._seconds(timeout))

    def send(self, payload: Payload, *, timeout: float | None = _ITS_OWN) -> None:
        """
        Send *payload*, which has no answer, and return when the server has taken it.

        Raises: As `request`, but for RemoteError. What was not taken in time may arrive still, once.
        """
        self._session.tell(payload, self._seconds(timeout))

    def poll(
        self,
        selector: TupleSelector,
        *,
        observable: str,
        filt: Mapping[str, Any] | None = None,
        timeout: float | None = _ITS_OWN,
    ) -> list[Any]:
        """
        The tuples that *selector* selects now.

        Args:
            observable: The name of the observable that has them.
            filt: Keys of the application's own that it has in its filt.

        Raises: As `request`; and DecodeError, if the tuples cannot be read here.
        """
        if not isinstance(selector, TupleSelector):
            raise TypeError(f"poll takes a TupleSelector, got {selector!r}")
        asked = {**observableFilt(observable, filt), "tupleSelector": selector, "subscribe": False}
        return self.request(Payload(asked), timeout=timeout).tuples

    def pushAction(
        self,
        action: TupleAction,
        *,
        name: str,
        filt: Mapping[str, Any] | None = None,
        timeout: float | None = _ITS_OWN,
    ) -> list[Any]:
        """
        Have *action* carried out, and return the tuples of the answer.

        Args:
            name: Of the processor.
            filt: Keys of the application's own that it has in its filt.

        Raises: As `poll`. To push the same action again is safe: it takes effect once for as long as the
            processor remembers it.
        """
        if not isinstance(action, TupleAction):
            raise TypeError(f"pushAction takes an action, derived from TupleAction, got {action!r}")
        return self.request(Payload(actionFilt(name, filt), [action]), timeout=timeout).tuples

    def sender(self, filt: Mapping[str, Any], **options: Any) -> BackgroundSender[Any]:
        """
        What sends tuples in the background: those that are given to it in a short time are one payload.

        Args:
            filt: Of the payloads.
            options: As `BackgroundSender` has them.

        Close it before the client. Each payload is sent until the server has taken it, which it does once.
        """
        fixed = dict(filt)

        def sendBatch(batch: list[Any]) -> None:
            if self._session.isClosed:  # what would be tried again for ever
                raise RuntimeError("the client was closed before its sender: what waits is lost")
            self._session.tell(Payload(fixed, batch), None)

        return BackgroundSender(sendBatch, **options)

    def close(self) -> None:
        """End the session. Calls that wait in other threads fail. Calling it twice does nothing."""
        self._session.close()

    def _seconds(self, timeout: float | None) -> float | None:
        seconds = self._timeout if timeout is _ITS_OWN else timeout
        return None if seconds is None or seconds > threading.TIMEOUT_MAX else seconds


def _wayTo(url: LinkUrl, limits: Limits, token: str | None, tls: ssl.SSLContext | None) -> Way:
    if url.scheme in ("ws", "wss"):
        instead = url.scheme.replace("ws", "http")
        raise ValueError(f"a blocking client has no WebSockets: connect by {instead}://, got {url.text}")
    if token is not None and not url.isHttp:
        raise ValueError(
            f"a token would go with HTTP, and {url.scheme}: has none: connect by http:, or let a "
            "certificate (tls:) or the user who runs this (unix:) say who it is"
        )
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ValueError("the token is not one line of ASCII")
    if tls is not None and not url.isTls:
        raise ValueError(f"tls= is for tls:// and https://, got {url.scheme}://")
    if tls is None and url.isTls:
        tls = ssl.create_default_context()
    if url.isHttp:
        return PostWay(url, limits, time.monotonic, token, tls)
    return StreamWay(url, limits, time.monotonic, tls)
