"""
URLs that lead to a port of another protocol: what is told, over sockets.

All that waits has a thousand seconds, so what is told here is told because of what came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.integration.certificates import Issued
from tests.integration.children import PATIENCE
from tests.integration.on_reactor import onReactor
from vortex import Limits, NotConnected, TlsOptions, Vortex, VortexConnection, VortexResource, VortexSite
from vortex.transports.tls import tlsFactory

reactor: Any = installed

SLOW = Limits(connectTimeout=1000, helloTimeout=1000, headerTimeout=1000, linkIdle=1000)
RAW = "this is a vortex's raw connection: connect to it by tcp://, tls:// or unix://"
NO_TLS = "the other end does not speak TLS: wrong version number"
BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"

WRONG = {
    ("tcp", "site"): "this is an HTTP server: connect to it by http:// or ws://",
    ("tls", "tlsSite"): "this is an HTTP server: connect to it by http:// or ws://",
    ("tls", "site"): NO_TLS,
    ("wss", "site"): NO_TLS,
    ("https", "site"): NO_TLS,
    ("ws", "raw"): RAW,
    ("http", "raw"): RAW,
    ("wss", "tlsRaw"): RAW,
    ("https", "tlsRaw"): RAW,
    ("tls", "raw"): NO_TLS,
    ("tcp", "banner"): f"expected a vortex's raw connection, got {BANNER.decode().strip()!r}",
    ("ws", "banner"): f"expected HTTP, got {BANNER.decode().strip()!r}",
    ("http", "banner"): f"expected HTTP, got {BANNER.decode().strip()!r}",
    ("ws", "getsOnly"): "expected a WebSocket, got HTTP status 200: is the path wrong, or http:// only?",
    ("http", "getsOnly"): "expected a vortex, got HTTP status 405: not like this",
    ("http", "postsOnly"): (
        "the server ended its response and did not say who it is: is the path that of a vortex?"
    ),
    ("ws", "postsOnly"): "expected a vortex, got HTTP status 405: not like this",
}


class Banner(Protocol):
    """Speaks first, and not to a vortex."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(BANNER)


class Only(Resource):
    """A page for requests of one method; a web server that has to do with no vortex."""

    isLeaf = True

    def __init__(self, method: bytes) -> None:
        super().__init__()
        self._method = method

    def render(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "text/plain")
        if request.method == self._method:
            return b"hello"
        request.setResponseCode(405)
        return b"not like this"


class Ports:
    """Servers of every kind, each with a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.jobs = Vortex("jobs", limits=SLOW)
        self.pump = Vortex("pump", limits=SLOW)
        self.shown = Issued(folder, "jobs", "127.0.0.1")
        self._ports: list[IListeningPort] = []

    def factory(self, kind: str) -> Any:
        site = VortexSite(VortexResource(self.jobs), SLOW)
        if kind == "tlsSite":
            return tlsFactory(TlsOptions(self.shown.file, self.shown.keyFile), site, reactor)
        made: dict[str, Any] = {
            "site": site,
            "getsOnly": Site(Only(b"GET")),
            "postsOnly": Site(Only(b"POST")),
            "banner": Factory.forProtocol(Banner),
        }
        return made[kind]

    async def listen(self, kind: str) -> int:
        port: Any
        if kind in ("raw", "tlsRaw"):
            tls = TlsOptions(self.shown.file, self.shown.keyFile) if kind == "tlsRaw" else None
            port = await self.jobs.listen("tcp:0:interface=127.0.0.1", tls=tls)
        else:
            endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
            port = await endpoint.listen(self.factory(kind))
            self._ports.append(port)
        number: int = port.getHost().port
        return number

    def connect(self, url: str) -> VortexConnection:
        isTls = url.split(":")[0] in ("tls", "wss", "https")
        return self.pump.connect(url, tls=TlsOptions(trust=self.shown.file) if isTls else None)

    async def close(self) -> None:
        await self.pump.shutdown()
        await self.jobs.shutdown()
        for port in self._ports:
            stopping: Any = port.stopListening()
            await stopping


@pytest_twisted.async_yield_fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    made = Ports(tmp_path)
    yield made
    await made.close()


class TestAWrongUrl:
    @onReactor
    @pytest.mark.parametrize(("scheme", "kind"), WRONG, ids=str)
    async def test_is_told_by_what_comes(self, ports: Ports, scheme: str, kind: str) -> None:
        url = f"{scheme}://127.0.0.1:{await ports.listen(kind)}"
        failed: Deferred[None] = Deferred()

        def changed(*_: object) -> None:
            if not failed.called:
                failed.callback(None)

        connection = ports.connect(url)
        connection.onStateChange(changed)
        await failed.addTimeout(PATIENCE, reactor)

        assert type(connection.error) is NotConnected
        assert str(connection.error).removeprefix(url).removeprefix("/vortex").removeprefix("ws") == (
            f": {WRONG[scheme, kind]}"
        )
