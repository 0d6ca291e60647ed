"""TLS between two vortexes, over sockets: who believes whom, and what the other is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from tests.integration.certificates import Issued
from tests.integration.on_reactor import onReactor
from vortex import (
    CertificateRefused,
    Limits,
    NotConnected,
    Payload,
    TlsOptions,
    Vortex,
    VortexConnection,
    VortexError,
)
from vortex.access.principal import Credentials, PeerCertificate, Principal
from vortex.testing import RecordingEndpoint

LOCAL = "tcp:0:interface=127.0.0.1"


class Knows:
    """An authenticator that lets in everybody, and notes what was shown."""

    def __init__(self) -> None:
        self.shown: list[PeerCertificate | None] = []

    def authenticate(self, credentials: Credentials) -> Principal:
        self.shown.append(credentials.peerCertificate)
        certificate = credentials.peerCertificate
        return Principal("nobody" if certificate is None else certificate.fingerprint)


class Scene:
    """
    A server with a certificate, whatever connects to it, and how that ends.

    Attributes:
        ca: Has signed the certificates of `server` and `client`; `stranger` has signed its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.knows = Knows()
        self.ca = Issued(folder, "ca", isCa=True)
        self.server = Issued(folder, "server", "127.0.0.1", "localhost", issuer=self.ca)
        self.client = Issued(folder, "pump-7", issuer=self.ca)
        self.stranger = Issued(folder, "stranger", "127.0.0.1")
        self.jobs = Vortex("jobs", authenticator=self.knows)
        self.pump = Vortex("pump")

    async def listen(self, shown: Issued | None = None, **options: Any) -> int:
        shown = shown or self.server
        tls = TlsOptions(shown.file, shown.keyFile, **options)
        port: Any = await self.jobs.listen(LOCAL, tls=tls)
        number: int = port.getHost().port
        return number

    def connect(self, port: int, *, host: str = "127.0.0.1", **options: Any) -> VortexConnection:
        options.setdefault("trust", self.ca.file)
        return self.pump.connect(f"tls://{host}:{port}", tls=TlsOptions(**options), random=Random(1))

    async def close(self) -> None:
        await self.pump.shutdown()
        await self.jobs.shutdown()


async def refusal(connection: VortexConnection) -> VortexError:
    """Why it could not connect, or was cut off at once."""
    failed: Deferred[None] = Deferred()

    def changed(state: str, _: VortexConnection) -> None:
        if state == "waiting" and not failed.called:
            failed.callback(None)

    if connection.error is None:
        connection.onStateChange(changed)
        await failed.addTimeout(10, reactor)
    assert connection.error is not None
    return connection.error


@pytest_twisted.async_yield_fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    await made.close()


