"""
The server's side of live data against a model: providers that take their time, fail, or know nothing yet of
what has changed; changes that are told; peers that are cut, slow, or go at any moment, and who ask again.

The clients are those of `tests.handlers.live_scene`, which hold every message to the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.handlers.live_scene import ALL, Client, Job, Scene, View
from vortex import Limits, Rejected, TupleChange
from vortex.live.state import LiveState
from vortex.testing import VortexHarness

__all__ = ["EngineMachine"]

LIMITS = Limits(
    maxWatchLog=14, watchLinger=20, watchPartBytes=300, mergeBytes=400, maxLingerBytes=2_000, writeStall=500
)
MOST = 4

KEYS = range(8)
TITLES = ("a", "b", "c" * 200)
POLICIES: tuple[dict[str, Any], ...] = ({}, {"mode": "all"}, {"minInterval": 3}, {"priority": 5})


class EngineMachine:
    """
    One observable and some clients.

    Args:
        seed: What happens, and when.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.scene = Scene(VortexHarness(), limits=LIMITS)
        self.scene.make = self.make
        self.rows: dict[int, str] = {}
        self.making: list[tuple[Deferred[Any], list[Job]]] = []
        self.states: dict[str, list[Any]] = {}
        self.clients: list[Client] = []
        self.held: set[Client] = set()
        self.isSlow = False
        self.advance_ = LiveState._advance
        note = self.states

        def advance(state: LiveState, serial: int) -> None:
            self.advance_(state, serial)
            note[state.position] = state.tuples

        LiveState._advance = advance  # type: ignore[assignment, method-assign]

    def jobs(self) -> list[Job]:
        return [Job(id=key, title=title) for key, title in self.rows.items()]

    def make(self, _selector: Any, _peer: Any) -> Any:
        if not self.isSlow:
            return self.jobs()
        making: Deferred[Any] = Deferred()
        self.making.append((making, self.jobs()))
        return making

    def settle(self) -> None:
        self.scene.harness.settle()

    def run(self, steps: int) -> None:
        """Let so much happen, and see that it comes to a good end."""
        try:
            for _ in range(steps):
                self.step()
                self.eachStateOfAViewIsOneOfTheServers()
            self.end()
        finally:
            LiveState._advance = self.advance_  # type: ignore[method-assign]
        self.scene.harness.close()

    # ---- what may happen

    def step(self) -> None:
        what: list[tuple[int, Callable[[], None]]] = [
            (8, self.rowsChange),
            (2, self.rowsAreSorted),
            (1, self.theProviderIsQuickOrSlow),
            (2, self.timePasses),
        ]
        if self.making:
            what.append((6, self.aStateIsMade))
        if len(self.clients) < MOST:
            what.append((3, self.aClientComes))
        if self.clients:
            what += [
                (8, self.aClientAsks),
                (1, self.aClientEndsIt),
                (1, self.aClientGoes),
                (2, self.aConnectionIsCutOrMadeAgain),
                (3, self.aClientReadsOrDoesNot),
            ]
        weights, rules = zip(*what, strict=True)
        self.random.choices(rules, weights)[0]()

    def rowsChange(self) -> None:
        random = self.random
        changed = {random.choice(KEYS): random.choice(TITLES) for _ in range(random.randrange(4))}
        gone = {key for key in self.rows if key not in changed and random.random() < 0.2}
        self.rows = {key: title for key, title in self.rows.items() if key not in gone} | changed
        changes = [TupleChange(op="updated", record=Job(id=key, title=changed[key])) for key in changed]
        changes += [TupleChange(op="deleted", key=key) for key in gone]
        self.scene.observable.notifyOfTupleUpdate(ALL, changes if random.random() < 0.5 else None)

    def rowsAreSorted(self) -> None:
        order = self.random.sample(sorted(self.rows), len(self.rows))
        self.rows = {key: self.rows[key] for key in order}
        self.scene.observable.notifyOfTupleUpdate(ALL)

    def theProviderIsQuickOrSlow(self) -> None:
        self.isSlow = not self.isSlow

    def aStateIsMade(self) -> None:
        making, records = self.making.pop(0)
        with capturedLogs():
            if self.random.random() < 0.2:
                making.errback(Rejected("not now"))
            else:
                making.callback(records)
            self.settle()

    def aClientComes(self) -> None:
        self.clients.append(self.scene.client(f"client {len(self.scene.clients)}"))

    def aClientAsks(self) -> None:
        client = self.anyClient()
        view = next(iter(client.views.values()), None)
        isResumed = view is not None and self.random.random() < 0.5
        live: dict[str, Any] = {"at": view.at} if isResumed and view is not None else {}
        with capturedLogs():
            asked = client.ask(policy=self.random.choice(POLICIES), **live)
        asked.addErrback(lambda _: None)

    def aClientEndsIt(self) -> None:
        client = self.anyClient()
        for number in client.numbers:
            client.send(live={"end": number})
            if client not in self.held and client.link.up:
                del client.views[number]

    def aClientGoes(self) -> None:
        client = self.anyClient()
        if not client.link.up:
            client.link.reconnect()
            self.settle()
        self.release(client)
        client.close()
        self.clients.remove(client)

    def aConnectionIsCutOrMadeAgain(self) -> None:
        client = self.anyClient()
        self.held.discard(client)
        if client.link.up:
            client.link.cut()
        else:
            client.link.reconnect()
        self.settle()

    def aClientReadsOrDoesNot(self) -> None:
        client = self.anyClient()
        if client in self.held:
            self.release(client)
        elif client.link.up:
            self.held.add(client)
            client.link._pipe.server.pauseProducing()

    def timePasses(self) -> None:
        with capturedLogs():
            self.scene.harness.advance(self.random.choice([0, 1, 4]))

    def anyClient(self) -> Client:
        return self.random.choice(self.clients)

    def release(self, client: Client) -> None:
        if client in self.held:
            self.held.remove(client)
            if client.link.up:
                client.link._pipe.server.resumeProducing()
            self.settle()

    # ---- what holds

    def eachStateOfAViewIsOneOfTheServers(self) -> None:
        self.scene.check()
        for client in self.clients:
            for view in client.views.values():
                self.check(view)

    def check(self, view: View) -> None:
        for serial, tuples in view.states.items():
            assert tuples == self.states[f"{view.epoch}.{serial}"], serial
        assert list(view.states) == sorted(view.states)
        view.states = {}

    def end(self) -> None:
        self.isSlow = False
        for client in self.clients:
            self.release(client)
            if not client.link.up:
                client.link.reconnect()
                self.settle()
        while self.making:
            self.aStateIsMade()
        self.rows[99] = "the last"
        self.scene.observable.notifyOfTupleUpdate(ALL)
        self.scene.harness.advance(5)
        watches = self.scene.observable._watches
        for client in self.clients:
            watched = {watcher.watch.number for watcher in watches.liveWatchersOf(client.peer)}
            for number, view in client.views.items():
                if number in watched:
                    assert view.tuples == self.jobs()
                    view.checks = 0
        self.eachStateOfAViewIsOneOfTheServers()
        self.scene.harness.advance(31)
        for client in self.clients:
            for watcher in watches.liveWatchersOf(client.peer):
                assert client.views[watcher.watch.number].checks > 0
            client.close()
        self.scene.harness.advance(21)
        assert watches.watches == ()
        assert (len(watches._roster), len(watches._waiting), len(watches._lingering)) == (0, 0, 0)
