"""Connections between vortexes over sockets: how they are made, why they are not, and what ends them."""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.application.service import MultiService
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    clientFromString,
    connectProtocol,
    quoteStringArgument,
)
from twisted.internet.interfaces import IListeningPort

from tests.integration.certificates import Issued
from tests.integration.children import ROOT, Child
from tests.integration.on_reactor import onReactor
from tests.testing.protocols import Noting
from tests.transports.streams_by_hand import helloOf
from tests.wire_messages import base64Envelope, decode
from vortex import (
    AddressInUse,
    ConnectionRefused,
    ConnectionState,
    Limits,
    NameNotFound,
    NotConnected,
    Payload,
    PayloadEndpoint,
    TlsOptions,
    Vortex,
    VortexConnection,
    VortexError,
    VortexPeer,
    VortexResource,
    VortexSite,
)
from vortex.access.principal import Credentials, Principal, UnixCredentials
from vortex.routing.delivery import Delivery

LOCAL = "tcp:0:interface=127.0.0.1"
SCHEMES = {"tcp": "tcp", "tls": "tls", "unix": "unix", "ws": "websocket", "http": "post"}
"""Each with what a peer's `transport` says then."""

LARGE = [Random(seed).randbytes(500_000) for seed in range(4)]

reactor: Any = installed


class Scene:
    """One node that answers, in each way that there is to connect to it, and one that connects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = Vortex("jobs")
        self.pump = Vortex("pump")
        self.shown = Issued(folder, "jobs")
        self._sites: list[IListeningPort] = []
        self._echo = PayloadEndpoint({"key": "echo"}, self._answer, self.jobs)

    def _answer(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples, True)

    @property
    def socket(self) -> Path:
        return self.folder / "jobs.sock"

    async def listen(self, scheme: str) -> str:
        """Have it listen; the URL to connect to it by."""
        if scheme == "unix":
            await self.jobs.listen(f"unix:{self.socket}")
            return f"unix://{self.socket}"
        port: Any
        if scheme in ("tcp", "tls"):
            tls = TlsOptions(self.shown.file, self.shown.keyFile) if scheme == "tls" else None
            port = await self.jobs.listen(LOCAL, tls=tls)
        else:
            site = VortexSite(VortexResource(self.jobs))
            port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
            self._sites.append(port)
        return f"{scheme}://127.0.0.1:{port.getHost().port}"

    def connect(self, url: str, **options: Any) -> VortexConnection:
        if url.startswith("tls"):
            options.setdefault("tls", TlsOptions(fingerprints=[self.shown.fingerprint]))
        return self.pump.connect(url, random=Random(1), **options)

    async def close(self) -> None:
        await self.pump.shutdown()
        await self.jobs.shutdown()
        for site in self._sites:
            stopping: Any = site.stopListening()
            await stopping


@pytest_twisted.async_yield_fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    await made.close()


async def firstError(connection: VortexConnection) -> VortexError:
    """Why the first attempt has failed."""
    if connection.error is None:
        await nextState(connection)
    assert connection.error is not None
    return connection.error


async def nextState(connection: VortexConnection) -> ConnectionState:
    """The state that follows its present one."""
    changed: Deferred[ConnectionState] = Deferred()

    def note(state: ConnectionState, _: VortexConnection) -> None:
        if not changed.called:
            changed.callback(state)

    stop = connection.onStateChange(note)
    await changed.addTimeout(10, reactor)
    stop()
    return connection.state


@pytest.mark.parametrize("scheme", SCHEMES)
class TestEachTransport:
    @onReactor
    async def test_carries_a_request_and_its_answer_whatever_their_size(
        self, scene: Scene, scheme: str
    ) -> None:
        connection = scene.connect(await scene.listen(scheme))

        peer = await connection.connected
        answer = await connection.request(Payload({"key": "echo"}, LARGE))

        assert answer.tuples == LARGE
        assert {peer.transport, scene.jobs.peers[0].transport} == {SCHEMES[scheme]}
        assert (peer.name, scene.jobs.peers[0].name) == ("jobs", "pump")
        assert scene.jobs.peers[0].address == ("local" if scheme == "unix" else "127.0.0.1")

    @onReactor
    async def test_is_closed_before_it_is_there(self, scene: Scene, scheme: str) -> None:
        connection = scene.connect(await scene.listen(scheme))
        connected = connection.connected

        await connection.close()

        assert (connection.state, scene.pump.connections) == ("closed", set())
        with pytest.raises(NotConnected, match="closed"):
            await connected

    @onReactor
    async def test_ends_with_the_node_that_it_leads_to(self, scene: Scene, scheme: str) -> None:
        connection = scene.connect(await scene.listen(scheme), wire="vortexpy")
        await connection.connected
        states: list[ConnectionState] = []
        connection.onStateChange(lambda state, _: states.append(state))

        await scene.jobs.shutdown()
        if not states:
            await nextState(connection)

        assert states[0] == "waiting"
        assert connection.peer is None
        assert scene.pump.peers == ()

    @onReactor
    async def test_waits_for_the_next_life_of_the_node_that_it_leads_to(
        self, scene: Scene, scheme: str
    ) -> None:
        connection = scene.connect(await scene.listen(scheme))
        peer = await connection.connected
        states: list[ConnectionState] = []
        connection.onStateChange(lambda state, _: states.append(state))

        await scene.jobs.shutdown()
        if not states:
            await nextState(connection)

        assert states[0] == "waiting"
        assert (connection.peer, peer.isOnline, peer.isConnected) == (peer, True, False)
        assert "this vortex is shutting down" in str(connection.error)


class TestWhyNot:
    @onReactor
    async def test_a_name_does_not_resolve(self, scene: Scene) -> None:
        error = await firstError(scene.connect("tcp://no-such-host.invalid:8081"))

        assert type(error) is NameNotFound
        assert str(error) == "tcp://no-such-host.invalid:8081: the host's name does not resolve"

    @onReactor
    async def test_nobody_listens(self, scene: Scene) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

        for url in (f"tcp://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", f"unix://{scene.socket}"):
            error = await firstError(scene.connect(url))
            assert type(error) is ConnectionRefused
            assert "nobody listens there" in str(error)

    @onReactor
    async def test_a_socket_is_left_over(self, scene: Scene) -> None:
        leaveSocket(scene.socket)

        assert type(await firstError(scene.connect(f"unix://{scene.socket}"))) is ConnectionRefused

    @onReactor
    async def test_nobody_answers_in_time(self, tmp_path: Path) -> None:
        pump = Vortex("pump", limits=Limits(connectTimeout=0.3))
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            fillers = [socket.socket() for _ in range(4)]
            for each in fillers:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            connection = pump.connect(f"tcp://127.0.0.1:{full.getsockname()[1]}")

            error = await firstError(connection)

            await pump.shutdown()
            for each in fillers:
                each.close()
        assert type(error) is NotConnected
        assert "no answer in time" in str(error) or "within 0.3 s" in str(error)


def leaveSocket(path: Path) -> None:
    """As a program does that ends without tidying up."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def lockOf(path: Path) -> Path:
    return Path(f"{path}.lock")