class TestServersCertificate:
    @onReactor
    async def test_from_a_ca_that_is_trusted_is_believed(self, scene: Scene) -> None:
        heard = RecordingEndpoint({"key": "jobs"}, vortex=scene.jobs)
        connection = scene.connect(await scene.listen())

        peer = await connection.connected
        await connection.send(Payload({"key": "jobs"}, ["x"]))
        (payload,) = await heard.waitFor(1)

        assert payload.tuples == ["x"]
        assert (peer.transport, scene.jobs.peers[0].transport) == ("tls", "tls")
        assert scene.knows.shown == [None]

    @onReactor
    async def test_is_checked_for_a_name_too(self, scene: Scene) -> None:
        connection = scene.connect(await scene.listen(), host="localhost")

        assert (await connection.connected).name == "jobs"

    @onReactor
    async def test_may_have_a_ca_in_between(self, scene: Scene) -> None:
        between = Issued(scene.folder, "between", isCa=True, issuer=scene.ca)
        shown = Issued(scene.folder, "below", "127.0.0.1", issuer=between)
        shown.file.write_bytes(shown.pem + between.pem)

        connection = scene.connect(await scene.listen(shown))

        assert (await connection.connected).name == "jobs"

    @onReactor
    async def test_from_nobody_that_is_known_is_refused_with_the_way_out(self, scene: Scene) -> None:
        error = await refusal(scene.connect(await scene.listen(scene.stranger)))

        assert type(error) is CertificateRefused
        assert "the server's certificate is not accepted: it is signed by itself" in str(error)
        assert "trust=" in str(error)
        assert f"{scene.stranger.fingerprint} is its fingerprint" in str(error)
        assert scene.jobs.peers == ()

    @onReactor
    async def test_is_held_against_the_systems_cas_if_no_other_is_named(self, scene: Scene) -> None:
        error = await refusal(scene.connect(await scene.listen(), trust=None))

        assert type(error) is CertificateRefused
        assert "signed by a CA that is not trusted" in str(error)

    @onReactor
    async def test_from_a_ca_of_the_systems_is_believed(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(scene.ca.file))

        connection = scene.pump.connect(f"tls://localhost:{await scene.listen()}")

        assert (await connection.connected.addTimeout(10, reactor)).name == "jobs"

    @onReactor
    async def test_of_another_host_is_refused(self, scene: Scene) -> None:
        elsewhere = Issued(scene.folder, "elsewhere", "elsewhere.example", issuer=scene.ca)

        error = await refusal(scene.connect(await scene.listen(elsewhere)))

        assert type(error) is CertificateRefused
        assert "it is not for the host '127.0.0.1'" in str(error)

    @onReactor
    async def test_that_has_expired_is_refused(self, scene: Scene) -> None:
        old = Issued(scene.folder, "old", "127.0.0.1", issuer=scene.ca, expired=True)

        error = await refusal(scene.connect(await scene.listen(old)))

        assert type(error) is CertificateRefused
        assert "it has expired" in str(error)

    @onReactor
    async def test_may_be_known_by_its_fingerprint_alone(self, scene: Scene) -> None:
        shown = scene.stranger.fingerprint.upper()
        colons = ":".join(shown[at : at + 2] for at in range(0, 64, 2))

        connection = scene.connect(
            await scene.listen(scene.stranger), host="localhost", trust=None, fingerprints=[colons]
        )

        assert (await connection.connected).name == "jobs"

    @onReactor
    async def test_of_another_fingerprint_is_refused_whoever_has_signed_it(self, scene: Scene) -> None:
        pins = [scene.stranger.fingerprint]

        error = await refusal(scene.connect(await scene.listen(), fingerprints=pins))

        assert type(error) is CertificateRefused
        assert f"its fingerprint is {scene.server.fingerprint}" in str(error)

    @onReactor
    async def test_that_was_renewed_is_believed_from_the_next_attempt_on(self, scene: Scene) -> None:
        port = await scene.listen()
        trust = scene.folder / "trust.pem"
        trust.write_bytes(scene.stranger.pem)
        connection = scene.connect(port, trust=trust)
        await refusal(connection)

        trust.write_bytes(scene.ca.pem)

        assert (await connection.connected.addTimeout(10, reactor)).name == "jobs"


