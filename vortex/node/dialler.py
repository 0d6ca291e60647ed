"""
Dialler: how an outgoing connection's URL and options become a link, anew for each attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.interfaces import IStreamClientEndpoint

from vortex.node.link_url import LinkUrl
from vortex.transports.client_line import ClientLine
from vortex.transports.dial import Dialled, LinkWatcher
from vortex.transports.post_ways import PostWays, Via
from vortex.transports.tls import TlsClient, TlsOptions

if TYPE_CHECKING:
    from vortex.node.vortex import Vortex

__all__ = ["Dialler"]


class Dialler:
    """
    Args: as `VortexConnection` has them.

    Raises:
        ValueError: If they make no sense, or do not go together.
        OSError: If a file of *tls* cannot be read.
        ImportError: If there is no pyOpenSSL for TLS.
    """

    def __init__(
        self,
        vortex: Vortex,
        url: str,
        *,
        tls: TlsOptions | None,
        token: str | Callable[[], str] | None,
        headers: Mapping[str, str] | None,
        endpoint: IStreamClientEndpoint | None,
        via: Via | None = None,
        random: Random | None = None,
    ) -> None:
        where = self._where = LinkUrl.parse(url)
        if via not in (None, "stream", "sse", "poll"):
            raise ValueError(f"expected via 'stream', 'sse' or 'poll', got {via!r}")
        if via is not None and where.scheme not in ("http", "https"):
            raise ValueError(f"via= is for http:// and https://, got {where.scheme}://")
        if tls is not None and not where.isTls:
            raise ValueError(f"tls= is for tls://, https:// and wss://, got {where.scheme}://")
        if not where.isHttp and (token is not None or headers):
            what = "headers" if token is None else "a token"
            raise ValueError(
                f"{what} would go with HTTP, and {where.scheme}: has none: connect by ws: or http:, or let a "
                "certificate (tls:) or the user who runs this (unix:) say who it is"
            )
        if where.isTls:
            TlsClient(tls or TlsOptions(), where.host)  # tells at once what is wrong with its files
        self._vortex = vortex
        self._random = random or Random()
        self._ways = PostWays(via)
        self._tls = tls or TlsOptions()
        self._tlsClient: TlsClient | None = None
        self._token = token
        self._sent: dict[str, str] = {}  # what the link's requests bear, those to come as well
        self._headers = dict(headers or {})
        self._cookies: dict[str, str] = {}  # by which a server knows the next link for the one before
        self._endpoint = endpoint
        for name, value in self._headers.items():
            _checkHeader(f"the header {name}", name + value)
        if token is not None:
            if any(name.lower() == "authorization" for name in self._headers):
                raise ValueError("token= makes the header Authorization: give that, or the token")
            if isinstance(token, str):
                _checkHeader("the token", token)

    @property
    def certificateProblem(self) -> str | None:
        """Why the last attempt has not believed the server's certificate, in words."""
        return None if self._tlsClient is None else self._tlsClient.problem

    @property
    def isHttp(self) -> bool:
        """Whether it begins with a request."""
        return self._where.isHttp

    def movedTo(self, url: str, *, via: Via | None, endpoint: IStreamClientEndpoint | None) -> Dialler:
        """
        One that leads to *url*, by as much as goes there of what this has.

        Raises:
            ValueError: If *url* and *via* make no sense, or do not go together.
        """
        where = LinkUrl.parse(url)
        return Dialler(
            self._vortex,
            url,
            tls=self._tls if where.isTls else None,
            token=self._token if where.isHttp else None,
            headers=self._headers if where.isHttp else None,
            endpoint=endpoint,
            via=via,
            random=self._random,
        )

    def dial(self, watcher: LinkWatcher, line: ClientLine | None, *, mayReset: bool = True) -> Dialled:
        """
        Begin a link, and tell *watcher* what comes of it.

        Args:
            line: Whose session it is to carry, on the native wire; None: VortexPY's.
            mayReset: Whether it may carry another session, if the other end knows this one no more.

        Raises:
            Exception: What the application's token has raised, or reading a file.
        """
        node, where = self._vortex, self._where
        self._tlsClient = TlsClient(self._tls, where.host) if where.isTls else None
        # What a scheme needs is imported when it is used: autobahn and twisted.web take their time.
        if where.scheme in ("ws", "wss"):
            from vortex.transports.websocket_wires import dialWebSocket

            return dialWebSocket(
                node,
                where.text,
                self._newEndpoint(),
                watcher,
                headers=self._allHeaders(),
                line=line,
                mayReset=mayReset,
            )
        if where.scheme in ("http", "https"):
            self._sent = self._allHeaders()
            if line is not None:
                from vortex.transports.native_post_client import dialNativePost

                return dialNativePost(
                    node,
                    where.text,
                    lambda _: self._newEndpoint(),
                    watcher,
                    line=line,
                    headers=self._sent,
                    cookies=self._cookies,
                    ways=self._ways,
                    mayReset=mayReset,
                    random=self._random,
                )
            from vortex.transports.post_client import dialPost

            return dialPost(
                node,
                where.text,
                lambda _: self._newEndpoint(),
                watcher,
                headers=self._sent,
                cookies=self._cookies,
            )
        from vortex.transports.stream_client import dialStream

        return dialStream(node, self._newEndpoint(), watcher, where=where.text, line=line, mayReset=mayReset)

    def checkToken(self, token: str) -> None:
        """
        Raises:
            ValueError: If *token* could not be shown to the other end.
        """
        if not self._where.isHttp:
            raise ValueError(f"a token would go with HTTP, and {self._where.scheme}: has none")
        _checkHeader("the token", token)

    def useToken(self, token: str) -> None:
        """Show *token* from now on; a function for tokens is asked for the next link nevertheless."""
        if not callable(self._token):
            self._token = token
        self._sent["Authorization"] = f"Bearer {token}"

    def _allHeaders(self) -> dict[str, str]:
        if self._token is None:
            return dict(self._headers)
        token = self._token() if callable(self._token) else self._token
        _checkHeader("the token", token)
        return {"Authorization": f"Bearer {token}", **self._headers}

    def _newEndpoint(self) -> IStreamClientEndpoint:
        where, timeout = self._where, self._vortex.limits.connectTimeout
        reactor: Any = self._vortex.clock
        endpoint = self._endpoint
        if endpoint is None and where.scheme == "unix":
            endpoint = UNIXClientEndpoint(reactor, where.path, timeout=timeout)
        elif endpoint is None:
            kind: Any = HostnameEndpoint
            if isIPAddress(where.host):  # then there is no name to look up, in a thread
                kind = TCP4ClientEndpoint
            elif isIPv6Address(where.host):
                kind = TCP6ClientEndpoint
            endpoint = kind(reactor, where.host, where.port, timeout=timeout)
        return endpoint if self._tlsClient is None else self._tlsClient.endpoint(endpoint, reactor)


def _checkHeader(what: str, text: object) -> None:
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"expected {what} to be printable ASCII text, on one line")
