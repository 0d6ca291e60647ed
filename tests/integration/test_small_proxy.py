"""A real proxy that takes no long requests, between a client that POSTs and a server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet import reactor as theReactor
from twisted.internet.defer import maybeDeferred
from twisted.web.resource import Resource

from tests.integration.nginx import Nginx
from tests.integration.on_reactor import onReactor
from vortex import Payload, PayloadEndpoint, RemoteError, TlsOptions, Vortex, VortexResource, VortexSite
from vortex.routing.delivery import Delivery

SMALL = {"proxy_read_timeout 60s;": "proxy_read_timeout 60s; client_max_body_size 50k;"}

reactor: Any = theReactor


def text(size: int) -> str:
    """So many characters, and as many bytes on the wire."""
    return b64encode(Random(size).randbytes(size * 3 // 4)).decode()


def echo(payload: Payload, delivery: Delivery) -> None:
    delivery.reply([len(each) for each in payload.tuples], True)


@asynccontextmanager
async def serverBehind(folder: Path) -> AsyncIterator[tuple[Nginx, Vortex]]:
    server = Vortex("server", reactor=reactor, anonymous=True)
    root = Resource()
    root.putChild(b"vortex", VortexResource(server))
    port = reactor.listenTCP(0, VortexSite(root, server.limits), interface="127.0.0.1")
    try:
        with Nginx(folder, port.getHost().port, SMALL) as proxy:
            yield proxy, server
    finally:
        await server.shutdown()
        await maybeDeferred(port.stopListening)


class TestAMessage:
    @pytest.mark.parametrize("via", ["stream", "poll"])
    @pytest.mark.parametrize("large", [100_000, 3_000_000])
    @onReactor
    async def test_that_it_refuses_fails_and_nothing_else_does(
        self, tmp_path: Path, via: Any, large: int
    ) -> None:
        async with serverBehind(tmp_path) as (proxy, server):
            endpoint = PayloadEndpoint({"key": "echo"}, echo, server)
            client = Vortex("client", reactor=reactor)
            connection = client.connect(
                f"{proxy.url}vortex", via=via, tls=TlsOptions(trust=proxy.certificate)
            )
            peer = await connection.connected
            told: list[object] = []
            connection.onSessionEvent(lambda event, _: told.append(event))

            asked = [peer.request(Payload({"key": "echo"}, [text(size)])) for size in (1000, large, 20_000)]

            assert (await asked[0]).tuples == [1000]
            with pytest.raises(RemoteError, match=r"a proxy refused .*\(HTTP status 413\)") as failed:
                await asked[1]
            assert failed.value.code == "limit-exceeded"
            assert (await asked[2]).tuples == [20_000]
            assert (told, len(server.peers)) == ([], 1)
            await client.shutdown()
            endpoint.shutdown()
