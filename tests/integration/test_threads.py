"""The threads that a vortex may not be used from, what is told there, and the way in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.threads import blockingCallFromThread, deferToThread

from tests.integration.children import PATIENCE, ROOT
from tests.integration.on_reactor import onReactor
from vortex import (
    Delivery,
    ModelHandler,
    Payload,
    PayloadEndpoint,
    TupleAction,
    TupleActionProcessor,
    TupleActionProxy,
    TupleDataObservableHandler,
    TupleDataObservableProxy,
    TupleDataObserver,
    TupleSelector,
    Vortex,
    VortexConnection,
)
from vortex.testing import RecordingEndpoint, VortexHarness

reactor: Any = installed


class Jobs(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Any]:
        return []


class Scene:
    """A node with one outgoing connection, to a node that answers."""

    def __init__(self) -> None:
        self.jobs = Vortex("jobs")
        self.pump = Vortex("pump")
        self.connection: VortexConnection
        self.observable = TupleDataObservableHandler("jobs", self.jobs)
        self.model = Jobs("model", self.jobs)
        self.observer = TupleDataObserver("jobs", "jobs", self.pump)
        self.proxy = TupleDataObservableProxy("jobs", "jobs", self.pump)
        self.actions = TupleActionProcessor("acts", self.jobs)
        self.actionProxy = TupleActionProxy("acts", "jobs", self.pump)
        self._echo = PayloadEndpoint({"key": "echo"}, self._answer, self.jobs)

    def _answer(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples, True)

    def endpoints(self) -> list[PayloadEndpoint]:
        return [*self.jobs.payloadIO.endpoints, *self.pump.payloadIO.endpoints]

    async def open(self) -> None:
        port: Any = await self.jobs.listen("tcp:0:interface=127.0.0.1")
        self.connection = self.pump.connect(f"tcp://127.0.0.1:{port.getHost().port}")
        await self.connection.connected

    async def close(self) -> None:
        await self.pump.shutdown()
        await self.jobs.shutdown()


@pytest_twisted.async_yield_fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.open()
    yield made
    await made.close()


def made(selector: TupleSelector, peer: Any) -> list[Any]:
    return []


def mapped(selector: TupleSelector) -> list[TupleSelector]:
    return []


def never(*arguments: object) -> None:
    """What was not given to a node is never called."""


def done(action: TupleAction) -> None: ...


ALL = TupleSelector(name="demo.Job")
ASK = Payload({"key": "echo"}, ["hello"])
CALLS: dict[str, Callable[[Scene], object]] = {
    "Vortex.listen": lambda scene: scene.pump.listen("tcp:0:interface=127.0.0.1"),
    "Vortex.connect": lambda scene: scene.pump.connect(scene.connection.url),
    "Vortex.send": lambda scene: scene.pump.send(ASK),
    "Vortex.request": lambda scene: scene.pump.request(ASK),
    "Vortex.onPeerChange": lambda scene: scene.pump.onPeerChange(never),
    "Vortex.onSessionEvent": lambda scene: scene.pump.onSessionEvent(never),
    "Vortex.onShutdown": lambda scene: scene.pump.onShutdown(never),
    "PayloadEndpoint": lambda scene: PayloadEndpoint({"key": "more"}, never, scene.pump),
    "VortexPeer.send": lambda scene: scene.pump.peers[0].send(ASK),
    "VortexPeer.request": lambda scene: scene.pump.peers[0].request(ASK),
    "VortexConnection.send": lambda scene: scene.connection.send(ASK),
    "VortexConnection.request": lambda scene: scene.connection.request(ASK),
    "VortexConnection.close": lambda scene: scene.connection.close(),
    "TupleDataObservableHandler.notifyOfTupleUpdate": lambda scene: scene.observable.notifyOfTupleUpdate(ALL),
    "TupleDataObservableHandler": lambda scene: TupleDataObservableHandler("more", scene.jobs),
    "TupleDataObservableHandler.addTupleProvider": lambda scene: scene.observable.addTupleProvider("a", made),
    "TupleDataObservableHandler.addUpdateMapper": lambda scene: scene.observable.addUpdateMapper("a", mapped),
    "TupleDataObservableHandler.shutdown": lambda scene: scene.observable.shutdown(),
    "TupleDataObservableProxy": lambda scene: TupleDataObservableProxy("more", "jobs", scene.pump),
    "TupleDataObservableProxy.shutdown": lambda scene: scene.proxy.shutdown(),
    "TupleActionProcessor": lambda scene: TupleActionProcessor("more", scene.jobs),
    "TupleActionProcessor.setDelegate": lambda scene: scene.actions.setDelegate(TupleAction, done),
    "TupleActionProcessor.setDefaultDelegate": lambda scene: scene.actions.setDefaultDelegate(done),
    "TupleActionProcessor.shutdown": lambda scene: scene.actions.shutdown(),
    "TupleActionProxy": lambda scene: TupleActionProxy("more", "jobs", scene.pump),
    "TupleActionProxy.shutdown": lambda scene: scene.actionProxy.shutdown(),
    "Jobs.sendModelUpdate": lambda scene: scene.model.sendModelUpdate(),
    "TupleDataObserver.subscribe": lambda scene: scene.observer.subscribe(ALL),
}


class TestAnotherThread:
    @onReactor
    @pytest.mark.parametrize("method", CALLS)
    async def test_is_told_the_way_in_and_nothing_is_done(self, scene: Scene, method: str) -> None:
        before = scene.endpoints()
        with pytest.raises(RuntimeError) as refused:
            await deferToThread(CALLS[method], scene)

        assert str(refused.value).startswith(f"{method}() was called in the thread 'PoolThread-")
        assert "reactor.callFromThread(...)" in str(refused.value)
        assert scene.connection.state == "open"
        assert len(scene.pump.connections) == 1
        assert scene.endpoints() == before

    @onReactor
    async def test_gets_in_as_it_is_told(self, scene: Scene) -> None:
        def work() -> list[Any]:
            asked: Any = scene.pump.request
            answer: Payload = blockingCallFromThread(reactor, asked, ASK)
            return answer.tuples

        assert await deferToThread(work) == ["hello"]


class TestAVirtualClock:
    @onReactor
    async def test_may_be_turned_in_any_thread(self) -> None:
        def test() -> list[Any]:
            with VortexHarness() as harness:
                jobs, pump = harness.node("jobs"), harness.node("pump")
                connection = harness.connect(pump, jobs)
                endpoint = RecordingEndpoint({"key": "echo"}, jobs)
                harness.resultOf(connection.send(ASK))
                harness.settle()
                return endpoint.tuples

        assert await deferToThread(test) == ["hello"]


class TestBeforeTheReactorRuns:
    def test_any_thread_may_prepare(self) -> None:
        """In a process of its own, where no reactor has run yet."""
        program = (
            "from threading import Thread\n"
            "from vortex import Payload, Vortex\n"
            "vortex, sent = Vortex('a'), []\n"
            "thread = Thread(target=lambda: sent.append(vortex.send(Payload({'key': 'k'})).result))\n"
            "thread.start(); thread.join()\n"
            "assert sent == [0], sent\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

        assert (done.returncode, done.stderr) == (0, "")