class TestClientsCertificate:
    @onReactor
    async def test_is_told_who_lets_in(self, scene: Scene) -> None:
        port = await scene.listen(trust=scene.ca.file, clientCertificates="required")

        connection = scene.connect(port, certificate=scene.client.file, privateKey=scene.client.keyFile)
        await connection.connected

        assert scene.knows.shown == [
            PeerCertificate(scene.client.fingerprint, "CN=pump-7,O=Water", scene.client.der)
        ]
        assert scene.jobs.peers[0].identity == scene.client.fingerprint

    @onReactor
    async def test_and_its_key_may_be_in_one_file(self, scene: Scene) -> None:
        both = scene.folder / "both.pem"
        both.write_bytes(scene.client.keyPem() + scene.client.pem)
        port = await scene.listen(trust=scene.ca.file, clientCertificates="required")

        assert (await scene.connect(port, certificate=both).connected).name == "jobs"

    @pytest.mark.parametrize("shown", ["stranger", "client"])
    @onReactor
    async def test_of_any_origin_proves_a_key_where_no_ca_is_named(self, scene: Scene, shown: str) -> None:
        mine: Issued = getattr(scene, shown)
        port = await scene.listen(clientCertificates="required")

        await scene.connect(port, certificate=mine.file, privateKey=mine.keyFile).connected

        assert [each and each.fingerprint for each in scene.knows.shown] == [mine.fingerprint]

    @pytest.mark.parametrize("asks", ["optional", "required"])
    @onReactor
    async def test_from_nobody_that_is_known_is_refused_and_its_owner_told(
        self, scene: Scene, asks: str
    ) -> None:
        port = await scene.listen(trust=scene.ca.file, clientCertificates=asks)
        mine = scene.stranger
        logged: list[str] = []

        def note(event: LogEvent) -> None:
            if event["log_namespace"] == "vortex.transports.stream_server":
                logged.append(formatEvent(event))

        publisher: Any = globalLogPublisher
        publisher.addObserver(note)
        error = await refusal(scene.connect(port, certificate=mine.file, privateKey=mine.keyFile))
        publisher.removeObserver(note)

        assert type(error) is CertificateRefused
        assert "the server does not accept our certificate" in str(error)
        assert "127.0.0.1: the client's certificate is not accepted" in logged[0]
        assert scene.knows.shown == []
        assert scene.jobs.peers == ()

    @onReactor
    async def test_that_is_missing_is_asked_for_in_words(self, scene: Scene) -> None:
        port = await scene.listen(clientCertificates="required")

        error = await refusal(scene.connect(port))

        assert type(error) is CertificateRefused
        assert "TlsOptions(certificate=..., privateKey=...)" in str(error)
        assert scene.knows.shown == []

    @onReactor
    async def test_that_is_optional_may_be_missing(self, scene: Scene) -> None:
        port = await scene.listen(clientCertificates="optional")

        await scene.connect(port).connected

        assert scene.knows.shown == [None]

    @onReactor
    async def test_is_not_asked_for_unless_it_is_said(self, scene: Scene) -> None:
        port = await scene.listen()
        mine = scene.client

        await scene.connect(port, certificate=mine.file, privateKey=mine.keyFile).connected

        assert scene.knows.shown == [None]


class TestWithoutTls:
    @onReactor
    async def test_one_end_says_that_the_other_has_it(self, scene: Scene) -> None:
        port = await scene.listen()

        error = await refusal(scene.pump.connect(f"tcp://127.0.0.1:{port}"))

        assert type(error) is NotConnected
        assert "does it want tls://?" in str(error)

    @onReactor
    async def test_one_end_says_that_the_other_has_none(self, scene: Scene) -> None:
        port: Any = await scene.jobs.listen(LOCAL)

        error = await refusal(scene.connect(port.getHost().port))

        assert type(error) is NotConnected
        assert "does not speak TLS" in str(error)


class Mute(Protocol):
    """Takes a connection, and says nothing."""

    def __init__(self, ended: Deferred[None]) -> None:
        self._ended = ended

    def connectionLost(self, reason: Any = None) -> None:
        if not self._ended.called:
            self._ended.callback(None)


class TestHandshake:
    @onReactor
    async def test_of_ours_does_not_wait_for_ever(self, tmp_path: Path) -> None:
        ended: Deferred[None] = Deferred()
        installed: Any = reactor
        mute: Any = await TCP4ServerEndpoint(installed, 0, interface="127.0.0.1").listen(
            Factory.forProtocol(lambda: Mute(ended))
        )
        pump = Vortex("pump", limits=Limits(connectTimeout=0.2))

        error = await refusal(pump.connect(f"tls://127.0.0.1:{mute.getHost().port}"))

        assert "it was not there within 0.2 s (connectTimeout)" in str(error)
        await ended
        await pump.shutdown()
        await mute.stopListening()

    @onReactor
    async def test_of_others_has_to_come_in_time(self, tmp_path: Path) -> None:
        shown = Issued(tmp_path, "server")
        jobs = Vortex("jobs", limits=Limits(helloTimeout=0.2))
        port: Any = await jobs.listen(LOCAL, tls=TlsOptions(shown.file, shown.keyFile))
        ended: Deferred[None] = Deferred()
        installed: Any = reactor
        await connectProtocol(TCP4ClientEndpoint(installed, "127.0.0.1", port.getHost().port), Mute(ended))

        await ended.addTimeout(10, installed)
        await jobs.shutdown()