def notPermitted(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.fixture
def _twistedLeavesASocket() -> Iterator[None]:
    """Where it cannot bind one: whoever sweeps up the garbage finds it, here and nowhere else."""
    yield
    gc.collect()


@pytest.mark.usefixtures("_twistedLeavesASocket")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
class TestListening:
    @onReactor
    async def test_where_another_program_does_says_so(self, scene: Scene) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

            with pytest.raises(AddressInUse, match=f"another program listens at port {port}; end that one"):
                await scene.jobs.listen(f"tcp:{port}:interface=127.0.0.1")

    @onReactor
    async def test_at_a_socket_of_another_program_says_so(self, scene: Scene) -> None:
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(str(scene.socket))
            taken.listen()

            with pytest.raises(AddressInUse, match=r"another program listens at '.*jobs.sock'"):
                await scene.jobs.listen(f"unix:{scene.socket}")

    @onReactor
    async def test_at_a_socket_of_another_vortex_says_so(self, scene: Scene) -> None:
        await scene.listen("unix")

        with pytest.raises(AddressInUse, match=r"another program listens at '.*jobs.sock'"):
            await scene.pump.listen(f"unix:{scene.socket}")

    @onReactor
    @pytest.mark.parametrize("holder", [None, "1", "ours", "99999999", "nobody"])
    async def test_at_a_socket_that_is_left_over_takes_its_place(
        self, scene: Scene, holder: str | None
    ) -> None:
        leaveSocket(scene.socket)
        if holder is not None:  # of a process that had the number of another one, or of this
            lockOf(scene.socket).symlink_to(str(os.getpid()) if holder == "ours" else holder)

        url = await scene.listen("unix")

        await scene.connect(url).connected
        assert str(lockOf(scene.socket).readlink()) == str(os.getpid())

    @onReactor
    async def test_at_a_socket_whose_lock_is_of_another_users_process_takes_its_place(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leaveSocket(scene.socket)
        lockOf(scene.socket).symlink_to("1")
        monkeypatch.setattr("twisted.python.lockfile.kill", notPermitted)

        await scene.connect(await scene.listen("unix")).connected

    @onReactor
    async def test_beside_a_lock_of_ones_own_number_is_no_trouble(self, scene: Scene) -> None:
        lockOf(scene.socket).symlink_to(str(os.getpid()))

        await scene.connect(await scene.listen("unix")).connected

    @onReactor
    @pytest.mark.parametrize("isPermitted", [True, False])
    async def test_beside_a_lock_of_a_process_that_runs_says_what_to_do(
        self, scene: Scene, isPermitted: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lockOf(scene.socket).symlink_to("1")
        if not isPermitted:
            monkeypatch.setattr("twisted.python.lockfile.kill", notPermitted)

        with pytest.raises(AddressInUse, match=r"it is process 1 .* no socket; .* remove '.*jobs.sock.lock'"):
            await scene.jobs.listen(f"unix:{scene.socket}")

        assert str(lockOf(scene.socket).readlink()) == "1"

    @onReactor
    async def test_at_a_socket_that_cannot_be_removed_says_what_to_do(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leaveSocket(scene.socket)
        lockOf(scene.socket).symlink_to("1")
        monkeypatch.setattr(Path, "unlink", notPermitted)

        with pytest.raises(AddressInUse, match=r"remove '.*jobs.sock' and '.*jobs.sock.lock'"):
            await scene.jobs.listen(f"unix:{scene.socket}")

    @onReactor
    async def test_at_a_socket_with_a_colon_in_its_name_takes_its_place_too(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = scene.folder / "a:b.sock"
        leaveSocket(path)
        lockOf(path).symlink_to("1")
        monkeypatch.setattr("twisted.python.lockfile.kill", notPermitted)

        await scene.jobs.listen(f"unix:{quoteStringArgument(str(path))}:mode=600")

        await scene.connect(f"unix://{path}").connected

    @onReactor
    async def test_at_a_file_says_that_it_is_none(self, scene: Scene) -> None:
        scene.socket.write_text("precious")

        with pytest.raises(AddressInUse, match=r"a file '.*jobs.sock', which is no socket"):
            await scene.jobs.listen(f"unix:{scene.socket}")

        assert scene.socket.read_text() == "precious"

    @onReactor
    async def test_where_there_is_no_folder_fails_as_it_does_in_twisted(self, scene: Scene) -> None:
        with pytest.raises(FileNotFoundError):
            await scene.jobs.listen(f"unix:{scene.folder}/missing/jobs.sock")

    @onReactor
    async def test_of_a_node_that_was_shut_down_is_refused(self, scene: Scene) -> None:
        await scene.jobs.shutdown()

        with pytest.raises(NotConnected, match="was shut down, and listens no more"):
            await scene.jobs.listen(LOCAL)

    @onReactor
    async def test_ends_with_the_node(self, scene: Scene) -> None:
        url = await scene.listen("tcp")
        socketUrl = await scene.listen("unix")

        await scene.jobs.shutdown()

        assert not scene.socket.exists()
        for each in (url, socketUrl):
            assert type(await firstError(scene.connect(each))) is ConnectionRefused


class TestUnixSockets:
    @onReactor
    async def test_say_who_runs_the_other_end(self, tmp_path: Path) -> None:
        shown: list[UnixCredentials | None] = []

        class ByUser:
            def authenticate(self, credentials: Credentials) -> Principal:
                shown.append(credentials.unixCredentials)
                return Principal("me")

        jobs, pump = Vortex("jobs", authenticator=ByUser()), Vortex("pump")
        await jobs.listen(f"unix:{tmp_path}/jobs.sock")

        await pump.connect(f"unix:{tmp_path}/jobs.sock").connected

        assert shown == [UnixCredentials(os.getuid(), os.getgid())]
        assert jobs.peers[0].identity == "me"
        await pump.shutdown()
        await jobs.shutdown()

    @onReactor
    async def test_may_have_tls_over_them(self, scene: Scene) -> None:
        tls = TlsOptions(scene.shown.file, scene.shown.keyFile)
        await scene.jobs.listen(f"unix:{scene.socket}", tls=tls)
        endpoint = UNIXClientEndpoint(reactor, str(scene.socket))

        peer = await scene.connect("tls://jobs:1", endpoint=endpoint).connected

        assert (peer.transport, peer.address) == ("tls", "local")


class TestTheLastWords:
    @pytest.mark.parametrize("scheme", ["tcp", "unix"])
    @onReactor
    async def test_are_heard_though_something_comes_in_that_nobody_reads(
        self, scene: Scene, scheme: str
    ) -> None:
        url = await scene.listen(scheme)
        where = f"unix:{scene.socket}" if scheme == "unix" else f"tcp:127.0.0.1:{url.rpartition(':')[2]}"
        ended: Deferred[None] = Deferred()

        class Talker(Noting):
            """Says hello, and goes on talking while it is being told farewell."""

            def connectionMade(self) -> None:
                self.transport.write(helloOf())

            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                self.transport.write(base64Envelope({"key": "nobody"}, ["x" * 1000]) + b".")

            def connectionLost(self, reason: Any = None) -> None:
                ended.callback(None)

        def farewell(peer: VortexPeer, online: bool) -> None:
            if online:
                reactor.callLater(0, peer.send, Payload({"key": "farewell"}, LARGE))
                reactor.callLater(0, peer.close)

        scene.jobs.onPeerChange(farewell)

        talker: Any = await connectProtocol(clientFromString(reactor, where), Talker())
        await ended.addTimeout(10, reactor)

        *frames, rest = talker.received.split(b".")
        assert rest == b""
        assert decode(frames[-1])["filt"]["key"] == "farewell"


PROGRAM = """
import sys
if "asyncio" in sys.argv:
    from twisted.internet import asyncioreactor
    asyncioreactor.install()
from twisted.internet import defer, task
from vortex import Payload, PayloadEndpoint, Vortex

async def main(reactor):
    jobs, pump = Vortex("jobs"), Vortex("pump")
    echo = PayloadEndpoint({"key": "echo"}, lambda payload, delivery: delivery.reply(payload.tuples), jobs)
    port = await jobs.listen("tcp:0:interface=127.0.0.1")
    connection = pump.connect(f"tcp://localhost:{port.getHost().port}")
    peer = await connection.connected
    print(type(reactor).__name__, peer.name, (await peer.request(Payload({"key": "echo"}, [1]))).tuples)
    await pump.shutdown()
    await jobs.shutdown()
    print(connection.state, reactor.getDelayedCalls())

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


class TestPrograms:
    @pytest.mark.parametrize(
        ("which", "name"), [("default", "EPollReactor"), ("asyncio", "AsyncioSelectorReactor")]
    )
    def test_run_by_react_end_in_order(self, tmp_path: Path, which: str, name: str) -> None:
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)

        with Child(
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::ResourceWarning",
            program,
            which,
            environment={"PYTHONPATH": str(ROOT)},
        ) as child:
            status = child.finish()

        assert child.lines == [f"{name} jobs [1]", "closed []"]
        assert (status, child.errors) == (0, "")

    @onReactor
    async def test_may_have_a_connection_among_their_services(self, scene: Scene) -> None:
        connection = VortexConnection(scene.pump, await scene.listen("tcp"))
        services = MultiService()
        connection.setServiceParent(services)
        assert (connection.state, scene.pump.connections) == ("waiting", set())

        services.startService()
        assert (await connection.connected).name == "jobs"
        await services.stopService()

        assert (connection.state, scene.pump.peers, scene.jobs.isShutDown) == ("closed", (), False)

    @onReactor
    async def test_may_give_a_connection_its_parent_when_it_runs(self, scene: Scene) -> None:
        services = MultiService()
        services.startService()
        connection = scene.connect(await scene.listen("tcp"))

        connection.setServiceParent(services)

        await connection.connected
        assert len(scene.jobs.peers) == 1
        await services.stopService()
