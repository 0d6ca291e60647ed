"""
Blocking POSTs: a native session that is carried by POSTs with `http.client`, without a reactor.

Short ones bring what there is to say, polls fetch what there is to hear.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any
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

OF_THE_TIME = 0.9
"""How much of the time that is left the server may keep an answer back, so that it arrives within it."""

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
        self._until = inf  # the moment at which an answer is too late
        self._http = self._newConnection()
        self._parents: list[
            http.client.HTTPConnection
        ] = []  # to end one may wait for a thread that is not here

    def _newConnection(self) -> http.client.HTTPConnection:
        url = self._url
        made: Any
        if self._tls is None:
            made = http.client.HTTPConnection(url.host, url.port)
        else:
            made = http.client.HTTPSConnection(url.host, url.port, context=self._tls)
        made.response_class = self._responseOf
        return made  # type: ignore[no-any-return]

    def _responseOf(self, connected: socket.socket, **options: Any) -> http.client.HTTPResponse:
        inTime: Any = _InTime(connected, lambda: self._until - self._clock())
        return http.client.HTTPResponse(inTime, **options)

    def open(self, session: ClientSession, seconds: float) -> None:
        self._poll(session, 0, self._limits.connectTimeout, seconds)

    def exchange(self, session: ClientSession, seconds: float) -> None:
        frames = session.framesToSend()
        if frames:
            now = self._clock()
            said = session.sendFrame() + b"".join(frames)
            for frame in self._post(said, self._limits.writeStall, seconds):
                session.receive(frame, now)
        else:
            wait = max(0.0, min(seconds * OF_THE_TIME, MAX_WAIT))
            self._poll(session, wait, wait + self._limits.helloTimeout, seconds)
        session.tick(self._clock())

    def _poll(self, session: ClientSession, wait: float, stall: float, seconds: float) -> None:
        """Have the session carried by another response, and read that."""
        try:
            frames = self._post(session.helloFrame("poll", wait), stall, seconds)
        except BaseException:
            session.giveUp()
            raise
        session.takeOver("poll")
        now = self._clock()
        session.attached(now)
        for frame in frames:
            if frame[0] != Kind.PAD:
                session.receive(frame, now)

    def _post(self, frames: bytes, stall: float, seconds: float) -> list[bytes]:
        """
        The frames in the answer to a POST of *frames*.

        Args:
            stall: Seconds in which nothing at all comes.
            seconds: Until all has come.
        """
        where = self._url.text
        self._until = self._clock() + seconds
        stall = max(min(stall, seconds), 0.001)
        decoder = NativeDecoder(self._limits.maxFrame)
        answered: list[bytes] = []
        try:
            self._http.timeout = stall
            if self._http.sock is not None:
                self._http.sock.settimeout(stall)
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
                self._post(session.sendFrame() + b"".join(frames), FAREWELL, FAREWELL)

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


class _InTime(io.RawIOBase):
    """
    What `http.client` reads an answer from, until it is too late, however slowly it comes.

    Args:
        left: How many seconds there are left.
    """

    def __init__(self, connected: socket.socket, left: Callable[[], float]) -> None:
        self._socket = connected
        self._left = left
        self._file: Any = connected.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._left()
        if left <= 0:
            raise TimeoutError
        stall = self._socket.gettimeout()
        if stall is None or left < stall:
            self._socket.settimeout(left)
        read: int | None = self._file.readinto(buffer)
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


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
