"""The blocking client over each transport, through cuts, in threads, and in programs of its own."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.threads import deferToThread
from twisted.web.pages import notFound

from tests.integration.certificates import Issued
from tests.integration.children import PATIENCE, ROOT
from tests.integration.cutter import Cutter, Way
from tests.integration.on_reactor import onReactor
from tests.integration.postgresql import freePort
from vortex import (
    AccessDenied,
    BlockingVortexClient,
    CertificateRefused,
    Delivery,
    NotConnected,
    Payload,
    PayloadEndpoint,
    RemoteError,
    RequestTimeout,
    SharedSecretAuthenticator,
    TlsOptions,
    TupleActionProcessor,
    TupleDataObservableHandler,
    TupleGenericAction,
    TupleSelector,
    Unauthenticated,
    Vortex,
    VortexResource,
    VortexSite,
)
from vortex.transports.tls import tlsFactory

reactor: Any = installed

LONGEST = 8.0
"""Seconds after which a call that may take one takes too long: less than any limit of the client's own."""

JOBS = TupleSelector(name="jobs", selector={"all": True})


class Yard:
    """
    A server with something to ask, to observe and to do.

    Attributes:
        told: What was sent to it, in order.
        done: The keys of the actions that it has carried out.
    """

    def __init__(self, **options: Any) -> None:
        self.vortex = Vortex("yard", **options)
        self.told: list[Any] = []
        self.done: list[Any] = []
        self.waiting: list[Delivery] = []
        self._ports: list[Any] = []
        self._endpoint = PayloadEndpoint({"key": "tell"}, self._tell, self.vortex)
        self._silent = PayloadEndpoint({"key": "silent"}, self._wait, self.vortex)
        self._observable = TupleDataObservableHandler("jobs", self.vortex)
        self._observable.addTupleProvider("jobs", lambda selector, peer: list(self.done))
        self._actions = TupleActionProcessor("acts", self.vortex)
        self._actions.setDelegate(TupleGenericAction, self._act)

    def _tell(self, payload: Payload, delivery: Delivery) -> None:
        self.told += payload.tuples
        if delivery.messageId is not None:
            delivery.reply([len(self.told)])

    def _wait(self, payload: Payload, delivery: Delivery) -> None:
        self.waiting.append(delivery)

    def _act(self, action: TupleGenericAction) -> list[Any]:
        self.done.append(action.key)
        return [f"{action.key} was done"]

    async def site(self, tls: TlsOptions | None = None) -> int:
        """Serve HTTP; the port."""
        root: Any = notFound()
        root.putChild(b"vortex", VortexResource(self.vortex))
        site = VortexSite(root, self.vortex.limits, reactor=reactor)
        factory = site if tls is None else tlsFactory(tls, site, reactor)
        port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self._ports.append(port)
        return int(port.getHost().port)

    async def raw(self, **options: Any) -> int:
        port: Any = await self.vortex.listen("tcp:0:interface=127.0.0.1", **options)
        return int(port.getHost().port)

    async def close(self) -> None:
        await gatherResults([port.stopListening() for port in self._ports])
        await self.vortex.shutdown()


@asynccontextmanager
async def yard(**options: Any) -> AsyncIterator[Yard]:
    made = Yard(**options)
    try:
        yield made
    finally:
        await made.close()


