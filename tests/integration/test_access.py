"""
Who comes in: every authenticator on every transport that it fits, over sockets, with what is right and with
what is not. What is not is answered at once, and nothing of it stays.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import deferLater

from tests.access.tokens import OTHER_SECRET, SECRET, webToken, withBody
from tests.integration.certificates import Issued
from tests.integration.on_reactor import PATIENCE, onReactor, until
from vortex import (
    AccessDenied,
    Authenticator,
    CertificateAuthenticator,
    CookieAuthenticator,
    Credentials,
    JwtAuthenticator,
    NotConnected,
    Payload,
    PayloadEndpoint,
    Principal,
    SharedSecretAuthenticator,
    TlsOptions,
    Unauthenticated,
    UnixCredentialAuthenticator,
    Vortex,
    VortexConnection,
    VortexError,
    firstOf,
    vortexService,
)

HTTP = ("ws", "http", "wss", "https", "ws on unix", "http on unix")
ENCRYPTED = ("wss", "https", "tls")
UNIX = ("unix", "ws on unix", "http on unix")
RAW = ("tcp", "tls", "unix")
ALL = (*RAW, *HTTP)

KEPT_FOR_A_PEER = {
    "VortexPeer": "vortex.node.peer",
    "SessionDriver": "vortex.transports.session_driver",
    "HeldPost": "vortex.transports.held_post",
    "_PostPeer": "vortex.transports.held_post",
    "_Arrival": "vortex.transports.arrivals",
    "_BoundedChannel": "vortex.transports.http_site",
    "_Accepted": "vortex.transports.stream_server",
    "Credentials": "vortex.access.principal",
}
"""What a server has for somebody who is there, or about to be: classes, and where they are."""


@dataclass(frozen=True)
class Case:
    """
    Attributes:
        options: What the client connects with, of `VortexConnection`'s arguments.
        error: What it is told; None if it comes in.
    """

    authenticator: str
    transport: str
    showing: str
    options: dict[str, Any] = field(default_factory=dict)
    error: tuple[type[VortexError], str] | None = None

    def __str__(self) -> str:
        return f"{self.authenticator} over {self.transport}: {self.showing}"


NOTHING = (Unauthenticated, "nothing was shown that it knows")
REVOKED = (AccessDenied, "the access of '")
CHANGED = (AccessDenied, "the token's signature is not right")


def ourTokens() -> Iterator[tuple[str, Any, Any]]:
    right = SharedSecretAuthenticator(SECRET).token("ada", roles={"reader"}, lifetime=3600)
    old = SharedSecretAuthenticator(SECRET, now=lambda: 1_000_000_000).token("ada", lifetime=60)
    yield "right", right, None
    yield "revoked", right, REVOKED
    yield "another secret", SharedSecretAuthenticator(OTHER_SECRET).token("ada"), CHANGED
    yield "expired", old, (AccessDenied, "the token expired at 2001-09-09T01:47:40Z")
    yield (
        "changed",
        withBody(right, {"exp": 4_000_000_000, "id": "ada", "roles": ["reader", "root"]}),
        CHANGED,
    )
    yield "no token", "open sesame", (AccessDenied, "that is no token")
    yield "nothing", None, NOTHING


def webTokens() -> Iterator[tuple[str, Any, Any]]:
    claims = {"sub": "ada", "roles": ["reader"], "exp": 4_000_000_000}
    right = webToken(claims)
    yield "right", right, None
    yield "revoked", right, REVOKED
    yield "another secret", webToken(claims, OTHER_SECRET), CHANGED
    yield (
        "expired",
        webToken({**claims, "exp": 1_000_000_000}),
        (AccessDenied, "the token expired at 2001-09-09"),
    )
    yield "changed", withBody(right, {**claims, "sub": "root"}), CHANGED
    yield (
        "no algorithm",
        webToken(claims, alg="none").rpartition(".")[0] + ".",
        (AccessDenied, "signed with HS256"),
    )
    yield "nothing", None, NOTHING


def cookies() -> Iterator[tuple[str, Any, Any]]:
    yield "right", "s1", None
    yield "revoked", "s1", REVOKED
    yield "over", "s0", (AccessDenied, "your session is over: log in again")
    yield "unknown", "s9", NOTHING
    yield "nothing", None, NOTHING


def cases() -> Iterator[Case]:
    for name, tokens in (("tokens", ourTokens), ("web tokens", webTokens)):
        for showing, token, error in tokens():
            for transport in HTTP:
                yield Case(name, transport, showing, {} if token is None else {"token": token}, error)
    for showing, cookie, error in cookies():
        for transport in HTTP:
            headers = {} if cookie is None else {"headers": {"Cookie": f"session={cookie}"}}
            yield Case("cookies", transport, showing, headers, error)
    for transport in ENCRYPTED:
        for showing, issued, refused in (
            ("right", "pump-7", None),
            ("revoked", "pump-7", REVOKED),
            ("another", "tap-1", (AccessDenied, "fingerprint")),
            ("expired", "old", (NotConnected, "expired")),
            ("a stranger's", "stranger", (NotConnected, "certificate")),
            ("nothing", None, NOTHING),
        ):
            yield Case("certificates", transport, showing, {"issued": issued}, refused)
    for transport in UNIX:
        yield Case("users", transport, "right", {}, None)
        yield Case("users", transport, "revoked", {}, REVOKED)
        yield Case(
            "other users", transport, "wrong", {}, (AccessDenied, f"the user {os.geteuid()} and the group")
        )
    for transport in ("tcp", "tls", "ws", "https"):
        yield Case("users", transport, "nothing", {}, NOTHING)
    right = SharedSecretAuthenticator(SECRET).token("ada", roles={"reader"})
    for transport in HTTP:
        yield Case("one of several", transport, "a token", {"token": right}, None)
        yield Case("one of several", transport, "a cookie", {"headers": {"Cookie": "session=s1"}}, None)
    for transport in ENCRYPTED:
        yield Case("one of several", transport, "a certificate", {"issued": "pump-7"}, None)
    for transport in ALL:
        yield Case("one of several", transport, "nothing", {}, NOTHING)


async def check(shown: Credentials) -> Principal | None:
    """An application's sessions, which it looks up somewhere."""
    await deferLater(reactor, 0.01)
    session = shown.cookies.get("session")
    if session == "s0":
        raise AccessDenied("your session is over: log in again")
    return Principal("ada", {"reader"}) if session == "s1" else None


