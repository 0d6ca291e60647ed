"""
LinkUrl: where an outgoing connection goes, and by which transport.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

__all__ = ["LinkUrl"]

_PORTS: dict[str, int | None] = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "tcp": None,
    "tls": None,
}
"""Each scheme that has a host, with its default port."""

_PATHS = {"http": "/vortex", "https": "/vortex", "ws": "/vortexws", "wss": "/vortexws"}
"""Where a vortex is in its site, if nobody has put it elsewhere; VortexPY has WebSockets beside its POSTs."""


@dataclass(frozen=True)
class LinkUrl:
    """
    A URL that a vortex can be connected to.

    Attributes:
        text: The URL, with the default path where it had none.
        scheme: "http", "https", "ws", "wss", "tcp", "tls" or "unix".
        host: A name or an IP address; empty for a Unix socket.
        port: The port; 0 for a Unix socket.
        path: The path of a Unix socket; empty for the others.
    """

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def isTls(self) -> bool:
        """Whether it goes over TLS."""
        return self.scheme in ("https", "wss", "tls")

    @property
    def isHttp(self) -> bool:
        """Whether it begins with a request, which has headers."""
        return self.scheme in _PATHS

    @classmethod
    def parse(cls, url: str) -> LinkUrl:
        """
        Raises:
            ValueError: If *url* is none that a vortex can be connected to; the text says what would be.
        """
        if not isinstance(url, str):
            raise ValueError(f"expected a URL, as ws://host:8080/vortex, got {url!r}")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no URL: {error}") from None
        scheme = parts.scheme
        if scheme == "unix":
            path = unquote(parts.path)
            if not path.startswith("/") or parts.netloc:
                raise ValueError(f"a Unix socket has its whole path, as unix:///run/jobs.sock, got {url!r}")
            return cls(url, scheme, path=path)
        if scheme not in _PORTS:
            known = ", ".join(f"{name}:" for name in (*_PORTS, "unix"))
            raise ValueError(f"expected a URL that begins with one of {known}, got {url!r}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL with a user and password is shown in logs: pass token= instead")
        port = _PORTS[scheme] if port is None else port
        if not host or not port:
            raise ValueError(f"expected a host and a port, as in {scheme}://host:8081, got {url!r}")
        if scheme in ("tcp", "tls") and (parts.path.strip("/") or parts.query or parts.fragment):
            raise ValueError(f"{scheme}: has a host and a port and nothing behind them, got {url!r}")
        if any(char.isspace() or not char.isprintable() for char in url):
            raise ValueError(f"expected a URL without spaces, got {url!r}")
        try:
            host.encode("idna")
        except UnicodeError:
            raise ValueError(f"{host!r}, in {url!r}, is no name that a host can have") from None
        if not parts.path and scheme in _PATHS:
            url = urlunsplit(parts._replace(path=_PATHS[scheme]))
        return cls(url, scheme, host, port)
