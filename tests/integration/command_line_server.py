"""
A server for the command line's tests, a process of its own.

usage: python -m tests.integration.command_line_server CERTIFICATE KEY SOCKET

It prints ``READY {"tcp": port, ...}``, with a port for each of tcp, tls, http, https, guardedTcp and guarded,
and ``GOT {json}`` for every message to the filt ``inbox``. It listens at the Unix socket SOCKET too. Those
for HTTP have /vortex; the guarded ones are for who has the token ``let-me-in``. All have the filt ``jobs``,
which the filt ``push`` has pushed, and the function ``shop.add``. It ends when told to.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react
from twisted.web.resource import Resource

from vortex import (
    Delivery,
    ModelHandler,
    Payload,
    PayloadEndpoint,
    Rejected,
    Tuple,
    Unauthenticated,
    Vortex,
    VortexResource,
    VortexSite,
    addTupleType,
    vortexRpc,
)
from vortex.access.principal import Credentials, Principal
from vortex.transports.tls import TlsOptions, tlsFactory


@addTupleType
class Job(Tuple):
    __tupleType__ = "shop.Job"
    id: int
    due: datetime | None
    title: str


class Jobs(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Any]:
        if filt.get("id") == 0:
            raise Rejected("there is no job 0", code="unknown-record")
        return [Job(id=1, due=datetime(2024, 2, 29, 12, tzinfo=UTC), title="Water the plants")]


class Tokens:
    def authenticate(self, credentials: Credentials) -> Principal | None:
        if credentials.token is None:
            return None
        if credentials.token != "let-me-in":
            raise Unauthenticated("the token is not known")
        return Principal("somebody")


@vortexRpc("server", name="shop.add")
def add(a: int, b: int = 0) -> int:
    if a < 0:
        raise Rejected("nothing below zero", code="too-little")
    return a + b


def serve(vortex: Vortex) -> list[Any]:
    """What *vortex* offers, for as long as this is kept."""
    jobs = Jobs({"key": "jobs"}, vortex)

    def push(payload: Payload, delivery: Delivery) -> None:
        jobs.sendModelUpdate()
        delivery.reply([], True)

    def got(payload: Payload, delivery: Delivery) -> None:
        filt = {key: value for key, value in payload.filt.items() if not key.startswith("Payload")}
        print("GOT", json.dumps([filt, payload.jsonTuples]), flush=True)

    add.start(vortex=vortex)
    return [
        jobs,
        PayloadEndpoint({"key": "push"}, push, vortex),
        PayloadEndpoint({"key": "inbox"}, got, vortex),
    ]


async def main(reactor: Any, certificate: str, key: str, socket: str) -> None:
    open_ = Vortex("server", reactor=reactor)
    guarded = Vortex("server", authenticator=Tokens(), reactor=reactor)
    kept = serve(open_) + serve(guarded)
    tls = TlsOptions(certificate=certificate, privateKey=key)
    ports = {}
    for name, vortex, options in (("tcp", open_, None), ("tls", open_, tls), ("guardedTcp", guarded, None)):
        streams: Any = await vortex.listen("tcp:0:interface=127.0.0.1", tls=options)
        ports[name] = streams.getHost().port
    await open_.listen(f"unix:{socket}")
    for name, vortex, options in (("http", open_, None), ("https", open_, tls), ("guarded", guarded, None)):
        root = Resource()
        root.putChild(b"vortex", VortexResource(vortex))
        site = VortexSite(root)
        factory = site if options is None else tlsFactory(options, site, reactor)
        listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        ports[name] = listening.getHost().port
    running: Deferred[None] = Deferred()
    reactor.callWhenRunning(running.callback, None)
    await running
    ended: Deferred[None] = Deferred()
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(ended.callback, None))
    print("READY", json.dumps(ports), flush=True)
    await ended
    for vortex in (open_, guarded):
        await vortex.shutdown()
    kept.clear()


if __name__ == "__main__":
    react(main, sys.argv[1:])