class Server:
    """A node that listens on everything there is, with one authenticator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Issued(folder, "ca", isCa=True)
        self.own = Issued(folder, "server", "127.0.0.1", issuer=self.ca)
        self.issued = {
            "pump-7": Issued(folder, "pump-7", issuer=self.ca),
            "tap-1": Issued(folder, "tap-1", issuer=self.ca),
            "old": Issued(folder, "old", issuer=self.ca, expired=True),
            "stranger": Issued(folder, "stranger"),
        }
        self.clients: list[Vortex] = []
        self.services: list[MultiService] = []
        self.urls: dict[str, str] = {}

    def authenticator(self, name: str) -> Authenticator:
        certificates = CertificateAuthenticator({self.issued["pump-7"].fingerprint: ("ada", {"reader"})})
        tokens, byCookies = SharedSecretAuthenticator(SECRET), CookieAuthenticator(check)
        all_: dict[str, Authenticator] = {
            "tokens": tokens,
            "web tokens": JwtAuthenticator(SECRET, algorithms=["HS256"]),
            "cookies": byCookies,
            "certificates": certificates,
            "users": UnixCredentialAuthenticator({os.geteuid(): {"reader"}}),
            "other users": UnixCredentialAuthenticator({os.geteuid() + 1: {"reader"}}),
            "one of several": firstOf(certificates, tokens, byCookies),
        }
        return all_[name]

    async def start(self, authenticator: str) -> None:
        self.vortex = Vortex("server", authenticator=self.authenticator(authenticator))
        self.endpoint = PayloadEndpoint(
            {"key": "who"},
            lambda _, delivery: delivery.reply([delivery.peer.identity]),
            self.vortex,
            access={"reader"},
        )
        local = "tcp:0:interface=127.0.0.1"
        tls = TlsOptions(self.own.file, self.own.keyFile, trust=self.ca.file, clientCertificates="optional")
        raw: list[Any] = [
            await self.vortex.listen(local),
            await self.vortex.listen(local, tls=tls),
        ]
        await self.vortex.listen(f"unix:{self.folder}/raw")
        plain, secure = await self.serve(local), await self.serve(local, tls)
        await self.serve(f"unix:{self.folder}/web")
        self.urls = {
            "tcp": f"tcp://127.0.0.1:{raw[0].getHost().port}",
            "tls": f"tls://127.0.0.1:{raw[1].getHost().port}",
            "unix": f"unix://{self.folder}/raw",
            "ws": f"ws://127.0.0.1:{plain.getHost().port}/vortexws",
            "http": f"http://127.0.0.1:{plain.getHost().port}/vortex",
            "wss": f"wss://127.0.0.1:{secure.getHost().port}/vortexws",
            "https": f"https://127.0.0.1:{secure.getHost().port}/vortex",
            "ws on unix": "ws://localhost/vortexws",
            "http on unix": "http://localhost/vortex",
        }

    async def serve(self, endpoint: str, tls: TlsOptions | None = None) -> Any:
        service = vortexService(self.vortex, endpoint, static=False, tls=tls)
        service.startService()
        self.services.append(service)
        (listening,) = (each for each in service if isinstance(each, StreamServerEndpointService))
        port: Any = listening._waitingForPort
        return await port.addCallback(lambda port: port)

    def connect(self, case: Case) -> VortexConnection:
        client = Vortex("client")
        self.clients.append(client)
        options = dict(case.options)
        shown = options.pop("issued", None)
        if case.transport in ENCRYPTED:
            own = None if shown is None else self.issued[shown]
            certificate, key = (None, None) if own is None else (own.file, own.keyFile)
            options["tls"] = TlsOptions(certificate, key, trust=self.ca.file)
        if case.transport.endswith("on unix"):
            options["endpoint"] = UNIXClientEndpoint(reactor, f"{self.folder}/web")
        return client.connect(self.urls[case.transport], random=Random(1), **options)

    async def hangUp(self) -> None:
        """All clients go, for good."""
        clients, self.clients = self.clients, []
        for client in clients:
            await client.shutdown()

    async def stop(self) -> None:
        await self.hangUp()
        for service in self.services:
            await service.stopService()
        self.endpoint.shutdown()


def leftOver() -> list[str]:
    """What there is for somebody who is, or was, connected; a server that stops has nothing of it."""
    gc.collect()
    timers = [str(call) for call in reactor.getDelayedCalls() if "_updateLogDateTime" not in str(call)]
    classes = {getattr(import_module(module), name) for name, module in KEPT_FOR_A_PEER.items()}
    return [repr(each) for each in gc.get_objects() if type(each) in classes] + timers


@pytest.fixture(autouse=True, scope="module")
def _onlyWhatIsMadeHere() -> Iterator[None]:
    """A garbage collection looks at nothing that was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest_twisted.async_yield_fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    yield made
    await made.stop()


