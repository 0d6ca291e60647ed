"""
Blocking POSTs: a native session that is carried by POSTs with `http.client`, without a reactor.

Short ones bring what there is to say, polls fetch what there is to hear.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote, urlsplit, urlunsplit

from vortex.errors import (
    AccessDenied,
    ConnectionLost,
    DecodeError,
    LimitExceeded,
    NotConnected,
    Unauthenticated,
    VortexError,
)
from vortex.limits import Limits
from vortex.node.blocking_way import FAREWELL, PIECE, Lost, failed, forsaken
from vortex.node.link_url import LinkUrl
from vortex.protocol.client_session import ClientSession
from vortex.protocol.native import PREAMBLE, Kind, NativeDecoder
from vortex.protocol.session import MAX_WAIT

__all__ = ["PostWay"]

NATIVE_TYPE = "application/vnd.vortex"

TRY_AGAIN = frozenset((408, 410, 425, 429, 500, 502, 503, 504))
"""Answers after which the next attempt may well succeed."""

MAX_TOLD = 200
"""Bytes of a refusal that are told."""

_URL_CHARS = "%/:=&?~#+!$,;'@()*[]"


class PostWay:
    """POSTs, one after another: short ones for what there is to say, and polls for what there is to hear."""

    isAcknowledged = True

    def __init__(
        self,
        url: LinkUrl,
        limits: Limits,
        clock: Callable[[], float],
        token: str | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._url = url
        self._limits = limits
        self._clock = clock
        parts = urlsplit(url.text)
        self._path = quote(urlunsplit(("", "", parts.path, parts.query, "")), safe=_URL_CHARS)
        self._headers = {"Content-Type": NATIVE_TYPE, "Accept": NATIVE_TYPE}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = tls
        self._http = self._newConnection()
        self._parents: list[
            http.client.HTTPConnection
        ] = []  # to end one may wait for a thread that is not here

    def _newConnection(self) -> http.client.HTTPConnection:
        url = self._url
        if self._tls is None:
            return http.client.HTTPConnection(url.host, url.port)
        return http.client.HTTPSConnection(url.host, url.port, context=self._tls)

    def open(self, session: ClientSession, seconds: float) -> None:
        self._poll(session, 0, min(seconds, self._limits.connectTimeout))

    def exchange(self, session: ClientSession, seconds: float) -> None:
        frames = session.framesToSend()
        if frames:
            now = self._clock()
            for frame in self._post(session.sendFrame() + b"".join(frames), self._limits.writeStall):
                session.receive(frame, now)
        else:
            wait = max(0.0, min(seconds, MAX_WAIT))
            self._poll(session, wait, wait + self._limits.helloTimeout)
        session.tick(self._clock())

    def _poll(self, session: ClientSession, wait: float, seconds: float) -> None:
        """Have the session carried by another response, and read that."""
        try:
            frames = self._post(session.helloFrame("poll", wait), seconds)
        except BaseException:
            session.giveUp()
            raise
        session.takeOver("poll")
        now = self._clock()
        session.attached(now)
        for frame in frames:
            if frame[0] != Kind.PAD:
                session.receive(frame, now)

    def _post(self, frames: bytes, seconds: float) -> list[bytes]:
        """The frames in the answer to a POST of *frames*."""
        where = self._url.text
        decoder = NativeDecoder(self._limits.maxFrame)
        answered: list[bytes] = []
        try:
            self._http.timeout = seconds
            if self._http.sock is not None:
                self._http.sock.settimeout(seconds)
            self._http.request("POST", self._path, PREAMBLE + frames, self._headers)
            response = self._http.getresponse()
            if response.status != 200 or response.headers.get_content_type() != NATIVE_TYPE:
                raise _refused(response, where)
            while data := response.read(PIECE):
                answered += decoder.feed(data)
            if response.length or not decoder.isEmpty or not answered:
                raise Lost(ConnectionLost(f"{where}: the answer was cut off"))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise failed(error, where) from error
        except DecodeError as error:
            self.close()
            raise Lost(ConnectionLost(f"{where}: {error}")) from error
        return answered

    def farewell(self, session: ClientSession) -> None:
        frames = session.helloToSend()
        if frames:
            with suppress(Lost, VortexError):
                self._post(session.sendFrame() + b"".join(frames), FAREWELL)

    def interrupt(self) -> None:
        connected = self._http.sock
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def forsake(self) -> None:
        forsaken(self._http.sock)
        self._parents.append(self._http)
        self._http = self._newConnection()

    def close(self) -> None:
        self._http.close()


def _refused(response: http.client.HTTPResponse, where: str) -> Exception:
    """What an answer means that is none of a session."""
    said = response.read(MAX_TOLD).decode("utf-8", "replace").strip()
    if not said and response.length != 0:
        return Lost(ConnectionLost(f"{where}: the answer was cut off"))
    text = f"{where} answered {response.status}: {said}"
    if response.status == 401:
        return Unauthenticated(text)
    if response.status == 403:
        return AccessDenied(text)
    if response.status == 413:
        return LimitExceeded("maxBody", text)
    if response.status in TRY_AGAIN:
        return Lost(ConnectionLost(text))
    if response.status == 200:
        text = f"{where}: expected {NATIVE_TYPE}, got {response.headers.get_content_type()}"
    return NotConnected(text)
