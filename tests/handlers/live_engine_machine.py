"""
The server's side of live data against a model: providers that take their time, fail, or know nothing yet of
what has changed; changes that are told; peers that are cut, slow, or go at any moment, and who ask again.

The clients are those of `tests.handlers.live_scene`, which hold every message to the specification.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.handlers.live_scene import ALL, Client, Job, Scene, View
from vortex import Limits, Rejected, TupleChange
from vortex.handlers.live_state import LiveState
from vortex.testing import VortexHarness

__all__ = ["EngineMachine"]

LIMITS = Limits(
    maxWatchLog=14, watchLinger=20, watchPartBytes=300, mergeBytes=400, maxLingerBytes=2_000, writeStall=500
)
MOST = 4

keys = st.integers(0, 7)
titles = st.sampled_from(["a", "b", "c" * 200])
numbers = st.integers(0, 9)
policies = st.sampled_from([{}, {"mode": "all"}, {"minInterval": 3}, {"priority": 5}])


class EngineMachine(RuleBasedStateMachine):
    """One observable and some clients."""

    def __init__(self) -> None:
        super().__init__()
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

    # ---- what may happen

    @rule(
        changed=st.dictionaries(keys, titles, max_size=4),
        gone=st.sets(keys, max_size=3),
        isSaid=st.booleans(),
    )
    def rowsChange(self, changed: dict[int, str], gone: set[int], isSaid: bool) -> None:
        gone = {key for key in gone if key in self.rows and key not in changed}
        self.rows = {key: title for key, title in self.rows.items() if key not in gone} | changed
        changes = [TupleChange(op="updated", record=Job(id=key, title=changed[key])) for key in changed]
        changes += [TupleChange(op="deleted", key=key) for key in gone]
        self.scene.observable.notifyOfTupleUpdate(ALL, changes if isSaid else None)

    @rule(order=st.permutations(range(8)))
    def rowsAreSorted(self, order: list[int]) -> None:
        self.rows = {key: self.rows[key] for key in order if key in self.rows}
        self.scene.observable.notifyOfTupleUpdate(ALL)

    @rule()
    def theProviderIsQuickOrSlow(self) -> None:
        self.isSlow = not self.isSlow

    @precondition(lambda self: self.making)
    @rule(fails=st.booleans())
    def aStateIsMade(self, fails: bool) -> None:
        making, records = self.making.pop(0)
        with capturedLogs():
            making.errback(Rejected("not now")) if fails else making.callback(records)
            self.settle()

    @precondition(lambda self: len(self.clients) < MOST)
    @rule()
    def aClientComes(self) -> None:
        self.clients.append(self.scene.client(f"client {len(self.scene.clients)}"))

    @precondition(lambda self: self.clients)
    @rule(which=numbers, policy=policies, isResumed=st.booleans())
    def aClientAsks(self, which: int, policy: dict[str, Any], isResumed: bool) -> None:
        client = self.client(which)
        view = next(iter(client.views.values()), None)
        live: dict[str, Any] = {"at": view.at} if isResumed and view is not None else {}
        with capturedLogs():
            client.ask(policy=policy, **live).addErrback(lambda _: None)

    @precondition(lambda self: self.clients)
    @rule(which=numbers)
    def aClientEndsIt(self, which: int) -> None:
        client = self.client(which)
        for number in client.numbers:
            client.send(live={"end": number})
            if client not in self.held and client.link.up:
                del client.views[number]

    @precondition(lambda self: self.clients)
    @rule(which=numbers)
    def aClientGoes(self, which: int) -> None:
        client = self.client(which)
        if not client.link.up:
            client.link.reconnect()
            self.settle()
        self.release(client)
        client.close()
        self.clients.remove(client)

    @precondition(lambda self: self.clients)
    @rule(which=numbers)
    def aConnectionIsCutOrMadeAgain(self, which: int) -> None:
        client = self.client(which)
        self.held.discard(client)
        if client.link.up:
            client.link.cut()
        else:
            client.link.reconnect()
        self.settle()

    @precondition(lambda self: self.clients)
    @rule(which=numbers)
    def aClientReadsOrDoesNot(self, which: int) -> None:
        client = self.client(which)
        if client in self.held:
            self.release(client)
        elif client.link.up:
            self.held.add(client)
            client.link._pipe.server.pauseProducing()

    @rule(seconds=st.sampled_from([0, 1, 4]))
    def timePasses(self, seconds: float) -> None:
        with capturedLogs():
            self.scene.harness.advance(seconds)

    def client(self, which: int) -> Client:
        return self.clients[which % len(self.clients)]

    def release(self, client: Client) -> None:
        if client in self.held:
            self.held.remove(client)
            if client.link.up:
                client.link._pipe.server.resumeProducing()
            self.settle()

    # ---- what holds

    @invariant()
    def eachStateOfAViewIsOneOfTheServers(self) -> None:
        for client in self.clients:
            for view in client.views.values():
                self.check(view)

    def check(self, view: View) -> None:
        for serial, tuples in view.states.items():
            assert tuples == self.states[f"{view.epoch}.{serial}"], serial
        assert list(view.states) == sorted(view.states)
        view.states = {}

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            LiveState._advance = self.advance_  # type: ignore[method-assign]
        self.scene.harness.close()

    def end(self) -> None:
        self.isSlow = False
        for client in self.clients:
            self.release(client)
            if not client.link.up:
                client.link.reconnect()
                self.settle()
        while self.making:
            self.aStateIsMade(fails=False)
            self.settle()
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