async def end(connection: VortexConnection) -> VortexError:
    """Why it has not come in."""
    failed: Deferred[None] = Deferred()

    def changed(state: str, _: VortexConnection) -> None:
        if state == "waiting" and not failed.called:
            failed.callback(None)

    if connection.error is None:
        stop = connection.onStateChange(changed)
        await failed.addTimeout(PATIENCE, reactor)
        stop()
    assert connection.error is not None
    return connection.error


async def visit(server: Server, case: Case) -> None:
    """A client comes, is let in or not, and goes."""
    connection = server.connect(case)
    if case.error is None:
        peer = await connection.connected.addTimeout(PATIENCE, reactor)
        answer = await peer.request(Payload({"key": "who"}), timeout=PATIENCE)
        assert answer.tuples == ([f"uid:{os.geteuid()}"] if case.authenticator == "users" else ["ada"])
        (there,) = server.vortex.peers
        assert there.roles == {"reader"}
        assert repr(there) in leftOver()
        there.close()
    else:
        kind, words = case.error
        error = await end(connection)
        assert words in str(error)
        assert isinstance(error, AccessDenied if case.transport in RAW and kind is Unauthenticated else kind)
        assert connection.peer is None
    await server.hangUp()


class TestAccess:
    @pytest.mark.parametrize("case", list(cases()), ids=str)
    @onReactor
    async def test_is_decided_before_anything_is_read(self, server: Server, case: Case) -> None:
        timers = leftOver()
        await server.start(case.authenticator)
        changes: list[bool] = []
        server.vortex.onPeerChange(lambda peer, online: changes.append(online))
        if case.showing == "revoked":
            server.vortex.revoke("ada")
            server.vortex.revoke(f"uid:{os.geteuid()}")

        await visit(server, case)

        await until(lambda: not set(leftOver()) - set(timers), leftOver)
        assert server.vortex.peers == ()
        assert changes == ([True, False] if case.error is None else [])
        assert len(server.vortex.wheel) == 0
