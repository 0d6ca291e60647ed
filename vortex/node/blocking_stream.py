"""
Blocking stream: a TCP, TLS or Unix connection that carries a native session, without a reactor.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from vortex.errors import ConnectionLost, DecodeError, NotConnected
from vortex.limits import Limits
from vortex.node.blocking_way import FAREWELL, PIECE, Lost, failed, forsaken
from vortex.node.link_url import LinkUrl
from vortex.protocol.client_session import ClientSession
from vortex.protocol.native import PREAMBLE, NativeDecoder
from vortex.transports.strangers import BEGINNING, notNativeRaw

__all__ = ["StreamWay"]


class StreamWay:
    """One TCP, TLS or Unix connection."""

    isAcknowledged = False

    def __init__(
        self, url: LinkUrl, limits: Limits, clock: Callable[[], float], tls: ssl.SSLContext | None
    ) -> None:
        self._url = url
        self._limits = limits
        self._clock = clock
        self._tls = tls
        self._socket: socket.socket | None = None
        self._decoder = NativeDecoder(limits.maxFrame)
        self._beginning = b""

    def open(self, session: ClientSession, seconds: float) -> None:
        try:
            self._socket = self._connected(min(seconds, self._limits.connectTimeout))
        except OSError as error:
            raise failed(error, self._url.text) from error
        self._decoder = NativeDecoder(self._limits.maxFrame)
        self._beginning = b""
        session.via = None
        session.attached(self._clock())
        self._write(PREAMBLE + b"".join(session.helloToSend()), min(seconds, self._limits.writeStall))

    def _connected(self, seconds: float) -> socket.socket:
        url = self._url
        if url.scheme == "unix":
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout(seconds)
            try:
                connected.connect(url.path)
            except BaseException:
                connected.close()
                raise
            return connected
        connected = socket.create_connection((url.host, url.port), seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return connected
        try:
            return self._tls.wrap_socket(connected, server_hostname=url.host)
        except BaseException:
            connected.close()
            raise

    def exchange(self, session: ClientSession, seconds: float) -> None:
        frames = session.framesToSend()
        if frames:
            self._write(b"".join(frames), min(seconds, self._limits.writeStall))
        else:
            now = self._clock()
            due = session.nextDeadline()
            self._read(session, min(seconds, self._limits.linkIdle if due is None else due - now))
        session.tick(self._clock())

    def _write(self, data: bytes, seconds: float) -> None:
        try:
            connected = self._there
            connected.settimeout(max(seconds, 0.001))
            connected.sendall(data)
        except OSError as error:
            raise failed(error, self._url.text) from error

    def _read(self, session: ClientSession, seconds: float) -> None:
        try:
            connected = self._there
            connected.settimeout(max(seconds, 0.001))
            data = connected.recv(PIECE)
        except TimeoutError:
            return
        except OSError as error:
            raise failed(error, self._url.text) from error
        if not data:
            raise Lost(ConnectionLost(f"{self._url.text}: the other end closed the connection"))
        if len(self._beginning) < BEGINNING:
            self._beginning += data[:BEGINNING]
            problem = notNativeRaw(self._beginning)
            if problem is not None:
                raise NotConnected(f"{self._url.text}: {problem}")
        try:
            frames = self._decoder.feed(data)
        except DecodeError as error:
            raise Lost(ConnectionLost(f"{self._url.text}: {error}")) from error
        now = self._clock()
        for frame in frames or (b"",):  # a part of a long one is a sign of life too
            session.receive(frame, now)

    @property
    def _there(self) -> socket.socket:
        if self._socket is None:
            raise OSError("the connection is closed")
        return self._socket

    def farewell(self, session: ClientSession) -> None:
        with suppress(Lost):
            self._write(b"".join(session.helloToSend()), FAREWELL)

    def interrupt(self) -> None:
        connected = self._socket
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def forsake(self) -> None:
        connected, self._socket = self._socket, None
        forsaken(connected)

    def close(self) -> None:
        connected, self._socket = self._socket, None
        if connected is not None:
            with suppress(OSError):
                connected.close()
