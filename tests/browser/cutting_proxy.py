"""
A cutting proxy: TCP between a page and the server, which loses what a test wants lost and cuts when told.

It knows nothing of HTTP. What it does not pass on is gone, as on a line that is dead and does not know it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

__all__ = ["CuttingProxy"]

PATIENCE = 30.0

QUIET = 2.0
"""Seconds after which nothing more comes of what was said: twice those after which a page acknowledges."""


class CuttingProxy:
    """
    Args:
        port: The server's, on 127.0.0.1.

    Attributes:
        port: Its own, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Condition()
        self._lines: set[_Line] = set()
        self._isRefusing = False
        self._losesRequests = False
        self._losesAnswers = False
        self._lost = b""
        self._passedAt = time.monotonic()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def loseRequests(self) -> None:
        """What a page sends from now on does not arrive."""
        with self._lock:
            self._losesRequests, self._lost = True, b""

    def loseAnswers(self) -> None:
        """What the server sends from now on does not arrive."""
        with self._lock:
            self._losesAnswers, self._lost = True, b""

    def waitUntilLost(self, size: int = 100) -> None:
        """Until that many bytes were not passed on: more than a beat or two."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self._lost) >= size, PATIENCE), self._lost

    def waitUntilQuiet(self) -> None:
        """Until all that was said is answered, and acknowledged: nothing has been passed on for a while."""
        while (left := self._passedAt + QUIET - time.monotonic()) > 0:
            time.sleep(left)

    def cut(self) -> None:
        """Drop every connection, and refuse new ones until `mend`."""
        with self._lock:
            self._isRefusing = True
            for line in self._lines:
                line.drop()

    def mend(self) -> None:
        """Pass everything on, of connections that are made from now on."""
        with self._lock:
            self._isRefusing = self._losesRequests = self._losesAnswers = False

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # closed
                return
            with self._lock:
                line = None if self._isRefusing else _Line.to(self._target, client)
                if line is None:
                    client.close()
                    continue
                self._lines.add(line)
            for isRequest in (True, False):
                threading.Thread(target=self._pass, args=(line, isRequest), daemon=True).start()

    def _pass(self, line: _Line, isRequest: bool) -> None:
        source, target = (line.client, line.server) if isRequest else (line.server, line.client)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    if self._losesRequests if isRequest else self._losesAnswers:
                        self._lost += data
                        self._lock.notify_all()
                        continue
                    self._passedAt = time.monotonic()
                target.sendall(data)
        with self._lock:
            line.drop()
            line.readers -= 1
            if line.readers == 0:
                self._lines.discard(line)
                line.close()


class _Line:
    """A connection to the proxy, and the proxy's own to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.readers = 2

    @classmethod
    def to(cls, port: int, client: socket.socket) -> _Line | None:
        """None where the server does not answer."""
        try:
            return cls(client, socket.create_connection(("127.0.0.1", port)))
        except OSError:
            return None

    def drop(self) -> None:
        for each in (self.client, self.server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.client.close()
        self.server.close()