def blocking(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call *function* in a thread, so that the reactor goes on."""
    return deferToThread(function, *args, **kwargs).addTimeout(2 * PATIENCE, reactor)


def believing(certificate: Issued) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate.file))


async def reach(server: Yard, transport: str, folder: Path) -> tuple[str, ssl.SSLContext | None]:
    """The URL of *server* by *transport*, and whom to believe there."""
    if transport == "http":
        return f"http://127.0.0.1:{await server.site()}", None
    if transport == "tcp":
        return f"tcp://127.0.0.1:{await server.raw()}", None
    if transport == "unix":
        await server.vortex.listen(f"unix:{folder / 's'}")
        return f"unix://{folder / 's'}", None
    issued = Issued(folder, "yard", "127.0.0.1", isCa=True)
    options = TlsOptions(certificate=issued.file, privateKey=issued.keyFile)
    port = await (server.raw(tls=options) if transport == "tls" else server.site(options))
    return f"{transport}://127.0.0.1:{port}", believing(issued)


class TestEachCall:
    @onReactor
    @pytest.mark.parametrize("transport", ["http", "https", "tcp", "tls", "unix"])
    async def test_does_what_it_says(self, transport: str, tmp_path: Path) -> None:
        def script(url: str, tls: ssl.SSLContext | None) -> list[Any]:
            with BlockingVortexClient(url, tls=tls, timeout=PATIENCE) as client:
                results: list[Any] = [client.poll(JOBS, observable="jobs", timeout=None)]
                results.append(client.pushAction(TupleGenericAction(key="dig"), name="acts"))
                results.append(client.poll(JOBS, observable="jobs"))
                client.send(Payload({"key": "tell"}, ["a" * 100_000]))
                results.append(client.request(Payload({"key": "tell"}, ["b"])).tuples)
                with client.sender({"key": "tell"}, maxBatch=10) as sender:
                    for number in range(25):
                        sender.send(number)
                results.append(client.request(Payload({"key": "tell"}, ["c"])).tuples)
            return results

        async with yard() as server:
            url, tls = await reach(server, transport, tmp_path)

            results = await blocking(script, url, tls)

            assert results == [[], ["dig was done"], ["dig"], [2], [28]]
            assert server.told == ["a" * 100_000, "b", *range(25), "c"]
            await goes(server)

    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_is_told_at_once_that_there_is_no_such_name(self, transport: str, tmp_path: Path) -> None:
        def script(url: str) -> list[str]:
            codes: list[str] = []
            with BlockingVortexClient(url, timeout=3 * PATIENCE) as client:
                for call in (
                    lambda: client.poll(JOBS, observable="jbos"),
                    lambda: client.pushAction(TupleGenericAction(key="dig"), name="atcs"),
                ):
                    with pytest.raises(RemoteError) as caught:
                        call()
                    codes.append(caught.value.code)
            return codes

        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)

            assert await blocking(script, url) == ["unknown-observable", "unknown-action"]


async def goes(server: Yard) -> None:
    """The last peer has gone, or goes now."""
    gone: Deferred[None] = Deferred()

    def look(*_: Any) -> None:
        if not server.vortex.peers and not gone.called:
            gone.callback(None)

    stop = server.vortex.onPeerChange(look)
    look()
    await gone.addTimeout(PATIENCE, reactor)
    stop()


def places() -> Iterator[tuple[Way, int]]:
    """Sooner and later in what a connection brings, both ways."""
    for size in range(7, 900, 47):
        yield "up", size
        yield "down", size


class TestThroughCuts:
    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_nothing_is_lost_and_nothing_done_twice(self, transport: str, tmp_path: Path) -> None:
        keys = [f"job {number}" for number in range(30)]

        def script(url: str, isOver: Callable[[], bool]) -> list[Any]:
            answers: list[Any] = []
            with BlockingVortexClient(url, timeout=PATIENCE) as client:
                client._session._backoff._cap = 0.01
                while not isOver():
                    for key in keys[len(answers) % len(keys) :][:1]:
                        answers += client.pushAction(TupleGenericAction(key=key), name="acts")
                    client.send(Payload({"key": "tell"}, [len(answers)]))
            return answers

        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)
            port = int(url.rpartition(":")[2])
            cutter = Cutter(TCP4ClientEndpoint(reactor, "127.0.0.1", port), places())
            where = await cutter.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
            cutter.begin()
            try:
                scheme = url.partition(":")[0]
                answers = await blocking(
                    script, f"{scheme}://127.0.0.1:{where.port}", lambda: cutter._next is None
                )
            finally:
                await cutter.close()

            assert cutter.cuts == len(list(places()))
            assert answers == [f"{key} was done" for key in server.done]
            assert server.done == [keys[number % len(keys)] for number in range(len(answers))]
            assert server.told == list(range(1, len(answers) + 1))

    @onReactor
    async def test_a_server_that_comes_later_is_found(self) -> None:
        port = freePort()
        client = BlockingVortexClient(f"tcp://127.0.0.1:{port}", timeout=PATIENCE)
        asked = blocking(client.request, Payload({"key": "tell"}, ["early"]))
        async with yard() as server:
            await server.vortex.listen(f"tcp:{port}:interface=127.0.0.1")

            assert (await asked).tuples == [1]
            await blocking(client.close)

    @onReactor
    async def test_a_server_that_is_nowhere_is_told(self) -> None:
        for scheme in ("tcp", "http"):
            client = BlockingVortexClient(f"{scheme}://127.0.0.1:{freePort()}", timeout=0.3)

            with pytest.raises(NotConnected, match="nobody listens there"):
                await blocking(client.request, Payload({"key": "tell"}))


class TestACallsTime:
    """However the server does not answer, it is no longer than was said."""

    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    @pytest.mark.parametrize("call", ["request", "send", "wait"])
    async def test_is_over_when_the_server_is_silent(self, transport: str, call: str, tmp_path: Path) -> None:
        async with between(transport, tmp_path) as (server, cutter, client):
            assert (await blocking(client.request, Payload({"key": "tell"}, ["before"]))).tuples == [1]
            if call == "wait":
                asked = blocking(client.request, Payload({"key": "silent"}), timeout=1)
                while not server.waiting:
                    await turn()
                cutter.isSilent = True
            else:
                cutter.isSilent = True
                asked = blocking(getattr(client, call), Payload({"key": "tell"}, ["within"]), timeout=1)
            with pytest.raises(RequestTimeout, match="did not answer in 1 s"):
                await asked.addTimeout(LONGEST, reactor)

            cutter.speak()
            assert (await blocking(client.request, Payload({"key": "tell"}, ["after"]))).tuples
            assert [told for told in server.told if told != "within"] == ["before", "after"]
            assert server.told.count("within") <= 1

    @onReactor
    async def test_is_over_when_the_answer_comes_byte_by_byte(self, tmp_path: Path) -> None:
        async with between("http", tmp_path) as (server, cutter, client):
            assert (await blocking(client.request, Payload({"key": "tell"}, [1]))).tuples == [1]
            cutter.drip = 0.2
            with pytest.raises(RequestTimeout, match="did not answer in 1 s"):
                await blocking(client.request, Payload({"key": "tell"}, [2]), timeout=1).addTimeout(
                    LONGEST, reactor
                )

            cutter.drip = 0.0
            assert (await blocking(client.request, Payload({"key": "tell"}, [3]))).tuples == [3]
            assert server.told == [1, 2, 3]


@asynccontextmanager
async def between(transport: str, folder: Path) -> AsyncIterator[tuple[Yard, Cutter, BlockingVortexClient]]:
    """A server, a client, and what stands between them."""
    async with yard() as server:
        url, _ = await reach(server, transport, folder)
        port = int(url.rpartition(":")[2])
        cutter = Cutter(TCP4ClientEndpoint(reactor, "127.0.0.1", port), iter(()))
        where = await cutter.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
        client = BlockingVortexClient(f"{transport}://127.0.0.1:{where.port}", timeout=PATIENCE)
        try:
            yield server, cutter, client
            await blocking(client.close)
        finally:
            await cutter.close()


class TestInThreads:
    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_each_call_gets_its_own_answer(self, transport: str, tmp_path: Path) -> None:
        def script(url: str) -> list[Any]:
            with BlockingVortexClient(url, timeout=PATIENCE) as client, ThreadPoolExecutor(8) as pool:

                def push(number: int) -> Any:
                    return client.pushAction(TupleGenericAction(key=f"{number}"), name="acts")

                return list(pool.map(push, range(100)))

        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)

            answers = await blocking(script, url)

            assert answers == [[f"{number} was done"] for number in range(100)]
            assert sorted(map(int, server.done)) == list(range(100))

    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_a_call_that_waits_ends_when_the_client_is_closed(
        self, transport: str, tmp_path: Path
    ) -> None:
        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)
            client = BlockingVortexClient(url, timeout=PATIENCE)
            asked = blocking(client.request, Payload({"key": "silent"}))
            while not server.waiting:
                await turn()

            await blocking(client.close)

            with pytest.raises(NotConnected, match="is closed"):
                await asked

    @onReactor
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_one_that_waits_lets_no_other_wait_longer_than_it_may(
        self, transport: str, tmp_path: Path
    ) -> None:
        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)
            client = BlockingVortexClient(url, timeout=PATIENCE)
            asked = blocking(client.request, Payload({"key": "silent"}))
            while not server.waiting:
                await turn()

            with pytest.raises(RequestTimeout, match="another thread's call"):
                await blocking(client.poll, JOBS, observable="jobs", timeout=0.1)

            server.waiting[0].reply(["at last"])
            assert (await asked).tuples == ["at last"]
            await blocking(client.close)


def turn() -> Deferred[None]:
    """One turn of the reactor."""
    later: Deferred[None] = Deferred()
    reactor.callLater(0, later.callback, None)
    return later


class TestWhoIsNotLetIn:
    @onReactor
    async def test_is_told_at_once_and_let_in_with_a_token(self, tmp_path: Path) -> None:
        authenticator = SharedSecretAuthenticator("a secret that nobody can guess, ever")
        async with yard(authenticator=authenticator) as server:
            url, _ = await reach(server, "http", tmp_path)
            with pytest.raises((Unauthenticated, AccessDenied)):
                await blocking(BlockingVortexClient(url).poll, JOBS, observable="jobs")

            client = BlockingVortexClient(url, token=authenticator.token("ada"))
            assert await blocking(client.poll, JOBS, observable="jobs") == []
            assert [peer.identity for peer in server.vortex.peers] == ["ada"]
            await blocking(client.close)

    @onReactor
    async def test_believes_no_certificate_of_a_stranger(self, tmp_path: Path) -> None:
        async with yard() as server:
            for transport in ("tls", "https"):
                url, _ = await reach(server, transport, tmp_path)

                with pytest.raises(CertificateRefused, match="certificate is not believed"):
                    await blocking(BlockingVortexClient(url).poll, JOBS, observable="jobs")

    @onReactor
    async def test_is_told_what_is_there_instead(self, tmp_path: Path) -> None:
        async with yard() as server:
            url, _ = await reach(server, "http", tmp_path)
            raw = url.replace("http", "tcp")

            with pytest.raises(NotConnected, match="HTTP"):
                await blocking(BlockingVortexClient(raw, timeout=5).poll, JOBS, observable="jobs")
            with pytest.raises(NotConnected, match="answered 404"):
                await blocking(BlockingVortexClient(f"{url}/nowhere").poll, JOBS, observable="jobs")


class TestAUrl:
    @pytest.mark.parametrize(
        ("url", "options", "problem"),
        [
            ("ws://localhost", {}, "a blocking client has no WebSockets: connect by http://"),
            ("wss://localhost", {}, "connect by https://"),
            ("tcp://localhost:1", {"token": "t"}, "a token would go with HTTP, and tcp: has none"),
            ("http://localhost", {"token": "a\nb"}, "the token is not one line of ASCII"),
            ("http://localhost", {"tls": ssl.create_default_context()}, "tls= is for tls:// and https://"),
            ("nowhere", {}, "expected a URL that begins with one of"),
        ],
    )
    def test_that_leads_nowhere_is_refused_at_once(
        self, url: str, options: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            BlockingVortexClient(url, **options)


NO_REACTOR = """
import sys
from vortex import BackgroundSender, BlockingVortexClient, Payload, TupleGenericAction, TupleSelector
with BlockingVortexClient(sys.argv[1]) as client:
    print(client.pushAction(TupleGenericAction(key="dig"), name="acts"))
    with client.sender({"key": "tell"}) as sender:
        sender.send("x")
assert "twisted.internet.reactor" not in sys.modules
"""

IN_A_LOOP = """
import asyncio, sys
from vortex import BlockingVortexClient, TupleGenericAction
async def cell():            # as a notebook runs it: a loop is running in this thread
    with BlockingVortexClient(sys.argv[1]) as client:
        print(client.pushAction(TupleGenericAction(key="dig"), name="acts"))
asyncio.run(cell())
"""

BESIDE_A_REACTOR = """
import sys, threading
from twisted.internet import reactor
from vortex import BlockingVortexClient, TupleGenericAction
thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
thread.start()
with BlockingVortexClient(sys.argv[1]) as client:
    print(client.pushAction(TupleGenericAction(key="dig"), name="acts"))
reactor.callFromThread(reactor.stop)
thread.join()
"""


class TestAProgram:
    @onReactor
    @pytest.mark.parametrize("program", [NO_REACTOR, IN_A_LOOP, BESIDE_A_REACTOR])
    @pytest.mark.parametrize("transport", ["http", "tcp"])
    async def test_needs_no_reactor_and_minds_none(
        self, transport: str, program: str, tmp_path: Path
    ) -> None:
        async with yard() as server:
            url, _ = await reach(server, transport, tmp_path)

            ran = await blocking(
                subprocess.run,
                [sys.executable, "-c", program, url],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

            assert (ran.stdout, ran.stderr, ran.returncode) == ("['dig was done']\n", "", 0)
            assert server.done == ["dig"]
